import { type ErrorCode, MillraceError } from "../common/errors.js";

/** Why a log refuses an append or a read, by the names of Kafka's protocol errors. The log is unchanged. */
export type LogRefusal =
  | "CORRUPT_MESSAGE"
  | "MESSAGE_TOO_LARGE"
  | "INVALID_RECORD"
  | "OUT_OF_ORDER_SEQUENCE_NUMBER"
  | "DUPLICATE_SEQUENCE_NUMBER"
  | "INVALID_PRODUCER_EPOCH"
  | "INVALID_TXN_STATE"
  | "OFFSET_OUT_OF_RANGE";

export class LogRefused extends MillraceError {
  constructor(
    readonly kafka: LogRefusal,
    message: string,
    context?: Readonly<Record<string, unknown>>,
  ) {
    super(codeOf(kafka), message, context && { context });
    this.name = "LogRefused";
  }
}

function codeOf(kafka: LogRefusal): ErrorCode {
  return kafka === "INVALID_PRODUCER_EPOCH" ? "FENCED" : "DATA_INVALID";
}
