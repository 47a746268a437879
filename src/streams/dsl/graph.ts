import { MillraceError } from "../../common/errors.js";
import type { Serde } from "../../serde/serde.js";
import type { Processor } from "../processor/processor.js";
import type { RecordFormat } from "../topology/record-format.js";
import { Topology } from "../topology/topology.js";
import { Binding } from "./binding.js";
import { topicFormat } from "./topic-format.js";

/** Serdes of keys and values; where one is left out, the one that is known from upstream holds. */
export interface Serdes<K, V> {
  readonly key?: Serde<NonNullable<K>> | undefined;
  readonly value?: Serde<NonNullable<V>> | undefined;
}

/** A node where its types do not matter. */
export interface AnyNode {
  readonly name: string;
  readonly sources: readonly string[];
  readonly key?: object | undefined;
  readonly value?: object | undefined;
}

export interface BothSerdes<K, V> {
  readonly key: Serde<NonNullable<K>>;
  readonly value: Serde<NonNullable<V>>;
}

/** What a stream or a table is in the topology. */
export interface Node<K, V> extends Serdes<K, V> {
  readonly name: string;
  /** the sources that its records come from without passing through another topic */
  readonly sources: readonly string[];
}

export interface UserStoreSpec {
  readonly copy: (value: unknown) => unknown;
  /** A table's: its rows are changed by the table alone. */
  readonly readOnly: boolean;
}

export interface RepartitionTopic {
  readonly partitions?: number | undefined;
  /** A table's changes: each record carries the row before it too. */
  readonly changes?: boolean;
}

/** A topology as the DSL builds it: nodes with the names that Kafka Streams would give them. */
export class Graph {
  readonly topology = new Topology();
  readonly binding = new Binding();
  /** the stores that processors of the application's own may use */
  readonly userStores = new Map<string, UserStoreSpec>();
  private count = 0;

  name(kind: string): string {
    return `${kind}-${String(this.count++).padStart(10, "0")}`;
  }

  /** Adds a processor behind the parents. */
  add(name: string, supplier: () => Processor, parents: readonly string[], stores: readonly string[] = []): string {
    this.topology.addProcessor(name, supplier, parents, stores);
    return name;
  }

  /** @throws CONFIG_INVALID naming what lacks its serde */
  serdesOf<K, V>(what: string, ...candidates: (Serdes<K, V> | undefined)[]): BothSerdes<K, V> {
    const key = candidates.find((c) => c?.key)?.key;
    const value = candidates.find((c) => c?.value)?.value;
    if (key && value) return { key, value };
    const missing = key ? "value" : value ? "key" : "key and value";
    throw new MillraceError("CONFIG_INVALID", `${what} needs the serde of ${missing}: give { ${missing.replace(" and ", ", ")} }`);
  }

  format<K, V>(serdes: BothSerdes<K, V>): RecordFormat {
    return topicFormat(this.binding, serdes.key, serdes.value);
  }

  /** @throws CONFIG_INVALID where the builder has no such store */
  connectable(stores: readonly string[]): readonly string[] {
    for (const store of stores)
      if (!this.userStores.has(store)) throw new MillraceError("CONFIG_INVALID", `there is no store ${store}: add it with addStore`);
    return stores.filter((store) => this.topology.stores.has(store));
  }

  /** Writes to an internal topic, re-partitioned by key, and reads from it. */
  repartition<K, V>(from: Node<K, V>, topic: string, serdes: BothSerdes<K, V>, options: RepartitionTopic = {}): Node<K, V> {
    const { topology } = this;
    const changes = options.changes ? { changes: true } : {};
    topology.addSink({ name: this.name("KSTREAM-SINK"), topic, internal: true, format: this.format(serdes), ...changes }, [from.name]);
    const name = this.name("KSTREAM-SOURCE");
    topology.addSource({
      name,
      topic,
      internal: true,
      format: this.format(serdes),
      ...changes,
      ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
    });
    return { name, sources: [name], ...serdes };
  }
}
