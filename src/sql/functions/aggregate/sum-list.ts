import type { SqlType } from "../../../data/sql-type.js";
import type { Aggregator } from "../aggregator.js";
import type { AggregateDeclaration } from "../declaration.js";
import { sum } from "./sum.js";

function ofLists(args: string) {
  return ([type]: readonly SqlType[]): Aggregator => {
    const element = (type as Extract<SqlType, { base: "ARRAY" }>).element;
    const inner = sum.overloads.find((o) => o.args === args)!.make([element], [], {});
    const each = (s: unknown, v: unknown, step: (s: unknown, args: readonly unknown[]) => unknown) =>
      v === null ? s : (v as unknown[]).reduce((t, x) => step(t, [x]), s);
    return { ...inner, add: (s, [v]) => each(s, v, inner.add), undo: (s, [v]) => each(s, v, inner.undo!) };
  };
}
export const sumList: AggregateDeclaration = {
  name: "SUM_LIST",
  description: "The sum of all elements of the column's arrays; NULLs count as nothing.",
  overloads: ["INTEGER", "BIGINT", "DECIMAL", "DOUBLE"].map((args) => ({ args: `ARRAY<${args}>`, make: ofLists(args), overTables: true })),
};
