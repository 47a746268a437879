import { MillraceError } from "../common/errors.js";
import type {} from "../data/buffer-text.js";

/** Avro's primitives (and what other formats share with them) from a Buffer, at a position that moves on. @throws DESERIALIZATION where the bytes end too early */
export class ByteReader {
  buffer: Buffer = Buffer.alloc(0);
  position = 0;
  end = 0;

  set(buffer: Buffer, start: number, end: number): this {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
    return this;
  }

  /** An int or long: a number while it is safe, else a bigint. */
  long(): number | bigint {
    const b = this.buffer;
    let p = this.position;
    let byte = b[p++]!;
    let z = byte & 0x7f;
    let scale = 128;
    while (byte > 0x7f) {
      byte = b[p++]!;
      // the eighth byte may only fill the bits up to 2^53
      if (scale === 2 ** 49 && byte > 15) return this.bigLong();
      z += (byte & 0x7f) * scale;
      scale *= 128;
    }
    if (p > this.end) throw this.short();
    this.position = p;
    return z % 2 === 0 ? z / 2 : -(z + 1) / 2;
  }

  int(): number {
    return Number(this.long());
  }

  private bigLong(): number | bigint {
    const b = this.buffer;
    let p = this.position;
    let z = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = b[p++];
      if (byte === undefined || p > this.end || shift > 63n) throw this.short();
      z |= BigInt(byte & 0x7f) << shift;
      if (byte <= 0x7f) break;
    }
    this.position = p;
    const n = BigInt.asIntN(64, (z >> 1n) ^ -(z & 1n));
    return n >= BigInt(Number.MIN_SAFE_INTEGER) && n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n;
  }

  boolean(): boolean {
    return this.buffer[this.skip(1)] !== 0;
  }
  float(): number {
    return this.buffer.readFloatLE(this.skip(4));
  }
  double(): number {
    return this.buffer.readDoubleLE(this.skip(8));
  }
  string(): string {
    const n = this.int();
    const at = this.skip(n);
    return this.buffer.utf8Slice(at, at + n);
  }
  /** A copy: what is decoded outlives the batch. */
  bytes(): Buffer {
    const n = this.int();
    return this.fixed(n);
  }
  fixed(n: number): Buffer {
    const at = this.skip(n);
    return Buffer.from(this.buffer.subarray(at, at + n));
  }

  /** Moves on by n bytes and returns where they begin. */
  skip(n: number): number {
    const at = this.position;
    if (n < 0 || at + n > this.end) throw this.short();
    this.position = at + n;
    return at;
  }

  protected short(): MillraceError {
    return new MillraceError("DESERIALIZATION", `The data ends too early at byte ${this.position}`);
  }
}
