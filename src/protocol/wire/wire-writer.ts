/** Bytes from which on a buffer is not copied but becomes a part of the message by itself. */
const OWN_PART = 8 * 1024;

/** Writes the wire's primitive types one after another into parts, which a socket takes in one call. */
export class WireWriter {
  private readonly done: Buffer[] = [];
  private doneBytes = 0;
  private buffer: Buffer;
  private position = 0;

  constructor(capacity = 512) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.doneBytes + this.position;
  }

  /** What was written; the writer is not used afterwards. */
  parts(): readonly Buffer[] {
    if (this.position > 0) this.done.push(this.buffer.subarray(0, this.position));
    return this.done;
  }

  private room(bytes: number): number {
    const at = this.position;
    if (at + bytes > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, at + bytes));
      this.buffer.copy(grown, 0, 0, at);
      this.buffer = grown;
    }
    this.position = at + bytes;
    return at;
  }

  boolean(value: boolean): void {
    const at = this.room(1);
    this.buffer[at] = value ? 1 : 0;
  }
  int8(value: number): void {
    const at = this.room(1);
    this.buffer.writeInt8(value, at);
  }
  int16(value: number): void {
    const at = this.room(2);
    this.buffer.writeInt16BE(value, at);
  }
  int32(value: number): void {
    const at = this.room(4);
    this.buffer.writeInt32BE(value, at);
  }
  int64(value: number): void {
    const at = this.room(8);
    const high = Math.floor(value / 4294967296);
    this.buffer.writeInt32BE(high, at);
    this.buffer.writeUInt32BE(value - high * 4294967296, at + 4);
  }
  float64(value: number): void {
    const at = this.room(8);
    this.buffer.writeDoubleBE(value, at);
  }
  uvarint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      const at = this.room(1);
      this.buffer[at] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    const at = this.room(1);
    this.buffer[at] = rest;
  }
  /** 22 base64url characters, as `WireReader.uuid` gives them. */
  uuid(value: string): void {
    const at = this.room(16);
    this.buffer.fill(0, at, at + 16);
    this.buffer.write(value, at, 16, "base64url");
  }
  text(value: string, bytes: number): void {
    const at = this.room(bytes);
    this.buffer.write(value, at, bytes, "utf8");
  }
  bytes(value: Uint8Array): void {
    if (value.length < OWN_PART) {
      const at = this.room(value.length);
      this.buffer.set(value, at);
      return;
    }
    if (this.position > 0) this.done.push(this.buffer.subarray(0, this.position));
    this.done.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    this.doneBytes += this.position + value.length;
    this.buffer = Buffer.allocUnsafe(512);
    this.position = 0;
  }
}
