import type { SourceOffset } from "../connect/api/record.js";

/** What a batch of rows lies in: the database's bytes, and the two arrays of its chunks, which a writer may replace by larger ones. */
export interface RowBlock {
  bytes: Buffer;
  offsets: Int32Array;
  slots: Float64Array;
}

interface Lent {
  readonly position: SourceOffset;
  readonly block: RowBlock;
}

/** Blocks kept for later batches, which have one or a few: one is filled while one is written to the log and one made durable. */
const KEPT = 12;
const smallest = 16 * 1024;

/**
 * Lends the memory of row batches out and takes it back once a batch is committed: megabytes that are allocated for each batch cost
 * more garbage collection than decoding them. A batch that is never committed keeps its block, which is collected with it.
 */
export class RowMemory {
  private readonly free: RowBlock[] = [];
  private lent: Lent[] = [];
  private last: RowBlock | undefined;

  /** @param position the offset object of the batch, by which `giveBack` knows it */
  lend(bytes: number, position: SourceOffset): RowBlock {
    const at = this.free.findIndex((b) => b.bytes.length >= bytes);
    const block = at >= 0 ? this.free.splice(at, 1)[0]! : this.allocate(bytes);
    this.last = block;
    if (this.lent.length >= 4 * KEPT) this.lent = this.lent.slice(1);
    this.lent.push({ position, block });
    return block;
  }

  private allocate(bytes: number): RowBlock {
    // one of the free ones is too small: it makes room for this one
    if (this.free.length >= KEPT - 1) this.free.pop();
    let size = smallest;
    while (size < bytes) size *= 2;
    return {
      bytes: Buffer.allocUnsafeSlow(size),
      offsets: new Int32Array(this.last?.offsets.length ?? 256),
      slots: new Float64Array(this.last?.slots.length ?? 128),
    };
  }

  /** The batch with this offset, and all that were lent before it, are in the log. */
  giveBack(position: SourceOffset): void {
    const at = this.lent.findLastIndex((l) => l.position === position);
    if (at < 0) return;
    for (const { block } of this.lent.slice(0, at + 1)) if (this.free.length < KEPT) this.free.push(block);
    this.lent = this.lent.slice(at + 1);
  }
}
