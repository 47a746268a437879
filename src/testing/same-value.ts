import { Decimal } from "../data/schema.js";
import type { SqlType } from "../data/sql-type.js";

/** Whether two values of a row are the same in SQL's terms; NULL is the same as NULL. */
export function sameValue(type: SqlType, a: unknown, b: unknown): boolean {
  if (a == null || b == null) return a == null && b == null;
  switch (type.base) {
    case "ARRAY":
      return same(a as unknown[], b as unknown[], (x, y) => sameValue(type.element, x, y));
    case "STRUCT":
      return type.fields.every((f, i) => sameValue(f.type, (a as unknown[])[i], (b as unknown[])[i]));
    case "MAP": {
      const [left, right] = [a as Map<unknown, unknown>, b as Map<unknown, unknown>];
      return left.size === right.size && [...left].every(([k, v]) => right.has(k) && sameValue(type.value, v, right.get(k)));
    }
    case "BYTES":
      return Buffer.from(a as Uint8Array).equals(Buffer.from(b as Uint8Array));
    case "DECIMAL":
      return a instanceof Decimal && b instanceof Decimal && a.rescale(type.scale).unscaled === b.rescale(type.scale).unscaled;
    case "BIGINT":
      return BigInt(a as number) === BigInt(b as number);
    default:
      return Object.is(a, b) || a === b;
  }
}

function same(a: readonly unknown[], b: readonly unknown[], equal: (x: unknown, y: unknown) => boolean): boolean {
  return a.length === b.length && a.every((x, i) => equal(x, b[i]));
}
