import type {} from "../../../../data/buffer-text.js";
import { javaDouble } from "../../../../data/java-number.js";
import { decimalText, readDecimal } from "./decimal.js";
import { readSigned64, readUnsigned64 } from "./numbers.js";

/** A JSON value: a scalar's text as it is printed, an array or an object. */
export type JsonNode = string | JsonNode[] | Map<string, JsonNode>;

/**
 * A JSON column's cell as text, printed without blanks as Debezium prints it. The cell is MySQL's binary form, or text already where
 * a partial update was applied (a binary value's first byte, its type, is below any that a text starts with).
 */
export function jsonText(b: Buffer, start: number, end: number): string {
  if (end > start && b[start]! >= 0x20) return b.utf8Slice(start, end);
  return printJson(readJson(b, start, end));
}

/** @throws RangeError where the bytes are not a JSON value */
export function readJson(b: Buffer, start: number, end: number): JsonNode {
  // a NULL that IGNORE forced into a NOT NULL column
  if (start === end) return "null";
  if (b[start]! >= 0x20) return fromParsed(JSON.parse(b.utf8Slice(start, end)));
  return value(b, b[start]!, start + 1, end, 0);
}

export function printJson(node: JsonNode): string {
  if (typeof node === "string") return node;
  if (Array.isArray(node)) return `[${node.map(printJson).join(",")}]`;
  let text = "{";
  for (const [key, member] of node) text += `${text === "{" ? "" : ","}${JSON.stringify(key)}:${printJson(member)}`;
  return `${text}}`;
}

function fromParsed(v: unknown): JsonNode {
  if (Array.isArray(v)) return v.map(fromParsed);
  if (v !== null && typeof v === "object") return new Map(Object.entries(v).map(([k, x]) => [k, fromParsed(x)]));
  return JSON.stringify(v);
}

const maxDepth = 101;

function value(b: Buffer, type: number, p: number, end: number, depth: number): JsonNode {
  if (depth > maxDepth) throw new RangeError("a JSON value is nested too deep");
  switch (type) {
    case 0x00:
    case 0x01:
    case 0x02:
    case 0x03:
      return container(b, type, p, end, depth);
    case 0x04:
      return literal(b[p]);
    case 0x05:
      return String(b.readInt16LE(p));
    case 0x06:
      return String(b.readUInt16LE(p));
    case 0x07:
      return String(b.readInt32LE(p));
    case 0x08:
      return String(b.readUInt32LE(p));
    case 0x09:
      return String(readSigned64(b, p));
    case 0x0a:
      return String(readUnsigned64(b, p));
    case 0x0b:
      return doubleText(b.readDoubleLE(p));
    case 0x0c: {
      const { length, next } = variableLength(b, p, end);
      return JSON.stringify(b.utf8Slice(next, next + length));
    }
    case 0x0f: {
      const { length, next } = variableLength(b, p + 1, end);
      return opaque(b, b[p]!, next, next + length);
    }
  }
  throw new RangeError(`no type of a JSON value: ${type}`);
}

function literal(code: number | undefined): string {
  if (code === 0) return "null";
  if (code === 1) return "true";
  if (code === 2) return "false";
  throw new RangeError(`no JSON literal: ${code}`);
}

/** Objects and arrays: count, size, for objects a place of each key, then type and place (or the value itself) of each member. */
function container(b: Buffer, type: number, p: number, end: number, depth: number): JsonNode {
  const large = (type & 1) === 1;
  const width = large ? 4 : 2;
  const at = (q: number) => (large ? b.readUInt32LE(q) : b.readUInt16LE(q));
  const count = at(p);
  const limit = p + at(p + width);
  const object = type < 2;
  let entry = p + 2 * width + (object ? count * (width + 2) : 0);
  if (limit > end || entry + count * (width + 1) > limit) throw new RangeError("a JSON value ends beyond its column");
  const members = new Map<string, JsonNode>();
  const items: JsonNode[] = [];
  for (let i = 0; i < count; i++, entry += width + 1) {
    const t = b[entry]!;
    const inlined = t === 0x04 || t === 0x05 || t === 0x06 || (large && (t === 0x07 || t === 0x08));
    const place = inlined ? entry + 1 : p + at(entry + 1);
    if (place >= limit) throw new RangeError("a JSON value ends beyond its column");
    const v = value(b, t, place, limit, depth + 1);
    if (object) {
      const key = p + 2 * width + i * (width + 2);
      const from = p + at(key);
      const length = b.readUInt16LE(key + width);
      if (from + length > limit) throw new RangeError("a JSON value ends beyond its column");
      members.set(b.utf8Slice(from, from + length), v);
    } else items.push(v);
  }
  return object ? members : items;
}

/** 7 bits a byte, the lowest first, the last byte below 0x80. */
function variableLength(b: Buffer, p: number, end: number): { length: number; next: number } {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = b[p + i]!;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      const next = p + i + 1;
      if (next + length > end) break;
      return { length, next };
    }
  }
  throw new RangeError("a JSON value ends beyond its column");
}

/** Java's digits; where those have an exponent, the exact value in full. */
function doubleText(v: number): string {
  const text = javaDouble(v);
  return text.includes("E") ? exactDouble(v) : text;
}

/** A double is an integer times a power of two: all of its decimal digits. */
function exactDouble(v: number): string {
  const bits = Buffer.allocUnsafe(8);
  bits.writeDoubleBE(v);
  const raw = bits.readBigUInt64BE();
  const exponent = Number((raw >> 52n) & 0x7ffn);
  let mantissa = raw & 0xfffffffffffffn;
  if (exponent > 0) mantissa |= 1n << 52n;
  let shift = Math.max(exponent, 1) - 1075;
  while (shift < 0 && (mantissa & 1n) === 0n) {
    mantissa >>= 1n;
    shift++;
  }
  const sign = v < 0 ? "-" : "";
  if (shift >= 0) return `${sign}${mantissa << BigInt(shift)}`;
  return decimalText((v < 0 ? -1n : 1n) * mantissa * 5n ** BigInt(-shift), -shift);
}

/** Values of SQL types within JSON: DECIMAL as a number, temporal ones as strings, all others in base64. */
function opaque(b: Buffer, type: number, start: number, end: number): string {
  switch (type) {
    case 246: {
      const scale = b[start + 1]!;
      return decimalText(readDecimal(b, start + 2, b[start]!, scale), scale);
    }
    case 10:
    case 14:
      return `"${packedDate(b, start)}"`;
    case 11:
    case 19:
      return `"${packedTime(b.readBigInt64LE(start))}"`;
    case 7:
    case 12:
    case 17:
    case 18: {
      const packed = b.readBigInt64LE(start);
      const hms = Number((packed >> 24n) & 0x1ffffn);
      return `"${packedDate(b, start)} ${twoDigits(hms >> 12)}:${twoDigits((hms >> 6) & 63)}:${twoDigits(hms & 63)}${micros(Number(packed & 0xffffffn))}"`;
    }
  }
  return `"${b.toString("base64", start, end)}"`;
}

function packedDate(b: Buffer, start: number): string {
  const ymd = Number(b.readBigInt64LE(start) >> 41n);
  const yearMonth = ymd >> 5;
  return `${String(Math.floor(yearMonth / 13)).padStart(4, "0")}-${twoDigits(yearMonth % 13)}-${twoDigits(ymd & 31)}`;
}

/** A negative time comes out as Debezium prints it, which readers of its topics have: `-12:34:56.789` as `13:0-35:0-57.00000-789`. */
function packedTime(packed: bigint): string {
  const hms = Number(packed >> 24n);
  const fraction = Number(packed % (1n << 24n));
  return `${twoDigits(Math.abs((hms >> 12) % 1024))}:${twoDigits((hms >> 6) % 64)}:${twoDigits(hms % 64)}${micros(fraction)}`;
}

function twoDigits(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}

function micros(n: number): string {
  if (n === 0) return "";
  const zeros = n < 10 ? "00000" : n < 100 ? "0000" : n < 1000 ? "000" : n < 10_000 ? "00" : n < 100_000 ? "0" : "";
  let rest = n;
  while (rest % 10 === 0) rest /= 10;
  return `.${zeros}${rest}`;
}
