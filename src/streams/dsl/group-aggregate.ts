import type { Row } from "../../serde/row-serde.js";
import type { Processor, ProcessorContext } from "../processor/processor.js";
import { emitDirty } from "../processor/table.js";
import type { KeyedStore } from "../state/keyed-store.js";
import { copier } from "./binding.js";
import type { BothSerdes, Graph } from "./graph.js";
import { rowOf, VALUE } from "./rows.js";

export interface GroupAggregateOptions {
  readonly store: string;
  /** undefined: the first value is the aggregate */
  readonly initializer: (() => unknown) | undefined;
  readonly add: (key: unknown, value: unknown, aggregate: unknown) => unknown;
  /** of tables: takes an old row's contribution back */
  readonly subtract?: (key: unknown, value: unknown, aggregate: unknown) => unknown;
  /** An aggregate that the application may change in place. */
  readonly copy: (aggregate: unknown) => unknown;
  /** Hand on each group's last change at the commit, instead of every change. */
  readonly coalesce: () => boolean;
}

/** One aggregate a group, of a stream or, where old rows are taken back, of a table. A group whose aggregate becomes null is deleted. */
export class GroupAggregate implements Processor {
  private store!: KeyedStore;
  private next!: Processor;
  private context!: ProcessorContext;
  private coalesce = false;

  constructor(private readonly options: GroupAggregateOptions) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.options.store);
    this.coalesce = this.options.coalesce();
  }

  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    if ((row === null && old === null) || key[0] === null) return;
    const { store, context, options } = this;
    const { add, subtract, initializer, copy } = options;
    const before = store.get(key);
    const time = before !== null && store.timestamp > timestamp ? store.timestamp : timestamp;
    const sourceTime = store.sourceTime > context.sourceTime ? store.sourceTime : context.sourceTime;
    let aggregate = before === null ? null : copy(before[VALUE]);
    if (old !== null && aggregate !== null && subtract) aggregate = subtract(key[0], old[VALUE], aggregate) ?? null;
    if (row !== null) {
      if (aggregate === null && initializer) aggregate = initializer();
      aggregate = aggregate === null ? row[VALUE] : (add(key[0], row[VALUE], aggregate) ?? null);
    }
    const after = aggregate === null ? null : rowOf(key[0], aggregate, time);
    if (after === null && before === null) return;
    context.sourceTime = sourceTime;
    store.putCurrent(after, time, sourceTime);
    if (!this.coalesce) this.next.process(after ?? key, after, before, time);
  }

  flush(limit: number): boolean {
    return !this.coalesce || emitDirty(this.store, this.context, this.next, true, limit);
  }
}

/** Adds the store of the groups' aggregates; returns what the processors that fill it need. */
export function aggregateStore<K, A>(graph: Graph, store: string, serdes: BothSerdes<K, A>) {
  graph.topology.addStore({
    name: store,
    kind: "key-value",
    schema: graph.binding.storeSchema(store, serdes.key, serdes.value, "changelog"),
    changelog: { type: "own" },
  });
  const copy = copier(serdes.value) as (value: unknown) => unknown;
  graph.userStores.set(store, { copy, readOnly: true });
  return { copy, coalesce: () => graph.binding.get().coalesce };
}
