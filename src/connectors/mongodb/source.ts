import type { Document } from "mongodb";
import type { SinkRecord } from "../../connect/api/record.js";
import type { SinkRows } from "../../connect/api/sink.js";
import type { Schema, Value } from "../../data/schema.js";
import { guarded, structToBson, toDocument } from "./to-bson.js";

/** Records of one partition as documents, which are made only where they are asked for. */
export interface DocumentSource {
  readonly topic: string;
  /** that they were read from */
  readonly originalTopic: string;
  readonly partition: number;
  readonly count: number;
  offset(row: number): number;
  /** ms, NaN where unknown */
  timestamp(row: number): number;
  /** null: there is none. @throws RECORD_REFUSED where it is no document */
  key(row: number): Document | null;
  value(row: number): Document | null;
  record(row: number): SinkRecord;
}

export function fromColumns(rows: SinkRows): DocumentSource {
  const key = reader("key", rows.keySchema, rows.keys);
  const value = reader("value", rows.valueSchema, rows.values);
  return {
    topic: rows.topic,
    originalTopic: rows.originalTopic ?? rows.topic,
    partition: rows.partition,
    count: rows.count,
    offset: (row) => rows.offsets[row]!,
    timestamp: (row) => rows.timestamps[row]!,
    key,
    value: (row) => (rows.tombstone[row] === 1 ? null : value(row)),
    record: (row) => rows.record(row),
  };
}

function reader(part: "key" | "value", schema: Schema | null, columns: SinkRows["keys"]): (row: number) => Document | null {
  if (columns.length === 0 && schema?.type !== "struct") return () => null;
  if (schema?.type !== "struct") return (row) => toDocument(part, schema, columns[0]![row] as Value | undefined);
  const document = structToBson(schema);
  const values = new Array<Value>(columns.length);
  return (row) => {
    for (let c = 0; c < values.length; c++) values[c] = columns[c]![row] as Value;
    return guarded(part, () => document(values));
  };
}

/** In runs of one topic and partition. */
export function fromRecords(records: readonly SinkRecord[]): DocumentSource[] {
  const out: DocumentSource[] = [];
  let from = 0;
  for (let i = 1; i <= records.length; i++) {
    const first = records[from]!;
    const r = records[i];
    if (r && r.topic === first.topic && r.originalTopic === first.originalTopic && r.partition === first.partition) continue;
    out.push(runOf(records.slice(from, i)));
    from = i;
  }
  return out;
}

function runOf(run: readonly SinkRecord[]): DocumentSource {
  const first = run[0]!;
  return {
    topic: first.topic,
    originalTopic: first.originalTopic ?? first.topic,
    partition: first.partition,
    count: run.length,
    offset: (row) => run[row]!.offset,
    timestamp: (row) => run[row]!.timestamp ?? Number.NaN,
    key: (row) => toDocument("key", run[row]!.keySchema, run[row]!.key),
    value: (row) => toDocument("value", run[row]!.valueSchema, run[row]!.value),
    record: (row) => run[row]!,
  };
}
