import type {} from "../../../data/buffer-text.js";
import { javaDouble } from "../../../data/java-number.js";
import { Decimal } from "../../../data/schema.js";
import type { SqlField } from "../../../data/sql-type.js";
import { putDigits } from "../../digits.js";
import type { Row, RowSerde } from "../../row-serde.js";
import { jsonString, parseJson } from "./json-text.js";
import { holdsDecimal, JsonRowReader } from "./row-reader.js";
import { sqlFromJson, sqlToJson } from "./sql-json.js";

/** Writes the value's JSON at the position and returns the end, or -1 where there is no room. */
type Put = (out: Buffer, p: number, value: unknown) => number;

/** ksqlDB's JSON format: an object of all columns, or the bare value of the only one. */
export class JsonRowSerde implements RowSerde {
  private readonly reader: JsonRowReader;
  private readonly puts: readonly Put[];
  private readonly heads: readonly Buffer[];
  private scratch = Buffer.allocUnsafeSlow(1024);

  constructor(
    private readonly columns: readonly SqlField[],
    needed: readonly number[],
    private readonly unwrapped: boolean,
  ) {
    this.reader = new JsonRowReader(columns, needed);
    this.puts = columns.map((c) => putOf(c));
    this.heads = columns.map((c, i) => Buffer.from(`${i === 0 ? "{" : ","}${jsonString(c.name)}:`));
  }

  async prepareWrite(): Promise<void> {}
  prepareRead(): undefined {
    return undefined;
  }

  serialize(topic: string, row: Row | null): Buffer | null {
    if (row === null || (this.unwrapped && (row[0] === null || row[0] === undefined))) return null;
    for (;;) {
      const end = this.serializeInto(topic, row, this.scratch, 0);
      if (end >= 0) return Buffer.from(this.scratch.subarray(0, end));
      this.scratch = Buffer.allocUnsafeSlow(this.scratch.length * 2);
    }
  }

  serializeInto(topic: string, row: Row, out: Buffer, position: number): number {
    return this.serializeAt(topic, row, 0, out, position);
  }

  serializeAt(_topic: string, row: Row, at: number, out: Buffer, position: number): number {
    const { puts, heads } = this;
    let p = position;
    if (this.unwrapped) return puts[0]!(out, p, row[at]);
    if (puts.length === 0) {
      if (p + 2 > out.length) return -1;
      out[p++] = 0x7b;
    }
    for (let i = 0; i < puts.length; i++) {
      const head = heads[i]!;
      const n = head.length;
      if (p + n + 1 > out.length) return -1;
      for (let j = 0; j < n; j++) out[p++] = head[j]!;
      p = puts[i]!(out, p, row[at + i]);
      if (p < 0) return -1;
    }
    if (p + 1 > out.length) return -1;
    out[p++] = 0x7d;
    return p;
  }

  deserialize(_topic: string, bytes: Buffer, start: number, end: number): Row {
    return this.unwrapped ? [this.bare(bytes, start, end)] : this.reader.read(bytes, start, end);
  }

  deserializeInto(_topic: string, bytes: Buffer, start: number, end: number, row: Row, at: number): void {
    if (this.unwrapped) row[at] = this.bare(bytes, start, end);
    else this.reader.into(bytes, start, end, row, at);
  }

  private bare(bytes: Buffer, start: number, end: number): unknown {
    const { name, type } = this.columns[0]!;
    return sqlFromJson(type, parseJson(bytes.utf8Slice(start, end), holdsDecimal(type)), `$.${name}`);
  }
}

function putOf(field: SqlField): Put {
  const general: Put = (out, p, value) => {
    const text = sqlToJson(field.type, value, field.name);
    if (p + text.length * 3 > out.length && p + Buffer.byteLength(text) > out.length) return -1;
    return p + out.utf8Write(text, p);
  };
  switch (field.type.base) {
    case "INTEGER":
    case "BIGINT":
    case "DATE":
    case "TIME":
    case "TIMESTAMP":
      return (out, p, value) => {
        if (!Number.isSafeInteger(value)) return general(out, p, value);
        if (p + 20 > out.length) return -1;
        return putDigits(out, p, value as number);
      };
    case "DOUBLE":
      return (out, p, value) => {
        if (typeof value !== "number" || !Number.isFinite(value)) return general(out, p, value);
        return putDouble(out, p, value);
      };
    case "DECIMAL":
      return (out, p, value) => (value instanceof Decimal ? putAscii(out, p, value.toString()) : general(out, p, value));
    case "BOOLEAN":
      return (out, p, value) => (typeof value === "boolean" ? putAscii(out, p, value ? "true" : "false") : general(out, p, value));
    case "STRING":
      return (out, p, value) => (typeof value === "string" ? putString(out, p, value, general) : general(out, p, value));
    default:
      return general;
  }
}

/** Amounts of at most two decimals digit by digit: their shortest text is known. */
function putDouble(out: Buffer, p: number, value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-2 && magnitude < 1e7) {
    const hundredths = Math.round(magnitude * 100);
    if (hundredths / 100 === magnitude) {
      if (p + 24 > out.length) return -1;
      const whole = Math.floor(hundredths / 100);
      const rest = hundredths - whole * 100;
      let at = p;
      if (value < 0) out[at++] = 0x2d;
      at = putDigits(out, at, whole);
      const tenths = (rest / 10) | 0;
      out[at++] = 0x2e;
      out[at++] = 0x30 + tenths;
      if (rest !== tenths * 10) out[at++] = 0x30 + rest - tenths * 10;
      return at;
    }
  }
  return putAscii(out, p, javaDouble(value));
}

function putAscii(out: Buffer, p: number, text: string): number {
  const n = text.length;
  if (p + n > out.length) return -1;
  for (let i = 0; i < n; i++) out[p + i] = text.charCodeAt(i);
  return p + n;
}

function putString(out: Buffer, p: number, text: string, general: Put): number {
  const n = text.length;
  if (n > 64) return general(out, p, text);
  if (p + n + 2 > out.length) return -1;
  out[p] = 0x22;
  for (let i = 0; i < n; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x20 || c > 0x7e || c === 0x22 || c === 0x5c) return general(out, p, text);
    out[p + 1 + i] = c;
  }
  out[p + n + 1] = 0x22;
  return p + n + 2;
}
