import type { SourceOffset, SourcePartition } from "../connect/api/record.js";
import type { RecordShape, RowChunk } from "../connect/api/shape.js";
import type { SourceItem } from "../connect/api/source.js";
import type { RowBlock } from "./row-memory.js";

/**
 * Collects rows of one buffer into chunks: runs of one shape, whose offsets and slots are views of two arrays that the whole
 * batch shares. A row's place is taken with `begin`; its offsets and slots are then written by the caller.
 */
export class RowWriter {
  readonly items: SourceItem[] = [];
  readonly buffer: Buffer;
  offsets: Int32Array;
  slots: Float64Array;
  rows = 0;
  private o = 0;
  private s = 0;
  private shape: RecordShape | null = null;
  private runO = 0;
  private runS = 0;
  private runRows = 0;
  private rowO = 0;
  private rowS = 0;

  constructor(
    private readonly block: RowBlock,
    private readonly partition: SourcePartition,
    /** one object for all of the batch, which is committed as a whole: filled in when the batch is complete */
    private readonly position: SourceOffset,
  ) {
    this.buffer = block.bytes;
    this.offsets = block.offsets;
    this.slots = block.slots;
  }

  /** Opens a row; the shape may be set later with `as`. Returns its first index in `offsets`; `slotBase` has the other. */
  begin(columnCount: number, slotCount: number): number {
    if (this.o + columnCount * 2 > this.offsets.length) {
      const grown = new Int32Array(Math.max(this.offsets.length * 2, this.o + columnCount * 4));
      grown.set(this.offsets.subarray(0, this.o));
      this.offsets = this.block.offsets = grown;
    }
    if (this.s + slotCount > this.slots.length) {
      const grown = new Float64Array(this.slots.length * 2 + slotCount);
      grown.set(this.slots.subarray(0, this.s));
      this.slots = this.block.slots = grown;
    }
    this.rowO = this.o;
    this.rowS = this.s;
    this.o += columnCount * 2;
    this.s += slotCount;
    return this.rowO;
  }

  get slotBase(): number {
    return this.rowS;
  }

  /** Forgets the row begun last. */
  drop(): void {
    this.o = this.rowO;
    this.s = this.rowS;
  }

  /** Completes the row begun last as a record of this shape. */
  end(shape: RecordShape): void {
    if (shape !== this.shape) {
      const [o, s] = [this.rowO, this.rowS];
      this.flushUntil(o, s);
      this.shape = shape;
      this.runO = o;
      this.runS = s;
    }
    this.runRows++;
    this.rows++;
  }

  /** One more record from the row that was completed last: the same bytes in another shape (a tombstone after its delete). */
  again(shape: RecordShape): void {
    const { rowO, rowS } = this;
    this.flushUntil(this.o, this.s);
    this.shape = shape;
    this.runO = rowO;
    this.runS = rowS;
    this.runRows = 1;
    this.rows++;
    this.flushUntil(this.o, this.s);
  }

  push(item: SourceItem): void {
    this.flush();
    this.items.push(item);
  }

  flush(): void {
    this.flushUntil(this.o, this.s);
  }

  private flushUntil(o: number, s: number): void {
    if (this.runRows > 0)
      this.items.push({
        shape: this.shape!,
        count: this.runRows,
        buffer: this.buffer,
        offsets: this.offsets.subarray(this.runO, o),
        slots: this.slots.subarray(this.runS, s),
        sourcePartition: this.partition,
        sourceOffset: this.position,
      } satisfies RowChunk);
    this.runRows = 0;
    this.shape = null;
  }
}
