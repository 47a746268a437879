import type { Column } from "../sql/plan/step.js";

export interface ResultColumn extends Column {
  readonly isKey: boolean;
}

/** A row of the answer, or the deletion of a table's row (its key columns are set, the others null). */
export interface ResultRow {
  readonly values: readonly unknown[];
  readonly tombstone: boolean;
}

/**
 * A running SELECT. `batches` ends with the query: by its limit, at the end of a pull query, or after `close`. It is pulled: a
 * reader that stops reading stops the query's own feed and nothing else.
 */
export interface QueryResult {
  /** `push` results go on until closed or limited */
  readonly kind: "push" | "pull-table" | "pull-stream";
  readonly queryId: string;
  readonly columns: readonly ResultColumn[];
  readonly isTable: boolean;
  readonly batches: AsyncIterable<readonly ResultRow[]>;
  /** all rows, where they are there at once; `batches` gives the same */
  readonly ready?: readonly ResultRow[];
  /** true once a LIMIT ended it */
  readonly limitReached: () => boolean;
  close(): Promise<void>;
}

/** PRINT's lines, each with its newline. */
export interface PrintResult {
  readonly kind: "print";
  readonly lines: AsyncIterable<string>;
  close(): Promise<void>;
}
