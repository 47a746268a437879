import { setImmediate } from "node:timers/promises";
import type { Logger } from "../../common/logger.js";
import type { Clock } from "../../common/time.js";
import type { Partition } from "./partition.js";
import type { Timers } from "./timers.js";
import type { Topics } from "./topics.js";

/** Retention and compaction of all partitions in the background, one partition at a time with the event loop free in between. */
export class Cleaner {
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly topics: Topics,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly intervalMs: number,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timers.at(this.clock.now() + this.intervalMs, () => {
      this.running = this.clean().finally(() => {
        this.running = undefined;
        if (!this.stopped) this.start();
      });
    });
  }

  /** Resolves once the partition at hand is done. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async clean(): Promise<void> {
    for (const p of this.topics.allPartitions()) {
      if (this.stopped) return;
      if (!this.concerns(p)) continue;
      try {
        await this.cleanPartition(p);
      } catch (error) {
        if (!p.deleted) this.logger.warn("cannot clean a partition", { partition: p.name, error });
      }
      await setImmediate();
    }
  }

  /** A partition that keeps everything is never opened for cleaning; one that is compacted only where it was written to. */
  private concerns(p: Partition): boolean {
    const { delete: deletes, retentionMs, retentionBytes, compact } = p.logConfig;
    return (deletes && (retentionMs >= 0 || retentionBytes >= 0)) || (compact && p.openLog !== undefined);
  }

  private async cleanPartition(p: Partition): Promise<void> {
    const log = await p.open();
    if (log.failure || p.deleted) return;
    const now = this.clock.now();
    log.rollIfDue(now);
    const freed = await log.applyRetention(now, log.lastStableOffset);
    if (freed > 0) this.logger.debug("retention freed space", { partition: p.name, bytes: freed });
    if (log.compactionDue(now)) {
      const compacted = await log.compact(now);
      this.logger.debug("compaction freed space", { partition: p.name, bytes: compacted });
    }
  }
}
