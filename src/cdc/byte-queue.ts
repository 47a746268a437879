/**
 * Socket chunks between a reader that pushes and a task that takes, bounded in bytes: `full` tells the reader to pause, and
 * `drained` is called when half of it is free again. The taker swaps the whole queue out; nothing ever shifts.
 */
export class ByteQueue {
  private chunks: Buffer[] = [];
  bytes = 0;
  private wake: (() => void) | null = null;

  constructor(
    private readonly bound: number,
    private readonly drained: () => void,
  ) {}

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.ring();
  }

  get full(): boolean {
    return this.bytes >= this.bound;
  }

  /** What is queued, in order: whole chunks up to about `max` bytes, at least one. */
  take(max = Number.POSITIVE_INFINITY): Buffer[] {
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
