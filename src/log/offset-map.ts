const TABLES = 256;
const FIRST_SLOTS = 16;

/**
 * Latest offset by key, for compaction. Keys are known by their 128-bit hash alone (MurmurHash3 x86_128, Appleby, public domain): as in Kafka's
 * cleaner, two keys of one hash would count as one, which at a million keys has a chance of 10^-27. 256 small open-addressing tables
 * that grow one by one: no step takes long.
 */
export class OffsetMap {
  private readonly hashes = Array.from({ length: TABLES }, () => new Uint32Array(FIRST_SLOTS * 4));
  private readonly offsets = Array.from({ length: TABLES }, () => new Float64Array(FIRST_SLOTS).fill(-1));
  private readonly counts = new Uint32Array(TABLES);
  size = 0;
  private h1 = 0;
  private h2 = 0;
  private h3 = 0;
  private h4 = 0;

  /** @param capacity keys; about 50 bytes of memory each */
  constructor(private readonly capacity: number) {}

  get isFull(): boolean {
    return this.size >= this.capacity;
  }

  /** Offsets must come in rising order. */
  put(key: Uint8Array, start: number, end: number, offset: number): void {
    this.hash(key, start, end);
    const table = this.h1 & (TABLES - 1);
    let slot = this.slot(table);
    if (this.offsets[table]![slot]! < 0) {
      if ((this.counts[table]! + 1) * 4 > this.offsets[table]!.length * 3) {
        this.grow(table);
        slot = this.slot(table);
      }
      this.hashes[table]!.set([this.h1, this.h2, this.h3, this.h4], slot * 4);
      this.counts[table]!++;
      this.size++;
    }
    this.offsets[table]![slot] = offset;
  }

  /** -1 where the key is not known */
  get(key: Uint8Array, start: number, end: number): number {
    this.hash(key, start, end);
    const table = this.h1 & (TABLES - 1);
    return this.offsets[table]![this.slot(table)]!;
  }

  private slot(table: number): number {
    const hashes = this.hashes[table]!;
    const offsets = this.offsets[table]!;
    const mask = offsets.length - 1;
    for (let slot = this.h2 & mask; ; slot = (slot + 1) & mask) {
      if (offsets[slot]! < 0) return slot;
      const i = slot * 4;
      if (hashes[i] === this.h1 && hashes[i + 1] === this.h2 && hashes[i + 2] === this.h3 && hashes[i + 3] === this.h4) return slot;
    }
  }

  private grow(table: number): void {
    const hashes = this.hashes[table]!;
    const offsets = this.offsets[table]!;
    const size = offsets.length * 2;
    const newHashes = new Uint32Array(size * 4);
    const newOffsets = new Float64Array(size).fill(-1);
    for (let i = 0; i < offsets.length; i++) {
      if (offsets[i]! < 0) continue;
      let slot = hashes[i * 4 + 1]! & (size - 1);
      while (newOffsets[slot]! >= 0) slot = (slot + 1) & (size - 1);
      newOffsets[slot] = offsets[i]!;
      newHashes.set(hashes.subarray(i * 4, i * 4 + 4), slot * 4);
    }
    this.hashes[table] = newHashes;
    this.offsets[table] = newOffsets;
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
    this.h4 = (h4 + h1) >>> 0;
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
