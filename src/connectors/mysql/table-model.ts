/**
 * A table as the DDL says it is: what the schema history rebuilds, what binlog rows are read by and what the record schemas are made
 * from. Names keep the case of the statement; look-up across cases is the caller's, by the server's lower_case_table_names.
 */
export interface TableModel {
  readonly database: string;
  readonly name: string;
  readonly columns: readonly ColumnModel[];
  /** column names of the primary key in key order, or else of the first unique key without nullable columns; empty: none */
  readonly keyColumns: readonly string[];
  readonly defaultCharset: string | null;
  readonly comment: string | null;
}

export interface ColumnModel {
  readonly name: string;
  /** upper case, without arguments and attributes, as Debezium's `typeName` starts: INT, VARCHAR, ENUM, DOUBLE, GEOMETRY … */
  readonly type: string;
  /** display width, length or precision; null where none is written */
  readonly length: number | null;
  /** digits after the point, or of fractional seconds for temporal types as their `length`; null where none is written */
  readonly scale: number | null;
  readonly unsigned: boolean;
  readonly zerofill: boolean;
  /** of ENUM and SET, unescaped, in order */
  readonly values: readonly string[];
  /** of character columns, resolved through the table's and the database's defaults; null for others */
  readonly charset: string | null;
  readonly collation: string | null;
  readonly nullable: boolean;
  readonly autoIncrement: boolean;
  /** STORED, VIRTUAL or null */
  readonly generated: "STORED" | "VIRTUAL" | null;
  /** undefined: no default; null: DEFAULT NULL; else the literal's text without quotes (an expression keeps its parentheses) */
  readonly defaultValue: string | null | undefined;
  readonly comment: string | null;
}
