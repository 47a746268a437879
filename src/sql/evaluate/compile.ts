import type { FunctionRegistry } from "../functions/registry.js";
import type { Expression } from "../plan/expression.js";
import type { EvalContext, Row } from "./context.js";
import { Generator } from "./generator.js";

export type CompiledRow = (row: Row, ctx: EvalContext) => Row;
export type CompiledPredicate = (row: Row, ctx: EvalContext) => boolean;
export type CompiledValue = (row: Row, ctx: EvalContext) => unknown;

/**
 * One function that evaluates all expressions into a new row. A failing expression gives null and calls `ctx.onError` with
 * its position.
 */
export function compileRow(expressions: readonly Expression[], functions: FunctionRegistry): CompiledRow {
  const g = new Generator(functions);
  const values = expressions.map((e, i) => {
    if (!canFail(e)) return g.emit(e);
    const v = `v${i}`;
    g.lines.push(`let ${v} = null; try {`);
    const t = g.emit(e);
    g.lines.push(`${v} = ${t};`, `} catch (error) { ctx.onError(${i}, asError(error)); }`);
    return v;
  });
  return g.build(`return [${values.join(", ")}];`);
}

/** True only where the expression is TRUE; NULL and failures are false. */
export function compilePredicate(expression: Expression, functions: FunctionRegistry): CompiledPredicate {
  const g = new Generator(functions);
  if (!canFail(expression)) return g.build(`return ${g.emit(expression)} === true;`);
  g.lines.push("try {");
  const t = g.emit(expression);
  return g.build(`return ${t} === true; } catch (error) { ctx.onError(-1, asError(error)); return false; }`);
}

/** One value; a failure is thrown (what the function threw). */
export function compileValue(expression: Expression, functions: FunctionRegistry): CompiledValue {
  const g = new Generator(functions);
  return g.build(`return ${g.emit(expression)};`);
}

/** Whether evaluation may throw: only then a `try` is worth its place. */
function canFail(e: Expression): boolean {
  switch (e.kind) {
    case "column":
    case "parameter":
    case "literal":
      return false;
    case "arithmetic":
      return (
        e.type.base === "DECIMAL" || ((e.op === "/" || e.op === "%") && e.type.base !== "DOUBLE") || canFail(e.left) || canFail(e.right)
      );
    case "compare":
    case "logical":
      return canFail(e.left) || canFail(e.right);
    case "negate":
    case "not":
    case "is-null":
    case "dereference":
      return canFail(e.operand);
    default:
      return true;
  }
}
