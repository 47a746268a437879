const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const view = new DataView(new ArrayBuffer(8));

/**
 * The natural logarithm, rounded to the nearest double, as Java's Math.log gives it: V8's is off by the last digit for some
 * arguments (of 3). x = m · 2^e with m near 1; ln m = 2 (r + r³/3 + r⁵/5 + …) for r = (m - 1) / (m + 1), whose rounding error is
 * carried along.
 */
export function naturalLog(x: number): number {
  if (!(x > 0) || x === Number.POSITIVE_INFINITY) return Math.log(x);
  view.setFloat64(0, x < 2 ** -1022 ? x * 2 ** 54 : x);
  let e = ((view.getUint16(0) >> 4) & 0x7ff) - 1023 - (x < 2 ** -1022 ? 54 : 0);
  view.setUint16(0, (view.getUint16(0) & 0x000f) | 0x3ff0);
  let m = view.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    e++;
  }
  const numerator = m - 1;
  const denominator = m + 1;
  const lost = m - (denominator - 1);
  const r = numerator / denominator;
  const product = r * denominator;
  const rest = (numerator - product - productError(r, denominator, product) - r * lost) / denominator;
  const s = r * r;
  let tail = 0;
  for (let k = 29; k >= 3; k -= 2) tail = (tail + 1 / k) * s;
  const low = 2 * (rest + r * tail);
  const high = e * LN2_HIGH;
  const sum = high + 2 * r;
  const error = Math.abs(high) > Math.abs(2 * r) ? high - sum + 2 * r : 2 * r - sum + high;
  return sum + (error + e * LN2_LOW + low);
}

/** What the product `p` of a and b lost by rounding (Dekker). */
function productError(a: number, b: number, p: number): number {
  const split = 134217729;
  const ah = split * a - (split * a - a);
  const bh = split * b - (split * b - b);
  return ah * bh - p + ah * (b - bh) + (a - ah) * bh + (a - ah) * (b - bh);
}
