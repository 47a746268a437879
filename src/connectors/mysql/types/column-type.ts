import type { ColumnText } from "../../../connect/api/shape.js";
import type { Schema, Value } from "../../../data/schema.js";

/** How one of the two forms of a column's values is read: the text of a SELECT, or the bytes of a binlog row. */
export interface Reading {
  readonly text: ColumnText;
  /** exact for every form; null where the value has none in a record (a zero date) */
  readonly decode: (buffer: Buffer, start: number, end: number) => Value;
}

/** How the values of one column look in a record. */
export interface ColumnType {
  /** not optional, without a default */
  readonly schema: Schema;
  /** from the text protocol, text in UTF-8 */
  readonly snapshot: Reading;
  /** from a row of the binlog */
  readonly stream: Reading;
  /** what a column that cannot be null holds where its value has no form (zero dates), and where the row lacks it */
  readonly zero: Value;
  /** of a literal as DDL has it; undefined: the schema declares none */
  readonly defaultOf: (literal: string) => Value | undefined;
  /** what a default that is the time of insertion counts as; undefined: none */
  readonly nowDefault?: Value;
  /** the expression by which a SELECT reads the column, where it is not its name alone */
  readonly select?: (column: string) => string;
}

/** The settings that decide how a value is represented. */
export interface TypeOptions {
  readonly decimal: "precise" | "double" | "string";
  readonly bigintUnsigned: "long" | "precise";
  readonly time: "adaptive" | "adaptive_time_microseconds" | "connect" | "isostring" | "microseconds" | "nanoseconds";
  readonly binary: "bytes" | "base64" | "base64-url-safe" | "hex";
  /** years of two digits are of this century or the last */
  readonly adjustYears: boolean;
  /** what becomes of a day that does not exist: null, or an error that sets the row aside */
  readonly impossible: "null" | "fail";
  /** the text that stands for a value that the row lacks */
  readonly placeholder: string;
}
