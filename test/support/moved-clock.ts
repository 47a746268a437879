import type { Clock } from "../../src/common/time.js";

/** A clock that stands still until `advance` moves it, and wakes the sleeps that become due, in order. */
export class MovedClock implements Clock {
  private sleeping: { at: number; resolve: () => void }[] = [];

  constructor(private time = 1_700_000_000_000) {}

  now(): number {
    return this.time;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { at: this.time + ms, resolve };
      this.sleeping.push(sleeper);
      signal?.addEventListener(
        "abort",
        () => {
          this.sleeping = this.sleeping.filter((s) => s !== sleeper);
          reject(signal.reason);
        },
        { once: true },
      );
    });
  }

  timer(ms: number, run: () => void): () => void {
    const stop = new AbortController();
    this.sleep(ms, stop.signal).then(run, () => {});
    return () => stop.abort();
  }

  /** Moves the time on, step by step over every sleep that ends on the way; what they start has run when it resolves. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const next = this.sleeping.filter((s) => s.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.sleeping = this.sleeping.filter((s) => s !== next);
      this.time = Math.max(this.time, next.at);
      next.resolve();
    }
    this.time = end;
    await settle();
  }
}

/** Long enough for promise chains and for file work that they wait for to go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}
