import type { SqlField } from "../data/sql-type.js";

/** A row's values by position, as data/sql-type.ts says. */
export type Row = unknown[];

/**
 * A format bound to columns: bytes ↔ row. Synchronous; what must be looked up (a schema id) is resolved once a batch.
 * `wrapped` formats hold a struct of the columns; an unwrapped single column is the bare value.
 */
export interface RowSerde {
  /** Ahead of the first `serialize` for a topic (registers the schema). */
  prepareWrite(topic: string): Promise<void>;
  /** Ahead of deserializing payloads that may carry ids not seen yet; cheap where all are known. Returns synchronously (undefined) if so. */
  prepareRead(topic: string, bytes: Buffer, start: number, end: number): Promise<void> | undefined;
  /** null stays null (a tombstone). @throws SERIALIZATION that names the column */
  serialize(topic: string, row: Row | null): Buffer | null;
  /** Writes into `out`; returns the end, or -1 where it is too short. */
  serializeInto(topic: string, row: Row, out: Buffer, position: number): number;
  /** Only `needed` columns (positions given at creation) are decoded; the others are null. @throws DESERIALIZATION */
  deserialize(topic: string, bytes: Buffer, start: number, end: number): Row;
  /** As `deserialize`, into `row[at]` and on; columns that are not needed are left as they are. For formats that save a copy so. */
  deserializeInto?(topic: string, bytes: Buffer, start: number, end: number, row: Row, at: number): void;
  /** As `serializeInto`, of the columns that stand in `row[at]` and on. */
  serializeAt?(topic: string, row: Row, at: number, out: Buffer, position: number): number;
}

export interface RowSerdeRequest {
  readonly format: string;
  readonly properties?: Readonly<Record<string, string>>;
  readonly features?: readonly string[];
  readonly isKey: boolean;
  readonly columns: readonly SqlField[];
  /** positions of the columns that `deserialize` must fill; all if absent */
  readonly needed?: readonly number[];
}
