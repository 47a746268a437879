import { ConfigDef, type Setting } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { Decimal, type Field, type Schema, Struct, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";

export const version = "4.3.1";
const apache = "org.apache.kafka.connect.transforms.";

/** The key or the value of a record: what `$Key` and `$Value` of a transform's class work on. */
export interface Side {
  readonly isKey: boolean;
  schema(record: ConnectRecord): Schema | null;
  value(record: ConnectRecord): Value;
  with<R extends ConnectRecord>(record: R, schema: Schema | null, value: Value): R;
  node(shape: RecordShape): Node | null;
  withNode(shape: RecordShape, node: Node | null): RecordShape;
}

export const keySide: Side = {
  isKey: true,
  schema: (r) => r.keySchema,
  value: (r) => r.key,
  with: (r, keySchema, key) => ({ ...r, keySchema, key }),
  node: (s) => s.key,
  withNode: (s, key) => ({ ...s, key }),
};
export const valueSide: Side = {
  isKey: false,
  schema: (r) => r.valueSchema,
  value: (r) => r.value,
  with: (r, valueSchema, value) => ({ ...r, valueSchema, value }),
  node: (s) => s.value,
  withNode: (s, value) => ({ ...s, value }),
};

/** The two plug-ins `NAME$Key` and `NAME$Value`. */
export function sided(
  name: string,
  settings: readonly Setting[],
  make: (config: ConnectorConfig, side: Side) => Transformation,
): TransformPlugin[] {
  const config = new ConfigDef(settings);
  return [keySide, valueSide].map((side) => ({
    classes: [`${apache}${name}$${side.isKey ? "Key" : "Value"}`],
    version,
    config,
    create: (raw) => make(raw, side),
  }));
}

export function plain(name: string, settings: readonly Setting[], make: (config: ConnectorConfig) => Transformation): TransformPlugin {
  return { classes: [`${apache}${name}`], version, config: new ConfigDef(settings), create: make };
}

export const setting = (name: string, doc: string, more: Partial<Setting> = {}): Setting => ({
  name,
  type: "STRING",
  importance: "MEDIUM",
  doc,
  ...more,
});

export const replaceNull = setting(
  "replace.null.with.default",
  "Whether a field that is null and has a default is given its default, where the transform reads it.",
  { type: "BOOLEAN", default: true },
);
export const replacesNull = (config: ConnectorConfig) => flag(config, "replace.null.with.default", true);

export function flag(config: ConnectorConfig, name: string, fallback: boolean): boolean {
  const text = config[name]?.trim().toLowerCase();
  return text === undefined ? fallback : text === "true";
}

export const listOf = (text: string | undefined): string[] =>
  (text ?? "")
    .split(",")
    .map((s) => s.trim())
    .filter(Boolean);

export function refused(message: string): MillraceError {
  return new MillraceError("TRANSFORM", message);
}

/** @throws TRANSFORM in Connect's words */
export function requireStruct(value: Value, schema: Schema, purpose: string): Struct {
  if (value instanceof Struct) return value;
  throw refused(`Only Struct objects supported for [${purpose}], found: ${javaClass(value, schema)}`);
}

/** A schemaless object. @throws TRANSFORM in Connect's words */
export function requireMap(value: Value, purpose: string): Map<Value, Value> {
  if (value instanceof Map) return value;
  throw refused(`Only Map objects supported in absence of schema for [${purpose}], found: ${javaClass(value, null)}`);
}

/** The fields of a struct schema. @throws TRANSFORM in Connect's words for any other schema */
export function fieldsOf(schema: Schema): readonly Field[] {
  if (schema.fields) return schema.fields;
  throw refused("Cannot list fields on non-struct type");
}

/** A field's value; where asked, its default in place of null. */
export function fieldValue(struct: Struct, field: Field, nullToDefault: boolean): Value {
  const value = struct.values[field.index] ?? null;
  return value === null && nullToDefault ? (field.schema.default ?? null) : value;
}

const numberClasses: Partial<Record<Schema["type"], string>> = {
  int8: "Byte",
  int16: "Short",
  int32: "Integer",
  int64: "Long",
  float32: "Float",
  float64: "Double",
};

/** The class that a value has in Kafka Connect, as its messages name it. */
export function javaClass(value: Value, schema: Schema | null): string {
  if (value === null) return "null";
  if (/\.connect\.data\.(Date|Time|Timestamp)$/.test(schema?.name ?? "")) return "java.util.Date";
  switch (typeof value) {
    case "string":
      return "java.lang.String";
    case "boolean":
      return "java.lang.Boolean";
    case "bigint":
    case "number":
      return `java.lang.${(schema && numberClasses[schema.type]) ?? (Number.isInteger(value) || typeof value === "bigint" ? "Long" : "Double")}`;
  }
  if (value instanceof Struct) return "org.apache.kafka.connect.data.Struct";
  if (value instanceof Map) return "java.util.HashMap";
  if (value instanceof Uint8Array) return "[B";
  return value instanceof Decimal ? "java.math.BigDecimal" : "java.util.ArrayList";
}
