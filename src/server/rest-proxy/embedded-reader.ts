import { MillraceError } from "../../common/errors.js";
import type {} from "../../data/buffer-text.js";
import { parseAvro } from "../../schema-registry/avro/parse.js";
import type { SchemaClient, SchemaKind } from "../../schema-registry/client.js";
import { parseProtobuf } from "../../schema-registry/protobuf/parse.js";
import { messageAt } from "../../schema-registry/protobuf/schema.js";
import { ByteReader } from "../../serde/byte-reader.js";
import { compileAvroToJson } from "../../serde/formats/avro/avro-to-json.js";
import { compileProtoToJson } from "../../serde/formats/protobuf/proto-to-json.js";
import { kindOf } from "./coders.js";
import type { EmbeddedFormat } from "./media-type.js";

type Read = (bytes: Buffer, start: number, end: number) => string;

/** Gives the bytes of keys and values as the JSON text of an embedded format. */
export class EmbeddedReader {
  private readonly kind: SchemaKind | undefined;
  private readonly byId = new Map<number, Read>();

  constructor(
    private readonly format: EmbeddedFormat,
    private readonly registry: SchemaClient,
  ) {
    this.kind = kindOf[format];
  }

  /** Looks up the schema that these bytes name; undefined where there is nothing to wait for. @throws DESERIALIZATION */
  prepare(bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    if (this.kind === undefined || start < 0 || end - start < 5 || bytes[start] !== 0) return undefined;
    const id = bytes.readInt32BE(start + 1);
    return this.byId.has(id) ? undefined : this.learn(id, this.kind);
  }

  /** start of -1 is null. @throws DESERIALIZATION */
  text(bytes: Buffer, start: number, end: number): string {
    if (start < 0) return "null";
    if (this.format === "binary") return `"${bytes.toString("base64", start, end)}"`;
    if (this.format === "json") return json(bytes.utf8Slice(start, end));
    const id = end - start < 5 || bytes[start] !== 0 ? undefined : bytes.readInt32BE(start + 1);
    const read = id === undefined ? undefined : this.byId.get(id);
    if (!read) throw new MillraceError("DESERIALIZATION", "the bytes do not begin with the id of a schema");
    return read(bytes, start + 5, end);
  }

  private async learn(id: number, kind: SchemaKind): Promise<void> {
    let stored: Awaited<ReturnType<SchemaClient["getById"]>>;
    try {
      stored = await this.registry.getById(id);
    } catch (cause) {
      throw new MillraceError("DESERIALIZATION", `schema ${id} cannot be read: ${(cause as Error).message}`, { cause });
    }
    if (stored.schemaType !== kind) throw new MillraceError("DESERIALIZATION", `schema ${id} is ${stored.schemaType} and not ${kind}`);
    const references = await this.registry.resolveReferences(stored.references);
    this.byId.set(id, reader(kind, stored.schema, references));
  }
}

function reader(kind: SchemaKind, schema: string, references: readonly string[]): Read {
  switch (kind) {
    case "AVRO": {
      const read = compileAvroToJson(parseAvro(schema, references));
      const bytes = new ByteReader();
      return (b, start, end) => read(bytes.set(b, start, end));
    }
    case "JSON":
      return (b, start, end) => json(b.utf8Slice(start, end));
    case "PROTOBUF":
      return protobufReader(schema, references);
  }
}

/** Ahead of the message stands its way in the file: a count and an index on each level, a single 0 for the first message. */
function protobufReader(schema: string, references: readonly string[]): Read {
  const file = parseProtobuf(schema, references);
  const readers = new Map<string, Read>();
  const header = new ByteReader();
  return (b, start, end) => {
    header.set(b, start, end);
    const depth = header.int();
    const path = depth === 0 ? [0] : Array.from({ length: Math.min(depth, 100) }, () => header.int());
    const key = path.join();
    let read = readers.get(key);
    if (!read) {
      const message = messageAt(file, path);
      if (!message) throw new MillraceError("DESERIALIZATION", `the schema has no message at index ${key}`);
      readers.set(key, (read = compileProtoToJson(message)));
    }
    return read(b, header.position, end);
  };
}

function json(text: string): string {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new MillraceError("DESERIALIZATION", `the bytes are not JSON: ${(cause as Error).message}`, { cause });
  }
  return text;
}
