import type { Row } from "../../serde/row-serde.js";
import type { StoreSchema } from "../state/store.js";

/** ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND: what follows key and value columns in every row. */
export const PSEUDO_COLUMNS = 5;

/** `keyInto` and `valueInto`: the buffer is too short. */
export const TOO_SHORT = -1;
/** `keyInto`: the record has no key (all columns are null). */
export const NULL_KEY = -2;

export interface KeyWindow {
  readonly type: "TUMBLING" | "HOPPING" | "SESSION";
  /** ms; time windows, where known */
  readonly size?: number;
}

/** How a topic's records become rows `[...key, ...value, ...pseudo]` and back. */
export interface RecordFormat {
  readonly schema: StoreSchema;
  /** The record's key carries a window, which rows show in the pseudo columns. */
  readonly window?: KeyWindow;
  prepareWrite(topic: string): Promise<void>;
  /** Synchronous (undefined) where everything that these bytes refer to is known. Starts are -1 for null. */
  prepareRead(
    topic: string,
    bytes: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
  ): Promise<void> | undefined;
  /** A row of full width with the key columns (and the window) filled, the rest null. @throws DESERIALIZATION */
  readKey(topic: string, bytes: Buffer, start: number, end: number): Row;
  /** Fills the value columns of what `readKey` returned. @throws DESERIALIZATION */
  readValue(topic: string, bytes: Buffer, start: number, end: number, row: Row): void;
  /** Writes the record's key into `out`; the end, TOO_SHORT or NULL_KEY. @throws SERIALIZATION */
  keyInto(topic: string, key: Row, out: Buffer, position: number): number;
  /** The row is written without a value. */
  isNullValue?(row: Row): boolean;
  /** The end or TOO_SHORT. @throws SERIALIZATION */
  valueInto(topic: string, row: Row, out: Buffer, position: number): number;
}

/** Makes rows of nulls: one literal of the width, which costs no growing. */
export function rowMaker(width: number): () => Row {
  return new Function(`return () => [${new Array(width).fill("null").join(", ")}];`)() as () => Row;
}
