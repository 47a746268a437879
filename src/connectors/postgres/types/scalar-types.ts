import { arrayOf, logical, mapOf, primitive, type Schema, Struct, structOf, type Value } from "../../../data/schema.js";
import type { ColumnType } from "./column-type.js";
import { doubleType, moneyType, numericType, toDouble } from "./decimal.js";
import * as geo from "./geometry.js";
import { hstoreJson, hstorePairs } from "./hstore.js";
import * as temporal from "./temporal.js";
import type { TypeOptions } from "./type-options.js";

type Make = (modifier: number, options: TypeOptions) => ColumnType;

const other = { as: "other" } as const;

function int(type: "int16" | "int32" | "int64"): ColumnType {
  const parse = type === "int64" ? (t: string) => temporal.normal(BigInt(t)) : (t: string) => Number(t);
  return { schema: primitive(type), text: { as: "int" }, parse, placeholder: null, zero: 0, defaults: true, functionDefault: 0 };
}

function text(options: TypeOptions, name?: string): ColumnType {
  return {
    schema: primitive("string", name ? { name, version: 1 } : {}),
    text: { as: "utf8" },
    parse: (t) => t,
    placeholder: options.placeholder,
    zero: "",
    defaults: true,
  };
}

function semantic(
  type: "int32" | "int64" | "string",
  name: string,
  parse: (t: string) => Value,
  zero: Value,
  more: Partial<ColumnType> = {},
): ColumnType {
  return {
    schema: primitive(type, { name, version: 1 }),
    text: other,
    parse,
    placeholder: null,
    zero,
    defaults: true,
    functionDefault: zero,
    ...more,
  };
}

const fromText = (options: TypeOptions, schema: Schema, parse: (t: string) => Value, zero: Value): ColumnType => ({
  schema,
  text: other,
  parse,
  placeholder: zero instanceof Struct ? null : options.placeholder,
  zero,
  defaults: false,
});

function date(options: TypeOptions): ColumnType {
  if (options.time === "isostring") return semantic("string", "io.debezium.time.IsoDate", temporal.isoDate, "1970-01-01Z");
  const schema = options.time === "connect" ? logical.date() : primitive("int32", { name: "io.debezium.time.Date", version: 1 });
  return { schema, text: { as: "date" }, parse: temporal.dateDays, placeholder: null, zero: 0, defaults: true, functionDefault: 0 };
}

function time(modifier: number, options: TypeOptions): ColumnType {
  const millis = (t: string) => Math.floor(temporal.timeMicros(t) / 1000);
  switch (options.time) {
    case "isostring":
      return semantic("string", "io.debezium.time.IsoTime", temporal.isoTime, "00:00:00Z");
    case "connect":
      return { ...semantic("int32", "", millis, 0), schema: logical.time() };
    case "nanoseconds":
      return semantic("int64", "io.debezium.time.NanoTime", (t) => temporal.timeMicros(t) * 1000, 0);
    case "adaptive":
      if (modifier >= 0 && modifier <= 3) return semantic("int32", "io.debezium.time.Time", millis, 0);
  }
  return semantic("int64", "io.debezium.time.MicroTime", temporal.timeMicros, 0);
}

function timestamp(modifier: number, options: TypeOptions): ColumnType {
  const millis: Partial<ColumnType> = { text: { as: "timestamp", unit: "ms" } };
  switch (options.time) {
    case "isostring":
      return semantic("string", "io.debezium.time.IsoTimestamp", temporal.isoTimestamp, "1970-01-01T00:00:00Z");
    case "connect":
      return { ...semantic("int64", "", temporal.timestampMillis, 0, millis), schema: logical.timestamp() };
    case "nanoseconds":
      return semantic("int64", "io.debezium.time.NanoTimestamp", temporal.timestampNanos, 0, { text: { as: "timestamp", unit: "ns" } });
    case "adaptive":
    case "adaptive_time_microseconds":
      if (modifier >= 0 && modifier <= 3) return semantic("int64", "io.debezium.time.Timestamp", temporal.timestampMillis, 0, millis);
  }
  return semantic("int64", "io.debezium.time.MicroTimestamp", temporal.timestampMicros, 0, { text: { as: "timestamp", unit: "us" } });
}

function timestamptz(modifier: number): ColumnType {
  const digits = modifier < 0 ? 6 : modifier;
  const parse = (t: string) => temporal.zonedTimestamp(t, digits);
  return semantic("string", "io.debezium.time.ZonedTimestamp", parse, parse("1970-01-01 00:00:00+00"), {
    text: { as: "timestamptz-utc", fraction: digits },
  });
}

function interval(options: TypeOptions): ColumnType {
  return options.interval === "string"
    ? semantic("string", "io.debezium.time.Interval", temporal.intervalIso, "P0Y0M0DT0H0M0S")
    : semantic("int64", "io.debezium.time.MicroDuration", temporal.intervalMicros, 0);
}

export function binary(options: TypeOptions, parse: (t: string) => Buffer): ColumnType {
  const encodings = { base64: "base64", "base64-url-safe": "base64url", hex: "hex" } as const;
  if (options.binary === "bytes")
    return {
      schema: primitive("bytes"),
      text: other,
      parse,
      placeholder: Buffer.from(options.placeholder),
      zero: Buffer.alloc(0),
      defaults: false,
    };
  const encoding = encodings[options.binary];
  const encode = (b: Buffer) => {
    const s = b.toString(encoding);
    // Java's URL-safe encoder pads; Node's does not
    return encoding === "base64url" ? s.padEnd(Math.ceil(s.length / 4) * 4, "=") : s;
  };
  return {
    schema: primitive("string"),
    text: other,
    parse: (t) => encode(parse(t)),
    placeholder: encode(Buffer.from(options.placeholder)),
    zero: "",
    defaults: false,
  };
}

/** The bits as a little-endian number without leading zero bytes, as java.util.BitSet writes them. */
function bits(t: string): Buffer {
  const out = Buffer.alloc(Math.ceil(t.length / 8));
  for (let i = 0; i < t.length; i++) if (t[t.length - 1 - i] === "1") out[i >> 3]! |= 1 << (i & 7);
  let end = out.length;
  while (end > 0 && out[end - 1] === 0) end--;
  return out.subarray(0, end);
}

export function bit(length: number): ColumnType {
  if (length === 1)
    return { schema: primitive("boolean"), text: other, parse: (t) => t === "1", placeholder: null, zero: false, defaults: true };
  const schema = primitive("bytes", { name: "io.debezium.data.Bits", version: 1, parameters: { length: String(length) } });
  return { schema, text: other, parse: bits, placeholder: null, zero: Buffer.alloc(0), defaults: true };
}

function hstore(options: TypeOptions): ColumnType {
  const p = options.placeholder;
  if (options.hstore === "map") {
    const schema = mapOf(primitive("string"), primitive("string", { optional: true }));
    return { schema, text: other, parse: (t) => new Map(hstorePairs(t)), placeholder: new Map([[p, p]]), zero: new Map(), defaults: false };
  }
  return {
    ...text(options, "io.debezium.data.Json"),
    text: other,
    parse: hstoreJson,
    placeholder: JSON.stringify({ [p]: p }),
    zero: "{}",
    defaults: false,
  };
}

function vector(options: TypeOptions, element: "float32" | "float64", name: string): ColumnType {
  return fromText(
    options,
    arrayOf(primitive(element), { name, version: 1 }),
    (t) => t.slice(1, -1).split(",").filter(Boolean).map(Number),
    [],
  );
}

const sparseVector = structOf(
  [
    ["dimensions", primitive("int16")],
    ["vector", mapOf(primitive("int16"), primitive("float64"))],
  ],
  { name: "io.debezium.data.SparseDoubleVector", version: 1, doc: "Sparse vector" },
);

function sparse(t: string): Value {
  const [pairs, dimensions] = t.slice(1).split("}/");
  const entries = pairs!
    .split(",")
    .filter(Boolean)
    .map((p) => p.split(":").map(Number) as [number, number]);
  return new Struct(sparseVector, [Number(dimensions), new Map(entries)]);
}

const plainText: Make = (_, o) => text(o);
const emptyStruct = (schema: Schema) => new Struct(schema);

/** By the type's name in pg_type. */
export const scalarTypes: Readonly<Record<string, Make>> = {
  bool: () => ({
    schema: primitive("boolean"),
    text: { as: "bool" },
    parse: (t) => t === "t" || t === "true",
    placeholder: null,
    zero: false,
    defaults: true,
  }),
  int2: () => int("int16"),
  int4: () => int("int32"),
  int8: () => int("int64"),
  oid: () => int("int64"),
  float4: () => ({ ...doubleType, schema: primitive("float32"), parse: (t) => Math.fround(toDouble(t)) }),
  float8: () => doubleType,
  numeric: numericType,
  money: (_, o) => moneyType(o),
  text: plainText,
  varchar: plainText,
  bpchar: plainText,
  char: plainText,
  name: (_, o) => ({ ...text(o), nullInStream: true }),
  citext: plainText,
  json: (_, o) => text(o, "io.debezium.data.Json"),
  jsonb: (_, o) => text(o, "io.debezium.data.Json"),
  xml: (_, o) => text(o, "io.debezium.data.Xml"),
  uuid: (_, o) => text(o, "io.debezium.data.Uuid"),
  ltree: (_, o) => text(o, "io.debezium.data.Ltree"),
  tsvector: (_, o) => text(o, "io.debezium.data.Tsvector"),
  isbn: plainText,
  inet: plainText,
  cidr: plainText,
  macaddr: plainText,
  macaddr8: plainText,
  int4range: plainText,
  int8range: plainText,
  numrange: plainText,
  tsrange: plainText,
  tstzrange: plainText,
  daterange: plainText,
  bytea: (_, o) => binary(o, (t) => (t.startsWith("\\x") ? Buffer.from(t.slice(2), "hex") : Buffer.from(t, "latin1"))),
  bit: (modifier) => bit(modifier < 0 ? 1 : modifier),
  varbit: (modifier) => bit(modifier < 0 ? 2147483647 : modifier),
  date: (_, o) => date(o),
  time,
  timetz: () => semantic("string", "io.debezium.time.ZonedTime", temporal.zonedTime, "00:00:00Z"),
  timestamp,
  timestamptz,
  interval: (_, o) => interval(o),
  hstore: (_, o) => hstore(o),
  point: (_, o) => fromText(o, geo.pointSchema, geo.point, emptyStruct(geo.pointSchema)),
  line: (_, o) => fromText(o, geo.lineSchema, geo.line, emptyStruct(geo.lineSchema)),
  circle: (_, o) => fromText(o, geo.circleSchema, geo.circle, emptyStruct(geo.circleSchema)),
  lseg: (_, o) => fromText(o, geo.geometrySchema, geo.lseg, emptyStruct(geo.geometrySchema)),
  box: (_, o) => fromText(o, geo.geometrySchema, geo.box, emptyStruct(geo.geometrySchema)),
  path: (_, o) => fromText(o, geo.geometrySchema, geo.path, emptyStruct(geo.geometrySchema)),
  polygon: (_, o) => fromText(o, geo.geometrySchema, geo.polygon, emptyStruct(geo.geometrySchema)),
  geometry: (_, o) => fromText(o, geo.geometrySchema, (t) => geo.postgis(geo.geometrySchema, t), emptyStruct(geo.geometrySchema)),
  geography: (_, o) => fromText(o, geo.geographySchema, (t) => geo.postgis(geo.geographySchema, t), emptyStruct(geo.geographySchema)),
  vector: (_, o) => vector(o, "float64", "io.debezium.data.DoubleVector"),
  halfvec: (_, o) => vector(o, "float32", "io.debezium.data.FloatVector"),
  sparsevec: (_, o) => fromText(o, sparseVector, sparse, emptyStruct(sparseVector)),
};
