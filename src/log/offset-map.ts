const LEAST_SLOTS = 1024;
/** 32-bit words of a slot: two of the key's hash, then the offset from the first one, plus one; 0 where the slot is empty. */
const SLOT = 3;
const OFFSET = 2;
/** Kept well below the 32 bits of a slot's offset: `isFull` is asked once a batch. */
const LARGEST_DISTANCE = 2 ** 31;

/** The table of the last map that was given back: what is used again is not touched for the first time again. */
let spare: Uint32Array | undefined;

/**
 * Latest offset by key, for compaction: open addressing in one table of bounded size. Keys are known by 64 bits of their hash and by
 * where they lie, which a third word says (MurmurHash3 x86_128, Appleby, public domain): as in Kafka's cleaner, two keys of one hash
 * would count as one, which at 800,000 keys has a chance of 10^-13.
 */
export class OffsetMap {
  private table: Uint32Array;
  private mask: number;
  size = 0;
  private first = -1;
  private last = -1;
  private h1 = 0;
  private h2 = 0;
  private h3 = 0;

  /** @param capacity keys; 15 to 30 bytes of memory each */
  constructor(private readonly capacity: number) {
    let slots = LEAST_SLOTS;
    while (slots * 4 < capacity * 5) slots *= 2;
    if (spare?.length === slots * SLOT) this.table = spare.fill(0);
    else this.table = new Uint32Array(slots * SLOT);
    spare = undefined;
    this.mask = slots - 1;
  }

  get isFull(): boolean {
    return this.size >= this.capacity || this.last - this.first >= LARGEST_DISTANCE;
  }

  /** Whether so many keys more find a place. */
  holds(count: number): boolean {
    return (this.size + count) * 8 <= (this.mask + 1) * 7;
  }

  /** Nothing is asked of it any more. */
  release(): void {
    spare = this.table;
    this.table = new Uint32Array(0);
  }

  /** Offsets must come in rising order. */
  put(key: Uint8Array, start: number, end: number, offset: number): void {
    if (this.first < 0) this.first = offset;
    this.last = offset;
    this.hash(key, start, end);
    const { table } = this;
    const slot = this.slot(table);
    if (table[slot + OFFSET] === 0) {
      if (this.size === this.mask) throw new RangeError("no slot is left"); // a table without an empty one would be searched for ever
      table[slot] = this.h1;
      table[slot + 1] = this.h2;
      this.size++;
    }
    table[slot + OFFSET] = offset - this.first + 1;
  }

  /** -1 where the key is not known */
  get(key: Uint8Array, start: number, end: number): number {
    this.hash(key, start, end);
    const distance = this.table[this.slot(this.table) + OFFSET]!;
    return distance === 0 ? -1 : this.first + distance - 1;
  }

  private slot(table: Uint32Array): number {
    const { mask, h1, h2 } = this;
    for (let number = this.h3 & mask; ; number = (number + 1) & mask) {
      const slot = number * SLOT;
      if (table[slot + OFFSET] === 0 || (table[slot] === h1 && table[slot + 1] === h2)) return slot;
    }
  }

  private hash(b: Uint8Array, start: number, end: number): void {
    const c1 = 0x239b961b;
    const c2 = 0xab0e9789;
    const c3 = 0x38b34ae5;
    const c4 = 0xa1e38b93;
    let h1 = 0;
    let h2 = 0;
    let h3 = 0;
    let h4 = 0;
    let i = start;
    for (; i + 16 <= end; i += 16) {
      h1 ^= Math.imul(rotl(Math.imul(word(b, i), c1), 15), c2);
      h1 = (Math.imul((rotl(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
      h2 ^= Math.imul(rotl(Math.imul(word(b, i + 4), c2), 16), c3);
      h2 = (Math.imul((rotl(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
      h3 ^= Math.imul(rotl(Math.imul(word(b, i + 8), c3), 17), c4);
      h3 = (Math.imul((rotl(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
      h4 ^= Math.imul(rotl(Math.imul(word(b, i + 12), c4), 18), c1);
      h4 = (Math.imul((rotl(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
    }
    if (end - i > 12) h4 ^= Math.imul(rotl(Math.imul(rest(b, i + 12, end), c4), 18), c1);
    if (end - i > 8) h3 ^= Math.imul(rotl(Math.imul(rest(b, i + 8, end), c3), 17), c4);
    if (end - i > 4) h2 ^= Math.imul(rotl(Math.imul(rest(b, i + 4, end), c2), 16), c3);
    if (end > i) h1 ^= Math.imul(rotl(Math.imul(rest(b, i, end), c1), 15), c2);
    const length = end - start;
    h1 ^= length;
    h2 ^= length;
    h3 ^= length;
    h4 ^= length;
    h1 = (h1 + h2 + h3 + h4) | 0;
    h2 = (h2 + h1) | 0;
    h3 = (h3 + h1) | 0;
    h4 = (h4 + h1) | 0;
    h1 = mix(h1);
    h2 = mix(h2);
    h3 = mix(h3);
    h4 = mix(h4);
    h1 = (h1 + h2 + h3 + h4) | 0;
    this.h1 = h1 >>> 0;
    this.h2 = (h2 + h1) >>> 0;
    this.h3 = (h3 + h1) >>> 0;
  }
}

function word(b: Uint8Array, i: number): number {
  return b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24);
}

/** Up to four bytes before `end`. */
function rest(b: Uint8Array, i: number, end: number): number {
  let n = 0;
  for (let shift = 0; shift < 32 && i < end; shift += 8) n |= b[i++]! << shift;
  return n;
}

function rotl(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

function mix(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
