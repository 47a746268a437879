const TABLES = 256;
const FIRST_SLOTS = 16;
/** 32-bit words of a slot: three of the key's hash, then the offset from the first one, plus one; 0 where the slot is empty. */
const SLOT = 4;
const OFFSET = 3;
/** Kept well below the 32 bits of a slot's offset: `isFull` is asked once a batch. */
const LARGEST_DISTANCE = 2 ** 31;

/**
 * Latest offset by key, for compaction. Keys are known by 96 bits of their hash alone (MurmurHash3 x86_128, Appleby, public domain; its fourth
 * word says nothing new of keys of up to 8 bytes): as in Kafka's cleaner, two keys of one hash would count as one, which at a million keys has
 * a chance of 10^-17. 256 small open-addressing tables that grow one by one: no step takes long.
 */
export class OffsetMap {
  private readonly tables = Array.from({ length: TABLES }, () => new Uint32Array(FIRST_SLOTS * SLOT));
  private readonly counts = new Uint32Array(TABLES);
  size = 0;
  private first = -1;
  private last = -1;
  private h1 = 0;
  private h2 = 0;
  private h3 = 0;

  /** @param capacity keys; 21 to 43 bytes of memory each */
  constructor(private readonly capacity: number) {}

  get isFull(): boolean {
    return this.size >= this.capacity || this.last - this.first >= LARGEST_DISTANCE;
  }

  /** Offsets must come in rising order. */
  put(key: Uint8Array, start: number, end: number, offset: number): void {
    if (this.first < 0) this.first = offset;
    this.last = offset;
    this.hash(key, start, end);
    const number = this.h1 & (TABLES - 1);
    let table: Uint32Array = this.tables[number]!;
    let slot = this.slot(table);
    if (table[slot + OFFSET] === 0) {
      if ((this.counts[number]! + 1) * SLOT * 4 > table.length * 3) {
        table = this.grow(number);
        slot = this.slot(table);
      }
      table[slot] = this.h1;
      table[slot + 1] = this.h2;
      table[slot + 2] = this.h3;
      this.counts[number]!++;
      this.size++;
    }
    table[slot + OFFSET] = offset - this.first + 1;
  }

  /** -1 where the key is not known */
  get(key: Uint8Array, start: number, end: number): number {
    this.hash(key, start, end);
    const table = this.tables[this.h1 & (TABLES - 1)]!;
    const distance = table[this.slot(table) + OFFSET]!;
    return distance === 0 ? -1 : this.first + distance - 1;
  }

  private slot(table: Uint32Array): number {
    const mask = table.length - 1;
    for (let slot = (this.h2 * SLOT) & mask; ; slot = (slot + SLOT) & mask) {
      if (table[slot + OFFSET] === 0) return slot;
      if (table[slot] === this.h1 && table[slot + 1] === this.h2 && table[slot + 2] === this.h3) return slot;
    }
  }

  private grow(number: number): Uint32Array {
    const old = this.tables[number]!;
    const grown = new Uint32Array(old.length * 2);
    const mask = grown.length - 1;
    for (let i = 0; i < old.length; i += SLOT) {
      if (old[i + OFFSET] === 0) continue;
      let slot = (old[i + 1]! * SLOT) & mask;
      while (grown[slot + OFFSET] !== 0) slot = (slot + SLOT) & mask;
      for (let w = 0; w < SLOT; w++) grown[slot + w] = old[i + w]!;
    }
    this.tables[number] = grown;
    return grown;
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
