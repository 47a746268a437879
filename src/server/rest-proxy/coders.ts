import { MillraceError } from "../../common/errors.js";
import type {} from "../../data/buffer-text.js";
import { parseAvro } from "../../schema-registry/avro/parse.js";
import type { SchemaClient, SchemaKind } from "../../schema-registry/client.js";
import { RegistryError } from "../../schema-registry/errors.js";
import { parseProtobuf } from "../../schema-registry/protobuf/parse.js";
import type { ByteWriter } from "../../serde/byte-writer.js";
import { generateAvroJsonScanner } from "../../serde/formats/avro/json-scanner.js";
import { compileJsonToAvro } from "../../serde/formats/avro/json-to-avro.js";
import { parseJson } from "../../serde/formats/json/json-text.js";
import { skipString } from "../../serde/formats/json/scan.js";
import { compileJsonToProto } from "../../serde/formats/protobuf/json-to-proto.js";
import { topicNameStrategy } from "../../serde/subject-name.js";
import { RestProxyError, restErrors } from "./errors.js";
import { jsonValidator } from "./json-validator.js";
import type { EmbeddedFormat } from "./media-type.js";
import { malformed, parseSpan, skip } from "./request-scanner.js";

/** Turns a JSON value of a request into the bytes of a record's key or value. */
export interface Coder {
  readonly schemaId: number | null;
  /** Where the schema is not in the registry yet: this coder only tells whether values fit; the one that resolves writes them. */
  readonly register?: () => Promise<Coder>;
  /** Appends the bytes of the value that begins at p to `out`; returns the position behind it. @throws RestProxyError */
  read(b: Buffer, p: number, end: number, out: ByteWriter): number;
}

export const binaryCoder: Coder = {
  schemaId: null,
  read(b, p, end, out) {
    const after = b[p] === 0x22 ? skipString(b, p, end) : -1;
    if (after < 0) throw malformed(b, "expected base64 text", p);
    const text = b.latin1Slice(p + 1, after - 1);
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
      throw restErrors.unprocessable(`The text at position ${p} of the request's body is not base64`);
    out.ensure((text.length / 4) * 3);
    out.position += out.buffer.write(text, out.position, "base64");
    return after;
  },
};

/** The text as the client wrote it, without space between its tokens: numbers keep every digit. */
export const jsonCoder: Coder = {
  schemaId: null,
  read(b, p, end, out) {
    const after = skip(b, p, end);
    parseSpan(b, { start: p, end: after });
    out.ensure(after - p);
    const to = out.buffer;
    let at = out.position;
    let inText = false;
    for (let i = p; i < after; i++) {
      const c = b[i]!;
      if (c === 0x22) inText = !inText;
      else if (c === 0x5c && inText) to[at++] = b[i++]!;
      else if (!inText && c <= 0x20) continue;
      to[at++] = b[i]!;
    }
    out.position = at;
    return after;
  },
};

/** A JSON text as its UTF-8. */
export const stringCoder: Coder = {
  schemaId: null,
  read(b, p, end, out) {
    const after = skip(b, p, end);
    const text = parseSpan(b, { start: p, end: after });
    if (typeof text !== "string") throw restErrors.unprocessable(`Expected a text at position ${p}`);
    out.utf8(text);
    return after;
  },
};

/** What a request says of the schema of its keys or values. */
export interface SchemaChoice {
  readonly id?: number;
  readonly text?: string;
  /** to register the text under; that of the topic otherwise */
  readonly subject?: string;
}

export const kindOf: Partial<Record<EmbeddedFormat, SchemaKind>> = { avro: "AVRO", jsonschema: "JSON", protobuf: "PROTOBUF" };

/** Coders by schema, made once each. */
export class SchemaCoders {
  private readonly byId = new Map<number, Coder>();
  private readonly idOfText = new Map<string, number>();

  constructor(private readonly registry: SchemaClient) {}

  /** The coder where it is known already, without waiting. */
  known(id: number | undefined, kind: SchemaKind): Coder | undefined {
    const coder = id === undefined ? undefined : this.byId.get(id);
    return coder && this.registry.cached(id!)?.schemaType === kind ? coder : undefined;
  }

  /** @throws 40801 where the registry does not know it, 42205 where it is not a schema of this kind */
  async resolve(topic: string, isKey: boolean, kind: SchemaKind, choice: SchemaChoice): Promise<Coder> {
    return registryWords(async () => {
      if (choice.id !== undefined) return this.ofId(choice.id, kind);
      const subject = choice.subject ?? topicNameStrategy(topic, isKey, undefined);
      const schema = choice.text!;
      const key = `${kind} ${subject}\n${schema}`;
      const id = this.idOfText.get(key);
      if (id !== undefined) return this.ofId(id, kind);
      const probe = coderOf(0, kind, schema, []);
      return { ...probe, register: () => registryWords(() => this.register(key, subject, kind, schema)) };
    });
  }

  /** @throws 40801 */
  kindOf(id: number): Promise<SchemaKind> {
    return registryWords(async () => (this.registry.cached(id) ?? (await this.registry.getById(id))).schemaType);
  }

  private async register(key: string, subject: string, schemaType: SchemaKind, schema: string): Promise<Coder> {
    const id = await this.registry.register(subject, { schema, schemaType });
    if (this.idOfText.size >= 1000) this.idOfText.clear();
    this.idOfText.set(key, id);
    return this.ofId(id, schemaType);
  }

  private async ofId(id: number, kind: SchemaKind): Promise<Coder> {
    const stored = this.registry.cached(id) ?? (await this.registry.getById(id));
    if (stored.schemaType !== kind) throw restErrors.invalidSchema(`schema ${id} is ${stored.schemaType} and not ${kind}`);
    const known = this.byId.get(id);
    if (known) return known;
    const coder = coderOf(id, kind, stored.schema, await this.registry.resolveReferences(stored.references));
    if (this.byId.size >= 1000) this.byId.clear();
    this.byId.set(id, coder);
    return coder;
  }
}

function coderOf(id: number, kind: SchemaKind, schema: string, references: readonly string[]): Coder {
  if (kind === "AVRO") return avroCoder(id, schema, references);
  if (kind === "PROTOBUF") return protobufCoder(id, schema, references);
  return jsonSchemaCoder(id, schema, references);
}

/** What the registry throws as the proxy answers it. */
async function registryWords<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof RestProxyError) throw error;
    if (error instanceof RegistryError ? error.errorCode === 42201 : error instanceof MillraceError && error.code === "SCHEMA_INVALID")
      throw restErrors.invalidSchema((error as Error).message);
    throw restErrors.schemaLookup((error as Error).message);
  }
}

function avroCoder(schemaId: number, text: string, references: readonly string[]): Coder {
  const schema = parseAvro(text, references);
  const scan = generateAvroJsonScanner(schema);
  const write = compileJsonToAvro(schema);
  return {
    schemaId,
    read(b, p, end, out) {
      const from = out.position;
      out.byte(0);
      out.int32be(schemaId);
      if (scan !== undefined) {
        const after = scan(b, p, end, out);
        if (after !== undefined) return after;
        out.position = from + 5;
      }
      const after = skip(b, p, end);
      const valid = { start: p, end: after };
      try {
        write(out, parseJson(b.utf8Slice(p, after)));
      } catch (error) {
        if (error instanceof MillraceError && error.code === "SERIALIZATION") throw restErrors.conversion("Avro", error.message);
        parseSpan(b, valid);
        throw error;
      }
      return after;
    },
  };
}

/** A value of the file's first message. */
function protobufCoder(schemaId: number, text: string, references: readonly string[]): Coder {
  const [message] = parseProtobuf(text, references).messages;
  if (!message) throw restErrors.invalidSchema("the file has no message");
  const write = compileJsonToProto(message);
  return {
    schemaId,
    read(b, p, end, out) {
      const after = skip(b, p, end);
      parseSpan(b, { start: p, end: after });
      out.byte(0);
      out.int32be(schemaId);
      out.byte(0); // the way to the first message
      try {
        write(out, parseJson(b.utf8Slice(p, after)));
      } catch (error) {
        if (error instanceof MillraceError && error.code === "SERIALIZATION") throw restErrors.conversion("Protobuf", error.message);
        throw error;
      }
      return after;
    },
  };
}

/** The value as it was written, once it is valid. */
function jsonSchemaCoder(schemaId: number, text: string, references: readonly string[]): Coder {
  const problem = jsonValidator(text, references);
  return {
    schemaId,
    read(b, p, end, out) {
      const after = skip(b, p, end);
      const wrong = problem(parseSpan(b, { start: p, end: after }));
      if (wrong !== undefined) throw restErrors.conversion("JSON Schema", wrong);
      out.byte(0);
      out.int32be(schemaId);
      return jsonCoder.read(b, p, end, out);
    },
  };
}
