import type { ValueKind } from "../../cdc/value-kind.js";
import { Decimal, type Struct, type Value } from "../../data/schema.js";

const pad = (n: number, width: number) => String(n).padStart(width, "0");

/** µs since the epoch as `YYYY-MM-DD hh:mm:ss.ffffff`, years before 1 as ` BC`; Long.MAX and Long.MIN are the infinities. */
export function formatTimestampMicros(micros: bigint): string {
  if (micros === 9223372036854775807n || micros === 9223372036825200000n) return "infinity";
  if (micros === -9223372036854775808n || micros === -9223372036832400000n) return "-infinity";
  const days = Number(floorDivide(micros, 86_400_000_000n));
  const rest = Number(micros - BigInt(days) * 86_400_000_000n);
  const { text, bc } = formatDays(days);
  return `${text} ${formatTimeMicros(rest)}${bc ? " BC" : ""}`;
}

export function formatDate(days: number): string {
  const { text, bc } = formatDays(days);
  return bc ? `${text} BC` : text;
}

/** Proleptic Gregorian date of a day since the epoch (Howard Hinnant's civil_from_days). */
function formatDays(days: number): { text: string; bc: boolean } {
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const doe = z - era * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1;
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  return { text: `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`, bc: year <= 0 };
}

export function formatTimeMicros(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  return `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}.${pad(micros % 1_000_000, 6)}`;
}

function floorDivide(a: bigint, b: bigint): bigint {
  const q = a / b;
  return a < 0n && q * b !== a ? q - 1n : q;
}

export function toMicros(value: number | bigint, microsPerUnit: number): bigint {
  if (microsPerUnit === 0.001) return floorDivide(BigInt(value), 1000n);
  return BigInt(value) * BigInt(microsPerUnit);
}

/** Hex of a byte string without a prefix. */
const hex = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

/** Debezium's Bits are little-endian bytes. */
export function formatBits(bytes: Uint8Array, length: number | undefined): string {
  let text = "";
  for (let i = bytes.length - 1; i >= 0; i--) text += bytes[i]!.toString(2).padStart(8, "0");
  return length === undefined ? text.replace(/^0+(?=\d)/, "") : text.padStart(length, "0").slice(-length);
}

/**
 * A value as text that Postgres' input function of the fitting type reads. Also what keys are compared and hashed to lanes by, in
 * every dialect: changing it for a kind would move keys to other lanes.
 */
export function toText(kind: ValueKind, value: Exclude<Value, null>): string {
  switch (kind.kind) {
    case "decimal":
      return value instanceof Decimal ? value.toString() : String(value);
    case "variable-decimal": {
      const struct = value as Struct;
      return Decimal.fromBytes(struct.get("value") as Uint8Array, struct.get("scale") as number).toString();
    }
    case "date":
      return formatDate(value as number);
    case "time":
      return formatTimeMicros(Number(toMicros(value as number, kind.microsPerUnit)));
    case "timestamp":
      return formatTimestampMicros(toMicros(value as number | bigint, kind.microsPerUnit));
    case "bits":
      return typeof value === "boolean" ? (value ? "1" : "0") : formatBits(value as Uint8Array, kind.length);
    case "bytes":
      return `\\x${hex(value as Uint8Array)}`;
    case "point":
      return `(${(value as Struct).get("x")},${(value as Struct).get("y")})`;
    case "geometry":
      return hex((value as Struct).get("wkb") as Uint8Array);
    case "interval-us":
      return `${value} microseconds`;
    case "map":
      return [...(value as Map<Value, Value>)]
        .map(([k, v]) => `${quoteHstore(String(k))}=>${v === null ? "NULL" : quoteHstore(String(v))}`)
        .join(",");
    case "array":
      return `{${(value as readonly Value[]).map((v) => (v === null ? "NULL" : quoteElement(kind.element, v))).join(",")}}`;
    case "sparse-vector": {
      const struct = value as Struct;
      const elements = [...(struct.get("vector") as Map<Value, Value>)].map(([at, n]) => `${at}:${n}`);
      return `{${elements.join(",")}}/${struct.get("dimensions")}`;
    }
    case "float":
      return Object.is(value, -0) ? "-0" : String(value);
    default:
      return value instanceof Uint8Array ? `\\x${hex(value)}` : String(value);
  }
}

const quoteHstore = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;

function quoteElement(element: ValueKind, value: Exclude<Value, null>): string {
  const text = toText(element, value);
  return element.kind === "array" ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}
