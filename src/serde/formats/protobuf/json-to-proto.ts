import { MillraceError } from "../../../common/errors.js";
import type { Value } from "../../../data/schema.js";
import type { ProtoField, ProtoMessage, ProtoScalar } from "../../../schema-registry/protobuf/schema.js";
import type { ByteWriter } from "../../byte-writer.js";
import type { Json } from "../json/json-text.js";
import { wireOf } from "./decoder.js";
import { nested } from "./encoder.js";
import { camelCase } from "./proto-json-names.js";
import { TIMESTAMP_MESSAGE, wrappers } from "./proto-to-connect.js";
import { scalarCodecs } from "./scalars.js";
import { wireType, writeVarint } from "./wire.js";

type Write = (out: ByteWriter, json: Json) => void;

/**
 * A function that writes a message given in Protobuf's JSON mapping (protobuf.dev, "ProtoJSON Format"): fields by their own name or in
 * lower camel case, 64 bit integers as texts or numbers, bytes as base64, null as if it were not there.
 * @throws the function: SERIALIZATION that names the field, with nothing usable written
 */
export function compileJsonToProto(message: ProtoMessage): (out: ByteWriter, json: Json) => void {
  return new Compiler().message(message);
}

class Compiler {
  /** so that a message which holds itself ends */
  private readonly done = new Map<ProtoMessage, Write>();

  message(message: ProtoMessage): Write {
    const known = this.done.get(message);
    if (known) return known;
    const fields = new Map<string, { field: ProtoField; write: Write }>();
    const write: Write = (out, json) => {
      if (!isObject(json)) throw invalid(message.fullName, "an object", json);
      const chosen = new Map<string, string>();
      for (const name of Object.keys(json)) {
        const found = fields.get(name);
        if (!found) throw new MillraceError("SERIALIZATION", `Cannot find field: ${name} in message ${message.fullName}`);
        const value = json[name]!;
        if (value === null) continue;
        const { oneof } = found.field;
        if (oneof !== undefined && chosen.has(oneof))
          throw new MillraceError(
            "SERIALIZATION",
            `${name} and ${chosen.get(oneof)} are both of the oneof ${oneof} of ${message.fullName}`,
          );
        if (oneof !== undefined) chosen.set(oneof, name);
        found.write(out, value);
      }
      for (const { field } of fields.values())
        if (field.required && json[field.name] === undefined && json[camelCase(field.name)] === undefined)
          throw new MillraceError("SERIALIZATION", `Message ${message.fullName} is missing its required field ${field.name}`);
    };
    this.done.set(message, write);
    for (const field of message.fields) {
      const entry = { field, write: this.field(field) };
      fields.set(camelCase(field.name), entry);
      fields.set(field.name, entry);
    }
    return write;
  }

  private field(field: ProtoField): Write {
    const tag = field.number * 8;
    const value = this.value(field);
    if (field.mapKey) return mapWriter(field, tag + wireType.bytes, value);
    const wire = wireOf(field);
    const one: Write = (out, json) => {
      writeVarint(out, tag + wire);
      value(out, json);
    };
    if (!field.repeated) return one;
    return (out, json) => {
      if (!Array.isArray(json)) throw invalid(field.name, "a list", json);
      if (!field.packed) for (const item of json) one(out, item);
      else if (json.length) {
        writeVarint(out, tag + wireType.bytes);
        nested(out, (inner) => {
          for (const item of json) value(inner, item);
        });
      }
    };
  }

  private value({ type, name }: ProtoField): Write {
    if (type.kind === "scalar") {
      const codec = scalarCodecs[type.scalar];
      return (out, json) => codec.write(out, scalar(type.scalar, name, json));
    }
    if (type.kind === "enum")
      return (out, json) => {
        const number = typeof json === "number" && Number.isInteger(json) ? json : type.numbers.get(String(json));
        if (number === undefined) throw invalid(name, `one of ${[...type.numbers.keys()].join(", ")}`, json);
        writeVarint(out, number);
      };
    const message = type.message();
    const wrapped = wrappers[message.fullName];
    if (wrapped) {
      const codec = scalarCodecs[wrapped];
      return (out, json) =>
        nested(out, (inner) => {
          writeVarint(inner, 8 + codec.wire);
          codec.write(inner, scalar(wrapped, name, json));
        });
    }
    if (message.fullName === TIMESTAMP_MESSAGE) return (out, json) => nested(out, (inner) => writeTimestamp(inner, name, json));
    let write: Write | undefined;
    return (out, json) => {
      write ??= this.message(message);
      nested(out, (inner) => write!(inner, json));
    };
  }
}

function mapWriter(field: ProtoField, tag: number, value: Write): Write {
  const key = scalarCodecs[field.mapKey!];
  const valueTag = 2 * 8 + wireOf(field);
  return (out, json) => {
    if (!isObject(json)) throw invalid(field.name, "an object", json);
    for (const name of Object.keys(json)) {
      writeVarint(out, tag);
      nested(out, (inner) => {
        writeVarint(inner, 8 + key.wire);
        key.write(inner, scalar(field.mapKey!, field.name, field.mapKey === "bool" ? name === "true" : name));
        writeVarint(inner, valueTag);
        value(inner, json[name]!);
      });
    }
  };
}

const bits: Partial<Record<ProtoScalar, { readonly bits: number; readonly signed: boolean }>> = {
  int32: { bits: 32, signed: true },
  sint32: { bits: 32, signed: true },
  sfixed32: { bits: 32, signed: true },
  uint32: { bits: 32, signed: false },
  fixed32: { bits: 32, signed: false },
  int64: { bits: 64, signed: true },
  sint64: { bits: 64, signed: true },
  sfixed64: { bits: 64, signed: true },
  uint64: { bits: 64, signed: false },
  fixed64: { bits: 64, signed: false },
};

function scalar(type: ProtoScalar, name: string, json: Json): Value {
  const width = bits[type];
  if (width) {
    const whole =
      typeof json === "bigint" ||
      (typeof json === "number" && Number.isInteger(json)) ||
      (typeof json === "string" && /^-?\d+$/.test(json));
    if (!whole) throw invalid(name, type, json);
    const n = BigInt(json as number);
    if ((width.signed ? BigInt.asIntN(width.bits, n) : BigInt.asUintN(width.bits, n)) !== n)
      throw new MillraceError("SERIALIZATION", `Field ${name}: ${n} is out of range of ${type}`);
    // the fixed ones write what is signed
    return width.bits === 32 || Number.isSafeInteger(Number(n)) ? Number(n) : type === "fixed64" ? BigInt.asIntN(64, n) : n;
  }
  switch (type) {
    case "double":
    case "float": {
      const n = typeof json === "string" && json.trim() !== "" ? Number(json) : typeof json === "bigint" ? Number(json) : json;
      if (typeof n !== "number" || (Number.isNaN(n) && json !== "NaN")) throw invalid(name, type, json);
      return n;
    }
    case "bool":
      if (typeof json !== "boolean") throw invalid(name, type, json);
      return json;
    case "bytes":
      if (typeof json !== "string" || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(json)) throw invalid(name, "base64", json);
      return Buffer.from(json, "base64");
    default:
      if (typeof json !== "string") throw invalid(name, type, json);
      return json;
  }
}

/** RFC 3339: `2024-05-06T07:08:09.123456789Z` */
function writeTimestamp(out: ByteWriter, name: string, json: Json): void {
  const match = typeof json === "string" ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(json) : null;
  const ms = match ? Date.parse(`${match[1]}${match[3]}`) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(name, "a time as 2024-05-06T07:08:09Z", json);
  for (const [tag, n] of [
    [8, ms / 1000],
    [16, Number((match![2] ?? "").padEnd(9, "0"))],
  ] as const)
    if (n !== 0) {
      writeVarint(out, tag);
      writeVarint(out, n);
    }
}

function isObject(json: Json): json is { [name: string]: Json } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function invalid(field: string, expected: string, json: Json): MillraceError {
  const found =
    json === null
      ? "null"
      : Array.isArray(json)
        ? "a list"
        : typeof json === "object"
          ? "an object"
          : `${typeof json} ${String(json).slice(0, 40)}`;
  return new MillraceError("SERIALIZATION", `Field ${field}: expected ${expected}, found ${found}`, { context: { field } });
}
