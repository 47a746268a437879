import { MillraceError } from "../../common/errors.js";
import type { Row } from "../../serde/row-serde.js";
import type { RowAggregator } from "../processor/aggregate.js";
import type { Processor, ProcessorContext } from "../processor/processor.js";
import { SessionAggregate, sessionSchema } from "../processor/session-aggregate.js";
import { StreamFilter } from "../processor/stateless.js";
import { StoreGetter } from "../processor/table.js";
import { WindowedAggregate } from "../processor/windowed-aggregate.js";
import { copier } from "./binding.js";
import type { BothSerdes, Graph, Node } from "./graph.js";
import { type Aggregator, countOptions, type Reducer } from "./k-grouped-stream.js";
import { KTable, type StoreOptions } from "./k-table.js";
import { rowOf, VALUE } from "./rows.js";
import { KeyedGetter } from "./tables.js";
import { type SessionWindows, sessionWindowedSerde, type TimeWindows, timeWindowedSerde, type Windowed } from "./windows.js";

/** Where a stored row `[key, window start, aggregate, ...pseudo]` has its aggregate. */
const STORED = 2;
/** ms that windows stay in their store after they have closed, for queries: a day, as in Kafka Streams */
const KEPT = 86_400_000;

export interface WindowStoreOptions<K, V> extends StoreOptions<K, V> {
  /** ms that windows can be queried after their start; by default a day after they have closed */
  readonly retention?: number;
}

type Partitioned<K, V> = (store: string) => Node<K, V>;

/** Groups of records in windows of time. */
export class TimeWindowedKStream<K, V> {
  constructor(
    private readonly graph: Graph,
    private readonly from: Node<K, V>,
    private readonly partitioned: Partitioned<K, V>,
    private readonly windows: TimeWindows,
  ) {}

  count(options: WindowStoreOptions<K, number> = {}): KTable<Windowed<K>, number> {
    return this.aggregate(
      () => 0,
      (_key, _value, count) => count + 1,
      countOptions(options),
    );
  }

  reduce(reducer: Reducer<V>, options: WindowStoreOptions<K, V> = {}): KTable<Windowed<K>, V> {
    const value = this.from.value ? { value: this.from.value } : {};
    return this.added<V>("KSTREAM-REDUCE", undefined, (_key, each, sum) => reducer(sum, each), { ...value, ...options });
  }

  aggregate<A>(initializer: () => A, aggregator: Aggregator<K, V, A>, options: WindowStoreOptions<K, A> = {}): KTable<Windowed<K>, A> {
    return this.added("KSTREAM-AGGREGATE", initializer, aggregator, options);
  }

  private added<A>(
    kind: string,
    initializer: (() => A) | undefined,
    aggregator: Aggregator<K, V, A>,
    options: WindowStoreOptions<K, A>,
  ): KTable<Windowed<K>, A> {
    const { graph, windows } = this;
    const { size, advance, grace } = windows;
    const store = options.store ?? graph.name(`${kind}-STATE-STORE`);
    const source = this.partitioned(store);
    const serdes: BothSerdes<K, A> = graph.serdesOf<K, A>(`aggregate ${store}`, options, { key: this.from.key });
    const schema = graph.binding.storeSchema(store, serdes.key, serdes.value, "changelog");
    graph.topology.addStore({
      name: store,
      kind: "window",
      schema: { key: [...schema.key, { name: "START", type: { base: "BIGINT" } }], value: schema.value },
      changelog: { type: "own" },
      retention: options.retention ?? size + grace + KEPT,
      windowSize: size,
      windowAdvance: advance,
    });
    graph.userStores.set(store, { copy: copier(serdes.value) as (value: unknown) => unknown, readOnly: true });
    const rows = rowAggregator(initializer, aggregator as Aggregator<unknown, unknown, unknown>, undefined, copier(serdes.value));
    const coalesce = () => graph.binding.get().coalesce;
    const supplier = () =>
      new WindowedAggregate({ store, aggregator: () => rows, coalesce: coalesce(), needOld: true, size, advance, grace });
    const keyed = graph.add(graph.name("KSTREAM-FILTER"), withKey, [source.name]);
    const aggregated = graph.add(graph.name(kind), supplier, [keyed], [store]);
    const show = windowedRow(size);
    const name = graph.add(graph.name("KTABLE-WINDOWED"), () => new WindowedRows(show), [aggregated]);
    const lookup = {
      getter: (context: ProcessorContext) =>
        new KeyedGetter(
          new StoreGetter(context.store(store), coalesce()),
          (key) => [(key[0] as Windowed<K>).key, (key[0] as Windowed<K>).window.start],
          show,
        ),
      stores: [store],
    };
    const node = { name, sources: source.sources, key: timeWindowedSerde(serdes.key, size) as never, value: serdes.value };
    return new KTable<Windowed<K>, A>(graph, node, lookup, store, { grace });
  }
}

/** Groups of records in sessions. */
export class SessionWindowedKStream<K, V> {
  constructor(
    private readonly graph: Graph,
    private readonly from: Node<K, V>,
    private readonly partitioned: Partitioned<K, V>,
    private readonly windows: SessionWindows,
  ) {}

  count(options: WindowStoreOptions<K, number> = {}): KTable<Windowed<K>, number> {
    return this.aggregate(
      () => 0,
      (_key, _value, count) => count + 1,
      (_key, a, b) => a + b,
      countOptions(options),
    );
  }

  reduce(reducer: Reducer<V>, options: WindowStoreOptions<K, V> = {}): KTable<Windowed<K>, V> {
    const value = this.from.value ? { value: this.from.value } : {};
    const merge = (_key: K, a: V, b: V) => reducer(a, b);
    return this.added<V>("KSTREAM-REDUCE", undefined, (_key, each, sum) => reducer(sum, each), merge, { ...value, ...options });
  }

  /** @param merger of two sessions that a record between them has made one */
  aggregate<A>(
    initializer: () => A,
    aggregator: Aggregator<K, V, A>,
    merger: (key: K, a: A, b: A) => A,
    options: WindowStoreOptions<K, A> = {},
  ): KTable<Windowed<K>, A> {
    return this.added("KSTREAM-AGGREGATE", initializer, aggregator, merger, options);
  }

  private added<A>(
    kind: string,
    initializer: (() => A) | undefined,
    aggregator: Aggregator<K, V, A>,
    merger: (key: K, a: A, b: A) => A,
    options: WindowStoreOptions<K, A>,
  ): KTable<Windowed<K>, A> {
    const { graph, windows } = this;
    const { gap, grace } = windows;
    const store = options.store ?? graph.name(`${kind}-STATE-STORE`);
    const source = this.partitioned(store);
    const serdes: BothSerdes<K, A> = graph.serdesOf<K, A>(`aggregate ${store}`, options, { key: this.from.key });
    const schema = graph.binding.storeSchema(store, serdes.key, serdes.value, "changelog");
    const retention = options.retention ?? gap + grace + KEPT;
    graph.topology.addStore({
      name: store,
      kind: "session",
      schema: sessionSchema(schema.key, schema.value),
      changelog: { type: "own" },
      retention,
    });
    graph.userStores.set(store, { copy: copier(serdes.value) as (value: unknown) => unknown, readOnly: true });
    const merge = merger as (key: unknown, a: unknown, b: unknown) => unknown;
    const rows = rowAggregator(initializer, aggregator as Aggregator<unknown, unknown, unknown>, merge, copier(serdes.value));
    const supplier = () => new SessionAggregate({ store, aggregator: () => rows, keyColumns: 1, gap, grace, retention });
    const keyed = graph.add(graph.name("KSTREAM-FILTER"), withKey, [source.name]);
    const aggregated = graph.add(graph.name(kind), supplier, [keyed], [store]);
    const name = graph.add(graph.name("KTABLE-WINDOWED"), () => new WindowedRows(windowedRow(undefined)), [aggregated]);
    const lookup = {
      getter: () => {
        throw new MillraceError("UNSUPPORTED", `the sessions of ${store} cannot be joined as a table`);
      },
      stores: [store],
    };
    const node = { name, sources: source.sources, key: sessionWindowedSerde(serdes.key) as never, value: serdes.value };
    // A session has closed when none can be merged into it: its gap and grace behind its end.
    return new KTable<Windowed<K>, A>(graph, node, lookup, store, { grace: gap + grace });
  }
}

/** Records without a key belong to no group. */
function withKey(): StreamFilter {
  return new StreamFilter(() => (row) => row[0] !== null);
}

/** Of stored rows `[key, start, aggregate, time, partition, offset, start, end]`. */
function rowAggregator<A>(
  initializer: (() => unknown) | undefined,
  add: Aggregator<unknown, unknown, unknown>,
  merge: ((key: unknown, a: unknown, b: unknown) => unknown) | undefined,
  copy: (aggregate: A) => A,
): RowAggregator {
  const copied = copy as (aggregate: unknown) => unknown;
  const stored = (key: unknown, start: unknown, aggregate: unknown): Row => [key, start, aggregate, null, null, null, null, null];
  return {
    add(before, row, start) {
      const aggregate = before === null ? (initializer ? initializer() : null) : copied(before[STORED]);
      return stored(row[0], start, aggregate === null ? row[VALUE] : add(row[0], row[VALUE], aggregate));
    },
    undo(before) {
      return before;
    },
    merge(a, b) {
      return stored(a[0], a[1], merge!(a[0], copied(a[STORED]), copied(b[STORED])));
    },
    result: (row) => row,
  };
}

/** A stored row as one of the DSL. @param size of time windows, ms */
function windowedRow(size: number | undefined): (row: Row) => Row {
  return (row) => {
    const start = row[1] as number;
    const end = size === undefined ? (row[row.length - 1] as number) : start + size;
    return rowOf({ key: row[0], window: { start, end } } satisfies Windowed<unknown>, row[STORED], row[3] as number);
  };
}

/** What the windowed aggregates hand on, as rows of the DSL. */
class WindowedRows implements Processor {
  private next!: Processor;
  constructor(private readonly show: (row: Row) => Row) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const now = row === null ? null : this.show(row);
    const before = old === null ? null : this.show(old);
    this.next.process(now ?? before ?? this.show(key), now, before, timestamp);
  }
}
