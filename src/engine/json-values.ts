import { javaDouble } from "../data/java-number.js";
import type { Decimal } from "../data/schema.js";
import type { SqlType } from "../data/sql-type.js";

/** Writes a value of one SQL type as the JSON text that ksqlDB's REST answers carry; null becomes `null`. */
export type JsonWriter = (value: unknown) => string;

/**
 * Numbers are lexemes: a BIGINT and a DECIMAL keep every digit and a DOUBLE prints as Java prints it. DATE, TIME and
 * TIMESTAMP are ISO text, BYTES base64, a STRUCT an object in the order of its fields.
 */
export function jsonWriter(type: SqlType): JsonWriter {
  const write = writerOf(type);
  return (value) => (value === null || value === undefined ? "null" : write(value));
}

function writerOf(type: SqlType): JsonWriter {
  switch (type.base) {
    case "BOOLEAN":
    case "INTEGER":
    case "BIGINT":
      return String;
    case "DOUBLE":
      // JSON has no number for NaN and the infinities: they are quoted.
      return (v) => (Number.isFinite(v) ? javaDouble(v as number) : `"${javaDouble(v as number)}"`);
    case "DECIMAL":
      return (v) => (v as Decimal).toString();
    case "STRING":
      return (v) => JSON.stringify(v);
    case "BYTES":
      return (v) => `"${base64(v as Uint8Array)}"`;
    case "DATE":
      return (v) => `"${formatDate(v as number)}"`;
    case "TIME":
      return (v) => `"${formatTime(v as number)}"`;
    case "TIMESTAMP":
      return (v) => `"${formatTimestamp(v as number)}"`;
    case "ARRAY": {
      const element = jsonWriter(type.element);
      return (v) => `[${(v as unknown[]).map(element).join(",")}]`;
    }
    case "MAP": {
      const key = type.key.base === "STRING" ? (k: unknown) => JSON.stringify(k) : (k: unknown) => JSON.stringify(unquoted(mapKey(k)));
      const mapKey = jsonWriter(type.key);
      const entry = jsonWriter(type.value);
      return (v) => `{${[...(v as Map<unknown, unknown>)].map(([k, x]) => `${key(k)}:${entry(x)}`).join(",")}}`;
    }
    case "STRUCT": {
      const fields = type.fields.map((f) => ({ name: `${JSON.stringify(f.name)}:`, write: jsonWriter(f.type) }));
      return (v) => `{${fields.map((f, i) => f.name + f.write((v as unknown[])[i])).join(",")}}`;
    }
  }
}

/** One writer for whole rows: `[a,b,c]`. */
export function jsonRowWriter(types: readonly SqlType[]): (row: readonly unknown[]) => string {
  const writers = types.map(jsonWriter);
  return (row) => {
    let text = "[";
    for (let i = 0; i < writers.length; i++) text += (i === 0 ? "" : ",") + writers[i]!(row[i]);
    return `${text}]`;
  };
}

function unquoted(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

export function formatDate(days: number): string {
  return new Date(days * 86_400_000).toISOString().slice(0, -14);
}
export function formatTime(ms: number): string {
  const text = new Date(ms).toISOString().slice(11, 23);
  return text.endsWith(".000") ? text.slice(0, 8) : text;
}
export function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1);
}
