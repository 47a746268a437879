/**
 * An in-memory table from key bytes to value bytes with two numbers beside each. Open addressing in 256 segments by the
 * hash's top bits: a segment that is full is rebuilt by itself, so growing to millions of keys never blocks for long.
 * Entries lie one after another in 1 MB chunks outside the JavaScript heap; an entry is found again by its position
 * (in 8-byte words), which stays until the entry is moved by a larger value or by compaction.
 *
 *   entry: i32 key length | i32 value length, -1 absent | i32 room for the value | i32 mark | f64 timestamp | f64 source time | i32 hash | i32 size in words | key | value
 */
const CHUNK_BITS = 17;
const CHUNK_WORDS = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_WORDS - 1;
const HEADER_WORDS = 5;
const SEGMENTS = 256;
/** Entries met lately that are found without the slots of all, which do not fit the processor's caches once there are many. */
const RECENT = 4096;

export interface Chunk {
  readonly bytes: Buffer;
  readonly ints: Int32Array;
  readonly doubles: Float64Array;
  /** words in use */
  used: number;
  /** words of entries that were moved away or deleted */
  dead: number;
}

export class ByteTable {
  private readonly slots: Int32Array[] = [];
  private readonly fill = new Int32Array(SEGMENTS);
  readonly chunks: (Chunk | undefined)[] = [];
  private current = -1;
  /** Entries with a value. */
  size = 0;
  private roomHint = 8;
  private readonly free: number[] = [];
  private deadWords = 0;
  private usedWords = 0;
  /** By a hash's low bits: position + 1 and hash, as in the slots. From so many entries on as it holds. */
  private recent: Int32Array | undefined;

  constructor() {
    for (let i = 0; i < SEGMENTS; i++) this.slots.push(new Int32Array(32));
  }

  /** Bytes of memory held for entries. */
  get bytes(): number {
    return this.usedWords * 8;
  }

  /** The entry's position, or -1. */
  find(key: Buffer, start: number, end: number, hash: number): number {
    const { recent } = this;
    const near = (hash & (RECENT - 1)) * 2;
    if (recent !== undefined && recent[near + 1] === hash) {
      const position = recent[near]! - 1;
      if (position >= 0 && this.keyIs(position, key, start, end)) return position;
    }
    const slots = this.slots[hash >>> 24]!;
    const mask = slots.length - 2;
    for (let at = (hash << 1) & mask; ; at = (at + 2) & mask) {
      const position = slots[at]!;
      if (position === 0) return -1;
      if (slots[at + 1] === hash && this.keyIs(position - 1, key, start, end)) {
        this.remember(position, hash);
        return position - 1;
      }
    }
  }

  /** Adds an entry without a value; the key must not be there. */
  insert(key: Buffer, start: number, end: number, hash: number): number {
    const segment = hash >>> 24;
    // Between 55 and 80 % full, each segment at another point: were they all the same, all would grow within a few thousand inserts.
    if ((this.fill[segment]! + 1) * 2 > this.slots[segment]!.length * (0.55 + segment / 1024)) this.rebuild(segment);
    const position = this.allocate(end - start, this.roomHint, hash);
    const chunk = this.chunks[position >>> CHUNK_BITS]!;
    const word = position & CHUNK_MASK;
    copyBytes(key, start, end, chunk.bytes, (word + HEADER_WORDS) * 8);
    this.place(this.slots[segment]!, position + 1, hash);
    this.fill[segment]!++;
    if (this.size >= RECENT) this.recent ??= new Int32Array(RECENT * 2);
    this.remember(position + 1, hash);
    return position;
  }

  chunkOf(position: number): Chunk {
    return this.chunks[position >>> CHUNK_BITS]!;
  }
  keyLength(position: number): number {
    return this.chunkOf(position).ints[(position & CHUNK_MASK) * 2]!;
  }
  /** -1 where there is no value */
  valueLength(position: number): number {
    return this.chunkOf(position).ints[(position & CHUNK_MASK) * 2 + 1]!;
  }
  mark(position: number): number {
    return this.chunkOf(position).ints[(position & CHUNK_MASK) * 2 + 3]!;
  }
  setMark(position: number, mark: number): void {
    this.chunkOf(position).ints[(position & CHUNK_MASK) * 2 + 3] = mark;
  }
  timestamp(position: number): number {
    return this.chunkOf(position).doubles[(position & CHUNK_MASK) + 2]!;
  }
  sourceTime(position: number): number {
    return this.chunkOf(position).doubles[(position & CHUNK_MASK) + 3]!;
  }
  /** Of the key in the chunk's bytes; the value follows the key. */
  keyStart(position: number): number {
    return ((position & CHUNK_MASK) + HEADER_WORDS) * 8;
  }

  /** Writes the value (start -1: removes it) and returns the entry's position, a new one where the value outgrew its room. */
  set(at: number, value: Buffer, start: number, end: number, timestamp: number, sourceTime: number): number {
    let position = at;
    let chunk = this.chunks[position >>> CHUNK_BITS]!;
    let word = position & CHUNK_MASK;
    const had = chunk.ints[word * 2 + 1]! >= 0;
    if (start < 0) {
      if (!had) return position;
      chunk.ints[word * 2 + 1] = -1;
      this.size--;
      this.addDead(chunk, chunk.ints[word * 2 + 9]!);
      return position;
    }
    const length = end - start;
    if (length > chunk.ints[word * 2 + 2]!) {
      if (length > this.roomHint) this.roomHint = Math.min(length, this.roomHint * 2 + 8, 4096);
      position = this.move(position, length);
      chunk = this.chunks[position >>> CHUNK_BITS]!;
      word = position & CHUNK_MASK;
    }
    if (!had) {
      this.size++;
      this.addDead(chunk, -chunk.ints[word * 2 + 9]!);
    }
    chunk.ints[word * 2 + 1] = length;
    chunk.doubles[word + 2] = timestamp;
    chunk.doubles[word + 3] = sourceTime;
    copyBytes(value, start, end, chunk.bytes, (word + HEADER_WORDS) * 8 + chunk.ints[word * 2]!);
    return position;
  }

  /** The position after this entry's in its chunk, or -1 at the chunk's end: for walks over all entries. */
  nextEntry(position: number): number {
    const chunk = this.chunkOf(position);
    const next = (position & CHUNK_MASK) + chunk.ints[(position & CHUNK_MASK) * 2 + 9]!;
    return next >= chunk.used ? -1 : (position & ~CHUNK_MASK) + next;
  }

  /** The first entry of a chunk, or -1. */
  firstEntry(chunk: number): number {
    return this.chunks[chunk] === undefined ? -1 : chunk << CHUNK_BITS;
  }

  /** Frees one chunk that is at least half garbage, if there is one. Moves entries: no marks may be set. */
  compactOne(): boolean {
    if (this.deadWords * 3 < this.usedWords || this.chunks.length < 3) return false;
    let worst = -1;
    for (let i = 0; i < this.chunks.length; i++) {
      const chunk = this.chunks[i];
      if (chunk === undefined || i === this.current || chunk.dead * 2 < chunk.used) continue;
      if (worst < 0 || chunk.dead > this.chunks[worst]!.dead) worst = i;
    }
    if (worst < 0) return false;
    for (let position = this.firstEntry(worst); position >= 0; position = this.nextEntry(position)) {
      const { ints } = this.chunkOf(position);
      const at = (position & CHUNK_MASK) * 2;
      if (ints[at]! < 0) continue;
      if (ints[at + 1]! >= 0) this.move(position, ints[at + 1]!);
      else this.unlink(position, ints[at + 8]!);
    }
    const chunk = this.chunks[worst]!;
    this.usedWords -= chunk.used;
    this.deadWords -= chunk.dead;
    this.chunks[worst] = undefined;
    this.free.push(worst);
    return true;
  }

  private addDead(chunk: Chunk, words: number): void {
    chunk.dead += words;
    this.deadWords += words;
  }

  /** Copies the entry to where it has room for `room` bytes of value; the old place becomes garbage. */
  private move(from: number, room: number): number {
    const old = this.chunkOf(from);
    const word = from & CHUNK_MASK;
    const keyLength = old.ints[word * 2]!;
    const valueLength = old.ints[word * 2 + 1]!;
    const hash = old.ints[word * 2 + 8]!;
    const to = this.allocate(keyLength, room, hash);
    const chunk = this.chunkOf(to);
    const start = (word + HEADER_WORDS) * 8;
    copyBytes(old.bytes, start, start + keyLength + Math.max(0, Math.min(valueLength, room)), chunk.bytes, this.keyStart(to));
    const target = (to & CHUNK_MASK) * 2;
    chunk.ints[target + 1] = valueLength;
    chunk.ints[target + 3] = old.ints[word * 2 + 3]!;
    chunk.doubles[(target >>> 1) + 2] = old.doubles[word + 2]!;
    chunk.doubles[(target >>> 1) + 3] = old.doubles[word + 3]!;
    if (valueLength >= 0) {
      this.addDead(old, old.ints[word * 2 + 9]!);
      this.addDead(chunk, -chunk.ints[target + 9]!);
    }
    old.ints[word * 2] = -1 - keyLength;
    this.slots[hash >>> 24]![this.slotOf(from, hash)] = to + 1;
    this.remember(to + 1, hash);
    return to;
  }

  /** A new entry, absent and unmarked (counted as garbage until it has a value). */
  private allocate(keyLength: number, room: number, hash: number): number {
    const words = HEADER_WORDS + ((keyLength + room + 7) >>> 3);
    let chunk = this.chunks[this.current];
    if (chunk === undefined || chunk.used + words > chunk.doubles.length) {
      const buffer = new ArrayBuffer(Math.max(CHUNK_WORDS, words) * 8);
      chunk = { bytes: Buffer.from(buffer), ints: new Int32Array(buffer), doubles: new Float64Array(buffer), used: 0, dead: 0 };
      this.current = this.free.pop() ?? this.chunks.length;
      this.chunks[this.current] = chunk;
    }
    const word = chunk.used;
    chunk.used += words;
    this.usedWords += words;
    this.addDead(chunk, words);
    const at = word * 2;
    chunk.ints[at] = keyLength;
    chunk.ints[at + 1] = -1;
    chunk.ints[at + 2] = (words - HEADER_WORDS) * 8 - keyLength;
    chunk.ints[at + 3] = 0;
    chunk.ints[at + 8] = hash;
    chunk.ints[at + 9] = words;
    return this.current * CHUNK_WORDS + word;
  }

  private keyIs(position: number, key: Buffer, start: number, end: number): boolean {
    const { ints, bytes } = this.chunks[position >>> CHUNK_BITS]!;
    const word = position & CHUNK_MASK;
    if (ints[word * 2] !== end - start) return false;
    for (let i = start, j = (word + HEADER_WORDS) * 8; i < end; i++, j++) if (key[i] !== bytes[j]) return false;
    return true;
  }

  private remember(entry: number, hash: number): void {
    const { recent } = this;
    if (recent === undefined) return;
    const near = (hash & (RECENT - 1)) * 2;
    recent[near] = entry;
    recent[near + 1] = hash;
  }

  private place(slots: Int32Array, entry: number, hash: number): void {
    const mask = slots.length - 2;
    let at = (hash << 1) & mask;
    while (slots[at] !== 0) at = (at + 2) & mask;
    slots[at] = entry;
    slots[at + 1] = hash;
  }

  private slotOf(position: number, hash: number): number {
    const slots = this.slots[hash >>> 24]!;
    const mask = slots.length - 2;
    let at = (hash << 1) & mask;
    while (slots[at] !== position + 1) at = (at + 2) & mask;
    return at;
  }

  /** Takes the entry out of its segment, moving back the entries that had to pass over it. */
  private unlink(position: number, hash: number): void {
    this.remember(0, hash);
    const slots = this.slots[hash >>> 24]!;
    const mask = slots.length - 2;
    let hole = this.slotOf(position, hash);
    for (let at = (hole + 2) & mask; slots[at] !== 0; at = (at + 2) & mask) {
      const home = (slots[at + 1]! << 1) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = slots[at]!;
      slots[hole + 1] = slots[at + 1]!;
      hole = at;
    }
    slots[hole] = 0;
    this.fill[hash >>> 24]!--;
  }

  /** Doubles a segment. The slots hold the hashes, so no entry is touched; garbage is unlinked by compaction alone. */
  private rebuild(segment: number): void {
    const old = this.slots[segment]!;
    const slots = new Int32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) if (old[at] !== 0) this.place(slots, old[at]!, old[at + 1]!);
    this.slots[segment] = slots;
  }
}

/** Short copies without the cost of a call into the runtime. */
function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): void {
  if (end - start > 64) {
    from.copy(to, at, start, end);
    return;
  }
  for (let i = start, j = at; i < end; i++, j++) to[j] = from[i]!;
}

/** Murmur3's mixing over [start, end), 32 bits. */
export function hashBytes(bytes: Buffer, start: number, end: number): number {
  let h = 0x2f0b4a27;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  let k = 0;
  for (let shift = 0; i < end; i++, shift += 8) k |= bytes[i]! << shift;
  k = Math.imul(k, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  h ^= Math.imul(k, 0x1b873593);
  h ^= end - start;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
