import type { Row } from "../../serde/row-serde.js";
import type { Processor, ProcessorContext } from "./processor.js";

export type RowPredicate = (row: Row) => boolean;
/** Returns a new row of full width, pseudo columns too. */
export type RowMapper = (row: Row) => Row;
/** Row functions are made once a task: they keep its context for errors and the clock. */
export type Bind<F> = (context: ProcessorContext) => F;

abstract class Stateless<F> implements Processor {
  protected next!: Processor;
  protected apply!: F;
  constructor(private readonly bind: Bind<F>) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
    this.apply = this.bind(context);
  }
  abstract process(key: Row, row: Row | null, old: Row | null, timestamp: number): void;
}

/** Drops rows, null values too. */
export class StreamFilter extends Stateless<RowPredicate> {
  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row !== null && this.apply(row)) this.next.process(key, row, null, timestamp);
  }
}

/** New value columns under the same key; a null value stays null. Of streams and, with `old`, of tables. */
export class MapRow extends Stateless<RowMapper> {
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const mapped = row === null ? null : this.apply(row);
    this.next.process(mapped ?? key, mapped, old === null ? null : this.apply(old), timestamp);
  }
}

/** A stream under a new key. */
export class SelectKey extends Stateless<RowMapper> {
  /** @param ofKey for null values: the new key as far as the old one gives it; absent: they are dropped */
  constructor(
    map: Bind<RowMapper>,
    private readonly ofKey?: Bind<RowMapper>,
  ) {
    super(map);
  }
  private keyOf: RowMapper | undefined;
  override init(context: ProcessorContext): void {
    super.init(context);
    this.keyOf = this.ofKey?.(context);
  }
  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row !== null) {
      const mapped = this.apply(row);
      this.next.process(mapped, mapped, null, timestamp);
    } else if (this.keyOf !== undefined) this.next.process(this.keyOf(key), null, null, timestamp);
  }
}

/** Drops what a table cannot have: a record without any key. */
export class TableSource implements Processor {
  private next!: Processor;
  constructor(private readonly keyColumns: number) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    if (hasKey(key, this.keyColumns)) this.next.process(key, row, old, timestamp);
  }
}

/** Whether any key column has a value. */
export function hasKey(key: Row, columns: number): boolean {
  for (let i = 0; i < columns; i++) if (key[i] !== null) return true;
  return false;
}

/** Each row becomes several. */
export class FlatMap extends Stateless<(row: Row) => readonly Row[]> {
  process(_key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    for (const each of this.apply(row)) this.next.process(each, each, null, timestamp);
  }
}

/** A table's rows that pass; one that passes no more is deleted. A change that never passed is not handed on where `old` is known. */
export class TableFilter extends Stateless<RowPredicate> {
  /** @param knowsOld the table upstream is materialized, so `old` is null only where there was no row */
  constructor(
    predicate: Bind<RowPredicate>,
    private readonly knowsOld: boolean,
  ) {
    super(predicate);
  }
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const now = row !== null && this.apply(row) ? row : null;
    const before = old !== null && this.apply(old) ? old : null;
    if (this.knowsOld && now === null && before === null) return;
    this.next.process(key, now, before, timestamp);
  }
}

/** Re-keys a stream for an aggregate; rows whose group is null in any column are left out. */
export class StreamGroupBy extends Stateless<RowMapper> {
  constructor(
    map: Bind<RowMapper>,
    private readonly keyColumns: number,
  ) {
    super(map);
  }
  process(_key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    const mapped = this.apply(row);
    if (hasNull(mapped, this.keyColumns)) return;
    this.next.process(mapped, mapped, null, timestamp);
  }
}

/**
 * Re-keys a table for an aggregate. A change within one group goes on as one change; one that moves between groups is a removal
 * from the old group, then an addition to the new one.
 */
export class TableGroupBy extends Stateless<RowMapper> {
  constructor(
    map: Bind<RowMapper>,
    private readonly keyColumns: number,
    private readonly sameKey: (a: Row, b: Row) => boolean,
  ) {
    super(map);
  }
  process(_key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const now = this.grouped(row);
    const before = this.grouped(old);
    if (now !== null && before !== null && this.sameKey(now, before)) {
      this.next.process(now, now, before, timestamp);
      return;
    }
    if (before !== null) this.next.process(before, null, before, timestamp);
    if (now !== null) this.next.process(now, now, null, timestamp);
  }

  private grouped(row: Row | null): Row | null {
    if (row === null) return null;
    const mapped = this.apply(row);
    return hasNull(mapped, this.keyColumns) ? null : mapped;
  }
}

function hasNull(row: Row, columns: number): boolean {
  for (let i = 0; i < columns; i++) if (row[i] === null) return true;
  return false;
}
