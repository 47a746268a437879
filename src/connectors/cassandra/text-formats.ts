import { javaTimeFormat } from "../../common/java-time-format.js";
import { fromLocal, zoneOffset } from "../../common/zone.js";
import { Decimal } from "../../data/schema.js";

/** How a topic's texts are read, from `topic.T.codec.*`. Each gives undefined where the text is none. */
export interface TextFormats {
  /** ms since the epoch */
  timestamp(text: string): number | undefined;
  /** days since the epoch */
  date(text: string): number | undefined;
  /** ns of the day */
  time(text: string): bigint | undefined;
  number(text: string): Decimal | undefined;
  /** ns that a plain number stands for where a time is wanted */
  readonly nanosPerUnit: bigint;
  readonly zone: string;
}

/** By the names of Java's TimeUnit, in ns. */
export const timeUnits: Readonly<Record<string, number>> = {
  NANOSECONDS: 1,
  MICROSECONDS: 1000,
  MILLISECONDS: 1_000_000,
  SECONDS: 1_000_000_000,
  MINUTES: 60_000_000_000,
  HOURS: 3_600_000_000_000,
  DAYS: 86_400_000_000_000,
};

/** A number of units of `from` ns as whole units of `to` ns, the rest cut off. */
export function inUnits(value: number, from: number, to: number): number {
  return Math.floor(from >= to ? value * (from / to) : value / (to / from));
}

const zoned =
  /^([+-]?\d{4,9}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?))?\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?(?:\[([^\]]+)\])?$/i;

/** Days of `YYYY-MM-DD`, the year with a sign beyond four digits. */
export function isoDate(text: string): number | undefined {
  const m = /^([+-]?\d{4,9})-(\d\d)-(\d\d)$/.exec(text.trim());
  if (!m) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(m[1]), Number(m[2]) - 1, Number(m[3]));
  return date.getUTCMonth() + 1 === Number(m[2]) && date.getUTCDate() === Number(m[3]) ? date.getTime() / 86_400_000 : undefined;
}

/** Nanoseconds of `hh:mm[:ss[.fffffffff]]`. */
export function isoTime(text: string): bigint | undefined {
  const m = /^(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?$/.exec(text.trim());
  if (!m || Number(m[1]) > 23 || Number(m[2]) > 59 || Number(m[3] ?? 0) > 59) return undefined;
  const seconds = Number(m[1]) * 3600 + Number(m[2]) * 60 + Number(m[3] ?? 0);
  return BigInt(seconds) * 1_000_000_000n + BigInt((m[4] ?? "").padEnd(9, "0"));
}

/** Milliseconds of an ISO date, with or without time and zone; a finer fraction is cut off. */
export function isoTimestamp(text: string, zone: string): number | undefined {
  const m = zoned.exec(text.trim());
  if (!m) return undefined;
  const days = isoDate(m[1]!);
  const nanos = m[2] === undefined ? 0n : isoTime(m[2]);
  if (days === undefined || nanos === undefined) return undefined;
  const local = days * 86_400_000 + Number(nanos / 1_000_000n);
  if (m[3] !== undefined) return local - zoneOffset(/^[+-]/.test(m[3]) ? m[3] : "UTC", 0);
  return fromLocal(m[4] ?? zone, local);
}

const isoFormatters = new Set([
  "CQL_TIMESTAMP",
  "ISO_INSTANT",
  "ISO_ZONED_DATE_TIME",
  "ISO_OFFSET_DATE_TIME",
  "ISO_DATE_TIME",
  "ISO_LOCAL_DATE_TIME",
]);
const isoDates = new Set(["ISO_LOCAL_DATE", "ISO_DATE", "ISO_OFFSET_DATE"]);
const isoTimes = new Set(["ISO_LOCAL_TIME", "ISO_TIME", "ISO_OFFSET_TIME"]);

/** @param wrong is told what is wrong with a setting */
export function textFormats(settings: ReadonlyMap<string, string>, wrong: (name: string, message: string) => void): TextFormats {
  const given = (name: string, fallback: string) => (settings.get(name) ?? fallback).trim().replace(/^"(.*)"$/, "$1");
  const zone = given("timeZone", "UTC");
  attempt("timeZone", () => zoneOffset(zone, 0));
  const unit = given("unit", "MILLISECONDS").toUpperCase();
  if (timeUnits[unit] === undefined) wrong("unit", `${unit} is not one of ${Object.keys(timeUnits).join(", ")}`);
  const locale = given("locale", "en_US").replaceAll("_", "-");
  let separators = { group: ",", decimal: "." };
  attempt("locale", () => {
    separators = separatorsOf(locale);
  });
  return {
    zone,
    nanosPerUnit: BigInt(timeUnits[unit] ?? 1),
    timestamp: timestampParser(),
    date: dateParser(),
    time: timeParser(),
    number: (text) => parseNumber(text, separators),
  };

  function attempt(name: string, test: () => unknown): void {
    try {
      test();
    } catch (error) {
      wrong(name, (error as Error).message);
    }
  }

  function timestampParser(): TextFormats["timestamp"] {
    const pattern = given("timestamp", "CQL_TIMESTAMP");
    if (isoFormatters.has(pattern)) return (text) => isoTimestamp(text, zone);
    if (isPredefined(pattern, "timestamp")) return () => undefined;
    return custom("timestamp", pattern, (ms) => ms);
  }
  function dateParser(): TextFormats["date"] {
    const pattern = given("date", "ISO_LOCAL_DATE");
    if (isoDates.has(pattern)) return (text) => isoDate(text.trim().replace(/(?<=\d{4}-\d\d-\d\d)(Z|[+-]\d\d:\d\d)$/, ""));
    if (pattern === "BASIC_ISO_DATE") return (text) => isoDate(text.trim().replace(/^(\d{4})(\d\d)(\d\d)Z?$/, "$1-$2-$3"));
    if (isPredefined(pattern, "date")) return () => undefined;
    return custom("date", pattern, (ms) => Math.floor(ms / 86_400_000), "UTC");
  }
  function timeParser(): TextFormats["time"] {
    const pattern = given("time", "ISO_LOCAL_TIME");
    if (isoTimes.has(pattern)) return (text) => isoTime(text.trim().replace(/(Z|[+-]\d\d:\d\d)$/, ""));
    if (isPredefined(pattern, "time")) return () => undefined;
    if (/SSSS|[nN]/.test(pattern)) wrong("time", "a pattern finer than milliseconds is not supported; use ISO_LOCAL_TIME");
    return custom("time", pattern, (ms) => BigInt(((ms % 86_400_000) + 86_400_000) % 86_400_000) * 1_000_000n, "UTC");
  }
  function isPredefined(pattern: string, name: string): boolean {
    if (!/^(ISO|RFC|BASIC|CQL)_/.test(pattern)) return false;
    wrong(name, `${pattern} is not a format for it; use a pattern, as yyyy-MM-dd, or another predefined one`);
    return true;
  }
  function custom<T>(name: string, pattern: string, from: (ms: number) => T, at = zone): (text: string) => T | undefined {
    let format: ReturnType<typeof javaTimeFormat> | undefined;
    attempt(name, () => {
      format = javaTimeFormat(pattern);
    });
    return (text) => {
      try {
        return format === undefined ? undefined : from(format.parse(text.trim(), at));
      } catch {
        return undefined;
      }
    };
  }
}

function separatorsOf(locale: string): { group: string; decimal: string } {
  const parts = new Intl.NumberFormat(locale, { useGrouping: true }).formatToParts(1234567.5);
  const of = (type: string, fallback: string) => parts.find((p) => p.type === type)?.value ?? fallback;
  return { group: of("group", ","), decimal: of("decimal", ".") };
}

function parseNumber(text: string, separators: { group: string; decimal: string }): Decimal | undefined {
  const trimmed = text.trim();
  const { group, decimal } = separators;
  const q = (s: string) => s.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replace(/[\u00a0\u202f]/g, "[\u00a0\u202f ]");
  const grouped = new RegExp(`^[+-]?\\d{1,3}(?:${q(group)}\\d{3})+(?:${q(decimal)}\\d*)?$|^[+-]?\\d+${q(decimal)}\\d*$`);
  if (decimal !== "." || trimmed.includes(group)) {
    if (grouped.test(trimmed)) return Decimal.parse(trimmed.replaceAll(new RegExp(q(group), "g"), "").replace(decimal, "."));
  }
  return Decimal.parse(trimmed);
}
