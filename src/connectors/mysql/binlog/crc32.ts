import { crc32 as native } from "node:zlib";
import { crcTables, slicedCrc } from "../../../common/sliced-crc.js";

const tables = crcTables(0xedb88320);
/** bytes from which on the native function's call pays */
const long = 256;

/** Whether the bytes at [start, end) have this CRC-32, little-endian behind them. */
export function hasCrc32(b: Buffer, start: number, end: number): boolean {
  const said = b[end]! | (b[end + 1]! << 8) | (b[end + 2]! << 16) | (b[end + 3]! << 24);
  return (end - start < long ? slicedCrc(tables, b, start, end) : native(b.subarray(start, end)) | 0) === said;
}
