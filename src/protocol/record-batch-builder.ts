import type { RecordHeader } from "../data/headers.js";
import { giveMemory, takeMemory } from "./batch-memory.js";
import { compress } from "./compression.js";
import {
  CONTROL_FLAG,
  type CompressionType,
  compressionTypes,
  LOG_OVERHEAD,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  RECORD_BATCH_OVERHEAD,
  TRANSACTIONAL_FLAG,
  writeCrc,
  writeInt64,
} from "./record-batch.js";

/** Bytes that Node's pool still takes: copying so few is cheaper than memory of their own. */
const pooled = 4096;
/** Bytes of a batch that is worth keeping memory for, and the step of its sizes. */
const large = 64 * 1024;
/** What a builder has between a batch that was taken and the next record. */
const none = Buffer.alloc(0);

export interface FinishOptions {
  /** -1, the default: not idempotent */
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
  /** "none" by default */
  readonly compression?: CompressionType;
}

export interface BatchMark {
  readonly position: number;
  readonly count: number;
  readonly maxTimestamp: number;
}

/**
 * Writes records one after another into one growing Buffer, behind room for the batch's header. Either whole with
 * `append`, or piece by piece without a copy:
 *
 *   b.beginRecord(ts); b.beginKey(); …write at b.buffer[b.position…], b.position += n; b.endKey(); b.beginValue(); …; b.endValue(); b.endRecord();
 *
 * `nullKey()` and `nullValue()` stand for begin and end. Call `ensure(n)` before writing n bytes: it may replace `buffer`.
 * Lengths that are not known ahead are reserved as zero-padded varints; one that outgrows its room is widened by moving
 * what follows, and later records reserve as much.
 */
export class RecordBatchBuilder {
  /** Write here, at `position`; `ensure` may replace it. */
  buffer: Buffer;
  position = RECORD_BATCH_OVERHEAD;
  /** Records so far, without one that is begun. */
  count = 0;
  /** ms; of the first record. Meaningless while `count` is 0. */
  baseTimestamp = 0;
  maxTimestamp = 0;
  private recordStart = RECORD_BATCH_OVERHEAD;
  private recordTimestamp = 0;
  /** bytes that the last batches took, the most of them; less with each that took less */
  private usualSize = 0;
  private keyless = false;
  private fieldStart = 0;
  private recordWidth = 2;
  private keyWidth = 1;
  private valueWidth = 2;

  /** @param capacity bytes to begin with */
  constructor(private readonly capacity = 64 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(Math.max(capacity, RECORD_BATCH_OVERHEAD + 64));
  }

  /** Bytes of the batch so far, uncompressed, its header too. */
  get size(): number {
    return this.position;
  }

  /** Forgets all records; keeps the memory. */
  reset(): void {
    this.position = RECORD_BATCH_OVERHEAD;
    this.recordStart = RECORD_BATCH_OVERHEAD;
    this.count = 0;
    this.baseTimestamp = 0;
    this.maxTimestamp = 0;
    this.keyless = false;
  }

  /** Whether every record so far has a key. */
  get keyed(): boolean {
    return !this.keyless;
  }

  /** Makes room for `bytes` more at `position`. */
  ensure(bytes: number): void {
    if (this.position + bytes > this.buffer.length) this.grow(this.position + bytes);
  }

  private grow(need: number): void {
    const before = this.buffer;
    const usual = Math.max(need, this.usualSize, this.capacity);
    const like = Math.max(usual, before.length * (before.length < large ? 4 : 2));
    // large ones of few sizes, so that the memory of one batch does for the next, whose last record is a little longer
    const grown = takeMemory(usual, like > large ? Math.ceil(like / large) * large : like);
    before.copy(grown, 0, 0, this.position);
    giveMemory(before);
    this.buffer = grown;
  }

  /** @param timestamp ms since the epoch */
  append(timestamp: number, key: Uint8Array | null, value: Uint8Array | null, headers?: readonly RecordHeader[]): void {
    this.beginRecord(timestamp);
    if (key === null) this.nullKey();
    else this.putLengthAndBytes(key);
    if (value === null) this.nullValue();
    else this.putLengthAndBytes(value);
    this.endRecord(headers);
  }

  beginRecord(timestamp: number): void {
    this.ensure(32);
    this.recordStart = this.position;
    this.recordTimestamp = timestamp;
    this.position += this.recordWidth;
    this.buffer[this.position++] = 0;
    this.putVarint(this.count === 0 ? 0 : timestamp - this.baseTimestamp);
    this.putVarint(this.count);
  }

  nullKey(): void {
    this.keyless = true;
    this.ensure(8);
    this.buffer[this.position++] = 1;
  }
  beginKey(): void {
    this.ensure(8);
    this.position += this.keyWidth;
    this.fieldStart = this.position;
  }
  endKey(): void {
    this.keyWidth = this.fixLength(this.fieldStart, this.keyWidth);
  }

  nullValue(): void {
    this.ensure(8);
    this.buffer[this.position++] = 1;
  }
  beginValue(): void {
    this.ensure(8);
    this.position += this.valueWidth;
    this.fieldStart = this.position;
  }
  endValue(): void {
    this.valueWidth = this.fixLength(this.fieldStart, this.valueWidth);
  }

  endRecord(headers?: readonly RecordHeader[]): void {
    this.ensure(8);
    if (headers === undefined || headers.length === 0) this.buffer[this.position++] = 0;
    else this.putHeaders(headers);
    this.closeRecord();
  }

  /** Like `endRecord`, with headers that are encoded already, their count first: the same in many records. */
  endRecordEncoded(headers: Uint8Array): void {
    this.ensure(headers.length + 8);
    this.buffer.set(headers, this.position);
    this.position += headers.length;
    this.closeRecord();
  }

  private closeRecord(): void {
    this.recordWidth = this.fixLength(this.recordStart + this.recordWidth, this.recordWidth);
    const t = this.recordTimestamp;
    if (this.count === 0) this.baseTimestamp = this.maxTimestamp = t;
    else if (t > this.maxTimestamp) this.maxTimestamp = t;
    this.count++;
    this.recordStart = this.position;
  }

  /** Takes back the record that was begun and not ended. */
  rollback(): void {
    this.position = this.recordStart;
  }

  /** Between two records: where `restore` goes back to. */
  mark(): BatchMark {
    return { position: this.position, count: this.count, maxTimestamp: this.maxTimestamp };
  }

  /** Takes back the records after the mark. */
  restore({ position, count, maxTimestamp }: BatchMark): void {
    this.position = this.recordStart = position;
    this.count = count;
    this.maxTimestamp = maxTimestamp;
  }

  /**
   * The whole batch (base offset 0, leader epoch -1) in a Buffer of its own; the builder is empty afterwards.
   * @throws MillraceError UNSUPPORTED where the compression's library is missing
   */
  finish(options: FinishOptions = {}): Buffer {
    if (options.compression !== undefined && options.compression !== "none") return this.packed(options.compression, options);
    const batch = Buffer.allocUnsafeSlow(this.position);
    this.buffer.copy(batch, RECORD_BATCH_OVERHEAD, RECORD_BATCH_OVERHEAD, this.position);
    return this.close(batch, options);
  }

  /**
   * Like `finish`, but the batch is the builder's own memory, which is the caller's from here on (`giveMemory` once it is done with
   * it). A small or compressed batch is in memory of its own, as with `finish`.
   */
  take(options: FinishOptions): Buffer {
    if (options.compression !== undefined && options.compression !== "none") return this.packed(options.compression, options);
    if (this.position < pooled) {
      this.usualSize >>= 1;
      const small = Buffer.allocUnsafe(this.position);
      this.buffer.copy(small, RECORD_BATCH_OVERHEAD, RECORD_BATCH_OVERHEAD, this.position);
      if (this.buffer.length > large) {
        giveMemory(this.buffer);
        this.buffer = none;
      }
      return this.close(small, options);
    }
    const batch = this.buffer.subarray(0, this.position);
    this.usualSize = Math.max(this.position, this.usualSize - (this.usualSize >> 3));
    this.buffer = none;
    return this.close(batch, options);
  }

  private packed(compression: CompressionType, options: FinishOptions): Buffer {
    const bytes = compress(compression, this.buffer.subarray(RECORD_BATCH_OVERHEAD, this.position));
    const batch = Buffer.allocUnsafeSlow(RECORD_BATCH_OVERHEAD + bytes.length);
    batch.set(bytes, RECORD_BATCH_OVERHEAD);
    return this.close(batch, options);
  }

  private close(batch: Buffer, options: FinishOptions): Buffer {
    writeInt64(batch, 0, 0);
    batch.writeInt32BE(batch.length - LOG_OVERHEAD, 8);
    batch.writeInt32BE(-1, 12);
    batch[16] = 2;
    const flags = (options.transactional ? TRANSACTIONAL_FLAG : 0) | (options.control ? CONTROL_FLAG : 0);
    batch.writeInt16BE(compressionTypes.indexOf(options.compression ?? "none") | flags, 21);
    batch.writeInt32BE(Math.max(0, this.count - 1), 23);
    writeInt64(batch, this.baseTimestamp, 27);
    writeInt64(batch, this.maxTimestamp, 35);
    writeInt64(batch, options.producerId ?? NO_PRODUCER_ID, 43);
    batch.writeInt16BE(options.producerEpoch ?? -1, 51);
    batch.writeInt32BE(options.baseSequence ?? NO_SEQUENCE, 53);
    batch.writeInt32BE(this.count, 57);
    writeCrc(batch);
    this.reset();
    return batch;
  }

  private putLengthAndBytes(bytes: Uint8Array): void {
    this.ensure(bytes.length + 16);
    this.putVarint(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  private putHeaders(headers: readonly RecordHeader[]): void {
    this.putVarint(headers.length);
    for (const { key, value } of headers) {
      const keyBytes = Buffer.byteLength(key);
      this.ensure(keyBytes + (value?.length ?? 0) + 16);
      this.putVarint(keyBytes);
      this.position += this.buffer.write(key, this.position);
      if (value === null) this.buffer[this.position++] = 1;
      else this.putLengthAndBytes(value);
    }
    this.ensure(8);
  }

  /** Zigzag varint (or varlong), as short as it can be. */
  private putVarint(value: number): void {
    const b = this.buffer;
    let p = this.position;
    if (value >= -0x4000_0000 && value < 0x4000_0000) {
      let z = (value << 1) ^ (value >> 31);
      while (z > 0x7f) {
        b[p++] = (z & 0x7f) | 0x80;
        z >>>= 7;
      }
      b[p++] = z;
    } else {
      let z = value < 0 ? -2 * value - 1 : 2 * value;
      while (z > 0x7f) {
        b[p++] = (z % 128) | 0x80;
        z = Math.floor(z / 128);
      }
      b[p++] = z;
    }
    this.position = p;
  }

  /** Writes the length of [start, position) into the `width` bytes ahead of start; returns the width that it took. */
  private fixLength(start: number, width: number): number {
    const length = this.position - start;
    const at = start - width;
    let need = 1;
    for (let room = 64; room <= length; room *= 128) need++;
    if (need > width) {
      this.ensure(need - width + 8);
      this.buffer.copyWithin(at + need, start, this.position);
      this.position += need - width;
      width = need;
    }
    const b = this.buffer;
    let z = length * 2;
    let p = at;
    for (let i = 1; i < width; i++) {
      b[p++] = (z % 128) | 0x80;
      z = Math.floor(z / 128);
    }
    b[p] = z;
    return width;
  }
}
