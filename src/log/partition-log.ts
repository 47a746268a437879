import * as fs from "node:fs";
import { MillraceError } from "../common/errors.js";
import { type Logger, silentLogger } from "../common/logger.js";
import { type Clock, systemClock } from "../common/time.js";
import * as batches from "../protocol/record-batch.js";
import { validateBatch } from "./batch-validation.js";
import { type EpochStart, writeOffsetCheckpoint, writePartitionMetadata } from "./checkpoint-files.js";
import { Compactor } from "./compactor.js";
import { Durability, type Durable } from "./durability.js";
import { diskError, syncFolder, writeAllFully } from "./files.js";
import type { LogConfig } from "./log-config.js";
import { LogRefused } from "./log-error.js";
import type { ProducerDescription, ProducerState } from "./producer-state.js";
import { type Recovered, recover } from "./recovery.js";
import { Segment } from "./segment.js";
import { type AbortedTransaction, SegmentReader, type TimestampOffset } from "./segment-reader.js";

export interface LogOptions {
  readonly config: LogConfig;
  /** For `partition.metadata`; a UUID as Kafka writes it (22 base64url characters). */
  readonly topicId?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** After how many bytes indexes and producer state are written: what a kill leaves to be read again. 64 MB by default. */
  readonly checkpointBytes?: number;
}

export interface AppendOptions {
  /** 0 by default; written into the batches and, when it changes, into leader-epoch-checkpoint */
  readonly leaderEpoch?: number;
  /** "client" (the default) checks CRC, sizes, keys and sequence numbers; "coordinator" (markers, internal topics) the producer epoch alone. */
  readonly origin?: "client" | "coordinator";
  /** This process has just built the batch: its CRC is right, and `keyed` says whether every record has a key. */
  readonly built?: { readonly keyed: boolean };
  /** The batch's offset, at or above logEndOffset: a crash lost the batch from here and another file has kept it. */
  readonly baseOffset?: number;
}

export interface AppendResult {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** ms where message.timestamp.type is LogAppendTime, else -1 */
  readonly logAppendTime: number;
  /** The batch was there already; the offsets are those it got then. Nothing was written. */
  readonly duplicate: boolean;
}

const CHECKPOINT_BYTES = 64 * 1024 * 1024;
const PRODUCER_EXPIRATION_MS = 86_400_000;
const MAX_RELATIVE_OFFSET = 0x7fff_ffff;

/**
 * One partition's records on disk, in Kafka's own file formats. Appends and reads are synchronous and go through the page
 * cache; only `flush`, `close`, compaction and recovery wait.
 *
 * Errors: LogRefused (the batch or offset is wrong, nothing changed); MillraceError DISK_FULL or DISK_FAILED (the log
 * refuses every further append and flush with the same error; reads go on); LOG_CORRUPT (a read met bytes that are not a log);
 * SHUTTING_DOWN (the log is closed).
 */
export class PartitionLog {
  /** May be replaced at any time (an altered topic). */
  config: LogConfig;
  /** @internal oldest first; the last is the active one */
  readonly segments: Segment[];
  private active: Segment;
  private startOffset: number;
  private endOffset: number;
  private readonly producers: ProducerState;
  private readonly epochs: EpochStart[];
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly reader: SegmentReader;
  private readonly durability: Durability;
  private readonly compactor: Compactor;
  private failed: MillraceError | undefined;
  private closed = false;
  /** The moves of the start offset that are under way. */
  private moving: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly dir: string,
    options: LogOptions,
    recovered: Recovered,
  ) {
    this.config = options.config;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silentLogger;
    this.segments = recovered.segments;
    this.active = this.segments.at(-1)!;
    this.startOffset = recovered.logStartOffset;
    this.endOffset = this.active.nextOffset;
    this.producers = recovered.producers;
    this.epochs = recovered.epochs;
    this.reader = new SegmentReader(this.segments);
    this.durability = this.makeDurability(recovered, options.checkpointBytes ?? CHECKPOINT_BYTES);
    this.compactor = this.makeCompactor();
  }

  private makeDurability({ checkpointOffset, scannedBytes }: Recovered, checkpointBytes: number): Durability {
    const { dir, logger, producers, epochs } = this;
    const log = this;
    const durable: Durable = {
      dir,
      logger,
      producers,
      epochs,
      get active() {
        return log.active;
      },
      get logEndOffset() {
        return log.endOffset;
      },
      fail: (error) => this.fail(error),
    };
    const offset = Math.min(this.endOffset, Math.max(this.startOffset, checkpointOffset));
    const durability = new Durability(durable, offset, scannedBytes, checkpointBytes);
    durability.recovered(this.segments.filter((s) => s !== this.active && s.nextOffset > checkpointOffset));
    return durability;
  }

  private makeCompactor(): Compactor {
    const { dir, segments, producers } = this;
    const log = this;
    return new Compactor({
      dir,
      segments,
      producers,
      get config() {
        return log.config;
      },
      get logStartOffset() {
        return log.startOffset;
      },
      get lastStableOffset() {
        return log.lastStableOffset;
      },
      get isClosed() {
        return log.closed;
      },
      settle: async () => {
        await this.flush();
        await this.durability.settled();
      },
      replaced: (old) => {
        this.durability.folderDirty = true;
        for (const segment of old) this.reader.forget(segment);
        this.reader.tail.clear();
      },
      fail: (error) => this.fail(error),
    });
  }

  /** Opens or creates the folder, cuts a torn tail and rebuilds what is missing. @throws DISK_FULL, DISK_FAILED, LOG_CORRUPT */
  static async open(dir: string, options: LogOptions): Promise<PartitionLog> {
    const now = (options.clock ?? systemClock).now();
    try {
      const recovered = await recover(dir, options.config.indexIntervalBytes, now, options.logger ?? silentLogger);
      const log = new PartitionLog(dir, options, recovered);
      void log.active.fd;
      // what a crash left in the page cache alone is read by consumers from now on, so it must not vanish
      if (log.flushedOffset < log.endOffset) await log.flush();
      if (options.topicId !== undefined) writePartitionMetadata(dir, options.topicId);
      return log;
    } catch (error) {
      throw diskError(error, "open", dir);
    }
  }

  get logStartOffset(): number {
    return this.startOffset;
  }
  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.endOffset;
  }
  /** Every record below it is on disk. */
  get flushedOffset(): number {
    return this.durability.offset;
  }
  /** First offset of the oldest open transaction, or logEndOffset: what a read_committed reader may see up to. */
  get lastStableOffset(): number {
    const open = this.producers.firstOpenOffset();
    return open < 0 ? this.endOffset : Math.max(open, this.startOffset);
  }
  /** Bytes of all segments. */
  get size(): number {
    let total = 0;
    for (const segment of this.segments) total += segment.size;
    return total;
  }
  /** The error that stopped this log's writes. */
  get failure(): MillraceError | undefined {
    return this.failed;
  }

  /**
   * Appends one batch (offsets are written into it) to the page cache; nothing of the buffer is kept.
   * @throws LogRefused, MillraceError DISK_FULL, DISK_FAILED
   */
  append(batch: Buffer, options: AppendOptions = {}): AppendResult {
    this.checkWritable();
    const now = this.clock.now();
    const duplicate = this.admit(batch, options);
    if (duplicate) return duplicate;
    const baseOffset = options.baseOffset ?? this.endOffset;
    if (baseOffset < this.endOffset)
      throw new LogRefused("OFFSET_OUT_OF_RANGE", `offset ${baseOffset} is below the end ${this.endOffset} of ${this.dir}`);
    return this.place([batch], options.leaderEpoch ?? 0, now, baseOffset)[0]!;
  }

  /** Several batches with as few writes as can be. One that is refused leaves its error in its place; the others are appended. */
  appendAll(list: readonly Buffer[], options: AppendOptions = {}): (AppendResult | LogRefused)[] {
    this.checkWritable();
    const now = this.clock.now();
    const results = new Array<AppendResult | LogRefused>(list.length);
    let group: Buffer[] = [];
    let places: number[] = [];
    const producers = new Set<number>();
    const writeGroup = () => {
      if (group.length === 0) return;
      this.place(group, options.leaderEpoch ?? 0, now).forEach((result, i) => {
        results[places[i]!] = result;
      });
      group = [];
      places = [];
      producers.clear();
    };
    for (let i = 0; i < list.length; i++) {
      const batch = list[i]!;
      try {
        const id = batch.length >= batches.RECORD_BATCH_OVERHEAD ? batches.producerId(batch) : -1;
        // a producer's second batch is checked against the state after its first, and state follows the write
        if (id >= 0 && producers.has(id)) writeGroup();
        const duplicate = this.admit(batch, options);
        if (duplicate) results[i] = duplicate;
        else {
          if (id >= 0) producers.add(id);
          group.push(batch);
          places.push(i);
        }
      } catch (error) {
        if (!(error instanceof LogRefused)) throw error;
        results[i] = error;
      }
    }
    writeGroup();
    return results;
  }

  private checkWritable(): void {
    if (this.failed) throw this.failed;
    this.checkOpen();
  }

  private checkOpen(): void {
    if (this.closed) throw new MillraceError("SHUTTING_DOWN", `the log ${this.dir} is closed`);
  }

  private admit(batch: Buffer, options: AppendOptions): AppendResult | undefined {
    const client = options.origin !== "coordinator";
    if (client) validateBatch(batch, this.config, options.built);
    if (batches.producerId(batch) < 0) return undefined;
    const duplicate = client ? this.producers.duplicateOf(batch) : undefined;
    if (duplicate) return { ...duplicate, logAppendTime: -1, duplicate: true };
    this.producers.check(batch, 0, client);
    return undefined;
  }

  /** Assigns offsets, writes, and only then changes what the log knows. */
  private place(list: Buffer[], leaderEpoch: number, now: number, baseOffset = this.endOffset): AppendResult[] {
    const results: AppendResult[] = [];
    let offset = baseOffset;
    for (let from = 0; from < list.length; ) {
      const first = list[from]!;
      if (this.mustRoll(first, now)) this.roll(now);
      const segment = this.active;
      let bytes = 0;
      let to = from;
      for (; to < list.length; to++) {
        const batch = list[to]!;
        if (to > from && segment.size + bytes + batch.length > this.config.segmentBytes) break;
        batches.setBaseOffset(batch, offset);
        batches.setPartitionLeaderEpoch(batch, leaderEpoch);
        const appendTime = this.config.timestampType === "LogAppendTime";
        if (appendTime) batches.setLogAppendTime(batch, now);
        const last = batches.lastOffset(batch);
        results.push({ baseOffset: offset, lastOffset: last, logAppendTime: appendTime ? now : -1, duplicate: false });
        offset = last + 1;
        bytes += batch.length;
      }
      const group = from === 0 && to === list.length ? list : list.slice(from, to);
      this.write(segment, group);
      if (leaderEpoch > (this.epochs.at(-1)?.epoch ?? -1)) {
        this.epochs.push({ epoch: leaderEpoch, startOffset: this.endOffset });
        this.durability.epochsDirty = true;
      }
      for (const batch of group) {
        segment.noted(batch, 0, batch.length, this.config.indexIntervalBytes);
        const completed = this.producers.update(batch, 0, now);
        if (completed?.aborted) segment.aborted.push(completed);
        this.reader.tail.add(batch);
      }
      this.endOffset = offset;
      this.durability.bytesSinceCheckpoint += bytes;
      from = to;
    }
    return results;
  }

  private write(segment: Segment, group: readonly Buffer[]): void {
    try {
      writeAllFully(segment.fd, group, segment.size);
    } catch (error) {
      const failure = this.fail(diskError(error, "append to", segment.path));
      try {
        // a half-written batch is cut off at once, so that no reader of the file meets it
        fs.ftruncateSync(segment.fd, segment.size);
      } catch {
        // recovery cuts it: its CRC cannot be right
      }
      throw failure;
    }
  }

  private fail(error: MillraceError): MillraceError {
    if (this.failed) return this.failed;
    this.logger.error("the log takes no more writes", { dir: this.dir, error });
    return (this.failed = error);
  }

  private mustRoll(batch: Buffer, now: number): boolean {
    const segment = this.active;
    if (segment.size === 0) return false;
    const { segmentBytes, segmentMs, segmentIndexBytes } = this.config;
    if (segment.size + batch.length > segmentBytes) return true;
    if (this.endOffset + batches.lastOffsetDelta(batch) - segment.baseOffset > MAX_RELATIVE_OFFSET) return true;
    if (segment.indexBytes + 8 > segmentIndexBytes) return true;
    const timestamp = batches.maxTimestamp(batch);
    return segment.firstTimestamp >= 0 && timestamp >= 0
      ? timestamp - segment.firstTimestamp > segmentMs
      : now - segment.openedAt > segmentMs;
  }

  /** To be called now and then: forgets producers silent for a day, and rolls the active segment when segment.ms is over. */
  rollIfDue(now: number): void {
    this.producers.expire(now - PRODUCER_EXPIRATION_MS);
    const segment = this.active;
    if (this.failed || this.closed || segment.size === 0) return;
    const age = now - (segment.firstTimestamp < 0 ? segment.openedAt : segment.firstTimestamp);
    // an active segment is never compacted, so the lag bounds its age too
    const limit = this.config.compact ? Math.min(this.config.segmentMs, this.config.maxCompactionLagMs) : this.config.segmentMs;
    if (age > limit) this.roll(now);
  }

  private roll(now: number): void {
    const next = new Segment(this.dir, this.endOffset, now);
    try {
      void next.fd;
    } catch (error) {
      throw this.fail(diskError(error, "create", next.path));
    }
    this.durability.sealed(this.active);
    this.reader.keepOpen(this.active);
    this.segments.push(next);
    this.active = next;
    // sealed bytes would otherwise wait for a flush that an acks=leader producer never asks for
    this.flush().catch(() => {});
  }

  /** Resolves once everything appended before the call is on disk; callers at the same time share one fdatasync. */
  flush(): Promise<void> {
    if (this.failed) return Promise.reject(this.failed);
    // closing flushes by itself, and a closed file must not be opened again
    if (this.closed) return this.durability.settled().then(() => (this.failed ? Promise.reject(this.failed) : undefined));
    return this.durability.isClean ? Promise.resolve() : this.durability.flush();
  }

  /**
   * Whole batches from the one that holds `offset`, as one Buffer that the caller must not write to: at least one batch (however
   * large, unless `atLeastOne` is false), then as many as fit into maxBytes, all ending at or below `upTo` (logEndOffset by default).
   * Empty at the end. @throws LogRefused OFFSET_OUT_OF_RANGE below logStartOffset or above logEndOffset; SHUTTING_DOWN once closed
   */
  read(offset: number, maxBytes: number, options?: { upTo?: number; atLeastOne?: boolean }): Buffer {
    this.checkOpen();
    if (offset < this.startOffset || offset > this.endOffset)
      throw new LogRefused("OFFSET_OUT_OF_RANGE", `offset ${offset} is not in ${this.startOffset}..${this.endOffset} of ${this.dir}`);
    const upTo = Math.min(options?.upTo ?? this.endOffset, this.endOffset);
    return this.reader.read(offset, maxBytes, upTo, options?.atLeastOne !== false);
  }

  /** The first record at or after the time, or undefined. */
  offsetForTimestamp(timestamp: number): TimestampOffset | undefined {
    this.checkOpen();
    return this.reader.firstAtOrAfter(timestamp, this.startOffset);
  }

  /** The record with the largest timestamp, or undefined where the log is empty. */
  maxTimestamp(): TimestampOffset | undefined {
    this.checkOpen();
    return this.reader.youngest(this.startOffset);
  }

  /** Aborted transactions that have records in [from, upTo). */
  abortedTransactions(from: number, upTo: number): AbortedTransaction[] {
    return this.reader.aborted(from, upTo);
  }

  /** First offset of this producer's open transaction, or -1. */
  openTransaction(producerId: number): number {
    return this.producers.openTransaction(producerId);
  }

  /** The producers that have written here. */
  describeProducers(): ProducerDescription[] {
    return this.producers.describe();
  }

  /** Moves the log start offset (durably) and deletes the segments wholly below it. @throws LogRefused OFFSET_OUT_OF_RANGE above logEndOffset */
  deleteBefore(offset: number): Promise<number> {
    // one after the other: they write the same file
    const moved = this.moving.then(() => this.moveStart(offset));
    this.moving = moved.catch(() => {});
    return moved;
  }

  private async moveStart(offset: number): Promise<number> {
    this.checkOpen();
    if (offset > this.endOffset)
      throw new LogRefused("OFFSET_OUT_OF_RANGE", `offset ${offset} is above the end ${this.endOffset} of ${this.dir}`);
    if (offset <= this.startOffset) return this.startOffset;
    // syncs the folder too: the segment that carries the end offset must not vanish after those before it are gone
    await writeOffsetCheckpoint(this.dir, "log-start-offset-checkpoint", offset);
    this.startOffset = Math.max(this.startOffset, offset);
    // a round of compaction is about to replace the old segments: the next call removes what is left below
    if (this.compactor.isRunning) return this.startOffset;
    let count = 0;
    while (count < this.segments.length - 1 && this.segments[count + 1]!.baseOffset <= offset) count++;
    this.removeFirst(count);
    return this.startOffset;
  }

  /** Deletes segments that retention.ms and retention.bytes let go; never at or beyond `upTo`. Returns the bytes freed. */
  async applyRetention(now: number, upTo = this.endOffset): Promise<number> {
    const { retentionMs, retentionBytes } = this.config;
    if (!this.config.delete || this.failed || this.closed || this.compactor.isRunning) return 0;
    const expired = (s: Segment) => retentionMs >= 0 && s.size > 0 && s.nextOffset <= upTo && now - s.maxTimestamp > retentionMs;
    if (this.segments.every(expired)) this.roll(now);
    let excess = retentionBytes < 0 ? 0 : this.size - retentionBytes;
    let freed = 0;
    const leaving: Segment[] = [];
    for (const segment of this.segments.slice(0, -1)) {
      if (segment.nextOffset > upTo || !(expired(segment) || (excess > 0 && excess >= segment.size))) break;
      excess -= segment.size;
      freed += segment.size;
      leaving.push(segment);
    }
    if (leaving.length === 0) return 0;
    // the segment that carries the end offset must not vanish after those before it are gone, or the log would begin at 0 again
    await syncFolder(this.dir);
    // records were deleted meanwhile, or their compaction has begun: the next round looks again
    if (this.closed || this.compactor.isRunning || leaving.some((segment, i) => segment !== this.segments[i])) return 0;
    this.removeFirst(leaving.length);
    this.startOffset = Math.max(this.startOffset, this.segments[0]!.baseOffset);
    return freed;
  }

  private removeFirst(count: number): void {
    for (const segment of this.segments.splice(0, count)) {
      segment.remove();
      this.reader.forget(segment);
    }
  }

  /** Share of the compactable bytes that were never compacted, 0 to 1. */
  get dirtyRatio(): number {
    return this.compactor.dirtyRatio(this.clock.now());
  }

  /** Whether `compact` has work by the topic's settings. */
  compactionDue(now: number): boolean {
    return this.config.compact && !this.failed && !this.closed && this.compactor.isDue(now);
  }

  /**
   * One round of compaction, whatever the dirty ratio: of each key's records only the latest stays, and tombstones until
   * delete.retention.ms after a round first met them. Offsets stay. Yields to the event loop. Returns the bytes freed.
   * @throws DISK_FULL, DISK_FAILED, LOG_CORRUPT; the log is then as it was and takes writes
   */
  async compact(now: number): Promise<number> {
    return this.failed || this.closed ? 0 : this.compactor.run(now);
  }

  /** Flushes and lets go of the files. Safe to call twice. @throws DISK_FULL, DISK_FAILED where the flush fails */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    try {
      if (!this.failed) await this.durability.finish();
    } finally {
      await this.durability.settled();
      await this.compactor.settled();
      await this.moving;
      this.reader.tail.clear();
      for (const segment of this.segments) segment.closeFile();
    }
  }

  /** Closes and removes the folder. */
  async delete(): Promise<void> {
    this.failed ??= new MillraceError("SHUTTING_DOWN", `the log ${this.dir} was deleted`);
    await this.close();
    await fs.promises.rm(this.dir, { recursive: true, force: true });
  }
}
