const QUOTE = 39;
const NULL = Buffer.from("NULL");

/** What waits to be used again, and how large it may be. */
const free: SqlBuffer[] = [];
const KEPT = 6;
const KEPT_BYTES = 8 * 1024 * 1024;

/**
 * SQL text as bytes, for sessions with `NO_BACKSLASH_ESCAPES`: in a string only the quote itself is doubled. Bytes and not a
 * string, because joining and encoding a million rows' strings costs more than all else.
 */
export class SqlBuffer {
  private buffer: Buffer;
  length = 0;

  /** Memory that was used before, where there is some. */
  static take(size: number): SqlBuffer {
    return free.pop() ?? new SqlBuffer(size);
  }
  /** Its bytes are no longer needed. */
  giveBack(): void {
    this.length = 0;
    if (free.length < KEPT && this.buffer.length <= KEPT_BYTES) free.push(this);
  }

  constructor(size = 65536) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  /** No copy: what is written behind it may not reach back. */
  bytes(from: number, to = this.length): Buffer {
    return this.buffer.subarray(from, to);
  }
  get last(): number | undefined {
    return this.length === 0 ? undefined : this.buffer[this.length - 1];
  }
  toString(): string {
    return this.buffer.toString("utf8", 0, this.length);
  }

  byte(code: number): void {
    this.room(1);
    this.buffer[this.length++] = code;
  }
  /** at most a few hundred bytes, or made once */
  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }
  ascii(text: string): void {
    const size = text.length;
    this.room(size);
    const b = this.buffer;
    const at = this.length;
    for (let i = 0; i < size; i++) b[at + i] = text.charCodeAt(i);
    this.length = at + size;
  }

  /** `n` must be a safe integer. */
  integer(n: number): void {
    this.room(20);
    const b = this.buffer;
    if (n < 0) {
      b[this.length++] = 45;
      n = -n;
    }
    let at = this.length + digits(n);
    this.length = at;
    while (n >= 4294967296) {
      const rest = Math.floor(n / 10);
      b[--at] = 48 + (n - rest * 10);
      n = rest;
    }
    do {
      const rest = (n / 10) >>> 0;
      b[--at] = 48 + (n - rest * 10);
      n = rest;
    } while (n > 0);
  }

  null(): void {
    this.raw(NULL);
  }

  /**
   * `2026-01-31T12:34:56.123456Z` as `'2026-01-31 12:34:56.123456'`.
   * @returns whether it was of that shape; else nothing is written
   */
  utcTimestamp(text: string): boolean {
    const size = text.length - 1;
    if (size < 19 || size > 26 || text.charCodeAt(size) !== 90 || text.charCodeAt(10) !== 84 || text.charCodeAt(4) !== 45) return false;
    this.room(size + 2);
    const b = this.buffer;
    let at = this.length;
    b[at++] = QUOTE;
    for (let i = 0; i < size; i++) {
      const c = text.charCodeAt(i);
      if ((c >= 48 && c <= 58) || c === 45 || c === 46) b[at++] = c;
      else if (i === 10) b[at++] = 32;
      else return false;
    }
    b[at++] = QUOTE;
    this.length = at;
    return true;
  }

  /** The same of a text's bytes. */
  utcTimestampSpan(bytes: Buffer, start: number, end: number): boolean {
    const size = end - start - 1;
    if (size < 19 || size > 26 || bytes[end - 1] !== 90 || bytes[start + 10] !== 84 || bytes[start + 4] !== 45) return false;
    this.room(size + 2);
    const b = this.buffer;
    let at = this.length;
    b[at++] = QUOTE;
    for (let i = 0; i < size; i++) {
      const c = bytes[start + i]!;
      if ((c >= 48 && c <= 58) || c === 45 || c === 46) b[at++] = c;
      else if (i === 10) b[at++] = 32;
      else return false;
    }
    b[at++] = QUOTE;
    this.length = at;
    return true;
  }

  /** Digits of a non-negative integer, with zeros in front up to `width`. */
  padded(n: number, width: number): void {
    this.room(width);
    const b = this.buffer;
    for (let at = this.length + width - 1; at >= this.length; at--) {
      const rest = Math.floor(n / 10);
      b[at] = 48 + (n - rest * 10);
      n = rest;
    }
    this.length += width;
  }

  /** `unscaled` × 10^-scale, both non-negative and small. */
  decimal(unscaled: number, scale: number): void {
    const power = 10 ** scale;
    const whole = Math.floor(unscaled / power);
    this.integer(whole);
    this.byte(46);
    this.padded(unscaled - whole * power, scale);
  }

  quoted(text: string): void {
    const size = text.length;
    this.room(size * 3 + 2);
    const b = this.buffer;
    const start = this.length;
    let at = start;
    b[at++] = QUOTE;
    if (size <= 48) {
      // a short plain text by hand: the call into the runtime costs more than the copy
      let i = 0;
      for (; i < size; i++) {
        const c = text.charCodeAt(i);
        if (c > 127 || c === QUOTE) break;
        b[at++] = c;
      }
      if (i === size) {
        b[at++] = QUOTE;
        this.length = at;
        return;
      }
      at = start + 1;
    }
    const doubled = text.includes("'") ? text.replaceAll("'", "''") : text;
    this.length = at; // the room may move the bytes before it
    this.room(doubled.length * 3 + 1);
    at += this.buffer.write(doubled, at, "utf8");
    this.buffer[at++] = QUOTE;
    this.length = at;
  }

  /** The same of a text's UTF-8 bytes. */
  quotedSpan(bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    this.room(size * 2 + 2);
    const b = this.buffer;
    let at = this.length;
    b[at++] = QUOTE;
    if (size > 64 && !bytes.subarray(start, end).includes(QUOTE)) at += bytes.copy(b, at, start, end);
    else
      for (let i = start; i < end; i++) {
        const c = bytes[i]!;
        if (c === QUOTE) b[at++] = QUOTE;
        b[at++] = c;
      }
    b[at++] = QUOTE;
    this.length = at;
  }

  /** As a literal of a binary string. */
  hex(bytes: Uint8Array): void {
    const size = bytes.length * 2;
    this.room(size + 3);
    const b = this.buffer;
    b[this.length++] = 120;
    b[this.length++] = QUOTE;
    if (bytes.length > 64) {
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      this.length += b.write(view.toString("hex"), this.length, "latin1");
    } else
      for (let i = 0; i < bytes.length; i++) {
        b[this.length++] = HEX.charCodeAt(bytes[i]! >> 4);
        b[this.length++] = HEX.charCodeAt(bytes[i]! & 15);
      }
    this.byte(QUOTE);
  }

  private room(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

const HEX = "0123456789abcdef";

function digits(n: number): number {
  let count = 1;
  for (let limit = 10; n >= limit; limit *= 10) count++;
  return count;
}
