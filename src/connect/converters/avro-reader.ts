import type { Schema } from "../../data/schema.js";
import { type AvroRecord, type AvroSchema, avroPrimitive } from "../../schema-registry/avro/schema.js";
import { avroToConnect } from "../../serde/formats/avro/avro-to-connect.js";
import { type AvroDataOptions, DECIMAL } from "../../serde/formats/avro/connect-names.js";
import { compileAvroDecoder } from "../../serde/formats/avro/decoder.js";
import { type FieldPlan, generateRecordReader } from "../../serde/formats/avro/record-reader.js";
import type { ColumnReader } from "../api/converter.js";

const HEADER = 5;

/** A reader of records with this schema id: a field a column, or one column where the schema is no record. */
export function compileAvroReader(avro: AvroSchema, schema: Schema, id: number, options: AvroDataOptions): ColumnReader {
  // a bare value is a record of one field: a record has no bytes of its own
  const record: AvroRecord =
    avro.type === "record"
      ? avro
      : { type: "record", name: "Bare", aliases: [], fields: [{ name: "value", type: avro, aliases: [], props: {} }], props: {} };
  const plans = record.fields.map((field, i): FieldPlan => {
    const fieldSchema = avro.type === "record" ? schema.fields![i]!.schema : schema;
    const others = field.type.type === "union" ? field.type.branches.filter((b) => b.type !== "null") : [field.type];
    return {
      store: (v) => `columns[${i}][row] = ${v};`,
      general: compileAvroDecoder(others.length === 1 && hasNull(field.type) ? others[0]! : field.type, fieldSchema),
      ...(fieldSchema.name === DECIMAL ? { decimalScale: Number(fieldSchema.parameters?.["scale"] ?? 0) } : {}),
    };
  });
  const general = (a: AvroSchema) => compileAvroDecoder(a, avroToConnect(a.type === "null" ? avroPrimitive("string") : a, options));
  const read = generateRecordReader(record, plans, general);
  return {
    schema,
    accepts: (b, start, end) => end - start >= HEADER && b[start] === 0 && b.readUInt32BE(start + 1) === id,
    read: (b, start, end, columns, row) => void read(b, start + HEADER, end, columns, row),
  };
}

function hasNull(avro: AvroSchema): boolean {
  return avro.type === "union" && avro.branches.some((b) => b.type === "null");
}
