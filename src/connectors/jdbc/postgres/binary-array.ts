/**
 * The parameters of an `unnest` in one buffer, as a Bind message has them: int16 count, then int32 size and bytes of each. Each is an
 * array in Postgres' binary format, measured at half the CPU of text arrays: int32 dimensions, int32 has-nulls, int32 element oid,
 * int32 length, int32 lower bound, then int32 size (-1: null) and bytes of each element.
 */
export class BinaryArrays {
  private buffer = Buffer.allocUnsafe(4096);
  private view = viewOf(this.buffer);
  private readonly digits: number[] = [];
  private position = 2;
  private arrays = 0;
  /** where the open array begins, after its size */
  private start = 0;
  private nulls = 0;
  /** elements of the open array so far */
  count = 0;

  /** Begins the next parameter. */
  open(elementOid: number): void {
    this.room(24);
    this.start = this.position + 4;
    this.view.setInt32(this.start + 8, elementOid);
    this.position += 24;
    this.count = 0;
    this.nulls = 0;
  }
  close(): void {
    const { view, start, count } = this;
    if (count === 0) this.position = start + 12;
    view.setInt32(start - 4, this.position - start);
    view.setInt32(start, count === 0 ? 0 : 1);
    view.setInt32(start + 4, this.nulls);
    if (count > 0) {
      view.setInt32(start + 12, count);
      view.setInt32(start + 16, 1);
    }
    this.arrays++;
  }
  /** All parameters so far. No copy: valid until `reset`. */
  finish(): Buffer {
    this.view.setInt16(0, this.arrays);
    return this.buffer.subarray(0, this.position);
  }
  reset(): void {
    this.position = 2;
    this.arrays = 0;
  }
  get capacity(): number {
    return this.buffer.length;
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
    const n = Number(unscaled);
    if (n <= SMALL && n >= -SMALL) {
      this.smallNumeric(n, scale);
      return;
    }
    const shift = (4 - (scale & 3)) & 3;
    let used = 0;
    let rest = (n < 0 ? -unscaled : unscaled) * BigInt(POWERS[shift]!);
    for (; rest > 0n; used++) {
      this.digits[used] = Number(rest % 10_000n);
      rest /= 10_000n;
    }
    this.putDigits(used, n < 0, scale, shift);
  }

  /** The same of an unscaled number that is a safe integer. */
  smallNumeric(n: number, scale: number): void {
    if (n > SMALL || n < -SMALL) {
      this.numeric(BigInt(n), scale);
      return;
    }
    const shift = (4 - (scale & 3)) & 3;
    let used = 0;
    let rest = Math.abs(n) * POWERS[shift]!;
    for (; rest > 0; used++) {
      const next = Math.floor(rest / 10_000);
      this.digits[used] = rest - next * 10_000;
      rest = next;
    }
    this.putDigits(used, n < 0, scale, shift);
  }

  /** `used` digits from the last to the first. */
  private putDigits(used: number, negative: boolean, scale: number, shift: number): void {
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

  /** UTF-8 text or bytes as they are. */
  span(bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    this.room(4 + size);
    this.view.setInt32(this.position, size);
    const b = this.buffer;
    const at = this.position + 4;
    if (size <= 64) for (let i = 0; i < size; i++) b[at + i] = bytes[start + i]!;
    else bytes.copy(b, at, start, end);
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

/** Up to here three more zeros leave a safe integer. */
const SMALL = 9_007_199_254_740;
const POWERS = [1, 10, 100, 1000];

/** What waits to be used again, and how large it may be: memory that was touched before costs a tenth. */
const free: BinaryArrays[] = [];
const KEPT = 6;
const KEPT_BYTES = 8 * 1024 * 1024;

export function takeArrays(): BinaryArrays {
  return free.pop() ?? new BinaryArrays();
}

/** Its bytes are no longer needed. */
export function giveBack(arrays: BinaryArrays): void {
  arrays.reset();
  if (free.length < KEPT && arrays.capacity <= KEPT_BYTES) free.push(arrays);
}

const viewOf = (buffer: Buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
