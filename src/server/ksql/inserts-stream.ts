import type { Readable, Writable } from "node:stream";
import { describeError, MillraceError } from "../../common/errors.js";
import { Decimal } from "../../data/schema.js";
import type { SqlType } from "../../data/sql-type.js";
import type { Engine } from "../../engine/engine.js";
import type { RowWriter } from "../../engine/insert-values.js";
import { parseDate, parseTime, parseTimestamp } from "../../serde/temporal-text.js";

/** The lines of a body, as they arrive. */
export async function* bodyLines(body: Readable): AsyncGenerator<string> {
  let pending = "";
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    const parts = (pending + decoder.decode(chunk as Buffer, { stream: true })).split("\n");
    pending = parts.pop()!;
    for (const part of parts) if (part.trim() !== "") yield part;
  }
  if (pending.trim() !== "") yield pending;
}

/** @throws DATA_INVALID */
export function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new MillraceError("DATA_INVALID", `Invalid JSON in inserts stream: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Each row is written and acknowledged in order; the first that is refused ends the stream with its error.
 * @param asArray the acknowledgements are one JSON array, else one JSON a line
 */
export async function insertRows(
  lines: AsyncGenerator<string>,
  writer: RowWriter,
  engine: Engine,
  out: Writable,
  asArray: boolean,
): Promise<void> {
  let seq = 0;
  const acknowledge = (ack: unknown) => {
    const json = JSON.stringify(ack);
    out.write(asArray ? `${seq === 0 ? "[" : ",\n"}${json}` : `${json}\n`);
  };
  try {
    for await (const line of lines) {
      await writer.write(rowOf(parseLine(line), writer), engine.services.clock.now());
      acknowledge({ status: "ok", seq });
      seq++;
    }
  } catch (error) {
    acknowledge({ status: "error", seq, error_code: 50000, message: describeError(error) });
    seq++;
  }
  out.end(asArray ? (seq === 0 ? "[]" : "]") : "");
}

/** Names match without case, as identifiers do. @throws DATA_INVALID naming the column */
function rowOf(given: unknown, writer: RowWriter): unknown[] {
  if (given === null || typeof given !== "object" || Array.isArray(given))
    throw new MillraceError("DATA_INVALID", "A row is a JSON object of columns");
  const byName = new Map(
    Object.entries(given).map(([name, value]) => [name.startsWith("`") ? name.slice(1, -1) : name.toUpperCase(), value as unknown]),
  );
  const { columns } = writer.source;
  const ordered = [...columns.filter((c) => c.role === "key"), ...columns.filter((c) => c.role !== "key")];
  for (const name of byName.keys())
    if (!ordered.some((c) => c.name === name))
      throw new MillraceError("DATA_INVALID", `Column name \`${name}\` does not exist.`, { context: { column: name } });
  return ordered.map((c) => coerce(byName.get(c.name), c.type, c.name));
}

/** A JSON value as a row's value of a SQL type. */
function coerce(value: unknown, type: SqlType, column: string): unknown {
  if (value === null || value === undefined) return null;
  const refuse = () =>
    new MillraceError(
      "DATA_INVALID",
      `Can't coerce a field of type ${Array.isArray(value) ? "array" : typeof value} (${JSON.stringify(value)}) into type ${type.base} of column ${column}`,
      {
        context: { column },
      },
    );
  switch (type.base) {
    case "BOOLEAN":
      if (typeof value !== "boolean") throw refuse();
      return value;
    case "INTEGER":
    case "BIGINT":
      if (typeof value === "number" && Number.isInteger(value)) return value;
      if (typeof value === "string" && /^-?\d+$/.test(value)) return Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value);
      throw refuse();
    case "DOUBLE":
      if (typeof value === "number") return value;
      throw refuse();
    case "DECIMAL": {
      const parsed = typeof value === "number" || typeof value === "string" ? Decimal.parse(String(value)) : undefined;
      if (!parsed) throw refuse();
      return parsed.rescale(type.scale);
    }
    case "STRING":
      if (typeof value === "object") throw refuse();
      return String(value);
    case "BYTES":
      if (typeof value !== "string") throw refuse();
      return Buffer.from(value, "base64");
    case "DATE":
    case "TIME":
    case "TIMESTAMP": {
      if (typeof value === "number") return value;
      const parse = type.base === "DATE" ? parseDate : type.base === "TIME" ? parseTime : parseTimestamp;
      const parsed = parse(String(value));
      if (parsed === undefined) throw refuse();
      return parsed;
    }
    case "ARRAY":
      if (!Array.isArray(value)) throw refuse();
      return value.map((v) => coerce(v, type.element, column));
    case "MAP":
      if (typeof value !== "object" || Array.isArray(value)) throw refuse();
      return new Map(Object.entries(value).map(([k, v]) => [coerce(k, type.key, column), coerce(v, type.value, column)]));
    case "STRUCT": {
      if (typeof value !== "object" || Array.isArray(value)) throw refuse();
      const byName = new Map(Object.entries(value).map(([k, v]) => [k.toUpperCase(), v as unknown]));
      return type.fields.map((f) => coerce(byName.get(f.name.toUpperCase()), f.type, `${column}->${f.name}`));
    }
  }
}
