import { describeError, MillraceError } from "../../common/errors.js";
import { QueryEndpointError } from "../../engine/prepare.js";
import { StatementError } from "../../engine/statement-error.js";
import { maskStatement } from "../../sql/parser/mask.js";

export interface ErrorReply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An error as ksqlDB's REST API answers it: 40001 a bad statement, 40002 a query sent to /ksql, 50000 ours. */
export function errorReply(thrown: unknown): ErrorReply {
  if (thrown instanceof StatementError) {
    const endpoint = thrown.cause instanceof QueryEndpointError;
    const code = thrown.domain === "internal" || thrown.domain === "external" ? 50000 : endpoint ? 40002 : 40001;
    return {
      status: Math.floor(code / 100),
      body: {
        "@type": "statement_error",
        error_code: code,
        message: withPosition(thrown),
        statementText: thrown.statementText,
        entities: thrown.entities,
      },
    };
  }
  if (thrown instanceof MillraceError && thrown.domain === "user") {
    const statement = thrown.context["statement"];
    if (thrown.code === "SQL_PARSE")
      return {
        status: 400,
        body: {
          "@type": "statement_error",
          error_code: 40001,
          message: withPosition(thrown),
          statementText: maskStatement(String(statement ?? "")),
          entities: [],
        },
      };
    if (thrown.code === "NOT_FOUND") return generic(40400, thrown.message);
    return generic(thrown.code === "SQL_STATEMENT" ? 40001 : 40000, thrown.message);
  }
  if (thrown instanceof MillraceError && thrown.retriable) return generic(50300, describeError(thrown));
  return generic(50000, describeError(thrown));
}

export function generic(code: number, message: string): ErrorReply {
  return { status: Math.floor(code / 100), body: { "@type": "generic_error", error_code: code, message } };
}

/** The message begins with `line 1:8: ` where the position is known and the text does not say it already. */
function withPosition(error: MillraceError): string {
  const { line, column } = error.context;
  if (line === undefined || column === undefined || /^line(:)? \d+/i.test(error.message)) return error.message;
  return `line ${String(line)}:${String(column)}: ${error.message}`;
}
