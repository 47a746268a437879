/** The bytes end before the message does, or say what cannot be. */
export class MalformedMessage extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MalformedMessage";
  }
}

/** Reads the wire's primitive types one after another; never beyond `end`. @throws MalformedMessage */
export class WireReader {
  /** @param elementsLeft how many elements all arrays may have together: a byte on the wire becomes a hundred in memory */
  constructor(
    readonly buffer: Buffer,
    public position = 0,
    readonly end = buffer.length,
    private elementsLeft = Number.POSITIVE_INFINITY,
  ) {}

  /** Ahead of an array's elements. */
  elements(count: number): void {
    // every element takes a byte at least, save for those of no fields at all, which the protocol does not have
    if (count > this.left) throw new MalformedMessage(`an array of ${count} at ${this.position}, where ${this.left} bytes are left`);
    this.elementsLeft -= count;
    if (this.elementsLeft < 0) throw new MalformedMessage(`more elements than are taken, at ${this.position}`);
  }

  get left(): number {
    return this.end - this.position;
  }

  private take(bytes: number): number {
    const at = this.position;
    if (bytes < 0 || bytes > this.end - at)
      throw new MalformedMessage(`${bytes} bytes are due at ${at}, but only ${this.end - at} are left`);
    this.position = at + bytes;
    return at;
  }

  boolean(): boolean {
    return this.buffer[this.take(1)] !== 0;
  }
  int8(): number {
    return this.buffer.readInt8(this.take(1));
  }
  int16(): number {
    return this.buffer.readInt16BE(this.take(2));
  }
  int32(): number {
    return this.buffer.readInt32BE(this.take(4));
  }
  /** As a number: offsets, times and ids of this protocol stay below 2^53; what does not is rounded. */
  int64(): number {
    const at = this.take(8);
    return this.buffer.readInt32BE(at) * 4294967296 + this.buffer.readUInt32BE(at + 4);
  }
  float64(): number {
    return this.buffer.readDoubleBE(this.take(8));
  }
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.take(1)]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new MalformedMessage(`a varint at ${this.position} is longer than 5 bytes`);
  }
  /** A UUID as Kafka writes it: 22 base64url characters. */
  uuid(): string {
    const at = this.take(16);
    return this.buffer.toString("base64url", at, at + 16);
  }
  bytes(length: number): Buffer {
    const at = this.take(length);
    return this.buffer.subarray(at, at + length);
  }
  text(length: number): string {
    const at = this.take(length);
    return this.buffer.toString("utf8", at, at + length);
  }
}

/** A tagged field that nobody asks for: its tag, its size, its bytes. */
export function skipTag(from: WireReader): void {
  from.uvarint();
  from.bytes(from.uvarint());
}
