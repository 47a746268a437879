import type { Logger } from "../common/logger.js";
import type { Clock } from "../common/time.js";
import type { LogConfig } from "./log-config.js";
import type { LogRefused } from "./log-error.js";

export interface LogOptions {
  readonly config: LogConfig;
  /** For `partition.metadata`; a UUID as Kafka writes it (22 base64url characters). */
  readonly topicId?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface AppendOptions {
  /** 0 by default; written into the batches and, when it changes, into leader-epoch-checkpoint */
  readonly leaderEpoch?: number;
  /** "client" (the default) checks CRC, sizes, record order and sequence numbers; "coordinator" (markers, internal topics) the epoch alone. */
  readonly origin?: "client" | "coordinator";
}

export interface AppendResult {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** ms where message.timestamp.type is LogAppendTime, else -1 */
  readonly logAppendTime: number;
  /** The batch was there already; the offsets are those it got then. Nothing was written. */
  readonly duplicate: boolean;
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** of the abort marker */
  readonly lastOffset: number;
}

export interface TimestampOffset {
  readonly timestamp: number;
  readonly offset: number;
}

const todo = (): never => {
  throw new Error("being built");
};

/**
 * One partition's records on disk, in Kafka's own file formats. Appends and reads are synchronous and go through the page
 * cache; only `flush`, `close`, compaction and recovery wait.
 *
 * Errors: LogRefused (the batch or offset is wrong, nothing changed); MillraceError DISK_FULL or DISK_FAILED (the log
 * refuses every further append and flush with the same error; reads go on); LOG_CORRUPT (a read met bytes that are not a log).
 */
export class PartitionLog {
  private constructor(
    readonly dir: string,
    options: LogOptions,
  ) {
    this.config = options.config;
  }

  /** Opens or creates the folder, cuts a torn tail and rebuilds what is missing. @throws DISK_FULL, DISK_FAILED, LOG_CORRUPT */
  static async open(dir: string, options: LogOptions): Promise<PartitionLog> {
    return new PartitionLog(dir, options);
  }

  /** May be replaced at any time (an altered topic). */
  config: LogConfig;
  readonly logStartOffset: number = 0;
  /** The offset that the next record gets. */
  readonly logEndOffset: number = 0;
  /** Every record below it is on disk. */
  readonly flushedOffset: number = 0;
  /** First offset of the oldest open transaction, or logEndOffset: what a read_committed reader may see up to. */
  readonly lastStableOffset: number = 0;
  /** Bytes of all segments. */
  readonly size: number = 0;
  /** The error that stopped this log's writes. */
  readonly failure: Error | undefined;

  /**
   * Appends one batch (offsets are written into it) to the page cache; the buffer belongs to the log from here on.
   * @throws LogRefused, MillraceError DISK_FULL, DISK_FAILED
   */
  append(_batch: Buffer, _options?: AppendOptions): AppendResult {
    return todo();
  }
  /** Several batches in one write, all or none of those from the first that is refused on: its error is that batch's result. */
  appendAll(_batches: readonly Buffer[], _options?: AppendOptions): (AppendResult | LogRefused)[] {
    return todo();
  }
  /** Resolves once everything appended before the call is on disk; callers at the same time share one fdatasync. */
  async flush(): Promise<void> {}

  /**
   * Whole batches from the one that holds `offset`, as one Buffer that the caller must not write to: at least one batch (however
   * large, unless `atLeastOne` is false), then as many as fit into maxBytes, all ending at or below `upTo` (logEndOffset by default).
   * Empty at the end. @throws LogRefused OFFSET_OUT_OF_RANGE below logStartOffset or above logEndOffset
   */
  read(_offset: number, _maxBytes: number, _options?: { upTo?: number; atLeastOne?: boolean }): Buffer {
    return todo();
  }
  /** The first record at or after the time, or undefined. */
  offsetForTimestamp(_timestamp: number): TimestampOffset | undefined {
    return todo();
  }
  /** The record with the largest timestamp, or undefined where the log is empty. */
  maxTimestamp(): TimestampOffset | undefined {
    return todo();
  }
  /** Aborted transactions that have records in [from, upTo). */
  abortedTransactions(_from: number, _upTo: number): AbortedTransaction[] {
    return todo();
  }
  /** First offset of this producer's open transaction, or -1. */
  openTransaction(_producerId: number): number {
    return todo();
  }

  /** Moves the log start offset (durably) and deletes the segments wholly below it. @throws LogRefused OFFSET_OUT_OF_RANGE above logEndOffset */
  deleteBefore(_offset: number): number {
    return todo();
  }
  /** Deletes segments that retention.ms and retention.bytes let go; never beyond `upTo`. Returns the bytes freed. */
  applyRetention(_now: number, _upTo?: number): number {
    return todo();
  }
  /** Rolls the active segment when segment.ms is over even without an append. */
  rollIfDue(_now: number): void {}
  /** Share of the cleanable bytes that were never compacted, 0 to 1. */
  readonly dirtyRatio: number = 0;
  /** One round of compaction (whatever the dirty ratio); yields to the event loop. Returns the bytes freed. */
  async compact(_now: number): Promise<number> {
    return todo();
  }

  /** Forgets everything and begins anew at `offset`. */
  async truncateFully(_offset: number): Promise<void> {}
  /** Removes all records at and above `offset`. */
  async truncate(_offset: number): Promise<void> {}
  /** Flushes, writes the clean-shutdown marker and lets go of the files. Safe to call twice. */
  async close(): Promise<void> {}
  /** Closes and removes the folder. */
  async delete(): Promise<void> {}
}
