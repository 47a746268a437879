import { MillraceError } from "../common/errors.js";
import { javaDouble } from "../data/java-number.js";
import type { Struct, Value } from "../data/schema.js";
import type { SqlField } from "../data/sql-type.js";
import { parseAvro } from "../schema-registry/avro/parse.js";
import type { SchemaClient, StoredSchema } from "../schema-registry/client.js";
import { parseProtobuf } from "../schema-registry/protobuf/parse.js";
import { messageAt, messagePath, type ProtoFile, type ProtoMessage } from "../schema-registry/protobuf/schema.js";
import { ByteReader } from "../serde/byte-reader.js";
import { ByteWriter } from "../serde/byte-writer.js";
import { nullableOf } from "../serde/create.js";
import { avroToConnect } from "../serde/formats/avro/avro-to-connect.js";
import { defaultAvroData } from "../serde/formats/avro/connect-names.js";
import { compileAvroDecoder } from "../serde/formats/avro/decoder.js";
import { compileAvroEncoder } from "../serde/formats/avro/encoder.js";
import { KafkaRowSerde } from "../serde/formats/kafka/row-kafka.js";
import { compileProtoDecoder } from "../serde/formats/protobuf/decoder.js";
import { compileProtoEncoder } from "../serde/formats/protobuf/encoder.js";
import { readMessageIndex, writeMessageIndex } from "../serde/formats/protobuf/message-index.js";
import { protoToConnect } from "../serde/formats/protobuf/proto-to-connect.js";
import { protobufText } from "../serde/formats/protobuf/row-protobuf.js";
import type { FormatInfo } from "../sql/plan/step.js";
import { connectFromExact, exactFromConnect } from "./connect-exact.js";
import { type ExactJson, formatExact, JsonNumber } from "./exact-json.js";

/** One side of a topic's records, as test files write it: JSON to bytes and back. */
export interface PayloadCodec {
  encode(json: ExactJson): Promise<Buffer | null>;
  /** JSON text */
  decode(bytes: Buffer): Promise<string>;
}

export interface PayloadOptions {
  readonly topic: string;
  readonly isKey: boolean;
  readonly format: FormatInfo;
  /** of a source on the topic; empty where there is none */
  readonly columns: readonly SqlField[];
  readonly registry: SchemaClient;
}

export function payloadCodec(options: PayloadOptions): PayloadCodec {
  switch (options.format.format.toUpperCase()) {
    case "JSON":
      return {
        encode: async (json) => (json === null ? null : Buffer.from(formatExact(json))),
        decode: async (bytes) => bytes.toString(),
      };
    case "DELIMITED":
      return {
        encode: async (json) => (json === null ? null : Buffer.from(typeof json === "string" ? json : formatExact(json))),
        decode: async (bytes) => JSON.stringify(bytes.toString()),
      };
    case "KAFKA":
      return kafka(options.columns[0]);
    case "NONE":
      return { encode: async () => null, decode: async () => "null" };
    case "AVRO":
      return avro(options);
    case "PROTOBUF":
      return protobuf(options);
    case "PROTOBUF_NOSR":
      return plainProtobuf(options);
    case "JSON_SR":
      return jsonSchema(options);
    default:
      throw new MillraceError("UNSUPPORTED", `The format ${options.format.format} is not built yet`);
  }
}

/** Without a column any text. */
function kafka(column: SqlField | undefined): PayloadCodec {
  const base = column?.type.base ?? "STRING";
  if (base === "STRING" || base === "BYTES")
    return {
      encode: async (json) => (json === null ? null : Buffer.from(typeof json === "string" ? json : formatExact(json))),
      decode: async (bytes) => JSON.stringify(bytes.toString()),
    };
  const serde = new KafkaRowSerde([column!], column!.name);
  return {
    encode: async (json) => {
      if (json === null) return null;
      const raw = json instanceof JsonNumber ? json.raw : String(json);
      return serde.serialize("", [base === "BIGINT" ? BigInt(raw) : Number(raw)]);
    },
    decode: async (bytes) => {
      const [value] = serde.deserialize("", bytes, 0, bytes.length);
      if (base !== "DOUBLE") return String(value);
      return Number.isFinite(value) ? javaDouble(value as number) : `"${String(value)}"`;
    },
  };
}

const MAGIC = 5;

/** Writes by the subject's latest schema; reads by the id that the bytes name. */
function avro({ topic, isKey, registry }: PayloadOptions): PayloadCodec {
  const schemasOf = async (stored: StoredSchema) => {
    const own = parseAvro(stored.schema, await registry.resolveReferences(stored.references));
    return { own, connect: avroToConnect(own, defaultAvroData) };
  };
  return {
    encode: async (json) => {
      if (json === null) return null;
      const stored = await registry.latest(`${topic}-${isKey ? "key" : "value"}`);
      const { own, connect } = await schemasOf(stored);
      const out = new ByteWriter();
      out.byte(0);
      out.int32be(stored.id);
      compileAvroEncoder(connect, own, defaultAvroData)(out, connectFromExact(json, connect));
      return out.take();
    },
    decode: async (bytes) => {
      const { own, connect } = await schemasOf(await registry.getById(bytes.readUInt32BE(1)));
      const value = compileAvroDecoder(own, connect)(new ByteReader().set(bytes, MAGIC, bytes.length));
      return exactFromConnect(value, connect);
    },
  };
}

async function latest({ topic, isKey, registry }: PayloadOptions): Promise<{ stored: StoredSchema; references: readonly string[] }> {
  const stored = await registry.latest(`${topic}-${isKey ? "key" : "value"}`);
  return { stored, references: await registry.resolveReferences(stored.references) };
}

/** The message that the format names, else the first. */
function messageOf(file: ProtoFile, { format }: PayloadOptions): { message: ProtoMessage; path: readonly number[] } {
  const name = Object.entries(format.properties ?? {}).find(([k]) => k.toLowerCase() === "fullschemaname")?.[1];
  const found = messagePath(file, (m) => name === undefined || m.fullName === name) ?? messagePath(file, () => true);
  if (!found) throw new MillraceError("SCHEMA_INVALID", "The schema has no message");
  return found;
}

function protobuf(options: PayloadOptions): PayloadCodec {
  const { registry } = options;
  return {
    encode: async (json) => {
      if (json === null) return null;
      const { stored, references } = await latest(options);
      const { message, path } = messageOf(parseProtobuf(stored.schema, references), options);
      const schema = protoToConnect(message);
      const out = new ByteWriter();
      out.byte(0);
      out.int32be(stored.id);
      writeMessageIndex(out, path);
      compileProtoEncoder(message, schema)(out, (connectFromExact(json, schema) as Struct).values as Value[]);
      return out.take();
    },
    decode: async (bytes) => {
      const stored = await registry.getById(bytes.readUInt32BE(1));
      const file = parseProtobuf(stored.schema, await registry.resolveReferences(stored.references));
      const { path, position } = readMessageIndex(bytes, MAGIC, bytes.length);
      const message = messageAt(file, path)!;
      const schema = protoToConnect(message);
      return exactFromConnect(compileProtoDecoder(message, schema)(bytes, position, bytes.length), schema);
    },
  };
}

function plainProtobuf({ columns, format }: PayloadOptions): PayloadCodec {
  const message = parseProtobuf(protobufText({ columns, nullable: nullableOf(format.properties ?? {}) })).messages[0]!;
  const schema = protoToConnect(message);
  return {
    encode: async (json) => {
      if (json === null) return null;
      const out = new ByteWriter();
      compileProtoEncoder(message, schema)(out, (connectFromExact(json, schema) as Struct).values as Value[]);
      return out.take();
    },
    decode: async (bytes) => exactFromConnect(compileProtoDecoder(message, schema)(bytes, 0, bytes.length), schema),
  };
}

function jsonSchema(options: PayloadOptions): PayloadCodec {
  return {
    encode: async (json) => {
      if (json === null) return null;
      const { stored } = await latest(options);
      const header = Buffer.alloc(MAGIC);
      header.writeUInt32BE(stored.id, 1);
      return Buffer.concat([header, Buffer.from(formatExact(json))]);
    },
    decode: async (bytes) => bytes.toString("utf8", MAGIC),
  };
}
