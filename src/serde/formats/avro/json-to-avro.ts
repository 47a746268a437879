import { MillraceError } from "../../../common/errors.js";
import type { AvroRecord, AvroSchema } from "../../../schema-registry/avro/schema.js";
import { branchName } from "../../../schema-registry/avro/schema.js";
import type { ByteWriter } from "../../byte-writer.js";
import type { Json } from "../json/json-text.js";

export type JsonToAvro = (out: ByteWriter, json: Json | undefined) => void;

/**
 * A function that writes a value in Avro's JSON encoding (specification 1.11, "JSON Encoding") as Avro data: a union's value is null
 * or `{"branch": value}`, bytes are text of one character a byte, every field of a record is there.
 * @throws the function: SERIALIZATION that names the place, with nothing usable written
 */
export function compileJsonToAvro(schema: AvroSchema): JsonToAvro {
  return new Compiler().compile(schema, "");
}

class Compiler {
  /** so that a recursive type ends */
  private readonly records = new Map<AvroRecord, JsonToAvro>();

  compile(schema: AvroSchema, at: string): JsonToAvro {
    switch (schema.type) {
      case "null":
        return (_out, json) => {
          if (json !== null) throw mismatch(at, "null", json);
        };
      case "boolean":
        return (out, json) => {
          if (typeof json !== "boolean") throw mismatch(at, "boolean", json);
          out.byte(json ? 1 : 0);
        };
      case "int":
        return (out, json) => {
          if (typeof json !== "number" || !Number.isInteger(json)) throw mismatch(at, "int", json);
          if ((json | 0) !== json) throw invalid(at, `Numeric value (${json}) out of range of int`);
          out.varint(json);
        };
      case "long":
        return (out, json) => {
          if (typeof json === "bigint" ? BigInt.asIntN(64, json) !== json : typeof json === "number" && Math.abs(json) >= 2 ** 63)
            throw invalid(at, `Numeric value (${json}) out of range of long`);
          if (typeof json !== "bigint" && (typeof json !== "number" || !Number.isInteger(json))) throw mismatch(at, "long", json);
          out.varint(json);
        };
      case "float":
        return (out, json) => out.floatLe(floating(at, "float", json));
      case "double":
        return (out, json) => out.doubleLe(floating(at, "double", json));
      case "string":
        return (out, json) => {
          if (typeof json !== "string") throw mismatch(at, "string", json);
          out.avroString(json);
        };
      case "bytes":
        return (out, json) => {
          const text = byteText(at, "bytes", json);
          out.varint(text.length);
          out.latin1(text);
        };
      case "fixed": {
        const { size } = schema;
        return (out, json) => {
          const text = byteText(at, "fixed", json);
          if (text.length !== size) throw invalid(at, `Expected fixed length ${size}, but got ${text.length}`);
          out.latin1(text);
        };
      }
      case "enum": {
        const index = new Map<unknown, number>(schema.symbols.map((s, i) => [s, i]));
        return (out, json) => {
          if (typeof json !== "string") throw mismatch(at, "enum", json);
          const i = index.get(json);
          if (i === undefined) throw invalid(at, `Unknown symbol in enum ${json}`);
          out.varint(i);
        };
      }
      case "array": {
        const item = this.compile(schema.items, `${at}[]`);
        return (out, json) => {
          if (!Array.isArray(json)) throw mismatch(at, "array-start", json);
          if (json.length) out.varint(json.length);
          for (const each of json) item(out, each);
          out.byte(0);
        };
      }
      case "map": {
        const value = this.compile(schema.values, `${at}{}`);
        return (out, json) => {
          if (!isObject(json)) throw mismatch(at, "map-start", json);
          const keys = Object.keys(json);
          if (keys.length) out.varint(keys.length);
          for (const key of keys) {
            out.avroString(key);
            value(out, json[key]);
          }
          out.byte(0);
        };
      }
      case "union":
        return this.union(schema.branches, at);
      case "record":
        return this.record(schema, at);
    }
  }

  private union(branches: readonly AvroSchema[], at: string): JsonToAvro {
    const nullIndex = branches.findIndex((b) => b.type === "null");
    const byName = new Map(branches.map((b, i) => [branchName(b), { index: i, write: this.compile(b, at) }]));
    return (out, json) => {
      if (json === null && nullIndex >= 0) return out.varint(nullIndex);
      if (!isObject(json)) throw mismatch(at, "start-union", json);
      const names = Object.keys(json);
      if (names.length !== 1) throw invalid(at, `Expected one branch of a union, found ${names.length}`);
      const branch = byName.get(names[0]!);
      if (!branch) throw invalid(at, `Unknown union branch ${names[0]}`);
      out.varint(branch.index);
      branch.write(out, json[names[0]!]);
    };
  }

  private record(schema: AvroRecord, at: string): JsonToAvro {
    const known = this.records.get(schema);
    if (known) return known;
    const fields: { name: string; write: JsonToAvro }[] = [];
    const names = new Set(schema.fields.map((f) => f.name));
    const write: JsonToAvro = (out, json) => {
      if (!isObject(json)) throw mismatch(at, "record-start", json);
      for (const field of fields) {
        const value = Object.hasOwn(json, field.name) ? json[field.name] : undefined;
        if (value === undefined) throw invalid(at, `Expected field name not found: ${field.name}`);
        field.write(out, value);
      }
      let count = 0;
      for (const _ in json) count++;
      if (count !== fields.length) {
        const unknown = Object.keys(json).filter((name) => !names.has(name));
        throw invalid(at, `Unknown fields: [${unknown.join(", ")}]`);
      }
    };
    this.records.set(schema, write);
    for (const f of schema.fields) fields.push({ name: f.name, write: this.compile(f.type, at ? `${at}.${f.name}` : f.name) });
    return write;
  }
}

function floating(at: string, type: string, json: Json | undefined): number {
  if (typeof json === "number") return json;
  if (typeof json === "bigint") return Number(json);
  if (json === "NaN") return Number.NaN;
  if (json === "Infinity" || json === "INF") return Number.POSITIVE_INFINITY;
  if (json === "-Infinity" || json === "-INF") return Number.NEGATIVE_INFINITY;
  throw mismatch(at, type, json);
}

function byteText(at: string, type: string, json: Json | undefined): string {
  if (typeof json !== "string") throw mismatch(at, type, json);
  for (let i = 0; i < json.length; i++)
    if (json.charCodeAt(i) > 255) throw invalid(at, `Expected ${type}: the character at ${i} is no byte (beyond \\u00FF)`);
  return json;
}

function isObject(json: Json | undefined): json is { [name: string]: Json } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** What Java's decoder calls the token that it found. */
function token(json: Json | undefined): string {
  switch (typeof json) {
    case "string":
      return "VALUE_STRING";
    case "number":
      return Number.isInteger(json) ? "VALUE_NUMBER_INT" : "VALUE_NUMBER_FLOAT";
    case "bigint":
      return "VALUE_NUMBER_INT";
    case "boolean":
      return json ? "VALUE_TRUE" : "VALUE_FALSE";
    default:
      return json === null || json === undefined ? "VALUE_NULL" : Array.isArray(json) ? "START_ARRAY" : "START_OBJECT";
  }
}

function mismatch(at: string, expected: string, json: Json | undefined): MillraceError {
  return invalid(at, `Expected ${expected}. Got ${token(json)}`);
}
function invalid(at: string, what: string): MillraceError {
  return new MillraceError("SERIALIZATION", at === "" ? what : `${what} (field ${at})`, { context: { field: at } });
}
