import { MillraceError } from "../../common/errors.js";
import type { Schema, Value } from "../../data/schema.js";
import { parseAvro } from "../../schema-registry/avro/parse.js";
import { type AvroSchema, formatAvro } from "../../schema-registry/avro/schema.js";
import type { SchemaClient } from "../../schema-registry/client.js";
import { ByteReader } from "../../serde/byte-reader.js";
import { ByteWriter } from "../../serde/byte-writer.js";
import { avroToConnect } from "../../serde/formats/avro/avro-to-connect.js";
import { UNION_NAME } from "../../serde/formats/avro/connect-names.js";
import { connectToAvro, hasDefault } from "../../serde/formats/avro/connect-to-avro.js";
import { type AvroDecoder, compileAvroDecoder } from "../../serde/formats/avro/decoder.js";
import { type AvroEncoder, compileAvroEncoder } from "../../serde/formats/avro/encoder.js";
import type { ColumnReader, Converter, NodeWriter } from "../api/converter.js";
import type { Node } from "../api/shape.js";
import { compileAvroReader } from "./avro-reader.js";
import type { AvroSettings } from "./avro-settings.js";
import { compileAvroWriter } from "./avro-writer.js";
import { HEADER, schemaIdOf } from "./registry-settings.js";

interface WritePlan {
  readonly id: number;
  readonly avro: AvroSchema;
  readonly encode: AvroEncoder;
}
interface ReadPlan {
  readonly avro: AvroSchema;
  readonly schema: Schema;
  readonly decode: AvroDecoder;
}

/** Confluent's AvroConverter: Connect's data as Avro with the id of its registered schema. */
export class AvroConverter implements Converter {
  private readonly out = new ByteWriter();
  private readonly in = new ByteReader();
  private readonly plans = new WeakMap<Schema, Map<string, WritePlan>>();
  /** the same by the schema's text, for schema objects that are made anew */
  private readonly byText = new Map<string, WritePlan>();
  private readonly readers = new Map<number, ReadPlan>();

  constructor(
    private readonly registry: SchemaClient,
    private readonly settings: AvroSettings,
    private readonly isKey: boolean,
  ) {}

  async prepareWrite(topic: string, schema: Schema | null): Promise<void> {
    if (schema === null) return;
    let byTopic = this.plans.get(schema);
    if (byTopic?.has(topic)) return;
    const avro = connectToAvro(schema, this.settings.data);
    const text = formatAvro(avro);
    const key = `${topic}\n${schema.optional}\n${text}`;
    let plan = this.byText.get(key);
    if (!plan) {
      plan = await this.plan(topic, schema, avro, text);
      if (this.byText.size >= this.settings.cacheSize) this.byText.clear();
      this.byText.set(key, plan);
    }
    if (!byTopic) this.plans.set(schema, (byTopic = new Map()));
    byTopic.set(topic, plan);
  }

  async prepareRead(_topic: string, payloads: Iterable<Uint8Array>): Promise<void> {
    let last = -1;
    for (const payload of payloads) {
      const id = schemaIdOf(payload);
      if (id === last) continue;
      if (!this.readers.has(id)) this.readers.set(id, await this.readPlan(id));
      last = id;
    }
  }

  fromConnect(topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    if (schema === null) {
      if (value === null) return null;
      throw new MillraceError("SERIALIZATION", `AvroConverter cannot write a value without a schema to topic ${topic}`);
    }
    if (value === null && schema.optional && !hasDefault(schema)) return null;
    const plan = this.planOf(topic, schema);
    const { out } = this;
    out.position = 0;
    out.byte(0);
    out.int32be(plan.id);
    plan.encode(out, value);
    return out.take();
  }

  toConnect(topic: string, bytes: Uint8Array | null): { schema: Schema | null; value: Value } {
    if (bytes === null) return { schema: null, value: null };
    const id = schemaIdOf(bytes);
    const plan = this.readers.get(id);
    if (!plan) throw new MillraceError("INTERNAL", `schema ${id} was not looked up before reading topic ${topic}`);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return { schema: plan.schema, value: plan.decode(this.in.set(buffer, HEADER, buffer.length)) };
  }

  compileWriter(topic: string, node: Node): NodeWriter | undefined {
    // null is no bytes at all, which a writer cannot say
    if ((node.kind !== "struct" && node.schema.optional) || hasUnion(node)) return undefined;
    const plan = this.planOf(topic, node.schema);
    return compileAvroWriter(node, plan.avro, plan.id, this.settings.data);
  }

  compileReader(_topic: string, sample: Uint8Array): ColumnReader | undefined {
    const id = schemaIdOf(sample);
    const plan = this.readers.get(id);
    // a union of records gives a struct that may be null as a whole, which columns cannot say
    if (plan === undefined || (plan.schema.type === "struct" && plan.avro.type !== "record")) return undefined;
    return compileAvroReader(plan.avro, plan.schema, id, this.settings.data);
  }

  private planOf(topic: string, schema: Schema): WritePlan {
    const plan = this.plans.get(schema)?.get(topic);
    if (!plan)
      throw new MillraceError("INTERNAL", `the schema ${schema.name ?? schema.type} was not registered before writing to topic ${topic}`);
    return plan;
  }

  private async plan(topic: string, schema: Schema, avro: AvroSchema, text: string): Promise<WritePlan> {
    const { registry, settings } = this;
    const subject = settings.subject(topic, this.isKey, avro.type === "record" ? avro.name : undefined);
    if (settings.autoRegister) {
      const id = await registry.register(subject, { schema: text }, { normalize: settings.normalize });
      return { id, avro, encode: compileAvroEncoder(schema, avro, settings.data) };
    }
    if (!settings.useLatest && settings.schemaId < 0) {
      const { id } = await registry.lookup(subject, { schema: text }, { normalize: settings.normalize });
      return { id, avro, encode: compileAvroEncoder(schema, avro, settings.data) };
    }
    const stored = settings.schemaId >= 0 ? await registry.getById(settings.schemaId) : await registry.latest(subject);
    const registered = parseAvro(stored.schema, await registry.resolveReferences(stored.references));
    return { id: stored.id, avro: registered, encode: compileAvroEncoder(schema, registered, settings.data) };
  }

  private async readPlan(id: number): Promise<ReadPlan> {
    const stored = this.registry.cached(id) ?? (await this.registry.getById(id));
    if (stored.schemaType !== "AVRO") throw new MillraceError("DESERIALIZATION", `Schema ${id} is ${stored.schemaType}, not AVRO`);
    const avro = parseAvro(stored.schema, await this.registry.resolveReferences(stored.references));
    const schema = avroToConnect(avro, this.settings.data);
    return { avro, schema, decode: compileAvroDecoder(avro, schema) };
  }
}

/** A Connect union is a struct of which one field is written: which one depends on the row. */
function hasUnion(node: Node): boolean {
  return node.kind === "struct" && (node.schema.name === UNION_NAME || node.fields.some(hasUnion));
}
