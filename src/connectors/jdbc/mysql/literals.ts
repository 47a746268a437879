import type {} from "../../../data/buffer-text.js";
import { Decimal, type Struct, type Value } from "../../../data/schema.js";
import type { PlanColumn } from "../dialect.js";
import { INFINITY, inZone, MINUS_INFINITY, micros, parseInstant } from "../instant.js";
import { formatBits, formatDate, toMicros, toText } from "../text.js";
import type { TimeZone } from "../time-zone.js";
import { geometryBytes } from "./geometry.js";
import { jsonText } from "./json.js";
import type { SqlBuffer } from "./sql-buffer.js";

/** Writes one value as a literal. @throws RangeError where the database has no such value */
export type LiteralWriter = (out: SqlBuffer, value: Exclude<Value, null>) => void;

export const geometryTypes = new Set(
  "geometry point linestring polygon multipoint multilinestring multipolygon geomcollection geometrycollection".split(" "),
);
const textTypes = new Set("char varchar tinytext text mediumtext longtext enum set".split(" "));
const byteTypes = new Set("binary varbinary tinyblob blob mediumblob longblob".split(" "));

/**
 * @param column its type as information_schema.columns.data_type has it
 * @param vectorFunction what makes a vector of its text
 */
export function literalWriter(
  column: Pick<PlanColumn, "kind" | "type">,
  zone: TimeZone | null,
  vectorFunction: string | null,
): LiteralWriter {
  const { kind, type } = column;
  switch (kind.kind) {
    case "int":
    case "interval-us":
      return (out, v) => (typeof v === "number" ? out.integer(v) : out.ascii(String(v)));
    case "boolean":
      return (out, v) => out.byte(v ? 49 : 48);
    case "float":
      return (out, v) => {
        if (!Number.isFinite(v)) throw new RangeError(`${v} is no number that MySQL and MariaDB have`);
        out.ascii(String(v));
      };
    case "decimal":
      return writeDecimal;
    case "variable-decimal":
      return (out, v) => {
        const struct = v as Struct;
        writeDecimal(out, Decimal.fromBytes(struct.get("value") as Uint8Array, struct.get("scale") as number));
      };
    case "bytes":
      return (out, v) => out.hex(v as Uint8Array);
    case "uuid":
      if (byteTypes.has(type)) return (out, v) => out.hex(Buffer.from((v as string).replaceAll("-", ""), "hex"));
      break;
    case "date":
      return (out, v) => out.quoted(dateText(v as number));
    case "time":
      return (out, v) => writeTime(out, Number(toMicros(v as number, kind.microsPerUnit)));
    case "timestamp": {
      const shift = type === "timestamp" ? null : zone;
      return (out, v) => writeDateTime(out, inZone(micros(v as number | bigint, kind.microsPerUnit), shift));
    }
    case "timestamptz":
      if (textTypes.has(type)) break;
      if (zone === null || type === "timestamp")
        return (out, v) => {
          if (!out.utcTimestamp(v as string)) writeDateTime(out, instant(v as string));
        };
      return (out, v) => writeDateTime(out, inZone(instant(v as string), zone));
    case "timetz":
      if (textTypes.has(type)) break;
      return (out, v) => out.quoted(utcTime(v as string));
    case "iso-date":
    case "iso-time":
      if (textTypes.has(type)) break;
      return (out, v) => out.quoted((v as string).replace(/Z$/, ""));
    case "iso-timestamp":
      if (textTypes.has(type)) break;
      return (out, v) => writeDateTime(out, instant(v as string));
    case "bits":
      if (textTypes.has(type)) return (out, v) => out.quoted(toText(kind, v));
      if (byteTypes.has(type)) return (out, v) => out.hex(v as Uint8Array);
      return (out, v) =>
        typeof v === "boolean"
          ? out.byte(v ? 49 : 48)
          : out.ascii(`b'${formatBits(v as Uint8Array, kind.length && Math.min(kind.length, 64))}'`);
    case "point":
    case "geometry":
      if (geometryTypes.has(type)) return (out, v) => out.hex(geometryBytes(v));
      if (byteTypes.has(type)) return (out, v) => out.hex(geometryBytes(v).subarray(4));
      break;
    case "array":
      if (type === "vector" && vectorFunction)
        return (out, v) => {
          out.ascii(`${vectorFunction}(`);
          out.quoted(jsonText(kind, v));
          out.byte(41);
        };
      return (out, v) => out.quoted(jsonText(kind, v));
    case "map":
    case "sparse-vector":
      return (out, v) => out.quoted(jsonText(kind, v));
    default:
  }
  return (out, v) => out.quoted(typeof v === "string" ? v : toText(kind, v));
}

/** Of a NumberColumn's numbers; undefined where only their values will do. */
export function numberWriter({ kind }: Pick<PlanColumn, "kind">, write: LiteralWriter): ((out: SqlBuffer, n: number) => void) | undefined {
  switch (kind.kind) {
    case "int":
    case "interval-us":
    case "float":
    case "date":
    case "time":
    case "timestamp":
      return write as (out: SqlBuffer, n: number) => void;
    case "boolean":
      return (out, n) => out.byte(n === 0 ? 48 : 49);
    case "decimal": {
      const { scale } = kind;
      return scale > 0 && scale <= 15 ? (out, n) => writeSmallDecimal(out, n, scale) : undefined;
    }
    default:
      return undefined;
  }
}

/** Of a SpanColumn's bytes; undefined where only their values will do. */
export function spanWriter(
  { kind, schema, type }: Pick<PlanColumn, "kind" | "schema" | "type">,
  zone: TimeZone | null,
  write: LiteralWriter,
): ((out: SqlBuffer, bytes: Buffer, start: number, end: number) => void) | undefined {
  if (schema.type !== "string") return undefined;
  if (kind.kind === "string" || textTypes.has(type)) return (out, b, start, end) => out.quotedSpan(b, start, end);
  if (kind.kind === "timestamptz" && (zone === null || type === "timestamp"))
    return (out, b, start, end) => {
      if (!out.utcTimestampSpan(b, start, end)) write(out, b.utf8Slice(start, end));
    };
  return undefined;
}

/** Whether the column's literals are also what LOAD DATA reads: numbers and quoted texts, but no hexadecimal, bits or functions. */
export function loadable({ kind, type }: Pick<PlanColumn, "kind" | "type">): boolean {
  return (
    !/^(bytes|bits|point|geometry)$/.test(kind.kind) && !byteTypes.has(type) && !geometryTypes.has(type) && !/^(bit|vector)$/.test(type)
  );
}

function writeDecimal(out: SqlBuffer, value: Exclude<Value, null>): void {
  if (!(value instanceof Decimal)) {
    out.ascii(String(value));
    return;
  }
  const { unscaled, scale } = value;
  const n = Number(unscaled);
  if (scale > 0 && scale <= 15 && Number.isSafeInteger(n)) writeSmallDecimal(out, n, scale);
  else out.ascii(value.toString());
}

function writeSmallDecimal(out: SqlBuffer, n: number, scale: number): void {
  if (n < 0) out.byte(45);
  out.decimal(Math.abs(n), scale);
}

function instant(text: string): number | bigint {
  const at = parseInstant(text);
  if (at === undefined) throw new RangeError(`${text} is no timestamp`);
  return at;
}

function dateText(days: number): string {
  // year 0 to 9999
  if (!(days >= -719528 && days <= 2932896)) throw new RangeError(`a date of ${days} days from 1970 is beyond the years 0000 to 9999`);
  return formatDate(days).replace(/^0001(.*) BC$/, "0000$1");
}

const DAY = 86_400_000_000;
/** The dates met lately, by day modulo their number. */
const days = new Array<number>(256).fill(Number.NaN);
const dates = new Array<string>(256).fill("");

/** `'YYYY-MM-DD hh:mm:ss.ffffff'` */
function writeDateTime(out: SqlBuffer, at: number | bigint): void {
  if (at === INFINITY || at === MINUS_INFINITY) throw new RangeError("MySQL and MariaDB have no infinite timestamp");
  let day: number;
  let rest: number;
  if (typeof at === "number") {
    day = Math.floor(at / DAY);
    rest = at - day * DAY;
  } else {
    day = Number(at / 86_400_000_000n);
    rest = Number(at - BigInt(day) * 86_400_000_000n);
    if (rest < 0) {
      day--;
      rest += DAY;
    }
  }
  const known = day & 255;
  if (days[known] !== day) {
    dates[known] = dateText(day);
    days[known] = day;
  }
  out.byte(39);
  out.ascii(dates[known]!);
  out.byte(32);
  writeClock(out, rest);
  out.byte(39);
}

function writeTime(out: SqlBuffer, at: number): void {
  out.byte(39);
  if (at < 0) out.byte(45);
  writeClock(out, Math.abs(at));
  out.byte(39);
}

function writeClock(out: SqlBuffer, at: number): void {
  const seconds = Math.floor(at / 1_000_000);
  const hours = Math.floor(seconds / 3600);
  out.padded(hours, hours > 99 ? 3 : 2);
  out.byte(58);
  out.padded(Math.floor(seconds / 60) % 60, 2);
  out.byte(58);
  out.padded(seconds % 60, 2);
  const fraction = at - seconds * 1_000_000;
  if (fraction === 0) return;
  out.byte(46);
  out.padded(fraction, 6);
}

/** A time with an offset in UTC, as these databases' TIME has no zone. */
function utcTime(text: string): string {
  const m = /^(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(?:Z|([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?)?$/.exec(text);
  if (!m) throw new RangeError(`${text} is no time with a time zone`);
  const offset = (Number(m[6] ?? 0) * 60 + Number(m[7] ?? 0)) * 60 + Number(m[8] ?? 0);
  const local = (Number(m[1]) * 60 + Number(m[2])) * 60 + Number(m[3] ?? 0);
  const seconds = (local + (m[5] === "-" ? offset : -offset) + 86_400) % 86_400;
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${m[4] ?? ""}`;
}
