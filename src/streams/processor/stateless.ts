import type { Row } from "../../serde/row-serde.js";
import type { Processor, ProcessorContext } from "./processor.js";

/** Row functions get the context of the record they run on, for errors and the clock. */
export type RowPredicate = (row: Row, context: ProcessorContext) => boolean;
export type RowMapper = (row: Row, context: ProcessorContext) => Row;

abstract class Stateless implements Processor {
  protected next!: Processor;
  protected context!: ProcessorContext;
  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
  }
  abstract process(key: Row, row: Row | null, old: Row | null, timestamp: number): void;
}

/** Drops rows, null values too. */
export class StreamFilter extends Stateless {
  constructor(private readonly predicate: RowPredicate) {
    super();
  }
  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row !== null && this.predicate(row, this.context)) this.next.process(key, row, null, timestamp);
  }
}

/** New value columns under the same key; a null value stays null. Of streams and, with `old`, of tables. */
export class MapRow extends Stateless {
  constructor(private readonly map: RowMapper) {
    super();
  }
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const mapped = row === null ? null : this.map(row, this.context);
    this.next.process(mapped ?? key, mapped, old === null ? null : this.map(old, this.context), timestamp);
  }
}

/** A stream under a new key; null values are dropped, as there is nothing to compute the key from. */
export class SelectKey extends Stateless {
  constructor(private readonly map: RowMapper) {
    super();
  }
  process(_key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    const mapped = this.map(row, this.context);
    this.next.process(mapped, mapped, null, timestamp);
  }
}

/** Each row becomes several. */
export class FlatMap extends Stateless {
  constructor(private readonly explode: (row: Row, context: ProcessorContext) => readonly Row[]) {
    super();
  }
  process(_key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    for (const each of this.explode(row, this.context)) this.next.process(each, each, null, timestamp);
  }
}

/** A table's rows that pass; one that passes no more is deleted. A change that never passed is not handed on where `old` is known. */
export class TableFilter extends Stateless {
  /** @param knowsOld the table upstream is materialized, so `old` is null only where there was no row */
  constructor(
    private readonly predicate: RowPredicate,
    private readonly knowsOld: boolean,
  ) {
    super();
  }
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const now = row !== null && this.predicate(row, this.context) ? row : null;
    const before = old !== null && this.predicate(old, this.context) ? old : null;
    if (this.knowsOld && now === null && before === null) return;
    this.next.process(key, now, before, timestamp);
  }
}

/** Re-keys a stream for an aggregate; rows whose group is null in any column are left out. */
export class StreamGroupBy extends Stateless {
  constructor(
    private readonly map: RowMapper,
    private readonly keyColumns: number,
  ) {
    super();
  }
  process(_key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    const mapped = this.map(row, this.context);
    if (hasNull(mapped, this.keyColumns)) return;
    this.next.process(mapped, mapped, null, timestamp);
  }
}

/**
 * Re-keys a table for an aggregate. A change within one group goes on as one change; one that moves between groups is a removal
 * from the old group, then an addition to the new one.
 */
export class TableGroupBy extends Stateless {
  constructor(
    private readonly map: RowMapper,
    private readonly keyColumns: number,
    private readonly sameKey: (a: Row, b: Row) => boolean,
  ) {
    super();
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
    const mapped = this.map(row, this.context);
    return hasNull(mapped, this.keyColumns) ? null : mapped;
  }
}

function hasNull(row: Row, columns: number): boolean {
  for (let i = 0; i < columns; i++) if (row[i] === null) return true;
  return false;
}
