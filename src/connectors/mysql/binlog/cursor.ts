const high = 0x1_0000_0000;

export function u32(b: Buffer, p: number): number {
  return (b[p]! | (b[p + 1]! << 8) | (b[p + 2]! << 16)) + b[p + 3]! * 0x100_0000;
}

export function u48(b: Buffer, p: number): number {
  return u32(b, p) + (b[p + 4]! | (b[p + 5]! << 8)) * high;
}

/** 8 bytes as a number; beyond 2^53 it loses digits. */
export function u64(b: Buffer, p: number): number {
  return u32(b, p) + u32(b, p + 4) * high;
}

/** Whether the bytes at [start, end) are these. */
export function same(bytes: Uint8Array, b: Buffer, start: number, end: number): boolean {
  const n = bytes.length;
  if (n !== end - start) return false;
  for (let i = 0; i < n; i++) if (bytes[i] !== b[start + i]) return false;
  return true;
}

/** Reads the fields of one event. A field beyond its end is a RangeError, which the decoder turns into an error with the position. */
export class Cursor {
  constructor(
    readonly b: Buffer,
    public p: number,
    readonly end: number,
  ) {}

  private take(n: number): number {
    const at = this.p;
    if (!(n >= 0 && at + n <= this.end)) throw new RangeError("the event ends within a field");
    this.p = at + n;
    return at;
  }

  get left(): number {
    return this.end - this.p;
  }

  u8(): number {
    return this.b[this.take(1)]!;
  }

  u16(): number {
    return this.b.readUInt16LE(this.take(2));
  }

  u32(): number {
    return this.b.readUInt32LE(this.take(4));
  }

  u48(): number {
    return this.b.readUIntLE(this.take(6), 6);
  }

  /** 8 bytes as a number; beyond 2^53 it loses digits. */
  u64(): number {
    return u64(this.b, this.take(8));
  }

  bytes(n: number): Buffer {
    const at = this.take(n);
    return this.b.subarray(at, at + n);
  }

  text(n: number, encoding: BufferEncoding = "utf8"): string {
    const at = this.take(n);
    return this.b.toString(encoding, at, at + n);
  }

  skip(n: number): void {
    this.take(n);
  }

  /** An integer of 1, 3, 4 or 9 bytes. */
  lengthEncoded(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.b.readUIntLE(this.take(3), 3);
    if (first === 0xfe) return this.u64();
    throw new RangeError("a length is malformed");
  }

  /** MySQL's own serialization of an unsigned integer: the low bits that are 1 count the bytes that follow. */
  varlen(): bigint {
    const first = this.b[this.take(1)]!;
    let more = 0;
    while (more < 8 && first & (1 << more)) more++;
    const at = this.take(more);
    let value = more >= 8 ? 0n : BigInt(first >> (more + 1));
    for (let i = 0; i < more; i++) value |= BigInt(this.b[at + i]!) << BigInt(more >= 8 ? 8 * i : 8 * i + 7 - more);
    return value;
  }
}
