import { MillraceError } from "../../../common/errors.js";
import { Decimal, type Schema, Struct, type Value } from "../../../data/schema.js";
import type { ProtoField, ProtoMessage } from "../../../schema-registry/protobuf/schema.js";
import { DATE_MESSAGE, DECIMAL_MESSAGE, membersOf, TIME_MESSAGE, TIMESTAMP_MESSAGE, wrappers } from "./proto-to-connect.js";
import { scalarCodecs } from "./scalars.js";
import { WireReader, wireType } from "./wire.js";

/** Reads a message between the positions as a Struct of the schema that `protoToConnect` gives for it. @throws DESERIALIZATION */
export type ProtoDecoder = (bytes: Buffer, start: number, end: number) => Struct;

type Read = (reader: WireReader) => Value;

interface Slot {
  /** of the struct */
  readonly member: number;
  /** within the oneof's struct; -1 for a field of its own */
  readonly inner: number;
  readonly repeated: boolean;
  readonly packedWire: number;
  readonly wire: number;
  readonly read: Read;
  readonly map: boolean;
}

export function compileProtoDecoder(message: ProtoMessage, schema: Schema): ProtoDecoder {
  const slots = new Map<number, Slot>();
  const empty: (() => Value)[] = [];
  for (const [member, { fields, oneof }] of membersOf(message).entries()) {
    const own = schema.fields![member]!.schema;
    empty.push(oneof ? () => null : emptyOf(fields[0]!));
    for (const [i, field] of fields.entries())
      slots.set(field.number, slotOf(field, oneof ? own.fields![i]!.schema : own, member, oneof ? i : -1));
  }
  const oneofSchemas = schema.fields!.map((f) => f.schema);
  return (bytes, start, end) => {
    const values: Value[] = new Array(empty.length);
    for (let i = 0; i < empty.length; i++) values[i] = empty[i]!();
    const reader = new WireReader().set(bytes, start, end);
    while (reader.position < end) {
      const tag = Number(reader.varint());
      const wire = tag & 7;
      const slot = slots.get(tag >>> 3);
      if (!slot) reader.skipValue(wire);
      else if (slot.repeated) readRepeated(reader, slot, wire, values);
      else if (wire !== slot.wire) throw mismatch(message, tag >>> 3, wire);
      else if (slot.inner < 0) values[slot.member] = slot.read(reader);
      else {
        const one = oneofSchemas[slot.member]!;
        const members = one.fields!.map((): Value => null);
        members[slot.inner] = slot.read(reader);
        values[slot.member] = new Struct(one, members);
      }
    }
    return new Struct(schema, values);
  };
}

function readRepeated(reader: WireReader, slot: Slot, wire: number, values: Value[]): void {
  if (slot.map) {
    const [key, value] = slot.read(reader) as [Value, Value];
    (values[slot.member] as Map<Value, Value>).set(key, value);
    return;
  }
  const list = values[slot.member] as Value[];
  if (wire === wireType.bytes && slot.packedWire >= 0) {
    const n = reader.length();
    const end = reader.position + n;
    while (reader.position < end) list.push(slot.read(reader));
  } else list.push(slot.read(reader));
}

function slotOf(field: ProtoField, schema: Schema, member: number, inner: number): Slot {
  if (field.mapKey)
    return { member, inner, repeated: true, packedWire: -1, wire: wireType.bytes, map: true, read: entryReader(field, schema) };
  const single = field.repeated ? schema.valueSchema! : schema;
  const wire = wireOf(field);
  // either way of writing is read, whatever the schema says
  const packedWire = wire === wireType.bytes ? -1 : wire;
  return { member, inner, repeated: field.repeated, packedWire, wire, map: false, read: valueReader(field, single) };
}

/** A map's entry is a message of its key, 1, and its value, 2. */
function entryReader(field: ProtoField, schema: Schema): Read {
  const key = scalarCodecs[field.mapKey!];
  const value = valueReader(field, schema.valueSchema!);
  const none = field.type.kind === "message" ? null : zeroOf(field);
  return (reader) => {
    const n = reader.length();
    const end = reader.position + n;
    let k = key.zero;
    let v: Value = none;
    while (reader.position < end) {
      const tag = Number(reader.varint());
      if (tag >>> 3 === 1) k = key.read(reader);
      else if (tag >>> 3 === 2) v = value(reader);
      else reader.skipValue(tag & 7);
    }
    return [k, v] as unknown as Value;
  };
}

function valueReader({ type }: ProtoField, schema: Schema): Read {
  if (type.kind === "scalar") return scalarCodecs[type.scalar].read;
  if (type.kind === "enum") return (r) => type.names.get(Number(r.varint())) ?? null;
  const message = type.message();
  const wrapped = wrappers[message.fullName];
  if (wrapped) {
    const codec = scalarCodecs[wrapped];
    return within((r, end) => {
      let value = codec.zero;
      while (r.position < end) {
        const tag = Number(r.varint());
        if (tag >>> 3 === 1) value = codec.read(r);
        else r.skipValue(tag & 7);
      }
      return value;
    });
  }
  switch (message.fullName) {
    case TIMESTAMP_MESSAGE:
      return numbers(([, seconds = 0, nanos = 0]) => seconds * 1000 + Math.floor(nanos / 1e6));
    case DATE_MESSAGE:
      return numbers(([, year = 1970, month = 1, day = 1]) => Math.floor(Date.UTC(year, month - 1, day) / 86_400_000));
    case TIME_MESSAGE:
      return numbers(
        ([, hours = 0, minutes = 0, seconds = 0, nanos = 0]) => ((hours * 60 + minutes) * 60 + seconds) * 1000 + Math.floor(nanos / 1e6),
      );
    case DECIMAL_MESSAGE:
      return decimalReader(schema);
  }
  let decode: ProtoDecoder | undefined;
  return (r) => {
    decode ??= compileProtoDecoder(message, schema);
    const n = r.length();
    const at = r.skip(n);
    return decode(r.buffer, at, at + n);
  };
}

function within(read: (reader: WireReader, end: number) => Value): Read {
  return (r) => {
    const n = r.length();
    return read(r, r.position + n);
  };
}

/** A message of whole numbers, by their fields' numbers. */
function numbers(value: (fields: number[]) => number): Read {
  return within((r, end) => {
    const fields: number[] = [];
    while (r.position < end) {
      const tag = Number(r.varint());
      if ((tag & 7) === wireType.varint) fields[tag >>> 3] = Number(BigInt.asIntN(64, BigInt(r.varint())));
      else r.skipValue(tag & 7);
    }
    return value(fields);
  });
}

function decimalReader(schema: Schema): Read {
  const scale = Number(schema.parameters?.["scale"] ?? 0);
  return within((r, end) => {
    let bytes: Uint8Array = Buffer.alloc(0);
    while (r.position < end) {
      const tag = Number(r.varint());
      if (tag >>> 3 === 1) bytes = scalarCodecs.bytes.read(r) as Uint8Array;
      else r.skipValue(tag & 7);
    }
    return Decimal.fromBytes(bytes, scale);
  });
}

export function wireOf({ type }: ProtoField): number {
  return type.kind === "scalar" ? scalarCodecs[type.scalar].wire : type.kind === "enum" ? wireType.varint : wireType.bytes;
}

function zeroOf({ type }: ProtoField): Value {
  if (type.kind === "scalar") return scalarCodecs[type.scalar].zero;
  return type.kind === "enum" ? (type.names.get(0) ?? null) : null;
}

function emptyOf(field: ProtoField): () => Value {
  if (field.mapKey) return () => new Map();
  if (field.repeated) return () => [];
  const zero = field.presence ? null : zeroOf(field);
  return () => zero;
}

function mismatch(message: ProtoMessage, number: number, wire: number): MillraceError {
  return new MillraceError("DESERIALIZATION", `Field ${number} of ${message.fullName} has wire type ${wire}, which its schema does not`);
}
