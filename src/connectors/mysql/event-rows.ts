import type { BinlogEvent, RowsEvent, TableMap } from "./binlog/events.js";
import { type ImageReader, imageReader } from "./binlog/row-images.js";
import { lacking } from "./row-changes.js";
import type { RowsOfEvent } from "./stream-events.js";

/** How the rows of an event are read. */
export interface Images {
  readonly map: TableMap;
  readonly presentBefore: Uint8Array | null;
  readonly presentAfter: Uint8Array | null;
  readonly before: ImageReader | null;
  readonly after: ImageReader | null;
  /** columns that the images lack, as `lacking` says it */
  readonly oldLacks: string;
  readonly newLacks: string;
}

/** Bytes that `EventRows` copies for these events: what lies between the rows of one buffer goes with them. */
export function rowBytes(events: readonly BinlogEvent[]): number {
  let size = 0;
  let buffer: Buffer | null = null;
  let end = 0;
  for (const e of events) {
    if (e.kind !== "rows") continue;
    const { rows } = e;
    size += rows.end - (rows.buffer === buffer && rows.start >= end ? end : rows.start);
    ({ buffer, end } = rows);
  }
  return size;
}

/**
 * Brings rows from the reader's buffers, which it fills again, into a batch's. Statements of one row make events of some 90 bytes: a copy
 * an event would cost more than the bytes between them, and finding out anew how a row is read more than reading it.
 */
export class EventRows {
  /** from where the rows of the last copy lay to where they lie */
  shift = 0;
  private buffer: Buffer | null = null;
  private end = 0;
  private last: Images | null = null;

  /** The reader's buffers have other bytes from now on. */
  refill(): void {
    this.buffer = null;
  }

  has(rows: RowsEvent): boolean {
    return rows.buffer === this.buffer && rows.end <= this.end;
  }

  /** Copies these rows, and those that follow from `next` on in the same buffer, to `at`; returns where they end. */
  copy(rows: RowsEvent, events: readonly BinlogEvent[], next: number, to: Buffer, at: number): number {
    let { end } = rows;
    for (let i = next; i < events.length; i++) {
      const e = events[i]!;
      if (e.kind !== "rows") continue;
      if (e.rows.buffer !== rows.buffer || e.rows.start < end) break;
      end = e.rows.end;
    }
    rows.buffer.copy(to, at, rows.start, end);
    this.buffer = rows.buffer;
    this.end = end;
    this.shift = at - rows.start;
    return at + end - rows.start;
  }

  /** @param count the table's columns */
  images(e: RowsOfEvent, count: number): Images {
    const { last } = this;
    const { presentBefore, presentAfter } = e.rows;
    if (last && last.map === e.table && last.presentBefore === presentBefore && last.presentAfter === presentAfter) return last;
    this.last = {
      map: e.table,
      presentBefore,
      presentAfter,
      before: presentBefore && imageReader(e.table, presentBefore),
      after: presentAfter && imageReader(e.table, presentAfter),
      oldLacks: presentBefore ? lacking(presentBefore, count) : "",
      newLacks: presentAfter ? lacking(presentAfter, count) : "",
    };
    return this.last;
  }
}
