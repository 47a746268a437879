import type { ValueKind } from "../../cdc/value-kind.js";
import type { CheckContext } from "../../connect/api/source.js";
import type { Schema } from "../../data/schema.js";
import type { Changes } from "./changes.js";
import type { LanePosition, OffsetsKey } from "./offsets.js";
import type { SinkSettings } from "./settings.js";

/** What a failure of the target means for the batch. */
export type FailureKind =
  /** the connection is gone or the server cannot now: reconnect and send again, however often it takes */
  | "connection"
  /** deadlock, serialization, locks, resources: the same statement may pass later */
  | "passing"
  /** the row's content: refused */
  | "data"
  /** the table is not what was thought: read it again */
  | "structure"
  /** everything else: rights, a wrong configuration */
  | "permanent";

/** One kind of database as a target. All that the lanes and the plans need of it is here; they know no database by name. */
export interface Dialect {
  /** as `dialect.name` has it */
  readonly name: string;
  /** products of a JDBC URL that this dialect speaks to */
  readonly products: readonly string[];
  readonly defaultPort: number;
  /** @throws MillraceError CONNECT_FAILED, its cause what the driver said */
  connect(settings: SinkSettings, context: CheckContext): Promise<Session>;
  classify(error: unknown): FailureKind;
  /** For a failed `connect`: wrong rights or no such database, which do not pass by waiting. */
  refusesUs(cause: unknown): "credentials" | "database" | undefined;
  /** For a failed CREATE: somebody else has made the object, perhaps at this moment. */
  existsAlready(error: unknown): boolean;
  /** What is wrong with the URL's parameters or with settings that the dialect cannot honour, before anything connects. */
  checkSettings?(settings: SinkSettings): string | undefined;
  quoteIdentifier(name: string): string;
  /** A string as a literal of this dialect's sessions. */
  literal(text: string): string;
  /** An identifier as the database takes it when it is not quoted. */
  fold(name: string): string;
  /** What two names of columns have in common when the database takes them for the same. */
  columnIdentity(name: string): string;
  /** A statement that empties a table, in the transaction it stands in. */
  empty(quoted: string): string;
  createOffsetsTable(quoted: string): string;
  /** The tail of an INSERT that leaves rows that are there alone. */
  readonly keepExisting: string;
}

/** A column to be created: its type, whether it may be null, its default as an SQL literal. */
export interface NewColumn {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly default?: string;
}

export interface TableColumn {
  readonly name: string;
  /** in the dialect's own words, without modifiers */
  readonly type: string;
  readonly generated: boolean;
}

export interface Table {
  readonly columns: readonly TableColumn[];
}

export interface TableName {
  readonly schema: string | null;
  readonly table: string;
}

/** Where a column's value is found in SinkRows. */
export type ColumnSource =
  | { readonly from: "key" | "value"; readonly index: number }
  | { readonly from: "topic" | "partition" | "offset" }
  | { readonly from: "header"; readonly name: string };

/** A field of the records and the table's column that takes it. */
export interface PlanColumn {
  readonly name: string;
  readonly source: ColumnSource;
  readonly isKey: boolean;
  readonly kind: ValueKind;
  readonly schema: Schema;
  /** the column's type as `TableColumn` has it */
  readonly type: string;
}

/** A statement ready to send. */
export interface Statement {
  readonly text: string | Buffer;
  readonly name?: string;
  /** as a Bind message has them: int16 count, then int32 size and bytes of each, all in binary */
  readonly parameters?: Buffer;
  /** What the server asks for while it runs the statement; not taken where it warns: `instead` says the same strictly. */
  readonly load?: { readonly rows: Buffer; readonly count: number; instead(): Statement[] };
  /** Its buffers may be used again: for whoever has sent it, once. */
  release?(): void;
}

/** How rows with one pair of schemas go into one table; made once. */
export interface TablePlan {
  readonly quotedTable: string;
  readonly keyColumns: readonly PlanColumn[];
  /** Inserts, upserts or updates, by the settings. @throws RowRefused */
  write(changes: Changes, ordinals: Int32Array): Statement[];
  /** @throws RowRefused */
  delete(changes: Changes, ordinals: Int32Array): Statement[];
}

/** From where an offsets row is expected to be to where it moves. */
export interface Move {
  readonly key: OffsetsKey;
  readonly at: LanePosition;
  readonly next: number;
}

export interface Failure {
  readonly error: unknown;
  /** the offsets row was not where it was expected */
  readonly moved: boolean;
}

/** One connection to the target. */
export interface Session {
  /** Rows by column name; numbers may come as text. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** undefined where it does not exist. @throws MillraceError TARGET_FAILED where rows cannot be written to it exactly once */
  readTable(name: TableName, quoted: string): Promise<Table | undefined>;
  /** The type that a created column gets for a field, and its default where the database can have one; undefined: no column can hold it. */
  columnFor(kind: ValueKind, schema: Schema, isKey: boolean, keyColumns: number): { type: string; default?: string } | undefined;
  createTable(name: TableName, quoted: string, columns: readonly NewColumn[], primaryKey: readonly string[]): Promise<void>;
  /** A column that somebody else adds meanwhile is no error. */
  addColumns(quoted: string, columns: readonly NewColumn[]): Promise<void>;
  /** @throws MillraceError TARGET_FAILED where the table does not allow the insert mode */
  plan(quoted: string, table: Table, columns: readonly PlanColumn[]): TablePlan;
  /**
   * One transaction: the offsets row moves (or fails the whole), then the statements. Those of calls that overlap run in the
   * order of the calls, and each on its own: one that fails leaves nothing behind. The statements are released.
   */
  transact(move: Move | undefined, statements: readonly Statement[]): Promise<Failure | undefined>;
  end(): Promise<void>;
}
