import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Logger } from "../../common/logger.js";
import type { Clock } from "../../common/time.js";
import type { LogConfig } from "../../log/log-config.js";
import { type AppendOptions, type AppendResult, PartitionLog } from "../../log/partition-log.js";
import { BrokerError } from "../api/errors.js";
import type { BrokerMetrics, TopicMetrics } from "./broker-metrics.js";
import { asBrokerError } from "./storage-error.js";

/** A fetch that waits for a partition to grow beyond an offset. */
export interface Waiting {
  readonly offset: number;
  /** waits for the last stable offset, not for the log's end */
  readonly committed: boolean;
  wake(): void;
}

export interface PartitionContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: BrokerMetrics;
}

/** Logs open one at a time, each in a turn of its own: somebody who asks for ten thousand at once would stop everybody else. */
let turn = Promise.resolve();

/** One partition: its log, opened when first used, and the fetches that wait for it. */
export class Partition {
  private readonly waiting = new Set<Waiting>();
  private opening: Promise<PartitionLog> | undefined;
  private opened: PartitionLog | undefined;
  deleted = false;
  /** Why the last attempt to open the log failed. */
  openFailure: BrokerError | undefined;

  constructor(
    readonly topic: string,
    readonly topicId: string,
    readonly partition: number,
    readonly dir: string,
    private config: LogConfig,
    readonly metrics: TopicMetrics,
    private readonly context: PartitionContext,
  ) {}

  get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  /** The log where it is open already. */
  get openLog(): PartitionLog | undefined {
    return this.opened;
  }

  /** The log that is known to be open: after `open` has resolved. */
  get log(): PartitionLog {
    if (this.opened === undefined) throw this.openFailure ?? new BrokerError("KAFKA_STORAGE_ERROR", `${this.name} is not open`);
    return this.opened;
  }

  open(): Promise<PartitionLog> {
    return (this.opening ??= (turn = turn.then(() => setImmediate()))
      .then(() =>
        PartitionLog.open(this.dir, {
          config: this.config,
          topicId: this.topicId,
          clock: this.context.clock,
          logger: this.context.logger,
        }),
      )
      .then(
        (log) => {
          log.config = this.config;
          this.opened = log;
          this.openFailure = undefined;
          return log;
        },
        (error) => {
          this.opening = undefined;
          this.openFailure = asBrokerError(error, `cannot open ${this.name}`);
          throw this.openFailure;
        },
      ));
  }

  get logConfig(): LogConfig {
    return this.config;
  }
  setConfig(config: LogConfig): void {
    this.config = config;
    if (this.opened) this.opened.config = config;
  }

  /** @throws BrokerError with the log's reason */
  append(batch: Buffer, options?: AppendOptions): AppendResult {
    let result: AppendResult;
    try {
      result = this.log.append(batch, options);
    } catch (error) {
      throw asBrokerError(error, `cannot write to ${this.name}`);
    }
    this.metrics.recordsIn.add(result.lastOffset - result.baseOffset + 1);
    this.metrics.bytesIn.add(batch.length);
    if (this.waiting.size > 0) this.wake();
    return result;
  }

  /** Everything appended before the call is on disk. @throws KAFKA_STORAGE_ERROR */
  async flush(): Promise<void> {
    try {
      await this.opened?.flush();
    } catch (error) {
      throw asBrokerError(error, `cannot put ${this.name} on disk`);
    }
  }

  /** Bytes of its segments, without opening the log. */
  async bytesOnDisk(): Promise<number> {
    if (this.opened) return this.opened.size;
    // no folder yet: nothing was written
    const names = await readdir(this.dir).catch(() => []);
    let bytes = 0;
    for (const name of names) if (name.endsWith(".log")) bytes += (await stat(join(this.dir, name)).catch(() => undefined))?.size ?? 0;
    return bytes;
  }

  wait(waiting: Waiting): void {
    this.waiting.add(waiting);
  }
  stopWaiting(waiting: Waiting): void {
    this.waiting.delete(waiting);
  }

  async close(): Promise<void> {
    const log = await this.opening?.catch(() => undefined);
    await log?.close();
  }

  /** Wakes those that wait, so that they see the partition gone. */
  markDeleted(): void {
    this.deleted = true;
    for (const w of [...this.waiting]) w.wake();
  }

  private wake(): void {
    const end = this.log.logEndOffset;
    const stable = this.log.lastStableOffset;
    for (const w of this.waiting) if ((w.committed ? stable : end) > w.offset) w.wake();
  }
}
