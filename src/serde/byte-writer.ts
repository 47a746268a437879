import type {} from "../data/buffer-text.js";
/** Bytes appended to a Buffer that grows; kept and reused between records. */
export class ByteWriter {
  buffer: Buffer;
  position = 0;
  private view: DataView;

  constructor(capacity = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
    this.view = new DataView(this.buffer.buffer);
  }

  /** What was written, in a Buffer of its own; the writer is empty afterwards. */
  take(): Buffer {
    const out = Buffer.allocUnsafe(this.position);
    this.buffer.copy(out, 0, 0, this.position);
    this.position = 0;
    return out;
  }

  /** What was written, at a place in another Buffer that has room for it; its end there. */
  copyTo(to: Buffer, at: number): number {
    const { position, buffer } = this;
    // a native copy costs more than a short loop
    if (position > 64) buffer.copy(to, at, 0, position);
    else for (let i = 0; i < position; i++) to[at + i] = buffer[i]!;
    return at + position;
  }

  ensure(bytes: number): void {
    if (this.position + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.position + bytes, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }

  byte(value: number): void {
    this.ensure(1);
    this.buffer[this.position++] = value;
  }
  bytes(value: Uint8Array): void {
    this.ensure(value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
  }
  int32be(value: number): void {
    this.ensure(4);
    this.view.setInt32(this.position, value);
    this.position += 4;
  }
  floatLe(value: number): void {
    this.ensure(4);
    this.view.setFloat32(this.position, value, true);
    this.position += 4;
  }
  doubleLe(value: number): void {
    this.ensure(8);
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  /** Text as UTF-8, without a length. */
  utf8(text: string): void {
    this.ensure(text.length * 3);
    this.position += this.buffer.utf8Write(text, this.position);
  }
  latin1(text: string): void {
    this.ensure(text.length);
    this.position += this.buffer.latin1Write(text, this.position);
  }

  /** Avro's int and long: zigzag, variable length. */
  varint(value: number | bigint): void {
    this.ensure(10);
    const b = this.buffer;
    let p = this.position;
    if (typeof value === "bigint") {
      let z = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
      while (z > 0x7fn) {
        b[p++] = Number(z & 0x7fn) | 0x80;
        z >>= 7n;
      }
      b[p++] = Number(z);
    } else if (value >= -0x4000_0000 && value < 0x4000_0000) {
      let z = (value << 1) ^ (value >> 31);
      while (z > 0x7f) {
        b[p++] = (z & 0x7f) | 0x80;
        z >>>= 7;
      }
      b[p++] = z;
    } else if (value > -0x10_0000_0000_0000 && value < 0x10_0000_0000_0000) {
      let z = value < 0 ? -2 * value - 1 : 2 * value;
      while (z > 0x7f) {
        b[p++] = (z % 128) | 0x80;
        z = Math.floor(z / 128);
      }
      b[p++] = z;
    } else {
      this.varint(BigInt(value));
      return;
    }
    this.position = p;
  }

  /** Avro's string: length and UTF-8. */
  avroString(text: string): void {
    const { length } = text;
    if (length < 21) {
      // at most 63 bytes of UTF-8: one byte of length
      this.ensure(64);
      const n = this.buffer.utf8Write(text, this.position + 1);
      this.buffer[this.position] = n << 1;
      this.position += n + 1;
      return;
    }
    this.varint(Buffer.byteLength(text));
    this.utf8(text);
  }
  avroBytes(value: Uint8Array): void {
    this.varint(value.length);
    this.bytes(value);
  }
}
