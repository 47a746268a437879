import type { RowWriter } from "../../cdc/row-writer.js";
import type { BinlogEvent, TableMap } from "./binlog/events.js";
import type { Flavor } from "./source-block.js";
import type { StreamTable } from "./stream-table.js";

export type QueryEvent = Extract<BinlogEvent, { kind: "query" }>;
export type RowsOfEvent = Extract<BinlogEvent, { kind: "rows" }>;

/** The transaction that is being read. */
export interface Transaction {
  readonly gtid: string | null;
  readonly file: string;
  readonly pos: number;
  /** commit time, µs since the epoch */
  tsUs: number;
}

/** What the decoder hands over, beside rows; called in the stream's order. */
export interface StreamEvents {
  /** the table of a rows event; null: of no interest */
  table(map: TableMap, at: RowsOfEvent): StreamTable | null;
  begin(writer: RowWriter, transaction: Transaction): void;
  commit(writer: RowWriter, transaction: Transaction): void;
  /** one event of a captured table, before it is written: its place in the transaction */
  order: ((table: StreamTable) => number) | null;
  total(): number;
  /** after a row of a table was written, `offsets` from `o`; null where nobody looks */
  row: ((table: StreamTable, kind: "c" | "u" | "d", writer: RowWriter, o: number) => void) | null;
  /** an event to leave out: already contained in a part of a resumed snapshot */
  skip: ((table: StreamTable, buffer: Buffer, offsets: Int32Array, o: number, transaction: Transaction) => boolean) | null;
  /** a transaction whose rows are left out */
  ignored: ((gtid: string) => boolean) | null;
  /** rows of an event that cannot be read; may throw */
  bad(error: Error, e: RowsOfEvent): void;
}

export interface DecoderOptions {
  readonly flavor: Flavor;
  readonly skipped: ReadonlySet<string>;
  readonly tombstones: boolean;
  readonly transactions: boolean;
  readonly onlyChanges: boolean;
  readonly query: boolean;
}
