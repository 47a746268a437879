import type { FunctionRegistry } from "../functions/registry.js";
import type { Expression } from "../plan/expression.js";
import type { EvalContext, Row } from "./context.js";
import { canFail, Generator } from "./generator.js";

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
    g.column = i;
    return g.guarded(e);
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
