import type { SqlType } from "../../../data/sql-type.js";
import { sqlTypes } from "../../analyzer/types.js";
import { sameValue, valueKey } from "../../evaluate/compare.js";
import type { Aggregator } from "../aggregator.js";
import type { AggregateDeclaration } from "../declaration.js";

/** entries that a collection keeps; what comes after is left out */
const most = 1000;
function limitOf(name: string, settings: Readonly<Record<string, string>>): number {
  const set = Number(settings[`ksql.functions.${name}.limit`] ?? most);
  return set < 0 ? Number.POSITIVE_INFINITY : set;
}
type List = readonly unknown[];

function list(type: SqlType, limit: number): Aggregator<List> {
  const stateType: SqlType = { base: "ARRAY", element: type };
  return {
    stateType,
    resultType: stateType,
    initial: () => [],
    add: (s, [v]) => (s.length < limit ? [...s, v] : s),
    undo(s, [v]) {
      const at = s.findLastIndex((x) => sameValue(x, v));
      return at < 0 ? s : s.filter((_, i) => i !== at);
    },
    merge: (a, b) => [...a, ...b].slice(0, limit),
    result: (s) => s,
  };
}
export const collectList: AggregateDeclaration = {
  name: "COLLECT_LIST",
  description:
    "All values of the column, NULLs too, in the order of the rows; at most `ksql.functions.collect_list.limit`, 1000 by default.",
  overloads: [{ args: "T", make: ([type], _, s) => list(type!, limitOf("collect_list", s)) as Aggregator, overTables: true }],
};

function set(type: SqlType, limit: number): Aggregator<List> {
  const stateType: SqlType = { base: "ARRAY", element: type };
  const insert = (s: List, v: unknown) => (s.length < limit && !s.some((x) => sameValue(x, v)) ? [...s, v] : s);
  return {
    stateType,
    resultType: stateType,
    initial: () => [],
    add: (s, [v]) => insert(s, v),
    merge: (a, b) => b.reduce<List>(insert, a),
    result: (s) => s,
  };
}
export const collectSet: AggregateDeclaration = {
  name: "COLLECT_SET",
  description:
    "The different values of the column, NULL among them, in the order of their first row; at most `ksql.functions.collect_set.limit`, 1000 by default.",
  overloads: [{ args: "T", make: ([type], _, s) => set(type!, limitOf("collect_set", s)) as Aggregator, overTables: false }],
};

type Counts = ReadonlyMap<string, number>;
function counted(s: Counts, key: string, by: number, most: number): Counts {
  const now = (s.get(key) ?? 0) + by;
  if (!s.has(key) && s.size >= most) return s;
  const next = new Map(s);
  if (now > 0) next.set(key, now);
  else next.delete(key);
  return next;
}
function counts<R>(
  resultType: SqlType,
  most: number,
  key: (v: unknown) => string,
  result: (s: Counts) => R,
  skipNull: boolean,
): Aggregator<Counts> {
  return {
    stateType: { base: "MAP", key: sqlTypes.string, value: sqlTypes.bigint },
    resultType,
    initial: () => new Map(),
    add: (s, [v]) => (v === null && skipNull ? s : counted(s, key(v), 1, most)),
    undo: (s, [v]) => (v === null && skipNull ? s : counted(s, key(v), -1, most)),
    merge: (a, b) => [...b].reduce<Counts>((s, [k, n]) => counted(s, k, n, most), a),
    result,
  };
}
export const histogram: AggregateDeclaration = {
  name: "HISTOGRAM",
  description: "How often each value of the column occurs, as a MAP; at most 1000 different values.",
  overloads: [
    {
      args: "STRING",
      make: () =>
        counts(
          { base: "MAP", key: sqlTypes.string, value: sqlTypes.bigint },
          most,
          (v) => (v === null ? "null" : String(v)),
          (s) => s,
          false,
        ) as Aggregator,
      overTables: true,
    },
  ],
};
export const countDistinct: AggregateDeclaration = {
  name: "COUNT_DISTINCT",
  description: "The number of different values of the column; NULLs count as nothing. Exact.",
  overloads: [
    {
      args: "T",
      make: () => counts(sqlTypes.bigint, Number.POSITIVE_INFINITY, valueKey, (s) => s.size, true) as Aggregator,
      overTables: false,
    },
  ],
};

type Entry = readonly [value: unknown, count: number];
function onlyValue(type: SqlType): Aggregator<readonly Entry[]> {
  const entry: SqlType = {
    base: "STRUCT",
    fields: [
      { name: "VALUE", type },
      { name: "COUNT", type: sqlTypes.integer },
    ],
  };
  const change = (s: readonly Entry[], v: unknown, by: number): readonly Entry[] => {
    const at = s.findIndex((e) => sameValue(e[0], v));
    if (at < 0) return by > 0 ? [...s, [v, by]] : s;
    return s.map((e, i): Entry => (i === at ? [e[0], e[1] + by] : e)).filter((e) => e[1] > 0);
  };
  return {
    stateType: { base: "ARRAY", element: entry },
    resultType: type,
    initial: () => [],
    add: (s, [v]) => change(s, v, 1),
    undo: (s, [v]) => change(s, v, -1),
    merge: (a, b) => b.reduce((s, [v, n]) => change(s, v, n), a),
    result: (s) => (s.length === 1 ? s[0]![0] : null),
  };
}
export const attr: AggregateDeclaration = {
  name: "ATTR",
  description: "The column's value if all rows have the same, else NULL.",
  overloads: [{ args: "T", make: ([type]) => onlyValue(type!) as Aggregator, overTables: true }],
};
