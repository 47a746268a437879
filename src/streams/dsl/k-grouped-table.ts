import type { AnyNode, BothSerdes, Graph, Node } from "./graph.js";
import { aggregateStore, GroupAggregate } from "./group-aggregate.js";
import { type Aggregator, countOptions, type Reducer } from "./k-grouped-stream.js";
import type { GroupOptions, KeyValue } from "./k-stream.js";
import { aggregateLookup, KTable, type StoreOptions } from "./k-table.js";
import { TableGroup } from "./tables.js";

/** A table's rows in groups. Every change of the table is one of the groups that it leaves and enters. */
export class KGroupedTable<K, V> {
  private source: Node<K, V> | undefined;

  constructor(
    private readonly graph: Graph,
    private readonly from: AnyNode,
    private readonly mapper: (key: unknown, value: unknown) => KeyValue<unknown, unknown>,
    private readonly options: GroupOptions<K, V>,
  ) {}

  count(options: StoreOptions<K, number> = {}): KTable<K, number> {
    return this.aggregate(
      () => 0,
      (_key, _value, count) => count + 1,
      (_key, _value, count) => count - 1,
      countOptions(options),
    );
  }

  /** The group's values as one. A group that a value leaves is reduced by `subtractor`, before one that it enters by `adder`. */
  reduce(adder: Reducer<V>, subtractor: Reducer<V>, options: StoreOptions<K, V> = {}): KTable<K, V> {
    return this.added<V>(
      undefined,
      (_k, value, sum) => adder(sum, value),
      (_k, value, sum) => subtractor(sum, value),
      {
        value: this.options.value,
        ...options,
      },
    );
  }

  aggregate<A>(
    initializer: () => A,
    adder: Aggregator<K, V, A>,
    subtractor: Aggregator<K, V, A>,
    options: StoreOptions<K, A> = {},
  ): KTable<K, A> {
    return this.added<A>(initializer, adder, subtractor, options);
  }

  private added<A>(
    initializer: (() => A) | undefined,
    adder: Aggregator<K, V, A>,
    subtractor: Aggregator<K, V, A>,
    options: StoreOptions<K, A>,
  ): KTable<K, A> {
    const { graph } = this;
    const store = options.store ?? graph.name("KTABLE-AGGREGATE-STATE-STORE");
    const source = this.grouped(store);
    const serdes = graph.serdesOf<K, A>(`aggregate ${store}`, options, { key: source.key });
    const { copy, coalesce } = aggregateStore(graph, store, serdes);
    const supplier = () =>
      new GroupAggregate({
        store,
        initializer,
        add: adder as Aggregator<unknown, unknown, unknown>,
        subtract: subtractor as Aggregator<unknown, unknown, unknown>,
        copy,
        coalesce,
      });
    const name = graph.add(graph.name("KTABLE-AGGREGATE"), supplier, [source.name], [store]);
    return new KTable<K, A>(graph, { name, sources: source.sources, ...serdes }, aggregateLookup(store, coalesce), store);
  }

  /** The table's changes by group; several aggregates of them share one topic. */
  private grouped(store: string): Node<K, V> {
    if (this.source) return this.source;
    const { graph, from, mapper } = this;
    const serdes: BothSerdes<K, V> = graph.serdesOf<K, V>(`groupBy of ${store}`, this.options);
    const select = graph.add(graph.name("KTABLE-SELECT"), () => new TableGroup(mapper, sameKey), [from.name]);
    const selected: Node<K, V> = { name: select, sources: from.sources, ...serdes };
    this.source = graph.repartition(selected, `${this.options.name ?? store}-repartition`, serdes, { changes: true });
    return this.source;
  }
}

/** Keys that are the same in JavaScript are one group; other equal ones (objects) are taken out and put in again, with the same result. */
function sameKey(a: unknown, b: unknown): boolean {
  return a === b;
}
