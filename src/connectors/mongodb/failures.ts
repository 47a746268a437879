import {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoRuntimeError,
  MongoServerError,
  MongoServerSelectionError,
} from "mongodb";

/** What a failed command or write means. */
export type FailureKind =
  /** the server or the way there cannot now: the same passes later */
  | "passing"
  /** may pass when it is tried again: two writers made the same document at once */
  | "doubtful"
  /** the document's fault */
  | "refused"
  /** rights, a wrong login, a wrong name: nothing passes */
  | "permanent";

/** Codes of MongoDB's error catalogue that a server gives while it starts, stops, elects or is overloaded. */
const passing = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  24, // LockTimeout
  46, // LockBusy
  50, // MaxTimeMSExpired
  64, // WriteConcernFailed
  89, // NetworkTimeout
  91, // ShutdownInProgress
  112, // WriteConflict
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  202, // NetworkInterfaceExceededTimeLimit
  262, // ExceededTimeLimit
  317, // ConnectionPoolExpired
  358, // InternalTransactionNotSupported
  9001, // SocketException
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
  14031, // OutOfDiskSpace
]);

const permanent = new Set([
  13, // Unauthorized
  18, // AuthenticationFailed
  33, // ProtocolError
  73, // InvalidNamespace
  115, // CommandNotSupported
  166, // CommandNotSupportedOnView
  323, // APIStrictError
  8000, // AtlasError
]);

export const DUPLICATE_KEY = 11000;

export function kindOfCode(code: number | string | undefined): FailureKind {
  if (typeof code !== "number") return "refused";
  if (passing.has(code)) return "passing";
  if (permanent.has(code)) return "permanent";
  return code === DUPLICATE_KEY ? "doubtful" : "refused";
}

/** Of a command as a whole. */
export function classify(thrown: unknown): FailureKind {
  const error = inner(thrown);
  if (error instanceof MongoError) {
    if (error.hasErrorLabel("RetryableWriteError") || error.hasErrorLabel("ResetPool")) return isLogin(error) ? "permanent" : "passing";
    if (isLogin(error)) return "permanent";
    if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return "passing";
    if (error instanceof MongoServerError) return kindOfCode(error.code);
    // a pool that was cleared, a session that ended, a topology that closed: all by a connection that broke
    if (/Pool|Session|Topology|NotConnected|Expired|Timeout/.test(error.name)) return "passing";
    // an answer that the driver cannot make sense of
    if (error instanceof MongoRuntimeError) return "doubtful";
  }
  return isSocketError(error) ? "passing" : "refused";
}

/** Where the socket breaks while the driver waits to write more, it throws what Node gave it. */
function isSocketError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === "string" && /^(E(?!RR_)[A-Z_]+|ERR_(STREAM|SOCKET|SSL|TLS)_\w+)$/.test(code);
}

function isLogin(error: MongoError): boolean {
  return error.code === 18 || (error.code === 8000 && /auth/i.test(error.message));
}

/** The driver hides what broke a bulk behind an error of the bulk's own. */
export function inner(thrown: unknown): unknown {
  return thrown instanceof MongoBulkWriteError && thrown.errorResponse instanceof Error ? thrown.errorResponse : thrown;
}
