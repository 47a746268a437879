import { arrayOf, optional, primitive, type Schema, structOf } from "../data/schema.js";

/** Schemas of Debezium's change events that every connector shares; their names and versions are part of the contract. */
const string = primitive("string");
const int64 = primitive("int64");
export const optionalString = optional(string);
export const optionalInt64 = optional(int64);

export const snapshotSchema = primitive("string", {
  optional: true,
  name: "io.debezium.data.Enum",
  version: 1,
  parameters: { allowed: "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental" },
  default: "false",
});

export const transactionBlock: Schema = structOf(
  [
    ["id", string],
    ["total_order", int64],
    ["data_collection_order", int64],
  ],
  { name: "event.block", version: 1, optional: true },
);

export type Operation = "c" | "u" | "d" | "r" | "t";

export function keySchema(topic: string, fields: readonly (readonly [string, Schema])[]): Schema {
  return structOf(fields, { name: `${topic}.Key` });
}

export function rowSchema(topic: string, fields: readonly (readonly [string, Schema])[]): Schema {
  return structOf(fields, { name: `${topic}.Value`, optional: true });
}

/** before, after, source, transaction, op, ts_ms, ts_us, ts_ns */
export function envelopeSchema(topic: string, row: Schema, source: Schema): Schema {
  return structOf(
    [
      ["before", row],
      ["after", row],
      ["source", source],
      ["transaction", transactionBlock],
      ["op", string],
      ["ts_ms", optionalInt64],
      ["ts_us", optionalInt64],
      ["ts_ns", optionalInt64],
    ],
    { name: `${topic}.Envelope`, version: 2 },
  );
}

export const heartbeatKey = structOf([["serverName", string]], { name: "io.debezium.connector.common.ServerNameKey", version: 1 });
export const heartbeatValue = structOf([["ts_ms", int64]], { name: "io.debezium.connector.common.Heartbeat", version: 1 });

export const transactionKey = structOf([["id", string]], {
  name: "io.debezium.connector.common.TransactionMetadataKey",
  version: 1,
});
export const collectionSchema = structOf(
  [
    ["data_collection", string],
    ["event_count", int64],
  ],
  { name: "event.collection", version: 1, optional: true },
);
export const transactionValue = structOf(
  [
    ["status", string],
    ["id", string],
    ["event_count", optionalInt64],
    ["data_collections", arrayOf(collectionSchema, { optional: true })],
    ["ts_ms", int64],
  ],
  { name: "io.debezium.connector.common.TransactionMetadataValue", version: 1 },
);
