import type { Row } from "../../serde/row-serde.js";
import type { Processor, ProcessorContext } from "../processor/processor.js";
import type { TableGetter } from "../processor/table.js";
import type { KeyedStore } from "../state/keyed-store.js";
import { rowOf, VALUE } from "./rows.js";

/** A table's rows under a function; null is a row that the result does not have. */
export type RowOf = (row: Row) => Row | null;

/** A table computed from another, row by row: a mapping or a filter. A change that is in neither is not handed on. */
export class MapTable implements Processor {
  private next!: Processor;
  constructor(private readonly rowOf: RowOf) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const now = row === null ? null : this.rowOf(row);
    const before = old === null ? null : this.rowOf(old);
    if (now === null && before === null) return;
    this.next.process(now ?? key, now, before, timestamp);
  }
}

/** The table's changes as a stream's records. */
export class TableToStream implements Processor {
  private next!: Processor;
  constructor(private readonly keyOf: ((key: unknown, value: unknown) => unknown) | undefined) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    const value = row === null ? null : row[VALUE];
    const shown = rowOf(this.keyOf ? this.keyOf(key[0], value) : key[0], value, timestamp);
    this.next.process(shown, row === null ? null : shown, null, timestamp);
  }
}

/** Re-keys a table for an aggregate: a change is a removal from one group and an addition to another, or both in one. */
export class TableGroup implements Processor {
  private next!: Processor;
  constructor(
    private readonly map: (key: unknown, value: unknown) => readonly [unknown, unknown],
    private readonly same: (a: unknown, b: unknown) => boolean,
  ) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(_key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const now = this.grouped(row, timestamp);
    const before = this.grouped(old, timestamp);
    if (now !== null && before !== null && this.same(now[0], before[0])) {
      this.next.process(now, now, before, timestamp);
      return;
    }
    if (before !== null) this.next.process(before, null, before, timestamp);
    if (now !== null) this.next.process(now, now, null, timestamp);
  }
  private grouped(row: Row | null, timestamp: number): Row | null {
    if (row === null) return null;
    const [key, value] = this.map(row[0], row[VALUE]);
    return key === null || key === undefined || value === null || value === undefined ? null : rowOf(key, value, timestamp);
  }
}

export interface GlobalJoinOptions {
  readonly store: string;
  readonly left: boolean;
  readonly keyOf: (key: unknown, value: unknown) => unknown;
  readonly joiner: (value: unknown, other: unknown, key: unknown) => unknown;
}

/** A stream's records with the row of a global table that the record names. */
export class GlobalJoin implements Processor {
  private next!: Processor;
  private store!: KeyedStore;
  private context!: ProcessorContext;
  constructor(private readonly options: GlobalJoinOptions) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
    this.context = context;
    this.store = context.store(this.options.store);
  }
  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    const { keyOf, joiner, left } = this.options;
    const { store, context } = this;
    const value = row === null ? null : row[VALUE];
    const id = keyOf(key[0], value) ?? null;
    if (!left && (id === null || value === null)) return;
    const found = id === null ? null : store.get([id]);
    if (found === null && !left) return;
    if (found !== null && store.sourceTime > context.sourceTime) context.sourceTime = store.sourceTime;
    const joined = joiner(value, found === null ? null : found[VALUE], key[0]);
    const shown = rowOf(key[0], joined, timestamp);
    this.next.process(shown, joined === null || joined === undefined ? null : shown, null, timestamp);
  }
}

/** The rows of a table kept by another key, as a windowed one is. */
export class KeyedGetter implements TableGetter {
  constructor(
    private readonly from: TableGetter,
    private readonly keyOf: (key: Row) => Row,
    private readonly rowOf: RowOf,
  ) {}
  get(key: Row): Row | null {
    const row = this.from.get(this.keyOf(key));
    return row === null ? null : this.rowOf(row);
  }
  get timestamp(): number {
    return this.from.timestamp;
  }
  get sourceTime(): number {
    return this.from.sourceTime;
  }
}
