import { MillraceError } from "../../common/errors.js";
import type { Row } from "../../serde/row-serde.js";
import type { Serde } from "../../serde/serde.js";
import type { ProcessorContext } from "../processor/processor.js";
import { MappedGetter, MaterializeTable, StoreGetter, type TableGetter, type TableGetterSupplier } from "../processor/table.js";
import { JoinGetter, type JoinType, TableJoinSide } from "../processor/table-join.js";
import type { StoreSpec } from "../topology/topology.js";
import { copier, type StoreBytes } from "./binding.js";
import { addForeignKeyJoin } from "./foreign-key-joins.js";
import type { AnyNode, BothSerdes, Graph, Node, Serdes } from "./graph.js";
import { KGroupedTable } from "./k-grouped-table.js";
import { type GroupOptions, given, type Joiner, type KeyValue, KStream, rowJoiner } from "./k-stream.js";
import { rowOf, VALUE } from "./rows.js";
import { Pass } from "./stateless.js";
import { Suppress, type Suppressed } from "./suppress.js";
import { MapTable, type RowOf, TableToStream } from "./tables.js";

/** How a table is kept: under which name (for interactive queries) and in which formats. */
export interface StoreOptions<K, V> extends Serdes<K, V> {
  readonly store?: string;
}

/** How a table's rows are found by key, and the stores that takes. */
export interface Lookup {
  readonly getter: TableGetterSupplier;
  readonly stores: readonly string[];
}

/** A table: the latest value of each key. An operation on it is one on every change, and on what that change replaces. */
export class KTable<K, V> {
  constructor(
    private readonly graph: Graph,
    /** @internal */
    readonly node: Node<K, V>,
    private readonly found: Lookup,
    /** The name under which the table can be queried, where it is kept. */
    readonly queryableStoreName: string | undefined = undefined,
    /** ms that a windowed table's windows take records after their end */
    private readonly closing: { readonly grace: number } | undefined = undefined,
  ) {}

  /** @internal Keeps what comes from `from` under a store. */
  static materialize<K, V>(
    graph: Graph,
    from: Node<K, V>,
    store: string,
    serdes: BothSerdes<K, V>,
    changelog: "own" | { readonly source: string },
  ): KTable<K, V> {
    const bytes: StoreBytes = changelog === "own" ? "changelog" : "local";
    const spec: StoreSpec = {
      name: store,
      kind: "key-value",
      schema: graph.binding.storeSchema(store, serdes.key, serdes.value, bytes),
      changelog: changelog === "own" ? { type: "own" } : { type: "source", source: changelog.source },
    };
    graph.topology.addStore(spec);
    graph.userStores.set(store, { copy: copier(serdes.value) as (value: unknown) => unknown, readOnly: true });
    const name = graph.add(graph.name("KTABLE-SOURCE"), () => new MaterializeTable(store, 1), [from.name], [store]);
    return new KTable<K, V>(graph, { name, sources: from.sources, ...serdes }, storeLookup(store), store);
  }

  /** @internal */
  lookup(): Lookup {
    return this.found;
  }

  filter<W extends V>(predicate: (key: K, value: V) => value is V & W, options?: StoreOptions<K, W>): KTable<K, W>;
  filter(predicate: (key: K, value: V) => boolean, options?: StoreOptions<K, V>): KTable<K, V>;
  filter(predicate: (key: K, value: V) => boolean, options: StoreOptions<K, V> = {}): KTable<K, V> {
    const keep: RowOf = (row) => (predicate(row[0] as K, row[VALUE] as V) ? row : null);
    return this.mapped("KTABLE-FILTER", keep, { key: this.node.key, value: this.node.value }, options);
  }

  filterNot(predicate: (key: K, value: V) => boolean, options: StoreOptions<K, V> = {}): KTable<K, V> {
    return this.filter((key, value) => !predicate(key, value), options);
  }

  /** A value that becomes null is a row that the result does not have. */
  mapValues<V2>(mapper: (value: V, key: K) => V2, options: StoreOptions<K, V2> = {}): KTable<K, NonNullable<V2>> {
    const map: RowOf = (row) => {
      const value = mapper(row[VALUE] as V, row[0] as K);
      return value === null || value === undefined ? null : rowOf(row[0], value, row[2] as number);
    };
    return this.mapped<NonNullable<V2>>("KTABLE-MAPVALUES", map, { key: this.node.key }, options as StoreOptions<K, NonNullable<V2>>);
  }

  /** The changes as a stream; a row that is deleted is a record without a value. */
  toStream(): KStream<K, V | null>;
  toStream<K2>(keyOf: (key: K, value: V | null) => K2, key?: Serde<NonNullable<K2>>): KStream<K2, V | null>;
  toStream(keyOf?: (key: K, value: V | null) => unknown, key?: object): unknown {
    const { graph, node } = this;
    const supplier = () => new TableToStream(keyOf as ((key: unknown, value: unknown) => unknown) | undefined);
    const name = graph.add(graph.name("KTABLE-TOSTREAM"), supplier, [node.name]);
    const stream: AnyNode = { name, sources: node.sources, key: keyOf ? key : node.key, value: node.value };
    return new KStream(graph, stream as Node<unknown, unknown>, keyOf !== undefined);
  }

  /** Groups rows under another key, for an aggregate that takes a row's contribution back when it changes. */
  groupBy<K2, V2>(mapper: (key: K, value: V) => KeyValue<K2, V2>, options: GroupOptions<K2, V2> = {}): KGroupedTable<K2, V2> {
    return new KGroupedTable(this.graph, this.node, mapper as (key: unknown, value: unknown) => KeyValue<unknown, unknown>, options);
  }

  /** Rows that both tables have under one key; or, given `keyOf`, with the other table's row that this one's row names. */
  join<VO, R>(other: KTable<K, VO>, joiner: Joiner<K, V, VO, R>, options?: StoreOptions<K, R>): KTable<K, R>;
  join<KO, VO, R>(
    other: KTable<KO, VO>,
    keyOf: (value: V, key: K) => KO | null | undefined,
    joiner: Joiner<K, V, VO, R>,
    options?: StoreOptions<K, R>,
  ): KTable<K, R>;
  join(other: AnyTable, ...args: unknown[]): unknown {
    return this.joined("INNER", other, args);
  }

  leftJoin<VO, R>(other: KTable<K, VO>, joiner: Joiner<K, V, VO | null, R>, options?: StoreOptions<K, R>): KTable<K, R>;
  leftJoin<KO, VO, R>(
    other: KTable<KO, VO>,
    keyOf: (value: V, key: K) => KO | null | undefined,
    joiner: Joiner<K, V, VO | null, R>,
    options?: StoreOptions<K, R>,
  ): KTable<K, R>;
  leftJoin(other: AnyTable, ...args: unknown[]): unknown {
    return this.joined("LEFT", other, args);
  }

  outerJoin<VO, R>(other: KTable<K, VO>, joiner: Joiner<K, V | null, VO | null, R>, options: StoreOptions<K, R> = {}): KTable<K, R> {
    return this.joined("FULL", other, [joiner, options]) as KTable<K, R>;
  }

  /** Holds changes back: of a windowed table until each window has closed, or of any until a time has passed. */
  suppress(suppressed: Suppressed): KTable<K, V> {
    const { graph, node, closing } = this;
    if (suppressed.until === "window-close" && !closing)
      throw new MillraceError("CONFIG_INVALID", "untilWindowCloses is of windowed tables alone");
    const name = graph.name("KTABLE-SUPPRESS");
    const store = suppressed.name ?? `${name}-store`;
    const serdes = graph.serdesOf<K, V>(`suppress ${store}`, node);
    const schema = graph.binding.storeSchema(store, serdes.key, serdes.value, "changelog");
    const value = [...schema.value, { ...schema.value[0]!, name: "OLD" }];
    graph.topology.addStore({ name: store, kind: "key-value", schema: { key: schema.key, value }, changelog: { type: "own" } });
    const wait = suppressed.until === "window-close" ? { grace: closing!.grace } : { ms: suppressed.ms };
    graph.add(name, () => new Suppress(store, wait), [node.name], [store]);
    return new KTable(graph, { ...node, name }, this.found, undefined, closing);
  }

  private joined(type: "INNER" | "LEFT" | "FULL", other: AnyTable, args: unknown[]): unknown {
    if (typeof args[1] === "function") {
      const [keyOf, joiner, options = {}] = args as [(value: unknown, key: unknown) => unknown, AnyJoiner, StoreOptions<K, unknown>?];
      const { graph } = this;
      const node = addForeignKeyJoin(graph, { left: this, right: other, keyOf, joiner, leftJoin: type === "LEFT" });
      const store = options.store ?? `${node.name}-STATE-STORE`;
      const from: Node<K, unknown> = { name: node.name, sources: node.sources, key: this.node.key };
      return KTable.materialize(graph, from, store, graph.serdesOf<K, unknown>(`foreign-key join ${store}`, options, from), "own");
    }
    const [joiner, options = {}] = args as [AnyJoiner, StoreOptions<K, unknown>?];
    const { graph, node } = this;
    graph.topology.copartition([...node.sources, ...other.node.sources]);
    const join = rowJoiner(joiner);
    const [left, right] = [this.lookup(), other.lookup()];
    const base = graph.name(`KTABLE-${type === "FULL" ? "OUTERJOIN" : type === "LEFT" ? "LEFTJOIN" : "JOIN"}`);
    const side = (which: "left" | "right", from: string, opposite: Lookup) =>
      graph.add(`${base}-${which}`, () => new TableJoinSide(which, type as JoinType, join, opposite.getter), [from], opposite.stores);
    const parents = [side("left", node.name, right), side("right", other.node.name, left)];
    const name = graph.add(graph.name("KTABLE-MERGE"), () => new Pass(), parents);
    const getter: TableGetterSupplier = (context) => new JoinGetter(type, join, left.getter(context), right.getter(context));
    const lookup = { getter, stores: [...new Set([...left.stores, ...right.stores])] };
    const sources = [...new Set([...node.sources, ...other.node.sources])];
    return new KTable<K, unknown>(graph, { name, sources, key: node.key }, lookup).kept(options);
  }

  private mapped<V2>(kind: string, map: RowOf, serdes: Serdes<K, V2>, options: StoreOptions<K, V2>): KTable<K, V2> {
    const { graph, node, found } = this;
    const name = graph.add(graph.name(kind), () => new MapTable(map), [node.name]);
    const getter: TableGetterSupplier = (context) => new MappedGetter(found.getter(context), map);
    const made = { name, sources: node.sources, ...serdes, ...given(options) };
    return new KTable<K, V2>(graph, made, { getter, stores: found.stores }, undefined, this.closing).kept(options);
  }

  /** With a store of its own where one was named. */
  private kept(options: StoreOptions<K, V>): KTable<K, V> {
    const node = { ...this.node, ...given(options) };
    if (options.store === undefined) return new KTable(this.graph, node, this.found, undefined, this.closing);
    return KTable.materialize(this.graph, node, options.store, this.graph.serdesOf<K, V>(`table ${options.store}`, node), "own");
  }
}

/** A table where its types do not matter. */
export interface AnyTable {
  readonly node: AnyNode;
  lookup(): Lookup;
}

type AnyJoiner = Joiner<unknown, unknown, unknown, unknown>;

/** The rows of a store by their keys. */
export function storeLookup(store: string): Lookup {
  return { getter: (context) => new StoreGetter(context.store(store), false), stores: [store] };
}

/** The rows of an aggregate's store as they have been handed on. */
export function aggregateLookup(store: string, coalesce: () => boolean): Lookup {
  return {
    getter: (context: ProcessorContext): TableGetter => new StoreGetter(context.store(store), coalesce()),
    stores: [store],
  };
}

export function sameRow(a: Row, b: Row): boolean {
  return a[0] === b[0];
}
