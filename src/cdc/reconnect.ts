import type { Config } from "../common/config-def.js";
import { MillraceError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";

/** A try costs little, and a server that is back is to be seen soon. */
const LONGEST_PAUSE_MS = 5_000;

/** Connections that were lost in a row: each is made anew after a longer pause, `errors.max.retries` times. */
export class Reconnect {
  private failures = 0;

  constructor(
    private readonly config: Config,
    private readonly logger: Logger,
  ) {}

  /** Something came over the new connection. */
  worked(): void {
    this.failures = 0;
  }

  /** Milliseconds to wait before the next try. @throws the error where no retry cures it; SOURCE_FAILED after the last one */
  pauseAfter(error: MillraceError): number {
    if (!error.retriable) throw error;
    this.failures++;
    const most = this.config.number("errors.max.retries");
    if (most >= 0 && this.failures > most) throw new MillraceError("SOURCE_FAILED", error.message, { cause: error });
    const ms = Math.min(LONGEST_PAUSE_MS, 250 * 2 ** Math.min(this.failures - 1, 10));
    this.logger.warn("the connection is made anew", { error: error.message, inMs: ms });
    return ms;
  }
}

/** `database.initial.statements`: separated by semicolons, of which `;;` is a literal one. */
export function initialStatements(text: string | null): string[] {
  return (text ?? "")
    .replace(/;;/g, "\0")
    .split(";")
    .filter((s) => s.trim())
    .map((s) => s.replace(/\0/g, ";"));
}
