import type { ColumnText } from "../../../connect/api/shape.js";
import { logical, primitive, type Schema, type Value } from "../../../data/schema.js";
import * as cells from "../binlog/cells/temporal.js";
import type { ColumnWire } from "../binlog/events.js";
import type { ColumnModel } from "../table-model.js";
import type { ColumnType, Reading, TypeOptions } from "./column-type.js";
import * as temporal from "./temporal.js";

type ReadMoment = (b: Buffer, s: number, e: number) => void;
type ReadNumber = (b: Buffer, s: number, e: number) => number;

const other: ColumnText = { as: "other" };

function semantic(type: "int32" | "int64" | "string", name: string): Schema {
  return primitive(type, { name: `io.debezium.time.${name}`, version: 1 });
}

/** A day that is none: zero parts are null (the zero date), others as `impossible` says. */
function orRefuse(value: Value, text: () => string, options: TypeOptions): Value {
  if (value === null && options.impossible === "fail") {
    const shown = text();
    if (!/^0000|-00|^\d{4}-00/.test(shown)) throw new RangeError(`there is no day ${shown}`);
  }
  return value;
}

function ofText(b: Buffer, s: number, e: number): string {
  return b.toString("latin1", s, e);
}

export function dateType(_: ColumnModel, __: ColumnWire | null, options: TypeOptions): ColumnType {
  const { adjustYears: adjust } = options;
  const fromText: ReadNumber = (b, s) => temporal.textDays(b, s, adjust);
  const fromBytes: ReadNumber = (b, s) => temporal.numberDays(cells.readDate(b, s), adjust);
  const iso = options.time === "isostring";
  const make = (n: number): Value => (Number.isNaN(n) ? null : iso ? `${temporal.dateText(n)}Z` : n);
  const reading = (read: ReadNumber, shown: (b: Buffer, s: number, e: number) => string): Reading => ({
    text: iso ? other : { as: "number", read },
    decode: (b, s, e) => orRefuse(make(read(b, s, e)), () => shown(b, s, e), options),
  });
  return {
    schema: iso ? semantic("string", "IsoDate") : options.time === "connect" ? logical.date() : semantic("int32", "Date"),
    snapshot: reading(fromText, ofText),
    stream: reading(fromBytes, (b, s) => cells.dateText(cells.readDate(b, s))),
    zero: iso ? "1970-01-01Z" : 0,
    defaultOf: (literal) => make(fromText(Buffer.from(literal), 0, literal.length)) ?? (iso ? "1970-01-01Z" : 0),
    nowDefault: iso ? "1970-01-01Z" : 0,
  };
}

export function timeType(c: ColumnModel, wire: ColumnWire | null, options: TypeOptions): ColumnType {
  const old = wire?.type === 11;
  const digits = wire?.meta ?? 0;
  const fromBytes: ReadNumber = old ? cells.readOldTime : (b, s) => cells.readTime(b, s, digits);
  const millis = options.time === "connect" || (options.time === "adaptive" && (c.length ?? 0) <= 3);
  const iso = options.time === "isostring";
  const nanos = options.time === "nanoseconds";
  const convert = (us: number): number => (millis ? Math.trunc(us / 1000) : nanos ? us * 1000 : us);
  const make = (us: number): Value => {
    if (Number.isNaN(us)) throw new RangeError("not a time");
    return iso ? isoTime(us) : nanos ? Number(BigInt(us) * 1000n) : convert(us);
  };
  const reading = (read: ReadNumber): Reading => ({
    text: iso ? other : { as: "number", read: (b, s, e) => convert(read(b, s, e)) },
    decode: (b, s, e) => make(read(b, s, e)),
  });
  return {
    schema: iso
      ? semantic("string", "IsoTime")
      : options.time === "connect"
        ? logical.time()
        : millis
          ? semantic("int32", "Time")
          : semantic("int64", nanos ? "NanoTime" : "MicroTime"),
    snapshot: reading(temporal.textTime),
    stream: reading(fromBytes),
    zero: iso ? "00:00:00Z" : 0,
    defaultOf: (literal) => make(temporal.textTime(Buffer.from(literal), 0, literal.length)),
    nowDefault: iso ? "00:00:00Z" : 0,
  };
}

function isoTime(us: number): string {
  return `${us < 0 ? "-" : ""}${temporal.clockText(Math.abs(us), -1)}Z`;
}

export function datetimeType(c: ColumnModel, wire: ColumnWire | null, options: TypeOptions): ColumnType {
  const { adjustYears: adjust } = options;
  const digits = c.length ?? 0;
  const fromText: ReadMoment = (b, s, e) => temporal.readText(b, s, e, adjust);
  const old = wire?.type === 12;
  const wireDigits = wire?.meta ?? 0;
  const wireDate = old ? cells.readOldDatetimeDate : cells.readDatetimeDate;
  const fromBytes: ReadMoment = old
    ? (b, s) => temporal.setMoment(cells.readOldDatetimeDate(b, s), cells.readOldDatetimeMicros(b, s), adjust)
    : (b, s) => temporal.setMoment(cells.readDatetimeDate(b, s), cells.readDatetimeMicros(b, s, wireDigits), adjust);
  const { time } = options;
  const iso = time === "isostring";
  const millis = time === "connect" || ((time === "adaptive" || time === "adaptive_time_microseconds") && digits <= 3);
  const nanos = time === "nanoseconds";
  const perSecond = millis ? 1000 : nanos ? 1_000_000_000 : 1_000_000;
  const value = (): Value => (iso ? temporal.momentIso(-1) : nanos ? nanosOf() : temporal.momentValue(perSecond));
  const reading = (read: ReadMoment, shown: (b: Buffer, s: number, e: number) => string): Reading => ({
    text: iso
      ? other
      : {
          as: "number",
          read(b, s, e) {
            read(b, s, e);
            return temporal.momentNumber(perSecond);
          },
        },
    decode(b, s, e) {
      read(b, s, e);
      return orRefuse(value(), () => shown(b, s, e), options);
    },
  });
  const zero = iso ? "1970-01-01T00:00:00Z" : 0;
  return {
    schema: iso
      ? semantic("string", "IsoTimestamp")
      : time === "connect"
        ? logical.timestamp()
        : semantic("int64", millis ? "Timestamp" : nanos ? "NanoTimestamp" : "MicroTimestamp"),
    snapshot: reading(fromText, ofText),
    stream: reading(fromBytes, (b, s) => cells.dateText(wireDate(b, s))),
    zero,
    defaultOf(literal) {
      const full = literal.length === 10 ? `${literal} 00:00:00` : literal;
      fromText(Buffer.from(full), 0, full.length);
      return value() ?? zero;
    },
    nowDefault: zero,
  };
}

function nanosOf(): Value {
  const us = temporal.momentValue(1_000_000);
  if (us === null) return null;
  const ns = BigInt(us) * 1000n;
  // what 64 bits do not hold is cut to their ends
  const cut = ns > 9223372036854775807n ? 9223372036854775807n : ns < -9223372036854775808n ? -9223372036854775808n : ns;
  return cut >= -9007199254740991n && cut <= 9007199254740991n ? Number(cut) : cut;
}

/** TIMESTAMP: an instant, as text in UTC with the column's digits. Connections read it in UTC. */
export function timestampType(c: ColumnModel, wire: ColumnWire | null, _: TypeOptions): ColumnType {
  const digits = c.length ?? 0;
  const old = wire?.type === 7;
  const wireDigits = wire?.meta ?? 0;
  const zero = "1970-01-01T00:00:00Z";
  const instant = old ? cells.readOldTimestamp : (b: Buffer, s: number) => cells.readTimestamp(b, s, wireDigits);
  const decodeText = (b: Buffer, s: number, e: number): Value => {
    temporal.readText(b, s, e, false);
    return temporal.momentIso(digits);
  };
  return {
    schema: semantic("string", "ZonedTimestamp"),
    snapshot: {
      text: {
        as: "ascii",
        most: 27,
        write(out, p, b, s, e) {
          if (b[s] === 48 && b[s + 1] === 48) return -1; // the zero time
          for (let i = s; i < e; i++) out[p + i - s] = b[i]!;
          out[p + 10] = 84;
          out[p + e - s] = 90;
          return p + e - s + 1;
        },
      },
      decode: decodeText,
    },
    stream: {
      text: {
        as: "ascii",
        most: 27,
        write: (out, p, b, s) => temporal.putInstant(out, p, instant(b, s), digits),
      },
      decode(b, s) {
        temporal.setInstant(instant(b, s));
        return temporal.momentIso(digits);
      },
    },
    zero,
    defaultOf: (literal) => {
      const full = literal.length === 10 ? `${literal} 00:00:00` : literal;
      temporal.readText(Buffer.from(full), 0, full.length, false);
      return temporal.momentIso(-1) ?? zero;
    },
    nowDefault: zero,
  };
}
