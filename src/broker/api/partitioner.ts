/**
 * MurmurHash2 (Austin Appleby, public domain), 32 bits, seed 0x9747b28c, as Kafka's Java client hashes keys: a key lands on
 * the partition where every other Kafka client would put it.
 */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const length = bytes.length;
  let h = 0x9747b28c ^ length;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const rest = length & 3;
  if (rest === 3) h ^= bytes[whole + 2]! << 16;
  if (rest >= 2) h ^= bytes[whole + 1]! << 8;
  if (rest >= 1) {
    h ^= bytes[whole]!;
    h = Math.imul(h, m);
  }
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

/**
 * The partition of a record as Kafka's default partitioner chooses it.
 * @param whenNull the partition for a record without a key (see `stickyPartition` of the producer)
 */
export function partitionFor(key: Uint8Array | null, count: number, whenNull = 0): number {
  if (count === 1) return 0;
  return key === null ? whenNull % count : (murmur2(key) & 0x7fff_ffff) % count;
}
