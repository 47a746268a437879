import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import { compareRows } from "./key-order.js";
import type { ProcessorContext } from "./processor.js";

export type JoinSide = "left" | "right";

interface Waiting {
  readonly key: Row;
  readonly timestamp: number;
}

/** Records of one side whose window is open and that have no match yet, the oldest first: a binary heap. */
export class PendingRecords {
  private readonly heap: Waiting[] = [];

  constructor(
    /** ms after which a record's window is closed */
    readonly waits: number,
    readonly release: (key: Row, timestamp: number) => void,
  ) {}

  push(key: Row, timestamp: number): void {
    const { heap } = this;
    let at = heap.push({ key, timestamp }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.timestamp <= timestamp) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = { key, timestamp };
  }

  /** Takes out what is closed at `now`. */
  closed(now: number): Waiting[] {
    const list: Waiting[] = [];
    while (this.heap.length > 0 && this.heap[0]!.timestamp + this.waits < now) list.push(this.pop());
    return list;
  }

  private pop(): Waiting {
    const { heap } = this;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (let child = 1; child < heap.length; child = at * 2 + 1) {
      if (child + 1 < heap.length && heap[child + 1]!.timestamp < heap[child]!.timestamp) child++;
      if (heap[child]!.timestamp >= last.timestamp) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

/** What the two sides of a stream-stream join share: the time of both, and which records wait for their window to close. */
export class JoinTime {
  private readonly sides: { left?: PendingRecords; right?: PendingRecords } = {};

  constructor(public now: number) {}

  attach(side: JoinSide, waits: number, release: PendingRecords["release"]): PendingRecords {
    return (this.sides[side] = new PendingRecords(waits, release));
  }

  pending(side: JoinSide): PendingRecords {
    return this.sides[side]!;
  }

  advance(timestamp: number): void {
    if (timestamp > this.now) this.now = timestamp;
  }

  /** Hands on what has waited until its window closed: by time, then the right side's first, then by key. */
  close(context: ProcessorContext): void {
    const { left, right } = this.sides;
    const closed = [
      ...(right?.closed(this.now) ?? []).map((w) => ({ ...w, side: right!, order: 0 })),
      ...(left?.closed(this.now) ?? []).map((w) => ({ ...w, side: left!, order: 1 })),
    ];
    if (closed.length === 0) return;
    closed.sort((a, b) => a.timestamp - b.timestamp || a.order - b.order || compareRows(a.key, b.key, a.key.length));
    const { headers } = context.record;
    context.record.headers = [];
    for (const { side, key, timestamp } of closed) side.release(key, timestamp);
    context.record.headers = headers;
  }
}

const times = new WeakMap<KeyedStore, JoinTime>();

/** One for both sides of a task: found by their stores, which are the task's own. */
export function joinTimeOf(store: KeyedStore, other: KeyedStore): JoinTime {
  let time = times.get(store) ?? times.get(other);
  time ??= new JoinTime(Math.max(store.maxTimestamp, other.maxTimestamp));
  times.set(store, time);
  times.set(other, time);
  return time;
}
