/**
 * Postgres' binary array format: the parameters of an `unnest`. Measured at half the CPU of text arrays.
 * int32 dimensions, int32 has-nulls, int32 element oid, int32 length, int32 lower bound, then int32 size (-1: null) and bytes
 * of each element.
 */
export class BinaryArray {
  /** Small to begin with, out of Node's pool: a commit a row makes one array a column. */
  private buffer = Buffer.allocUnsafe(128);
  private view: DataView;
  private readonly digits: number[] = [];
  private position = 20;
  private count = 0;
  private nulls = 0;

  /** @param expected how many elements there will be, about */
  constructor(
    private readonly elementOid: number,
    expected = 256,
  ) {
    this.buffer = Buffer.allocUnsafe(20 + expected * 16);
    this.view = viewOf(this.buffer);
  }

  finish(): Buffer {
    const b = this.buffer;
    b.writeInt32BE(this.count === 0 ? 0 : 1, 0);
    b.writeInt32BE(this.nulls, 4);
    b.writeInt32BE(this.elementOid, 8);
    b.writeInt32BE(this.count, 12);
    b.writeInt32BE(1, 16);
    return b.subarray(0, this.count === 0 ? 12 : this.position);
  }

  null(): void {
    this.room(4);
    this.view.setInt32(this.position, -1);
    this.position += 4;
    this.nulls = 1;
    this.count++;
  }
  int16(n: number): void {
    if ((n << 16) >> 16 !== n) throw new RangeError(`${n} is no smallint`);
    this.room(6);
    this.view.setInt32(this.position, 2);
    this.view.setInt16(this.position + 4, n);
    this.position += 6;
    this.count++;
  }
  int32(n: number): void {
    if ((n | 0) !== n) throw new RangeError(`${n} is no integer`);
    this.room(8);
    this.view.setInt32(this.position, 4);
    this.view.setInt32(this.position + 4, n);
    this.position += 8;
    this.count++;
  }
  int64(n: number | bigint): void {
    this.room(12);
    const { view, position } = this;
    view.setInt32(position, 8);
    if (typeof n === "number") {
      if (!Number.isSafeInteger(n)) throw new RangeError(`${n} is no bigint`);
      const high = Math.floor(n / 4294967296);
      view.setInt32(position + 4, high);
      view.setUint32(position + 8, n - high * 4294967296);
    } else {
      if (BigInt.asIntN(64, n) !== n) throw new RangeError(`${n} is no bigint`);
      view.setBigInt64(position + 4, n);
    }
    this.position = position + 12;
    this.count++;
  }
  float32(n: number): void {
    this.room(8);
    this.view.setInt32(this.position, 4);
    this.view.setFloat32(this.position + 4, n);
    this.position += 8;
    this.count++;
  }
  float64(n: number): void {
    this.room(12);
    this.view.setInt32(this.position, 8);
    this.view.setFloat64(this.position + 4, n);
    this.position += 12;
    this.count++;
  }

  /**
   * `unscaled` × 10^-scale as `numeric_recv` reads it: int16 count of base-10000 digits, int16 weight of the first, int16 sign,
   * int16 decimals to show, then the digits as int16, without zeros at either end.
   */
  numeric(unscaled: bigint, scale: number): void {
    const shift = (4 - (scale & 3)) & 3;
    const n = Number(unscaled);
    const negative = n < 0;
    // digits from the last to the first
    let used = 0;
    if (n <= 9_007_199_254_740 && n >= -9_007_199_254_740) {
      let rest = Math.abs(n) * POWERS[shift]!;
      for (; rest > 0; used++) {
        const next = Math.floor(rest / 10_000);
        this.digits[used] = rest - next * 10_000;
        rest = next;
      }
    } else {
      let rest = (negative ? -unscaled : unscaled) * BigInt(POWERS[shift]!);
      for (; rest > 0n; used++) {
        this.digits[used] = Number(rest % 10_000n);
        rest /= 10_000n;
      }
    }
    let from = 0;
    while (from < used && this.digits[from] === 0) from++;
    const size = used - from;
    this.room(12 + size * 2);
    const { view } = this;
    let at = this.position;
    view.setInt32(at, 8 + size * 2);
    view.setInt16(at + 4, size);
    view.setInt16(at + 6, size === 0 ? 0 : used - 1 - (scale + shift) / 4);
    view.setInt16(at + 8, negative ? 0x4000 : 0);
    view.setInt16(at + 10, Math.max(scale, 0));
    at += 12;
    for (let i = used - 1; i >= from; i--, at += 2) view.setInt16(at, this.digits[i]!);
    this.position = at;
    this.count++;
  }
  boolean(value: boolean): void {
    this.room(5);
    this.view.setInt32(this.position, 1);
    this.buffer[this.position + 4] = value ? 1 : 0;
    this.position += 5;
    this.count++;
  }
  bytes(value: Uint8Array): void {
    this.room(4 + value.length);
    this.view.setInt32(this.position, value.length);
    this.buffer.set(value, this.position + 4);
    this.position += 4 + value.length;
    this.count++;
  }
  text(value: string): void {
    this.room(4 + value.length * 3);
    const b = this.buffer;
    const at = this.position + 4;
    let size = value.length;
    if (size <= 40) {
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
    this.view.setInt32(this.position, size);
    this.position = at + size;
    this.count++;
  }

  private room(bytes: number): void {
    if (this.position + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.position + bytes));
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
    this.view = viewOf(larger);
  }
}

const POWERS = [1, 10, 100, 1000];

const viewOf = (buffer: Buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
