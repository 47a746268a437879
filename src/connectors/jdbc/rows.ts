import type { SinkRecord } from "../../connect/api/record.js";
import type { SinkRows } from "../../connect/api/sink.js";
import { fieldNamed, type Schema, Struct, type Value } from "../../data/schema.js";

/** A Debezium event as it comes without `ExtractNewRecordState`. */
export function isEnvelope(schema: Schema | null): schema is Schema {
  return (
    schema !== null &&
    schema.type === "struct" &&
    schema.name !== undefined &&
    /(\.|^)Envelope$/.test(schema.name) &&
    fieldNamed(schema, "op") !== undefined
  );
}

export type RowItem = { readonly rows: SinkRows } | { readonly truncate: SinkRecord };

/** Records as columns, in runs of one topic, partition and pair of schemas; envelopes are opened on the way. */
export function transpose(records: readonly SinkRecord[]): RowItem[] {
  const items: RowItem[] = [];
  let run: SinkRecord[] = [];
  let original: SinkRecord[] = [];
  const close = () => {
    if (run.length) items.push({ rows: toColumns(run, original) });
    run = [];
    original = [];
  };
  for (const record of records) {
    const row = isEnvelope(record.valueSchema) ? openEnvelope(record) : record;
    if (row === "truncate") {
      close();
      items.push({ truncate: record });
      continue;
    }
    const first = run[0];
    // a tombstone's schema is null: it goes with the run it stands in
    const sameValue = first && (first.valueSchema === row.valueSchema || row.value === null || run.every((r) => r.value === null));
    const samePlace = first?.topic === row.topic && first.originalTopic === row.originalTopic && first.partition === row.partition;
    if (first && (!samePlace || first.keySchema !== row.keySchema || !sameValue)) close();
    run.push(row);
    original.push(record);
  }
  close();
  return items;
}

function openEnvelope(record: SinkRecord): SinkRecord | "truncate" {
  const envelope = record.value as Struct | null;
  const afterSchema = fieldNamed(record.valueSchema!, "after")?.schema ?? null;
  if (envelope === null) return { ...record, valueSchema: afterSchema };
  if (envelope.get("op") === "t") return "truncate";
  return { ...record, valueSchema: afterSchema, value: envelope.get("after") ?? null };
}

function toColumns(run: readonly SinkRecord[], original: readonly SinkRecord[]): SinkRows {
  const first = run[0]!;
  const valueSchema = run.find((r) => r.value !== null)?.valueSchema ?? first.valueSchema;
  const count = run.length;
  const keys = columnsOf(first.keySchema, count);
  const values = columnsOf(valueSchema, count);
  const tombstone = new Uint8Array(count);
  const offsets = new Float64Array(count);
  const timestamps = new Float64Array(count);
  const sourceTimes = new Float64Array(count);
  for (let r = 0; r < count; r++) {
    const record = run[r]!;
    fill(keys, record.key, r);
    if (record.value === null) tombstone[r] = 1;
    else fill(values, record.value, r);
    offsets[r] = record.offset;
    timestamps[r] = record.timestamp ?? Number.NaN;
    sourceTimes[r] = record.sourceTimeUs ?? Number.NaN;
  }
  const { topic, originalTopic, partition, keySchema } = first;
  return {
    topic,
    ...(originalTopic === undefined ? {} : { originalTopic }),
    partition,
    keySchema,
    valueSchema,
    count,
    bytes: 0, // counted by whoever read the records from the log
    keys,
    values,
    tombstone,
    offsets,
    timestamps,
    sourceTimes,
    record: (row) => original[row]!,
  };
}

function columnsOf(schema: Schema | null, count: number): unknown[][] {
  const width = schema === null ? 0 : schema.type === "struct" ? schema.fields!.length : 1;
  return Array.from({ length: width }, () => new Array(count).fill(null));
}

function fill(columns: unknown[][], value: Value, row: number): void {
  if (value instanceof Struct) for (let c = 0; c < columns.length; c++) columns[c]![row] = value.values[c];
  else if (columns.length === 1) columns[0]![row] = value;
}
