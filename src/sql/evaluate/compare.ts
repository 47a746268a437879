import { Decimal } from "../../data/schema.js";
import { compareDecimal } from "./decimal.js";

/** Order of two values of one type; arrays, maps and structs have equality only. Never called with NULL at the top. */
export function compareValues(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a instanceof Decimal) return compareDecimal(a, b as Decimal);
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array);
  if (Array.isArray(a)) {
    const [x, y] = [a, b as unknown[]];
    for (let i = 0; i < Math.min(x.length, y.length); i++) {
      const c = nullsFirst(x[i], y[i]);
      if (c !== 0) return c;
    }
    return x.length - y.length;
  }
  return (a as number) < (b as number)
    ? -1
    : (a as number) > (b as number)
      ? 1
      : Number.isNaN(a)
        ? Number.isNaN(b)
          ? 0
          : 1
        : Number.isNaN(b)
          ? -1
          : 0;
}
function nullsFirst(a: unknown, b: unknown): number {
  return a === null || b === null ? Number(a !== null) - Number(b !== null) : compareValues(a, b);
}

/** Equality of two values of one type; NULL equals NULL. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (a instanceof Decimal) return compareDecimal(a, b as Decimal) === 0;
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array) === 0;
  if (Array.isArray(a)) return a.length === (b as unknown[]).length && a.every((x, i) => sameValue(x, (b as unknown[])[i]));
  if (a instanceof Map) {
    const other = b as Map<unknown, unknown>;
    if (a.size !== other.size) return false;
    for (const [k, v] of a) if (!other.has(k) || !sameValue(v, other.get(k))) return false;
    return true;
  }
  return false;
}

/** A string that is equal for equal values of one type: the key of a set. */
export function valueKey(a: unknown): string {
  if (a === null) return "n";
  switch (typeof a) {
    case "string":
      return `s${a}`;
    case "number":
    case "bigint":
    case "boolean":
      return String(a);
  }
  if (a instanceof Decimal) return a.toString();
  if (a instanceof Uint8Array) return `b${Buffer.from(a.buffer, a.byteOffset, a.length).toString("base64")}`;
  if (Array.isArray(a)) return JSON.stringify(a.map(valueKey));
  if (a instanceof Map) return JSON.stringify([...a].map(([k, v]) => [valueKey(k), valueKey(v)]).sort());
  return String(a);
}
