import type { Schema, Value } from "../../data/schema.js";
import type { SourceOffset, SourcePartition } from "./record.js";

/**
 * The fast way of a row: from the database's bytes to the topic's bytes without an object a row. A source describes the
 * records of one kind (one table and one operation) once, as a shape: a tree whose leaves say where a row's value is found.
 * A transform that knows its effect on a shape returns the new shape; the runtime compiles the converters' encoders for it.
 * What cannot be compiled is turned into SourceRecords by `materialize` and goes the ordinary way; both give the same bytes.
 */
export type Node = ConstNode | ColumnNode | SlotNode | StructNode | TemplateNode;

/** The same value in every row; null included. */
export interface ConstNode {
  readonly kind: "const";
  readonly schema: Schema;
  readonly value: Value;
}

/** A column of the row: the bytes [offsets[i], offsets[i + 1]) of the chunk's buffer, or null where offsets[i] is -1. */
export interface ColumnNode {
  readonly kind: "column";
  readonly schema: Schema;
  readonly column: number;
  readonly text: ColumnText;
  /** Exact for every input: what the fast encoders do not know, or give up on, goes through here. */
  readonly decode: (buffer: Buffer, start: number, end: number) => Value;
  /** What a null column stands for; null if absent. */
  readonly ifNull?: Value;
}

/**
 * How the bytes of a column are written, as far as encoders generate code for it:
 * int: decimal digits with an optional minus (int8..int64); float: as Postgres prints floats; bool: `t`/`f`; utf8: the text
 * itself (already unescaped); decimal: a plain decimal for Connect's Decimal at the schema's scale; date: `YYYY-MM-DD` to
 * days; timestamp: `YYYY-MM-DD hh:mm:ss[.ffffff]` to `unit`s since the epoch; timestamptz-utc: the same with `+00`, to an
 * ISO string `…T…Z` (io.debezium.time.ZonedTimestamp), the fraction padded with zeros to `fraction` digits or else as it is;
 * number: any bytes of which `read` makes what is written: a whole number for int8..int64, a number for float32 and float64, the
 * unscaled value at the schema's scale for Connect's Decimal; NaN: `decode`;
 * ascii: any bytes of which `write` makes a string of at most `most` characters that need no escape, returning its end, or -1:
 * `decode`; other: always `decode`.
 */
export type ColumnText =
  | { readonly as: "float" | "bool" | "utf8" | "decimal" | "date" | "other" }
  /** `with`: a slot that says whether it is the text of the row before: it is while that is the same number */
  | { readonly as: "int"; readonly with?: number }
  | { readonly as: "timestamptz-utc"; readonly fraction?: number }
  | { readonly as: "timestamp"; readonly unit: "ms" | "us" | "ns" }
  | { readonly as: "number"; readonly read: (buffer: Buffer, start: number, end: number) => number }
  | {
      readonly as: "ascii";
      readonly most: number;
      readonly write: (out: Buffer, position: number, buffer: Buffer, start: number, end: number) => number;
    };

/**
 * A number of the row beside its columns (a position, a time): `slots[row * slotCount + slot]`, NaN for null. Most are the same in many rows
 * one after the other, and encoders keep what they have made of them.
 */
export interface SlotNode {
  readonly kind: "slot";
  readonly schema: Schema;
  readonly slot: number;
  /** another in nearly every row: not worth keeping */
  readonly varies?: boolean;
}

export interface StructNode {
  readonly kind: "struct";
  readonly schema: Schema;
  /** one a field of the schema, in order */
  readonly fields: readonly Node[];
}

/** A string made of fixed text and slots (as the source block's `sequence`). */
export interface TemplateNode {
  readonly kind: "template";
  readonly schema: Schema;
  readonly parts: readonly (string | { readonly slot: number; readonly varies?: boolean })[];
}

export interface RecordShape {
  readonly topic: string;
  readonly key: Node | null;
  /** null: a tombstone */
  readonly value: Node | null;
  readonly headers: readonly { readonly key: string; readonly node: Node }[];
  /** The record's timestamp in ms, as a slot; null: the time of producing */
  readonly timestampSlot: number | null;
  /** The slot with the source's commit time in µs, or null */
  readonly sourceTimeSlot: number | null;
  readonly columnCount: number;
  readonly slotCount: number;
}

/** Consecutive rows of one shape, in order. Shapes are compared by identity: keep one object a table and operation. */
export interface RowChunk {
  readonly shape: RecordShape;
  readonly count: number;
  readonly buffer: Buffer;
  /** 2 × columnCount a row: start (or -1) and end */
  readonly offsets: Int32Array;
  /** slotCount a row */
  readonly slots: Float64Array;
  readonly sourcePartition: SourcePartition;
  /** The position after the chunk's last row: written with it in one transaction. */
  readonly sourceOffset: SourceOffset;
  /**
   * The records' time (ms) where the shape has no slot for it; the time of writing if absent. Rows of a snapshot have the moment of its
   * start: a join by time then sees all of its tables at once, whichever was read first.
   */
  readonly timestamp?: number;
}
