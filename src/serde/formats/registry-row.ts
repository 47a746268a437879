import { MillraceError } from "../../common/errors.js";
import type { SchemaClient, SchemaKind, StoredSchema } from "../../schema-registry/client.js";
import { ByteWriter } from "../byte-writer.js";
import type { Row, RowSerde } from "../row-serde.js";
import { topicNameStrategy } from "../subject-name.js";

/** The magic byte and the schema's id, ahead of the value. */
const HEADER = 5;

/** Reads what stands behind the header. */
export type ReadRow = (bytes: Buffer, start: number, end: number) => Row;

export interface RegistryRowOptions {
  readonly isKey: boolean;
  readonly unwrapped: boolean;
  /** write with this registered schema instead of the columns' own */
  readonly schemaId?: number;
}

/** A format whose bytes name their schema's id: registers what it writes with, and looks up what it reads. */
export abstract class RegistryRowSerde implements RowSerde {
  private readonly ids = new Map<string, number>();
  private readonly readers: (ReadRow | undefined)[] = [];
  private readonly out = new ByteWriter();

  protected constructor(
    protected readonly registry: SchemaClient,
    private readonly kind: SchemaKind,
    private readonly writing: RegistryRowOptions,
  ) {}

  /** Of the columns, as it is registered. */
  protected abstract ownSchema(): string;
  /** Writes from now on with a registered schema. @throws SCHEMA_INVALID */
  protected abstract writeWith(stored: StoredSchema, references: readonly string[]): void;
  /** @throws DESERIALIZATION where the schema does not go with the columns */
  protected abstract readerOf(stored: StoredSchema, references: readonly string[]): ReadRow;
  protected abstract write(out: ByteWriter, row: Row): void;

  async prepareWrite(topic: string): Promise<void> {
    if (this.ids.has(topic)) return;
    const { schemaId, isKey } = this.writing;
    if (schemaId !== undefined) {
      const stored = await this.registry.getById(schemaId);
      this.writeWith(stored, await this.registry.resolveReferences(stored.references));
      this.ids.set(topic, schemaId);
      return;
    }
    const subject = topicNameStrategy(topic, isKey, undefined);
    this.ids.set(topic, await this.registry.register(subject, { schema: this.ownSchema(), schemaType: this.kind }));
  }

  prepareRead(_topic: string, bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    if (end - start < HEADER || bytes[start] !== 0) return undefined; // deserialize says what is wrong
    const id = bytes.readUInt32BE(start + 1);
    return this.readers[id] === undefined ? this.learn(id) : undefined;
  }

  serialize(topic: string, row: Row | null): Buffer | null {
    if (row === null || (this.writing.unwrapped && (row[0] === null || row[0] === undefined))) return null;
    this.encode(topic, row);
    return this.out.take();
  }

  serializeInto(topic: string, row: Row, out: Buffer, position: number): number {
    this.encode(topic, row);
    const n = this.out.position;
    if (position + n > out.length) return -1;
    this.out.buffer.copy(out, position, 0, n);
    return position + n;
  }

  deserialize(topic: string, bytes: Buffer, start: number, end: number): Row {
    if (end - start < HEADER || bytes[start] !== 0) throw new MillraceError("DESERIALIZATION", "Unknown magic byte!");
    const id = bytes.readUInt32BE(start + 1);
    const read = this.readers[id];
    if (!read) throw new MillraceError("INTERNAL", `schema ${id} was not looked up before reading topic ${topic}`);
    return read(bytes, start + HEADER, end);
  }

  private encode(topic: string, row: Row): void {
    const id = this.ids.get(topic);
    if (id === undefined) throw new MillraceError("INTERNAL", `no schema was registered before writing to topic ${topic}`);
    const { out } = this;
    out.position = 0;
    out.byte(0);
    out.int32be(id);
    this.write(out, row);
  }

  private async learn(id: number): Promise<void> {
    try {
      const stored = this.registry.cached(id) ?? (await this.registry.getById(id));
      if (stored.schemaType !== this.kind)
        throw new MillraceError("DESERIALIZATION", `Schema ${id} is ${stored.schemaType}, not ${this.kind}`);
      this.readers[id] = this.readerOf(stored, await this.registry.resolveReferences(stored.references));
    } catch (error) {
      // A registry that is away is asked again; a schema that does not fit is an error of each of its records, not of the query.
      if (!(error instanceof MillraceError) || error.domain !== "user") throw error;
      this.readers[id] = () => {
        throw error;
      };
    }
  }
}
