/**
 * Postgres' binary array format: the parameters of an `unnest`. Measured at half the CPU of text arrays.
 * int32 dimensions, int32 has-nulls, int32 element oid, int32 length, int32 lower bound, then int32 size (-1: null) and bytes
 * of each element.
 */
export class BinaryArray {
  /** Small to begin with, out of Node's pool: a commit a row makes one array a column. */
  private buffer = Buffer.allocUnsafe(128);
  private position = 20;
  private count = 0;
  private nulls = 0;

  constructor(private readonly elementOid: number) {}

  reset(): void {
    this.position = 20;
    this.count = 0;
    this.nulls = 0;
  }

  /** A copy that stays valid after `reset`. */
  finish(): Buffer {
    const b = this.buffer;
    b.writeInt32BE(this.count === 0 ? 0 : 1, 0);
    b.writeInt32BE(this.nulls, 4);
    b.writeInt32BE(this.elementOid, 8);
    b.writeInt32BE(this.count, 12);
    b.writeInt32BE(1, 16);
    return Buffer.from(b.subarray(0, this.count === 0 ? 12 : this.position));
  }

  null(): void {
    this.room(4);
    this.position = this.buffer.writeInt32BE(-1, this.position);
    this.nulls = 1;
    this.count++;
  }
  int16(n: number): void {
    this.room(6);
    this.buffer.writeInt32BE(2, this.position);
    this.position = this.buffer.writeInt16BE(n, this.position + 4);
    this.count++;
  }
  int32(n: number): void {
    this.room(8);
    this.buffer.writeInt32BE(4, this.position);
    this.position = this.buffer.writeInt32BE(n, this.position + 4);
    this.count++;
  }
  int64(n: number | bigint): void {
    this.room(12);
    const b = this.buffer;
    const p = this.position;
    b.writeInt32BE(8, p);
    if (typeof n === "number") {
      const high = Math.floor(n / 4294967296);
      b.writeInt32BE(high | 0, p + 4);
      b.writeUInt32BE(n - high * 4294967296, p + 8);
    } else b.writeBigInt64BE(n, p + 4);
    this.position = p + 12;
    this.count++;
  }
  float32(n: number): void {
    this.room(8);
    this.buffer.writeInt32BE(4, this.position);
    this.position = this.buffer.writeFloatBE(n, this.position + 4);
    this.count++;
  }
  float64(n: number): void {
    this.room(12);
    this.buffer.writeInt32BE(8, this.position);
    this.position = this.buffer.writeDoubleBE(n, this.position + 4);
    this.count++;
  }
  boolean(value: boolean): void {
    this.room(5);
    this.buffer.writeInt32BE(1, this.position);
    this.buffer[this.position + 4] = value ? 1 : 0;
    this.position += 5;
    this.count++;
  }
  bytes(value: Uint8Array): void {
    this.room(4 + value.length);
    this.buffer.writeInt32BE(value.length, this.position);
    this.buffer.set(value, this.position + 4);
    this.position += 4 + value.length;
    this.count++;
  }
  text(value: string): void {
    this.room(4 + value.length * 3);
    const b = this.buffer;
    const at = this.position + 4;
    let size = value.length;
    if (size <= 24) {
      // a short ASCII text by hand: the call into the runtime costs more than the copy
      for (let i = 0; i < size; i++) {
        const c = value.charCodeAt(i);
        if (c > 127) {
          size = -1;
          break;
        }
        b[at + i] = c;
      }
      if (size < 0) size = b.write(value, at, "utf8");
    } else size = b.write(value, at, "utf8");
    b.writeInt32BE(size, this.position);
    this.position = at + size;
    this.count++;
  }

  private room(bytes: number): void {
    if (this.position + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.position + bytes));
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
  }
}
