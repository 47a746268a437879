import type { SqlField, SqlType } from "../../data/sql-type.js";
import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import type { StoreSchema } from "../state/store.js";
import { PSEUDO_COLUMNS, rowMaker } from "../topology/record-format.js";
import type { Processor, ProcessorContext } from "./processor.js";
import type { Joiner, JoinType } from "./table-join.js";

/** A buffered record: `[timestamp, source time, ...value columns]`. */
type Buffered = readonly unknown[];

/** A side's buffer: for each key the records of its window, oldest first. */
export function joinBufferSchema(key: readonly SqlField[], value: readonly SqlField[]): StoreSchema {
  const bigint: SqlType = { base: "BIGINT" };
  const fields = [{ name: "TIMESTAMP", type: bigint }, { name: "SOURCE_TIME", type: bigint }, ...value];
  return { key, value: [{ name: "RECORDS", type: { base: "ARRAY", element: { base: "STRUCT", fields } } }] };
}

export interface StreamJoinOptions {
  readonly side: "left" | "right";
  readonly type: JoinType;
  readonly joiner: Joiner;
  readonly store: string;
  readonly otherStore: string;
  readonly keyColumns: number;
  readonly valueColumns: number;
  readonly otherColumns: number;
  /** ms that the right record may be ahead of, or behind, the left one */
  readonly before: number;
  readonly after: number;
  /** ms that a record stays in its buffer, in stream time */
  readonly retention: number;
}

/**
 * One side of a windowed join of two streams. A record is kept for later ones of the other side and meets those that are there: right
 * because each pair is found exactly once, by its second record. An outer join hands on a record without a match at once.
 */
export class StreamJoinSide implements Processor {
  private next!: Processor;
  private context!: ProcessorContext;
  private store!: KeyedStore;
  private other!: KeyedStore;
  private readonly emptyRow: () => Row;
  private readonly outer: boolean;
  private readonly behind: number;
  private readonly ahead: number;

  constructor(private readonly options: StreamJoinOptions) {
    const { side, type, before, after } = options;
    this.emptyRow = rowMaker(options.keyColumns + options.otherColumns + PSEUDO_COLUMNS);
    this.outer = type === "FULL" || type === (side === "left" ? "LEFT" : "RIGHT");
    this.behind = side === "left" ? before : after;
    this.ahead = side === "left" ? after : before;
  }

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.options.store);
    this.other = context.store(this.options.otherStore);
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    const { keyColumns } = this.options;
    for (let i = 0; i < keyColumns; i++) if (key[i] === null) return;
    const { sourceTime } = this.context;
    const others = (this.other.get(key)?.[keyColumns] ?? []) as readonly Buffered[];
    this.keep(key, row, timestamp, sourceTime);
    let matched = false;
    for (const other of others) {
      const time = other[0] as number;
      if (time < timestamp - this.behind || time > timestamp + this.ahead) continue;
      matched = true;
      this.context.sourceTime = Math.max(sourceTime, other[1] as number);
      this.emit(key, row, this.rowOf(key, other), Math.max(timestamp, time));
    }
    this.context.sourceTime = sourceTime;
    if (!matched && this.outer) this.emit(key, row, null, timestamp);
  }

  private keep(key: Row, row: Row, timestamp: number, sourceTime: number): void {
    const { keyColumns, valueColumns, retention } = this.options;
    const oldest = this.context.streamTime - retention;
    if (timestamp < oldest) return;
    const stored = this.store.get(key);
    const records = ((stored?.[keyColumns] ?? []) as readonly Buffered[]).filter((r) => (r[0] as number) >= oldest);
    let at = records.length;
    while (at > 0 && (records[at - 1]![0] as number) > timestamp) at--;
    records.splice(at, 0, [timestamp, sourceTime, ...row.slice(keyColumns, keyColumns + valueColumns)]);
    const kept = key.slice(0, keyColumns);
    kept.push(records, null, null, null, null, null);
    this.store.putCurrent(kept, records[records.length - 1]![0] as number, sourceTime);
  }

  private rowOf(key: Row, buffered: Buffered): Row {
    const { keyColumns, otherColumns } = this.options;
    const row = this.emptyRow();
    for (let i = 0; i < keyColumns; i++) row[i] = key[i];
    for (let i = 0; i < otherColumns; i++) row[keyColumns + i] = buffered[2 + i];
    return row;
  }

  private emit(key: Row, row: Row, other: Row | null, timestamp: number): void {
    const { side, joiner } = this.options;
    const joined = side === "left" ? joiner(key, row, other) : joiner(key, other, row);
    joined[joined.length - PSEUDO_COLUMNS] = timestamp;
    this.next.process(joined, joined, null, timestamp);
  }
}
