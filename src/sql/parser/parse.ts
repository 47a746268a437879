import { MillraceError } from "../../common/errors.js";
import type { ParsedExpression, Statement } from "./ast.js";

export interface ParsedStatement {
  /** its own text, without what surrounds it, with the closing `;` */
  readonly text: string;
  readonly statement: Statement;
}

/**
 * All statements of a request.
 * @param variables values of `${name}`, substituted ahead of parsing; DEFINE and UNDEFINE in the text change them as they come
 * @throws SQL_PARSE with context {statement, line, column, expected}; line and column count from 1 within the whole text
 */
export function parse(_sql: string, _variables?: ReadonlyMap<string, string>): ParsedStatement[] {
  throw new MillraceError("UNSUPPORTED", "not built yet");
}

export function parseExpression(_sql: string): ParsedExpression {
  throw new MillraceError("UNSUPPORTED", "not built yet");
}
