import * as batches from "../protocol/record-batch.js";

/** Bytes of recent batches kept for readers at the logs' ends, over all logs of the process; the oldest goes first. */
export const LIMIT = 4 * 1024 * 1024;
/** Bytes that a batch takes beside its own: its Buffer and its places in the lists. */
const OVERHEAD = 256;
/** Bytes; a larger batch is read from the page cache, whose cost is lost in that of its records. */
const LARGEST = 64 * 1024;

interface Entry {
  readonly tail: Tail;
  readonly size: number;
}

let queue: (Entry | undefined)[] = [];
let head = 0;
let used = 0;

/**
 * Small batches lie one behind another in memory that holds nothing else. In Node's pool each would keep 8 KB, because others took the
 * rest of it; and they go in the order in which they came, so that no slab stays for the sake of one batch. A slab is no larger than
 * what `giveMemory` leaves alone: a reader that gives a batch back must not give away its neighbours.
 */
const SLAB = 64 * 1024;
let slab = Buffer.alloc(0);
let free = 0;

function copied(batch: Buffer): Buffer {
  const { length } = batch;
  let copy: Buffer;
  if (length > SLAB / 4) copy = Buffer.allocUnsafeSlow(length);
  else {
    if (slab.length - free < length) {
      slab = Buffer.allocUnsafeSlow(SLAB);
      free = 0;
    }
    copy = slab.subarray(free, (free += length));
  }
  copy.set(batch);
  return copy;
}

function evict(): void {
  while (used > LIMIT && head < queue.length) {
    const entry = queue[head]!;
    queue[head++] = undefined;
    used -= entry.size;
    entry.tail.dropOldest();
  }
  if (head > 1024 && head * 2 > queue.length) {
    queue = queue.slice(head);
    head = 0;
  }
}

/** The last batches of one log, one after another without a gap. */
export class Tail {
  private list: (Buffer | undefined)[] = [];
  private first = 0;

  add(batch: Buffer): void {
    if (batch.length > LARGEST) {
      this.clear();
      return;
    }
    const size = batch.length + OVERHEAD;
    this.list.push(copied(batch));
    queue.push({ tail: this, size });
    used += size;
    evict();
  }

  dropOldest(): void {
    if (this.first >= this.list.length) return;
    this.list[this.first++] = undefined;
    if (this.first > 256 && this.first * 2 > this.list.length) {
      this.list = this.list.slice(this.first);
      this.first = 0;
    }
  }

  /** Forgets everything. What the queue still holds of it then drops nothing, or a batch that came later: either is safe. */
  clear(): void {
    this.list = [];
    this.first = 0;
  }

  /** Whole batches from the one that holds `offset`; undefined where that one is not here any more. */
  read(offset: number, maxBytes: number, upTo: number): Buffer | undefined {
    const list = this.list;
    let low = this.first;
    let high = list.length;
    if (low === high || offset < batches.baseOffset(list[low]!)) return undefined;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (batches.lastOffset(list[middle]!) < offset) low = middle + 1;
      else high = middle;
    }
    let bytes = 0;
    let end = low;
    for (; end < list.length; end++) {
      const batch = list[end]!;
      if ((end > low && bytes + batch.length > maxBytes) || batches.lastOffset(batch) >= upTo) break;
      bytes += batch.length;
    }
    if (end === low) return undefined;
    return end === low + 1 ? list[low] : Buffer.concat(list.slice(low, end) as Buffer[], bytes);
  }
}
