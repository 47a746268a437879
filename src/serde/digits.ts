/** Writes a safe whole number's digits; there must be room for 17 bytes. Returns the end. */
export function putDigits(out: Buffer, p: number, value: number): number {
  let v = value;
  if (v < 0) {
    out[p++] = 45;
    v = -v;
  }
  if (v >= 1e9) {
    const high = Math.floor(v / 1e9);
    p = putDigits(out, p, high);
    return putFixed(out, p, v - high * 1e9, 9);
  }
  return putFixed(out, p, v, digitsOf(v));
}
function putFixed(out: Buffer, p: number, value: number, digits: number): number {
  let v = value | 0;
  for (let i = p + digits - 1; i >= p; i--) {
    const q = (v / 10) | 0;
    out[i] = 48 + v - q * 10;
    v = q;
  }
  return p + digits;
}
function digitsOf(v: number): number {
  return v < 1e3 ? (v < 10 ? 1 : v < 100 ? 2 : 3) : v < 1e6 ? (v < 1e4 ? 4 : v < 1e5 ? 5 : 6) : v < 1e7 ? 7 : v < 1e8 ? 8 : 9;
}
