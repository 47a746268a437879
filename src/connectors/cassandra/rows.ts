import type { SinkRecord } from "../../connect/api/record.js";
import type { SinkRows } from "../../connect/api/sink.js";
import { fieldNamed, type Schema, Struct, type Value } from "../../data/schema.js";
import { jsonValue } from "./collections.js";
import type { FieldSource } from "./mapping.js";
import { Unconvertible } from "./numbers.js";

/** Records of one partition, one key schema and one value schema, as what a mapping asks of them. */
export interface RowSource {
  readonly topic: string;
  /** that they were read from */
  readonly originalTopic: string;
  readonly partition: number;
  readonly keySchema: Schema | null;
  readonly valueSchema: Schema | null;
  readonly count: number;
  /** 1 where the record has no value */
  readonly tombstone: Uint8Array;
  readonly offsets: Float64Array;
  readonly timestamps: Float64Array;
  /** The whole key or value, or one of its top fields, of every row; undefined or null where there is none. */
  part(part: "key" | "value", field: number | null): readonly unknown[];
  record(row: number): SinkRecord;
}

/** A header's value with its schema, which may be another in each record. */
export class HeaderValue {
  constructor(
    readonly schema: Schema,
    readonly value: Value,
  ) {}
}

export function fromColumns(rows: SinkRows): RowSource {
  return {
    topic: rows.topic,
    originalTopic: rows.originalTopic ?? rows.topic,
    partition: rows.partition,
    keySchema: rows.keySchema,
    valueSchema: rows.valueSchema,
    count: rows.count,
    tombstone: rows.tombstone,
    offsets: rows.offsets,
    timestamps: rows.timestamps,
    part(part, field) {
      const columns = part === "key" ? rows.keys : rows.values;
      const schema = part === "key" ? rows.keySchema : rows.valueSchema;
      if (field !== null) return columns[field] ?? [];
      if (schema === null || schema.type !== "struct") return columns[0] ?? [];
      return Array.from({ length: rows.count }, (_, r) =>
        part === "value" && rows.tombstone[r] === 1
          ? null
          : new Struct(
              schema,
              columns.map((c) => (c[r] ?? null) as Value),
            ),
      );
    },
    record: (row) => rows.record(row),
  };
}

/** In runs of one topic, partition and pair of schemas; a record without a value goes with the run that it stands in. */
export function fromRecords(records: readonly SinkRecord[]): RowSource[] {
  const out: RowSource[] = [];
  let from = 0;
  let valueSchema: Schema | null | undefined;
  for (let i = 0; i < records.length; i++) {
    const first = records[from]!;
    const r = records[i]!;
    const same =
      first.topic === r.topic &&
      first.originalTopic === r.originalTopic &&
      first.partition === r.partition &&
      first.keySchema === r.keySchema;
    if (!same || (r.value !== null && valueSchema !== undefined && valueSchema !== r.valueSchema)) {
      out.push(runOf(records.slice(from, i), valueSchema));
      from = i;
      valueSchema = undefined;
    }
    if (r.value !== null) valueSchema = r.valueSchema;
  }
  if (from < records.length) out.push(runOf(from === 0 ? records : records.slice(from), valueSchema));
  return out;
}

function runOf(run: readonly SinkRecord[], valueSchema: Schema | null | undefined): RowSource {
  const first = run[0]!;
  return {
    topic: first.topic,
    originalTopic: first.originalTopic ?? first.topic,
    partition: first.partition,
    keySchema: first.keySchema,
    valueSchema: valueSchema ?? null,
    count: run.length,
    tombstone: Uint8Array.from(run, (r) => (r.value === null ? 1 : 0)),
    offsets: Float64Array.from(run, (r) => r.offset),
    timestamps: Float64Array.from(run, (r) => r.timestamp ?? Number.NaN),
    part: (part, field) =>
      run.map((r) => {
        const value = part === "key" ? r.key : r.value;
        return field === null || value === null ? value : (value as Struct).values[field];
      }),
    record: (row) => run[row]!,
  };
}

/** A mapping's field in records of one pair of schemas. */
export interface Located {
  /** null: without a schema, each value says itself what it is */
  readonly schema: Schema | null;
  /** the schema has no such field: its rows have nothing there */
  readonly missing: boolean;
  /** One value a row; undefined and null are nothing, an Unconvertible says why there is none. */
  values(rows: RowSource, cache: Map<string, readonly unknown[]>): readonly unknown[];
}

/** @param schema of the source's part */
export function locate(source: FieldSource, schema: Schema | null): Located {
  if (source.part === "header") return locateHeader(source.path);
  const { part, path } = source;
  if (path.length === 0) return { schema, missing: false, values: (rows) => rows.part(part, null) };
  if (schema !== null && schema.type === "struct") {
    const whole = fieldNamed(schema, path.join("."));
    const top = whole ?? fieldNamed(schema, path[0]!);
    if (!top) return { schema: null, missing: true, values: () => [] };
    const rest = whole ? [] : path.slice(1);
    if (rest.length === 0) return { schema: top.schema, missing: false, values: (rows) => rows.part(part, top.index) };
    const nested = descend(top.schema, rest);
    if (nested === undefined) return { schema: null, missing: true, values: () => [] };
    return {
      schema: nested,
      missing: false,
      values: (rows) => rows.part(part, top.index).map((v) => reach(v as Value, rest)),
    };
  }
  const json = schema === null || schema.type === "string";
  return {
    schema: schema?.type === "map" ? (descend(schema, path) ?? null) : null,
    missing: schema !== null && schema.type !== "map" && !json,
    values: (rows, cache) => wholes(rows, part, cache).map((v) => (v instanceof Unconvertible ? v : reach(v as Value, path))),
  };
}

/** The whole keys or values, texts read as JSON: once for all fields of a batch. */
function wholes(rows: RowSource, part: "key" | "value", cache: Map<string, readonly unknown[]>): readonly unknown[] {
  let values = cache.get(part);
  if (!values) {
    values = rows.part(part, null).map((v) => {
      if (typeof v !== "string") return v;
      try {
        return jsonValue(v);
      } catch (error) {
        return error;
      }
    });
    cache.set(part, values);
  }
  return values;
}

/** undefined: there is no such field */
function descend(schema: Schema, path: readonly string[]): Schema | null | undefined {
  let at: Schema | null = schema;
  for (const name of path) {
    if (at === null) return null;
    if (at.type === "struct") {
      const field = fieldNamed(at, name);
      if (!field) return undefined;
      at = field.schema;
    } else if (at.type === "map") at = at.valueSchema ?? null;
    else return undefined;
  }
  return at;
}

function reach(value: Value | undefined, path: readonly string[]): Value | undefined {
  if (value instanceof Map && path.length > 1) {
    const whole = value.get(path.join("."));
    if (whole !== undefined) return whole;
  }
  let at = value;
  for (const name of path) {
    if (at instanceof Struct) at = at.get(name);
    else if (at instanceof Map) at = at.get(name);
    else return undefined;
  }
  return at;
}

function locateHeader(path: readonly string[]): Located {
  const name = path.join(".");
  return {
    schema: null,
    missing: false,
    values: (rows) =>
      Array.from({ length: rows.count }, (_, r) => {
        const { headers } = rows.record(r);
        const whole = headers.findLast((h) => h.key === name);
        const header = whole ?? headers.findLast((h) => h.key === path[0]);
        if (!header || header.value === null) return null;
        const rest = whole ? [] : path.slice(1);
        const value = rest.length ? reach(header.value, rest) : header.value;
        const schema = header.schema && rest.length ? descend(header.schema, rest) : header.schema;
        return value === undefined || value === null ? null : schema ? new HeaderValue(schema, value) : value;
      }),
  };
}
