import { MillraceError } from "../../common/errors.js";
import type { FunctionRegistry } from "../functions/registry.js";
import type { Expression } from "../plan/expression.js";
import type { EvalContext, Row } from "./context.js";

export type CompiledRow = (row: Row, ctx: EvalContext) => Row;
export type CompiledPredicate = (row: Row, ctx: EvalContext) => boolean;
export type CompiledValue = (row: Row, ctx: EvalContext) => unknown;

/**
 * One function that evaluates all expressions into a new row. A failing expression gives null and calls `ctx.onError` with
 * its position.
 */
export function compileRow(_expressions: readonly Expression[], _functions: FunctionRegistry): CompiledRow {
  throw new MillraceError("UNSUPPORTED", "not built yet");
}

/** True only where the expression is TRUE; NULL and failures are false. */
export function compilePredicate(_expression: Expression, _functions: FunctionRegistry): CompiledPredicate {
  throw new MillraceError("UNSUPPORTED", "not built yet");
}

/** One value; a failure is thrown (SQL_RUNTIME, or what the function threw). */
export function compileValue(_expression: Expression, _functions: FunctionRegistry): CompiledValue {
  throw new MillraceError("UNSUPPORTED", "not built yet");
}
