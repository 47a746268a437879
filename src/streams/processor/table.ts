import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import { Expiry } from "./expiry.js";
import type { Processor, ProcessorContext } from "./processor.js";
import { hasKey } from "./stateless.js";

/** The current row of a table by key, as its changes have been handed on: what a join looks up. */
export interface TableGetter {
  get(key: Row): Row | null;
  /** ms, of the row last read */
  readonly timestamp: number;
  readonly sourceTime: number;
}
export type TableGetterSupplier = (context: ProcessorContext) => TableGetter;

/** Keeps a table's rows and hands on each change with the row before it. A record without a key is dropped. */
export class MaterializeTable implements Processor {
  private store!: KeyedStore;
  private next!: Processor;
  private context!: ProcessorContext;
  private expiry: Expiry | undefined;

  /** @param ttl ms; a row that is not changed for so long is gone */
  constructor(
    private readonly storeName: string,
    private readonly keyColumns: number,
    private readonly ttl?: number,
  ) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.storeName);
    if (this.ttl !== undefined)
      this.expiry = new Expiry(this.ttl, this.store, context, (key, row, time) => {
        this.store.putCurrent(null, time, -1);
        this.next.process(key, null, row, time);
      });
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (!hasKey(key, this.keyColumns)) return;
    this.expiry?.advance(key);
    const old = this.store.get(key);
    this.store.putCurrent(row, timestamp, this.context.sourceTime);
    this.next.process(key, row, old, timestamp);
  }
}

/**
 * The same of a table with windowed keys: its store's key is `[...key, WINDOWSTART, WINDOWEND]`, while rows show their window in the
 * pseudo columns.
 */
export class MaterializeWindowedTable implements Processor {
  private store!: KeyedStore;
  private next!: Processor;
  private context!: ProcessorContext;

  constructor(
    private readonly storeName: string,
    private readonly keyColumns: number,
    private readonly valueColumns: number,
  ) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.storeName);
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    const { keyColumns, valueColumns, store } = this;
    if (!hasKey(key, keyColumns)) return;
    const window = key.slice(-2);
    const storeKey: Row = [...key.slice(0, keyColumns), ...window];
    const before = store.get(storeKey);
    const values = row?.slice(keyColumns, keyColumns + valueColumns) ?? [];
    const { timestamp: time } = store;
    store.putCurrent(row === null ? null : [...storeKey, ...values, null, null, null, null, null], timestamp, this.context.sourceTime);
    const stored = before?.slice(keyColumns + 2, keyColumns + 2 + valueColumns);
    const old = stored === undefined ? null : [...key.slice(0, keyColumns), ...stored, time, null, null, ...window];
    this.next.process(key, row, old, timestamp);
  }
}

/** Keeps what a table's sink writes, and hands it on when a commit is near: the last change of each key alone. */
export class MaterializeSink implements Processor {
  private store!: KeyedStore;
  private next!: Processor;
  private context!: ProcessorContext;
  private expiry: Expiry | undefined;

  /** @param ttl ms; a row that is not changed for so long is gone */
  constructor(
    private readonly storeName: string,
    private readonly coalesce: boolean,
    private readonly ttl?: number,
  ) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.storeName);
    if (this.ttl !== undefined)
      this.expiry = new Expiry(this.ttl, this.store, context, (key, row, time) => {
        this.store.putCurrent(null, time, -1);
        if (!this.coalesce) this.next.process(key, null, row, time);
      });
  }

  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    this.expiry?.advance(key);
    if (!this.coalesce) {
      this.store.put(key, row, timestamp, this.context.sourceTime);
      this.next.process(key, row, old, timestamp);
      return;
    }
    this.store.get(key);
    this.store.putCurrent(row, timestamp, Math.max(this.context.sourceTime, this.store.sourceTime));
  }

  flush(limit: number): boolean {
    return !this.coalesce || emitDirty(this.store, this.context, this.next, false, limit);
  }
}

/** Hands on the uncommitted changes of a store, up to `limit`. False while more are left. */
export function emitDirty(
  store: KeyedStore,
  context: ProcessorContext,
  next: Processor,
  needOld: boolean,
  limit: number,
  resultOf: (stored: Row) => Row = (row) => row,
): boolean {
  const visit = (key: Row, row: Row | null, old: Row | null, timestamp: number, sourceTime: number) => {
    context.sourceTime = sourceTime;
    next.process(key, row === null ? null : resultOf(row), old === null ? null : resultOf(old), timestamp);
  };
  return store.forEachDirty(visit, needOld, limit);
}

/** A table's rows are its store's. */
export class StoreGetter implements TableGetter {
  constructor(
    private readonly store: KeyedStore,
    /** the store's changes are held back until the commit, so only what was handed on counts */
    private readonly heldBack: boolean,
  ) {}

  get(key: Row): Row | null {
    return this.heldBack ? this.store.getEmitted(key) : this.store.get(key);
  }
  get timestamp(): number {
    return this.store.timestamp;
  }
  get sourceTime(): number {
    return this.store.sourceTime;
  }
}

/** A table's rows are computed from another's: a projection, or a filter (null). */
export class MappedGetter implements TableGetter {
  constructor(
    private readonly from: TableGetter,
    private readonly rowOf: (row: Row) => Row | null,
  ) {}

  get(key: Row): Row | null {
    const row = this.from.get(key);
    return row === null ? null : this.rowOf(row);
  }
  get timestamp(): number {
    return this.from.timestamp;
  }
  get sourceTime(): number {
    return this.from.sourceTime;
  }
}
