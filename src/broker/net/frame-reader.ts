import { takeMemory } from "../../protocol/batch-memory.js";
import { MalformedMessage } from "../../protocol/wire/wire-reader.js";

const lengthBytes = 4;

/** Cuts a socket's bytes into requests: an int32 length, then so many bytes. Each frame lies in memory of its own. */
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
