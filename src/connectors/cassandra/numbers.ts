import type { ValueKind } from "../../cdc/value-kind.js";
import { Decimal, Struct, type Value } from "../../data/schema.js";
import type { TextFormats } from "./text-formats.js";

export type Present = Exclude<Value, null>;

/** A value that its column cannot hold; says why, without the column's name. */
export class Unconvertible extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = "Unconvertible";
  }
}

/** A value for an error's text: short, and never more than its beginning. */
export function shown(value: unknown): string {
  if (typeof value === "string") return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Struct) return `a struct${value.schema.name ? ` ${value.schema.name}` : ""}`;
  if (value instanceof Map) return "a map";
  if (Array.isArray(value)) return "an array";
  return String(value);
}

/** A whole number, exact. @throws Unconvertible */
export function integerOf(value: Present, formats: TextFormats): number | bigint {
  switch (typeof value) {
    case "number":
      if (Number.isInteger(value)) return Number.isSafeInteger(value) ? value : BigInt(value);
      throw new Unconvertible(`${value} is not a whole number`);
    case "bigint":
      return value;
    case "boolean":
      return value ? 1 : 0;
    default: {
      const d = decimalOf(value, formats);
      if (d.scale <= 0) return d.unscaled * 10n ** BigInt(-d.scale);
      const unit = 10n ** BigInt(d.scale);
      if (d.unscaled % unit !== 0n) throw new Unconvertible(`${shown(value)} is not a whole number`);
      return d.unscaled / unit;
    }
  }
}

/** @throws Unconvertible */
export function decimalOf(value: Present, formats: TextFormats): Decimal {
  if (value instanceof Decimal) return bounded(value);
  if (typeof value === "bigint") return new Decimal(value, 0);
  if (typeof value === "number") {
    const d = Number.isFinite(value) ? Decimal.parse(String(value)) : undefined;
    if (d) return d;
    throw new Unconvertible(`${value} is not a number that a decimal can hold`);
  }
  if (typeof value === "string") {
    const d = formats.number(value);
    if (d) return bounded(d);
  }
  if (value instanceof Struct && value.schema.name === "io.debezium.data.VariableScaleDecimal")
    return Decimal.fromBytes(value.get("value") as Uint8Array, value.get("scale") as number);
  throw new Unconvertible(`${shown(value)} is not a number`);
}

/** A text's exponent may ask for more digits than memory has. */
function bounded(d: Decimal): Decimal {
  if (Math.abs(d.scale) > 10_000) throw new Unconvertible(`a number with a scale of ${d.scale} is beyond what is taken`);
  return d;
}

/** @throws Unconvertible; a whole number that the type cannot hold exactly is refused, a fraction is rounded */
export function floatOf(value: Present, bits: 32 | 64, kind: ValueKind | null, formats: TextFormats): number {
  if (typeof value === "number") {
    if (bits === 64 || (kind?.kind === "float" && kind.bits === 32)) return value;
    return narrow(value, value);
  }
  if (typeof value === "string" && /^[+-]?(nan|infinity)$/i.test(value.trim()))
    return /nan/i.test(value) ? Number.NaN : value.trim()[0] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const d = typeof value === "boolean" ? new Decimal(value ? 1n : 0n, 0) : decimalOf(value, formats);
  const n = Number(d.toString());
  if (!Number.isFinite(n)) throw new Unconvertible(`${shown(value)} is out of range`);
  if (d.scale <= 0 && BigInt(n) !== d.rescale(0).unscaled) throw new Unconvertible(`${d} cannot be held exactly`);
  return bits === 64 ? n : narrow(n, value);
}

function narrow(n: number, value: Present): number {
  const f = Math.fround(n);
  if (Number.isFinite(n) && !Number.isFinite(f)) throw new Unconvertible(`${shown(value)} is out of range`);
  if (f !== n && Number.isInteger(n)) throw new Unconvertible(`${n} cannot be held exactly`);
  return f;
}

/** @throws Unconvertible */
export function booleanOf(value: Present, kind: ValueKind | null): boolean {
  if (typeof value === "boolean") return value;
  if (value === 0 || value === 1) return value === 1;
  if (typeof value === "string") {
    const word = value.trim().toLowerCase();
    if (["true", "t", "1", "y", "yes"].includes(word)) return true;
    if (["false", "f", "0", "n", "no"].includes(word)) return false;
  }
  if (kind?.kind === "bits" && value instanceof Uint8Array && value.length === 1 && value[0]! <= 1) return value[0] === 1;
  throw new Unconvertible(`${shown(value)} is neither true nor false`);
}

export function int64(value: number | bigint): Buffer {
  const out = Buffer.allocUnsafe(8);
  if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) !== value) throw new Unconvertible(`${value} is out of range`);
    out.writeBigInt64BE(value, 0);
    return out;
  }
  const high = Math.floor(value / 4294967296);
  out.writeInt32BE(high, 0);
  out.writeUInt32BE(value - high * 4294967296, 4);
  return out;
}

/** Two's complement, in the fewest bytes. */
export function varint(value: number | bigint): Buffer {
  return new Decimal(BigInt(value), 0).toBytes();
}

/** CQL's decimal: the scale, then the unscaled value. */
export function decimal(d: Decimal): Buffer {
  const unscaled = d.toBytes();
  const out = Buffer.allocUnsafe(4 + unscaled.length);
  out.writeInt32BE(d.scale, 0);
  unscaled.copy(out, 4);
  return out;
}
