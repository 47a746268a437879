import { MillraceError } from "../../common/errors.js";
import type { RecordHeader } from "../../data/headers.js";
import type { Row } from "../../serde/row-serde.js";
import type { PunctuationType, ProcessorContext as RowContext, Processor as RowProcessor } from "../processor/processor.js";
import type { KeyedStore } from "../state/keyed-store.js";
import type { UserStoreSpec } from "./graph.js";
import { forwardTo, rowOf, VALUE } from "./rows.js";

/** A record as a processor gets it. */
export interface ProcessorRecord<K, V> {
  readonly key: K;
  readonly value: V;
  /** ms since the epoch */
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
}

/** What a processor writes on: by default under the time and the headers of the record that is being processed. */
export interface OutputRecord<K, V> {
  readonly key: K;
  readonly value: V;
  readonly timestamp?: number;
  readonly headers?: readonly RecordHeader[];
}

/** Where the record that is being processed comes from. */
export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What a processor sees of its task: one partition of the sources and of the stores. */
export interface ProcessorContext<K, V> {
  readonly taskId: string;
  readonly partition: number;
  /** ms, the largest timestamp so far, -1 before the first record */
  readonly streamTime: number;
  /** ms since the epoch */
  now(): number;
  /** undefined in a punctuation */
  readonly recordMetadata: RecordMetadata | undefined;
  forward(record: OutputRecord<K, V>): void;
  /** Calls back every `intervalMs` of stream time or of the wall clock, between records. Returns how to cancel. */
  schedule(intervalMs: number, type: PunctuationType, punctuate: (timestamp: number) => void): () => void;
  /** A store that was named when the processor was added. */
  store<SK, SV>(name: string): KeyValueStore<SK, SV>;
}

/** A processor of one's own. Synchronous, like everything that happens within a transaction. */
export interface Processor<K, V, K2 = K, V2 = V> {
  init?(context: ProcessorContext<K2, V2>): void;
  process(record: ProcessorRecord<K, V>): void;
}

/** Makes one processor for each task. */
export type ProcessorSupplier<K, V, K2 = K, V2 = V> = () => Processor<K, V, K2, V2>;

/** The part of a store that lies in a processor's task, with what was written since the last commit. */
export interface KeyValueStore<K, V> {
  readonly name: string;
  get(key: K): V | undefined;
  put(key: K, value: V): void;
  putIfAbsent(key: K, value: V): V | undefined;
  delete(key: K): V | undefined;
  /** All entries, in no order. Entries that are written meanwhile may be among them. */
  all(): IterableIterator<readonly [key: K, value: V]>;
  /** Entries whose keys lie in [from, to], in the order of the keys. */
  range(from: K, to: K): (readonly [key: K, value: V])[];
}

export class UserProcessor<K, V, K2, V2> implements RowProcessor {
  private processor!: Processor<K, V, K2, V2>;
  private context!: RowContext;
  private current: { key: unknown; metadata: RecordMetadata } | undefined;

  constructor(
    private readonly supplier: ProcessorSupplier<K, V, K2, V2>,
    /** The key may not be changed: what is behind relies on its partition. */
    private readonly keepsKey: boolean,
    private readonly stores: ReadonlyMap<string, UserStoreSpec>,
  ) {}

  init(context: RowContext): void {
    this.context = context;
    this.processor = this.supplier();
    this.processor.init?.(this.userContext(context));
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    const { topic, partition, offset, headers } = this.context.record;
    this.current = { key: key[0], metadata: { topic, partition, offset } };
    try {
      this.processor.process({ key: key[0] as K, value: (row === null ? null : row[VALUE]) as V, timestamp, headers });
    } finally {
      this.current = undefined;
    }
  }

  private userContext(context: RowContext): ProcessorContext<K2, V2> {
    const self = this;
    const forward = forwardTo(context.next);
    let time = -1;
    return {
      taskId: context.taskId,
      partition: context.partition,
      get streamTime() {
        return context.streamTime;
      },
      now: () => context.now(),
      get recordMetadata() {
        return self.current?.metadata;
      },
      forward({ key, value, timestamp, headers }) {
        if (self.keepsKey && self.current !== undefined && key !== self.current.key)
          throw new MillraceError("DATA_INVALID", "processValues cannot change the key: use process");
        const { record } = context;
        const before = record.headers;
        if (headers !== undefined) record.headers = headers;
        forward(key, value, timestamp ?? (self.current === undefined ? time : record.timestamp));
        record.headers = before;
      },
      schedule: (interval, type, punctuate) =>
        context.schedule(interval, type, (now) => {
          time = now;
          punctuate(now);
        }),
      store<SK, SV>(name: string): KeyValueStore<SK, SV> {
        const spec = self.stores.get(name);
        if (!spec) throw new MillraceError("NOT_FOUND", `there is no store ${name}`);
        return new TaskStore<SK, SV>(context.store<KeyedStore>(name), context, spec);
      },
    };
  }
}

class TaskStore<K, V> implements KeyValueStore<K, V> {
  readonly name: string;

  constructor(
    private readonly store: KeyedStore,
    private readonly context: RowContext,
    private readonly spec: UserStoreSpec,
  ) {
    this.name = store.name;
  }

  get(key: K): V | undefined {
    const row = this.store.get([key]);
    return row === null ? undefined : (this.spec.copy(row[VALUE]) as V);
  }

  put(key: K, value: V): void {
    if (this.spec.readOnly)
      throw new MillraceError("CONFIG_INVALID", `store ${this.name} is a table's: it is changed by its records alone`);
    if (key === null || key === undefined) throw new MillraceError("DATA_INVALID", `store ${this.name} has no entries without a key`);
    const time = Math.max(this.context.streamTime, 0);
    const row = value === null || value === undefined ? null : rowOf(key, this.spec.copy(value), time);
    this.store.put([key], row, time, this.context.sourceTime);
  }

  putIfAbsent(key: K, value: V): V | undefined {
    const there = this.get(key);
    if (there === undefined) this.put(key, value);
    return there;
  }

  delete(key: K): V | undefined {
    const there = this.get(key);
    if (there !== undefined) this.put(key, null as V);
    return there;
  }

  *all(): IterableIterator<readonly [K, V]> {
    for (const row of this.store.current()) yield [row[0] as K, this.spec.copy(row[VALUE]) as V];
  }

  range(from: K, to: K): (readonly [K, V])[] {
    return inRange(this.all(), from, to);
  }
}

/** Entries between two keys, both included, in order: strings and numbers as JavaScript compares them. */
export function inRange<K, V>(entries: Iterable<readonly [K, V]>, from: K, to: K): (readonly [K, V])[] {
  return [...entries].filter(([key]) => key >= from && key <= to).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
