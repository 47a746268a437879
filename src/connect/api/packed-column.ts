import { Decimal } from "../../data/schema.js";

/**
 * A column of a run of rows without a JavaScript value for each: numbers lie side by side, texts and bytes stay where they were read.
 * `at` makes the value of one row; null where it has none.
 */
export type PackedColumn = NumberColumn | SpanColumn | ValueColumn;

/** Integers, floats, booleans (0 and 1) and, where there is a scale, decimals by their unscaled value. */
export class NumberColumn {
  readonly numbers: Float64Array;
  /** by row */
  readonly states: Uint8Array;
  private others: Map<number, unknown> | undefined;

  constructor(
    capacity: number,
    private readonly as: "number" | "boolean" | "decimal",
    readonly scale = 0,
  ) {
    this.numbers = new Float64Array(capacity);
    this.states = new Uint8Array(capacity);
  }

  /** A value that no number holds exactly. */
  setOther(row: number, value: unknown): void {
    this.others ??= new Map();
    this.others.set(row, value);
    this.states[row] = OTHER;
  }
  set(row: number, value: unknown): void {
    if (value === null || value === undefined) this.states[row] = NULL;
    else this.setOther(row, value);
  }
  isNull(row: number): boolean {
    return this.states[row] === NULL;
  }
  at(row: number): unknown {
    const state = this.states[row]!;
    if (state === NULL) return null;
    if (state === OTHER) return this.others!.get(row);
    const n = this.numbers[row]!;
    return this.as === "number" ? n : this.as === "boolean" ? n !== 0 : new Decimal(BigInt(n), this.scale);
  }
}
/** What `NumberColumn.states` says of a row: its number counts, it is null, or `at` alone has it. */
export const NUMBER = 0;
export const NULL = 1;
export const OTHER = 2;

/** UTF-8 texts and byte strings: bytes `starts[row]` to `ends[row]` of `buffers[row]`; a start of -1 is null. */
export class SpanColumn {
  readonly starts: Int32Array;
  readonly ends: Int32Array;

  constructor(
    capacity: number,
    readonly buffers: readonly Buffer[],
    private readonly decode: (bytes: Buffer, start: number, end: number) => unknown,
  ) {
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
  }

  /** Only null: other values are the spans of the rows' buffers. */
  set(row: number, value: unknown): void {
    if (value !== null && value !== undefined) throw new TypeError("a span lies in its row's buffer");
    this.starts[row] = -1;
  }
  isNull(row: number): boolean {
    return this.starts[row] === -1;
  }
  at(row: number): unknown {
    const start = this.starts[row]!;
    return start < 0 ? null : this.decode(this.buffers[row]!, start, this.ends[row]!);
  }
}

/** Everything else. */
export class ValueColumn {
  constructor(readonly values: unknown[] = []) {}

  set(row: number, value: unknown): void {
    this.values[row] = value;
  }
  isNull(row: number): boolean {
    return this.values[row] === null || this.values[row] === undefined;
  }
  at(row: number): unknown {
    return this.values[row] ?? null;
  }
}
