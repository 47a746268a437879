/**
 * The one catalogue of errors. A layer that needs a new error adds a line to `catalogue`; REST surfaces map the
 * entry (never the message text) to their status and `error_code`.
 */

/** Who is to blame: the user's input, something outside (a database, the disk), or us. */
export type ErrorDomain = "user" | "external" | "internal";

export interface ErrorKind {
  readonly domain: ErrorDomain;
  /** True where the same call may succeed later without anybody changing anything. */
  readonly retriable: boolean;
}

const user = { domain: "user", retriable: false } as const;
const external = { domain: "external", retriable: false } as const;
const passing = { domain: "external", retriable: true } as const;
const internal = { domain: "internal", retriable: false } as const;

export const catalogue = {
  CONFIG_INVALID: user,
  CONFIG_UNKNOWN_PROVIDER: user,
  DATA_INVALID: user,
  DATA_FOLDER_LOCKED: user,
  DATA_FOLDER_VERSION: user,
  PORT_IN_USE: user,
  NOT_FOUND: user,
  ALREADY_EXISTS: user,
  CONFLICT: user,
  UNSUPPORTED: user,
  SERIALIZATION: user,
  DESERIALIZATION: user,
  SCHEMA_INVALID: user,
  SCHEMA_INCOMPATIBLE: user,
  SQL_PARSE: user,
  SQL_STATEMENT: user,
  SQL_RUNTIME: user,
  TRANSFORM: user,
  RECORD_REFUSED: user,
  CONNECT_FAILED: passing,
  TARGET_FAILED: external,
  TARGET_RETRIABLE: passing,
  SOURCE_FAILED: external,
  SOURCE_RETRIABLE: passing,
  DISK_FULL: external,
  DISK_FAILED: external,
  LOG_CORRUPT: external,
  MEMORY_LIMIT: passing,
  TIMEOUT: passing,
  SHUTTING_DOWN: passing,
  FENCED: external,
  INTERNAL: internal,
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof catalogue;

export interface ErrorOptions {
  readonly cause?: unknown;
  /** Facts for the reader and for REST: a statement, a position, a field. Never a secret. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/** Every error that Millrace throws on purpose. The message says what is wrong and, where it can, what to do. */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MillraceError";
    this.code = code;
    this.context = options.context ?? {};
  }

  get domain(): ErrorDomain {
    return catalogue[this.code].domain;
  }

  get retriable(): boolean {
    return catalogue[this.code].retriable;
  }
}

/** Any thrown value as an Error with a readable message. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The messages of an error and of what caused it, outermost first, joined for a log line or a task's trace. */
export function describeError(thrown: unknown): string {
  const parts: string[] = [];
  for (let e: unknown = thrown; e !== undefined && e !== null && parts.length < 8; e = (e as { cause?: unknown }).cause) {
    const message = asError(e).message;
    if (message && parts[parts.length - 1] !== message) parts.push(message);
  }
  return parts.join(": caused by ");
}
