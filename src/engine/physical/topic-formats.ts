import { MillraceError } from "../../common/errors.js";
import { javaTimeFormat } from "../../common/java-time-format.js";
import type { RecordHeader } from "../../data/headers.js";
import type { SchemaClient } from "../../schema-registry/client.js";
import { createRowSerde } from "../../serde/create.js";
import type { Row, RowSerde } from "../../serde/row-serde.js";
import type { FormatInfo, RowSchema, SinkStep, SourceStep, TimestampColumn } from "../../sql/plan/step.js";
import type { KeyWindow, RecordFormat } from "../../streams/topology/record-format.js";
import { serdeFormat } from "../../streams/topology/serde-format.js";
import { neededValues } from "./needed-columns.js";

export function keySerde(info: FormatInfo, schema: RowSchema, registry: SchemaClient): RowSerde {
  return createRowSerde({ ...request(info), isKey: true, columns: schema.key }, { registry });
}

function request(info: FormatInfo) {
  return {
    format: info.format,
    ...(info.properties ? { properties: info.properties } : {}),
    ...(info.features ? { features: info.features } : {}),
  };
}

export function sourceFormat(step: SourceStep, wanted: ReadonlySet<number> | undefined, registry: SchemaClient): RecordFormat {
  const { schema } = step;
  const headers = new Set(step.headers?.map((h) => h.column));
  const keys = schema.key.length;
  const positions = schema.value.flatMap((c, i) => (headers.has(c.name) ? [] : [keys + i]));
  const skip = step.keyInValue ? keys : 0;
  const columns = [...(step.keyInValue ? schema.key : []), ...positions.map((p) => schema.value[p - keys]!)];
  const needed = neededValues(step, wanted, positions, skip);
  const value = createRowSerde({ ...request(step.formats.value), isKey: false, columns, ...(needed ? { needed } : {}) }, { registry });
  return serdeFormat({
    schema,
    key: keySerde(step.formats.key, schema, registry),
    value,
    ...(step.keyInValue ? { keyInValue: true } : {}),
    ...(step.window ? { window: step.window } : {}),
    ...(headers.size ? { positions } : {}),
  });
}

export function sinkFormat(step: SinkStep, window: KeyWindow | undefined, registry: SchemaClient, keyIsRecord = false): RecordFormat {
  const { schema } = step;
  const columns = [...(step.keyInValue ? schema.key : []), ...schema.value];
  return serdeFormat({
    schema,
    key: keySerde(step.formats.key, schema, registry),
    value: createRowSerde({ ...request(step.formats.value), isKey: false, columns }, { registry }),
    ...(step.keyInValue ? { keyInValue: true } : {}),
    ...(window ? { window } : {}),
    ...(keyIsRecord ? { keyIsRecord } : {}),
    ...(columns.length === 1 && standsBare(step.formats.value) ? { bareValue: true } : {}),
  });
}

function standsBare({ format, features }: FormatInfo): boolean {
  return format === "KAFKA" || (features?.includes("UNWRAP_SINGLES") ?? false);
}

/** The record's time from a column: ms of a BIGINT or TIMESTAMP, or a text of a Java pattern, in UTC where it has no zone. */
export function timestampReader(timestamp: TimestampColumn | undefined, schema: RowSchema): ((row: Row) => number) | undefined {
  if (timestamp === undefined) return undefined;
  const { column } = timestamp;
  const index = [...schema.key, ...schema.value].findIndex((c) => c.name === column);
  if (index < 0) throw new MillraceError("INTERNAL", `timestamp column ${column} is not in the schema`);
  if (timestamp.format === undefined)
    return (row) => {
      const value = row[index];
      if (typeof value !== "number")
        throw new MillraceError("DATA_INVALID", `column ${column}, which holds the record's time, is ${value}`);
      return value;
    };
  const format = javaTimeFormat(timestamp.format);
  return (row) => {
    const value = row[index];
    if (typeof value === "string")
      try {
        return format.parse(value, "UTC");
      } catch {
        // said below, with the column's name
      }
    throw new MillraceError(
      "DATA_INVALID",
      `column ${column}, which holds the record's time, is ${value}, not of the form ${timestamp.format}`,
    );
  };
}

/** Fills columns declared HEADERS or HEADER('key'). */
export function headerReader(step: SourceStep): ((row: Row, headers: readonly RecordHeader[]) => void) | undefined {
  if (!step.headers?.length) return undefined;
  const targets = step.headers.map(({ column, key }) => ({
    at: step.schema.key.length + step.schema.value.findIndex((c) => c.name === column),
    key,
  }));
  return (row, headers) => {
    for (const { at, key } of targets) {
      if (key === null) row[at] = headers.map((h) => [h.key, h.value]);
      else row[at] = headers.findLast((h) => h.key === key)?.value ?? null;
    }
  };
}
