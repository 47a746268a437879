/** A BIGINT: a number while it is a safe integer, else a bigint. Results wrap at 64 bits, as Java's long. */
export type Long = number | bigint;

export function normalizeLong(n: bigint): Long {
  return n >= -9007199254740991n && n <= 9007199254740991n ? Number(n) : n;
}
function wrap(n: bigint): Long {
  return normalizeLong(BigInt.asIntN(64, n));
}
export function addLong(a: Long, b: Long): Long {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return wrap(BigInt(a) + BigInt(b));
}
export function subtractLong(a: Long, b: Long): Long {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return wrap(BigInt(a) - BigInt(b));
}
export function multiplyLong(a: Long, b: Long): Long {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b;
    // + 0 turns -0, which no long has, into 0
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return wrap(BigInt(a) * BigInt(b));
}
export function divideLong(a: Long, b: Long): Long {
  if (b === 0) throw new RangeError("/ by zero");
  if (typeof a === "number" && typeof b === "number") return Math.trunc(a / b) + 0;
  return wrap(BigInt(a) / BigInt(b));
}
export function remainderLong(a: Long, b: Long): Long {
  if (b === 0) throw new RangeError("/ by zero");
  if (typeof a === "number" && typeof b === "number") return (a % b) + 0;
  return wrap(BigInt(a) % BigInt(b));
}
export function negateLong(a: Long): Long {
  return typeof a === "number" ? 0 - a : wrap(-a);
}
