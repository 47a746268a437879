import type { Serde } from "../../serde/serde.js";
import { serdes as formats } from "../../serde/serdes.js";
import type { AnyNode, BothSerdes, Graph, Node } from "./graph.js";
import { aggregateStore, GroupAggregate } from "./group-aggregate.js";
import { aggregateLookup, KTable, type StoreOptions } from "./k-table.js";
import { Pass } from "./stateless.js";
import { SessionWindowedKStream, TimeWindowedKStream } from "./windowed-k-stream.js";
import { SessionWindows, type TimeWindows } from "./windows.js";

/** The aggregate with this value in it (or out of it). It may change the aggregate that it is given and return it. */
export type Aggregator<K, V, A> = (key: K, value: V, aggregate: A) => A;
export type Reducer<V> = (aggregate: V, value: V) => V;

/** A stream's records in groups, each in one partition. Records without a key or a value are left out. */
export class KGroupedStream<K, V> {
  private source: Node<K, V> | undefined;

  constructor(
    private readonly graph: Graph,
    private readonly from: Node<K, V>,
    private readonly rekeyed: boolean,
    private readonly name: string | undefined,
  ) {}

  count(options: StoreOptions<K, number> = {}): KTable<K, number> {
    return this.aggregate(
      () => 0,
      (_key, _value, count) => count + 1,
      countOptions(options),
    );
  }

  /** The first value, then what the reducer makes of it and each further one. */
  reduce(reducer: Reducer<V>, options: StoreOptions<K, V> = {}): KTable<K, V> {
    return this.added<V>("KSTREAM-REDUCE", undefined, (_key, value, sum) => reducer(sum, value), {
      ...(this.from.value ? { value: this.from.value } : {}),
      ...options,
    });
  }

  aggregate<A>(initializer: () => A, aggregator: Aggregator<K, V, A>, options: StoreOptions<K, A> = {}): KTable<K, A> {
    return this.added("KSTREAM-AGGREGATE", initializer, aggregator, options);
  }

  /** One aggregate of several streams that are grouped by the same key. */
  cogroup<A>(aggregator: Aggregator<K, V, A>): CogroupedKStream<K, A> {
    return new CogroupedKStream<K, A>(this.graph, [this.part(aggregator)]);
  }

  /** @internal This stream's part in a common aggregate. */
  part<A>(aggregator: Aggregator<K, V, A>): CogroupPart<K> {
    return {
      key: this.from.key,
      partitioned: (store) => this.partitioned(store),
      aggregator: aggregator as Aggregator<unknown, unknown, unknown>,
    };
  }

  /** An aggregate for each group and window. */
  windowedBy(windows: TimeWindows): TimeWindowedKStream<K, V>;
  windowedBy(windows: SessionWindows): SessionWindowedKStream<K, V>;
  windowedBy(windows: TimeWindows | SessionWindows): TimeWindowedKStream<K, V> | SessionWindowedKStream<K, V> {
    const partitioned = (store: string) => this.partitioned(store);
    return windows instanceof SessionWindows
      ? new SessionWindowedKStream<K, V>(this.graph, this.from, partitioned, windows)
      : new TimeWindowedKStream<K, V>(this.graph, this.from, partitioned, windows);
  }

  private added<A>(
    kind: string,
    initializer: (() => A) | undefined,
    aggregator: Aggregator<K, V, A>,
    options: StoreOptions<K, A>,
  ): KTable<K, A> {
    const { graph } = this;
    const store = options.store ?? graph.name(`${kind}-STATE-STORE`);
    const source = this.partitioned(store);
    const serdes: BothSerdes<K, A> = graph.serdesOf<K, A>(`aggregate ${store}`, options, { key: this.from.key });
    const { copy, coalesce } = aggregateStore(graph, store, serdes);
    const add = aggregator as Aggregator<unknown, unknown, unknown>;
    const supplier = () => new GroupAggregate({ store, initializer, add, copy, coalesce });
    const name = graph.add(graph.name(kind), supplier, [source.name], [store]);
    return new KTable<K, A>(graph, { name, sources: source.sources, ...serdes }, aggregateLookup(store, coalesce), store);
  }

  /** The stream by its group's key; several aggregates of it share one topic. */
  private partitioned(store: string): Node<K, V> {
    if (!this.rekeyed) return this.from;
    const name = this.name ?? store;
    this.source ??= this.graph.repartition(this.from, `${name}-repartition`, this.graph.serdesOf<K, V>(`groupBy of ${name}`, this.from));
    return this.source;
  }
}

export interface CogroupPart<K> {
  readonly key: Serde<NonNullable<K>> | undefined;
  readonly partitioned: (store: string) => AnyNode;
  readonly aggregator: Aggregator<unknown, unknown, unknown>;
}

/** Streams grouped by one key, each with what it does to the common aggregate. */
export class CogroupedKStream<K, A> {
  constructor(
    private readonly graph: Graph,
    private readonly parts: readonly CogroupPart<K>[],
  ) {}

  cogroup<V>(grouped: KGroupedStream<K, V>, aggregator: Aggregator<K, V, A>): CogroupedKStream<K, A> {
    return new CogroupedKStream(this.graph, [...this.parts, grouped.part(aggregator)]);
  }

  aggregate(initializer: () => A, options: StoreOptions<K, A> = {}): KTable<K, A> {
    const { graph, parts } = this;
    const store = options.store ?? graph.name("COGROUPKSTREAM-AGGREGATE-STATE-STORE");
    const serdes: BothSerdes<K, A> = graph.serdesOf<K, A>(`aggregate ${store}`, options, ...parts.map(({ key }) => ({ key })));
    const { copy, coalesce } = aggregateStore(graph, store, serdes);
    const sources: string[] = [];
    const parents = parts.map(({ partitioned, aggregator: add }, i) => {
      const from = partitioned(`${store}-${i}`);
      sources.push(...from.sources);
      const supplier = () => new GroupAggregate({ store, initializer, add, copy, coalesce });
      return graph.add(graph.name("COGROUPKSTREAM-AGGREGATE"), supplier, [from.name], [store]);
    });
    graph.topology.copartition([...new Set(sources)]);
    const name = graph.add(graph.name("COGROUPKSTREAM-MERGE"), () => new Pass(), parents);
    const node = { name, sources: [...new Set(sources)], ...serdes };
    return new KTable<K, A>(graph, node, aggregateLookup(store, coalesce), store);
  }
}

export function countOptions<K>(options: StoreOptions<K, number>): StoreOptions<K, number> {
  return { value: formats.long, ...options };
}
