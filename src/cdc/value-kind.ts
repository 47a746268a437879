import type { Schema } from "../data/schema.js";

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
        | "sparse-vector"
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
  "io.debezium.data.SparseVector": () => ({ kind: "sparse-vector" }),
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
