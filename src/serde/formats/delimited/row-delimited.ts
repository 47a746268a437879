import { MillraceError } from "../../../common/errors.js";
import type {} from "../../../data/buffer-text.js";
import { javaDouble } from "../../../data/java-number.js";
import { Decimal } from "../../../data/schema.js";
import { formatSqlType, type SqlField, type SqlType } from "../../../data/sql-type.js";
import type { Row, RowSerde } from "../../row-serde.js";
import { fitDecimal } from "../json/sql-json.js";

/** `VALUE_DELIMITER`: a character, or the words SPACE and TAB. @throws DATA_INVALID */
export function delimiterOf(text: string | undefined): string {
  if (text === undefined) return ",";
  if (text === "SPACE") return " ";
  if (text === "TAB") return "\t";
  if (text.length !== 1)
    throw new MillraceError(
      "DATA_INVALID",
      `Invalid delimiter value: '${text}'. Delimiter must be a single character or TAB,SPACE\nExample valid value: ';'`,
    );
  return text;
}

/** ksqlDB's DELIMITED format: a line of CSV, fields by position, an empty one is null. */
export class DelimitedRowSerde implements RowSerde {
  constructor(
    private readonly columns: readonly SqlField[],
    private readonly needed: readonly number[],
    private readonly delimiter: string,
  ) {
    for (const { name, type } of columns)
      if (type.base === "ARRAY" || type.base === "MAP" || type.base === "STRUCT")
        throw new MillraceError("DATA_INVALID", `The 'DELIMITED' format does not support type '${type.base}', column: \`${name}\``);
  }

  async prepareWrite(): Promise<void> {}
  prepareRead(): undefined {
    return undefined;
  }

  serialize(_topic: string, row: Row | null): Buffer | null {
    return row === null ? null : Buffer.from(this.line(row));
  }

  serializeInto(_topic: string, row: Row, out: Buffer, position: number): number {
    const line = this.line(row);
    if (position + line.length * 3 > out.length && position + Buffer.byteLength(line) > out.length) return -1;
    return position + out.utf8Write(line, position);
  }

  deserialize(_topic: string, bytes: Buffer, start: number, end: number): Row {
    const fields = split(bytes.utf8Slice(start, end), this.delimiter);
    if (fields.length !== this.columns.length)
      throw new MillraceError(
        "DESERIALIZATION",
        `Unexpected field count, csvFields size: ${fields.length} schema fields size: ${this.columns.length}`,
      );
    const row: Row = new Array(fields.length).fill(null);
    for (const c of this.needed) row[c] = fields[c] === "" ? null : fromText(this.columns[c]!.type, fields[c]!, this.columns[c]!.name);
    return row;
  }

  private line(row: Row): string {
    let line = "";
    for (let i = 0; i < this.columns.length; i++) {
      if (i > 0) line += this.delimiter;
      const value = row[i];
      if (value !== null && value !== undefined) line += this.quote(toText(this.columns[i]!.type, value), i === 0);
    }
    return line;
  }

  /** Where Apache Commons CSV's minimal quoting puts quotes. */
  private quote(text: string, first: boolean): string {
    if (text === "") return first ? '""' : "";
    const c = text.charCodeAt(0);
    const last = text.charCodeAt(text.length - 1);
    const odd = (first && !/[0-9A-Za-z]/.test(text[0]!)) || c <= 0x23 || last <= 0x20;
    if (!odd && !text.includes(this.delimiter) && !/["\r\n]/.test(text)) return text;
    return `"${text.replace(/"/g, '""')}"`;
  }
}

function split(line: string, delimiter: string): string[] {
  const fields: string[] = [];
  let p = 0;
  for (;;) {
    if (line[p] === '"') {
      let field = "";
      for (p++; ; p++) {
        const close = line.indexOf('"', p);
        if (close < 0) throw new MillraceError("DESERIALIZATION", "A quoted field does not end");
        field += line.slice(p, close);
        p = close + 1;
        if (line[p] !== '"') break;
        field += '"';
      }
      fields.push(field);
      if (p < line.length && line[p] !== delimiter && !/^\s*$/.test(line.slice(p)))
        throw new MillraceError("DESERIALIZATION", `Invalid character after a quoted field at position ${p}`);
    } else {
      let end = line.indexOf(delimiter, p);
      if (end < 0) end = line.length;
      fields.push(line.slice(p, end).replace(/\r?\n$/, ""));
      p = end;
    }
    if (line[p] !== delimiter || p >= line.length) return fields;
    p++;
  }
}

function toText(type: SqlType, value: unknown): string {
  if (value instanceof Decimal) return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
  return type.base === "DOUBLE" ? javaDouble(value as number) : String(value);
}

function fromText(type: SqlType, text: string, name: string): unknown {
  const t = type.base === "STRING" ? text : text.trim();
  switch (type.base) {
    case "STRING":
      return text;
    case "BOOLEAN":
      return t.toLowerCase() === "true";
    case "BYTES":
      return Buffer.from(t, "base64");
    case "DOUBLE":
      if (t !== "" && !Number.isNaN(Number(t))) return Number(t);
      if (t === "NaN") return Number.NaN;
      break;
    case "DECIMAL": {
      const d = Decimal.parse(t);
      if (d) return fitDecimal(d, type.precision, type.scale, name);
      break;
    }
    default: {
      if (!/^[+-]?\d+$/.test(t)) break;
      const n = Number(t);
      if (type.base === "INTEGER" && (n < -0x8000_0000 || n > 0x7fff_ffff)) break;
      return Number.isSafeInteger(n) ? n : BigInt(t.replace(/^\+/, ""));
    }
  }
  throw new MillraceError("DESERIALIZATION", `Column ${name}: '${text.slice(0, 60)}' is no ${formatSqlType(type)}`, {
    context: { column: name },
  });
}
