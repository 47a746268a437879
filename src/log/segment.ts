import * as fs from "node:fs";
import { join } from "node:path";
import { MillraceError } from "../common/errors.js";
import { takeMemory } from "../protocol/batch-memory.js";
import * as batches from "../protocol/record-batch.js";
import { RecordCursor } from "../protocol/record-cursor.js";
import { diskError, readFully, removeFile } from "./files.js";
import { OffsetIndex } from "./offset-index.js";
import { TimeIndex } from "./time-index.js";
import { decodeTransactionIndex, encodeTransactionIndex, type TransactionIndexEntry } from "./transaction-index.js";

/** Kafka's name of what begins at an offset: 20 digits. */
export function offsetName(offset: number): string {
  return String(offset).padStart(20, "0");
}

const SCAN_CHUNK = 64 * 1024;

/**
 * One file of batches and its indexes. Only the last segment of a log, the active one, grows; its indexes are in memory and
 * are written when it is sealed or checkpointed. A sealed segment's are read again when a search needs them.
 */
export class Segment {
  /** bytes of the .log */
  size = 0;
  /** the offset after the last record, or the base offset */
  nextOffset: number;
  /** -1 where empty */
  maxTimestamp = -1;
  maxTimestampOffset: number;
  /** of the first batch; -1 where empty */
  firstTimestamp = -1;
  /** ms, when it was created or opened */
  readonly openedAt: number;
  aborted: TransactionIndexEntry[] = [];
  private offsets: OffsetIndex | undefined;
  private times: TimeIndex | undefined;
  private loaded: WeakRef<{ offsets: OffsetIndex; times: TimeIndex }> | undefined;
  private sinceIndexEntry = 0;
  private handle = -1;
  private pins = 0;
  private dropped = false;
  removed = false;

  constructor(
    readonly dir: string,
    readonly baseOffset: number,
    now: number,
    private suffix = "",
  ) {
    this.nextOffset = baseOffset;
    this.maxTimestampOffset = baseOffset;
    this.openedAt = now;
  }

  get path(): string {
    return join(this.dir, `${offsetName(this.baseOffset)}.log${this.suffix}`);
  }
  get indexPath(): string {
    return join(this.dir, `${offsetName(this.baseOffset)}.index${this.suffix}`);
  }
  get timeIndexPath(): string {
    return join(this.dir, `${offsetName(this.baseOffset)}.timeindex${this.suffix}`);
  }
  get transactionIndexPath(): string {
    return join(this.dir, `${offsetName(this.baseOffset)}.txnindex${this.suffix}`);
  }

  /** The open file; opened when first asked for. @throws MillraceError DISK_FAILED */
  get fd(): number {
    if (this.handle < 0) {
      try {
        this.handle = fs.openSync(this.path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
      } catch (error) {
        throw diskError(error, "open", this.path);
      }
    }
    return this.handle;
  }
  get isOpen(): boolean {
    return this.handle >= 0;
  }

  /** Keeps the file open over an asynchronous use: a closed descriptor's number may be another file's at once. */
  pin(): void {
    this.pins++;
  }
  unpin(): void {
    this.pins--;
    if (this.dropped && this.pins === 0) this.closeNow();
  }
  closeFile(): void {
    if (this.pins > 0) this.dropped = true;
    else this.closeNow();
  }
  private closeNow(): void {
    this.dropped = false;
    if (this.handle < 0) return;
    // freeing a removed file's blocks takes the system tens of ms a GB, and happens at the last close: off this thread
    if (this.removed) fs.close(this.handle);
    else fs.closeSync(this.handle);
    this.handle = -1;
  }

  /** Gives its files another suffix; the .log last, which makes the change whole. */
  rename(suffix: string): void {
    const from = [this.indexPath, this.timeIndexPath, this.transactionIndexPath, this.path];
    this.suffix = suffix;
    const to = [this.indexPath, this.timeIndexPath, this.transactionIndexPath, this.path];
    for (let i = 0; i < from.length; i++) if (fs.existsSync(from[i]!)) fs.renameSync(from[i]!, to[i]!);
  }

  removeFiles(): void {
    try {
      for (const path of [this.path, this.indexPath, this.timeIndexPath, this.transactionIndexPath]) removeFile(path);
    } catch (error) {
      throw diskError(error, "remove", this.path);
    }
  }

  /** Closes and removes all its files. */
  remove(): void {
    this.removed = true;
    void this.fd;
    this.removeFiles();
    this.closeFile();
  }

  /** Takes note of a batch that lies at the position; `size` moves on. */
  noted(b: Buffer, at: number, size: number, indexInterval: number): void {
    this.offsets ??= new OffsetIndex();
    this.times ??= new TimeIndex();
    const last = batches.lastOffset(b, at);
    const timestamp = batches.maxTimestamp(b, at);
    if (this.firstTimestamp < 0) this.firstTimestamp = timestamp;
    if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp;
      this.maxTimestampOffset = last;
    }
    if (this.sinceIndexEntry > indexInterval) {
      this.offsets.add(last - this.baseOffset, this.size);
      this.times.add(this.maxTimestamp, this.maxTimestampOffset - this.baseOffset);
      this.sinceIndexEntry = 0;
    }
    this.sinceIndexEntry += size;
    this.size += size;
    this.nextOffset = last + 1;
  }

  /** Bytes of the offset index, of which segment.index.bytes is the limit. */
  get indexBytes(): number {
    return (this.offsets?.length ?? 0) * 8;
  }

  /** The index files' contents as of now, to be written once the .log is on disk. The time index ends with the youngest record. */
  encodeIndexes(): { path: string; bytes: Buffer }[] {
    this.offsets ??= new OffsetIndex();
    this.times ??= new TimeIndex();
    if (this.size > 0) this.times.add(this.maxTimestamp, this.maxTimestampOffset - this.baseOffset);
    const files = [
      { path: this.indexPath, bytes: this.offsets.encode() },
      { path: this.timeIndexPath, bytes: this.times.encode() },
    ];
    if (this.aborted.length > 0) files.push({ path: this.transactionIndexPath, bytes: encodeTransactionIndex(this.aborted) });
    return files;
  }

  /** Once a sealed segment's indexes are in their files, they leave the memory. */
  forgetIndexes(): void {
    if (this.offsets && this.times) this.loaded = new WeakRef({ offsets: this.offsets, times: this.times });
    this.offsets = undefined;
    this.times = undefined;
  }

  /**
   * Reads size and indexes from disk. Returns false where an index is missing or wrong: then the .log must be scanned.
   */
  load(nextOffset: number): boolean {
    this.size = fs.statSync(this.path).size;
    const loaded = this.readIndexes();
    if (!loaded) return false;
    if (!this.loadTransactionIndex()) return false;
    if (this.size > 0 && loaded.times.length === 0) return false;
    this.maxTimestamp = loaded.times.lastTimestamp;
    this.maxTimestampOffset = this.baseOffset + loaded.times.lastRelativeOffset;
    this.nextOffset = nextOffset;
    this.loaded = new WeakRef(loaded);
    return true;
  }

  /** False where the file is there and wrong. */
  loadTransactionIndex(): boolean {
    try {
      const entries = fs.existsSync(this.transactionIndexPath) ? decodeTransactionIndex(fs.readFileSync(this.transactionIndexPath)) : [];
      if (entries) this.aborted = entries;
      return entries !== undefined;
    } catch (error) {
      throw diskError(error, "read", this.transactionIndexPath);
    }
  }

  /** Begins to scan the segment anew from nothing, or from `position`, where a batch with offset `offset` begins. */
  rewind(keep?: { position: number; offset: number; offsets: OffsetIndex; times: TimeIndex }): void {
    this.loaded = undefined;
    this.offsets = keep?.offsets ?? new OffsetIndex();
    this.times = keep?.times ?? new TimeIndex();
    const relative = (keep?.offset ?? this.baseOffset) - this.baseOffset;
    this.offsets.truncate(relative);
    this.times.truncate(relative);
    this.maxTimestamp = this.times.lastTimestamp;
    this.maxTimestampOffset = this.baseOffset + this.times.lastRelativeOffset;
    this.size = keep?.position ?? 0;
    this.nextOffset = keep?.offset ?? this.baseOffset;
    this.firstTimestamp = this.size > 0 ? batches.maxTimestamp(this.readAt(0, batches.RECORD_BATCH_OVERHEAD)) : -1;
    this.sinceIndexEntry = 0;
  }

  /** Both indexes as they are in the files; undefined where they are missing or wrong. */
  readIndexes(): { offsets: OffsetIndex; times: TimeIndex } | undefined {
    try {
      const offsets = OffsetIndex.decode(fs.readFileSync(this.indexPath), this.size);
      const times = TimeIndex.decode(fs.readFileSync(this.timeIndexPath));
      return offsets && times && { offsets, times };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw diskError(error, "read the indexes of", this.path);
    }
  }

  private indexes(): { offsets: OffsetIndex; times: TimeIndex } {
    if (this.offsets && this.times) return { offsets: this.offsets, times: this.times };
    let loaded = this.loaded?.deref();
    if (!loaded) {
      loaded = this.readIndexes() ?? { offsets: new OffsetIndex(), times: new TimeIndex() };
      this.loaded = new WeakRef(loaded);
    }
    return loaded;
  }

  /** Position of the first batch whose last offset is at or above `offset`, or `size` where there is none. */
  positionOf(offset: number): number {
    const start = this.indexes().offsets.lookup(offset - this.baseOffset);
    return this.find(start, (header) => batches.lastOffset(header) >= offset);
  }

  /** The first record at or after the time, at or above `from`. */
  firstAtOrAfter(timestamp: number, from: number): { timestamp: number; offset: number } | undefined {
    if (this.maxTimestamp < timestamp) return undefined;
    const { offsets, times } = this.indexes();
    let position = offsets.lookup(times.lookup(timestamp));
    const cursor = new RecordCursor();
    for (;;) {
      position = this.find(position, (header) => batches.maxTimestamp(header) >= timestamp && batches.lastOffset(header) >= from);
      if (position >= this.size) return undefined;
      const batch = this.readBatch(position);
      cursor.open(batch);
      while (cursor.next())
        if (cursor.timestamp >= timestamp && cursor.offset >= from) return { timestamp: cursor.timestamp, offset: cursor.offset };
      position += batch.length;
    }
  }

  /** The batch that begins at the position. */
  readBatch(position: number): Buffer {
    const header = this.readAt(position, batches.RECORD_BATCH_OVERHEAD);
    if (header.length < batches.RECORD_BATCH_OVERHEAD) throw this.corrupt(position);
    const batch = this.readAt(position, batches.batchSize(header));
    if (batches.batchEnd(batch, 0) !== batch.length) throw this.corrupt(position);
    return batch;
  }

  /** Up to `length` bytes; less only at the file's end. @throws MillraceError DISK_FAILED */
  readAt(position: number, length: number): Buffer {
    const bytes = Math.max(0, Math.min(length, this.size - position));
    // of memory that a fetch's answer was sent from, where there is some
    return this.readInto(takeMemory(bytes, bytes).subarray(0, bytes), position);
  }

  /** As many bytes as there is room for, in the room; less only at the file's end. @throws MillraceError DISK_FAILED */
  readInto(room: Buffer, position: number): Buffer {
    const bytes = room.subarray(0, Math.max(0, Math.min(room.length, this.size - position)));
    try {
      const n = readFully(this.fd, bytes, 0, bytes.length, position);
      return n === bytes.length ? bytes : bytes.subarray(0, n);
    } catch (error) {
      throw diskError(error, "read", this.path);
    }
  }

  /** Walks the headers from `position`, where a batch begins, until one is wanted. */
  private find(position: number, wanted: (header: Buffer) => boolean): number {
    let chunk: Buffer = Buffer.alloc(0);
    let chunkStart = position;
    while (position < this.size) {
      let at = position - chunkStart;
      if (at + batches.RECORD_BATCH_OVERHEAD > chunk.length) {
        chunk = this.readAt(position, SCAN_CHUNK);
        chunkStart = position;
        at = 0;
        if (chunk.length < batches.RECORD_BATCH_OVERHEAD) throw this.corrupt(position);
      }
      const header = chunk.subarray(at, at + batches.RECORD_BATCH_OVERHEAD);
      if (wanted(header)) return position;
      const size = batches.batchSize(header);
      if (size < batches.RECORD_BATCH_OVERHEAD) throw this.corrupt(position);
      position += size;
    }
    return this.size;
  }

  corrupt(position: number): MillraceError {
    return new MillraceError("LOG_CORRUPT", `${this.path} holds no batch at position ${position}`, {
      context: { file: this.path, position },
    });
  }
}
