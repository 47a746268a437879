import { readInt64, writeInt64 } from "../protocol/record-batch.js";

/**
 * Kafka's `.timeindex`: entries of 12 bytes, timestamp i64 and relative offset i32. An entry says that no record up to that offset
 * is younger than the timestamp; both rise.
 */
export class TimeIndex {
  private timestamps = new Float64Array(32);
  private offsets = new Int32Array(32);
  length = 0;

  get lastTimestamp(): number {
    return this.length === 0 ? -1 : this.timestamps[this.length - 1]!;
  }
  get lastRelativeOffset(): number {
    return this.length === 0 ? 0 : this.offsets[this.length - 1]!;
  }

  /** Ignored unless the timestamp is larger than the last. */
  add(timestamp: number, relativeOffset: number): void {
    if (timestamp <= this.lastTimestamp) return;
    if (this.length === this.offsets.length) {
      const timestamps = new Float64Array(this.length * 2);
      timestamps.set(this.timestamps);
      this.timestamps = timestamps;
      const offsets = new Int32Array(this.length * 2);
      offsets.set(this.offsets);
      this.offsets = offsets;
    }
    this.timestamps[this.length] = timestamp;
    this.offsets[this.length] = relativeOffset;
    this.length++;
  }

  /** The relative offset up to which every record is older than the timestamp. */
  lookup(timestamp: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timestamps[middle]! < timestamp) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.offsets[low - 1]!;
  }

  truncate(relativeOffset: number): void {
    while (this.length > 0 && this.offsets[this.length - 1]! >= relativeOffset) this.length--;
  }

  encode(): Buffer {
    const out = Buffer.allocUnsafe(this.length * 12);
    for (let i = 0; i < this.length; i++) {
      writeInt64(out, this.timestamps[i]!, i * 12);
      out.writeInt32BE(this.offsets[i]!, i * 12 + 8);
    }
    return out;
  }

  /** undefined where the bytes are no such index */
  static decode(bytes: Buffer): TimeIndex | undefined {
    if (bytes.length % 12 !== 0) return undefined;
    const index = new TimeIndex();
    for (let at = 0; at < bytes.length; at += 12) {
      const timestamp = readInt64(bytes, at);
      const offset = bytes.readInt32BE(at + 8);
      if (timestamp <= index.lastTimestamp || offset < index.lastRelativeOffset) return undefined;
      index.add(timestamp, offset);
    }
    return index;
  }
}
