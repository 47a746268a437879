import type { ValueKind } from "../../cdc/value-kind.js";
import { int64, integerOf, type Present, shown, Unconvertible } from "./numbers.js";
import { isoDate, isoTime, isoTimestamp, type TextFormats } from "./text-formats.js";

const DAY_MS = 86_400_000;
const DAY_NANOS = 86_400_000_000_000n;

/** Milliseconds since the epoch; finer parts are cut off towards the past. @throws Unconvertible */
export function millisOf(value: Present, kind: ValueKind | null, formats: TextFormats): number | bigint {
  switch (kind?.kind) {
    case "timestamp":
      if (typeof value === "number") {
        if (kind.microsPerUnit === 1000) return value;
        if (kind.microsPerUnit === 1) return Math.floor(value / 1000);
      }
      return floorDivide(
        BigInt(value as number | bigint),
        kind.microsPerUnit === 1000 ? 1n : kind.microsPerUnit === 1 ? 1000n : 1_000_000n,
      );
    case "date":
      return (value as number) * DAY_MS;
    case "timestamptz":
    case "iso-timestamp":
    case "iso-date":
      return fromText(value as string, isoTimestamp(value as string, "UTC"));
    default:
  }
  if (typeof value === "number" || typeof value === "bigint") return fromUnits(value, formats);
  if (typeof value !== "string") throw new Unconvertible(`${shown(value)} is not a time`);
  return fromText(
    value,
    formats.timestamp(value) ?? (/^\s*[+-]?\d+\s*$/.test(value) ? fromUnits(BigInt(value.trim()), formats) : undefined),
  );
}

/** Days since the epoch. @throws Unconvertible */
export function daysOf(value: Present, kind: ValueKind | null, formats: TextFormats): number {
  if (kind?.kind === "date") return value as number;
  if (kind?.kind === "iso-date") return fromText(value as string, isoDate((value as string).replace(/Z$/, "")));
  if (typeof value === "string" && kind?.kind !== "timestamptz" && kind?.kind !== "iso-timestamp") {
    const days = formats.date(value);
    if (days !== undefined) return days;
  }
  const ms = millisOf(value, kind, formats);
  return typeof ms === "number" ? Math.floor(ms / DAY_MS) : Number(floorDivide(ms, BigInt(DAY_MS)));
}

/** Nanoseconds of the day. @throws Unconvertible */
export function nanosOfDay(value: Present, kind: ValueKind | null, formats: TextFormats): bigint {
  switch (kind?.kind) {
    case "time":
      return withinDay(
        BigInt(value as number | bigint) * (kind.microsPerUnit === 1000 ? 1_000_000n : kind.microsPerUnit === 1 ? 1000n : 1n),
        value,
      );
    case "iso-time":
    case "timetz":
      return fromText(value as string, isoTime((value as string).replace(/(Z|\+00:?00)$/, "")));
    case "timestamp": {
      const nanos = BigInt(value as number | bigint) * (kind.microsPerUnit === 1000 ? 1_000_000n : kind.microsPerUnit === 1 ? 1000n : 1n);
      return nanos - floorDivide(nanos, DAY_NANOS) * DAY_NANOS;
    }
    default:
  }
  if (typeof value === "number" || typeof value === "bigint") {
    const nanos = BigInt(integerOf(value, formats)) * formats.nanosPerUnit;
    return nanos - floorDivide(nanos, DAY_NANOS) * DAY_NANOS;
  }
  if (typeof value !== "string") throw new Unconvertible(`${shown(value)} is not a time of day`);
  return fromText(value, formats.time(value));
}

function withinDay(nanos: bigint, value: Present): bigint {
  if (nanos < 0n || nanos >= DAY_NANOS) throw new Unconvertible(`${value} is not within a day`);
  return nanos;
}

function fromText<T>(text: string, value: T | undefined): T {
  if (value === undefined) throw new Unconvertible(`${shown(text)} cannot be read`);
  return value;
}

function fromUnits(value: number | bigint, formats: TextFormats): number | bigint {
  const { nanosPerUnit } = formats;
  if (typeof value === "number") {
    if (!Number.isInteger(value)) throw new Unconvertible(`${value} is not a whole number`);
    if (nanosPerUnit === 1_000_000n) return value;
  }
  return floorDivide(BigInt(value) * nanosPerUnit, 1_000_000n);
}

function floorDivide(a: bigint, b: bigint): bigint {
  const q = a / b;
  return a < 0n && q * b !== a ? q - 1n : q;
}

/** CQL's date: days, the epoch being 2^31. @throws Unconvertible */
export function date(days: number): Buffer {
  const n = days + 2147483648;
  if (!(n >= 0 && n <= 4294967295)) throw new Unconvertible(`day ${days} is out of range`);
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32BE(n, 0);
  return out;
}

const units: Readonly<Record<string, readonly [months: bigint, days: bigint, nanos: bigint]>> = {
  y: [12n, 0n, 0n],
  mo: [1n, 0n, 0n],
  w: [0n, 7n, 0n],
  d: [0n, 1n, 0n],
  h: [0n, 0n, 3_600_000_000_000n],
  m: [0n, 0n, 60_000_000_000n],
  s: [0n, 0n, 1_000_000_000n],
  ms: [0n, 0n, 1_000_000n],
  us: [0n, 0n, 1000n],
  µs: [0n, 0n, 1000n],
  ns: [0n, 0n, 1n],
};

/** CQL's duration: months, days and nanoseconds. @throws Unconvertible */
export function duration(value: Present, kind: ValueKind | null, formats: TextFormats): Buffer {
  let parts: [bigint, bigint, bigint] | undefined;
  if (kind?.kind === "interval-us") parts = [0n, 0n, BigInt(value as number | bigint) * 1000n];
  else if (typeof value === "string") parts = parseDuration(value.trim());
  else if (kind?.kind === "time")
    parts = [
      0n,
      0n,
      BigInt(integerOf(value, formats)) * (kind.microsPerUnit === 1000 ? 1_000_000n : kind.microsPerUnit === 1 ? 1000n : 1n),
    ];
  if (parts === undefined) throw new Unconvertible(`${shown(value)} is not a duration`);
  const [months, days, nanos] = parts;
  const small = (n: bigint) => BigInt.asIntN(32, n) === n;
  if (!small(months) || !small(days) || BigInt.asIntN(64, nanos) !== nanos) throw new Unconvertible(`${shown(value)} is out of range`);
  const signs = [months, days, nanos].filter((n) => n !== 0n).map((n) => n < 0n);
  if (new Set(signs).size > 1) throw new Unconvertible(`${shown(value)} mixes signs, which a duration cannot`);
  return Buffer.concat([vint(months), vint(days), vint(nanos)]);
}

/** `1y2mo3d4h5m6s7ms`, ISO 8601 (`P1Y2M3DT4H5M6.7S`, `P1W`, negative parts as Debezium's Interval writes them). */
function parseDuration(text: string): [bigint, bigint, bigint] | undefined {
  const iso =
    /^([+-])?P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,9}))?S)?)?$/i.exec(
      text,
    );
  if (iso && /\d/.test(text)) {
    const sign = iso[1] === "-" ? -1n : 1n;
    const n = (i: number) => BigInt(iso[i] ?? "0");
    const seconds = (n(9) * 1_000_000_000n + BigInt((iso[10] ?? "").padEnd(9, "0"))) * (iso[8] === "-" ? -1n : 1n);
    const nanos = n(6) * 3_600_000_000_000n + n(7) * 60_000_000_000n + seconds;
    return [sign * (n(2) * 12n + n(3)), sign * (n(4) * 7n + n(5)), sign * nanos];
  }
  const m = /^([+-])?((?:\d+(?:mo|ms|us|µs|ns|[ywdhms]))+)$/i.exec(text);
  if (!m) return undefined;
  const total: [bigint, bigint, bigint] = [0n, 0n, 0n];
  const sign = m[1] === "-" ? -1n : 1n;
  for (const [, digits, unit] of m[2]!.matchAll(/(\d+)(mo|ms|us|µs|ns|[ywdhms])/gi)) {
    const each = units[unit!.toLowerCase()]!;
    for (const i of [0, 1, 2] as const) total[i] += sign * BigInt(digits!) * each[i];
  }
  return total;
}

/** A signed vint: zigzag, then the unsigned form (CQL binary protocol, section 3). */
export function vint(value: bigint): Buffer {
  return unsignedVint(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
}

/** The first byte's leading ones count the bytes that follow. */
export function unsignedVint(value: bigint): Buffer {
  let extra = 0;
  while (extra < 8 && value >> BigInt(7 * (extra + 1)) !== 0n) extra++;
  if (extra === 8) return Buffer.concat([Buffer.from([0xff]), int64(BigInt.asIntN(64, value))]);
  const out = Buffer.alloc(extra + 1);
  let rest = value;
  for (let i = extra; i >= 0; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  out[0]! |= (0xff << (8 - extra)) & 0xff;
  return out;
}
