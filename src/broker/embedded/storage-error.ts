import { asError, MillraceError } from "../../common/errors.js";
import { LogRefused } from "../../log/log-error.js";
import { BrokerError } from "../api/errors.js";

/** What a log or a file threw, by Kafka's name for it. */
export function asBrokerError(thrown: unknown, what: string): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  if (thrown instanceof LogRefused)
    return new BrokerError(thrown.kafka, `${what}: ${thrown.message}`, { cause: thrown, context: thrown.context });
  const error = asError(thrown);
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOSPC" || code === "EDQUOT" || (error instanceof MillraceError && error.code === "DISK_FULL"))
    return new BrokerError(
      "KAFKA_STORAGE_ERROR",
      `${what}: the disk is full. Free space on the volume of the data folder, then restart; reads go on, writes to it are refused until then`,
      { cause: error },
    );
  const diskFailed =
    error instanceof MillraceError ? error.code === "DISK_FAILED" || error.code === "LOG_CORRUPT" : /^E[A-Z0-9]+$/.test(code ?? "");
  if (diskFailed)
    return new BrokerError(
      "KAFKA_STORAGE_ERROR",
      `${what}: the disk failed (${error.message}). Check the volume of the data folder, then restart; reads go on, writes to it are refused until then`,
      { cause: error },
    );
  return new BrokerError("UNKNOWN_SERVER_ERROR", `${what}: ${error.message}`, { cause: error });
}
