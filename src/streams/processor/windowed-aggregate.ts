import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import { PSEUDO_COLUMNS } from "../topology/record-format.js";
import type { AggregateOptions, RowAggregator } from "./aggregate.js";
import type { Processor, ProcessorContext } from "./processor.js";
import { emitDirty } from "./table.js";

export interface WindowedAggregateOptions extends AggregateOptions {
  /** ms */
  readonly size: number;
  readonly advance: number;
  readonly grace: number;
}

/**
 * A row for each group and each time window [start, start + size) that the record's time lies in; starts are multiples of
 * `advance`. A window takes records until stream time is past its end by `grace`; later ones are dropped. The store's key is the group's
 * and the window's start.
 */
export class WindowedAggregate implements Processor {
  private store!: KeyedStore;
  private next!: Processor;
  private context!: ProcessorContext;
  private aggregator!: RowAggregator;

  constructor(private readonly options: WindowedAggregateOptions) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.options.store);
    this.aggregator = this.options.aggregator(context);
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    const { size, advance, grace } = this.options;
    const closed = this.context.streamTime - grace;
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
  }

  flush(limit: number): boolean {
    const { coalesce, needOld } = this.options;
    return !coalesce || emitDirty(this.store, this.context, this.next, needOld, limit, this.aggregator.result);
  }

  private update(key: Row, row: Row, start: number, timestamp: number): void {
    const { store, aggregator, context, options } = this;
    const keyColumns = store.schema.key.length;
    const storeKey = key.slice(0, keyColumns - 1);
    storeKey.push(start);
    const before = store.get(storeKey);
    const time = before !== null && store.timestamp > timestamp ? store.timestamp : timestamp;
    const stored = aggregator.add(before, row, start);
    const width = stored.length;
    stored[width - PSEUDO_COLUMNS] = time;
    stored[width - 2] = start;
    stored[width - 1] = start + options.size;
    if (store.sourceTime > context.sourceTime) context.sourceTime = store.sourceTime;
    store.putCurrent(stored, time, context.sourceTime);
    if (options.coalesce) return;
    const emitted = aggregator.result(stored);
    this.next.process(emitted, emitted, before !== null && options.needOld ? aggregator.result(before) : null, time);
  }
}
