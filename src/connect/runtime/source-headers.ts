import type { RecordHeader } from "../../data/headers.js";
import { SOURCE_TIME_HEADER } from "../../data/headers.js";

/** The reserved header with the source's commit time, µs. */
export function sourceTimeHeader(us: number): RecordHeader {
  const value = Buffer.allocUnsafe(8);
  writeMicros(value, 0, us);
  return { key: SOURCE_TIME_HEADER, value };
}

/** 8 bytes big-endian, exact for every safe integer. */
export function writeMicros(out: Buffer, at: number, us: number): void {
  out.writeInt32BE(Math.floor(us / 0x1_0000_0000), at);
  out.writeUInt32BE(us >>> 0, at + 4);
}

export function readMicros(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

/**
 * Headers as a record holds them, their count first, encoded once: constant ones, and room for the time of each row.
 * `timeAt` is where its 8 bytes go, or -1.
 */
export function encodeHeaders(constant: readonly RecordHeader[], withTime: boolean): { bytes: Buffer; timeAt: number } {
  const all = withTime ? [...constant, sourceTimeHeader(0)] : constant;
  const parts: Buffer[] = [varint(all.length)];
  for (const { key, value } of all) {
    const name = Buffer.from(key);
    parts.push(varint(name.length), name, varint(value === null ? -1 : value.length));
    if (value !== null) parts.push(Buffer.from(value));
  }
  const bytes = Buffer.concat(parts);
  return { bytes, timeAt: withTime ? bytes.length - 8 : -1 };
}

function varint(n: number): Buffer {
  const bytes: number[] = [];
  let z = n < 0 ? -2 * n - 1 : 2 * n;
  while (z > 0x7f) {
    bytes.push((z & 0x7f) | 0x80);
    z >>>= 7;
  }
  bytes.push(z);
  return Buffer.from(bytes);
}

/** The reserved header as a record holds it, up to its value. */
const lead = (() => {
  const name = Buffer.from(SOURCE_TIME_HEADER);
  return Buffer.concat([varint(name.length), name, varint(8)]);
})();

/** The source's commit time among encoded headers, µs; NaN where it is not there. Allocates nothing. */
export function readSourceTime(bytes: Buffer, at: number, count: number): number {
  let p = at;
  for (let i = 0; i < count; i++) {
    let same = 0;
    while (same < lead.length && bytes[p + same] === lead[same]) same++;
    if (same === lead.length) return readMicros(bytes, p + same);
    p = skipPart(bytes, skipPart(bytes, p));
  }
  return Number.NaN;
}

/** Behind the varint at `p` and as many bytes as it says; -1 is none. */
function skipPart(bytes: Buffer, p: number): number {
  let z = 0;
  let shift = 0;
  let byte: number;
  do {
    byte = bytes[p++]!;
    z |= (byte & 0x7f) << shift;
    shift += 7;
  } while (byte >= 0x80);
  const length = (z >>> 1) ^ -(z & 1);
  return length > 0 ? p + length : p;
}
