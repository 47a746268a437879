import { MillraceError } from "../../common/errors.js";
import type { Row } from "../../serde/row-serde.js";
import { compileValue } from "../../sql/evaluate/compile.js";
import type { EvalContext } from "../../sql/evaluate/context.js";
import type { Aggregator } from "../../sql/functions/aggregator.js";
import type { FunctionRegistry } from "../../sql/functions/registry.js";
import type { AggregateStep, Column } from "../../sql/plan/step.js";
import type { RowAggregator } from "../../streams/processor/aggregate.js";
import type { Bind } from "../../streams/processor/stateless.js";
import { PSEUDO_COLUMNS } from "../../streams/topology/record-format.js";
import { evalContext, quietContext } from "./row-functions.js";

export interface CompiledAggregate {
  readonly bind: Bind<RowAggregator>;
  /** a stored row as the aggregate's row */
  readonly result: (stored: Row) => Row;
  /** of stored rows, behind the group's key */
  readonly stored: readonly Column[];
}

/**
 * All aggregates of a step as one generated function for each of add, update, undo, merge and result. A stored row is
 * `[...key, (window start,) ...carried, ...states, ...pseudo]`.
 */
export function compileAggregate(step: AggregateStep, functions: FunctionRegistry, windowed: boolean): CompiledAggregate {
  const { key } = step.schema;
  const keys = key.length + (windowed ? 1 : 0);
  const source = step.source.schema;
  const aggregators: Aggregator[] = step.aggregates.map((call) => functions.aggregator(call));
  if (step.source.step === "table-group-by")
    for (const [i, a] of aggregators.entries())
      if (!a.undo)
        throw new MillraceError(
          "UNSUPPORTED",
          `aggregate ${step.aggregates[i]!.overload} cannot be used on a table: it cannot take a row back`,
        );
  const carried = step.carried.map((index) => source.value[index]!);
  const stored = [...carried, ...aggregators.map((a, i) => ({ name: `STATE_${i}`, type: a.stateType }))];
  const states = keys + carried.length;
  const pseudo = Array.from({ length: PSEUDO_COLUMNS }, () => "null").join(", ");

  const values: unknown[] = [];
  const argument = step.aggregates.map((call) =>
    call.args.map((e) => {
      if (e.kind === "column") return `r[${e.index}]`;
      const at = values.push(compileValue(e, functions)) - 1;
      return `value(${at}, r)`;
    }),
  );
  const fill = (i: number) => argument[i]!.map((code, j) => `args[${i}][${j}] = ${code};`).join(" ");
  const head = (from: string) =>
    [
      ...key.map((_, i) => `${from}[${i}]`),
      ...(windowed ? ["start"] : []),
      ...step.carried.map((index) => `${from}[${key.length + index}]`),
    ].join(", ");
  const kept = Array.from({ length: states }, (_, i) => `s[${i}]`).join(", ");
  const list = (...parts: string[]) => `[${parts.filter((p) => p !== "").join(", ")}]`;
  const each = (code: (i: number) => string) => aggregators.map((_, i) => code(i)).join(", ");
  const fills = aggregators.map((_, i) => fill(i)).join("\n");
  const end = states + aggregators.length;
  const tail = Array.from({ length: PSEUDO_COLUMNS }, (_, i) => `s[${end + i}]`).join(", ");
  const code = `"use strict"; return {
    add(s, r, start) { ${fills}
      return s === null ? ${list(
        head("r"),
        each((i) => `a[${i}].add(a[${i}].initial(), args[${i}])`),
        pseudo,
      )} : ${list(
        kept,
        each((i) => `a[${i}].add(s[${states + i}], args[${i}])`),
        pseudo,
      )}; },
    update(s, r) { ${fills}
      ${aggregators.map((_, i) => `const n${i} = a[${i}].add(s[${states + i}], args[${i}]);`).join(" ")}
      ${aggregators.map((_, i) => `s[${states + i}] = n${i};`).join(" ")} },
    undo(s, r) { ${fills} return ${list(
      kept,
      each((i) => `a[${i}].undo(s[${states + i}], args[${i}])`),
      pseudo,
    )}; },
    merge(s, t) { return ${list(
      kept,
      each((i) => `a[${i}].merge(s[${states + i}], t[${states + i}])`),
      pseudo,
    )}; },
    result(s) { return ${list(
      ...key.map((_, i) => `s[${i}]`),
      ...step.carried.map((_, i) => `s[${keys + i}]`),
      each((i) => `a[${i}].result(s[${states + i}])`),
      tail,
    )}; },
  };`;
  const make = new Function("a", "args", "value", code) as (
    a: readonly Aggregator[],
    args: unknown[][],
    value: (at: number, row: Row) => unknown,
  ) => RowAggregator;
  const build = (context: EvalContext) =>
    make(
      aggregators,
      argument.map((list) => new Array(list.length).fill(null)),
      (at, row) => {
        try {
          return (values[at] as (row: Row, context: EvalContext) => unknown)(row, context);
        } catch (error) {
          context.onError(at, error as Error);
          return null;
        }
      },
    );
  const quiet = build(quietContext);
  return { bind: (context) => build(evalContext(context, step.id)), result: (row) => quiet.result(row), stored };
}
