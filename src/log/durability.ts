import * as fs from "node:fs";
import { dirname, join } from "node:path";
import type { MillraceError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";
import { type EpochStart, encodeLeaderEpochs } from "./checkpoint-files.js";
import { diskError, fdatasync, removeFile, replaceFile, syncFolder } from "./files.js";
import { GroupFlush } from "./group-flush.js";
import type { ProducerState } from "./producer-state.js";
import { offsetName, type Segment } from "./segment.js";

/** What the log tells of itself. */
export interface Durable {
  readonly dir: string;
  readonly logger: Logger;
  readonly producers: ProducerState;
  readonly epochs: readonly EpochStart[];
  readonly active: Segment;
  readonly logEndOffset: number;
  /** Stops all writes. Returns the error that stopped them first. */
  fail(error: MillraceError): MillraceError;
}

interface Checkpoint {
  readonly segment: Segment;
  readonly sealed: boolean;
  readonly offset: number;
  /** the producers' state at `offset`; undefined where it is not known any more */
  readonly producers: Buffer | undefined;
  readonly files: readonly { path: string; bytes: Buffer }[];
}

/** What closing leaves for the next open to read, rather than to write and sync more files. */
const CLOSE_CHECKPOINT_BYTES = 1024 * 1024;
const SNAPSHOTS_KEPT = 2;

/**
 * Brings a log's bytes to the disk, then its checkpoints: the index files of what is on disk and, last, a snapshot of the producers,
 * whose name is the offset below which recovery need not look.
 */
export class Durability {
  /** Everything below it is on disk. */
  offset: number;
  /** A file was created or renamed since the folder was last synced. */
  folderDirty = true;
  epochsDirty = false;
  bytesSinceCheckpoint: number;
  private syncFailed: MillraceError | undefined;
  /** sealed and not yet synced; pinned */
  private unsynced: Segment[] = [];
  private checkpoints: Checkpoint[] = [];
  private writing: Promise<void> = Promise.resolve();
  private readonly group = new GroupFlush(() => this.sync());

  constructor(
    private readonly log: Durable,
    offset: number,
    unscannedBytes: number,
    private readonly checkpointBytes: number,
  ) {
    this.offset = offset;
    this.bytesSinceCheckpoint = unscannedBytes;
  }

  get isClean(): boolean {
    return this.offset >= this.log.logEndOffset && !this.folderDirty && this.unsynced.length === 0;
  }

  flush(): Promise<void> {
    return this.group.request();
  }

  /** Resolves once no sync runs and no checkpoint is being written. */
  async settled(): Promise<void> {
    await this.group.settled();
    await this.writing;
  }

  /** Nothing is appended to the segment any more. */
  sealed(segment: Segment): void {
    segment.pin();
    this.unsynced.push(segment);
    this.checkpoints.push(this.takeCheckpoint(segment, true, this.log.producers.encode()));
    this.folderDirty = true;
  }

  /** Segments that recovery read: they may never have been synced, and the producers' state at their ends is not known. */
  recovered(segments: readonly Segment[]): void {
    if (segments.length === 0) return;
    for (const segment of segments) {
      segment.pin();
      this.unsynced.push(segment);
      this.checkpoints.push(this.takeCheckpoint(segment, true, undefined));
    }
    this.checkpoints.push(this.takeCheckpoint(this.log.active, false, this.log.producers.encode()));
  }

  private takeCheckpoint(segment: Segment, sealed: boolean, producers: Buffer | undefined): Checkpoint {
    this.bytesSinceCheckpoint = 0;
    return { offset: segment.nextOffset, segment, sealed, producers, files: segment.encodeIndexes() };
  }

  private async sync(): Promise<void> {
    if (this.syncFailed) throw this.syncFailed;
    const { log } = this;
    const target = log.logEndOffset;
    const files = this.unsynced;
    this.unsynced = [];
    log.active.pin();
    files.push(log.active);
    const folderDirty = this.folderDirty;
    this.folderDirty = false;
    if (this.bytesSinceCheckpoint >= this.checkpointBytes)
      this.checkpoints.push(this.takeCheckpoint(log.active, false, log.producers.encode()));
    const checkpoints = this.checkpoints;
    this.checkpoints = [];
    try {
      if (files.length === 1) await fdatasync(files[0]!.fd);
      else await Promise.all(files.map((segment) => fdatasync(segment.fd)));
      if (folderDirty) await Promise.all([syncFolder(log.dir), syncFolder(dirname(log.dir))]);
    } catch (error) {
      // the kernel may have dropped the pages: a second fdatasync that succeeds would prove nothing
      this.syncFailed = log.fail(diskError(error, "sync", files.at(-1)!.path));
      throw this.syncFailed;
    } finally {
      for (const segment of files) segment.unpin();
    }
    if (target > this.offset) this.offset = target;
    if (checkpoints.length > 0) this.writing = this.writing.then(() => this.writeCheckpoints(checkpoints));
  }

  /** Only after the bytes that they speak of are on disk: recovery trusts all below a snapshot. */
  private async writeCheckpoints(list: readonly Checkpoint[]): Promise<void> {
    const { dir, logger, epochs } = this.log;
    const last = list.at(-1)!;
    try {
      for (const { segment, files, sealed } of list) {
        for (const { path, bytes } of files) if (!segment.removed) await replaceFile(path, bytes);
        if (segment.removed) for (const { path } of files) removeFile(path);
        else if (sealed) segment.forgetIndexes();
      }
      if (this.epochsDirty) {
        this.epochsDirty = false;
        await replaceFile(join(dir, "leader-epoch-checkpoint"), encodeLeaderEpochs(epochs));
      }
      if (!last.producers) return;
      // the indexes' names must be on disk before the snapshot that vouches for them
      await syncFolder(dir);
      await replaceFile(join(dir, `${offsetName(last.offset)}.snapshot`), last.producers);
      await syncFolder(dir);
      const snapshots = fs.readdirSync(dir).filter((n) => /^\d{20}\.snapshot$/.test(n));
      for (const name of snapshots.sort().slice(0, -SNAPSHOTS_KEPT)) removeFile(join(dir, name));
    } catch (error) {
      logger.warn("cannot write a checkpoint; the next start reads more of the log", { dir, error });
    }
  }

  /** The last flush, with a checkpoint where the next open would have much to read. */
  async finish(): Promise<void> {
    if (this.bytesSinceCheckpoint >= CLOSE_CHECKPOINT_BYTES) this.bytesSinceCheckpoint = this.checkpointBytes;
    if (this.bytesSinceCheckpoint > 0 || this.offset < this.log.logEndOffset) await this.group.request();
  }
}
