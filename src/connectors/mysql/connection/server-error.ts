import { asError, MillraceError } from "../../../common/errors.js";

/** What an ERR packet says. */
export class ServerError extends Error {
  constructor(
    /** MySQL's error number, as 1236 */
    readonly errno: number,
    readonly sqlState: string,
    message: string,
  ) {
    super(message);
    this.name = "ServerError";
  }
}

/** The payload of an ERR packet, from its 0xff on. */
export function errorOf(b: Buffer, start: number, end: number): ServerError {
  const errno = start + 3 <= end ? b.readUInt16LE(start + 1) : 0;
  const state = b[start + 3] === 35 && start + 9 <= end;
  return new ServerError(
    errno,
    state ? b.toString("latin1", start + 4, start + 9) : "HY000",
    b.toString("utf8", state ? start + 9 : start + 3, end),
  );
}

/** Too many connections, shut-down, lost connections, deadlock, lock and idle time-outs, a killed query or connection, read-only fail-over. */
const passing = new Set([
  1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226, 1290, 1317, 1836, 1927, 2013, 3024, 3169, 4031,
]);

/** Missing privileges, with the statement's or server's own words telling which. */
const denied = new Set([1044, 1045, 1142, 1143, 1227, 1370]);

/** What an error of the server or the connection means: whether to try again, and else what to do. */
export function classify(e: unknown): MillraceError {
  if (e instanceof MillraceError) return e;
  if (e instanceof ServerError) {
    if (e.errno === 1236)
      return new MillraceError("SOURCE_FAILED", `The server cannot send the binlog from where reading stopped: ${e.message} (1236)`, {
        cause: e,
      });
    if (denied.has(e.errno))
      return new MillraceError(
        "SOURCE_FAILED",
        `The server refuses: ${e.message} (${e.errno}). The user needs SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE and REPLICATION CLIENT (database.user)`,
        { cause: e, context: { setting: "database.user" } },
      );
    return new MillraceError(passing.has(e.errno) ? "SOURCE_RETRIABLE" : "SOURCE_FAILED", `The server says: ${e.message} (${e.errno})`, {
      cause: e,
    });
  }
  const error = asError(e);
  if (error instanceof RangeError || error instanceof TypeError) return new MillraceError("SOURCE_FAILED", error.message, { cause: error });
  return new MillraceError("SOURCE_RETRIABLE", error.message, { cause: error });
}
