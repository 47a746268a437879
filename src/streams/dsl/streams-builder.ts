import type { Serde } from "../../serde/serde.js";
import type { Topology } from "../topology/topology.js";
import { type BoundTo, copier } from "./binding.js";
import { describeTopology } from "./describe.js";
import { GlobalKTable } from "./global-k-table.js";
import { Graph, type Node } from "./graph.js";
import { KStream } from "./k-stream.js";
import { KTable, type StoreOptions } from "./k-table.js";
import { Filter } from "./stateless.js";

/** How a topic is read. */
export interface SourceOptions<K, V> {
  readonly key: Serde<K>;
  readonly value: Serde<V>;
  /** Where a service that has committed nothing begins; `auto.offset.reset` if absent. */
  readonly offsetReset?: "earliest" | "latest";
  /** The record's time, ms since the epoch; its own if absent. A time that is none sets the record aside. */
  readonly timestamp?: (value: V, key: K) => number;
}

/** Describes what a service does with its topics, as Kafka Streams' builder of the same name. */
export class StreamsBuilder {
  private readonly graph = new Graph();

  /** The records of a topic. Those without a value are left out, unless `tombstones` asks for them. */
  stream<K, V>(topic: string | readonly string[], options: SourceOptions<K, V> & { readonly tombstones: true }): KStream<K, V | null>;
  stream<K, V>(topic: string | readonly string[], options: SourceOptions<K, V> & { readonly tombstones?: boolean }): KStream<K, V>;
  stream<K, V>(topic: string | readonly string[], options: SourceOptions<K, V> & { readonly tombstones?: boolean }): KStream<K, V> {
    const topics = typeof topic === "string" ? [topic] : topic;
    const [first, ...others] = topics.map((name) => this.oneStream(name, options));
    return others.reduce((merged, each) => merged.merge(each), first!);
  }

  private oneStream<K, V>(topic: string, options: SourceOptions<K, V> & { readonly tombstones?: boolean }): KStream<K, V> {
    const { graph } = this;
    const source = this.source(graph.name("KSTREAM-SOURCE"), topic, options);
    if (options.tombstones) return new KStream<K, V>(graph, source);
    const name = graph.add(graph.name("KSTREAM-FILTER"), () => new Filter((_key, value) => value !== null), [source.name]);
    return new KStream<K, V>(graph, { ...source, name });
  }

  /** The latest value of each key of a topic, which is the table's changelog too. */
  table<K, V>(topic: string, options: SourceOptions<K, V> & StoreOptions<K, V>): KTable<K, V> {
    const { graph } = this;
    const source = this.source(graph.name("KSTREAM-SOURCE"), topic, { offsetReset: "earliest", ...options }, true);
    const store = options.store ?? graph.name(`${topic}-STATE-STORE`);
    const serdes = graph.serdesOf<K, V>(`table ${topic}`, source);
    return KTable.materialize(graph, source, store, serdes, { source: source.name });
  }

  /** As `table`, but of all partitions, whole in every process before the first record is processed. */
  globalTable<K, V>(topic: string, options: SourceOptions<K, V> & StoreOptions<K, V>): GlobalKTable<K, V> {
    const { graph } = this;
    const store = options.store ?? graph.name(`${topic}-STATE-STORE`);
    const serdes = graph.serdesOf<K, V>(`global table ${topic}`, { key: options.key as never, value: options.value as never });
    graph.topology.addGlobalStore({
      name: store,
      schema: graph.binding.storeSchema(store, serdes.key, serdes.value, "local"),
      source: { name: graph.name("KSTREAM-SOURCE"), topic, format: graph.format(serdes) },
    });
    graph.userStores.set(store, { copy: copier(serdes.value) as (value: unknown) => unknown, readOnly: true });
    return new GlobalKTable<K, V>(store);
  }

  /** A store for processors of one's own; each task has a part of it. */
  addStore<K, V>(name: string, key: Serde<K>, value: Serde<V>): this {
    const { graph } = this;
    graph.topology.addStore({
      name,
      kind: "key-value",
      schema: graph.binding.storeSchema(name, key, value, "changelog"),
      changelog: { type: "own" },
    });
    graph.userStores.set(name, { copy: copier(value) as (value: unknown) => unknown, readOnly: false });
    return this;
  }

  /** Sources, processors, sinks and stores, as Kafka Streams describes a topology. */
  describe(): string {
    return describeTopology(this.graph.topology);
  }

  /** @internal The topology; `bind` goes ahead of its first use. */
  build(): { topology: Topology; bind(to: BoundTo): Promise<void> } {
    return { topology: this.graph.topology, bind: (to) => this.graph.binding.bind(to) };
  }

  private source<K, V>(
    name: string,
    topic: string,
    options: SourceOptions<K, V>,
    table = false,
  ): Node<K, V> & { key: never; value: never } {
    const { graph } = this;
    const { key, value, offsetReset, timestamp } = options;
    graph.topology.addSource({
      name,
      topic,
      format: graph.format({ key: key as never, value: value as never }),
      ...(table ? { table } : {}),
      ...(offsetReset ? { offsetReset } : {}),
      ...(timestamp ? { timestampOf: (row) => timestamp(row[1] as V, row[0] as K) } : {}),
    });
    return { name, sources: [name], key: key as never, value: value as never };
  }
}
