import { MillraceError } from "../../../common/errors.js";
import { arrayOf, Decimal, mapOf, primitive, type Schema, Struct, structOf, type Value } from "../../../data/schema.js";
import type { AvroArray, AvroRecord, AvroSchema } from "../../../schema-registry/avro/schema.js";
import {
  type AvroDataOptions,
  DATE,
  DECIMAL,
  DEFAULT_PRECISION,
  DEFAULT_RECORD_NAME,
  ENUM_PARAMETER,
  FIXED_SIZE_PARAMETER,
  MAP_ENTRY_NAME,
  PRECISION_PARAMETER,
  TIME,
  TIMESTAMP,
  UNION_NAME,
} from "./connect-names.js";
import { unionFieldName } from "./connect-to-avro.js";

type Extra = { -readonly [K in keyof Schema]?: Schema[K] };

/**
 * The Connect schema that Confluent's AvroConverter gives an Avro schema.
 * @throws UNSUPPORTED for a recursive schema
 */
export function avroToConnect(avro: AvroSchema, options: AvroDataOptions): Schema {
  return new Mapping(options).map(avro, {}, undefined);
}

class Mapping {
  private readonly open = new Set<AvroSchema>();

  constructor(private readonly options: AvroDataOptions) {}

  /** @param fieldDefault the default of the field that holds it, as Avro's JSON; undefined where there is none */
  map(avro: AvroSchema, outer: Extra, fieldDefault: unknown): Schema {
    if (avro.type === "union") return this.union(avro.branches, outer, fieldDefault);
    const props = avro.props;
    const extra: Extra = { ...outer };
    const name = props["connect.name"] ?? (avro.type === "record" || avro.type === "enum" || avro.type === "fixed" ? avro.name : undefined);
    if (typeof name === "string" && name !== DEFAULT_RECORD_NAME) extra.name = name;
    if (typeof props["connect.version"] === "number") extra.version = props["connect.version"];
    const doc = props["connect.doc"] ?? (avro.type === "record" || avro.type === "enum" || avro.type === "fixed" ? avro.doc : undefined);
    if (typeof doc === "string") extra.doc = doc;
    const parameters = props["connect.parameters"];
    if (typeof parameters === "object" && parameters !== null) extra.parameters = { ...(parameters as Record<string, string>) };
    const schema = this.plain(avro, extra);
    const json = fieldDefault ?? props["connect.default"];
    return json === undefined || json === null ? schema : Object.freeze({ ...schema, default: defaultValue(schema, avro, json) });
  }

  private plain(avro: AvroSchema, extra: Extra): Schema {
    const logical = avro.props["logicalType"];
    switch (avro.type) {
      case "boolean":
        return primitive("boolean", extra);
      case "int": {
        const connectType = avro.props["connect.type"];
        if (connectType === "int8" || connectType === "int16") return primitive(connectType, extra);
        if (logical === "date") return primitive("int32", { version: 1, ...extra, name: DATE });
        if (logical === "time-millis") return primitive("int32", { version: 1, ...extra, name: TIME });
        return primitive("int32", extra);
      }
      case "long":
        return primitive("int64", logical === "timestamp-millis" ? { version: 1, ...extra, name: TIMESTAMP } : extra);
      case "float":
        return primitive("float32", extra);
      case "double":
        return primitive("float64", extra);
      case "string":
        return primitive("string", extra);
      case "enum": {
        const parameters: Record<string, string> = { ...extra.parameters, [ENUM_PARAMETER]: avro.name };
        for (const symbol of avro.symbols) parameters[`${ENUM_PARAMETER}.${symbol}`] = symbol;
        return primitive("string", { ...extra, parameters });
      }
      case "bytes":
        return logical === "decimal" ? this.decimal(avro, extra) : primitive("bytes", extra);
      case "fixed": {
        if (logical === "decimal") return this.decimal(avro, extra);
        return primitive("bytes", { ...extra, parameters: { ...extra.parameters, [FIXED_SIZE_PARAMETER]: String(avro.size) } });
      }
      case "array": {
        const entry = mapEntryOf(avro);
        if (!entry) return arrayOf(this.map(avro.items, {}, undefined), extra);
        const [key, value] = entry.fields;
        return mapOf(this.map(key!.type, {}, undefined), this.map(value!.type, {}, undefined), extra);
      }
      case "map":
        return mapOf(primitive("string"), this.map(avro.values, {}, undefined), extra);
      case "record":
        return this.record(avro, extra);
      default:
        throw new MillraceError("UNSUPPORTED", `Connect has no schema for Avro's ${avro.type} by itself`);
    }
  }

  private decimal(avro: AvroSchema, extra: Extra): Schema {
    const scale = avro.props["scale"] ?? 0;
    const precision = avro.props["precision"];
    const parameters: Record<string, string> = { scale: String(scale), ...extra.parameters };
    if (typeof precision === "number" && precision !== DEFAULT_PRECISION) parameters[PRECISION_PARAMETER] ??= String(precision);
    return primitive("bytes", { version: 1, ...extra, name: DECIMAL, parameters });
  }

  private record(avro: AvroRecord, extra: Extra): Schema {
    if (this.open.has(avro))
      throw new MillraceError("UNSUPPORTED", `Avro record ${avro.name} contains itself, which Connect's schemas here do not`);
    this.open.add(avro);
    try {
      return structOf(
        avro.fields.map((f) => {
          const outer: Extra = f.doc === undefined ? {} : { doc: f.doc };
          return [f.name, this.map(f.type, outer, f.default ?? undefined)] as const;
        }),
        extra,
      );
    } finally {
      this.open.delete(avro);
    }
  }

  private union(branches: readonly AvroSchema[], outer: Extra, fieldDefault: unknown): Schema {
    const optional = branches.some((b) => b.type === "null");
    const others = branches.filter((b) => b.type !== "null");
    if (others.length === 1) return this.map(others[0]!, optional ? { ...outer, optional: true } : outer, fieldDefault);
    return structOf(
      others.map((b) => [unionFieldName(b, this.options.enhanced), this.map(b, { optional: true }, undefined)] as const),
      { ...outer, name: UNION_NAME, ...(optional ? { optional: true } : {}) },
    );
  }
}

/** The record of an array that stands for a map with keys that are not strings. */
export function mapEntryOf(avro: AvroArray): AvroRecord | undefined {
  const { items } = avro;
  if (items.type !== "record" || items.fields.length !== 2) return undefined;
  return items.name === MAP_ENTRY_NAME || items.props["connect.internal.type"] === "MapEntry" ? items : undefined;
}

/** Avro's JSON of a default as a value of the Connect schema. */
export function defaultValue(schema: Schema, avro: AvroSchema, json: unknown): Value {
  if (json === null) return null;
  switch (schema.type) {
    case "bytes": {
      const bytes = Buffer.from(String(json), "latin1");
      return schema.name === DECIMAL ? Decimal.fromBytes(bytes, Number(schema.parameters?.["scale"] ?? 0)) : bytes;
    }
    case "array": {
      const items = avro.type === "array" ? avro.items : avro;
      return (json as unknown[]).map((v) => defaultValue(schema.valueSchema!, nonNull(items), v));
    }
    case "map": {
      const map = new Map<Value, Value>();
      const inner = avro.type === "map" ? nonNull(avro.values) : avro;
      if (Array.isArray(json)) for (const { key, value } of json) map.set(key as Value, value as Value);
      else for (const [k, v] of Object.entries(json as object)) map.set(k, defaultValue(schema.valueSchema!, inner, v));
      return map;
    }
    case "struct": {
      const object = json as Record<string, unknown>;
      const record = avro.type === "record" ? avro : undefined;
      return new Struct(
        schema,
        schema.fields!.map((f) => {
          const inner = record?.fields[f.index];
          const v = object[f.name];
          return v === undefined || v === null || !inner ? (f.schema.default ?? null) : defaultValue(f.schema, nonNull(inner.type), v);
        }),
      );
    }
    default:
      return json as Value;
  }
}

function nonNull(avro: AvroSchema): AvroSchema {
  return avro.type === "union" ? (avro.branches.find((b) => b.type !== "null") ?? avro) : avro;
}
