import { MillraceError } from "../../../common/errors.js";
import { Decimal } from "../../../data/schema.js";
import type { AvroFixed, AvroPrimitive, AvroRecord, AvroSchema } from "../../../schema-registry/avro/schema.js";
import type { ByteWriter } from "../../byte-writer.js";
import { branchNames, isDecimal, isWrapped, kindOfSchema, kindOfValue, scaleOf } from "./object-unions.js";

export type ObjectEncoder = (out: ByteWriter, value: unknown) => void;

/**
 * Writes plain objects as data of an Avro schema: a record is an object by field name, a map an object, an enum its symbol, bytes
 * a Uint8Array, a decimal a Decimal, an int or long a number or bigint; a union see `isWrapped`. A field that the object lacks takes the
 * schema's default, else null where that is allowed.
 * The encoder throws SERIALIZATION that names the field.
 */
export function compileObjectEncoder(avro: AvroSchema): ObjectEncoder {
  return encoderOf(avro, "", new Map());
}

function encoderOf(avro: AvroSchema, path: string, records: Map<AvroRecord, ObjectEncoder>): ObjectEncoder {
  switch (avro.type) {
    case "null":
      return (_out, v) => {
        if (v !== null && v !== undefined) throw invalid(path, "null", v);
      };
    case "boolean":
      return (out, v) => {
        if (typeof v !== "boolean") throw invalid(path, "boolean", v);
        out.byte(v ? 1 : 0);
      };
    case "int":
      return (out, v) => {
        if (typeof v !== "number" || (v | 0) !== v) throw invalid(path, "int", v);
        out.varint(v);
      };
    case "long":
      return (out, v) => {
        if (typeof v === "number" ? !Number.isSafeInteger(v) : typeof v !== "bigint") throw invalid(path, "long", v);
        out.varint(v as number | bigint);
      };
    case "float":
    case "double": {
      const single = avro.type === "float";
      return (out, v) => {
        if (typeof v !== "number") throw invalid(path, avro.type, v);
        if (single) out.floatLe(v);
        else out.doubleLe(v);
      };
    }
    case "string":
      return (out, v) => {
        if (typeof v !== "string") throw invalid(path, "string", v);
        out.avroString(v);
      };
    case "enum": {
      const index = new Map(avro.symbols.map((symbol, i) => [symbol, i]));
      return (out, v) => {
        const i = index.get(v as string);
        if (i === undefined) throw invalid(path, `one of ${avro.symbols.join(", ")}`, v);
        out.varint(i);
      };
    }
    case "bytes":
    case "fixed":
      return binary(avro, path);
    case "array": {
      const item = encoderOf(avro.items, `${path}[]`, records);
      return (out, v) => {
        if (!Array.isArray(v)) throw invalid(path, "array", v);
        if (v.length) out.varint(v.length);
        for (const each of v) item(out, each);
        out.byte(0);
      };
    }
    case "map": {
      const item = encoderOf(avro.values, `${path}.*`, records);
      return (out, v) => {
        if (kindOfValue(v) !== "object") throw invalid(path, "object", v);
        const entries = Object.entries(v as object);
        if (entries.length) out.varint(entries.length);
        for (const [key, each] of entries) {
          out.avroString(key);
          item(out, each);
        }
        out.byte(0);
      };
    }
    case "record":
      return record(avro, path, records);
    case "union":
      return union(avro.branches, path, records);
  }
}

function binary(avro: AvroFixed | AvroPrimitive, path: string): ObjectEncoder {
  const decimal = isDecimal(avro);
  const scale = scaleOf(avro);
  const size = avro.type === "fixed" ? avro.size : -1;
  return (out, v) => {
    let bytes: Uint8Array;
    if (decimal) {
      if (!(v instanceof Decimal) || v.scale > scale) throw invalid(path, `a Decimal of scale ${scale}`, v);
      bytes = v.rescale(scale).toBytes();
      if (size > bytes.length) bytes = Buffer.concat([Buffer.alloc(size - bytes.length, bytes[0]! & 0x80 ? 255 : 0), bytes]);
    } else if (v instanceof Uint8Array) bytes = v;
    else throw invalid(path, "a Uint8Array", v);
    if (size < 0) return out.avroBytes(bytes);
    if (bytes.length !== size) throw invalid(path, `${size} bytes`, v);
    out.bytes(bytes);
  };
}

function record(avro: AvroRecord, path: string, records: Map<AvroRecord, ObjectEncoder>): ObjectEncoder {
  const known = records.get(avro);
  if (known) return known;
  let write: ObjectEncoder | undefined;
  // Before the fields are compiled: one of them may be this record again.
  records.set(avro, (out, v) => write!(out, v));
  const names = avro.fields.map((f) => f.name);
  const at = (name: string) => (path ? `${path}.${name}` : name);
  const encoders = avro.fields.map((f) => encoderOf(f.type, at(f.name), records));
  const missing = avro.fields.map((f) => ("default" in f ? defaultObject(f.type, f.default) : null));
  const reads = names.map((name, i) => `v = o[${JSON.stringify(name)}]; e[${i}](out, v === undefined ? d[${i}] : v);`);
  const body = new Function("e", "d", `"use strict"; return (out, o) => { let v; ${reads.join("\n")} };`)(
    encoders,
    missing,
  ) as ObjectEncoder;
  write = (out, v) => {
    if (kindOfValue(v) !== "object") throw invalid(path, `a record ${avro.name}`, v);
    body(out, v);
  };
  records.set(avro, write);
  return write;
}

function union(branches: readonly AvroSchema[], path: string, records: Map<AvroRecord, ObjectEncoder>): ObjectEncoder {
  const encoders = branches.map((b) => encoderOf(b, path, records));
  const kinds = branches.map(kindOfSchema);
  if (!isWrapped(branches))
    return (out, v) => {
      const i = kinds.indexOf(kindOfValue(v));
      if (i < 0) throw invalid(path, `one of ${branchNames(branches).join(", ")}`, v);
      out.varint(i);
      encoders[i]!(out, v);
    };
  const names = branchNames(branches);
  const nullIndex = kinds.indexOf("null");
  return (out, v) => {
    if ((v === null || v === undefined) && nullIndex >= 0) return out.varint(nullIndex);
    const keys = kindOfValue(v) === "object" ? Object.keys(v as object) : [];
    const i = keys.length === 1 ? names.indexOf(keys[0]!) : -1;
    if (i < 0) throw invalid(path, `an object with one of ${names.join(", ")}`, v);
    out.varint(i);
    encoders[i]!(out, (v as Record<string, unknown>)[keys[0]!]);
  };
}

/** A default as the specification writes it in JSON, as the value that decoders give. A union's is of its first branch. */
export function defaultObject(avro: AvroSchema, json: unknown): unknown {
  switch (avro.type) {
    case "bytes":
    case "fixed": {
      const bytes = Buffer.from(json as string, "latin1");
      return isDecimal(avro) ? Decimal.fromBytes(bytes, scaleOf(avro)) : bytes;
    }
    case "array":
      return (json as unknown[]).map((each) => defaultObject(avro.items, each));
    case "map":
      return Object.fromEntries(Object.entries(json as object).map(([k, v]) => [k, defaultObject(avro.values, v)]));
    case "record":
      return Object.fromEntries(
        avro.fields.map((f) => [f.name, defaultObject(f.type, (json as Record<string, unknown>)[f.name] ?? f.default)]),
      );
    case "union": {
      const branch = avro.branches.find((b) => (b.type === "null") === (json === null)) ?? avro.branches[0]!;
      const value = defaultObject(branch, json);
      return json !== null && isWrapped(avro.branches) ? { [branchNames([branch])[0]!]: value } : value;
    }
    default:
      return json;
  }
}

function invalid(path: string, expected: string, value: unknown): MillraceError {
  const kind = kindOfValue(value);
  const found = kind === "object" || kind === "array" ? kind : String(value).slice(0, 40);
  return new MillraceError("SERIALIZATION", `${path ? `field "${path}"` : "the value"}: expected ${expected}, found ${found}`, {
    context: { field: path },
  });
}
