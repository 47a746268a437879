/**
 * Kafka's `.index`: entries of 8 bytes, relative offset i32 and position in the .log i32, both rising. An entry names the last offset of the
 * batch at its position, so the batch that holds an offset is at or after the entry found.
 */
export class OffsetIndex {
  private entries = new Int32Array(64);
  length = 0;

  add(relativeOffset: number, position: number): void {
    const at = this.length * 2;
    if (at + 2 > this.entries.length) {
      const grown = new Int32Array(this.entries.length * 2);
      grown.set(this.entries);
      this.entries = grown;
    }
    this.entries[at] = relativeOffset;
    this.entries[at + 1] = position;
    this.length++;
  }

  /** Where to begin the search for the batch that holds the offset. */
  lookup(relativeOffset: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.entries[middle * 2]! <= relativeOffset) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.entries[low * 2 - 1]!;
  }

  /** Drops entries at or above the relative offset. */
  truncate(relativeOffset: number): void {
    while (this.length > 0 && this.entries[this.length * 2 - 2]! >= relativeOffset) this.length--;
  }

  encode(): Buffer {
    const out = Buffer.allocUnsafe(this.length * 8);
    for (let i = 0; i < this.length * 2; i++) out.writeInt32BE(this.entries[i]!, i * 4);
    return out;
  }

  /** undefined where the bytes are no such index of a .log of that size */
  static decode(bytes: Buffer, logSize: number): OffsetIndex | undefined {
    if (bytes.length % 8 !== 0) return undefined;
    const index = new OffsetIndex();
    index.entries = new Int32Array(Math.max(64, bytes.length / 4));
    index.length = bytes.length / 8;
    let offset = -1;
    let position = -1;
    for (let i = 0; i < index.length; i++) {
      const nextOffset = (index.entries[i * 2] = bytes.readInt32BE(i * 8));
      const nextPosition = (index.entries[i * 2 + 1] = bytes.readInt32BE(i * 8 + 4));
      if (nextOffset <= offset || nextPosition <= position || nextPosition >= logSize) return undefined;
      offset = nextOffset;
      position = nextPosition;
    }
    return index;
  }
}
