import { MillraceError } from "../../../common/errors.js";
import { parseAvro } from "../../../schema-registry/avro/parse.js";
import { type AvroSchema, formatAvro, isNamed } from "../../../schema-registry/avro/schema.js";
import type { StoredSchema } from "../../../schema-registry/client.js";
import { ByteReader } from "../../byte-reader.js";
import type { ByteWriter } from "../../byte-writer.js";
import type { OpenSerde, Serde, SerdeSide } from "../../serde.js";
import { type SubjectNameStrategy, topicNameStrategy } from "../../subject-name.js";
import { compileObjectDecoder, type ObjectDecoder } from "./object-decoder.js";
import { compileObjectEncoder, type ObjectEncoder } from "./object-encoder.js";

export interface AvroSerdeOptions {
  /** How a long is shown; "number" by default, which makes one beyond 2^53 an error of its record. */
  readonly longs?: "number" | "bigint";
  readonly subjectName?: SubjectNameStrategy;
  /** False: the schema must be registered already, as `auto.register.schemas=false`. */
  readonly register?: boolean;
}

const HEADER = 5;

/**
 * Plain objects in Avro, in the registry's wire format: a zero byte, the id of the schema, the data. What others wrote under another
 * version of the schema, or without a name in common, is resolved to this one.
 * @param schema an Avro schema, as text or as JSON
 * @throws SCHEMA_INVALID where it is none
 */
export function avroSerde<T>(schema: string | object, options: AvroSerdeOptions = {}): Serde<T> {
  const avro = parseAvro(typeof schema === "string" ? schema : JSON.stringify(schema));
  const encode = compileObjectEncoder(avro);
  return {
    name: `avro ${formatAvro(avro)}`,
    open: (side) => new OpenAvroSerde<T>(avro, encode, options, side),
    local: localSerde(avro, encode, options),
  };
}

function localSerde<T>(avro: AvroSchema, encode: ObjectEncoder, { longs = "number" }: AvroSerdeOptions): OpenSerde<T> {
  const reader = new ByteReader();
  const decode = compileObjectDecoder(avro, avro, { longs });
  return {
    serialize: (value, out) => encode(out, value),
    deserialize: (bytes, start, end) => decode(reader.set(bytes, start, end)) as T,
  };
}

class OpenAvroSerde<T> implements OpenSerde<T> {
  private id = -1;
  private readonly decoders = new Map<number, ObjectDecoder>();
  private readonly reader = new ByteReader();
  private readonly subject: string;

  constructor(
    private readonly avro: AvroSchema,
    private readonly encode: ObjectEncoder,
    private readonly options: AvroSerdeOptions,
    private readonly side: SerdeSide,
  ) {
    const { subjectName = topicNameStrategy } = options;
    this.subject = subjectName(side.topic, side.isKey, isNamed(avro) ? avro.name : undefined);
  }

  readonly prepareWrite = async (): Promise<void> => {
    if (this.id >= 0) return;
    const input = { schema: formatAvro(this.avro) };
    const { registry } = this.side;
    this.id =
      this.options.register === false ? (await registry.lookup(this.subject, input)).id : await registry.register(this.subject, input);
  };

  readonly prepareRead = (bytes: Buffer, start: number, end: number): Promise<void> | undefined => {
    if (end - start < HEADER || bytes[start] !== 0) return undefined; // deserialize says what is wrong
    const id = bytes.readUInt32BE(start + 1);
    return this.decoders.has(id) ? undefined : this.learn(id);
  };

  readonly prepareStored = async (): Promise<void> => {
    await this.prepareWrite();
    for (const version of await this.side.registry.history(this.subject)) await this.learn(version.id, version);
  };

  readonly serialize = (value: T, out: ByteWriter): void => {
    if (this.id < 0) throw new MillraceError("INTERNAL", `no schema was registered before writing to topic ${this.side.topic}`);
    out.byte(0);
    out.int32be(this.id);
    this.encode(out, value);
  };

  readonly deserialize = (bytes: Buffer, start: number, end: number): T => {
    if (end - start < HEADER || bytes[start] !== 0) throw new MillraceError("DESERIALIZATION", "Unknown magic byte!");
    const id = bytes.readUInt32BE(start + 1);
    const decode = this.decoders.get(id);
    if (!decode) throw new MillraceError("DESERIALIZATION", `schema ${id} of topic ${this.side.topic} is not one of ${this.subject}`);
    return decode(this.reader.set(bytes, start + HEADER, end)) as T;
  };

  private async learn(id: number, known?: StoredSchema): Promise<void> {
    try {
      const { registry } = this.side;
      const stored = known ?? registry.cached(id) ?? (await registry.getById(id));
      if (stored.schemaType !== "AVRO") throw new MillraceError("DESERIALIZATION", `Schema ${id} is ${stored.schemaType}, not AVRO`);
      const writer = parseAvro(stored.schema, await registry.resolveReferences(stored.references));
      this.decoders.set(id, compileObjectDecoder(writer, this.avro, { longs: this.options.longs ?? "number" }));
    } catch (error) {
      // A registry that is away is asked again; a schema that does not fit is an error of each of its records.
      if (!(error instanceof MillraceError) || error.domain !== "user") throw error;
      this.decoders.set(id, () => {
        throw error;
      });
    }
  }
}
