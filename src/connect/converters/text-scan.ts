import type {} from "../../data/buffer-text.js";
import { putDigits } from "../../serde/digits.js";
import { slotText } from "../api/materialize.js";

/** Functions that generated encoders call: small, without allocation. NaN means: the general way must look. */

/** `YYYY-MM-DD` as days since the epoch. */
export function daysOf(b: Buffer, s: number): number {
  const y = four(b, s);
  const m = two(b, s + 5);
  const d = two(b, s + 8);
  if (b[s + 4] !== 45 || b[s + 7] !== 45 || !(m >= 1 && m <= 12 && d >= 1 && d <= 31)) return Number.NaN;
  // days from the civil date (Howard Hinnant, "chrono-compatible low-level date algorithms")
  const shifted = m <= 2 ? y - 1 : y;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (m + (m > 2 ? -3 : 9)) + 2) / 5) + d - 1;
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468;
}

/** `YYYY-MM-DD hh:mm:ss[.ffffff]` as units since the epoch: 1000 for ms, 1000000 for µs a second. */
export function timestampOf(b: Buffer, s: number, e: number, perSecond: number): number {
  const length = e - s;
  if (length < 19 || b[s + 10] !== 32 || b[s + 13] !== 58 || b[s + 16] !== 58) return Number.NaN;
  let units = 0;
  if (length > 19) {
    if (b[s + 19] !== 46) return Number.NaN;
    let unit = perSecond;
    for (let p = s + 20; p < e; p++) {
      const c = b[p]! - 48;
      unit /= 10;
      if (c < 0 || c > 9 || unit < 1) return Number.NaN;
      units += c * unit;
    }
  }
  const seconds = daysOf(b, s) * 86400 + two(b, s + 11) * 3600 + two(b, s + 14) * 60 + two(b, s + 17);
  const result = seconds * perSecond + units;
  return Number.isSafeInteger(result) ? result : Number.NaN;
}

function two(b: Buffer, p: number): number {
  const high = b[p]! - 48;
  const low = b[p + 1]! - 48;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : Number.NaN;
}
function four(b: Buffer, p: number): number {
  return two(b, p) * 100 + two(b, p + 2);
}

/** Whether the text is `YYYY-MM-DD hh:mm:ss[.f…]+00`. Returns the digits of its fraction, or -1. */
export function utcFraction(b: Buffer, s: number, e: number): number {
  const length = e - s;
  if (length < 22 || b[e - 3] !== 43 || b[e - 2] !== 48 || b[e - 1] !== 48) return -1;
  if (b[s + 4] !== 45 || b[s + 7] !== 45 || b[s + 10] !== 32 || b[s + 13] !== 58 || b[s + 16] !== 58) return -1;
  if (length === 22) return 0;
  return b[s + 19] === 46 && length > 23 ? length - 23 : -1;
}

/** The text as `…T…Z`, its fraction of `digits` digits with zeros up to `fraction`; without quotes. */
export function putUtc(out: Buffer, p: number, b: Buffer, s: number, digits: number, fraction: number): number {
  const n = digits === 0 ? 19 : 20 + digits;
  for (let i = 0; i < n; i++) out[p + i] = b[s + i]!;
  out[p + 10] = 84;
  p += n;
  if (digits < fraction) {
    if (digits === 0) out[p++] = 46;
    for (let i = digits; i < fraction; i++) out[p++] = 48;
  }
  out[p++] = 90;
  return p;
}

/** Avro's zigzag varint of a whole number within ±2^52. */
export function putVarint(out: Buffer, p: number, n: number): number {
  if (n >= -0x4000_0000 && n < 0x4000_0000) {
    let z = (n << 1) ^ (n >> 31);
    while (z > 0x7f) {
      out[p++] = (z & 0x7f) | 0x80;
      z >>>= 7;
    }
    out[p++] = z;
    return p;
  }
  let z = n < 0 ? -2 * n - 1 : 2 * n;
  // 28 bits at a time: below, the integer operations do
  while (z >= 0x1000_0000) {
    const high = Math.floor(z / 0x1000_0000);
    const low = z - high * 0x1000_0000;
    out[p] = (low & 0x7f) | 0x80;
    out[p + 1] = ((low >>> 7) & 0x7f) | 0x80;
    out[p + 2] = ((low >>> 14) & 0x7f) | 0x80;
    out[p + 3] = (low >>> 21) | 0x80;
    p += 4;
    z = high;
  }
  let rest = z | 0;
  while (rest > 0x7f) {
    out[p++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[p++] = rest;
  return p;
}

/** How many bytes the shortest two's complement of n has, |n| < 2^53. */
export function complementBytes(n: number): number {
  const m = n < 0 ? -n - 1 : n;
  return m < 0x80 ? 1 : m < 0x8000 ? 2 : m < 0x80_0000 ? 3 : m < 0x8000_0000 ? 4 : m < 0x80_0000_0000 ? 5 : m < 0x8000_0000_0000 ? 6 : 7;
}

export function putComplement(out: Buffer, p: number, n: number, bytes: number): number {
  let high = Math.floor(n / 0x1_0000_0000);
  let low = n - high * 0x1_0000_0000;
  let at = p + bytes - 1;
  for (let i = 0; i < bytes; i++) {
    if (i === 4) low = high >>> 0;
    out[at--] = low & 0xff;
    low = i < 4 ? Math.floor(low / 256) : low >>> 8;
    if (i === 3) high |= 0;
  }
  return p + bytes;
}

/** Connect's Decimal in Avro: length and bytes. */
export function putDecimal(out: Buffer, p: number, n: number): number {
  const bytes = complementBytes(n);
  out[p] = bytes << 1;
  return putComplement(out, p + 1, n, bytes);
}

const alphabet = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const raw = Buffer.alloc(12);

/** Connect's Decimal in JSON: the bytes in base64, with quotes. */
export function putBase64Decimal(out: Buffer, p: number, n: number): number {
  const bytes = complementBytes(n);
  putComplement(raw, 0, n, bytes);
  raw[bytes] = 0;
  raw[bytes + 1] = 0;
  out[p++] = 34;
  for (let i = 0; i < bytes; i += 3) {
    const group = (raw[i]! << 16) | (raw[i + 1]! << 8) | raw[i + 2]!;
    out[p++] = alphabet[group >>> 18]!;
    out[p++] = alphabet[(group >>> 12) & 63]!;
    out[p++] = i + 1 < bytes ? alphabet[(group >>> 6) & 63]! : 61;
    out[p++] = i + 2 < bytes ? alphabet[group & 63]! : 61;
  }
  out[p++] = 34;
  return p;
}

export { putDigits };

/** A template's slot, at most 25 bytes. */
export function putSlotText(out: Buffer, p: number, n: number): number {
  if (Number.isSafeInteger(n)) return putDigits(out, p, n);
  return p + out.latin1Write(slotText(n), p);
}

/** Whether the text is decimal digits and nothing else, and surely within 64 bits: below 9 × 10^18. */
export function onlyDigits(b: Buffer, s: number, e: number): boolean {
  if (e - s > 18 && (e - s > 19 || b[s]! > 56)) return false;
  for (let i = s; i < e; i++) if (b[i]! < 48 || b[i]! > 57) return false;
  return e > s;
}

/** The zigzag varint of 16 to 19 digits below 9 × 10^18: a double would not hold them, and a bigint costs an object a row. */
export function putLongDigits(out: Buffer, p: number, b: Buffer, s: number, e: number): number {
  let high = 0;
  let low = 0;
  for (let i = s; i < e - 9; i++) high = high * 10 + b[i]! - 48;
  for (let i = e - 9; i < e; i++) low = low * 10 + b[i]! - 48;
  // twice (high × 10^9 + low) as a × 2^15 + c, both exact, then in parts of 28 bits
  const upper = Math.floor(high / 0x4000);
  const a = upper * 1e9;
  const c = 2 * ((high - upper * 0x4000) * 1e9 + low);
  const below = (a % 0x2000) * 0x8000 + (c % 0x1000_0000);
  const first = below % 0x1000_0000;
  let rest = Math.floor(a / 0x2000) + Math.floor(c / 0x1000_0000) + (below - first) / 0x1000_0000;
  out[p] = (first & 0x7f) | 0x80;
  out[p + 1] = ((first >>> 7) & 0x7f) | 0x80;
  out[p + 2] = ((first >>> 14) & 0x7f) | 0x80;
  out[p + 3] = (first >>> 21) | 0x80;
  p += 4;
  while (rest >= 128) {
    out[p++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  out[p++] = rest;
  return p;
}

export function copyText(out: Buffer, p: number, b: Buffer, s: number, e: number): number {
  if (e - s > 40) {
    b.copy(out, p, s, e);
    return p + e - s;
  }
  for (let i = s; i < e; i++) out[p++] = b[i]!;
  return p;
}

/** Copies text that needs no escape; returns -1 at the first byte that does. */
export function copyPlain(out: Buffer, p: number, b: Buffer, s: number, e: number): number {
  for (let i = s; i < e; i++) {
    const c = b[i]!;
    if (c < 32 || c === 34 || c === 92 || c >= 0xf0) return -1;
    out[p++] = c;
  }
  return p;
}

const short = new Map([
  [8, 98],
  [9, 116],
  [10, 110],
  [12, 102],
  [13, 114],
]);

export function escapedLength(b: Buffer, s: number, e: number): number {
  let n = e - s;
  for (let i = s; i < e; i++) {
    const c = b[i]!;
    if (c === 34 || c === 92) n++;
    else if (c < 32) n += short.has(c) ? 1 : 5;
    else if (c >= 0xf0) n += 8;
  }
  return n;
}
export function copyEscaped(out: Buffer, p: number, b: Buffer, s: number, e: number): number {
  for (let i = s; i < e; i++) {
    const c = b[i]!;
    if (c === 34 || c === 92) {
      out[p++] = 92;
      out[p++] = c;
    } else if (c < 32) {
      const letter = short.get(c);
      if (letter === undefined) p = putUnit(out, p, c);
      else {
        out[p++] = 92;
        out[p++] = letter;
      }
    } else if (c >= 0xf0) {
      // four bytes of UTF-8: two UTF-16 units, each an escape
      const point = (((c & 7) << 18) | ((b[i + 1]! & 63) << 12) | ((b[i + 2]! & 63) << 6) | (b[i + 3]! & 63)) - 0x1_0000;
      p = putUnit(out, putUnit(out, p, 0xd800 + (point >> 10)), 0xdc00 + (point & 0x3ff));
      i += 3;
    } else out[p++] = c;
  }
  return p;
}

function putUnit(out: Buffer, p: number, unit: number): number {
  out[p] = 92;
  out[p + 1] = 117;
  for (let i = 0; i < 4; i++) out[p + 2 + i] = "0123456789ABCDEF".charCodeAt((unit >> (12 - i * 4)) & 15);
  return p + 6;
}

/** Eight bytes at a time, little-endian as they lie in `words`; `n` of them count. Returns the place behind those. */
export function putDoubles(out: DataView, p: number, words: Float64Array, n: number): number {
  for (let i = 0; i < words.length; i++) out.setFloat64(p + 8 * i, words[i]!, true);
  return p + n;
}

export function putInts(out: DataView, p: number, words: Int32Array, n: number): number {
  for (let i = 0; i < words.length; i++) out.setInt32(p + 4 * i, words[i]!, true);
  return p + n;
}
