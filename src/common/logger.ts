import { LogLevels } from "./log-levels.js";

/** Structured logs: one JSON line an event on stderr, or readable text on a terminal. Never pass a secret as a field. */
export type Level = "debug" | "info" | "warn" | "error";
export type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds these fields to every line. Its level goes by the fields `logger` (a dotted name) or `part`. */
  child(fields: Fields): Logger;
  /** Of this logger and all its relatives; absent where nothing can be set. */
  readonly levels?: LogLevels;
}

const order: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LoggerOptions {
  /** of `root`; "info" if absent */
  level?: Level;
  format?: "json" | "text";
  write?: (line: string) => void;
}

function plain(value: unknown): unknown {
  if (value instanceof Error) {
    const cause = value.cause === undefined ? {} : { cause: plain(value.cause) };
    return { message: value.message, stack: value.stack, ...cause };
  }
  return typeof value === "bigint" ? value.toString() : value;
}

export function createLogger(options: LoggerOptions = {}): Logger {
  return makeLogger(options, new LogLevels(options.level), {});
}

function makeLogger(options: LoggerOptions, levels: LogLevels, bound: Fields): Logger {
  const name = levels.nameOf(bound);
  let least = levels.threshold(name);
  let version = levels.version;
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const log = (level: Level, message: string, fields?: Fields) => {
    if (version !== levels.version) {
      least = levels.threshold(name);
      version = levels.version;
    }
    if (order[level] < least) return;
    const all: Record<string, unknown> = {};
    for (const [k, v] of Object.entries({ ...bound, ...fields })) all[k] = plain(v);
    if (options.format === "json") {
      write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...all })}\n`);
      return;
    }
    const rest = Object.entries(all)
      .map(([k, v]) => ` ${k}=${typeof v === "string" ? v : JSON.stringify(v)}`)
      .join("");
    write(`${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${message}${rest}\n`);
  };
  return {
    debug: (m, f) => log("debug", m, f),
    info: (m, f) => log("info", m, f),
    warn: (m, f) => log("warn", m, f),
    error: (m, f) => log("error", m, f),
    child: (f) => makeLogger(options, levels, { ...bound, ...f }),
    levels,
  };
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

/** The same logger with every text that goes through it, in messages and fields, passed through `scrub` first. */
export function scrubbedLogger(logger: Logger, scrub: (text: string) => string): Logger {
  const clean = (value: unknown, depth = 0): unknown => {
    if (typeof value === "string") return scrub(value);
    if (value instanceof Error) return clean(plain(value), depth);
    if (depth > 4 || value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map((v) => clean(v, depth + 1));
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, clean(v, depth + 1)]));
  };
  const fieldsOf = (fields: Fields | undefined) => fields && (clean(fields) as Fields);
  return {
    debug: (m, f) => logger.debug(scrub(m), fieldsOf(f)),
    info: (m, f) => logger.info(scrub(m), fieldsOf(f)),
    warn: (m, f) => logger.warn(scrub(m), fieldsOf(f)),
    error: (m, f) => logger.error(scrub(m), fieldsOf(f)),
    child: (f) => scrubbedLogger(logger.child(fieldsOf(f) ?? {}), scrub),
    ...(logger.levels ? { levels: logger.levels } : {}),
  };
}
