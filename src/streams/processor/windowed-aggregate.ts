import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import { PSEUDO_COLUMNS } from "../topology/record-format.js";
import type { AggregateOptions, RowAggregator } from "./aggregate.js";
import { compareRows } from "./key-order.js";
import type { Processor, ProcessorContext } from "./processor.js";
import { emitDirty } from "./table.js";

export interface WindowedAggregateOptions extends AggregateOptions {
  /** ms */
  readonly size: number;
  readonly advance: number;
  readonly grace: number;
  /** Where set, a window is handed on once, when it has closed: EMIT FINAL. */
  readonly final?: {
    /** ms: a window that begins so much earlier than the latest one is gone from the store, and is not handed on any more */
    readonly retention: number;
  };
}

/**
 * A row for each group and each time window [start, start + size) that the record's time lies in; starts are multiples of
 * `advance`. A window takes records until the time of the aggregate's records is past its end by `grace`; later ones are dropped. The
 * store's key is the group's and the window's start. Final results are handed on by the window's start, then by key.
 */
export class WindowedAggregate implements Processor {
  private store!: KeyedStore;
  private next!: Processor;
  private context!: ProcessorContext;
  private aggregator!: RowAggregator;
  /** of EMIT FINAL: the keys of each window that has not closed, by its start; starts in ascending order */
  private readonly open = new Map<number, Row[]>();
  private starts: number[] = [];
  private latestStart = -1;
  private readonly lookedUp: Row = [];

  constructor(private readonly options: WindowedAggregateOptions) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.options.store);
    this.aggregator = this.options.aggregator(context);
    if (this.options.final === undefined) return;
    // What had closed by the last commit was handed on before it.
    const closed = this.store.maxTimestamp - this.options.grace;
    const at = this.store.schema.key.length - 1;
    for (const { row } of this.store.scan()) {
      const start = row[at] as number;
      if (start > this.latestStart) this.latestStart = start;
      if (start + this.options.size > closed) this.opened(row.slice(0, at + 1), start);
    }
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    const { size, advance, grace, final } = this.options;
    const observed = Math.max(this.store.maxTimestamp, timestamp);
    const closed = observed - grace;
    const sourceTime = this.context.sourceTime;
    const first = Math.max(0, Math.ceil((timestamp - size + 1) / advance) * advance);
    for (let start = first; start <= timestamp; start += advance) {
      if (start + size <= closed) {
        this.context.logError({
          stage: this.options.store,
          message: `late record: the window from ${start} is closed since stream time ${start + size + grace}`,
        });
        continue;
      }
      this.context.sourceTime = sourceTime;
      this.update(key, row, start, timestamp);
    }
    if (final !== undefined) this.emitClosed(closed);
  }

  flush(limit: number): boolean {
    const { coalesce, needOld, final } = this.options;
    return final !== undefined || !coalesce || emitDirty(this.store, this.context, this.next, needOld, limit, this.aggregator.result);
  }

  private update(key: Row, row: Row, start: number, timestamp: number): void {
    const { store, aggregator, context, options } = this;
    const keyColumns = store.schema.key.length;
    const storeKey = this.lookedUp;
    for (let i = 0; i < keyColumns - 1; i++) storeKey[i] = key[i];
    storeKey[keyColumns - 1] = start;
    const before = store.get(storeKey);
    const time = before !== null && store.timestamp > timestamp ? store.timestamp : timestamp;
    let stored = before;
    // Where changes are held back nobody has seen the row since it was read from the table or made.
    if (stored !== null && (options.coalesce || options.final !== undefined) && aggregator.update !== undefined)
      aggregator.update(stored, row);
    else stored = aggregator.add(before, row, start);
    const width = stored.length;
    stored[width - PSEUDO_COLUMNS] = time;
    stored[width - 2] = start;
    stored[width - 1] = start + options.size;
    if (store.sourceTime > context.sourceTime) context.sourceTime = store.sourceTime;
    store.putCurrent(stored, time, context.sourceTime);
    if (options.final !== undefined) {
      if (before === null) this.opened(storeKey.slice(), start);
      if (start > this.latestStart) this.latestStart = start;
      return;
    }
    if (options.coalesce) return;
    const emitted = aggregator.result(stored);
    this.next.process(emitted, emitted, before !== null && options.needOld ? aggregator.result(before) : null, time);
  }

  private opened(storeKey: Row, start: number): void {
    const keys = this.open.get(start);
    if (keys !== undefined) {
      keys.push(storeKey);
      return;
    }
    this.open.set(start, [storeKey]);
    let at = this.starts.length;
    while (at > 0 && this.starts[at - 1]! > start) at--;
    this.starts.splice(at, 0, start);
  }

  private emitClosed(closed: number): void {
    const { starts, store, aggregator, context, open } = this;
    let done = 0;
    while (done < starts.length && starts[done]! + this.options.size <= closed) done++;
    if (done === 0) return;
    const { sourceTime } = context;
    for (const start of starts.splice(0, done)) {
      const keys = open.get(start)!;
      open.delete(start);
      if (start < this.latestStart - this.options.final!.retention) continue;
      keys.sort((a, b) => compareRows(a, b, a.length - 1));
      for (const key of keys) {
        const stored = store.get(key);
        if (stored === null) continue;
        context.sourceTime = store.sourceTime;
        const emitted = aggregator.result(stored);
        this.next.process(emitted, emitted, null, store.timestamp);
      }
    }
    context.sourceTime = sourceTime;
  }
}
