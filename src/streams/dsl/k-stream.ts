import { MillraceError } from "../../common/errors.js";
import type { Row } from "../../serde/row-serde.js";
import type { Serde } from "../../serde/serde.js";
import { StreamTableJoin } from "../processor/table-join.js";
import { GlobalKTable } from "./global-k-table.js";
import type { Graph, Node, Serdes } from "./graph.js";
import { KGroupedStream } from "./k-grouped-stream.js";
import { type AnyTable, KTable, type StoreOptions } from "./k-table.js";
import { type ProcessorSupplier, UserProcessor } from "./processor-api.js";
import { rowOf, VALUE } from "./rows.js";
import { Apply, Branch, Filter, Pass, Peek, Split } from "./stateless.js";
import { addStreamJoin } from "./stream-joins.js";
import { GlobalJoin } from "./tables.js";
import type { JoinWindows } from "./windows.js";

export type KeyValue<K, V> = readonly [key: K, value: V];

/** Where a repartition topic is named: it is `<application.id>-<name>-repartition`. */
export interface GroupOptions<K, V> extends Serdes<K, V> {
  readonly name?: string;
}

export interface RepartitionOptions<K, V> extends GroupOptions<K, V> {
  readonly partitions?: number;
}

export interface StreamJoinOptions<K, V, VO> {
  readonly key?: Serde<NonNullable<K>>;
  readonly value?: Serde<NonNullable<V>>;
  readonly otherValue?: Serde<NonNullable<VO>>;
  /** of the two stores: `<name>-this`, `<name>-other` */
  readonly name?: string;
}

/** How the joiner of a left or outer join sees a side that may be missing. */
export type Joiner<K, V, VO, R> = (value: V, other: VO, key: K) => R;

/**
 * A stream of records, each a fact of its own. Its operations describe what happens to them; nothing runs before the service starts.
 * Values are shared between the operations that see them: make new ones, never change them.
 */
export class KStream<K, V> {
  constructor(
    private readonly graph: Graph,
    private readonly node: Node<K, V>,
    /** The key is not the one that the source's partitions go by. */
    private readonly rekeyed = false,
  ) {}

  /** Records that pass. */
  filter<W extends V>(predicate: (key: K, value: V) => value is V & W): KStream<K, W>;
  filter(predicate: (key: K, value: V) => boolean): KStream<K, V>;
  filter(predicate: (key: K, value: V) => boolean): KStream<K, V> {
    return this.same("KSTREAM-FILTER", () => new Filter(predicate as (key: unknown, value: unknown) => boolean));
  }

  filterNot(predicate: (key: K, value: V) => boolean): KStream<K, V> {
    return this.filter((key, value) => !predicate(key, value));
  }

  /** Another record for each, under a key of its own. */
  map<K2, V2>(mapper: (key: K, value: V) => KeyValue<K2, V2>, serdes?: Serdes<K2, V2>): KStream<K2, V2> {
    return this.other("KSTREAM-MAP", serdes, true, (key, value, timestamp, forward) => {
      const [k, v] = mapper(key, value);
      forward(k, v, timestamp);
    });
  }

  mapValues<V2>(mapper: (value: V, key: K) => V2, value?: Serde<NonNullable<V2>>): KStream<K, V2> {
    return this.other("KSTREAM-MAPVALUES", { key: this.node.key, value }, false, (k, v, timestamp, forward) =>
      forward(k, mapper(v, k), timestamp),
    );
  }

  /** Any number of records for each. */
  flatMap<K2, V2>(mapper: (key: K, value: V) => Iterable<KeyValue<K2, V2>>, serdes?: Serdes<K2, V2>): KStream<K2, V2> {
    return this.other("KSTREAM-FLATMAP", serdes, true, (key, value, timestamp, forward) => {
      for (const [k, v] of mapper(key, value)) forward(k, v, timestamp);
    });
  }

  flatMapValues<V2>(mapper: (value: V, key: K) => Iterable<V2>, value?: Serde<NonNullable<V2>>): KStream<K, V2> {
    return this.other("KSTREAM-FLATMAPVALUES", { key: this.node.key, value }, false, (k, v, timestamp, forward) => {
      for (const each of mapper(v, k)) forward(k, each, timestamp);
    });
  }

  /** The serde's type is the new key's, where one is given: a mapper may give less than that, as literals. */
  selectKey<K2 extends S, S = K2>(mapper: (key: K, value: V) => K2, key?: Serde<NonNullable<S>>): KStream<S, V> {
    return this.other("KSTREAM-KEY-SELECT", { key, value: this.node.value }, true, (k, v, timestamp, forward) =>
      forward(mapper(k, v), v, timestamp),
    );
  }

  /** Looks at each record on its way. Called again for what is processed again after a kill. */
  peek(action: (key: K, value: V) => void): KStream<K, V> {
    return this.same("KSTREAM-PEEK", () => new Peek(action as (key: unknown, value: unknown) => void));
  }

  foreach(action: (key: K, value: V) => void): void {
    this.peek(action);
  }

  /**
   * Each record goes to the first branch whose predicate it passes; the rest to `default`.
   * `const { large, default: others } = orders.split({ large: (id, order) => order.quantity > 10 })`
   */
  split<B extends Readonly<Record<string, (key: K, value: V) => boolean>>>(branches: B): { [N in keyof B | "default"]: KStream<K, V> } {
    const names = Object.keys(branches);
    const predicates = names.map((name) => branches[name] as (key: unknown, value: unknown) => boolean);
    const { graph } = this;
    const split = graph.add(graph.name("KSTREAM-BRANCH"), () => new Split(predicates), [this.node.name]);
    const made = [...names.filter((name) => name !== "default"), "default"].map((name) => {
      const index = name === "default" && !names.includes(name) ? names.length : names.indexOf(name);
      const branch = graph.add(`${split}-${name}`, () => new Branch(index), [split]);
      return [name, new KStream<K, V>(graph, { ...this.node, name: branch }, this.rekeyed)] as const;
    });
    return Object.fromEntries(made) as { [N in keyof B | "default"]: KStream<K, V> };
  }

  /** As `split`, of predicates in order; what passes none is dropped. */
  branch(...predicates: ((key: K, value: V) => boolean)[]): KStream<K, V>[] {
    const branches = this.split(Object.fromEntries(predicates.map((predicate, i) => [`branch-${i}`, predicate])));
    return predicates.map((_, i) => branches[`branch-${i}`]!);
  }

  /** The records of both. */
  merge(other: KStream<K, V>): KStream<K, V> {
    const { graph, node } = this;
    const name = graph.add(graph.name("KSTREAM-MERGE"), () => new Pass(), [node.name, other.node.name]);
    const merged = { ...node, name, sources: [...new Set([...node.sources, ...other.node.sources])] };
    return new KStream(graph, merged, this.rekeyed || other.rekeyed);
  }

  /** Writes to an internal topic, partitioned by the present key, and goes on from there. */
  repartition(options: RepartitionOptions<K, V> = {}): KStream<K, V> {
    const name = options.name ?? this.graph.name("KSTREAM-REPARTITION");
    const serdes = this.graph.serdesOf<K, V>(`repartition ${name}`, options, this.node);
    return new KStream(this.graph, this.graph.repartition(this.node, `${name}-repartition`, serdes, options));
  }

  /** Writes to a topic of the application's own choice and goes on from there. */
  through(topic: string, serdes: Serdes<K, V> = {}): KStream<K, V> {
    const { graph } = this;
    this.to(topic, serdes);
    const both = graph.serdesOf<K, V>(`through ${topic}`, serdes, this.node);
    const name = graph.name("KSTREAM-SOURCE");
    graph.topology.addSource({ name, topic, format: graph.format(both) });
    return new KStream(graph, { name, sources: [name], ...both });
  }

  /** Writes to a topic, which is made where it is missing. */
  to(topic: string, serdes: Serdes<K, V> = {}): void {
    const { graph } = this;
    const format = graph.format(graph.serdesOf<K, V>(`to ${topic}`, serdes, this.node));
    graph.topology.addSink({ name: graph.name("KSTREAM-SINK"), topic, format }, [this.node.name]);
  }

  /** The latest value of each key. */
  toTable(options: StoreOptions<K, V> = {}): KTable<K, V> {
    const { graph } = this;
    const store = options.store ?? graph.name("KSTREAM-TOTABLE-STATE-STORE");
    const from = this.partitioned(store, options);
    return KTable.materialize(graph, from.node, store, graph.serdesOf<K, V>(`table ${store}`, options, this.node), "own");
  }

  groupByKey(options: GroupOptions<K, V> = {}): KGroupedStream<K, V> {
    return new KGroupedStream(this.graph, { ...this.node, ...given(options) }, this.rekeyed, options.name);
  }

  groupBy<K2 extends S, S = K2>(mapper: (key: K, value: V) => K2, options: GroupOptions<S, V> = {}): KGroupedStream<S, V> {
    const selected = this.filter((key, value) => (mapper(key, value) ?? null) !== null).selectKey<K2, S>(mapper, options.key);
    return new KGroupedStream<S, V>(selected.graph, { ...selected.node, ...given(options) }, true, options.name);
  }

  /** With the row of a global table that `keyOf` names: no matter how either is partitioned. Records without one are dropped. */
  join<KG, VG, R>(
    table: GlobalKTable<KG, VG>,
    keyOf: (key: K, value: V) => KG | null | undefined,
    joiner: Joiner<K, V, VG, R>,
    value?: Serde<NonNullable<R>>,
  ): KStream<K, R>;
  /** With the row that the table has under the same key at that moment. */
  join<VT, R>(table: KTable<K, VT>, joiner: Joiner<K, V, VT, R>, options?: GroupOptions<K, V>): KStream<K, R>;
  /** With the records of another stream under the same key whose times lie within the window. */
  join<VO, R>(
    other: KStream<K, VO>,
    joiner: Joiner<K, V, VO, R>,
    windows: JoinWindows,
    options?: StreamJoinOptions<K, V, VO>,
  ): KStream<K, R>;
  join(other: unknown, ...args: unknown[]): unknown {
    return this.joined("INNER", other, args);
  }

  leftJoin<KG, VG, R>(
    table: GlobalKTable<KG, VG>,
    keyOf: (key: K, value: V) => KG | null | undefined,
    joiner: Joiner<K, V, VG | null, R>,
    value?: Serde<NonNullable<R>>,
  ): KStream<K, R>;
  leftJoin<VT, R>(table: KTable<K, VT>, joiner: Joiner<K, V, VT | null, R>, options?: GroupOptions<K, V>): KStream<K, R>;
  leftJoin<VO, R>(
    other: KStream<K, VO>,
    joiner: Joiner<K, V, VO | null, R>,
    windows: JoinWindows,
    options?: StreamJoinOptions<K, V, VO>,
  ): KStream<K, R>;
  leftJoin(other: unknown, ...args: unknown[]): unknown {
    return this.joined("LEFT", other, args);
  }

  /** As `leftJoin` of streams, and the other side's records without a match too. */
  outerJoin<VO, R>(
    other: KStream<K, VO>,
    joiner: Joiner<K, V | null, VO | null, R>,
    windows: JoinWindows,
    options: StreamJoinOptions<K, V, VO> = {},
  ): KStream<K, R> {
    return this.joined("FULL", other, [joiner, windows, options]) as KStream<K, R>;
  }

  /** A processor of one's own, which may use stores (`builder.addStore`) and schedule punctuations. */
  process<K2, V2>(supplier: ProcessorSupplier<K, V, K2, V2>, stores: readonly string[] = [], serdes: Serdes<K2, V2> = {}): KStream<K2, V2> {
    return this.processed(supplier, stores, serdes, true);
  }

  /** As `process`, of values alone: the key stays, so nothing has to be partitioned anew. */
  processValues<V2>(
    supplier: ProcessorSupplier<K, V, K, V2>,
    stores: readonly string[] = [],
    value?: Serde<NonNullable<V2>>,
  ): KStream<K, V2> {
    return this.processed(supplier, stores, { key: this.node.key, value }, false);
  }

  private processed<K2, V2>(
    supplier: ProcessorSupplier<K, V, K2, V2>,
    stores: readonly string[],
    serdes: Serdes<K2, V2>,
    rekeyed: boolean,
  ): KStream<K2, V2> {
    const { graph, node } = this;
    const kind = rekeyed ? "KSTREAM-PROCESSOR" : "KSTREAM-PROCESSVALUES";
    const made = () => new UserProcessor(supplier, !rekeyed, graph.userStores);
    const name = graph.add(graph.name(kind), made, [node.name], graph.connectable(stores));
    return new KStream(graph, { name, sources: node.sources, ...serdes }, this.rekeyed || rekeyed);
  }

  private joined(type: "INNER" | "LEFT" | "FULL", other: unknown, args: unknown[]): unknown {
    if (other instanceof GlobalKTable) return this.joinGlobal(other, type === "LEFT", args);
    if (other instanceof KTable) return this.joinTable(other, type as "INNER" | "LEFT", args);
    if (!(other instanceof KStream))
      throw new MillraceError("CONFIG_INVALID", "a stream is joined with a KStream, a KTable or a GlobalKTable");
    const [joiner, windows, options = {}] = args as [
      Joiner<unknown, unknown, unknown, unknown>,
      JoinWindows,
      StreamJoinOptions<K, V, unknown>?,
    ];
    const name = options.name ?? this.graph.name(type === "FULL" ? "KSTREAM-OUTERJOIN" : "KSTREAM-JOIN");
    const left = this.partitioned(`${name}-left`, { key: options.key, value: options.value });
    const right = (other as KStream<K, unknown>).partitioned(`${name}-right`, { key: options.key, value: options.otherValue });
    const own = this.graph.serdesOf<K, V>(`join ${name}`, options, left.node);
    const others = this.graph.serdesOf<K, unknown>(`join ${name}`, { key: options.key, value: options.otherValue }, right.node);
    const node = addStreamJoin(this.graph, {
      name,
      type,
      joiner,
      windows,
      left: { ...left.node, ...own },
      right: { ...right.node, ...others },
    });
    return new KStream(this.graph, { ...node, key: own.key });
  }

  private joinGlobal(table: GlobalKTable<unknown, unknown>, left: boolean, args: unknown[]): unknown {
    const [keyOf, joiner, value] = args as [
      (key: unknown, value: unknown) => unknown,
      Joiner<unknown, unknown, unknown, unknown>,
      Serde<NonNullable<unknown>> | undefined,
    ];
    const { graph, node } = this;
    const supplier = () => new GlobalJoin({ store: table.store, left, keyOf, joiner });
    const name = graph.add(graph.name(left ? "KSTREAM-LEFTJOIN" : "KSTREAM-JOIN"), supplier, [node.name]);
    return new KStream(graph, { name, sources: node.sources, key: node.key, value }, this.rekeyed);
  }

  private joinTable(table: AnyTable, type: "INNER" | "LEFT", args: unknown[]): unknown {
    const [joiner, options = {}] = args as [Joiner<unknown, unknown, unknown, unknown>, GroupOptions<K, V>?];
    const { graph } = this;
    const name = graph.name(type === "LEFT" ? "KSTREAM-LEFTJOIN" : "KSTREAM-JOIN");
    const from = this.partitioned(options.name ?? name, options);
    graph.topology.copartition([...from.node.sources, ...table.node.sources]);
    const { getter, stores } = table.lookup();
    const supplier = () => new StreamTableJoin(type, rowJoiner(joiner), getter, 1);
    graph.add(name, supplier, [from.node.name], stores);
    const sources = [...new Set([...from.node.sources, ...table.node.sources])];
    return new KStream(graph, { name, sources, key: from.node.key });
  }

  /** Partitioned by its key: through a topic where the key was changed. */
  private partitioned(name: string, serdes: Serdes<K, V>): KStream<K, V> {
    return this.rekeyed ? this.repartition({ name, ...given(serdes) }) : this;
  }

  private same(kind: string, supplier: () => Filter | Peek): KStream<K, V> {
    const { graph, node } = this;
    return new KStream(graph, { ...node, name: graph.add(graph.name(kind), supplier, [node.name]) }, this.rekeyed);
  }

  private other<K2, V2>(
    kind: string,
    serdes: Serdes<K2, V2> | undefined,
    rekeyed: boolean,
    apply: (key: K, value: V, timestamp: number, forward: (key: K2, value: V2, timestamp: number) => void) => void,
  ): KStream<K2, V2> {
    const { graph, node } = this;
    const name = graph.add(graph.name(kind), () => new Apply(apply as ConstructorParameters<typeof Apply>[0]), [node.name]);
    return new KStream<K2, V2>(graph, { name, sources: node.sources, ...serdes }, this.rekeyed || rekeyed);
  }
}

/** The serdes that were given, without those left out: they must not hide the ones from upstream. */
export function given<K, V>({ key, value }: Serdes<K, V>): Serdes<K, V> {
  return { ...(key ? { key } : {}), ...(value ? { value } : {}) };
}

/** @throws DATA_INVALID where the joiner gives nothing: a joined record has a value */
export function rowJoiner(joiner: Joiner<unknown, unknown, unknown, unknown>): (key: Row, left: Row | null, right: Row | null) => Row {
  return (key, left, right) => {
    const value = joiner(left === null ? null : left[VALUE], right === null ? null : right[VALUE], key[0]);
    if (value === null || value === undefined) throw new MillraceError("DATA_INVALID", "the joiner gave no value");
    return rowOf(key[0], value, -1);
  };
}
