import type { Schema } from "../../data/schema.js";
import { type AvroRecord, type AvroSchema, avroPrimitive } from "../../schema-registry/avro/schema.js";
import { avroToConnect } from "../../serde/formats/avro/avro-to-connect.js";
import { type AvroDataOptions, DECIMAL } from "../../serde/formats/avro/connect-names.js";
import { compileAvroDecoder } from "../../serde/formats/avro/decoder.js";
import { type FieldPlan, generateRecordReader } from "../../serde/formats/avro/record-reader.js";
import { utf8Text } from "../../serde/text-cache.js";
import type { ColumnReader } from "../api/converter.js";
import { NumberColumn, type PackedColumn, SpanColumn, ValueColumn } from "../api/packed-column.js";
import { HEADER } from "./registry-settings.js";

type NewColumn = (capacity: number, buffers: readonly Buffer[]) => PackedColumn;

/** A reader of records with this schema id: a field a column, or one column where the schema is no record. */
export function compileAvroReader(avro: AvroSchema, schema: Schema, id: number, options: AvroDataOptions): ColumnReader {
  // a bare value is a record of one field: a record has no bytes of its own
  const record: AvroRecord =
    avro.type === "record"
      ? avro
      : { type: "record", name: "Bare", aliases: [], fields: [{ name: "value", type: avro, aliases: [], props: {} }], props: {} };
  const schemas = avro.type === "record" ? schema.fields!.map((f) => f.schema) : [schema];
  const plans = record.fields.map((field, i) => planOf(field.type, schemas[i]!, i));
  const columns = record.fields.map((field, i) => columnOf(field.type, schemas[i]!));
  const general = (a: AvroSchema) => compileAvroDecoder(a, avroToConnect(a.type === "null" ? avroPrimitive("string") : a, options));
  const read = generateRecordReader(record, plans, general);
  return {
    schema,
    columns: (capacity, buffers) => columns.map((of) => of(capacity, buffers)),
    accepts: (b, start, end) => end - start >= HEADER && b[start] === 0 && b.readUInt32BE(start + 1) === id,
    read: (b, start, end, into, row) => void read(b, start + HEADER, end, into, row),
  };
}

/** The one type beside null, if there is one. */
function single(avro: AvroSchema): AvroSchema {
  if (avro.type !== "union" || avro.branches.length !== 2) return avro;
  return avro.branches[0]!.type === "null" ? avro.branches[1]! : avro.branches[1]!.type === "null" ? avro.branches[0]! : avro;
}

const isDecimal = (avro: AvroSchema, schema: Schema) => (avro.type === "bytes" || avro.type === "fixed") && schema.name === DECIMAL;
const scaleOf = (schema: Schema) => Number(schema.parameters?.["scale"] ?? 0);

function columnOf(avro: AvroSchema, schema: Schema): NewColumn {
  const type = single(avro);
  if (isDecimal(type, schema)) return (capacity) => new NumberColumn(capacity, "decimal", scaleOf(schema));
  switch (type.type) {
    case "int":
    case "long":
    case "float":
    case "double":
      return (capacity) => new NumberColumn(capacity, "number");
    case "boolean":
      return (capacity) => new NumberColumn(capacity, "boolean");
    case "string":
      return (capacity, buffers) => new SpanColumn(capacity, buffers, utf8Text);
    case "bytes":
    case "fixed":
      // a copy: what is decoded outlives the batch
      return (capacity, buffers) => new SpanColumn(capacity, buffers, (b, start, end) => Buffer.from(b.subarray(start, end)));
    default:
      return () => new ValueColumn();
  }
}

/** Stores into the kinds of columns that `columnOf` chooses. */
function planOf(avro: AvroSchema, schema: Schema, i: number): FieldPlan {
  const type = single(avro);
  const general = compileAvroDecoder(type, schema);
  const number = (v: string) => `columns[${i}].numbers[row] = ${v}; columns[${i}].states[row] = 0;`;
  const set = (v: string) => `columns[${i}].set(row, ${v});`;
  if (isDecimal(type, schema)) return { store: set, storeUnscaled: number, general, decimalScale: scaleOf(schema) };
  switch (type.type) {
    case "int":
    case "long":
      // beyond what is safe it is a bigint
      return { store: (v) => (v === "n" ? `if (typeof n === "number") { ${number("n")} } else ${set("n")}` : set(v)), general };
    case "float":
    case "double":
    case "boolean":
      return { store: (v) => (v === "null" ? set(v) : number(`+(${v})`)), general };
    case "string":
    case "bytes":
    case "fixed":
      return {
        store: set,
        storeSpan: (start, end) => `columns[${i}].starts[row] = ${start}; columns[${i}].ends[row] = ${end};`,
        general,
      };
    default:
      return { store: set, general };
  }
}
