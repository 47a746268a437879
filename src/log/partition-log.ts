import * as fs from "node:fs";
import { dirname, join } from "node:path";
import type { MillraceError } from "../common/errors.js";
import { type Logger, silentLogger } from "../common/logger.js";
import { type Clock, systemClock } from "../common/time.js";
import * as batches from "../protocol/record-batch.js";
import { validateBatch } from "./batch-validation.js";
import {
  type EpochStart,
  encodeLeaderEpochs,
  encodeOffsetCheckpoint,
  readOffsetCheckpoint,
  writeOffsetCheckpoint,
  writePartitionMetadata,
} from "./checkpoint-files.js";
import { Cancelled, type CompactionRound, groupSegments, mapLatest, Rewriter } from "./compaction.js";
import { diskError, fdatasync, removeFile, replaceFile, syncFolder, syncFolderSync, writeAllFully } from "./files.js";
import { GroupFlush } from "./group-flush.js";
import type { LogConfig } from "./log-config.js";
import { LogRefused } from "./log-error.js";
import type { ProducerState } from "./producer-state.js";
import { recover } from "./recovery.js";
import { offsetName, Segment } from "./segment.js";
import { type AbortedTransaction, SegmentReader, type TimestampOffset } from "./segment-reader.js";

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
  /** "client" (the default) checks CRC, sizes, keys and sequence numbers; "coordinator" (markers, internal topics) the producer epoch alone. */
  readonly origin?: "client" | "coordinator";
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

interface Checkpoint {
  readonly offset: number;
  readonly segment: Segment;
  readonly sealed: boolean;
  /** the producers' state at `offset`; undefined where it is not known any more */
  readonly producers: Buffer | undefined;
  readonly files: { path: string; bytes: Buffer }[];
}

/** Recovery reads at most about this much again. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;
/** What closing leaves for the next open to read, rather than to write and sync more files. */
const CLOSE_CHECKPOINT_BYTES = 1024 * 1024;
const SNAPSHOTS_KEPT = 2;
const CLEANER_CHECKPOINT = "cleaner-offset-checkpoint";
const PRODUCER_EXPIRATION_MS = 86_400_000;
const MAX_RELATIVE_OFFSET = 0x7fff_ffff;

/**
 * One partition's records on disk, in Kafka's own file formats. Appends and reads are synchronous and go through the page
 * cache; only `flush`, `close`, compaction and recovery wait.
 *
 * Errors: LogRefused (the batch or offset is wrong, nothing changed); MillraceError DISK_FULL or DISK_FAILED (the log
 * refuses every further append and flush with the same error; reads go on); LOG_CORRUPT (a read met bytes that are not a log).
 */
export class PartitionLog {
  /** May be replaced at any time (an altered topic). */
  config: LogConfig;
  /** @internal oldest first; the last is the active one */
  readonly segments: Segment[];
  private active: Segment;
  private startOffset: number;
  private endOffset: number;
  private durableOffset: number;
  private producers: ProducerState;
  private epochs: EpochStart[];
  private readonly clock: Clock;
  private readonly logger: Logger;
  private failed: MillraceError | undefined;
  private syncFailed = false;
  private closed = false;

  private folderDirty = true;
  private epochsDirty = false;
  /** sealed and not yet synced; pinned */
  private unsynced: Segment[] = [];
  private checkpoints: Checkpoint[] = [];
  private bytesSinceCheckpoint: number;
  private writingCheckpoints: Promise<void> = Promise.resolve();
  private readonly group = new GroupFlush(() => this.sync());
  private readonly reader: SegmentReader;

  private compacting = false;
  private compactionEnd: Promise<void> = Promise.resolve();
  /** Records below it were compacted. */
  private firstDirty: number;

  private constructor(
    readonly dir: string,
    options: LogOptions,
    recovered: Awaited<ReturnType<typeof recover>>,
  ) {
    this.config = options.config;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silentLogger;
    this.segments = recovered.segments;
    this.reader = new SegmentReader(this.segments);
    this.active = this.segments.at(-1)!;
    this.startOffset = recovered.logStartOffset;
    this.endOffset = this.active.nextOffset;
    this.durableOffset = Math.min(this.endOffset, Math.max(this.startOffset, recovered.checkpointOffset));
    this.producers = recovered.producers;
    this.firstDirty = Math.min(readOffsetCheckpoint(dir, CLEANER_CHECKPOINT) ?? 0, this.active.baseOffset);
    this.epochs = recovered.epochs;
    this.bytesSinceCheckpoint = recovered.scannedBytes;
    // every scanned segment may hold bytes that were never synced
    for (const segment of this.segments) if (segment !== this.active && segment.nextOffset > recovered.checkpointOffset) this.seal(segment);
  }

  /** Opens or creates the folder, cuts a torn tail and rebuilds what is missing. @throws DISK_FULL, DISK_FAILED, LOG_CORRUPT */
  static async open(dir: string, options: LogOptions): Promise<PartitionLog> {
    const now = (options.clock ?? systemClock).now();
    try {
      const recovered = await recover(dir, options.config.indexIntervalBytes, now, options.logger ?? silentLogger);
      const log = new PartitionLog(dir, options, recovered);
      void log.active.fd;
      // what a crash left in the page cache alone is read by consumers from now on, so it must not vanish
      if (log.durableOffset < log.endOffset) await log.flush();
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
    return this.durableOffset;
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
   * Appends one batch (offsets are written into it) to the page cache; the buffer belongs to the log from here on.
   * @throws LogRefused, MillraceError DISK_FULL, DISK_FAILED
   */
  append(batch: Buffer, options: AppendOptions = {}): AppendResult {
    this.checkWritable();
    const now = this.clock.now();
    const duplicate = this.admit(batch, options);
    if (duplicate) return duplicate;
    if (options.baseOffset !== undefined) {
      if (options.baseOffset < this.endOffset)
        throw new LogRefused("OFFSET_OUT_OF_RANGE", `offset ${options.baseOffset} is below the end ${this.endOffset} of ${this.dir}`);
      this.endOffset = options.baseOffset;
    }
    return this.place([batch], options.leaderEpoch ?? 0, now)[0]!;
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
    if (this.closed) throw diskError(new Error("the log is closed"), "append to", this.dir);
  }

  private admit(batch: Buffer, options: AppendOptions): AppendResult | undefined {
    const client = options.origin !== "coordinator";
    if (client) validateBatch(batch, this.config);
    if (batches.producerId(batch) < 0) return undefined;
    const duplicate = client ? this.producers.duplicateOf(batch) : undefined;
    if (duplicate) return { ...duplicate, logAppendTime: -1, duplicate: true };
    this.producers.check(batch, 0, client);
    return undefined;
  }

  /** Assigns offsets, writes, and only then changes what the log knows. */
  private place(list: Buffer[], leaderEpoch: number, now: number): AppendResult[] {
    const results: AppendResult[] = [];
    for (let from = 0; from < list.length; ) {
      const first = list[from]!;
      if (this.mustRoll(first, now)) this.roll(now);
      const segment = this.active;
      let offset = this.endOffset;
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
        this.epochsDirty = true;
      }
      for (const batch of group) {
        segment.noted(batch, 0, batch.length, this.config.indexIntervalBytes);
        const completed = this.producers.update(batch, 0, now);
        if (completed?.aborted) segment.aborted.push(completed);
        this.reader.tail.add(batch);
      }
      this.endOffset = offset;
      this.bytesSinceCheckpoint += bytes;
      from = to;
    }
    return results;
  }

  private write(segment: Segment, group: readonly Buffer[]): void {
    try {
      writeAllFully(segment.fd, group, segment.size);
    } catch (error) {
      this.fail(diskError(error, "append to", segment.path));
      try {
        // a half-written batch is cut off at once, so that no reader of the file meets it
        fs.ftruncateSync(segment.fd, segment.size);
      } catch {
        // recovery cuts it: its CRC cannot be right
      }
      throw this.failed;
    }
  }

  private fail(error: MillraceError): void {
    if (this.failed) return;
    this.failed = error;
    this.logger.error("the log takes no more writes", { dir: this.dir, error });
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

  /** Rolls the active segment when segment.ms is over even without an append. */
  rollIfDue(now: number): void {
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
      this.fail(diskError(error, "create", next.path));
      throw this.failed;
    }
    this.seal(this.active);
    this.segments.push(next);
    this.active = next;
    this.folderDirty = true;
    // sealed bytes would otherwise wait for a flush that an acks=leader producer never asks for
    this.flush().catch(() => {});
  }

  private seal(segment: Segment, atEnd = true): void {
    segment.pin();
    this.unsynced.push(segment);
    this.checkpoints.push(this.takeCheckpoint(segment, true, atEnd));
    this.reader.keepOpen(segment);
  }

  private takeCheckpoint(segment: Segment, sealed: boolean, atEnd = true): Checkpoint {
    this.bytesSinceCheckpoint = 0;
    this.producers.expire(this.clock.now() - PRODUCER_EXPIRATION_MS);
    const producers = atEnd ? this.producers.encode() : undefined;
    return { offset: segment.nextOffset, segment, sealed, producers, files: segment.encodeIndexes() };
  }

  /** Resolves once everything appended before the call is on disk; callers at the same time share one fdatasync. */
  flush(): Promise<void> {
    if (this.failed) return Promise.reject(this.failed);
    if (this.durableOffset >= this.endOffset && !this.folderDirty && this.unsynced.length === 0) return Promise.resolve();
    return this.group.request();
  }

  private async sync(): Promise<void> {
    if (this.syncFailed) throw this.failed;
    const target = this.endOffset;
    const files = this.unsynced;
    this.unsynced = [];
    this.active.pin();
    files.push(this.active);
    const folderDirty = this.folderDirty;
    this.folderDirty = false;
    if (this.bytesSinceCheckpoint >= CHECKPOINT_BYTES) this.checkpoints.push(this.takeCheckpoint(this.active, false));
    const checkpoints = this.checkpoints;
    this.checkpoints = [];
    try {
      if (files.length === 1) await fdatasync(files[0]!.fd);
      else await Promise.all(files.map((segment) => fdatasync(segment.fd)));
      if (folderDirty) await Promise.all([syncFolder(this.dir), syncFolder(dirname(this.dir))]);
    } catch (error) {
      // the kernel may have dropped the pages: a second fdatasync that succeeds would prove nothing
      this.syncFailed = true;
      this.fail(diskError(error, "sync", files.at(-1)!.path));
      throw this.failed;
    } finally {
      for (const segment of files) segment.unpin();
    }
    if (target > this.durableOffset) this.durableOffset = target;
    if (checkpoints.length > 0) this.writingCheckpoints = this.writingCheckpoints.then(() => this.writeCheckpoints(checkpoints));
  }

  /** Only after the bytes that they speak of are on disk: recovery trusts all below a snapshot. */
  private async writeCheckpoints(list: readonly Checkpoint[]): Promise<void> {
    const kept = list.filter((c) => !c.segment.removed);
    const last = list.at(-1)!;
    try {
      for (const { segment, files, sealed } of kept) {
        for (const { path, bytes } of files) await replaceFile(path, bytes);
        if (segment.removed) for (const { path } of files) removeFile(path);
        else if (sealed) segment.forgetIndexes();
      }
      if (this.epochsDirty) {
        this.epochsDirty = false;
        await replaceFile(join(this.dir, "leader-epoch-checkpoint"), encodeLeaderEpochs(this.epochs));
      }
      if (!last.producers) return;
      // the indexes' names must be on disk before the snapshot that vouches for them
      await syncFolder(this.dir);
      await replaceFile(this.snapshotPath(last.offset), last.producers);
      await syncFolder(this.dir);
      this.removeOldSnapshots();
    } catch (error) {
      this.logger.warn("cannot write a checkpoint; the next start reads more of the log", { dir: this.dir, error });
    }
  }

  private snapshotPath(offset: number): string {
    return join(this.dir, `${offsetName(offset)}.snapshot`);
  }

  private removeOldSnapshots(): void {
    const names = fs.readdirSync(this.dir).filter((n) => /^\d{20}\.snapshot$/.test(n));
    for (const name of names.sort().slice(0, -SNAPSHOTS_KEPT)) removeFile(join(this.dir, name));
  }

  /**
   * Whole batches from the one that holds `offset`, as one Buffer that the caller must not write to: at least one batch (however
   * large, unless `atLeastOne` is false), then as many as fit into maxBytes, all ending at or below `upTo` (logEndOffset by default).
   * Empty at the end. @throws LogRefused OFFSET_OUT_OF_RANGE below logStartOffset or above logEndOffset
   */
  read(offset: number, maxBytes: number, options?: { upTo?: number; atLeastOne?: boolean }): Buffer {
    if (offset < this.startOffset || offset > this.endOffset)
      throw new LogRefused("OFFSET_OUT_OF_RANGE", `offset ${offset} is not in ${this.startOffset}..${this.endOffset} of ${this.dir}`);
    const upTo = Math.min(options?.upTo ?? this.endOffset, this.endOffset);
    return this.reader.read(offset, maxBytes, upTo, options?.atLeastOne !== false);
  }

  /** The first record at or after the time, or undefined. */
  offsetForTimestamp(timestamp: number): TimestampOffset | undefined {
    return this.reader.firstAtOrAfter(timestamp, this.startOffset);
  }

  /** The record with the largest timestamp, or undefined where the log is empty. */
  maxTimestamp(): TimestampOffset | undefined {
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

  /** Moves the log start offset (durably) and deletes the segments wholly below it. @throws LogRefused OFFSET_OUT_OF_RANGE above logEndOffset */
  deleteBefore(offset: number): number {
    if (offset > this.endOffset)
      throw new LogRefused("OFFSET_OUT_OF_RANGE", `offset ${offset} is above the end ${this.endOffset} of ${this.dir}`);
    if (offset <= this.startOffset) return this.startOffset;
    writeOffsetCheckpoint(this.dir, "log-start-offset-checkpoint", offset);
    this.startOffset = offset;
    // a round of compaction is about to replace the old segments: the next call removes what is left below
    if (this.compacting) return offset;
    let count = 0;
    while (count < this.segments.length - 1 && this.segments[count + 1]!.baseOffset <= offset) count++;
    this.removeFirst(count);
    return offset;
  }

  /** Deletes segments that retention.ms and retention.bytes let go; never at or beyond `upTo`. Returns the bytes freed. */
  applyRetention(now: number, upTo = this.endOffset): number {
    const { retentionMs, retentionBytes } = this.config;
    if (!this.config.delete || this.failed || this.closed || this.compacting) return 0;
    const expired = (s: Segment) => retentionMs >= 0 && s.size > 0 && s.nextOffset <= upTo && now - s.maxTimestamp > retentionMs;
    if (this.segments.every(expired)) this.roll(now);
    let excess = retentionBytes < 0 ? 0 : this.size - retentionBytes;
    let count = 0;
    let freed = 0;
    for (const segment of this.segments.slice(0, -1)) {
      if (segment.nextOffset > upTo || !(expired(segment) || (excess > 0 && excess >= segment.size))) break;
      excess -= segment.size;
      freed += segment.size;
      count++;
    }
    this.removeFirst(count);
    this.startOffset = Math.max(this.startOffset, this.segments[0]!.baseOffset);
    return freed;
  }

  private removeFirst(count: number): void {
    if (count === 0) return;
    // the segment that carries the end offset must be there before the older ones go, or the log would begin at 0 again
    if (this.folderDirty) syncFolderSync(this.dir);
    for (const segment of this.segments.splice(0, count)) {
      segment.remove();
      this.reader.forget(segment);
    }
  }

  /** Share of the compactable bytes that were never compacted, 0 to 1. */
  get dirtyRatio(): number {
    return this.dirtyShare(this.compactable(this.clock.now()));
  }

  private dirtyShare(segments: readonly Segment[]): number {
    let clean = 0;
    let dirty = 0;
    for (const segment of segments) {
      if (segment.nextOffset <= this.firstDirty) clean += segment.size;
      else dirty += segment.size;
    }
    return dirty === 0 ? 0 : dirty / (clean + dirty);
  }

  /** Whether `compact` has work by the topic's settings. */
  compactionDue(now: number): boolean {
    if (!this.config.compact || this.failed || this.closed) return false;
    const segments = this.compactable(now);
    const oldest = segments.find((s) => s.nextOffset > this.firstDirty);
    if (!oldest) return false;
    return this.dirtyShare(segments) >= this.config.minCleanableDirtyRatio || now - oldest.maxTimestamp > this.config.maxCompactionLagMs;
  }

  /** Sealed segments without an open transaction whose records are old enough; from the log's start. */
  private compactable(now: number): Segment[] {
    const stable = this.lastStableOffset;
    const { minCompactionLagMs } = this.config;
    const end = this.segments.findIndex(
      (s) => s === this.active || s.nextOffset > stable || (minCompactionLagMs > 0 && now - s.maxTimestamp < minCompactionLagMs),
    );
    return this.segments.slice(0, end);
  }

  /**
   * One round of compaction, whatever the dirty ratio: of each key's records only the latest stays, and tombstones until
   * delete.retention.ms after a round first met them. Offsets stay. Yields to the event loop. Returns the bytes freed.
   * @throws DISK_FULL, DISK_FAILED, LOG_CORRUPT; the log is then as it was and takes writes
   */
  async compact(now: number): Promise<number> {
    if (this.compacting || this.failed || this.closed) return 0;
    const all = this.compactable(now);
    if (!all.some((s) => s.nextOffset > this.firstDirty)) return 0;
    this.compacting = true;
    let target: Segment | undefined;
    let done: () => void = () => {};
    this.compactionEnd = new Promise((resolve) => (done = resolve));
    try {
      // the segments' bytes must be on disk before files that replace them are
      await this.flush();
      // a checkpoint under way writes an old segment's indexes under the name that the new one will have
      await this.writingCheckpoints;
      const round: CompactionRound = {
        now,
        deleteRetentionMs: this.config.deleteRetentionMs,
        indexIntervalBytes: this.config.indexIntervalBytes,
        aborted: this.segments.flatMap((s) => s.aborted),
        lastOffsets: this.producers.lastOffsets(),
        cancelled: () => this.closed,
      };
      const dirty = all.filter((s) => s.nextOffset > this.firstDirty);
      const latest = await mapLatest(dirty, Math.max(this.firstDirty, this.startOffset), round);
      const rewriter = new Rewriter(latest, round);
      let freed = 0;
      for (const group of groupSegments(
        all.filter((s) => s.baseOffset < latest.end),
        this.config.segmentBytes,
      )) {
        target = new Segment(this.dir, group[0]!.baseOffset, now, ".cleaned");
        await rewriter.rewrite(group, target);
        freed += await this.replace(group, target);
        target = undefined;
      }
      this.firstDirty = latest.end;
      await replaceFile(join(this.dir, CLEANER_CHECKPOINT), encodeOffsetCheckpoint(this.dir, latest.end));
      return freed;
    } catch (error) {
      target?.remove();
      if (error instanceof Cancelled) return 0;
      throw diskError(error, "compact", this.dir);
    } finally {
      this.compacting = false;
      done();
    }
  }

  /** `.cleaned` is half done and forgotten by recovery; `.swap` is whole and recovery puts it in the place of what it covers. */
  private async replace(group: readonly Segment[], target: Segment): Promise<number> {
    for (const { path, bytes } of target.encodeIndexes()) await replaceFile(path, bytes);
    await fdatasync(target.fd);
    await syncFolder(this.dir);
    if (this.closed) throw new Cancelled();
    target.rename(".swap");
    await syncFolder(this.dir);
    // opened ahead, because readers go on with the old files until the new one has its name
    for (const segment of group) {
      void segment.fd;
      segment.pin();
    }
    for (const segment of group) segment.removeFiles();
    // an old file that came back beside the new one would hold the same offsets twice
    await syncFolder(this.dir);
    target.rename("");
    target.forgetIndexes();
    this.segments.splice(this.segments.indexOf(group[0]!), group.length, target);
    this.folderDirty = true;
    let freed = -target.size;
    for (const segment of group) {
      freed += segment.size;
      segment.removed = true;
      this.reader.forget(segment);
      segment.unpin();
      segment.closeFile();
    }
    this.reader.tail.clear();
    return freed;
  }

  /** Flushes and lets go of the files. Safe to call twice. @throws DISK_FULL, DISK_FAILED where the flush fails */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    try {
      if (!this.failed) {
        if (this.bytesSinceCheckpoint >= CLOSE_CHECKPOINT_BYTES) this.bytesSinceCheckpoint = CHECKPOINT_BYTES;
        if (this.bytesSinceCheckpoint > 0 || this.durableOffset < this.endOffset) await this.group.request();
      }
    } finally {
      await this.writingCheckpoints;
      await this.compactionEnd;
      this.reader.tail.clear();
      for (const segment of this.segments) segment.closeFile();
    }
  }

  /** Closes and removes the folder. */
  async delete(): Promise<void> {
    this.failed ??= diskError(new Error("the log was deleted"), "append to", this.dir);
    await this.close();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}
