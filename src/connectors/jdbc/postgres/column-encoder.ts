import { NULL, NUMBER, NumberColumn, type PackedColumn, SpanColumn } from "../../../connect/api/packed-column.js";
import type { SinkRows } from "../../../connect/api/sink.js";
import type { Value } from "../../../data/schema.js";
import { packedColumn, rowReader } from "../changes.js";
import type { PlanColumn } from "../dialect.js";
import type { BinaryArrays } from "./binary-array.js";
import type { ColumnWriter } from "./types.js";

/** Appends a column of the rows `index[from..to)`. @throws what is wrong with the one after those appended */
export type ColumnEncoder = (array: BinaryArrays, rows: SinkRows, index: Int32Array, from: number, to: number) => void;

type Loop<C> = (array: BinaryArrays, column: C, index: Int32Array, from: number, to: number) => void;

export function columnEncoder(column: PlanColumn, writer: ColumnWriter): ColumnEncoder {
  const value = (array: BinaryArrays, v: unknown) => {
    if (v === null || v === undefined) array.null();
    else writer.write(array, v as Exclude<Value, null>);
  };
  const numbers = writer.number && numberLoop(writer.number, value);
  const spans = writer.span && spanLoop(writer.span);
  return (array, rows, index, from, to) => {
    const packed: PackedColumn | undefined = packedColumn(column, rows);
    if (packed instanceof NumberColumn && numbers) numbers(array, packed, index, from, to);
    else if (packed instanceof SpanColumn && spans) spans(array, packed, index, from, to);
    else {
      const read = packed ? (row: number) => packed.at(row) : rowReader(column, rows);
      for (let k = from; k < to; k++) value(array, read(index[k]!));
    }
  };
}

// a loop of its own for each column, so that its one writer is compiled into it
function numberLoop(write: NonNullable<ColumnWriter["number"]>, value: (array: BinaryArrays, v: unknown) => void): Loop<NumberColumn> {
  return new Function(
    "write",
    "value",
    `return (array, column, index, from, to) => {
const { numbers, states } = column;
for (let k = from; k < to; k++) {
const row = index[k], state = states[row];
if (state === ${NUMBER}) write(array, numbers[row]);
else if (state === ${NULL}) array.null();
else value(array, column.at(row));
}
};`,
  )(write, value);
}

function spanLoop(write: NonNullable<ColumnWriter["span"]>): Loop<SpanColumn> {
  return new Function(
    "write",
    `return (array, column, index, from, to) => {
const { starts, ends, buffers } = column;
for (let k = from; k < to; k++) {
const row = index[k], start = starts[row];
if (start < 0) array.null();
else write(array, buffers[row], start, ends[row]);
}
};`,
  )(write);
}
