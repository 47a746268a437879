import { MillraceError } from "../../../common/errors.js";
import { arrayOf, logical, mapOf, primitive, type Schema, structOf } from "../../../data/schema.js";
import type { ProtoField, ProtoMessage, ProtoScalar } from "../../../schema-registry/protobuf/schema.js";
import { PRECISION_PARAMETER } from "../avro/connect-names.js";

/** Messages that stand for a value of another kind, by full name. */
export const wrappers: Readonly<Record<string, ProtoScalar | undefined>> = {
  "google.protobuf.DoubleValue": "double",
  "google.protobuf.FloatValue": "float",
  "google.protobuf.Int64Value": "int64",
  "google.protobuf.UInt64Value": "uint64",
  "google.protobuf.Int32Value": "int32",
  "google.protobuf.UInt32Value": "uint32",
  "google.protobuf.BoolValue": "bool",
  "google.protobuf.StringValue": "string",
  "google.protobuf.BytesValue": "bytes",
};
export const DECIMAL_MESSAGE = "confluent.type.Decimal";
export const TIMESTAMP_MESSAGE = "google.protobuf.Timestamp";
export const DATE_MESSAGE = "google.type.Date";
export const TIME_MESSAGE = "google.type.TimeOfDay";

const types: Readonly<Record<ProtoScalar, Parameters<typeof primitive>[0]>> = {
  double: "float64",
  float: "float32",
  int32: "int32",
  sint32: "int32",
  sfixed32: "int32",
  uint32: "int64",
  fixed32: "int64",
  int64: "int64",
  sint64: "int64",
  sfixed64: "int64",
  uint64: "int64",
  fixed64: "int64",
  bool: "boolean",
  string: "string",
  bytes: "bytes",
};

/** The members of a Connect struct that a message becomes: its oneofs, each a struct of its members, then its other fields. */
export function membersOf(
  message: ProtoMessage,
): { readonly name: string; readonly fields: readonly ProtoField[]; readonly oneof: boolean }[] {
  const oneofs = [...new Set(message.fields.flatMap((f) => f.oneof ?? []))];
  return [
    ...oneofs.map((name, i) => ({ name: `${name}_${i}`, fields: message.fields.filter((f) => f.oneof === name), oneof: true })),
    ...message.fields.filter((f) => f.oneof === undefined).map((f) => ({ name: f.name, fields: [f], oneof: false })),
  ];
}

/**
 * The Connect schema of a message, as Confluent's converter makes it: wrappers are their values, enums text.
 * @throws SCHEMA_INVALID where a message holds itself
 */
export function protoToConnect(message: ProtoMessage, around: readonly ProtoMessage[] = []): Schema {
  if (around.includes(message))
    throw new MillraceError("SCHEMA_INVALID", `The Protobuf message ${message.fullName} holds itself, which a record's schema cannot`);
  const inside = [...around, message];
  return structOf(
    membersOf(message).map(({ name, fields, oneof }) => {
      if (!oneof) return [name, fieldSchema(fields[0]!, inside)] as const;
      return [
        name,
        structOf(
          fields.map((f) => [f.name, { ...fieldSchema(f, inside), optional: true }] as const),
          { optional: true },
        ),
      ] as const;
    }),
    { name: message.fullName },
  );
}

function fieldSchema(field: ProtoField, around: readonly ProtoMessage[]): Schema {
  const single = singleSchema(field, around);
  if (field.mapKey) return mapOf(primitive(types[field.mapKey]), { ...single, optional: true }, { optional: true });
  if (field.repeated) return arrayOf({ ...single, optional: true }, { optional: true });
  return single;
}

function singleSchema({ type, presence, params }: ProtoField, around: readonly ProtoMessage[]): Schema {
  const optional = { optional: presence };
  if (type.kind === "scalar") return primitive(types[type.scalar], optional);
  if (type.kind === "enum") return primitive("string", optional);
  const message = type.message();
  const wrapped = wrappers[message.fullName];
  if (wrapped) return primitive(types[wrapped], { optional: true });
  switch (message.fullName) {
    case TIMESTAMP_MESSAGE:
      return logical.timestamp({ optional: true });
    case DATE_MESSAGE:
      return logical.date({ optional: true });
    case TIME_MESSAGE:
      return logical.time({ optional: true });
    case DECIMAL_MESSAGE: {
      const { precision, scale = "0" } = params;
      const parameters = { scale, ...(precision === undefined ? {} : { [PRECISION_PARAMETER]: precision }) };
      return logical.decimal(Number(scale), { optional: true, parameters });
    }
    default:
      return { ...protoToConnect(message, around), optional: true };
  }
}
