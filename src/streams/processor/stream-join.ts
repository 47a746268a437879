import type { SqlField, SqlType } from "../../data/sql-type.js";
import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import type { StoreSchema } from "../state/store.js";
import { PSEUDO_COLUMNS, rowMaker } from "../topology/record-format.js";
import { type JoinSide, type JoinTime, joinTimeOf } from "./join-time.js";
import type { Processor, ProcessorContext } from "./processor.js";
import type { Bind, RowPredicate } from "./stateless.js";
import type { Joiner, JoinType } from "./table-join.js";

/** A buffered record: `[timestamp, source time, (awaits a match,) ...value columns]`. */
type Buffered = readonly unknown[];

/**
 * A side's buffer: for each key the records of its window, oldest first.
 * @param deferred whether records that had no match yet are marked, to be handed on when their window closes
 */
export function joinBufferSchema(key: readonly SqlField[], value: readonly SqlField[], deferred = false): StoreSchema {
  const bigint: SqlType = { base: "BIGINT" };
  const fields: SqlField[] = [
    { name: "TIMESTAMP", type: bigint },
    { name: "SOURCE_TIME", type: bigint },
    ...(deferred ? [{ name: "PENDING", type: { base: "BOOLEAN" } } as const] : []),
    ...value,
  ];
  return { key, value: [{ name: "RECORDS", type: { base: "ARRAY", element: { base: "STRUCT", fields } } }] };
}

export interface StreamJoinOptions {
  readonly side: JoinSide;
  readonly type: JoinType;
  readonly joiner: Joiner;
  /** of the joined row: what two rows with the same key must have besides to be a match */
  readonly matches?: Bind<RowPredicate>;
  readonly store: string;
  readonly otherStore: string;
  readonly keyColumns: number;
  /** Of windowed keys, how many of WINDOWSTART and WINDOWEND stand behind the key in the stores: keys join where these are equal. */
  readonly windowColumns: 0 | 1 | 2;
  readonly valueColumns: number;
  readonly otherColumns: number;
  /** ms that the right record may be ahead of, or behind, the left one */
  readonly before: number;
  readonly after: number;
  /** ms that a record stays in its buffer, in the time of its side's records */
  readonly retention: number;
  /** ms; where set, an outer join hands on a record without a match only when its window has closed so long ago */
  readonly grace?: number;
}

/**
 * One side of a windowed join of two streams. A record is kept for later ones of the other side and meets those that are there: right
 * because each pair is found exactly once, by its second record. An outer join without grace period hands on a record without a match at
 * once; with one it waits until stream time has passed the window and the grace, so that no such row is followed by a match.
 */
export class StreamJoinSide implements Processor {
  private next!: Processor;
  private context!: ProcessorContext;
  private store!: KeyedStore;
  private other!: KeyedStore;
  private time!: JoinTime;
  private matches: RowPredicate | undefined;
  private readonly emptyRow: () => Row;
  private readonly outer: boolean;
  private readonly deferred: boolean;
  private readonly otherDeferred: boolean;
  private readonly behind: number;
  private readonly ahead: number;
  private readonly storeKeys: number;
  private readonly otherValuesAt: number;

  constructor(private readonly options: StreamJoinOptions) {
    const { side, type, before, after, keyColumns, windowColumns, grace } = options;
    this.storeKeys = keyColumns + windowColumns;
    this.emptyRow = rowMaker(keyColumns + options.otherColumns + PSEUDO_COLUMNS);
    const isOuter = (s: JoinSide) => type === "FULL" || type === (s === "left" ? "LEFT" : "RIGHT");
    this.outer = isOuter(side);
    this.deferred = this.outer && grace !== undefined;
    this.otherDeferred = isOuter(side === "left" ? "right" : "left") && grace !== undefined;
    this.otherValuesAt = this.otherDeferred ? 3 : 2;
    this.behind = side === "left" ? before : after;
    this.ahead = side === "left" ? after : before;
  }

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.options.store);
    this.other = context.store(this.options.otherStore);
    this.time = joinTimeOf(this.store, this.other);
    this.matches = this.options.matches?.(context);
    if (!this.deferred) return;
    const { side, keyColumns } = this.options;
    const waits = this.ahead + this.options.grace!;
    const pending = this.time.attach(side, waits, (key, timestamp) => this.release(key, timestamp));
    for (const { row } of this.store.scan())
      for (const record of (row[this.storeKeys] ?? []) as readonly Buffered[])
        if (record[2] === true) pending.push(this.keyOf(row, keyColumns), record[0] as number);
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    const { time, context } = this;
    time.advance(timestamp);
    if (row === null) return;
    const { keyColumns, side, retention } = this.options;
    for (let i = 0; i < keyColumns; i++)
      if (key[i] === null) {
        if (this.outer) this.emit(key, row, null, timestamp);
        return;
      }
    const { sourceTime } = context;
    if (timestamp === time.now) time.close(context);
    context.sourceTime = sourceTime;
    const storeKey = this.storeKeyOf(key);
    const stored = this.other.get(storeKey);
    const { matches } = this;
    const all = (stored?.[this.storeKeys] ?? []) as readonly Buffered[];
    const oldest = Math.max(timestamp - this.behind, this.other.maxTimestamp - retention);
    const newest = timestamp + this.ahead;
    const inWindow = (r: Buffered) => (r[0] as number) >= oldest && (r[0] as number) <= newest;
    const others =
      matches === undefined ? all : all.filter((r) => inWindow(r) && matches(this.joined(key, row, this.rowOf(key, r), timestamp)));
    let matched = false;
    for (const other of others) {
      const otherTime = other[0] as number;
      if (otherTime < oldest || otherTime > newest) continue;
      if (!matched) {
        matched = true;
        // Ahead of anything that is handed on: downstream may be a join that looks at the same stores.
        if (this.otherDeferred) this.matchOthers(storeKey, all, (r) => inWindow(r) && (others === all || others.includes(r)));
      }
      context.sourceTime = Math.max(sourceTime, other[1] as number);
      this.emit(key, row, this.rowOf(key, other), Math.max(timestamp, otherTime));
    }
    context.sourceTime = sourceTime;
    const waits = this.deferred && !matched && newest >= time.now;
    this.keep(storeKey, row, timestamp, sourceTime, waits);
    if (matched || !this.outer) return;
    if (waits) time.pending(side).push(storeKey, timestamp);
    else this.emit(key, row, null, timestamp);
  }

  /** The other side's records that have found a match here wait no more. */
  private matchOthers(storeKey: Row, all: readonly Buffered[], isMatch: (r: Buffered) => boolean): void {
    const hit = (r: Buffered) => r[2] === true && isMatch(r);
    if (!all.some(hit)) return;
    const records = all.map((r) => (hit(r) ? [r[0], r[1], false, ...r.slice(3)] : r));
    const { timestamp, sourceTime } = this.other;
    this.other.get(storeKey);
    this.other.putCurrent(this.stored(storeKey, records), timestamp, sourceTime);
  }

  /** The window of a record of this side has closed: hands on what still waits under this key and time. */
  private release(storeKey: Row, timestamp: number): void {
    const { store, context } = this;
    const records = (store.get(storeKey)?.[this.storeKeys] ?? []) as readonly Buffered[];
    const waiting = records.filter((r) => r[0] === timestamp && r[2] === true);
    if (waiting.length === 0) return;
    const { timestamp: storeTime, sourceTime } = store;
    const left = records.map((r) => (r[0] === timestamp && r[2] === true ? [r[0], r[1], false, ...r.slice(3)] : r));
    store.putCurrent(this.stored(storeKey, left), storeTime, sourceTime);
    const { keyColumns, valueColumns } = this.options;
    for (const record of waiting) {
      const row: Row = storeKey.slice(0, keyColumns);
      for (let i = 0; i < valueColumns; i++) row.push(record[3 + i]);
      row.push(timestamp, null, null, storeKey[keyColumns] ?? null, storeKey[keyColumns + 1] ?? null);
      context.sourceTime = record[1] as number;
      this.emit(row, row, null, timestamp);
    }
  }

  private keep(storeKey: Row, row: Row, timestamp: number, sourceTime: number, waits: boolean): void {
    const { keyColumns, valueColumns, retention } = this.options;
    const { store } = this;
    const oldest = Math.max(store.maxTimestamp, timestamp) - retention;
    if (timestamp < oldest) return;
    const stored = store.get(storeKey);
    const before = (stored?.[this.storeKeys] ?? []) as readonly Buffered[];
    const records = before.filter((r) => (r[0] as number) >= oldest || (this.deferred && r[2] === true));
    let at = records.length;
    while (at > 0 && (records[at - 1]![0] as number) > timestamp) at--;
    const values = row.slice(keyColumns, keyColumns + valueColumns);
    records.splice(at, 0, this.deferred ? [timestamp, sourceTime, waits, ...values] : [timestamp, sourceTime, ...values]);
    store.putCurrent(this.stored(storeKey, records), records[records.length - 1]![0] as number, sourceTime);
  }

  private stored(storeKey: Row, records: readonly Buffered[]): Row {
    const row = storeKey.slice(0, this.storeKeys);
    row.push(records, null, null, null, null, null);
    return row;
  }

  private storeKeyOf(key: Row): Row {
    const { keyColumns, windowColumns } = this.options;
    if (windowColumns === 0) return key;
    const storeKey = key.slice(0, keyColumns);
    const bounds = key.length - 2;
    for (let i = 0; i < windowColumns; i++) storeKey.push(key[bounds + i]);
    // Of time windows the end is not compared, but travels along for the rows that are made of the key alone.
    if (windowColumns === 1) storeKey.push(key[bounds + 1]);
    return storeKey;
  }

  private keyOf(stored: Row, keyColumns: number): Row {
    return stored.slice(0, keyColumns + this.options.windowColumns);
  }

  private rowOf(key: Row, buffered: Buffered): Row {
    const { keyColumns, otherColumns } = this.options;
    const row = this.emptyRow();
    for (let i = 0; i < keyColumns; i++) row[i] = key[i];
    for (let i = 0; i < otherColumns; i++) row[keyColumns + i] = buffered[this.otherValuesAt + i];
    return row;
  }

  private emit(key: Row, row: Row, other: Row | null, timestamp: number): void {
    const joined = this.joined(key, row, other, timestamp);
    this.next.process(joined, joined, null, timestamp);
  }

  private joined(key: Row, row: Row, other: Row | null, timestamp: number): Row {
    const { side, joiner } = this.options;
    const joined = (side === "left" ? joiner(key, row, other) : joiner(key, other, row))!;
    const width = joined.length;
    joined[width - PSEUDO_COLUMNS] = timestamp;
    if (this.options.windowColumns > 0) {
      joined[width - 2] = row[row.length - 2];
      joined[width - 1] = row[row.length - 1];
    }
    return joined;
  }
}
