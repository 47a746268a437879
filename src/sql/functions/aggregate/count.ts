import { sqlTypes } from "../../analyzer/types.js";
import type { Aggregator } from "../aggregator.js";
import type { AggregateDeclaration } from "../declaration.js";

const base = {
  stateType: sqlTypes.bigint,
  resultType: sqlTypes.bigint,
  initial: () => 0,
  merge: (a: number, b: number) => a + b,
  result: (s: number) => s,
};
const rows: Aggregator<number> = { ...base, add: (s) => s + 1, undo: (s) => s - 1 };
const values: Aggregator<number> = {
  ...base,
  add: (s, a) => (a[0] === null ? s : s + 1),
  undo: (s, a) => (a[0] === null ? s : s - 1),
};

export const count: AggregateDeclaration = {
  name: "COUNT",
  description: "COUNT(*) is the number of rows, COUNT(column) that of the rows where the column is not NULL.",
  overloads: [
    { args: "", make: () => rows as Aggregator, overTables: true },
    { args: "T", make: () => values as Aggregator, overTables: true },
  ],
};
