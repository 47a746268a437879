import type { SqlType } from "../../../data/sql-type.js";
import { compareValues, sameValue } from "../../evaluate/compare.js";
import type { Aggregator } from "../aggregator.js";
import type { AggregateDeclaration } from "../declaration.js";

const ordered = ["INTEGER", "BIGINT", "DECIMAL", "DOUBLE", "STRING", "DATE", "TIME", "TIMESTAMP", "BYTES"];

/** @param sign 1 keeps the greater */
function extreme(type: SqlType, sign: 1 | -1): Aggregator {
  const pick = (a: unknown, b: unknown) => (b === null ? a : a === null || compareValues(b, a) * sign > 0 ? b : a);
  return { stateType: type, resultType: type, initial: () => null, add: (s, a) => pick(s, a[0]), merge: pick, result: (s) => s };
}
export const min: AggregateDeclaration = {
  name: "MIN",
  description: "The least value of the column; NULLs count as nothing.",
  overloads: ordered.map((args) => ({ args, make: ([type]) => extreme(type!, -1), overTables: false })),
};
export const max: AggregateDeclaration = {
  name: "MAX",
  description: "The greatest value of the column; NULLs count as nothing.",
  overloads: ordered.map((args) => ({ args, make: ([type]) => extreme(type!, 1), overTables: false })),
};

function top(type: SqlType, k: number, distinct: boolean): Aggregator<readonly unknown[]> {
  const list: SqlType = { base: "ARRAY", element: type };
  const insert = (s: readonly unknown[], v: unknown): readonly unknown[] => {
    if (v === null || (s.length >= k && compareValues(v, s[s.length - 1]) <= 0)) return s;
    if (distinct && s.some((x) => sameValue(x, v))) return s;
    let at = s.length;
    while (at > 0 && compareValues(v, s[at - 1]) > 0) at--;
    return [...s.slice(0, at), v, ...s.slice(at)].slice(0, k);
  };
  return {
    stateType: list,
    resultType: list,
    initial: () => [],
    add: (s, a) => insert(s, a[0]),
    merge: (a, b) => b.reduce<readonly unknown[]>(insert, a),
    result: (s) => s,
  };
}

/** The other columns of the rows with the greatest values: STRUCT<sort_col, col0, …>. */
function topRows(types: readonly SqlType[], k: number): Aggregator<readonly (readonly unknown[])[]> {
  const element: SqlType = { base: "STRUCT", fields: types.map((type, i) => ({ name: i === 0 ? "sort_col" : `col${i - 1}`, type })) };
  const list: SqlType = { base: "ARRAY", element };
  const insert = (s: readonly (readonly unknown[])[], row: readonly unknown[]) => {
    if (row[0] === null) return s;
    let at = s.length;
    while (at > 0 && compareValues(row[0], s[at - 1]![0]) > 0) at--;
    return at >= k ? s : [...s.slice(0, at), [...row], ...s.slice(at)].slice(0, k);
  };
  return { stateType: list, resultType: list, initial: () => [], add: insert, merge: (a, b) => b.reduce(insert, a), result: (s) => s };
}

export const topk: AggregateDeclaration = {
  name: "TOPK",
  description:
    "The `k` greatest values of the column, greatest first. With further columns, the rows' values as STRUCTs (sort_col, col0, …).",
  overloads: [
    ...ordered.map((args) => ({
      args,
      constants: "INTEGER",
      make: ([type]: readonly SqlType[], [k]: readonly unknown[]) => top(type!, Number(k), false) as Aggregator,
      overTables: false,
    })),
    ...["T, A", "T, A, B", "T, A, B, C"].map((args) => ({
      args,
      constants: "INTEGER",
      make: (types: readonly SqlType[], [k]: readonly unknown[]) => topRows(types, Number(k)) as Aggregator,
      overTables: false,
    })),
  ],
};
export const topkDistinct: AggregateDeclaration = {
  name: "TOPKDISTINCT",
  description: "The `k` greatest different values of the column, greatest first.",
  overloads: ordered.map((args) => ({
    args,
    constants: "INTEGER",
    make: ([type], [k]) => top(type!, Number(k), true) as Aggregator,
    overTables: false,
  })),
};
