import { MillraceError } from "../common/errors.js";
import type { RecordHeader } from "../data/headers.js";
import { decompress } from "./compression.js";
import {
  attributes,
  baseOffset,
  baseTimestamp,
  batchEnd,
  COMPRESSION_MASK,
  compressionTypes,
  isLogAppendTime,
  magic,
  maxTimestamp,
  RECORD_BATCH_OVERHEAD,
  recordCount,
} from "./record-batch.js";

/**
 * Walks the records of one batch without allocating: `open` a batch, then `next` until false. The fields describe the
 * current record; keys and values are [start, end) in `bytes`, with both -1 for null. Control batches are walked too.
 */
export class RecordCursor {
  /** What keyStart … point into: the opened buffer, or the decompressed records. Valid until the next `open`. */
  bytes: Buffer = Buffer.alloc(0);
  offset = -1;
  /** ms */
  timestamp = -1;
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  headerCount = 0;
  /** Where the headers begin, after their count. */
  headersStart = 0;
  /** The whole current record, its length field too. */
  recordStart = 0;
  attributesStart = 0;
  timestampDelta = 0;
  offsetDeltaStart = 0;
  recordEnd = 0;
  private position = 0;
  private limit = 0;
  private left = 0;
  private firstOffset = 0;
  private firstTimestamp = 0;
  /** -1, or the broker's time, which every record of the batch then has */
  private appendTime = -1;

  /**
   * Begins a batch (decompressing it once) and returns the position after it in `batches`, or -1 where it is not whole.
   * @throws MillraceError DATA_INVALID for another magic or records that do not decompress, UNSUPPORTED for a missing codec
   */
  open(batches: Buffer, at = 0): number {
    const end = batchEnd(batches, at);
    this.left = 0;
    if (end < 0) return -1;
    if (magic(batches, at) !== 2) throw new MillraceError("DATA_INVALID", `message format ${magic(batches, at)} is not supported, only 2`);
    const codec = attributes(batches, at) & COMPRESSION_MASK;
    const count = recordCount(batches, at);
    // a batch that compaction emptied has nothing to decompress
    if (codec === 0 || count === 0) {
      this.bytes = batches;
      this.position = at + RECORD_BATCH_OVERHEAD;
      this.limit = end;
    } else {
      const type = compressionTypes[codec];
      if (type === undefined) throw new MillraceError("DATA_INVALID", `compression ${codec} is not known`);
      this.bytes = decompress(type, batches.subarray(at + RECORD_BATCH_OVERHEAD, end));
      this.position = 0;
      this.limit = this.bytes.length;
    }
    this.left = count;
    this.firstOffset = baseOffset(batches, at);
    this.firstTimestamp = baseTimestamp(batches, at);
    this.appendTime = isLogAppendTime(batches, at) ? maxTimestamp(batches, at) : -1;
    return end;
  }

  /** @throws MillraceError DATA_INVALID where the record does not fit its batch */
  next(): boolean {
    if (this.left <= 0) return false;
    this.left--;
    const b = this.bytes;
    this.recordStart = this.position;
    const length = this.varint();
    const end = this.position + length;
    if (length < 6 || end > this.limit) throw this.broken();
    this.attributesStart = this.position++;
    const timestampDelta = (this.timestampDelta = this.varint());
    this.offsetDeltaStart = this.position;
    const offsetDelta = this.varint();
    const keyLength = this.varint();
    if (keyLength < 0) this.keyStart = this.keyEnd = -1;
    else {
      this.keyStart = this.position;
      this.keyEnd = this.position += keyLength;
    }
    if (this.position >= end) throw this.broken();
    const valueLength = this.varint();
    if (valueLength < 0) this.valueStart = this.valueEnd = -1;
    else {
      this.valueStart = this.position;
      this.valueEnd = this.position += valueLength;
    }
    if (this.position >= end) throw this.broken();
    const count = b[this.position]!;
    if (count < 0x80) {
      this.position++;
      this.headerCount = count >>> 1;
    } else this.headerCount = this.varint();
    this.headersStart = this.position;
    this.offset = this.firstOffset + offsetDelta;
    this.timestamp = this.appendTime === -1 ? this.firstTimestamp + timestampDelta : this.appendTime;
    this.recordEnd = this.position = end;
    return true;
  }

  /** The current record's headers; the values are views into `bytes`. */
  headers(): RecordHeader[] {
    const saved = this.position;
    const list: RecordHeader[] = [];
    this.position = this.headersStart;
    try {
      for (let i = 0; i < this.headerCount; i++) {
        const keyLength = this.varint();
        const keyStart = this.position;
        this.position += keyLength;
        const valueLength = this.varint();
        const valueStart = this.position;
        if (valueLength > 0) this.position += valueLength;
        if (keyLength < 0 || this.position > this.recordEnd) throw this.broken();
        list.push({
          key: this.bytes.toString("utf8", keyStart, keyStart + keyLength),
          value: valueLength < 0 ? null : this.bytes.subarray(valueStart, this.position),
        });
      }
    } finally {
      this.position = saved;
    }
    return list;
  }

  /** Zigzag varint or varlong at `position`, which moves on. Exact up to 2^53. */
  private varint(): number {
    const b = this.bytes;
    let p = this.position;
    let byte = b[p++]!;
    if (byte < 0x80) {
      this.position = p;
      return (byte >>> 1) ^ -(byte & 1);
    }
    let z = byte & 0x7f;
    let shift = 7;
    while (shift < 28) {
      byte = b[p++]!;
      z |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = p;
        return (z >>> 1) ^ -(z & 1);
      }
      shift += 7;
    }
    let scale = 2 ** 28;
    let total = z;
    for (;;) {
      byte = b[p++]!;
      total += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
      if (byte === undefined || scale > 2 ** 63) throw this.broken();
    }
    this.position = p;
    return total % 2 === 0 ? total / 2 : -(total + 1) / 2;
  }

  private broken(): MillraceError {
    return new MillraceError("DATA_INVALID", `record ${this.offset + 1} of the batch at offset ${this.firstOffset} does not fit its batch`);
  }
}
