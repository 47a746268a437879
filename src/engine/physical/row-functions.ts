import type { SqlType } from "../../data/sql-type.js";
import type { Row } from "../../serde/row-serde.js";
import { type CompiledRow, compilePredicate, compileRow } from "../../sql/evaluate/compile.js";
import type { EvalContext } from "../../sql/evaluate/context.js";
import type { FunctionRegistry } from "../../sql/functions/registry.js";
import type { Expression } from "../../sql/plan/expression.js";
import type { Column, RowSchema, SelectStep } from "../../sql/plan/step.js";
import type { ProcessorContext } from "../../streams/processor/processor.js";
import type { Bind, RowMapper, RowPredicate } from "../../streams/processor/stateless.js";
import { ByteWriter } from "../../streams/state/bytes.js";
import { createRowCodec } from "../../streams/state/row-codec.js";
import { PSEUDO_COLUMNS } from "../../streams/topology/record-format.js";

const pseudoTypes: readonly SqlType[] = [
  { base: "BIGINT" },
  { base: "INTEGER" },
  { base: "BIGINT" },
  { base: "BIGINT" },
  { base: "BIGINT" },
];

export function widthOf(schema: RowSchema): number {
  return schema.key.length + schema.value.length + PSEUDO_COLUMNS;
}

export function columnAt(columns: readonly Column[], index: number): Expression {
  const { name, type } = columns[index]!;
  return { kind: "column", index, name, type };
}

export function keyExpressions(schema: RowSchema): Expression[] {
  return schema.key.map((_, i) => columnAt(schema.key, i));
}

/** The source's pseudo columns, which every row carries on. */
export function pseudoExpressions(schema: RowSchema): Expression[] {
  const first = schema.key.length + schema.value.length;
  return pseudoTypes.map((type, i) => ({ kind: "column", index: first + i, name: "", type }));
}

export function evalContext(context: ProcessorContext, stage: string): EvalContext {
  return {
    now: () => context.now(),
    random: Math.random,
    onError: (column, error) =>
      context.logError({ stage, message: column < 0 ? error.message : `column ${column}: ${error.message}`, cause: error }),
  };
}

/** Outside a task (a pull query reading through a projection): failures are null and were logged when the row was written. */
export const quietContext: EvalContext = { now: Date.now, random: Math.random, onError() {} };

/** An expression over a projection's row as one over the row that it is made of. */
export function throughSelect(e: Expression, select: SelectStep): Expression {
  const keys = select.schema.key.length;
  const width = keys + select.schema.value.length;
  const below = select.source.schema.key.length + select.source.schema.value.length;
  const replace = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(replace);
    if (typeof node !== "object" || node === null) return node;
    const column = node as Expression;
    if (column.kind === "column" && typeof column.index === "number") {
      if (column.index < keys) return column;
      return column.index < width ? select.columns[column.index - keys]! : { ...column, index: column.index - width + below };
    }
    return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, name === "type" ? value : replace(value)]));
  };
  return replace(e) as Expression;
}

export interface CompiledMapper {
  readonly bind: Bind<RowMapper>;
  readonly quiet: RowMapper;
}

/** `[...key, ...columns, ...the source's pseudo columns]` as one generated function. */
export function compileMapper(
  key: readonly Expression[],
  columns: readonly Expression[],
  source: RowSchema,
  functions: FunctionRegistry,
  stage: string,
): CompiledMapper {
  const compiled: CompiledRow = compileRow([...key, ...columns, ...pseudoExpressions(source)], functions);
  return {
    bind(context) {
      const evaluation = evalContext(context, stage);
      return (row) => compiled(row, evaluation);
    },
    quiet: (row) => compiled(row, quietContext),
  };
}

export interface CompiledFilter {
  readonly bind: Bind<RowPredicate>;
  readonly quiet: RowPredicate;
}

export function compileFilter(predicate: Expression, functions: FunctionRegistry, stage: string): CompiledFilter {
  const compiled = compilePredicate(predicate, functions);
  return {
    bind(context) {
      const evaluation = evalContext(context, stage);
      return (row) => compiled(row, evaluation);
    },
    quiet: (row) => compiled(row, quietContext),
  };
}

const identical = new Set(["BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "STRING", "TIME", "DATE", "TIMESTAMP"]);

/** Whether two rows have the same key columns. */
export function sameKey(columns: readonly Column[]): (a: Row, b: Row) => boolean {
  if (columns.every((c) => identical.has(c.type.base)))
    return (a, b) => {
      for (let i = 0; i < columns.length; i++) if (!Object.is(a[i], b[i])) return false;
      return true;
    };
  const codec = createRowCodec(columns, 0);
  const [left, right] = [new ByteWriter(), new ByteWriter()];
  return (a, b) => {
    left.position = right.position = 0;
    codec.write(a, left);
    codec.write(b, right);
    return left.bytes.subarray(0, left.position).equals(right.bytes.subarray(0, right.position));
  };
}
