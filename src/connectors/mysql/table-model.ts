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
  /** the primary key first, then unique keys without nullable columns, then the rest, as the server sorts them */
  readonly indexes: readonly IndexModel[];
  readonly defaultCharset: string | null;
  /** as written; null: the character set's own */
  readonly defaultCollation: string | null;
  readonly comment: string | null;
}

export interface IndexModel {
  /** PRIMARY for the primary key */
  readonly name: string;
  readonly unique: boolean;
  /** null for a part that is an expression */
  readonly columns: readonly (string | null)[];
  /** whether a part is only a prefix of its column */
  readonly prefix: boolean;
  /** made by the server for a foreign key; goes when another index does its work */
  readonly generated: boolean;
}

export interface ColumnModel {
  readonly name: string;
  /**
   * Upper case, without arguments and attributes: INT, VARCHAR, ENUM, DOUBLE, GEOMETRY … Synonyms are what SHOW CREATE TABLE makes of
   * them (BOOLEAN: TINYINT(1), NUMERIC: DECIMAL, REAL: DOUBLE, TEXT(100): TINYTEXT or TEXT), so that snapshot and stream agree.
   * MariaDB's JSON, a LONGTEXT checked by json_valid, is JSON.
   */
  readonly type: string;
  /** display width, length or precision; null where none is written */
  readonly length: number | null;
  /** digits after the point (DECIMAL always, FLOAT and DOUBLE where written); null else: fractional seconds are the `length` */
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
  /** ON UPDATE CURRENT_TIMESTAMP */
  readonly onUpdateNow: boolean;
  /**
   * undefined: no default; null: DEFAULT NULL; else the literal's text without quotes, of BIT its binary digits, of hexadecimal
   * literals the characters (of BINARY, VARBINARY: a character a byte); with `defaultExpression` the expression's source text
   */
  readonly defaultValue: string | null | undefined;
  /** whether `defaultValue` is an expression or a function (CURRENT_TIMESTAMP(3)) and no literal */
  readonly defaultExpression: boolean;
  readonly comment: string | null;
}
