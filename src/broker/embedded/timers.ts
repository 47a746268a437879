import type { Clock } from "../../common/time.js";

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Timers on a clock that a test may move: one sleep at a time, until the earliest. */
export class Timers {
  /** A binary heap by time. */
  private readonly heap: Timer[] = [];
  private sleeping: AbortController | undefined;
  private wakeAt = Number.POSITIVE_INFINITY;
  private closed = false;

  constructor(private readonly clock: Clock) {}

  /** Calls `run` once the clock is at or past `at` (ms). */
  at(at: number, run: () => void): void {
    if (this.closed) return;
    const { heap } = this;
    let i = heap.push({ at, run }) - 1;
    for (let up = (i - 1) >> 1; i > 0 && heap[up]!.at > heap[i]!.at; i = up, up = (i - 1) >> 1) this.swap(i, up);
    if (at < this.wakeAt) this.sleep();
  }

  close(): void {
    this.closed = true;
    this.heap.length = 0;
    this.sleeping?.abort();
  }

  private sleep(): void {
    this.sleeping?.abort();
    const first = this.heap[0];
    this.wakeAt = first?.at ?? Number.POSITIVE_INFINITY;
    this.sleeping = undefined;
    if (first === undefined || this.closed) return;
    const mine = new AbortController();
    this.sleeping = mine;
    this.clock.sleep(Math.max(0, first.at - this.clock.now()), mine.signal).then(
      () => {
        if (this.sleeping !== mine) return;
        this.runDue();
        this.sleep();
      },
      () => {},
    );
  }

  private runDue(): void {
    const now = this.clock.now();
    while (this.heap.length > 0 && this.heap[0]!.at <= now) this.pop().run();
  }

  private pop(): Timer {
    const { heap } = this;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      for (let i = 0; ; ) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && heap[child]!.at < heap[least]!.at) least = child;
        if (least === i) break;
        this.swap(i, least);
        i = least;
      }
    }
    return first;
  }

  private swap(i: number, k: number): void {
    const x = this.heap[i]!;
    this.heap[i] = this.heap[k]!;
    this.heap[k] = x;
  }
}
