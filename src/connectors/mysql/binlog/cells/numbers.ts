import type { ColumnWire } from "../events.js";
import { typeCode as t } from "../type-code.js";

/** An integer column's value; BIGINT as bigint where a number is not exact. `unsigned` is the column's, which row metadata MINIMAL also has. */
export function readInteger(type: number, unsigned: boolean, b: Buffer, p: number): number | bigint {
  switch (type) {
    case t.tiny:
      return unsigned ? b[p]! : b.readInt8(p);
    case t.short:
      return unsigned ? b.readUInt16LE(p) : b.readInt16LE(p);
    case t.int24:
      return unsigned ? b.readUIntLE(p, 3) : b.readIntLE(p, 3);
    case t.long:
      return unsigned ? b.readUInt32LE(p) : b.readInt32LE(p);
    case t.longlong:
      return unsigned ? readUnsigned64(b, p) : readSigned64(b, p);
    case t.year:
      return b[p] === 0 ? 0 : 1900 + b[p]!;
  }
  throw new RangeError(`no integer type: ${type}`);
}

export function readSigned64(b: Buffer, p: number): number | bigint {
  const value = b.readInt32LE(p + 4) * 4294967296 + b.readUInt32LE(p);
  return Number.isSafeInteger(value) ? value : b.readBigInt64LE(p);
}

export function readUnsigned64(b: Buffer, p: number): number | bigint {
  const value = b.readUInt32LE(p + 4) * 4294967296 + b.readUInt32LE(p);
  return Number.isSafeInteger(value) ? value : b.readBigUInt64LE(p);
}

/** BIT(n), big-endian. */
export function readBit(b: Buffer, start: number, end: number): number | bigint {
  return end - start <= 6 ? b.readUIntBE(start, end - start) : wide(b, start, end, 1);
}

/** ENUM's place from 1 on (0: the empty value of an invalid insert), or SET's bits, the first member lowest. */
export function readPlaces(b: Buffer, start: number, end: number): number | bigint {
  return end - start <= 6 ? b.readUIntLE(start, end - start) : wide(b, end - 1, start - 1, -1);
}

function wide(b: Buffer, from: number, to: number, step: number): number | bigint {
  let value = 0n;
  for (let p = from; p !== to; p += step) value = value * 256n + BigInt(b[p]!);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** The members of a SET column's value, in the order of the definition. */
export function setMembers(bits: number | bigint, values: readonly string[]): string[] {
  const all = BigInt(bits);
  return values.filter((_, i) => (all >> BigInt(i)) & 1n);
}

export function isUnsigned(column: ColumnWire): boolean {
  return column.unsigned === true;
}
