import { MillraceError } from "../../../common/errors.js";
import { type Schema, Struct, type Value } from "../../../data/schema.js";
import type { SqlField } from "../../../data/sql-type.js";
import { parseAvro } from "../../../schema-registry/avro/parse.js";
import { type AvroField, type AvroRecord, type AvroSchema, formatAvro } from "../../../schema-registry/avro/schema.js";
import type { SchemaClient, StoredSchema } from "../../../schema-registry/client.js";
import { ByteReader } from "../../byte-reader.js";
import type { ByteWriter } from "../../byte-writer.js";
import type { Row } from "../../row-serde.js";
import { type ReadRow, type RegistryRowOptions, RegistryRowSerde } from "../registry-row.js";
import { avroToConnect } from "./avro-to-connect.js";
import { DECIMAL, defaultAvroData } from "./connect-names.js";
import { connectToAvro } from "./connect-to-avro.js";
import { compileAvroDecoder } from "./decoder.js";
import { type AvroEncoder, compileAvroEncoder } from "./encoder.js";
import { type FieldPlan, generateRecordReader } from "./record-reader.js";
import { columnsToConnect, connectByName, connectFromSql, KSQL_RECORD, sqlFromConnect, sqlToConnect } from "./sql-connect.js";

export interface AvroRowOptions extends RegistryRowOptions {
  readonly columns: readonly SqlField[];
  readonly needed: readonly number[];
  /** full name of the value's record */
  readonly recordName?: string;
}

interface ColumnEncoder {
  /** of the column; -1 for a registered field that is none */
  readonly index: number;
  readonly encode: AvroEncoder;
  readonly convert: ((value: unknown) => Value) | undefined;
}

/** ksqlDB's AVRO format: the registry's wire format, fields found by name without case in any writer's schema. */
export class AvroRowSerde extends RegistryRowSerde {
  private readonly schema: Schema;
  private readonly avro: AvroSchema;
  private encoders: ColumnEncoder[];

  constructor(
    registry: SchemaClient,
    private readonly options: AvroRowOptions,
  ) {
    super(registry, "AVRO", options);
    const { columns, unwrapped, recordName } = options;
    this.schema = unwrapped ? sqlToConnect(columns[0]!.type, recordName ?? KSQL_RECORD) : columnsToConnect(columns, recordName);
    // a bare value's schema is not a union: null is a record without a value
    checkNames(columns);
    this.avro = connectToAvro(unwrapped ? { ...this.schema, optional: false } : this.schema, defaultAvroData);
    this.encoders = this.compileEncoders(this.avro);
  }

  protected ownSchema(): string {
    return formatAvro(this.avro);
  }

  protected writeWith(stored: StoredSchema, references: readonly string[]): void {
    const avro = parseAvro(stored.schema, references);
    this.encoders = this.registeredEncoders(avro, avroToConnect(avro, defaultAvroData));
  }

  protected write(out: ByteWriter, row: Row): void {
    const { encoders } = this;
    for (let i = 0; i < encoders.length; i++) {
      const { index, encode, convert } = encoders[i]!;
      const v = index < 0 ? null : row[index];
      encode(out, v === null || v === undefined ? null : convert ? convert(v) : (v as Value));
    }
  }

  private compileEncoders(avro: AvroSchema): ColumnEncoder[] {
    const { columns, unwrapped } = this.options;
    const encoderOf = (index: number, schema: Schema, type: AvroSchema): ColumnEncoder => {
      const column = columns[index]!;
      return {
        index,
        encode: compileAvroEncoder(schema, type, defaultAvroData, column.name),
        convert: connectFromSql(column.type, schema),
      };
    };
    if (unwrapped) return [encoderOf(0, this.schema, avro)];
    if (avro.type !== "record")
      throw new MillraceError("SCHEMA_INVALID", `The registered schema is ${avro.type}, not a record of the columns`);
    return avro.fields.map((field) => {
      const index = columns.findIndex((c) => c.name === field.name);
      if (index < 0) return { index, encode: defaultEncoder(avro, field), convert: undefined };
      return encoderOf(index, this.schema.fields![index]!.schema, field.type);
    });
  }

  /** By the registered schema: what is null takes on its default there. */
  private registeredEncoders(avro: AvroSchema, schema: Schema): ColumnEncoder[] {
    const { columns, unwrapped } = this.options;
    const encoderOf = (index: number, own: Schema, type: AvroSchema): ColumnEncoder => ({
      index,
      encode: compileAvroEncoder(own, type, defaultAvroData, columns[index]!.name),
      convert: connectByName(columns[index]!.type, own),
    });
    if (unwrapped) return [encoderOf(0, schema, avro)];
    if (avro.type !== "record" || schema.type !== "struct")
      throw new MillraceError("SCHEMA_INVALID", `The registered schema is ${avro.type}, not a record of the columns`);
    return avro.fields.map((field, i) => {
      const index = columns.findIndex((c) => c.name === field.name);
      if (index < 0) return { index, encode: defaultEncoder(avro, field), convert: undefined };
      return encoderOf(index, schema.fields![i]!.schema, field.type);
    });
  }

  protected readerOf({ schema, id }: StoredSchema, references: readonly string[]): ReadRow {
    const avro = parseAvro(schema, references);
    return this.options.unwrapped ? this.bareReader(avro) : this.recordReader(avro, id);
  }

  private bareReader(avro: AvroSchema): ReadRow {
    const column = this.options.columns[0]!;
    const schema = avroToConnect(avro, defaultAvroData);
    const decode = compileAvroDecoder(avro, schema);
    const convert = sqlFromConnect(column.type, schema, column.name);
    const reader = new ByteReader();
    return (bytes, start, end) => {
      const v = decode(reader.set(bytes, start, end));
      return [v === null || !convert ? v : convert(v)];
    };
  }

  private recordReader(writer: AvroSchema, id: number): ReadRow {
    const avro = writer.type === "union" ? writer.branches.find((b) => b.type === "record") : writer;
    if (avro?.type !== "record") throw new MillraceError("DESERIALIZATION", `Schema ${id} is ${writer.type}, not a record`);
    const { columns, needed } = this.options;
    const schema = avroToConnect(avro, defaultAvroData);
    const plans = new Array<FieldPlan | undefined>(avro.fields.length);
    for (const c of needed) {
      const column = columns[c]!;
      const at = fieldIndex(avro, column.name);
      if (at >= 0) plans[at] = planOf(avro, at, schema.fields![at]!.schema, column, c);
    }
    const values = columns.map((_, i) => `v${i}`);
    const general = (a: AvroSchema) => compileAvroDecoder(a, a.type === "null" ? schema : avroToConnect(a, defaultAvroData));
    const read = generateRecordReader(
      avro,
      plans,
      general,
      `let ${values.map((v) => `${v} = null`).join(", ")};`,
      `return [${values.join(", ")}];`,
    ) as unknown as ReadRow;
    if (writer === avro) return read;
    const branch = writer.type === "union" ? writer.branches.indexOf(avro) : 0;
    const none = columns.map(() => null);
    return (bytes, start, end) => (bytes[start] === branch * 2 ? read(bytes, start + 1, end) : [...none]);
  }
}

/** Writes a registered field that is no column: its default. @throws SCHEMA_INVALID where it has none */
function defaultEncoder(avro: AvroRecord, field: AvroField): AvroEncoder {
  const empty: Schema = { type: "struct", optional: false, fields: [] };
  const encode = compileAvroEncoder(empty, { ...avro, fields: [field] }, defaultAvroData);
  const nothing = new Struct(empty, []);
  return (out) => encode(out, nothing);
}

/** @throws DATA_INVALID */
function checkNames(columns: readonly SqlField[]): void {
  for (const { name, type } of columns) {
    if (!/^[A-Za-z_]/.test(name))
      throw new MillraceError("DATA_INVALID", `Schema is not compatible with Avro: Illegal initial character: ${name}`);
    if (!/^\w+$/.test(name)) throw new MillraceError("DATA_INVALID", `Schema is not compatible with Avro: Illegal character in: ${name}`);
    if (type.base === "STRUCT") checkNames(type.fields);
  }
}

function fieldIndex(avro: AvroRecord, name: string): number {
  const exact = avro.fields.findIndex((f) => f.name === name);
  return exact >= 0 ? exact : avro.fields.findIndex((f) => f.name.toUpperCase() === name.toUpperCase());
}

function planOf(avro: AvroRecord, at: number, schema: Schema, column: SqlField, index: number): FieldPlan {
  const { type } = avro.fields[at]!;
  const others = type.type === "union" ? type.branches.filter((b) => b.type !== "null") : [type];
  const convert = sqlFromConnect(column.type, schema, column.name);
  const safe = convert && ((v: unknown) => (v === null || v === undefined ? null : convert(v)));
  return {
    store: (v) => `v${index} = ${v};`,
    general: compileAvroDecoder(others.length === 1 ? others[0]! : type, schema),
    ...(safe ? { convert: safe } : {}),
    ...(schema.name === DECIMAL ? { decimalScale: Number(schema.parameters?.["scale"] ?? 0) } : {}),
  };
}
