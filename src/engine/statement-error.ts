import { asError, MillraceError } from "../common/errors.js";
import { maskStatement } from "../sql/parser/mask.js";
import type { Entity } from "./entities.js";

/** A statement of a request failed; `entities` are the results of those ahead of it that did run. */
export class StatementError extends MillraceError {
  /** with what may be a secret hidden */
  readonly statementText: string;

  constructor(
    statementText: string,
    cause: unknown,
    readonly entities: readonly Entity[] = [],
  ) {
    const error = asError(cause);
    super(error instanceof MillraceError ? error.code : "INTERNAL", error.message, {
      cause,
      context: error instanceof MillraceError ? error.context : {},
    });
    this.name = "StatementError";
    this.statementText = maskStatement(statementText);
  }
}
