import type { Config } from "../common/config-def.js";
import { asError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";
import type { Clock } from "../common/time.js";

/** The longest that a poll waits for the database. */
const longestWaitMs = 500;

/** When the next heartbeat is due: `heartbeat.interval.ms` after the last, 0 being never. */
export class Heartbeat {
  private last: number;

  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.last = clock.now();
  }

  /** How long a poll may wait without missing the next one. */
  waitMs(): number {
    const interval = this.config.number("heartbeat.interval.ms");
    return interval > 0 ? Math.max(1, Math.min(longestWaitMs, this.last + interval - this.clock.now())) : longestWaitMs;
  }

  /**
   * Where one is due, sends it and runs `heartbeat.action.query`, whose failure is only told.
   * @param send gets the time in ms
   */
  async beat(send: (now: number) => void, query: (sql: string) => Promise<unknown>): Promise<void> {
    const interval = this.config.number("heartbeat.interval.ms");
    const now = this.clock.now();
    if (interval <= 0 || now < this.last + interval) return;
    this.last = now;
    send(now);
    const action = this.config.optionalString("heartbeat.action.query");
    if (!action) return;
    try {
      await query(action);
    } catch (e) {
      this.logger.warn("heartbeat.action.query failed", { error: asError(e).message });
    }
  }
}
