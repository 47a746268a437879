import { MillraceError } from "../../../common/errors.js";
import type { Schema, Value } from "../../../data/schema.js";
import type { SqlField } from "../../../data/sql-type.js";
import type { SchemaClient, StoredSchema } from "../../../schema-registry/client.js";
import { parseProtobuf } from "../../../schema-registry/protobuf/parse.js";
import { messageAt, messagePath, type ProtoFile, type ProtoMessage } from "../../../schema-registry/protobuf/schema.js";
import { ByteWriter } from "../../byte-writer.js";
import type { Row, RowSerde } from "../../row-serde.js";
import { columnsToConnect, connectFromSql, sqlFromConnect } from "../avro/sql-connect.js";
import { type ReadRow, type RegistryRowOptions, RegistryRowSerde } from "../registry-row.js";
import { connectToProto, type NullableRepresentation } from "./connect-to-proto.js";
import { compileProtoDecoder } from "./decoder.js";
import { compileProtoEncoder, type ProtoEncoder } from "./encoder.js";
import { readMessageIndex, writeMessageIndex } from "./message-index.js";
import { protoToConnect } from "./proto-to-connect.js";

export interface ProtobufRowOptions {
  readonly columns: readonly SqlField[];
  readonly needed: readonly number[];
  readonly nullable: NullableRepresentation;
  /** full name of the message */
  readonly messageName?: string;
}

/** ksqlDB's PROTOBUF format: the registry's wire format, a message of the columns; a value that was not written is its type's default. */
export class ProtobufRowSerde extends RegistryRowSerde {
  private readonly schema: Schema;
  private readonly text: string;
  private readonly toConnect: RowConverter;
  private encoder: { readonly path: readonly number[]; readonly encode: ProtoEncoder };

  constructor(
    registry: SchemaClient,
    private readonly options: ProtobufRowOptions & Omit<RegistryRowOptions, "unwrapped">,
  ) {
    super(registry, "PROTOBUF", { ...options, unwrapped: false });
    this.schema = columnsToConnect(options.columns);
    this.text = textOf(this.schema, options);
    this.toConnect = rowConverter(options.columns, this.schema);
    this.encoder = this.encoderOf(parseProtobuf(this.text));
  }

  protected ownSchema(): string {
    return this.text;
  }

  protected writeWith(stored: StoredSchema, references: readonly string[]): void {
    if (stored.schemaType !== "PROTOBUF")
      throw new MillraceError("SCHEMA_INVALID", `Schema ${stored.id} is ${stored.schemaType}, not PROTOBUF`);
    this.encoder = this.encoderOf(parseProtobuf(stored.schema, references));
  }

  protected write(out: ByteWriter, row: Row): void {
    const { path, encode } = this.encoder;
    writeMessageIndex(out, path);
    encode(out, this.toConnect(row));
  }

  protected readerOf({ schema, id }: StoredSchema, references: readonly string[]): ReadRow {
    const file = parseProtobuf(schema, references);
    const readers = new Map<string, ReadRow>();
    return (bytes, start, end) => {
      const { path, position } = readMessageIndex(bytes, start, end);
      const key = path.join();
      let read = readers.get(key);
      if (!read) {
        const message = messageAt(file, path);
        if (!message) throw new MillraceError("DESERIALIZATION", `Schema ${id} has no message at index ${key}`);
        readers.set(key, (read = rowReader(message, this.options)));
      }
      return read(bytes, position, end);
    };
  }

  private encoderOf(file: ProtoFile) {
    const { messageName } = this.options;
    const found = messagePath(file, (m) => messageName === undefined || m.fullName === messageName);
    if (!found) throw new MillraceError("SCHEMA_INVALID", `The schema has no message ${messageName ?? "at all"}`);
    return { path: found.path, encode: compileProtoEncoder(found.message, this.schema) };
  }
}

/** ksqlDB's PROTOBUF_NOSR: the message alone, of the columns' own schema. */
export class PlainProtobufRowSerde implements RowSerde {
  private readonly encode: ProtoEncoder;
  private readonly toConnect: RowConverter;
  private readonly read: ReadRow;
  private readonly out = new ByteWriter();

  constructor(options: ProtobufRowOptions) {
    const schema = columnsToConnect(options.columns);
    const message = parseProtobuf(textOf(schema, options)).messages[0]!;
    this.encode = compileProtoEncoder(message, schema);
    this.toConnect = rowConverter(options.columns, schema);
    this.read = rowReader(message, options);
  }

  async prepareWrite(): Promise<void> {}
  prepareRead(): undefined {
    return undefined;
  }

  serialize(_topic: string, row: Row | null): Buffer | null {
    if (row === null) return null;
    this.write(row);
    return this.out.take();
  }

  serializeInto(_topic: string, row: Row, out: Buffer, position: number): number {
    this.write(row);
    const n = this.out.position;
    if (position + n > out.length) return -1;
    this.out.buffer.copy(out, position, 0, n);
    return position + n;
  }

  deserialize(_topic: string, bytes: Buffer, start: number, end: number): Row {
    return this.read(bytes, start, end);
  }

  private write(row: Row): void {
    this.out.position = 0;
    this.encode(this.out, this.toConnect(row));
  }
}

/** The text of the columns' .proto file. */
export function protobufText({
  columns,
  ...options
}: Pick<ProtobufRowOptions, "columns" | "nullable" | "messageName"> & { readonly mapsAsEntries?: boolean }): string {
  return textOf(columnsToConnect(columns), options);
}

function textOf(
  schema: Schema,
  {
    messageName,
    nullable,
    mapsAsEntries = false,
  }: Pick<ProtobufRowOptions, "nullable" | "messageName"> & { readonly mapsAsEntries?: boolean },
): string {
  return connectToProto(schema, { nullable, mapsAsEntries, ...(messageName === undefined ? {} : { name: messageName }) });
}

type RowConverter = (row: Row) => readonly Value[];

function rowConverter(columns: readonly SqlField[], schema: Schema): RowConverter {
  const converts = columns.map((c, i) => connectFromSql(c.type, schema.fields![i]!.schema));
  if (converts.every((c) => c === undefined)) return (row) => row as Value[];
  return (row) =>
    row.map((v, i) => {
      const convert = converts[i];
      return v === null || v === undefined || !convert ? ((v ?? null) as Value) : convert(v);
    });
}

function rowReader(message: ProtoMessage, { columns, needed }: ProtobufRowOptions): ReadRow {
  const schema = protoToConnect(message);
  const decode = compileProtoDecoder(message, schema);
  const plans = needed.flatMap((column) => {
    const { name, type } = columns[column]!;
    const field = schema.fields!.find((f) => f.name === name) ?? schema.fields!.find((f) => f.name.toUpperCase() === name.toUpperCase());
    return field ? [{ column, index: field.index, convert: sqlFromConnect(type, field.schema, name) }] : [];
  });
  return (bytes, start, end) => {
    const { values } = decode(bytes, start, end);
    const row: Row = columns.map(() => null);
    for (const { column, index, convert } of plans) {
      const v = values[index] ?? null;
      row[column] = v === null || !convert ? v : convert(v);
    }
    return row;
  };
}
