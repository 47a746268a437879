import { giveMemory, takeMemory } from "../../protocol/batch-memory.js";
import { produce } from "../../protocol/messages/produce.js";
import { MalformedMessage } from "../../protocol/wire/wire-reader.js";

const lengthBytes = 4;

/** Gives back the memory of a frame that nobody uses any more. */
export function giveFrame(frame: Buffer): void {
  // a view of the socket's bytes lies behind its length at least
  if (frame.byteOffset === 0) giveMemory(frame);
}

/**
 * Cuts a socket's bytes into requests: an int32 length, then so many bytes. A produce request that came in one piece is a view of the
 * socket's bytes; any other lies in memory of its own, because what it says may be kept for as long as a group lives.
 */
export class FrameReader {
  private readonly length = Buffer.alloc(lengthBytes);
  private lengthFilled = 0;
  private frame: Buffer | undefined;
  private filled = 0;

  constructor(
    public maxBytes: number,
    private readonly take: (frame: Buffer) => void,
  ) {}

  /** @throws MalformedMessage where a length is negative or too large; nothing more is to be pushed then */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (!this.frame) {
        while (this.lengthFilled < lengthBytes && at < chunk.length) this.length[this.lengthFilled++] = chunk[at++]!;
        if (this.lengthFilled < lengthBytes) return;
        const bytes = this.length.readInt32BE(0);
        if (bytes < 0 || bytes > this.maxBytes)
          throw new MalformedMessage(`a request of ${bytes} bytes, where ${this.maxBytes} is the most: is this a client of the protocol?`);
        if (bytes <= chunk.length - at && bytes >= 2 && chunk.readInt16BE(at) === produce.key) {
          const whole = chunk.subarray(at, at + bytes);
          at += bytes;
          this.lengthFilled = 0;
          this.take(whole);
          continue;
        }
        this.frame = takeMemory(bytes, bytes).subarray(0, bytes);
        this.filled = 0;
      }
      const { frame } = this;
      const n = chunk.copy(frame, this.filled, at);
      at += n;
      this.filled += n;
      if (this.filled < frame.length) return;
      this.frame = undefined;
      this.lengthFilled = 0;
      this.take(frame);
    }
  }
}
