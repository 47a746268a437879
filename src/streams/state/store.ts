import type { SqlField } from "../../data/sql-type.js";
import type { Row } from "../../serde/row-serde.js";

/** What every store of a task has, whatever its kind. All are keyed rows with a timestamp; see `KeyValueStore`. */
export interface StateStore {
  readonly name: string;
}

/**
 * Keyed rows with their timestamps. Reads see this task's uncommitted writes. `key` is any array that begins with the key
 * columns; a returned row is `[...key, ...value]` and must not be changed.
 */
export interface KeyValueStore extends StateStore {
  /** Moves the cursor to the key; its row, or null. `timestamp` and `sourceTime` then tell of that row. */
  get(key: Row): Row | null;
  /** ms of the row last read by `get`; -1 where there was none */
  readonly timestamp: number;
  /** µs, see ProcessorContext.sourceTime */
  readonly sourceTime: number;
  /** Writes at the key of the last `get`: never hashes twice. null deletes. The row is kept, not copied. */
  putCurrent(row: Row | null, timestamp: number, sourceTime: number): void;
  put(key: Row, row: Row | null, timestamp: number, sourceTime: number): void;
}

/** A column layout of a store; the key's columns come first in its rows. */
export interface StoreSchema {
  readonly key: readonly SqlField[];
  readonly value: readonly SqlField[];
}

/** A committed row. */
export interface StoredRow {
  /** `[...key, ...value]`; of a windowed store followed by windowStart and windowEnd */
  readonly row: Row;
  readonly timestamp: number;
}

/** To be closed where it is not read to its end: the store keeps for it what changes meanwhile. */
export interface StoredRows {
  readonly rows: Iterable<StoredRow>;
  close(): void;
}

/** Read-only view of the committed state of a query's store, over all its partitions, for pull queries. */
export interface StoreView {
  readonly name: string;
  readonly schema: StoreSchema;
  readonly windowed: boolean;
  /** Not windowed: the row of a key. */
  get(key: Row): StoredRow | undefined;
  /** Windowed: the windows of a key that start in [from, to], by start. */
  fetch(key: Row, from: number, to: number): StoredRow[];
  /** All rows, in no order. Safe while the query runs: a row is seen at most once unless it is written meanwhile. */
  scan(): IterableIterator<StoredRow>;
  /** All rows as they are at this moment, in no order, to be read while the query runs. */
  cut(): StoredRows;
  /** Keys held. */
  readonly size: number;
}
