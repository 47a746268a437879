import { createRequire } from "node:module";

/** CRC-32C (Castagnoli), RFC 3720. The native package where it loads, else slicing-by-8 in JavaScript: the same results. */
type Crc32c = (bytes: Uint8Array) => number;

let tables: Uint32Array | undefined;

function makeTables(): Uint32Array {
  const t = new Uint32Array(8 * 256);
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    t[i] = c;
  }
  for (let i = 256; i < t.length; i++) t[i] = (t[i - 256]! >>> 8) ^ t[t[i - 256]! & 0xff]!;
  return t;
}

/** Slicing-by-8 (Kounavis and Berry, Intel, 2005). */
export function portableCrc32c(b: Uint8Array): number {
  const t = (tables ??= makeTables());
  let crc = -1;
  let i = 0;
  for (const end = b.length - 7; i < end; i += 8) {
    crc ^= b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24);
    crc =
      t[1792 + (crc & 0xff)]! ^
      t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + b[i + 4]!]! ^
      t[512 + b[i + 5]!]! ^
      t[256 + b[i + 6]!]! ^
      t[b[i + 7]!]!;
  }
  for (; i < b.length; i++) crc = (crc >>> 8) ^ t[(crc ^ b[i]!) & 0xff]!;
  return (crc ^ -1) >>> 0;
}

function load(): Crc32c {
  try {
    const native = createRequire(import.meta.url)("@node-rs/crc32") as { crc32c(bytes: Uint8Array): number };
    return native.crc32c(Buffer.from("123456789")) === 0xe3069283 ? native.crc32c : portableCrc32c;
  } catch {
    return portableCrc32c;
  }
}

const implementation = load();
export const crc32cIsNative = implementation !== portableCrc32c;

export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return implementation(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
}
