import { inflateRawSync, inflateSync } from "node:zlib";
import { Decimal, logical, primitive, type Value } from "../../../data/schema.js";
import { decoderOf, isUtf8 } from "../binlog/cells/charset.js";
import { readDecimal, readSmallDecimal } from "../binlog/cells/decimal.js";
import { jsonText } from "../binlog/cells/json.js";
import { readPlaces, readSigned64, readUnsigned64, setMembers } from "../binlog/cells/numbers.js";
import type { ColumnWire } from "../binlog/events.js";
import { typeCode } from "../binlog/type-code.js";
import type { ColumnModel } from "../table-model.js";
import type { ColumnType, Reading, TypeOptions } from "./column-type.js";
import { geometry, geometrySchema, pointSchema, vector } from "./geometry-types.js";
import { bytesAsText, inet6Text, uuidText } from "./mariadb-types.js";
import { dateType, datetimeType, timestampType, timeType } from "./temporal-types.js";

type Decode = Reading["decode"];

/** @param wire of the stream's version of the column; null: the snapshot's, whose `stream` is then not used */
export function resolveColumnType(column: ColumnModel, wire: ColumnWire | null, options: TypeOptions): ColumnType | undefined {
  const make = Object.hasOwn(types, column.type) ? types[column.type] : undefined;
  const type = make?.(column, wire, options);
  if (!type || (wire?.type !== typeCode.varcharCompressed && wire?.type !== typeCode.blobCompressed)) return type;
  const { decode } = type.stream;
  const inflated: Decode = (b, s, e) => {
    const bytes = inflate(b, s, e);
    return decode(bytes, 0, bytes.length);
  };
  return { ...type, stream: { text: other, decode: inflated } };
}

/** MariaDB's COMPRESSED columns: a byte says how (0: not at all; 8 in its upper half: zlib, bit 3: raw) and how long the length behind it is. */
function inflate(b: Buffer, start: number, end: number): Buffer {
  if (start === end || b[start] === 0) return b.subarray(Math.min(start + 1, end), end);
  const head = b[start]!;
  if (head >> 4 !== 8) throw new RangeError(`a compressed value begins with ${head}`);
  const data = b.subarray(start + 1 + (head & 7), end);
  return head & 8 ? inflateRawSync(data) : inflateSync(data);
}

type Make = (column: ColumnModel, wire: ColumnWire | null, options: TypeOptions) => ColumnType;

const text = (b: Buffer, s: number, e: number): string => b.toString("utf8", s, e);
const other = { as: "other" } as const;

export function normal(n: bigint): number | bigint {
  return n >= -9007199254740991n && n <= 9007199254740991n ? Number(n) : n;
}

/** Whole numbers of up to four bytes, little-endian; the value is the same in a double. */
function intReader(bytes: number, unsigned: boolean): (b: Buffer, s: number) => number {
  switch (bytes) {
    case 1:
      return unsigned ? (b, s) => b[s]! : (b, s) => (b[s]! << 24) >> 24;
    case 2:
      return unsigned ? (b, s) => b[s]! | (b[s + 1]! << 8) : (b, s) => ((b[s]! | (b[s + 1]! << 8)) << 16) >> 16;
    case 3:
      return unsigned
        ? (b, s) => b[s]! | (b[s + 1]! << 8) | (b[s + 2]! << 16)
        : (b, s) => ((b[s]! | (b[s + 1]! << 8) | (b[s + 2]! << 16)) << 8) >> 8;
    default:
      return unsigned
        ? (b, s) => (b[s]! | (b[s + 1]! << 8) | (b[s + 2]! << 16) | (b[s + 3]! << 24)) >>> 0
        : (b, s) => b[s]! | (b[s + 1]! << 8) | (b[s + 2]! << 16) | (b[s + 3]! << 24);
  }
}

function int(bytes: number, signed: "int16" | "int32", unsignedType: "int16" | "int32" | "int64"): Make {
  return (c) => {
    const read = intReader(bytes, c.unsigned);
    return {
      schema: primitive(c.unsigned ? unsignedType : signed),
      snapshot: { text: { as: "int" }, decode: (b, s, e) => Number(text(b, s, e)) },
      stream: { text: { as: "number", read }, decode: read },
      zero: 0,
      defaultOf: numberDefault,
    };
  };
}

function numberDefault(literal: string): Value | undefined {
  const n = Number(literal);
  return literal.trim() === "" || Number.isNaN(n) ? undefined : Math.round(n);
}

const longMax = 9223372036854775807n;

/** Within ±2^53, else NaN. */
function longNumber(b: Buffer, s: number): number {
  const high = b[s + 4]! | (b[s + 5]! << 8) | (b[s + 6]! << 16) | (b[s + 7]! << 24);
  if (high > 0x1fffff || high < -0x200000) return Number.NaN;
  const n = high * 4294967296 + ((b[s]! | (b[s + 1]! << 8) | (b[s + 2]! << 16) | (b[s + 3]! << 24)) >>> 0);
  return n < -9007199254740991 ? Number.NaN : n;
}

function bigint(c: ColumnModel, _: ColumnWire | null, options: TypeOptions): ColumnType {
  if (c.unsigned && options.bigintUnsigned === "precise") {
    const parse = (t: string) => new Decimal(BigInt(t), 0);
    return {
      schema: logical.decimal(0),
      snapshot: { text: { as: "decimal" }, decode: (b, s, e) => parse(text(b, s, e)) },
      stream: { text: other, decode: (b, s) => new Decimal(BigInt(readUnsigned64(b, s)), 0) },
      zero: new Decimal(0n, 0),
      defaultOf: parse,
    };
  }
  // as the original: beyond the signed half the bits are taken as they are
  return {
    schema: primitive("int64"),
    snapshot: { text: { as: "int" }, decode: (b, s, e) => normal(BigInt.asIntN(64, BigInt(text(b, s, e)))) },
    stream: { text: { as: "number", read: longNumber }, decode: readSigned64 },
    zero: 0,
    defaultOf(literal) {
      const n = BigInt(literal);
      return normal(n > longMax ? longMax : n);
    },
  };
}

function float(c: ColumnModel, wire: ColumnWire | null): ColumnType {
  const double = c.type === "DOUBLE";
  // FLOAT(M, D) is a double in records, with the digits that a float has
  const single = !double && c.scale === null;
  const round = double ? (n: number) => n : Math.fround;
  const read = wire?.type === typeCode.float ? (b: Buffer, s: number) => b.readFloatLE(s) : (b: Buffer, s: number) => b.readDoubleLE(s);
  return {
    schema: primitive(single ? "float32" : "float64"),
    snapshot: { text: double ? { as: "float" } : other, decode: (b, s, e) => round(Number(text(b, s, e))) },
    stream: { text: { as: "number", read }, decode: read },
    zero: 0,
    defaultOf: (literal) => round(Number(literal)),
    // the server prints six digits of a float; as a double it has all
    ...(double ? {} : { select: (name: string) => `(${name} + 0e0)` }),
  };
}

function decimal(c: ColumnModel, wire: ColumnWire | null, options: TypeOptions): ColumnType {
  const precision = c.length ?? 10;
  const scale = c.scale ?? 0;
  // the row is as the table was when it was written
  const [p, d] = wire ? [wire.meta >> 8, wire.meta & 0xff] : [precision, scale];
  const read = (b: Buffer, s: number) => new Decimal(readDecimal(b, s, p, d), d).rescale(scale);
  const parse = (t: string): Decimal => {
    const value = Decimal.parse(t);
    if (!value) throw new RangeError(`not a number: ${t}`);
    return value.rescale(scale);
  };
  switch (options.decimal) {
    case "double":
      return {
        schema: primitive("float64"),
        snapshot: { text: { as: "float" }, decode: (b, s, e) => Number(text(b, s, e)) },
        stream: { text: other, decode: (b, s) => read(b, s).toNumber() },
        zero: 0,
        defaultOf: (literal) => Number(literal),
      };
    case "string":
      return {
        schema: primitive("string"),
        snapshot: { text: c.zerofill ? other : { as: "utf8" }, decode: (b, s, e) => parse(text(b, s, e)).toString() },
        stream: { text: other, decode: (b, s) => read(b, s).toString() },
        zero: "0",
        defaultOf: (literal) => parse(literal).toString(),
      };
    default:
      return {
        schema: logical.decimal(scale, { parameters: { "connect.decimal.precision": String(precision) } }),
        snapshot: { text: { as: "decimal" }, decode: (b, s, e) => parse(text(b, s, e)) },
        stream: { text: p <= 15 && d === scale ? { as: "number", read: (b, s) => readSmallDecimal(b, s, p, d) } : other, decode: read },
        zero: new Decimal(0n, scale),
        defaultOf: parse,
      };
  }
}

function string(c: ColumnModel, name?: string): ColumnType {
  const utf8 = c.charset === null || isUtf8(c.charset);
  let decode: Decode = text;
  if (!utf8) {
    const known = decoderOf(c.charset!);
    decode = (b, s, e) => known(b, s, e);
  }
  return {
    schema: primitive("string", name ? { name, version: 1 } : {}),
    snapshot: { text: { as: "utf8" }, decode: text },
    stream: { text: utf8 ? { as: "utf8" } : other, decode },
    zero: "",
    defaultOf: (literal) => literal,
  };
}

function binaryText(options: TypeOptions): ((b: Buffer) => Value) | null {
  switch (options.binary) {
    case "hex":
      return (b) => b.toString("hex");
    case "base64":
      return (b) => b.toString("base64");
    case "base64-url-safe":
      return (b) => {
        const s = b.toString("base64url");
        // Java's URL-safe encoder pads; Node's does not
        return s.padEnd(Math.ceil(s.length / 4) * 4, "=");
      };
    default:
      return null;
  }
}

/** @param fixed of BINARY(n): the binlog leaves out zeros at the end */
function binary(options: TypeOptions, fixed: number | null): ColumnType {
  const encode = binaryText(options);
  const whole = (b: Buffer): Buffer => {
    if (fixed === null || b.length >= fixed) return b;
    const padded = Buffer.alloc(fixed);
    b.copy(padded);
    return padded;
  };
  const value = (b: Buffer): Value => (encode ? encode(whole(b)) : Buffer.from(whole(b)));
  return {
    schema: primitive(encode ? "string" : "bytes"),
    snapshot: { text: other, decode: (b, s, e) => value(b.subarray(s, e)) },
    stream: { text: other, decode: (b, s, e) => value(b.subarray(s, e)) },
    zero: value(Buffer.alloc(0)),
    defaultOf: (literal) => value(Buffer.from(literal, "latin1")),
  };
}

function bit(c: ColumnModel): ColumnType {
  const length = c.length ?? 1;
  if (length === 1) {
    const decode: Decode = (b, _, e) => b[e - 1] === 1;
    return {
      schema: primitive("boolean"),
      snapshot: { text: other, decode },
      stream: { text: other, decode },
      zero: false,
      defaultOf: (literal) => literal !== "0",
    };
  }
  const bytes = Math.ceil(length / 8);
  // the server has the highest byte first, records the lowest
  const decode: Decode = (b, s, e) => {
    const out = Buffer.alloc(bytes);
    for (let i = 0; i < bytes && e - 1 - i >= s; i++) out[i] = b[e - 1 - i]!;
    return out;
  };
  return {
    schema: primitive("bytes", { name: "io.debezium.data.Bits", version: 1, parameters: { length: String(length) } }),
    snapshot: { text: other, decode },
    stream: { text: other, decode },
    zero: Buffer.alloc(bytes),
    defaultOf(literal) {
      const n = Buffer.from(
        BigInt(`0b${literal || "0"}`)
          .toString(16)
          .padStart(2 * bytes, "0"),
        "hex",
      ).reverse();
      // of a default, without the zero bytes at the end
      let end = n.length;
      while (end > 1 && n[end - 1] === 0) end--;
      return n.subarray(0, end);
    },
  };
}

function year(): ColumnType {
  const read = (b: Buffer, s: number) => (b[s] === 0 ? 0 : 1900 + b[s]!);
  return {
    schema: primitive("int32", { name: "io.debezium.time.Year", version: 1 }),
    snapshot: { text: { as: "int" }, decode: (b, s, e) => Number(text(b, s, e)) },
    stream: { text: { as: "number", read }, decode: read },
    zero: 0,
    defaultOf: numberDefault,
  };
}

/** Values inside the parameter `allowed` and in the stream are told apart by commas: one inside a value is escaped. */
const escaped = (value: string) => value.replace(/,/g, "\\,");

function enumeration(c: ColumnModel): ColumnType {
  // 0 is the empty string, for what was not allowed
  const names = ["", ...c.values.map(escaped)];
  const index = (b: Buffer, s: number, e: number) => (e - s === 1 ? b[s]! : b.readUInt16LE(s));
  return {
    schema: primitive("string", { name: "io.debezium.data.Enum", version: 1, parameters: { allowed: c.values.map(escaped).join(",") } }),
    snapshot: { text: { as: "utf8" }, decode: text },
    stream: {
      text: other,
      decode(b, s, e) {
        const name = names[index(b, s, e)];
        if (name === undefined) throw new RangeError(`ENUM has no value ${index(b, s, e)}`);
        return name;
      },
    },
    zero: "",
    defaultOf: (literal) => literal,
  };
}

function set(c: ColumnModel): ColumnType {
  return {
    schema: primitive("string", { name: "io.debezium.data.EnumSet", version: 1, parameters: { allowed: c.values.join(",") } }),
    snapshot: { text: { as: "utf8" }, decode: text },
    stream: {
      text: other,
      decode: (b, s, e) => setMembers(readPlaces(b, s, e), c.values).join(","),
    },
    zero: "",
    defaultOf: (literal) => literal,
  };
}

function json(c: ColumnModel, wire: ColumnWire | null): ColumnType {
  const plain = string({ ...c, charset: null }, "io.debezium.data.Json");
  // MariaDB's JSON is text in the binlog too
  return wire && wire.type !== typeCode.json ? plain : { ...plain, stream: { text: other, decode: jsonText }, defaultOf: () => undefined };
}

const chars: Make = (c, _, o) => (c.charset === "binary" ? binary(o, null) : string(c));
const blob: Make = (_, __, o) => binary(o, null);
const geometries: Make = () => geometry(geometrySchema);

/** By the type's name in the table's model. */
const types: Readonly<Record<string, Make>> = {
  TINYINT: int(1, "int16", "int16"),
  SMALLINT: int(2, "int16", "int32"),
  MEDIUMINT: int(3, "int32", "int32"),
  INT: int(4, "int32", "int64"),
  BIGINT: bigint,
  FLOAT: float,
  DOUBLE: float,
  DECIMAL: decimal,
  BIT: bit,
  YEAR: year,
  DATE: dateType,
  TIME: timeType,
  DATETIME: datetimeType,
  TIMESTAMP: timestampType,
  CHAR: chars,
  VARCHAR: chars,
  TINYTEXT: chars,
  TEXT: chars,
  MEDIUMTEXT: chars,
  LONGTEXT: chars,
  BINARY: (c, _, o) => binary(o, c.length ?? 1),
  VARBINARY: blob,
  TINYBLOB: blob,
  BLOB: blob,
  MEDIUMBLOB: blob,
  LONGBLOB: blob,
  ENUM: enumeration,
  SET: set,
  JSON: json,
  GEOMETRY: geometries,
  POINT: () => geometry(pointSchema),
  LINESTRING: geometries,
  POLYGON: geometries,
  MULTIPOINT: geometries,
  MULTILINESTRING: geometries,
  MULTIPOLYGON: geometries,
  GEOMETRYCOLLECTION: geometries,
  GEOMCOLLECTION: geometries,
  VECTOR: vector,
  UUID: () => bytesAsText(16, uuidText),
  INET4: () => bytesAsText(4, (b) => b.join(".")),
  INET6: () => bytesAsText(16, inet6Text),
};
