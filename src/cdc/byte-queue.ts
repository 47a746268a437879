const blockBytes = 64 * 1024;
const keptBlocks = 32;

/**
 * Socket chunks between a reader that pushes and a task that takes, bounded in bytes: `full` tells the reader to pause, and
 * `drained` is called when half of it is free again. The taker swaps the whole queue out; nothing ever shifts.
 */
export class ByteQueue {
  private chunks: Buffer[] = [];
  bytes = 0;
  /** the block that `copy` fills; its first `used` bytes are the queue's last chunk, not yet in `chunks` */
  private block: Buffer | null = null;
  private used = 0;
  private readonly free: Buffer[] = [];
  private wake: (() => void) | null = null;

  constructor(
    private readonly bound: number,
    private readonly drained: () => void,
  ) {}

  push(chunk: Buffer): void {
    this.close();
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.ring();
  }

  /** Like `push`, for bytes that are the caller's again afterwards. */
  copy(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (!this.block) {
        this.block = this.free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
        this.used = 0;
      }
      const n = bytes.copy(this.block, this.used, at);
      at += n;
      this.used += n;
      if (this.used === blockBytes) this.close();
    }
    this.bytes += bytes.length;
    this.ring();
  }

  private close(): void {
    if (this.block) this.chunks.push(this.block.subarray(0, this.used));
    this.block = null;
  }

  /** These chunks, which `take` gave, are not used any more: the next bytes may lie where they lay. */
  recycle(chunks: readonly Buffer[]): void {
    for (const { buffer, byteOffset } of chunks)
      if (buffer.byteLength === blockBytes && byteOffset === 0 && this.free.length < keptBlocks) this.free.push(Buffer.from(buffer));
  }

  get full(): boolean {
    return this.bytes >= this.bound;
  }

  /** What is queued, in order: whole chunks up to about `max` bytes, at least one. */
  take(max = Number.POSITIVE_INFINITY): Buffer[] {
    this.close();
    const taken = this.chunks;
    if (taken.length === 0) return taken;
    let n = 0;
    let size = 0;
    while (n < taken.length && (n === 0 || size + taken[n]!.length <= max)) size += taken[n++]!.length;
    if (n === taken.length) this.chunks = [];
    else this.chunks = taken.splice(n);
    this.bytes -= size;
    if (this.bytes < this.bound / 2) this.drained();
    return taken;
  }

  /** Wakes a waiting taker without data (an end, an error, a timer). */
  ring(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }

  /** Resolves when something is there, something rang, or after `ms`. */
  wait(ms: number): Promise<void> {
    if (this.bytes > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.ring(), ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
