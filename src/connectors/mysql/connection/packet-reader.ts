import type { ByteQueue } from "../../../cdc/byte-queue.js";
import type { MillraceError } from "../../../common/errors.js";

/** Bytes at the start of each batch's buffer that are the caller's, for values beside those of the rows (a time's digits). */
export const headroom = 40;

const fullPacket = 0xffffff;
/** bytes of one batch, so that what a batch leads to stays bounded too */
const batchBytes = 1 << 20;

interface Source {
  readonly queue: ByteQueue;
  readonly error: MillraceError | null;
}

/**
 * The packets of a connection, batch by batch: what the socket gave is copied into one buffer a batch, in which the packets lie.
 * Packets of a payload beyond 16 MB are joined in place. `next` moves on within the batch, `fill` makes the next one.
 */
export class PacketReader {
  buffer: Buffer = Buffer.alloc(headroom);
  /** Whether a batch may lie where the one before lay: for a caller who is done with it by then. */
  reuse = false;
  /** the current packet's payload */
  start = headroom;
  end = headroom;
  private at = headroom;
  private limit = headroom;
  private readonly pending: Buffer[] = [];
  private pendingBytes = 0;
  /** bytes without which no packet of the next batch is whole */
  private needed = 4;

  constructor(private readonly source: Source) {}

  /** Moves to the next whole packet of the batch; false: there is none. */
  next(): boolean {
    const b = this.buffer;
    const p = this.at;
    const left = this.limit - p;
    if (left < 4) {
      this.needed = 4;
      return false;
    }
    const length = b[p]! | (b[p + 1]! << 8) | (b[p + 2]! << 16);
    const next = p + 4 + length;
    if (next > this.limit) {
      this.needed = 4 + length;
      return false;
    }
    if (length === fullPacket) return this.joined(next);
    this.start = p + 4;
    this.end = next;
    this.at = next;
    return true;
  }

  /** As `next`, but a row only with the head of what follows in sight, so that the last row is known to be the last. */
  nextRow(): boolean {
    const b = this.buffer;
    let p = this.at;
    if (this.limit - p >= 5 && (b[p + 4] === 0xff || (b[p + 4] === 0xfe && b[p]! < 9 && b[p + 1] === 0 && b[p + 2] === 0)))
      return this.next();
    for (let length = fullPacket; length === fullPacket; p += 4 + length) {
      if (this.limit - p < 4) {
        this.needed = p + 4 - this.at;
        return false;
      }
      length = b[p]! | (b[p + 1]! << 8) | (b[p + 2]! << 16);
    }
    // an answer's end is to be there whole
    const short = this.limit - p >= 4 && b[p]! < 9 && b[p + 1] === 0 && b[p + 2] === 0;
    const needed = p + (short ? 4 + b[p]! : 5);
    if (needed > this.limit) {
      this.needed = needed - this.at;
      return false;
    }
    return this.next();
  }

  /** bytes of the batch behind the current packet */
  get remaining(): number {
    return this.limit - this.at;
  }

  /** A payload over several packets, the last of them shorter than full: moves the parts together over the headers between them. */
  private joined(firstEnd: number): boolean {
    const b = this.buffer;
    let next = firstEnd;
    for (;;) {
      if (this.limit - next < 4) {
        this.needed = next - this.at + 4;
        return false;
      }
      const length = b.readUIntLE(next, 3);
      next += 4 + length;
      if (next > this.limit) {
        this.needed = next - this.at;
        return false;
      }
      if (length < fullPacket) break;
    }
    let to = firstEnd;
    for (let from = firstEnd; from < next; ) {
      const length = b.readUIntLE(from, 3);
      b.copyWithin(to, from + 4, from + 4 + length);
      to += length;
      from += 4 + length;
    }
    this.start = this.at + 4;
    this.end = to;
    this.at = next;
    return true;
  }

  /**
   * Makes the next batch, once `next` returned false: waits up to `ms` for a whole packet. False: none came.
   * The buffer of the batch before is not touched again, unless `reuse` is set.
   * @throws MillraceError where the connection is lost and nothing whole is left
   */
  async fill(ms: number): Promise<boolean> {
    const { queue } = this.source;
    const rest = this.limit - this.at;
    const until = Date.now() + ms;
    for (;;) {
      const room = Math.max(batchBytes, this.needed - rest) - this.pendingBytes;
      if (room > 0) {
        const chunks = queue.take(room);
        for (const c of chunks) {
          this.pending.push(c);
          this.pendingBytes += c.length;
        }
      }
      if (this.pendingBytes > 0 && rest + this.pendingBytes >= this.needed) break;
      if (queue.bytes > 0) continue;
      if (this.source.error) throw this.source.error;
      const left = until - Date.now();
      if (left <= 0) return false;
      await queue.wait(left);
    }
    const size = headroom + rest + this.pendingBytes;
    const fits = this.reuse && this.buffer.length >= size && this.buffer.length <= 4 * batchBytes;
    const buffer = fits ? this.buffer : Buffer.allocUnsafeSlow(this.reuse ? Math.max(size, 2 * batchBytes) : size);
    this.buffer.copy(buffer, headroom, this.at, this.limit);
    let end = headroom + rest;
    for (const c of this.pending) {
      c.copy(buffer, end);
      end += c.length;
    }
    queue.recycle(this.pending);
    this.pending.length = 0;
    this.pendingBytes = 0;
    this.buffer = buffer;
    this.at = headroom;
    this.limit = end;
    return true;
  }
}
