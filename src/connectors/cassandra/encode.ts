import { isIPv4, isIPv6 } from "node:net";
import { type ValueKind, valueKind } from "../../cdc/value-kind.js";
import { javaDouble, javaFloat } from "../../data/java-number.js";
import { Decimal, type Schema, Struct } from "../../data/schema.js";
import { valueToJson } from "../../serde/formats/json/connect-json.js";
import { collectionEncoder } from "./collections.js";
import { type CqlType, type ScalarKind, typeName } from "./cql-type.js";
import { booleanOf, decimal, decimalOf, floatOf, int64, integerOf, type Present, shown, Unconvertible, varint } from "./numbers.js";
import { date, daysOf, duration, millisOf, nanosOfDay } from "./temporal.js";
import type { TextFormats } from "./text-formats.js";

/** A value as the bytes that the native protocol has for the type. @throws Unconvertible */
export type Encode = (value: Present) => Buffer;

/**
 * For values of a schema; null where they come without one and say themselves what they are.
 * @throws Unconvertible where no value of the schema fits the type
 */
export function encoderOf(type: CqlType, schema: Schema | null, formats: TextFormats): Encode {
  const kind = schema === null ? null : (valueKind(schema) ?? null);
  switch (type.kind) {
    case "list":
    case "set":
    case "map":
    case "udt":
    case "tuple":
    case "vector":
      return collectionEncoder(type, schema, formats);
    default:
      if (schema?.type === "map" || schema?.type === "array" || (schema?.type === "struct" && kind === null))
        if (type.kind !== "text" && type.kind !== "ascii") throw new Unconvertible(`a ${schema.type} cannot become a ${typeName(type)}`);
      return scalarEncoder(type.kind, kind, schema, formats);
  }
}

const one = Buffer.from([1]);
const zero = Buffer.from([0]);

function scalarEncoder(type: ScalarKind, kind: ValueKind | null, schema: Schema | null, formats: TextFormats): Encode {
  switch (type) {
    case "text":
      return (v) => Buffer.from(typeof v === "string" ? v : textOf(v, kind, schema), "utf8");
    case "ascii":
      return (v) => {
        const text = typeof v === "string" ? v : textOf(v, kind, schema);
        if (/[^\x00-\x7f]/.test(text)) throw new Unconvertible(`${shown(text)} has characters beyond ASCII`);
        return Buffer.from(text, "latin1");
      };
    case "int":
      return (v) => {
        const n = ranged(v, formats, -2147483648, 2147483647);
        const out = Buffer.allocUnsafe(4);
        out.writeInt32BE(n, 0);
        return out;
      };
    case "smallint":
      return (v) => {
        const out = Buffer.allocUnsafe(2);
        out.writeInt16BE(ranged(v, formats, -32768, 32767), 0);
        return out;
      };
    case "tinyint":
      return (v) => Buffer.from([ranged(v, formats, -128, 127) & 0xff]);
    case "bigint":
    case "counter":
      return (v) => int64(typeof v === "number" && Number.isSafeInteger(v) ? v : integerOf(v, formats));
    case "varint":
      return (v) => varint(integerOf(v, formats));
    case "decimal":
      return (v) => decimal(decimalOf(v, formats));
    case "double":
      return (v) => {
        const out = Buffer.allocUnsafe(8);
        out.writeDoubleBE(floatOf(v, 64, kind, formats), 0);
        return out;
      };
    case "float":
      return (v) => {
        const out = Buffer.allocUnsafe(4);
        out.writeFloatBE(floatOf(v, 32, kind, formats), 0);
        return out;
      };
    case "boolean":
      return (v) => (booleanOf(v, kind) ? one : zero);
    case "timestamp":
      return (v) => int64(millisOf(v, kind, formats));
    case "date":
      return (v) => date(daysOf(v, kind, formats));
    case "time":
      return (v) => int64(nanosOfDay(v, kind, formats));
    case "duration":
      return (v) => duration(v, kind, formats);
    case "uuid":
      return (v) => uuidOf(v);
    case "timeuuid":
      return (v) => {
        const bytes = uuidOf(v);
        if (bytes[6]! >> 4 !== 1) throw new Unconvertible(`${shown(v)} is not a time UUID (version 1)`);
        return bytes;
      };
    case "inet":
      return inetOf;
    case "blob":
      return (v) => blobOf(v, kind);
  }
}

function ranged(value: Present, formats: TextFormats, least: number, most: number): number {
  const n = typeof value === "number" && Number.isInteger(value) ? value : integerOf(value, formats);
  if (n < least || n > most) throw new Unconvertible(`${n} is out of range (${least} to ${most})`);
  return Number(n);
}

const json = { numericDecimals: true, nullToDefault: false };

function textOf(value: Present, kind: ValueKind | null, schema: Schema | null): string {
  switch (kind?.kind) {
    case "date":
      return isoText((value as number) * 86_400_000).slice(0, -14);
    case "timestamp":
      if (kind.microsPerUnit === 1000 && typeof value === "number") return isoText(value).replace(/\.000Z$/, "Z");
      break;
    case "float":
      if (typeof value === "number") return kind.bits === 32 ? javaFloat(value) : javaDouble(value);
      break;
    case "variable-decimal":
      return decimalOf(value, neverText).toString();
    default:
  }
  if (value instanceof Decimal) return value.toString();
  if (value instanceof Uint8Array) throw new Unconvertible(`${shown(value)} are not a text`);
  if (value instanceof Struct || value instanceof Map || Array.isArray(value)) return valueToJson(schema, value, json);
  return String(value);
}

const neverText = { number: () => undefined } as unknown as TextFormats;

function isoText(ms: number): string {
  const d = new Date(ms);
  if (Number.isNaN(d.getTime())) throw new Unconvertible(`${ms} is beyond the dates that have a text`);
  return d.toISOString();
}

function uuidOf(value: Present): Buffer {
  if (value instanceof Uint8Array && value.length === 16) return Buffer.from(value);
  if (typeof value === "string" && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value.trim()))
    return Buffer.from(value.trim().replaceAll("-", ""), "hex");
  throw new Unconvertible(`${shown(value)} is not a UUID`);
}

function inetOf(value: Present): Buffer {
  if (value instanceof Uint8Array && (value.length === 4 || value.length === 16)) return Buffer.from(value);
  const text = typeof value === "string" ? value.trim().replace(/^\//, "") : "";
  if (isIPv4(text)) return Buffer.from(text.split(".").map(Number));
  if (!isIPv6(text) || text.includes("%")) throw new Unconvertible(`${shown(value)} is not an IP address`);
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : text;
  const [head, tail] = hex.split("::").map((part) => (part === "" ? [] : part.split(":"))) as [string[], string[] | undefined];
  const groups = tail === undefined ? head : [...head, ...new Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
  const out = Buffer.allocUnsafe(16);
  for (let i = 0; i < 8; i++) out.writeUInt16BE(Number.parseInt(groups[i]!, 16), i * 2);
  return out;
}

function blobOf(value: Present, kind: ValueKind | null): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length);
  if (kind?.kind === "geometry" && value instanceof Struct) return blobOf(value.get("wkb") as Uint8Array, null);
  if (typeof value === "string") {
    const text = value.trim();
    if (/^0x([0-9a-f]{2})*$/i.test(text)) return Buffer.from(text.slice(2), "hex");
    if (/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return Buffer.from(text, "base64");
  }
  throw new Unconvertible(`${shown(value)} is neither bytes, 0x… nor base64`);
}
