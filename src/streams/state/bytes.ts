/** A growing buffer with a position, for the row codec. Integers are zigzag varints, strings UTF-8 behind their length. */
export class ByteWriter {
  bytes: Buffer;
  position = 0;
  private view: DataView;

  constructor(capacity = 256) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  ensure(count: number): void {
    if (this.position + count <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.position + count, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.position);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  byte(value: number): void {
    this.ensure(1);
    this.bytes[this.position++] = value;
  }

  /** 32 bits */
  int(value: number): void {
    this.ensure(5);
    const b = this.bytes;
    let p = this.position;
    let z = ((value << 1) ^ (value >> 31)) >>> 0;
    while (z > 0x7f) {
      b[p++] = (z & 0x7f) | 0x80;
      z >>>= 7;
    }
    b[p++] = z;
    this.position = p;
  }

  /** 64 bits; a bigint only beyond the safe integers, so that one value has one encoding */
  long(value: number | bigint): void {
    if (typeof value === "number") {
      if (value >= -0x4000_0000 && value < 0x4000_0000) {
        this.int(value);
        return;
      }
      if (value >= -0x10_0000_0000_0000 && value <= 0x0f_ffff_ffff_ffff) {
        this.ensure(10);
        const b = this.bytes;
        let p = this.position;
        const z = value < 0 ? -2 * value - 1 : 2 * value;
        // beyond 30 bits: four bytes of seven, then the rest
        let high = Math.floor(z / 0x1000_0000);
        const low = z - high * 0x1000_0000;
        b[p] = low | 0x80;
        b[p + 1] = (low >>> 7) | 0x80;
        b[p + 2] = (low >>> 14) | 0x80;
        b[p + 3] = (low >>> 21) | 0x80;
        p += 4;
        while (high > 0x7f) {
          b[p++] = high | 0x80;
          high >>>= 7;
        }
        b[p++] = high;
        this.position = p;
        return;
      }
    }
    this.ensure(10);
    const n = BigInt(value);
    let z = n < 0n ? -2n * n - 1n : 2n * n;
    while (z > 0x7fn) {
      this.bytes[this.position++] = Number(z & 0x7fn) | 0x80;
      z >>= 7n;
    }
    this.bytes[this.position++] = Number(z);
  }

  double(value: number): void {
    this.ensure(8);
    this.view.setFloat64(this.position, value);
    this.position += 8;
  }

  string(value: string): void {
    const { length } = value;
    this.ensure(length * 3 + 5);
    const b = this.bytes;
    if (length < 48) {
      let p = this.position + 1;
      let i = 0;
      for (; i < length; i++) {
        const c = value.charCodeAt(i);
        if (c > 0x7f) break;
        b[p++] = c;
      }
      // One byte of length holds up to 63 (zigzag).
      if (i === length) {
        b[this.position] = length << 1;
        this.position = p;
        return;
      }
    }
    const size = Buffer.byteLength(value);
    this.int(size);
    this.position += b.write(value, this.position, size, "utf8");
  }

  blob(value: Uint8Array): void {
    this.ensure(value.length + 5);
    this.int(value.length);
    this.bytes.set(value, this.position);
    this.position += value.length;
  }
}

export class ByteReader {
  bytes: Buffer = empty;
  position = 0;
  private buffer: ArrayBufferLike = empty.buffer;
  private view: DataView = new DataView(empty.buffer);

  open(bytes: Buffer, position: number): void {
    this.bytes = bytes;
    this.position = position;
  }

  int(): number {
    const b = this.bytes;
    let byte = b[this.position++]!;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let z = byte & 0x7f;
    for (let shift = 7; ; shift += 7) {
      byte = b[this.position++]!;
      z |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (z >>> 1) ^ -(z & 1);
    }
  }

  long(): number | bigint {
    const b = this.bytes;
    let p = this.position;
    let byte = b[p++]!;
    let low = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift === 28) return this.beyond(p, low);
      byte = b[p++]!;
      low |= (byte & 0x7f) << shift;
    }
    this.position = p;
    return (low >>> 1) ^ -(low & 1);
  }

  /** More than 28 bits, of which `low` are the first; p behind them. */
  private beyond(at: number, low: number): number | bigint {
    const b = this.bytes;
    let p = at;
    let byte = b[p++]!;
    let high = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift === 21) return this.wide();
      byte = b[p++]!;
      high |= (byte & 0x7f) << shift;
    }
    this.position = p;
    // half of an even number of up to 49 bits, without its sign in the lowest
    const half = high * 0x800_0000 + (low >>> 1);
    return low & 1 ? -half - 1 : half;
  }

  double(): number {
    if (this.bytes.buffer !== this.buffer) {
      this.buffer = this.bytes.buffer;
      this.view = new DataView(this.buffer);
    }
    const value = this.view.getFloat64(this.bytes.byteOffset + this.position);
    this.position += 8;
    return value;
  }

  string(): string {
    const size = this.int();
    const start = this.position;
    this.position = start + size;
    return this.bytes.toString("utf8", start, start + size);
  }

  blob(): Uint8Array {
    const size = this.int();
    const start = this.position;
    this.position = start + size;
    return new Uint8Array(this.bytes.subarray(start, start + size));
  }

  private wide(): number | bigint {
    let z = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.bytes[this.position++]!;
      z |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const value = z & 1n ? -((z + 1n) >> 1n) : z >> 1n;
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }
}

const empty = Buffer.alloc(0);
