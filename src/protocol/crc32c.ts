import { createRequire } from "node:module";
import { crcTables, slicedCrc } from "../common/sliced-crc.js";

/** CRC-32C (Castagnoli), RFC 3720. The native package where it loads, else slicing-by-8 in JavaScript: the same results. */
type Crc32c = (bytes: Uint8Array) => number;

let tables: Int32Array | undefined;

export function portableCrc32c(b: Uint8Array): number {
  tables ??= crcTables(0x82f63b78);
  return slicedCrc(tables, b, 0, b.length) >>> 0;
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
