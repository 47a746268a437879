import { MillraceError } from "../../../common/errors.js";
import { Decimal, type Schema, type Struct, type Value } from "../../../data/schema.js";
import type { ProtoField, ProtoMessage } from "../../../schema-registry/protobuf/schema.js";
import { ByteWriter } from "../../byte-writer.js";
import { wireOf } from "./decoder.js";
import { DATE_MESSAGE, DECIMAL_MESSAGE, membersOf, TIME_MESSAGE, TIMESTAMP_MESSAGE, wrappers } from "./proto-to-connect.js";
import { scalarCodecs } from "./scalars.js";
import { wireType, writeVarint } from "./wire.js";

/** Appends the message's fields. @throws SERIALIZATION that names the field */
export type ProtoEncoder = (out: ByteWriter, values: readonly Value[]) => void;

type Write = (out: ByteWriter, value: Value) => void;

/** Fields are found by name, exact or without case; those that the schema does not have are left out. */
export function compileProtoEncoder(message: ProtoMessage, schema: Schema): ProtoEncoder {
  const writes: { readonly index: number; readonly write: Write }[] = [];
  for (const { name, fields, oneof } of membersOf(message)) {
    const found = schema.fields!.find((f) => f.name === name) ?? schema.fields!.find((f) => f.name.toUpperCase() === name.toUpperCase());
    if (!found) continue;
    writes.push({ index: found.index, write: oneof ? oneofWriter(fields, found.schema) : fieldWriter(fields[0]!, found.schema) });
  }
  return (out, values) => {
    for (const { index, write } of writes) {
      const value = values[index];
      if (value !== null && value !== undefined) write(out, value);
    }
  };
}

function oneofWriter(fields: readonly ProtoField[], schema: Schema): Write {
  const encode = compileProtoEncoder({ name: "", fullName: "", messages: [], fields: fields.map(({ oneof: _, ...f }) => f) }, schema);
  return (out, value) => encode(out, (value as Struct).values as Value[]);
}

function fieldWriter(field: ProtoField, schema: Schema): Write {
  const tag = field.number * 8;
  if (field.mapKey) return mapWriter(field, schema);
  const wire = wireOf(field);
  const value = valueWriter(field, field.repeated ? (schema.valueSchema ?? schema) : schema);
  if (field.repeated) {
    const missing = nothingOf(field);
    if (field.packed)
      return (out, v) => {
        const list = v as Value[];
        if (list.length === 0) return;
        writeVarint(out, tag + wireType.bytes);
        nested(out, (inner) => {
          for (const item of list) value(inner, item ?? missing);
        });
      };
    return (out, v) => {
      for (const item of v as Value[]) {
        writeVarint(out, tag + wire);
        if (item === null && field.type.kind === "message") writeVarint(out, 0);
        else value(out, item ?? missing);
      }
    };
  }
  const zero = field.presence ? undefined : nothingOf(field);
  return (out, v) => {
    if (v === zero || (v instanceof Uint8Array && !field.presence && v.length === 0)) return;
    writeVarint(out, tag + wire);
    value(out, v);
  };
}

function mapWriter(field: ProtoField, schema: Schema): Write {
  const tag = field.number * 8 + wireType.bytes;
  const key = scalarCodecs[field.mapKey!];
  const value = valueWriter(field, schema.valueSchema!);
  const valueTag = 2 * 8 + wireOf(field);
  return (out, map) => {
    for (const [k, v] of map as Map<Value, Value>) {
      writeVarint(out, tag);
      nested(out, (inner) => {
        writeVarint(inner, 8 + key.wire);
        key.write(inner, k);
        if (v === null) return;
        writeVarint(inner, valueTag);
        value(inner, v);
      });
    }
  };
}

function valueWriter(field: ProtoField, schema: Schema): Write {
  const { type, name } = field;
  if (type.kind === "scalar") {
    const { scalar } = type;
    const codec = scalarCodecs[scalar];
    if (scalar === "string" || scalar === "bytes" || scalar === "bool") return checked(codec.write, scalar, name);
    return (out, v) => {
      if (typeof v !== "number" && typeof v !== "bigint") throw wrong(v, scalar, name);
      codec.write(out, v);
    };
  }
  if (type.kind === "enum")
    return (out, v) => {
      const number = type.numbers.get(String(v));
      if (number === undefined) throw new MillraceError("SERIALIZATION", `${String(v)} is no value of the enum of field ${name}`);
      writeVarint(out, number);
    };
  const message = type.message();
  const wrapped = wrappers[message.fullName];
  if (wrapped) {
    const codec = scalarCodecs[wrapped];
    return (out, v) =>
      nested(out, (inner) => {
        if (v === codec.zero) return;
        writeVarint(inner, 8 + codec.wire);
        codec.write(inner, v);
      });
  }
  switch (message.fullName) {
    case TIMESTAMP_MESSAGE:
      return numbers((ms) => [Math.floor(ms / 1000), (((ms % 1000) + 1000) % 1000) * 1e6]);
    case DATE_MESSAGE:
      return numbers((days) => {
        const date = new Date(days * 86_400_000);
        return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
      });
    case TIME_MESSAGE:
      return numbers((ms) => [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1000) % 60, (ms % 1000) * 1e6]);
    case DECIMAL_MESSAGE: {
      const scale = Number(schema.parameters?.["scale"] ?? 0);
      const precision = Number(field.params["precision"] ?? 0);
      return (out, v) => {
        if (!(v instanceof Decimal)) throw wrong(v, "a decimal", name);
        nested(out, (inner) => {
          writeVarint(inner, 8 + wireType.bytes);
          scalarCodecs.bytes.write(inner, v.rescale(scale).toBytes());
          for (const [number, n] of [
            [2, precision],
            [3, scale],
          ] as const)
            if (n !== 0) {
              writeVarint(inner, number * 8);
              writeVarint(inner, n);
            }
        });
      };
    }
  }
  if (schema.type !== "struct")
    throw new MillraceError("SERIALIZATION", `Field ${name} is the message ${message.fullName}, not ${schema.type}`);
  let encode: ProtoEncoder | undefined;
  return (out, v) => {
    encode ??= compileProtoEncoder(message, schema);
    nested(out, (inner) => encode!(inner, (v as Struct).values as Value[]));
  };
}

const isOfType = {
  string: (v: Value) => typeof v === "string",
  bytes: (v: Value) => v instanceof Uint8Array,
  bool: (v: Value) => typeof v === "boolean",
};

function checked(write: Write, scalar: keyof typeof isOfType, name: string): Write {
  const fits = isOfType[scalar];
  return (out, v) => {
    if (!fits(v)) throw wrong(v, scalar, name);
    write(out, v);
  };
}

/** A message of whole numbers, those that are 0 left out. */
function numbers(fields: (value: number) => readonly number[]): Write {
  return (out, v) =>
    nested(out, (inner) => {
      for (const [i, n] of fields(Number(v)).entries())
        if (n !== 0) {
          writeVarint(inner, (i + 1) * 8);
          writeVarint(inner, n);
        }
    });
}

function nothingOf({ type }: ProtoField): Value {
  if (type.kind === "scalar") return scalarCodecs[type.scalar].zero;
  return type.kind === "enum" ? (type.names.get(0) ?? null) : null;
}

const spare: ByteWriter[] = [];

/** The length comes first, so what is inside is written apart. */
export function nested(out: ByteWriter, write: (inner: ByteWriter) => void): void {
  const inner = spare.pop() ?? new ByteWriter(256);
  inner.position = 0;
  write(inner);
  writeVarint(out, inner.position);
  out.bytes(inner.buffer.subarray(0, inner.position));
  spare.push(inner);
}

function wrong(value: Value, expected: string, name: string): MillraceError {
  return new MillraceError("SERIALIZATION", `Field ${name}: expected ${expected}, found ${typeof value}`);
}
