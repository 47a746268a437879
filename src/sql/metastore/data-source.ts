import type { SqlType } from "../../data/sql-type.js";
import type { Formats, RowSchema, TimestampColumn, WindowType } from "../plan/step.js";

/** A column of a stream or table in the order of its declaration. */
export interface SourceColumn {
  readonly name: string;
  readonly type: SqlType;
  /** `key` is KEY of a stream and PRIMARY KEY of a table */
  readonly role: "key" | "value" | "headers";
  /** of HEADER('key'); null or absent for HEADERS */
  readonly headerKey?: string | null;
}

/** A stream or table that is registered. Frozen JSON: part of the commands. */
export interface DataSource {
  readonly kind: "stream" | "table";
  readonly name: string;
  readonly columns: readonly SourceColumn[];
  readonly topic: string;
  readonly formats: Formats;
  /** the keys are windowed */
  readonly window?: { readonly type: WindowType; readonly size?: number };
  readonly timestamp?: TimestampColumn;
  /** the older dialect: the key columns stand, first, in the serialized value too */
  readonly keyInValue?: boolean;
  /** of a table, ms: for who reads it, a row that is not changed for so long is gone */
  readonly ttl?: number;
  /** CREATE SOURCE: read-only; a table is materialized by its own query */
  readonly isSource?: boolean;
  /** written by CREATE … AS SELECT */
  readonly isCasTarget?: boolean;
  readonly sql: string;
}

/** The source's row: key columns, then value columns (header columns among them, in order of declaration). */
export function rowSchemaOf(source: DataSource): RowSchema {
  const plain = (c: SourceColumn) => ({ name: c.name, type: c.type });
  return {
    key: source.columns.filter((c) => c.role === "key").map(plain),
    value: source.columns.filter((c) => c.role !== "key").map(plain),
  };
}
