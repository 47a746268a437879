import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import { PSEUDO_COLUMNS } from "../topology/record-format.js";
import { Expiry } from "./expiry.js";
import type { Processor, ProcessorContext } from "./processor.js";
import type { Bind } from "./stateless.js";
import { emitDirty } from "./table.js";

/** Aggregates over whole rows. Stored rows are `[...group key, ...carried columns, ...states]`; none but `update`'s is changed once it exists. */
export interface RowAggregator {
  /** @param stored null: the group's first row */
  add(stored: Row | null, row: Row, windowStart?: number): Row;
  /** As `add`, in the stored row itself, which nobody else has. */
  update?(stored: Row, row: Row): void;
  undo(stored: Row, row: Row): Row;
  /** of two session windows; `b` is the later */
  merge(a: Row, b: Row): Row;
  /** the row that is handed on: states replaced by results */
  result(stored: Row): Row;
}

export interface AggregateOptions {
  readonly store: string;
  readonly aggregator: Bind<RowAggregator>;
  /** Hand on each group's last change at the commit, instead of every change. */
  readonly coalesce: boolean;
  /** Something downstream takes contributions back. */
  readonly needOld: boolean;
  /** ms; a group that is not changed for so long is gone */
  readonly ttl?: number;
}

/**
 * One row a group. Of streams (`old` always null) and of tables: a change takes the old row's contribution back and adds the
 * new row's. The time of a group is the latest of its inputs'.
 */
export class Aggregate implements Processor {
  private store!: KeyedStore;
  private next!: Processor;
  private context!: ProcessorContext;
  private aggregator!: RowAggregator;
  private expiry: Expiry | undefined;

  constructor(private readonly options: AggregateOptions) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.options.store);
    this.aggregator = this.options.aggregator(context);
    const { ttl } = this.options;
    if (ttl !== undefined) this.expiry = new Expiry(ttl, this.store, context, (key, row, time) => this.forget(key, row, time));
  }

  private forget(key: Row, stored: Row, time: number): void {
    this.store.putCurrent(null, time, -1);
    if (this.options.coalesce) return;
    this.next.process(key, null, this.options.needOld ? this.aggregator.result(stored) : null, time);
  }

  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const { store, aggregator, context } = this;
    this.expiry?.advance(key);
    const before = store.get(key);
    let stored = before;
    const time = stored !== null && store.timestamp > timestamp ? store.timestamp : timestamp;
    if (old !== null && stored !== null) stored = aggregator.undo(stored, old);
    if (row !== null) {
      // Where changes are held back nobody has seen the row since it was read from the table or made.
      if (stored !== null && this.options.coalesce && aggregator.update !== undefined) aggregator.update(stored, row);
      else stored = aggregator.add(stored, row);
    }
    if (stored === null) return;
    stored[stored.length - PSEUDO_COLUMNS] = time;
    if (store.sourceTime > context.sourceTime) context.sourceTime = store.sourceTime;
    store.putCurrent(stored, time, context.sourceTime);
    if (this.options.coalesce) return;
    const emitted = aggregator.result(stored);
    this.next.process(emitted, emitted, before !== null && this.options.needOld ? aggregator.result(before) : null, time);
  }

  flush(limit: number): boolean {
    const { coalesce, needOld } = this.options;
    return !coalesce || emitDirty(this.store, this.context, this.next, needOld, limit, this.aggregator.result);
  }
}
