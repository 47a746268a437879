import { MillraceError } from "../../../common/errors.js";
import type {} from "../../../data/buffer-text.js";
import { Decimal, type Field, type Schema, Struct, type Value } from "../../../data/schema.js";
import { type AvroField, type AvroSchema, avroPrimitive, branchName, isNamed } from "../../../schema-registry/avro/schema.js";
import {
  type AvroDataOptions,
  DATE,
  DECIMAL,
  DEFAULT_PRECISION,
  DEFAULT_RECORD_NAME,
  ENUM_PARAMETER,
  FIXED_SIZE_PARAMETER,
  MAP_ENTRY_NAME,
  nameOfUnionField,
  PRECISION_PARAMETER,
  TIME,
  TIMESTAMP,
  UNION_NAME,
} from "./connect-names.js";

type Props = Record<string, unknown>;

/**
 * The Avro schema that Confluent's AvroConverter gives a Connect schema: the same attributes in the same order, so that both
 * register the same text.
 * @throws SCHEMA_INVALID for a name that Avro does not allow (unless scrubbed)
 */
export function connectToAvro(schema: Schema, options: AvroDataOptions): AvroSchema {
  return new Mapping(options).map(schema);
}

class Mapping {
  private readonly done = new Map<string, { schema: Schema; avro: AvroSchema }[]>();

  constructor(private readonly options: AvroDataOptions) {}

  map(schema: Schema): AvroSchema {
    const base = this.base(schema);
    if (base.type === "union" || !schema.optional) return base;
    const none = avroPrimitive("null");
    return { type: "union", branches: hasDefault(schema) ? [base, none] : [none, base], props: {} };
  }

  private base(schema: Schema): AvroSchema {
    const props: Props = {};
    switch (schema.type) {
      case "int8":
      case "int16":
        this.metaData(schema, props);
        if (this.options.metaData) props["connect.type"] = schema.type;
        return avroPrimitive("int", props);
      case "int32":
        this.metaData(schema, props);
        if (schema.name === DATE) props["logicalType"] = "date";
        if (schema.name === TIME) props["logicalType"] = "time-millis";
        return avroPrimitive("int", props);
      case "int64":
        this.metaData(schema, props);
        if (schema.name === TIMESTAMP) props["logicalType"] = "timestamp-millis";
        return avroPrimitive("long", props);
      case "float32":
        return avroPrimitive("float", this.metaData(schema, props));
      case "float64":
        return avroPrimitive("double", this.metaData(schema, props));
      case "boolean":
        return avroPrimitive("boolean", this.metaData(schema, props));
      case "string":
        return this.text(schema, props);
      case "bytes":
        return this.binary(schema, props);
      case "array":
        return { type: "array", items: this.map(schema.valueSchema!), props: this.metaData(schema, props) };
      case "map":
        return this.mapping(schema, props);
      case "struct":
        return schema.name === UNION_NAME ? this.union(schema) : this.record(schema, props);
    }
  }

  private text(schema: Schema, props: Props): AvroSchema {
    const enumName = this.options.enhanced ? schema.parameters?.[ENUM_PARAMETER] : undefined;
    if (enumName === undefined) return avroPrimitive("string", this.metaData(schema, props));
    const prefix = `${ENUM_PARAMETER}.`;
    const symbols = Object.entries(schema.parameters!).flatMap(([k, v]) => (k.startsWith(prefix) ? [v] : []));
    return this.once(enumName, schema, () => ({ type: "enum", name: enumName, aliases: [], symbols, props: this.metaData(schema, props) }));
  }

  private binary(schema: Schema, props: Props): AvroSchema {
    if (schema.name === DECIMAL) {
      props["scale"] = Number(schema.parameters?.["scale"] ?? 0);
      props["precision"] = Number(schema.parameters?.[PRECISION_PARAMETER] ?? DEFAULT_PRECISION);
      this.metaData(schema, props);
      props["logicalType"] = "decimal";
      return avroPrimitive("bytes", props);
    }
    const size = schema.parameters?.[FIXED_SIZE_PARAMETER];
    if (size === undefined || schema.name === undefined) return avroPrimitive("bytes", this.metaData(schema, props));
    return this.once(schema.name, schema, () => ({
      type: "fixed",
      name: this.fullName(schema.name!),
      aliases: [],
      size: Number(size),
      props: this.metaData(schema, props),
    }));
  }

  private mapping(schema: Schema, props: Props): AvroSchema {
    const key = schema.keySchema!;
    if (key.type === "string" && !key.optional)
      return { type: "map", values: this.map(schema.valueSchema!), props: this.metaData(schema, props) };
    const name = this.fullName(schema.name ?? MAP_ENTRY_NAME);
    const items = this.once(name, schema, () => ({
      type: "record",
      name,
      aliases: [],
      fields: [
        this.field({ name: "key", index: 0, schema: key }, name),
        this.field({ name: "value", index: 1, schema: schema.valueSchema! }, name),
      ],
      props: schema.name === undefined ? {} : { "connect.internal.type": "MapEntry" },
    }));
    return { type: "array", items, props: this.metaData(schema, props) };
  }

  private union(schema: Schema): AvroSchema {
    const branches = schema.fields!.map((f) => this.base({ ...f.schema, optional: false }));
    return { type: "union", branches: schema.optional ? [avroPrimitive("null"), ...branches] : branches, props: {} };
  }

  private record(schema: Schema, props: Props): AvroSchema {
    const name = this.fullName(schema.name ?? DEFAULT_RECORD_NAME);
    return this.once(name, schema, () => {
      const fields: AvroField[] = [];
      const record: AvroSchema = {
        type: "record",
        name,
        ...(schema.doc === undefined ? {} : { doc: schema.doc }),
        aliases: [],
        fields,
        props: this.metaData(schema, props),
      };
      for (const f of schema.fields!) fields.push(this.field(f, name));
      return record;
    });
  }

  private field(field: Field, record: string): AvroField {
    const name = this.options.scrubNames ? scrub(field.name) : field.name;
    if (!/^[A-Za-z_]\w*$/.test(name))
      throw new MillraceError(
        "SCHEMA_INVALID",
        `Field "${field.name}" of ${record} has a name that Avro does not allow; set scrub.invalid.names=true (or the connector's field.name.adjustment.mode=avro)`,
      );
    const { schema } = field;
    const out: { -readonly [K in keyof AvroField]: AvroField[K] } = { name, type: this.map(schema), aliases: [], props: {} };
    if (schema.doc !== undefined) out.doc = schema.doc;
    if (hasDefault(schema)) out.default = defaultJson(schema, schema.default!);
    else if (schema.optional) out.default = null;
    return out;
  }

  /** A named type that is met again with the same meaning is the same object; with another it is an error, as in Avro. */
  private once(name: string, schema: Schema, make: () => AvroSchema): AvroSchema {
    const known = this.done.get(name) ?? [];
    const same = known.find((k) => sameBase(k.schema, schema));
    if (same) return same.avro;
    if (known.length) throw new MillraceError("SCHEMA_INVALID", `Can't redefine: ${name}`);
    const avro = make();
    this.done.set(name, [{ schema, avro }]);
    return avro;
  }

  private metaData(schema: Schema, props: Props): Props {
    if (!this.options.metaData) return props;
    if (schema.doc !== undefined) props["connect.doc"] = schema.doc;
    if (schema.version !== undefined) props["connect.version"] = schema.version;
    if (schema.parameters !== undefined && Object.keys(schema.parameters).length) props["connect.parameters"] = { ...schema.parameters };
    if (hasDefault(schema) && !(this.options.ignoreDefaultForNullables && schema.optional))
      props["connect.default"] = defaultJson(schema, schema.default!);
    if (schema.name !== undefined) props["connect.name"] = schema.name;
    return props;
  }

  private fullName(name: string): string {
    return this.options.scrubNames ? name.split(".").map(scrub).join(".") : name;
  }
}

export function hasDefault(schema: Schema): boolean {
  return schema.default !== undefined && schema.default !== null;
}

/** URL-encoded, then what Avro does not allow as `_`, with an `x` ahead of a first character that may not begin a name. */
export function scrub(name: string): string {
  const encoded = encodeURIComponent(name);
  return (/^[A-Za-z_]/.test(encoded) ? encoded : `x${encoded}`).replace(/\W/g, "_");
}

/** The same but for what belongs to the use and not to the type. */
function sameBase(a: Schema, b: Schema): boolean {
  return a === b || JSON.stringify(shapeOf(a, true)) === JSON.stringify(shapeOf(b, true));
}
function shapeOf(schema: Schema, top: boolean): unknown {
  const { type, name, version, parameters, doc } = schema;
  return [
    type,
    name,
    version,
    parameters,
    doc,
    top ? undefined : [schema.optional, hasDefault(schema) ? defaultJson(schema, schema.default!) : undefined],
    schema.fields?.map((f) => [f.name, shapeOf(f.schema, false)]),
    schema.keySchema && shapeOf(schema.keySchema, false),
    schema.valueSchema && shapeOf(schema.valueSchema, false),
  ];
}

/** A default as Avro's JSON writes it: bytes as text of code points below 256. */
export function defaultJson(schema: Schema, value: Value): unknown {
  if (value === null) return null;
  if (value instanceof Decimal) return value.toBytes().latin1Slice();
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).latin1Slice();
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Struct)
    return Object.fromEntries(schema.fields!.map((f) => [f.name, defaultJson(f.schema, value.values[f.index] ?? null)]));
  if (value instanceof Map) {
    const entries = [...value].map(([k, v]) => [defaultJson(schema.keySchema!, k), defaultJson(schema.valueSchema!, v)] as const);
    return schema.keySchema!.type === "string" ? Object.fromEntries(entries) : entries.map(([k, v]) => ({ key: k, value: v }));
  }
  if (Array.isArray(value)) return value.map((v: Value) => defaultJson(schema.valueSchema!, v));
  return value;
}

/** The field of a Connect union's struct that a branch goes to. */
export function unionFieldName(branch: AvroSchema, enhanced: boolean): string {
  return isNamed(branch) ? nameOfUnionField(branchName(branch), enhanced) : branch.type;
}
