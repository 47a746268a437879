import { MillraceError } from "../../common/errors.js";
import type { Schema, Value } from "../../data/schema.js";
import type { SchemaClient, SchemaKind, StoredSchema } from "../../schema-registry/client.js";
import { ByteWriter } from "../../serde/byte-writer.js";
import type { Converter } from "../api/converter.js";
import { HEADER, type RegistrySettings, schemaIdOf } from "./registry-settings.js";

/** How one kind of schema stands for Connect's data. */
export interface RegistryFormat {
  readonly kind: SchemaKind;
  readonly converter: string;
  /** the schema's text as it is registered, and its record's name. @throws SCHEMA_INVALID */
  textOf(schema: Schema): { readonly text: string; readonly name: string | undefined };
  /** Writes values of the schema by a registered text, behind the header. */
  writer(schema: Schema, text: string, references: readonly string[]): (out: ByteWriter, value: Value) => void;
  /** Reads what stands between the positions. */
  reader(
    text: string,
    references: readonly string[],
  ): (bytes: Buffer, start: number, end: number) => { readonly schema: Schema; readonly value: Value };
}

type Writer = { readonly id: number; readonly write: (out: ByteWriter, value: Value) => void };
type Reader = ReturnType<RegistryFormat["reader"]>;

/** Connect's data behind the id of its registered schema, in JSON or Protobuf. */
export class RegistryConverter implements Converter {
  private readonly out = new ByteWriter();
  private readonly writers = new WeakMap<Schema, Map<string, Writer>>();
  /** the same by the schema's text, for schema objects that are made anew */
  private readonly byText = new Map<string, Writer>();
  private readonly readers = new Map<number, Reader>();

  constructor(
    private readonly registry: SchemaClient,
    private readonly format: RegistryFormat,
    private readonly settings: RegistrySettings,
    private readonly isKey: boolean,
  ) {}

  async prepareWrite(topic: string, schema: Schema | null): Promise<void> {
    if (schema === null || this.writers.get(schema)?.has(topic)) return;
    const { text, name } = this.format.textOf(schema);
    const key = `${topic}\n${text}`;
    let writer = this.byText.get(key);
    if (!writer) {
      writer = await this.writer(topic, schema, text, name);
      if (this.byText.size >= this.settings.cacheSize) this.byText.clear();
      this.byText.set(key, writer);
    }
    let byTopic = this.writers.get(schema);
    if (!byTopic) this.writers.set(schema, (byTopic = new Map()));
    byTopic.set(topic, writer);
  }

  async prepareRead(_topic: string, payloads: Iterable<Uint8Array>): Promise<void> {
    for (const payload of payloads) {
      const id = schemaIdOf(payload);
      if (this.readers.has(id)) continue;
      const stored = this.registry.cached(id) ?? (await this.registry.getById(id));
      const { kind } = this.format;
      if (stored.schemaType !== kind) throw new MillraceError("DESERIALIZATION", `Schema ${id} is ${stored.schemaType}, not ${kind}`);
      this.readers.set(id, this.format.reader(stored.schema, await this.registry.resolveReferences(stored.references)));
    }
  }

  fromConnect(topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    if (value === null) return null;
    if (schema === null)
      throw new MillraceError("SERIALIZATION", `${this.format.converter} cannot write a value without a schema to topic ${topic}`);
    const writer = this.writers.get(schema)?.get(topic);
    if (!writer)
      throw new MillraceError("INTERNAL", `the schema ${schema.name ?? schema.type} was not registered before writing to topic ${topic}`);
    const { out } = this;
    out.position = 0;
    out.byte(0);
    out.int32be(writer.id);
    writer.write(out, value);
    return out.take();
  }

  toConnect(topic: string, bytes: Uint8Array | null): { schema: Schema | null; value: Value } {
    if (bytes === null) return { schema: null, value: null };
    const id = schemaIdOf(bytes);
    const read = this.readers.get(id);
    if (!read) throw new MillraceError("INTERNAL", `schema ${id} was not looked up before reading topic ${topic}`);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return read(buffer, HEADER, buffer.length);
  }

  private async writer(topic: string, schema: Schema, text: string, name: string | undefined): Promise<Writer> {
    const { registry, settings, format } = this;
    const subject = settings.subject(topic, this.isKey, name);
    const input = { schema: text, schemaType: format.kind };
    const options = { normalize: settings.normalize };
    if (settings.autoRegister) return { id: await registry.register(subject, input, options), write: format.writer(schema, text, []) };
    if (!settings.useLatest && settings.schemaId < 0)
      return { id: (await registry.lookup(subject, input, options)).id, write: format.writer(schema, text, []) };
    const stored: StoredSchema = settings.schemaId >= 0 ? await registry.getById(settings.schemaId) : await registry.latest(subject);
    return { id: stored.id, write: format.writer(schema, stored.schema, await registry.resolveReferences(stored.references)) };
  }
}
