import { MillraceError } from "../../../common/errors.js";
import { javaDecimal, javaDouble, javaFloat } from "../../../data/java-number.js";
import { arrayOf, Decimal, mapOf, primitive, type Schema, type SchemaType, Struct, structOf, type Value } from "../../../data/schema.js";
import { DECIMAL } from "../avro/connect-names.js";
import { type Json, jsonString } from "./json-text.js";

export interface JsonDataOptions {
  /** `decimal.format` */
  readonly numericDecimals: boolean;
  /** `replace.null.with.default` */
  readonly nullToDefault: boolean;
}

const typeNames: Readonly<Record<SchemaType, string>> = {
  int8: "int8",
  int16: "int16",
  int32: "int32",
  int64: "int64",
  float32: "float",
  float64: "double",
  boolean: "boolean",
  string: "string",
  bytes: "bytes",
  array: "array",
  map: "map",
  struct: "struct",
};
const typesByName = new Map(Object.entries(typeNames).map(([type, name]) => [name, type as SchemaType]));

/** The schema part of JsonConverter's envelope, with the members in its order. */
export function schemaToJson(schema: Schema, options: JsonDataOptions, field?: string): string {
  const parts = [`"type":"${typeNames[schema.type]}"`];
  // an empty array that was read from a header does not know what it would hold
  const inner = (s: Schema | undefined) => (s ? schemaToJson(s, options) : "null");
  if (schema.type === "array") parts.push(`"items":${inner(schema.valueSchema)}`);
  if (schema.type === "map") parts.push(`"keys":${inner(schema.keySchema)}`, `"values":${inner(schema.valueSchema)}`);
  if (schema.type === "struct") parts.push(`"fields":[${schema.fields!.map((f) => schemaToJson(f.schema, options, f.name)).join(",")}]`);
  parts.push(`"optional":${schema.optional}`);
  if (schema.name !== undefined) parts.push(`"name":${jsonString(schema.name)}`);
  if (schema.version !== undefined) parts.push(`"version":${schema.version}`);
  if (schema.doc !== undefined) parts.push(`"doc":${jsonString(schema.doc)}`);
  if (schema.parameters !== undefined && Object.keys(schema.parameters).length)
    parts.push(
      `"parameters":{${Object.entries(schema.parameters)
        .map(([k, v]) => `${jsonString(k)}:${jsonString(v)}`)
        .join(",")}}`,
    );
  if (schema.default !== undefined && schema.default !== null) parts.push(`"default":${valueToJson(schema, schema.default, options)}`);
  if (field !== undefined) parts.push(`"field":${jsonString(field)}`);
  return `{${parts.join(",")}}`;
}

/** @throws SCHEMA_INVALID */
export function schemaFromJson(json: Json, options: JsonDataOptions): Schema {
  if (!isObject(json) || typeof json["type"] !== "string") throw new MillraceError("SCHEMA_INVALID", "Schema must contain 'type' field");
  const type = typesByName.get(json["type"]);
  if (type === undefined) throw new MillraceError("SCHEMA_INVALID", `Unknown schema type: ${json["type"]}`);
  const extra: { -readonly [K in keyof Schema]?: Schema[K] } = { optional: json["optional"] === true };
  if (typeof json["name"] === "string") extra.name = json["name"];
  if (typeof json["version"] === "number") extra.version = json["version"];
  if (typeof json["doc"] === "string") extra.doc = json["doc"];
  if (isObject(json["parameters"])) extra.parameters = { ...(json["parameters"] as Record<string, string>) };
  const schema = typed(type, json, extra, options);
  const fallback = json["default"];
  if (fallback === undefined || fallback === null) return schema;
  return Object.freeze({ ...schema, default: valueFromJson(schema, fallback, options) });
}

function typed(type: SchemaType, json: { [name: string]: Json }, extra: Partial<Schema>, options: JsonDataOptions): Schema {
  switch (type) {
    case "array":
      return arrayOf(schemaFromJson(json["items"] ?? null, options), extra);
    case "map":
      return mapOf(schemaFromJson(json["keys"] ?? null, options), schemaFromJson(json["values"] ?? null, options), extra);
    case "struct":
      if (!Array.isArray(json["fields"])) throw new MillraceError("SCHEMA_INVALID", 'Struct schema\'s "fields" argument is not an array.');
      return structOf(
        json["fields"].map((f) => {
          const name = isObject(f) ? f["field"] : undefined;
          if (typeof name !== "string") throw new MillraceError("SCHEMA_INVALID", "Struct schema's field name not specified properly");
          return [name, schemaFromJson(f, options)] as const;
        }),
        extra,
      );
    default:
      return primitive(type, extra);
  }
}

/** A value's JSON text; the schema may be null for schemaless data. @throws SERIALIZATION */
export function valueToJson(schema: Schema | null, value: Value | undefined, options: JsonDataOptions, path = ""): string {
  if (value === null || value === undefined) {
    if (schema === null) return "null";
    if (schema.default !== undefined && schema.default !== null && options.nullToDefault)
      return valueToJson(schema, schema.default, options, path);
    if (schema.optional) return "null";
    throw new MillraceError(
      "SERIALIZATION",
      `Conversion error: null value for field that is required and has no default value${path && `: "${path}"`}`,
    );
  }
  if (schema === null) return schemaless(value, options);
  switch (schema.type) {
    case "int8":
    case "int16":
    case "int32":
    case "int64":
      if (typeof value === "number" ? Number.isInteger(value) : typeof value === "bigint") return String(value);
      break;
    case "float32":
      if (typeof value === "number") return Number.isFinite(value) ? javaFloat(value) : `"${value}"`;
      break;
    case "float64":
      if (typeof value === "number") return Number.isFinite(value) ? javaDouble(value) : `"${value}"`;
      break;
    case "boolean":
      if (typeof value === "boolean") return value ? "true" : "false";
      break;
    case "string":
      if (typeof value === "string") return jsonString(value);
      break;
    case "bytes":
      if (value instanceof Decimal)
        return options.numericDecimals ? javaDecimal(value.unscaled, value.scale) : `"${value.toBytes().toString("base64")}"`;
      if (value instanceof Uint8Array) return base64(value);
      break;
    case "array":
      if (Array.isArray(value))
        return `[${(value as Value[]).map((v) => valueToJson(schema.valueSchema ?? null, v, options, `${path}[]`)).join(",")}]`;
      break;
    case "map":
      if (value instanceof Map) return mapToJson(schema, value, options, path);
      break;
    case "struct":
      if (value instanceof Struct) {
        const parts = schema.fields!.map(
          (f) => `${jsonString(f.name)}:${valueToJson(f.schema, value.values[f.index], options, path ? `${path}.${f.name}` : f.name)}`,
        );
        return `{${parts.join(",")}}`;
      }
      break;
  }
  throw new MillraceError("SERIALIZATION", `Invalid type for ${schema.type.toUpperCase()}${path && ` field "${path}"`}: ${typeof value}`);
}

function mapToJson(schema: Schema, map: Map<Value, Value>, options: JsonDataOptions, path: string): string {
  const asObject = schema.keySchema ? schema.keySchema.type === "string" : [...map.keys()].every((k) => typeof k === "string");
  const value = (v: Value) => valueToJson(schema.valueSchema ?? null, v, options, `${path}.value`);
  if (asObject) return `{${[...map].map(([k, v]) => `${jsonString(String(k))}:${value(v)}`).join(",")}}`;
  return `[${[...map].map(([k, v]) => `[${valueToJson(schema.keySchema ?? null, k, options, `${path}.key`)},${value(v)}]`).join(",")}]`;
}

function schemaless(value: Exclude<Value, null>, options: JsonDataOptions): string {
  switch (typeof value) {
    case "string":
      return jsonString(value);
    case "number":
      return Number.isSafeInteger(value) ? String(value) : Number.isFinite(value) ? javaDouble(value) : `"${value}"`;
    case "boolean":
    case "bigint":
      return String(value);
  }
  if (value instanceof Struct) return valueToJson(value.schema, value, options);
  if (value instanceof Map) return mapToJson({ type: "map", optional: false }, value, options, "");
  if (value instanceof Decimal)
    return options.numericDecimals ? javaDecimal(value.unscaled, value.scale) : `"${value.toBytes().toString("base64")}"`;
  if (value instanceof Uint8Array) return base64(value);
  return `[${(value as readonly Value[]).map((v) => valueToJson(null, v, options)).join(",")}]`;
}

/** JSON as a value of the schema; null for schemaless data: objects become Maps. @throws DESERIALIZATION */
export function valueFromJson(schema: Schema | null, json: Json | undefined, options: JsonDataOptions, path = ""): Value {
  if (json === null || json === undefined) {
    if (schema === null) return null;
    if (schema.default !== undefined && schema.default !== null && options.nullToDefault) return schema.default;
    if (schema.optional) return null;
    throw new MillraceError("DESERIALIZATION", `Invalid null value for required ${schema.type.toUpperCase()} field${path && ` "${path}"`}`);
  }
  if (schema === null) return untyped(json);
  switch (schema.type) {
    case "int8":
    case "int16":
    case "int32":
    case "int64":
      if (typeof json === "number" && Number.isInteger(json)) return json;
      if (typeof json === "bigint" && schema.type === "int64" && BigInt.asIntN(64, json) === json) return json;
      break;
    case "float32":
    case "float64": {
      const n =
        typeof json === "number"
          ? json
          : json instanceof Decimal
            ? json.toNumber()
            : typeof json === "bigint" || json === "NaN" || json === "Infinity" || json === "-Infinity"
              ? Number(json)
              : undefined;
      if (n !== undefined) return schema.type === "float32" ? Math.fround(n) : n;
      break;
    }
    case "boolean":
      if (typeof json === "boolean") return json;
      break;
    case "string":
      if (typeof json === "string") return json;
      break;
    case "bytes": {
      const scale = schema.name === DECIMAL ? Number(schema.parameters?.["scale"] ?? 0) : undefined;
      if (typeof json === "string") {
        const bytes = Buffer.from(json, "base64");
        return scale === undefined ? bytes : Decimal.fromBytes(bytes, scale);
      }
      if (scale === undefined) break;
      if (json instanceof Decimal) return json;
      if (typeof json === "number" || typeof json === "bigint") return Decimal.parse(String(json)) ?? null;
      break;
    }
    case "array":
      if (Array.isArray(json)) return json.map((v) => valueFromJson(schema.valueSchema ?? null, v, options, `${path}[]`));
      break;
    case "map":
      return mapFromJson(schema, json, options, path);
    case "struct":
      if (isObject(json))
        return new Struct(
          schema,
          schema.fields!.map((f) =>
            valueFromJson(f.schema, Object.hasOwn(json, f.name) ? json[f.name] : null, options, path ? `${path}.${f.name}` : f.name),
          ),
        );
      break;
  }
  throw new MillraceError(
    "DESERIALIZATION",
    `Invalid type for ${schema.type.toUpperCase()}${path && ` field "${path}"`}: ${Array.isArray(json) ? "array" : typeof json}`,
  );
}

function mapFromJson(schema: Schema, json: Json, options: JsonDataOptions, path: string): Value {
  const map = new Map<Value, Value>();
  if (isObject(json) && schema.keySchema?.type === "string") {
    for (const [k, v] of Object.entries(json)) map.set(k, valueFromJson(schema.valueSchema ?? null, v, options, `${path}.value`));
    return map;
  }
  if (!Array.isArray(json))
    throw new MillraceError(
      "DESERIALIZATION",
      `Maps with non-string fields should be encoded as JSON array of tuples${path && ` ("${path}")`}`,
    );
  for (const entry of json) {
    if (!Array.isArray(entry) || entry.length !== 2)
      throw new MillraceError("DESERIALIZATION", `Found invalid map entry${path && ` of "${path}"`}: expected an array of length 2`);
    const key = valueFromJson(schema.keySchema ?? null, entry[0], options, `${path}.key`);
    map.set(key, valueFromJson(schema.valueSchema ?? null, entry[1], options, `${path}.value`));
  }
  return map;
}

function untyped(json: Exclude<Json, null>): Value {
  if (Array.isArray(json)) return json.map((v) => (v === null ? null : untyped(v)));
  if (isObject(json)) return new Map(Object.entries(json).map(([k, v]) => [k, v === null ? null : untyped(v)]));
  return json as Value;
}

/** Whether reading values of the schema needs the digits of fractions as written. */
export function hasDecimal(schema: Schema): boolean {
  if (schema.name === DECIMAL) return true;
  return (
    (schema.fields?.some((f) => hasDecimal(f.schema)) ?? false) ||
    (schema.valueSchema !== undefined && hasDecimal(schema.valueSchema)) ||
    (schema.keySchema !== undefined && hasDecimal(schema.keySchema))
  );
}

function base64(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")}"`;
}

export function isObject(json: Json | undefined): json is { [name: string]: Json } {
  return typeof json === "object" && json !== null && !Array.isArray(json) && !(json instanceof Decimal);
}
