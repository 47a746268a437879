import { Decimal } from "../../../data/schema.js";
import { asciiText } from "../../text-cache.js";
import { skipValue } from "./scan.js";

/**
 * Pieces of generated scanners over JSON bytes. Each reads the value at p into the variable v and leaves p behind it; a null
 * leaves v as it is. Where the bytes are anything but the plain form, the scanner returns undefined and the general way
 * reads the record again. h holds `scanHelpers`.
 */
export const scanVariables = "let c = 0, n = 0, s = 0, f = 0, o = 0, k = 0;";

export const scanHelpers = {
  pow10: Array.from({ length: 40 }, (_, i) => Number(`1e${i}`)),
  Decimal,
  ascii: asciiText,
  skip: skipValue,
  base64Decimal,
};

export function literal(bytes: Buffer): string {
  if (bytes.length === 0) return "";
  const tests = Array.from(bytes, (c, i) => `b[p + ${i}] !== ${c}`);
  return `if (${tests.join(" || ")}) return undefined;\np += ${bytes.length};`;
}

export const skipCode = `c = b[p];
if (c === 34) { p++; while (p < end && (c = b[p]) !== 34) p += c === 92 ? 2 : 1; p++; }
else if (c === 45 || (c >= 48 && c <= 57)) { do { c = b[++p]; } while ((c >= 48 && c <= 57) || c === 46 || c === 101 || c === 69 || c === 43 || c === 45); }
else { p = h.skip(b, p, end); if (p < 0) return undefined; }`;

/** As `literal`, four bytes at a time of the DataView `w` over b. */
export function wideLiteral(bytes: Buffer): string {
  const { length } = bytes;
  if (length < 4) return literal(bytes);
  const tests: string[] = [];
  for (let i = 0; i < length; i += 4) {
    const at = Math.min(i, length - 4);
    tests.push(`w.getInt32(p + ${at}, true) !== ${bytes.readInt32LE(at)}`);
  }
  return `if (p + ${length} > end || ${tests.join(" || ")}) return undefined;\np += ${length};`;
}

/** As `skipCode`, four characters of a string at a time. */
export const wideSkipCode = `c = b[p];
if (c === 34) {
p++;
while (p + 4 <= end) {
n = w.getInt32(p, true); s = n ^ 0x22222222; f = n ^ 0x5c5c5c5c;
if (((((s - 0x01010101) | 0) & ~s) | (((f - 0x01010101) | 0) & ~f)) & 0x80808080) break;
p += 4;
}
while (p < end && (c = b[p]) !== 34) p += c === 92 ? 2 : 1;
p++; }
else if (c === 45 || (c >= 48 && c <= 57)) { do { c = b[++p]; } while ((c >= 48 && c <= 57) || c === 46 || c === 101 || c === 69 || c === 43 || c === 45); }
else { p = h.skip(b, p, end); if (p < 0) return undefined; }`;

const nullCode = "if (b[p + 1] !== 117 || b[p + 2] !== 108 || b[p + 3] !== 108) return undefined; p += 4;";

export function integerCode(v: string, most?: number): string {
  return `c = b[p];
if (c === 110) { ${nullCode} } else {
s = p; if (c === 45) c = b[++p];
f = p; n = c - 48; if (!(n >= 0 && n <= 9)) return undefined;
c = b[++p];
while (c >= 48 && c <= 57) { n = n * 10 + (c - 48); c = b[++p]; }
if (p - s > 15 || c === 46 || c === 101 || c === 69 || (b[f] === 48 && p - f > 1)) return undefined;
${most === undefined ? "" : `if (n > ${most}) return undefined;`}
${v} = f > s ? 0 - n : n; }`;
}

/** n: the digits without the point; k: how many of them stand behind it; s: where the number begins. */
const mantissa = `s = p; if (c === 45) c = b[++p];
f = p; n = c - 48; k = 0; if (!(n >= 0 && n <= 9)) return undefined;
c = b[++p];
while (c >= 48 && c <= 57) { n = n * 10 + (c - 48); c = b[++p]; }
if (b[f] === 48 && p - f > 1) return undefined;
if (c === 46) { c = b[++p]; f = p; while (c >= 48 && c <= 57) { n = n * 10 + (c - 48); c = b[++p]; } k = p - f; if (k === 0) return undefined; }`;

export function doubleCode(v: string): string {
  return `c = b[p];
if (c === 110) { ${nullCode} } else {
${mantissa}
if (c === 101 || c === 69 || p - s > 16) {
while ((c >= 48 && c <= 57) || c === 46 || c === 101 || c === 69 || c === 43 || c === 45) c = b[++p];
n = +b.latin1Slice(s, p); if (n !== n) return undefined;
${v} = n;
} else { n = k === 0 ? n : n / h.pow10[k]; ${v} = b[s] === 45 ? -n : n; } }`;
}

/** A number as a Decimal of the scale, with at most `precision` digits. */
export function decimalCode(v: string, scale: number, precision: number): string {
  return `c = b[p];
if (c === 110) { ${nullCode} } else {
${mantissa}
if (c === 101 || c === 69 || p - s > 15 || k > ${scale}) return undefined;
if (k < ${scale}) n *= h.pow10[${scale} - k];
if (n >= ${Math.min(10 ** precision, 1e15)}) return undefined;
${v} = new h.Decimal(BigInt(b[s] === 45 ? 0 - n : n), ${scale}); }`;
}

/** Connect's Decimal: its bytes in base64. */
export function base64DecimalCode(v: string, scale: number): string {
  return `if (b[p] === 34) {
s = ++p; while (p < end && b[p] !== 34) p++;
n = h.base64Decimal(b, s, p); if (n !== n) return undefined;
${v} = new h.Decimal(BigInt(n), ${scale}); p++;
} else if (b[p] === 110) { ${nullCode} } else return undefined;`;
}

export function booleanCode(v: string): string {
  return `c = b[p];
if (c === 116 && b[p + 1] === 114 && b[p + 2] === 117 && b[p + 3] === 101) { ${v} = true; p += 4; }
else if (c === 102 && b[p + 1] === 97 && b[p + 2] === 108 && b[p + 3] === 115 && b[p + 4] === 101) { ${v} = false; p += 5; }
else if (c === 110) { ${nullCode} } else return undefined;`;
}

export function stringCode(v: string): string {
  return `if (b[p] === 34) {
s = ++p; o = 0;
while (p < end && (c = b[p]) !== 34) { if (c === 92 || c < 32) return undefined; o |= c; p++; }
if (p >= end) return undefined;
${v} = o < 128 ? h.ascii(b, s, p) : b.utf8Slice(s, p); p++;
} else if (b[p] === 110) { ${nullCode} } else return undefined;`;
}

const sextets = new Int8Array(256).fill(-1);
for (const [i, c] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries()) sextets[c.charCodeAt(0)] = i;

/** Two's complement of at most six bytes in base64; NaN for anything else. */
function base64Decimal(b: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length !== 4 && length !== 8) return Number.NaN;
  const padding = b[end - 1] !== 61 ? 0 : b[end - 2] !== 61 ? 1 : 2;
  let value = 0;
  for (let p = start; p < end - padding; p++) {
    const six = sextets[b[p]!]!;
    if (six < 0) return Number.NaN;
    value = value * 64 + six;
  }
  // what is left of the last sextet behind the last whole byte
  if (padding === 1) value = Math.floor(value / 4);
  else if (padding === 2) value = Math.floor(value / 16);
  const bytes = (length / 4) * 3 - padding;
  const most = 2 ** (bytes * 8 - 1);
  return value >= most ? value - most * 2 : value;
}
