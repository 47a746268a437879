import type { TableName } from "./cursor.js";
import type { DataType } from "./data-type.js";

/** A statement as it is written, before it meets the tables that it changes. */
export type Statement =
  | CreateTable
  | AlterTable
  | { readonly kind: "create-like"; readonly table: TableName; readonly like: TableName; readonly ifNotExists: boolean }
  | { readonly kind: "rename-tables"; readonly pairs: readonly { from: TableName; to: TableName; text: string }[] }
  | { readonly kind: "drop-tables"; readonly tables: readonly TableName[]; readonly ifExists: boolean }
  | { readonly kind: "truncate"; readonly table: TableName }
  | { readonly kind: "create-database"; readonly name: string; readonly ifNotExists: boolean; readonly defaults: CharsetDefaults }
  | { readonly kind: "alter-database"; readonly name: string | null; readonly defaults: CharsetDefaults }
  | { readonly kind: "drop-database"; readonly name: string }
  | { readonly kind: "create-index"; readonly table: TableName; readonly index: IndexDefinition }
  | { readonly kind: "drop-index"; readonly table: TableName; readonly name: string; readonly ifExists: boolean }
  | { readonly kind: "use"; readonly database: string }
  /** SET of the server's default character set and collation, as a schema history starts */
  | { readonly kind: "set-server"; readonly defaults: CharsetDefaults }
  | { readonly kind: "ignored" };

/** undefined: not written; a charset or collation DEFAULT counts as not written */
export interface CharsetDefaults {
  charset?: string;
  collation?: string;
}

export interface TableOptions extends CharsetDefaults {
  comment?: string;
  /** MariaDB: true for WITH SYSTEM VERSIONING, false for what takes it away */
  systemVersioning?: boolean;
}

export interface CreateTable {
  readonly kind: "create-table";
  readonly table: TableName;
  readonly ifNotExists: boolean;
  readonly columns: readonly ColumnDefinition[];
  readonly indexes: readonly IndexDefinition[];
  readonly periods: readonly Period[];
  readonly options: TableOptions;
}

export interface Period {
  readonly name: string;
  readonly start: string;
  readonly end: string;
}

export interface ColumnDefinition {
  readonly name: string;
  readonly type: DataType;
  readonly charset: string | undefined;
  readonly collation: string | undefined;
  /** the BINARY attribute: the character set's _bin collation */
  readonly binary: boolean;
  /** undefined: nothing written */
  readonly nullable: boolean | undefined;
  readonly autoIncrement: boolean;
  readonly generated: "STORED" | "VIRTUAL" | null;
  /** MariaDB: one of the columns of a system version, filled by the server */
  readonly systemTime: boolean;
  readonly onUpdateNow: boolean;
  readonly default: DefaultValue | undefined;
  readonly comment: string | null;
  /** CHECK (json_valid(its own name)): MariaDB's JSON */
  readonly checksJson: boolean;
}

export type DefaultValue =
  | { readonly kind: "null" }
  | { readonly kind: "text" | "number" | "hex" | "bits" | "expression"; readonly text: string };

export interface IndexDefinition {
  readonly kind: "primary" | "unique" | "index" | "foreign";
  readonly name: string | null;
  readonly columns: readonly (string | null)[];
  readonly prefix: boolean;
  readonly ifNotExists: boolean;
  /** MariaDB: the period of WITHOUT OVERLAPS, whose two columns belong to the key */
  readonly period: string | null;
}

export type Place = { readonly first: true } | { readonly after: string } | null;

export interface AlterTable {
  readonly kind: "alter-table";
  readonly table: TableName;
  readonly ifExists: boolean;
  readonly clauses: readonly AlterClause[];
}

export type AlterClause =
  | { readonly kind: "add-column"; readonly column: ColumnDefinition; readonly place: Place; readonly ifNotExists: boolean }
  | { readonly kind: "drop-column"; readonly name: string; readonly ifExists: boolean }
  | {
      readonly kind: "change-column";
      readonly name: string;
      readonly column: ColumnDefinition;
      readonly place: Place;
      readonly ifExists: boolean;
    }
  | { readonly kind: "rename-column"; readonly name: string; readonly to: string; readonly ifExists: boolean }
  | { readonly kind: "set-default"; readonly name: string; readonly default: DefaultValue | undefined; readonly ifExists: boolean }
  | { readonly kind: "add-index"; readonly index: IndexDefinition }
  | { readonly kind: "add-period"; readonly period: Period }
  /** `name` PRIMARY: the primary key; a constraint that is no index is passed over */
  | { readonly kind: "drop-index"; readonly name: string; readonly constraint: boolean; readonly ifExists: boolean }
  | { readonly kind: "rename-index"; readonly name: string; readonly to: string; readonly ifExists: boolean }
  | { readonly kind: "convert-charset"; readonly defaults: CharsetDefaults }
  | { readonly kind: "options"; readonly options: TableOptions }
  | { readonly kind: "rename-table"; readonly to: TableName }
  /** MariaDB: CONVERT PARTITION … TO TABLE and CONVERT TABLE … TO PARTITION */
  | { readonly kind: "partition-to-table"; readonly to: TableName }
  | { readonly kind: "table-to-partition"; readonly from: TableName };
