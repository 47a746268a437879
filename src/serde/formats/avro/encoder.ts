import { MillraceError } from "../../../common/errors.js";
import { Decimal, type Schema, Struct, type Value } from "../../../data/schema.js";
import type { AvroSchema } from "../../../schema-registry/avro/schema.js";
import type { ByteWriter } from "../../byte-writer.js";
import { defaultValue, mapEntryOf } from "./avro-to-connect.js";
import { type AvroDataOptions, DECIMAL, UNION_NAME } from "./connect-names.js";
import { hasDefault, scrub, unionFieldName } from "./connect-to-avro.js";

export type AvroEncoder = (out: ByteWriter, value: Value) => void;

/**
 * A function that writes values of the Connect schema as data of the Avro schema, which is the one that `connectToAvro` gives
 * or any other that the fields fit by name (a registered one: `use.latest.version`).
 * @throws SCHEMA_INVALID at once where they do not fit; the encoder throws SERIALIZATION that names the field
 */
export function compileAvroEncoder(schema: Schema, avro: AvroSchema, options: AvroDataOptions, path = ""): AvroEncoder {
  if (avro.type !== "union") {
    const write = typed(schema, avro, options, path);
    return (out, value) => {
      const v = value === null || value === undefined ? orDefault(schema, options, path) : value;
      if (v === null) throw invalid(path, avro.type, null);
      write(out, v);
    };
  }
  const nullIndex = avro.branches.findIndex((b) => b.type === "null");
  const others = avro.branches.filter((b) => b.type !== "null");
  const onNull = (out: ByteWriter) => {
    if (nullIndex < 0) throw invalid(path, "a value", null);
    out.varint(nullIndex);
  };
  if (schema.name === UNION_NAME && schema.type === "struct") {
    const fields = others.map((b) => {
      const field = schema.fields!.find((f) => f.name === unionFieldName(b, options.enhanced) || f.name === unionFieldName(b, true));
      if (!field)
        throw new MillraceError("SCHEMA_INVALID", `The union at ${path || "the root"} has no field for branch ${unionFieldName(b, true)}`);
      return { at: field.index, branch: avro.branches.indexOf(b), write: typed(field.schema, b, options, path) };
    });
    return (out, value) => {
      if (value === null || value === undefined) return onNull(out);
      const { values } = value as Struct;
      for (const f of fields) {
        const v = values[f.at];
        if (v === null || v === undefined) continue;
        out.varint(f.branch);
        return f.write(out, v);
      }
      onNull(out);
    };
  }
  const branch = others.find((b) => fits(schema, b));
  if (!branch) throw new MillraceError("SCHEMA_INVALID", `No branch of the union at ${path || "the root"} holds a ${schema.type}`);
  const index = avro.branches.indexOf(branch);
  const write = typed(schema, branch, options, path);
  return (out, value) => {
    const v = value === null || value === undefined ? orDefault(schema, options, path) : value;
    if (v === null) return onNull(out);
    out.varint(index);
    write(out, v);
  };
}

/** What a null becomes: as Connect's Struct.get, the schema's default, unless told otherwise. */
function orDefault(schema: Schema, options: AvroDataOptions, path: string): Value {
  if (hasDefault(schema) && !(schema.optional && options.ignoreDefaultForNullables)) return schema.default!;
  if (schema.optional) return null;
  throw new MillraceError(
    "SERIALIZATION",
    `Invalid value: null used for required field${path && `: "${path}"`}, schema type: ${schema.type.toUpperCase()}`,
  );
}

const avroOf: Readonly<Record<string, readonly string[]>> = {
  int8: ["int", "long", "float", "double"],
  int16: ["int", "long", "float", "double"],
  int32: ["int", "long", "float", "double"],
  int64: ["long", "float", "double"],
  float32: ["float", "double"],
  float64: ["double"],
  boolean: ["boolean"],
  string: ["string", "enum", "bytes"],
  bytes: ["bytes", "fixed", "string"],
  array: ["array"],
  map: ["map", "array"],
  struct: ["record"],
};

function fits(schema: Schema, avro: AvroSchema): boolean {
  return avroOf[schema.type]!.includes(avro.type);
}

function typed(schema: Schema, avro: AvroSchema, options: AvroDataOptions, path: string): (out: ByteWriter, value: Value) => void {
  if (!fits(schema, avro))
    throw new MillraceError(
      "SCHEMA_INVALID",
      `${path || "The value"}: a ${schema.type} does not fit the registered Avro type ${avro.type}`,
    );
  switch (avro.type) {
    case "int":
    case "long":
      return (out, v) => {
        if (typeof v === "number" ? !Number.isInteger(v) : typeof v !== "bigint") throw invalid(path, schema.type, v);
        out.varint(v as number | bigint);
      };
    case "float":
    case "double": {
      const single = avro.type === "float";
      return (out, v) => {
        if (typeof v !== "number" && typeof v !== "bigint") throw invalid(path, schema.type, v);
        if (single) out.floatLe(Number(v));
        else out.doubleLe(Number(v));
      };
    }
    case "boolean":
      return (out, v) => {
        if (typeof v !== "boolean") throw invalid(path, "boolean", v);
        out.byte(v ? 1 : 0);
      };
    case "string":
      return (out, v) => {
        if (typeof v !== "string") throw invalid(path, "string", v);
        out.avroString(v);
      };
    case "enum": {
      const index = new Map(avro.symbols.map((s, i) => [s, i]));
      return (out, v) => {
        const i = index.get(v as string);
        if (i === undefined) throw invalid(path, `one of ${avro.symbols.join(", ")}`, v);
        out.varint(i);
      };
    }
    case "bytes":
    case "fixed":
      return binary(schema, avro.type === "fixed" ? avro.size : undefined, path);
    case "array":
      return schema.type === "map" ? entries(schema, avro, options, path) : list(schema, avro.items, options, path);
    case "map": {
      const write = compileAvroEncoder(schema.valueSchema!, avro.values, options, `${path}.value`);
      return (out, v) => {
        if (!(v instanceof Map)) throw invalid(path, "map", v);
        if (v.size) out.varint(v.size);
        for (const [key, value] of v) {
          if (typeof key !== "string") throw invalid(`${path}.key`, "string", key);
          out.avroString(key);
          write(out, value);
        }
        out.byte(0);
      };
    }
    case "record":
      return record(schema, avro, options, path);
    default:
      throw new MillraceError("SCHEMA_INVALID", `${path}: no value of ${avro.type}`);
  }
}

function binary(schema: Schema, size: number | undefined, path: string): AvroEncoder {
  const scale = schema.name === DECIMAL ? Number(schema.parameters?.["scale"] ?? 0) : undefined;
  return (out, v) => {
    let bytes: Uint8Array;
    if (scale !== undefined && v instanceof Decimal) {
      if (v.scale !== scale)
        throw new MillraceError(
          "SERIALIZATION",
          `${path || "The value"}: Decimal value has mismatching scale for given Decimal schema (${v.scale}, not ${scale})`,
        );
      bytes = v.toBytes();
    } else if (v instanceof Uint8Array) bytes = v;
    else if (typeof v === "string" && schema.type === "string") bytes = Buffer.from(v);
    else throw invalid(path, scale === undefined ? "bytes" : "Decimal", v);
    if (size === undefined) return out.avroBytes(bytes);
    if (scale !== undefined && bytes.length < size) bytes = widen(bytes, size);
    if (bytes.length !== size) throw invalid(path, `${size} bytes`, v);
    out.bytes(bytes);
  };
}

/** Two's complement in more bytes. */
function widen(bytes: Uint8Array, size: number): Uint8Array {
  const out = Buffer.alloc(size, bytes[0]! >= 128 ? 0xff : 0);
  out.set(bytes, size - bytes.length);
  return out;
}

function list(schema: Schema, items: AvroSchema, options: AvroDataOptions, path: string): AvroEncoder {
  const write = compileAvroEncoder(schema.valueSchema!, items, options, `${path}[]`);
  return (out, v) => {
    if (!Array.isArray(v)) throw invalid(path, "array", v);
    if (v.length) out.varint(v.length);
    for (const item of v as Value[]) write(out, item);
    out.byte(0);
  };
}

function entries(schema: Schema, avro: AvroSchema & { type: "array" }, options: AvroDataOptions, path: string): AvroEncoder {
  const entry = mapEntryOf(avro);
  if (!entry) throw new MillraceError("SCHEMA_INVALID", `${path || "The value"}: a map does not fit an Avro array`);
  const writeKey = compileAvroEncoder(schema.keySchema!, entry.fields[0]!.type, options, `${path}.key`);
  const writeValue = compileAvroEncoder(schema.valueSchema!, entry.fields[1]!.type, options, `${path}.value`);
  return (out, v) => {
    if (!(v instanceof Map)) throw invalid(path, "map", v);
    if (v.size) out.varint(v.size);
    for (const [key, value] of v) {
      writeKey(out, key);
      writeValue(out, value);
    }
    out.byte(0);
  };
}

function record(schema: Schema, avro: AvroSchema & { type: "record" }, options: AvroDataOptions, path: string): AvroEncoder {
  const byName = new Map(schema.fields!.map((f) => [options.scrubNames ? scrub(f.name) : f.name, f]));
  const fields = avro.fields.map((f) => {
    const field = byName.get(f.name);
    const at = path ? `${path}.${f.name}` : f.name;
    if (field) return { index: field.index, write: compileAvroEncoder(field.schema, f.type, options, at) };
    if (!("default" in f))
      throw new MillraceError("SCHEMA_INVALID", `The registered Avro schema needs field "${at}", which the record does not have`);
    return { index: -1, write: constant(f.type, f.default) };
  });
  return (out, v) => {
    if (!(v instanceof Struct)) throw invalid(path, "struct", v);
    const { values } = v;
    if (values.length !== schema.fields!.length) throw invalid(path, `struct of ${schema.fields!.length} fields`, v);
    for (const f of fields) f.write(out, f.index < 0 ? null : values[f.index]!);
  };
}

/** Writes the default of a field that the record does not have: only simple ones. */
function constant(avro: AvroSchema, json: unknown): AvroEncoder {
  const branch = avro.type === "union" ? avro.branches.find((b) => (json === null) === (b.type === "null")) : avro;
  if (branch && branch.type !== "null" && ["record", "array", "map"].includes(branch.type))
    throw new MillraceError("UNSUPPORTED", `A default of type ${branch.type} for a field that records do not have`);
  const index = avro.type === "union" ? avro.branches.indexOf(branch!) : -1;
  return (out) => {
    if (index >= 0) out.varint(index);
    switch (branch!.type) {
      case "null":
        return;
      case "boolean":
        return out.byte(json ? 1 : 0);
      case "int":
      case "long":
        return out.varint(json as number);
      case "float":
        return out.floatLe(json as number);
      case "double":
        return out.doubleLe(json as number);
      case "enum":
        return out.varint((branch as AvroSchema & { type: "enum" }).symbols.indexOf(json as string));
      case "bytes":
        return out.avroBytes(defaultValue({ type: "bytes", optional: false }, branch!, json) as Buffer);
      case "fixed":
        return out.bytes(Buffer.from(json as string, "latin1"));
      default:
        return out.avroString(json as string);
    }
  };
}

function invalid(path: string, expected: string, value: Value): MillraceError {
  const found =
    value === null ? "null" : typeof value === "object" ? value.constructor.name : `${typeof value} ${String(value).slice(0, 40)}`;
  return new MillraceError(
    "SERIALIZATION",
    `Invalid value for ${path ? `field "${path}"` : "the schema"}: expected ${expected}, found ${found}`,
    {
      context: { field: path },
    },
  );
}
