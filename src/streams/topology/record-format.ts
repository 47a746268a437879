import type { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import type { Row } from "../../serde/row-serde.js";
import type { StoreSchema } from "../state/store.js";

/** ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND: what follows key and value columns in every row. */
export const PSEUDO_COLUMNS = 5;

/** How a topic's records become rows `[...key, ...value, ...pseudo]` and back. */
export interface RecordFormat {
  readonly schema: StoreSchema;
  /** The record's key carries a window: 8 bytes of start (time windows) or 16 of end and start (sessions) behind the key. */
  readonly window?: { readonly type: "TUMBLING" | "HOPPING" | "SESSION"; readonly size?: number };
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
  /** The key columns (and, windowed, the window at the pseudo columns' places). @throws DESERIALIZATION */
  readKey(topic: string, bytes: Buffer, start: number, end: number): Row;
  /** The whole row; the pseudo columns are null but for the window. @throws DESERIALIZATION */
  read(topic: string, bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): Row;
  /** The record's key at the builder's position (no key where all columns are null). @throws SERIALIZATION */
  writeKey(topic: string, key: Row, builder: RecordBatchBuilder): void;
  /** @throws SERIALIZATION */
  writeValue(topic: string, row: Row, builder: RecordBatchBuilder): void;
}
