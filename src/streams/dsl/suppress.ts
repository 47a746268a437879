import type { Row } from "../../serde/row-serde.js";
import type { Processor, ProcessorContext } from "../processor/processor.js";
import type { KeyedStore } from "../state/keyed-store.js";
import { rowOf, VALUE } from "./rows.js";
import type { Windowed } from "./windows.js";

/** What `KTable.suppress` holds back, and until when. */
export interface Suppressed {
  readonly until: "window-close" | "time-limit";
  /** of a time limit: ms of stream time after a key's first change that was held back */
  readonly ms: number;
  /** of its store */
  readonly name?: string;
}

export const Suppressed = {
  /** Of windowed tables: one result a window, when no record can change it any more. */
  untilWindowCloses: (name?: string): Suppressed => ({ until: "window-close", ms: 0, ...(name === undefined ? {} : { name }) }),
  /** One change a key in so many ms of stream time: the last. */
  untilTimeLimit: (ms: number, name?: string): Suppressed => ({ until: "time-limit", ms, ...(name === undefined ? {} : { name }) }),
};

interface Held {
  readonly key: Row;
  readonly due: number;
}

/** Where a held row keeps what its receivers know: the value before it. */
const OLD = 2;

/**
 * Holds a table's changes back until stream time has passed what is due, then hands the last one of each key on, with the row that was
 * handed on before. It looks at each commit, behind what the nodes ahead of it hand on then: a window's last change is never left out.
 * Deletes are not held. What is held lies in a store, so a restart holds the same.
 */
export class Suppress implements Processor {
  private next!: Processor;
  private context!: ProcessorContext;
  private store!: KeyedStore;
  private readonly held = new Map<string, Held>();
  private nextDue = Number.POSITIVE_INFINITY;

  constructor(
    private readonly storeName: string,
    private readonly wait: { readonly grace: number } | { readonly ms: number },
  ) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.storeName);
    for (const { row, timestamp } of this.store.scan()) this.hold(keyText(row[0]), row, timestamp);
  }

  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const { store, context, held } = this;
    const text = keyText(key[0]);
    const there = held.has(text) ? store.get(key) : null;
    const before = there === null ? (old === null ? null : old[VALUE]) : there[OLD];
    if (row !== null) {
      store.put(key, [key[0], row[VALUE], before, timestamp, null, null, null, null], timestamp, context.sourceTime);
      if (there === null) this.hold(text, key, timestamp);
      return;
    }
    if (there !== null) {
      held.delete(text);
      store.put(key, null, timestamp, context.sourceTime);
    }
    if (before !== null) this.next.process(key, null, rowOf(key[0], before, timestamp), timestamp);
  }

  flush(limit: number): boolean {
    const { context, held, store } = this;
    const { streamTime } = context;
    if (streamTime < this.nextDue) return true;
    let left = limit;
    let next = Number.POSITIVE_INFINITY;
    for (const [text, { key, due }] of held) {
      if (due > streamTime) {
        if (due < next) next = due;
        continue;
      }
      if (left-- === 0) return false;
      const row = store.get(key)!;
      const { timestamp } = store;
      context.sourceTime = store.sourceTime;
      store.putCurrent(null, timestamp, context.sourceTime);
      held.delete(text);
      const shown = rowOf(row[0], row[VALUE], timestamp);
      this.next.process(shown, shown, row[OLD] === null ? null : rowOf(row[0], row[OLD], timestamp), timestamp);
    }
    this.nextDue = next;
    return true;
  }

  private hold(text: string, key: Row, timestamp: number): void {
    // In a window's case it is the window that must have closed, whenever its last change came.
    const due = "ms" in this.wait ? timestamp + this.wait.ms : (key[0] as Windowed<unknown>).window.end + this.wait.grace;
    this.held.set(text, { key, due });
    if (due < this.nextDue) this.nextDue = due;
  }
}

function keyText(key: unknown): string {
  return JSON.stringify(key, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}
