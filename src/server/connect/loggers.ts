import { MillraceError } from "../../common/errors.js";

interface LoggerLevel {
  readonly level: string;
  readonly last_modified: number | null;
}

const levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"];

/** `/admin/loggers`: levels are kept for the clients that ask; what is logged follows the process's own level. */
export class Loggers {
  private readonly known = new Map<string, LoggerLevel>([["root", { level: "INFO", last_modified: null }]]);

  all(): Record<string, LoggerLevel> {
    return Object.fromEntries([...this.known].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  get(name: string): LoggerLevel | undefined {
    return this.known.get(name);
  }

  /** Returns the loggers that changed. @throws NOT_FOUND for a level that there is not, as Connect */
  set(name: string, level: string): string[] {
    const word = level.toUpperCase();
    if (!levels.includes(word)) throw new MillraceError("NOT_FOUND", `invalid log level '${level}'.`);
    this.known.set(name, { level: word, last_modified: Date.now() });
    return [name];
  }
}
