import { asError, MillraceError } from "../common/errors.js";
import type { Entity } from "./entities.js";

/** A statement of a request failed; `entities` are the results of those ahead of it that did run. */
export class StatementError extends MillraceError {
  constructor(
    readonly statementText: string,
    cause: unknown,
    readonly entities: readonly Entity[] = [],
  ) {
    const error = asError(cause);
    super(error instanceof MillraceError ? error.code : "INTERNAL", error.message, {
      cause,
      context: error instanceof MillraceError ? error.context : {},
    });
    this.name = "StatementError";
  }
}
