import { formatSqlType } from "../../src/data/sql-type.js";
import type { Expression } from "../../src/sql/plan/expression.js";
import type { ExecutionStep, RowSchema } from "../../src/sql/plan/step.js";

/** An expression in one line: columns as `NAME@position`. */
export function show(e: Expression): string {
  switch (e.kind) {
    case "column":
      return `${e.name}@${e.index}`;
    case "literal":
      return JSON.stringify(e.value);
    case "call":
      return `${e.overload}[${e.args.map(show).join(", ")}]`;
    case "arithmetic":
    case "compare":
    case "logical":
      return `(${show(e.left)} ${e.op} ${show(e.right)})`;
    case "cast":
      return `${show(e.operand)}::${formatSqlType(e.type)}`;
    default:
      return e.kind;
  }
}
function columns(schema: RowSchema): string {
  return `[${schema.key.map((c) => c.name).join(", ")} | ${schema.value.map((c) => c.name).join(", ")}]`;
}

/** A plan as lines, its sources first. */
export function outline(step: ExecutionStep): string[] {
  const below = "left" in step ? [...outline(step.left), ...outline(step.right)] : "source" in step ? outline(step.source) : [];
  return [...below, `${step.id}: ${detail(step)} -> ${columns(step.schema)}`];
}
function detail(step: ExecutionStep): string {
  switch (step.step) {
    case "stream-source":
    case "table-source":
      return `${step.step} ${step.topic}${step.keyInValue ? " key in value" : ""}`;
    case "filter":
      return `filter ${show(step.predicate)}`;
    case "select":
      return `select ${step.columns.map(show).join(", ")}`;
    case "select-key":
      return `select-key ${step.key.map(show).join(", ")}${step.repartition ? " repartitioned" : ""}`;
    case "flat-map":
      return `flat-map ${step.functions.map(show).join(", ")}`;
    case "stream-group-by":
    case "table-group-by":
      return `${step.step} ${step.by.map(show).join(", ")}${step.repartition.needed ? " repartitioned" : ""}`;
    case "aggregate":
      return `aggregate ${step.aggregates.map((a) => `${a.overload}[${a.args.map(show).join(", ")}]`).join(", ")}${step.window ? ` in ${step.window.type} ${step.window.size}` : ""}`;
    case "suppress":
    case "union":
    case "distinct":
      return step.step;
    case "stream-sink":
    case "table-sink":
      return `${step.step} ${step.topic} ${step.formats.key.format}/${step.formats.value.format}${step.keyInValue ? " key in value" : ""}`;
    default:
      return `${step.join} ${step.step}${step.foreignKey ? ` on ${show(step.foreignKey)}` : ""}${step.within ? ` within ${step.within.before}` : ""}`;
  }
}
