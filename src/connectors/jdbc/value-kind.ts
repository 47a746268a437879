import { Decimal, type Schema, type Struct, type Value } from "../../data/schema.js";

/**
 * What a field means, whatever carries it: both Connect's and Debezium's logical types. The kind decides the column type of a
 * created table and how a value is written as the database's text.
 */
export type ValueKind =
  | { readonly kind: "int"; readonly bits: 16 | 32 | 64 }
  | { readonly kind: "float"; readonly bits: 32 | 64 }
  | {
      readonly kind:
        | "boolean"
        | "string"
        | "bytes"
        | "uuid"
        | "json"
        | "xml"
        | "ltree"
        | "date"
        | "variable-decimal"
        | "geometry"
        | "point"
        | "interval-iso"
        | "interval-us"
        | "map";
    }
  | { readonly kind: "decimal"; readonly scale: number; readonly precision: number | undefined }
  | { readonly kind: "bits"; readonly length: number | undefined }
  /** units since midnight or the epoch: 1,000 for ms, 1 for µs, 0.001 for ns, as µs per unit */
  | { readonly kind: "time" | "timestamp"; readonly microsPerUnit: number }
  | { readonly kind: "timestamptz" | "timetz" | "iso-date" | "iso-time" | "iso-timestamp" }
  | { readonly kind: "array"; readonly element: ValueKind };

const byName: Record<string, (schema: Schema) => ValueKind> = {
  "org.apache.kafka.connect.data.Decimal": (s) => {
    const precision = s.parameters?.["connect.decimal.precision"];
    return { kind: "decimal", scale: Number(s.parameters?.scale ?? 0), precision: precision === undefined ? undefined : Number(precision) };
  },
  "org.apache.kafka.connect.data.Date": () => ({ kind: "date" }),
  "org.apache.kafka.connect.data.Time": () => ({ kind: "time", microsPerUnit: 1000 }),
  "org.apache.kafka.connect.data.Timestamp": () => ({ kind: "timestamp", microsPerUnit: 1000 }),
  "io.debezium.time.Date": () => ({ kind: "date" }),
  "io.debezium.time.Time": () => ({ kind: "time", microsPerUnit: 1000 }),
  "io.debezium.time.MicroTime": () => ({ kind: "time", microsPerUnit: 1 }),
  "io.debezium.time.NanoTime": () => ({ kind: "time", microsPerUnit: 0.001 }),
  "io.debezium.time.Timestamp": () => ({ kind: "timestamp", microsPerUnit: 1000 }),
  "io.debezium.time.MicroTimestamp": () => ({ kind: "timestamp", microsPerUnit: 1 }),
  "io.debezium.time.NanoTimestamp": () => ({ kind: "timestamp", microsPerUnit: 0.001 }),
  "io.debezium.time.ZonedTimestamp": () => ({ kind: "timestamptz" }),
  "io.debezium.time.ZonedTime": () => ({ kind: "timetz" }),
  "io.debezium.time.IsoDate": () => ({ kind: "iso-date" }),
  "io.debezium.time.IsoTime": () => ({ kind: "iso-time" }),
  "io.debezium.time.IsoTimestamp": () => ({ kind: "iso-timestamp" }),
  "io.debezium.time.Interval": () => ({ kind: "interval-iso" }),
  "io.debezium.time.MicroDuration": () => ({ kind: "interval-us" }),
  "io.debezium.time.NanoDuration": () => ({ kind: "interval-us" }),
  "io.debezium.time.Year": () => ({ kind: "int", bits: 32 }),
  "io.debezium.data.Json": () => ({ kind: "json" }),
  "io.debezium.data.Uuid": () => ({ kind: "uuid" }),
  "io.debezium.data.Xml": () => ({ kind: "xml" }),
  "io.debezium.data.Ltree": () => ({ kind: "ltree" }),
  "io.debezium.data.Enum": () => ({ kind: "string" }),
  "io.debezium.data.EnumSet": () => ({ kind: "string" }),
  "io.debezium.data.Bits": (s) => ({ kind: "bits", length: s.parameters?.length === undefined ? undefined : Number(s.parameters.length) }),
  "io.debezium.data.VariableScaleDecimal": () => ({ kind: "variable-decimal" }),
  "io.debezium.data.geometry.Point": () => ({ kind: "point" }),
  "io.debezium.data.geometry.Geometry": () => ({ kind: "geometry" }),
  "io.debezium.data.geometry.Geography": () => ({ kind: "geometry" }),
};

/** undefined for a struct without a meaning of its own: no column can hold it. */
export function valueKind(schema: Schema): ValueKind | undefined {
  const known = schema.name === undefined ? undefined : byName[schema.name];
  if (known) return known(schema);
  switch (schema.type) {
    case "int8":
    case "int16":
      return { kind: "int", bits: 16 };
    case "int32":
      return { kind: "int", bits: 32 };
    case "int64":
      return { kind: "int", bits: 64 };
    case "float32":
      return { kind: "float", bits: 32 };
    case "float64":
      return { kind: "float", bits: 64 };
    case "array": {
      const element = valueKind(schema.valueSchema!);
      return element && { kind: "array", element };
    }
    case "map":
      return { kind: "map" };
    case "struct":
      return undefined;
    default:
      return { kind: schema.type };
  }
}

const pad = (n: number, width: number) => String(n).padStart(width, "0");

/** µs since the epoch as `YYYY-MM-DD hh:mm:ss.ffffff`, years before 1 as ` BC`; Long.MAX and Long.MIN are the infinities. */
export function formatTimestampMicros(micros: bigint): string {
  if (micros === 9223372036854775807n || micros === 9223372036825200000n) return "infinity";
  if (micros === -9223372036854775808n || micros === -9223372036832400000n) return "-infinity";
  const days = Number(floorDivide(micros, 86_400_000_000n));
  const rest = Number(micros - BigInt(days) * 86_400_000_000n);
  const { text, bc } = formatDays(days);
  return `${text} ${formatTimeMicros(rest)}${bc ? " BC" : ""}`;
}

export function formatDate(days: number): string {
  const { text, bc } = formatDays(days);
  return bc ? `${text} BC` : text;
}

/** Proleptic Gregorian date of a day since the epoch (Howard Hinnant's civil_from_days). */
function formatDays(days: number): { text: string; bc: boolean } {
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const doe = z - era * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1;
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  return { text: `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`, bc: year <= 0 };
}

export function formatTimeMicros(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  return `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}.${pad(micros % 1_000_000, 6)}`;
}

function floorDivide(a: bigint, b: bigint): bigint {
  const q = a / b;
  return a < 0n && q * b !== a ? q - 1n : q;
}

export function toMicros(value: number | bigint, microsPerUnit: number): bigint {
  if (microsPerUnit === 0.001) return floorDivide(BigInt(value), 1000n);
  return BigInt(value) * BigInt(microsPerUnit);
}

/** Hex of a byte string without a prefix. */
const hex = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

/** Debezium's Bits are little-endian bytes. */
export function formatBits(bytes: Uint8Array, length: number | undefined): string {
  let text = "";
  for (let i = bytes.length - 1; i >= 0; i--) text += bytes[i]!.toString(2).padStart(8, "0");
  return length === undefined ? text.replace(/^0+(?=\d)/, "") : text.padStart(length, "0").slice(-length);
}

/** A value as text that Postgres' input function of the fitting type reads. */
export function toText(kind: ValueKind, value: Exclude<Value, null>): string {
  switch (kind.kind) {
    case "decimal":
      return value instanceof Decimal ? value.toString() : String(value);
    case "variable-decimal": {
      const struct = value as Struct;
      return Decimal.fromBytes(struct.get("value") as Uint8Array, struct.get("scale") as number).toString();
    }
    case "date":
      return formatDate(value as number);
    case "time":
      return formatTimeMicros(Number(toMicros(value as number, kind.microsPerUnit)));
    case "timestamp":
      return formatTimestampMicros(toMicros(value as number | bigint, kind.microsPerUnit));
    case "bits":
      return typeof value === "boolean" ? (value ? "1" : "0") : formatBits(value as Uint8Array, kind.length);
    case "bytes":
      return `\\x${hex(value as Uint8Array)}`;
    case "point":
      return `(${(value as Struct).get("x")},${(value as Struct).get("y")})`;
    case "geometry":
      return hex((value as Struct).get("wkb") as Uint8Array);
    case "interval-us":
      return `${value} microseconds`;
    case "map":
      return [...(value as Map<Value, Value>)]
        .map(([k, v]) => `${quoteHstore(String(k))}=>${v === null ? "NULL" : quoteHstore(String(v))}`)
        .join(",");
    case "array":
      return `{${(value as readonly Value[]).map((v) => (v === null ? "NULL" : quoteElement(kind.element, v))).join(",")}}`;
    case "float":
      return Object.is(value, -0) ? "-0" : String(value);
    default:
      return value instanceof Uint8Array ? `\\x${hex(value)}` : String(value);
  }
}

const quoteHstore = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;

function quoteElement(element: ValueKind, value: Exclude<Value, null>): string {
  const text = toText(element, value);
  return element.kind === "array" ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}
