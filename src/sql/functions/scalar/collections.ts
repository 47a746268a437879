import type { SqlType } from "../../../data/sql-type.js";
import { toText } from "../../evaluate/cast.js";
import { compareValues, sameValue, valueKey } from "../../evaluate/compare.js";
import { addLong, type Long } from "../../evaluate/long.js";
import type { FunctionDeclaration } from "../declaration.js";

type List = readonly unknown[];
type Dict = ReadonlyMap<unknown, unknown>;

function unique(list: List): unknown[] {
  return [...new Map(list.map((x) => [valueKey(x), x])).values()];
}
const has = (list: List, x: unknown) => list.some((y) => sameValue(x, y));
const nonNull = (list: List) => list.filter((x) => x !== null);
const extreme = (sign: 1 | -1) => (list: List) =>
  nonNull(list).reduce<unknown>((a, b) => (a === null || compareValues(b, a) * sign > 0 ? b : a), null);
/** NULLs last, whichever way */
function sorted(list: List, direction = "ASC"): unknown[] | null {
  const word = direction.trim().toUpperCase();
  const sign = word.startsWith("ASC") ? 1 : word.startsWith("DESC") ? -1 : 0;
  return sign === 0 ? null : [...nonNull(list).sort((a, b) => compareValues(a, b) * sign), ...list.filter((x) => x === null)];
}
function series(from: Long, to: Long, step: Long): Long[] {
  if (step === 0) throw new RangeError("GENERATE_SERIES step cannot be zero");
  const out: Long[] = [];
  for (let x = from; step > 0 ? x <= to : x >= to; x = addLong(x, step)) {
    out.push(x);
    if (out.length > 1_000_000) throw new RangeError("GENERATE_SERIES gives more than 1000000 elements");
  }
  return out;
}

const array = (
  name: string,
  args: string,
  returns: string,
  description: string,
  example: readonly [string, string],
  call: (...a: never[]) => unknown,
  strict = true,
): FunctionDeclaration => ({
  name,
  category: "ARRAY",
  description,
  examples: [example],
  overloads: [{ args, returns, strict, call: call as (...a: unknown[]) => unknown }],
});

const joinOf = (element: SqlType) => {
  const text = toText(element);
  return (list: List, by: string | null = ",") => list.map((x) => (x === null ? "null" : text(x))).join(by ?? "");
};

export const collectionFunctions: readonly FunctionDeclaration[] = [
  array("ARRAY_LENGTH", "ARRAY<T>", "INTEGER", "The number of elements.", ["ARRAY_LENGTH(ARRAY[1, 2])", "2"], (a: List) => a.length),
  array(
    "ARRAY_CONTAINS",
    "ARRAY<T>, T",
    "BOOLEAN",
    "Whether a value is among the elements.",
    ["ARRAY_CONTAINS(ARRAY[1, 2], 2)", "true"],
    (a: List | null, x: unknown) => (a === null ? false : has(a, x)),
    false,
  ),
  array(
    "ARRAY_DISTINCT",
    "ARRAY<T>",
    "ARRAY<T>",
    "Without repeats, in the order of their first.",
    ["ARRAY_JOIN(ARRAY_DISTINCT(ARRAY[1, 2, 1]))", "1,2"],
    unique,
  ),
  array(
    "ARRAY_CONCAT",
    "ARRAY<T>, ARRAY<T>",
    "ARRAY<T>",
    "Both arrays' elements; a NULL array counts as nothing.",
    ["ARRAY_JOIN(ARRAY_CONCAT(ARRAY[1], ARRAY[2]))", "1,2"],
    (a: List | null, b: List | null) => (a === null ? b : b === null ? a : [...a, ...b]),
    false,
  ),
  array(
    "ARRAY_EXCEPT",
    "ARRAY<T>, ARRAY<T>",
    "ARRAY<T>",
    "The different elements of the first that are not in the second.",
    ["ARRAY_JOIN(ARRAY_EXCEPT(ARRAY[1, 2], ARRAY[2]))", "1"],
    (a: List, b: List) => unique(a).filter((x) => !has(b, x)),
  ),
  array(
    "ARRAY_INTERSECT",
    "ARRAY<T>, ARRAY<T>",
    "ARRAY<T>",
    "The different elements that are in both.",
    ["ARRAY_JOIN(ARRAY_INTERSECT(ARRAY[1, 2], ARRAY[2]))", "2"],
    (a: List, b: List) => unique(a).filter((x) => has(b, x)),
  ),
  array(
    "ARRAY_UNION",
    "ARRAY<T>, ARRAY<T>",
    "ARRAY<T>",
    "The different elements of either.",
    ["ARRAY_JOIN(ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3]))", "1,2,3"],
    (a: List, b: List) => unique([...a, ...b]),
  ),
  array("ARRAY_MAX", "ARRAY<T>", "T", "The greatest element; NULLs count as nothing.", ["ARRAY_MAX(ARRAY[1, 3, 2])", "3"], extreme(1)),
  array("ARRAY_MIN", "ARRAY<T>", "T", "The least element; NULLs count as nothing.", ["ARRAY_MIN(ARRAY[3, 1, 2])", "1"], extreme(-1)),
  array(
    "ARRAY_REMOVE",
    "ARRAY<T>, T",
    "ARRAY<T>",
    "Without the elements that equal a value.",
    ["ARRAY_JOIN(ARRAY_REMOVE(ARRAY[1, 2, 1], 1))", "2"],
    (a: List | null, x: unknown) => a?.filter((y) => !sameValue(x, y)),
    false,
  ),
  {
    name: "ARRAY_SORT",
    category: "ARRAY",
    description: "In order, 'ASC' (the default) or 'DESC'; NULLs last.",
    examples: [["ARRAY_JOIN(ARRAY_SORT(ARRAY[3, 1, 2], 'DESC'))", "3,2,1"]],
    overloads: ["ARRAY<T>", "ARRAY<T>, STRING"].map((args) => ({ args, returns: "ARRAY<T>", call: sorted })),
  },
  {
    name: "ARRAY_JOIN",
    category: "ARRAY",
    description: "The elements' text with a delimiter (`,` unless given) between them.",
    examples: [["ARRAY_JOIN(ARRAY['a', 'b'], '-')", "a-b"]],
    overloads: ["ARRAY<T>", "ARRAY<T>, STRING"].map((args) => ({
      args,
      returns: "STRING",
      bind: ([t]: readonly SqlType[]) => joinOf((t as Extract<SqlType, { base: "ARRAY" }>).element),
    })),
  },
  array(
    "SLICE",
    "ARRAY<T>, INTEGER, INTEGER",
    "ARRAY<T>",
    "The elements from one position to another, both included, from 1.",
    ["ARRAY_JOIN(SLICE(ARRAY[1, 2, 3], 2, 3))", "2,3"],
    (a: List | null, from: number | null, to: number | null) => a?.slice(Math.max((from ?? 1) - 1, 0), to ?? a.length),
    false,
  ),
  {
    name: "GENERATE_SERIES",
    category: "ARRAY",
    description: "The whole numbers from one to another, both included, by a step (1, or -1 where the second is less).",
    examples: [["ARRAY_JOIN(GENERATE_SERIES(1, 7, 3))", "1,4,7"]],
    overloads: [
      ...["INTEGER", "BIGINT"].map((t) => ({
        args: `${t}, ${t}`,
        returns: `ARRAY<${t}>`,
        call: (a: Long, b: Long) => series(a, b, b < a ? -1 : 1),
      })),
      ...["INTEGER", "BIGINT"].map((t) => ({ args: `${t}, ${t}, INTEGER`, returns: `ARRAY<${t}>`, call: series })),
    ],
  },
  {
    name: "ENTRIES",
    category: "ARRAY",
    description: "A map's entries as STRUCTs of K and V, sorted by key where the second argument is true.",
    examples: [["ENTRIES(MAP('b':=2, 'a':=1), true)[1]->K", "a"]],
    overloads: [
      {
        args: "MAP<STRING, T>, BOOLEAN",
        returns: "ARRAY<STRUCT<K STRING, V T>>",
        call: (m: Dict, sort: boolean) => {
          const entries = [...m].map(([k, v]) => [k, v]);
          return sort ? entries.sort((a, b) => compareValues(a[0], b[0])) : entries;
        },
      },
    ],
  },
  {
    name: "AS_MAP",
    category: "MAP",
    description: "A map of an array of keys and an array of values.",
    examples: [["AS_MAP(ARRAY['a', 'b'], ARRAY[1, 2])['b']", "2"]],
    overloads: [
      {
        args: "ARRAY<STRING>, ARRAY<T>",
        returns: "MAP<STRING, T>",
        call: (k: List, v: List) => new Map(k.slice(0, v.length).map((x, i) => [x, v[i] ?? null])),
      },
    ],
  },
  {
    name: "MAP_KEYS",
    category: "MAP",
    description: "The keys as an array.",
    examples: [["ARRAY_JOIN(MAP_KEYS(MAP('a':=1)))", "a"]],
    overloads: [{ args: "MAP<K, V>", returns: "ARRAY<K>", call: (m: Dict) => [...m.keys()] }],
  },
  {
    name: "MAP_VALUES",
    category: "MAP",
    description: "The values as an array.",
    examples: [["ARRAY_JOIN(MAP_VALUES(MAP('a':=1)))", "1"]],
    overloads: [{ args: "MAP<K, V>", returns: "ARRAY<V>", call: (m: Dict) => [...m.values()] }],
  },
  {
    name: "MAP_UNION",
    category: "MAP",
    description: "Both maps' entries; the second's win. A NULL map counts as nothing.",
    examples: [["MAP_UNION(MAP('a':=1), MAP('a':=2))['a']", "2"]],
    overloads: [
      {
        args: "MAP<K, V>, MAP<K, V>",
        returns: "MAP<K, V>",
        strict: false,
        call: (a: Dict | null, b: Dict | null) => (a === null && b === null ? null : new Map([...(a ?? []), ...(b ?? [])])),
      },
    ],
  },
  {
    name: "TRANSFORM",
    category: "LAMBDA",
    description: "Each element through a lambda; each key and value of a map through two.",
    examples: [["ARRAY_JOIN(TRANSFORM(ARRAY[1, 2], x => x * 10))", "10,20"]],
    overloads: [
      { args: "ARRAY<T>, (T) => U", returns: "ARRAY<U>", call: (a: List, f: (x: unknown) => unknown) => a.map((x) => f(x)) },
      {
        args: "MAP<K, V>, (K, V) => A, (K, V) => B",
        returns: "MAP<A, B>",
        call: (m: Dict, f: (k: unknown, v: unknown) => unknown, g: (k: unknown, v: unknown) => unknown) => {
          const out = new Map([...m].map(([k, v]) => [f(k, v), g(k, v)]));
          if (out.size < m.size) throw new RangeError("Duplicate key of a transformed map");
          return out;
        },
      },
    ],
  },
  {
    name: "FILTER",
    category: "LAMBDA",
    description: "The elements, or a map's entries, for which a lambda is true.",
    examples: [["ARRAY_JOIN(FILTER(ARRAY[1, 2, 3], x => x > 1))", "2,3"]],
    overloads: [
      {
        args: "ARRAY<T>, (T) => BOOLEAN",
        returns: "ARRAY<T>",
        call: (a: List, f: (x: unknown) => unknown) => a.filter((x) => f(x) === true),
      },
      {
        args: "MAP<K, V>, (K, V) => BOOLEAN",
        returns: "MAP<K, V>",
        call: (m: Dict, f: (k: unknown, v: unknown) => unknown) => new Map([...m].filter(([k, v]) => f(k, v) === true)),
      },
    ],
  },
  {
    name: "REDUCE",
    category: "LAMBDA",
    description:
      "One value of all elements, or of all entries of a map: a lambda is given what has come of those before, starting with the second argument.",
    examples: [["REDUCE(ARRAY[1, 2, 3], 0, (s, x) => s + x)", "6"]],
    overloads: [
      {
        args: "ARRAY<T>, S, (S, T) => S",
        returns: "S",
        strict: false,
        call: (a: List | null, s: unknown, f: (s: unknown, x: unknown) => unknown) =>
          s === null ? null : a === null ? s : a.reduce<unknown>((t, x) => f(t, x), s),
      },
      {
        args: "MAP<K, V>, S, (S, K, V) => S",
        returns: "S",
        strict: false,
        call: (m: Dict | null, s: unknown, f: (s: unknown, k: unknown, v: unknown) => unknown) =>
          s === null ? null : m === null ? s : [...m].reduce<unknown>((t, [k, v]) => f(t, k, v), s),
      },
    ],
  },
];
