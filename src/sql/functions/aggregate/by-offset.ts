import type { SqlType } from "../../../data/sql-type.js";
import type { Aggregator } from "../aggregator.js";
import type { AggregateDeclaration, AggregateOverload } from "../declaration.js";

type One = readonly [value: unknown] | null;

/** The state of one value is a STRUCT, so that a NULL that was seen differs from none. */
function one(type: SqlType, latest: boolean, ignoreNulls: boolean): Aggregator<One> {
  return {
    stateType: { base: "STRUCT", fields: [{ name: "VAL", type }] },
    resultType: type,
    initial: () => null,
    add: (s, [v]) => ((v === null && ignoreNulls) || (!latest && s !== null) ? s : [v]),
    merge: (a, b) => (latest ? (b ?? a) : (a ?? b)),
    result: (s) => (s === null ? null : s[0]),
  };
}
function several(type: SqlType, n: number, latest: boolean, ignoreNulls: boolean): Aggregator<readonly unknown[]> {
  if (!(n > 0)) throw new RangeError(`${latest ? "latest" : "earliest"}N must be 1 or greater`);
  const list: SqlType = { base: "ARRAY", element: type };
  const cut = (s: readonly unknown[]) => (s.length <= n ? s : latest ? s.slice(-n) : s.slice(0, n));
  return {
    stateType: list,
    resultType: list,
    initial: () => [],
    add: (s, [v]) => ((v === null && ignoreNulls) || (!latest && s.length >= n) ? s : cut([...s, v])),
    merge: (a, b) => cut([...a, ...b]),
    result: (s) => s,
  };
}
function overloads(latest: boolean): AggregateOverload[] {
  return [
    { args: "T", make: ([t]) => one(t!, latest, true) as Aggregator, overTables: false },
    { args: "T", constants: "BOOLEAN", make: ([t], [ignore]) => one(t!, latest, ignore === true) as Aggregator, overTables: false },
    { args: "T", constants: "INTEGER", make: ([t], [n]) => several(t!, Number(n), latest, true) as Aggregator, overTables: false },
    {
      args: "T",
      constants: "INTEGER, BOOLEAN",
      make: ([t], [n, ignore]) => several(t!, Number(n), latest, ignore === true) as Aggregator,
      overTables: false,
    },
  ];
}
export const latestByOffset: AggregateDeclaration = {
  name: "LATEST_BY_OFFSET",
  description:
    "The column's value in the last row, or those of the last N rows in order. NULLs are skipped unless the last argument is false.",
  overloads: overloads(true),
};
export const earliestByOffset: AggregateDeclaration = {
  name: "EARLIEST_BY_OFFSET",
  description:
    "The column's value in the first row, or those of the first N rows in order. NULLs are skipped unless the last argument is false.",
  overloads: overloads(false),
};
