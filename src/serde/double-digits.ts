import { javaDouble } from "../data/java-number.js";
import { putDigits } from "./digits.js";

const powers = Float64Array.from({ length: 9 }, (_, i) => 10 ** i);
const POW26 = 2 ** 26;
/** By the place of the highest bit of the whole part: half of the distance between two doubles, in units of the 16th decimal. */
const halves = Float64Array.from({ length: 24 }, (_, bit) => (2 ** bit * 1e16) / 2 ** 53);
/** Of each: the first power of ten that is more than the distance. */
const firstPowers = Int32Array.from(halves, (half) => Math.floor(Math.log10(half * 2)) + 1);

/** Bytes that a double's text takes at most. */
export const DOUBLE_TEXT = 25;

/** Writes a finite double as Java prints it; there must be room for DOUBLE_TEXT bytes. Returns the end. */
export function putDouble(out: Buffer, p: number, value: number): number {
  const magnitude = value < 0 ? -value : value;
  if (magnitude >= 1e-2 && magnitude < 1e7) {
    const at = value < 0 ? p + 1 : p;
    const hundredths = Math.round(magnitude * 100);
    const end = hundredths / 100 === magnitude ? putHundredths(out, at, hundredths) : magnitude >= 1 ? putShortest(out, at, magnitude) : -1;
    if (end >= 0) {
      if (value < 0) out[p] = 0x2d;
      return end;
    }
  }
  const text = javaDouble(value);
  for (let i = 0; i < text.length; i++) out[p + i] = text.charCodeAt(i);
  return p + text.length;
}

/** At most two decimals: the shortest text is known. */
function putHundredths(out: Buffer, p: number, hundredths: number): number {
  const whole = Math.floor(hundredths / 100);
  const rest = hundredths - whole * 100;
  let at = putDigits(out, p, whole);
  const tenths = (rest / 10) | 0;
  out[at++] = 0x2e;
  out[at++] = 0x30 + tenths;
  if (rest !== tenths * 10) out[at++] = 0x30 + rest - tenths * 10;
  return at;
}

/**
 * The shortest digits that read back as the value, of those the nearest to it, for 1 <= value < 1e7; -1 where that is too close to call
 * in doubles. The fraction has at most 52 bits, so its first 16 decimals are two whole numbers of eight digits, computed exactly, and
 * a rest. Half of the distance to the next double is `half` in units of the 16th decimal: what differs from the value by less reads back
 * as it. Never by as much: in the middle between two doubles lie numbers of 30 decimals and more.
 */
function putShortest(out: Buffer, p: number, value: number): number {
  const whole = Math.floor(value);
  const fraction = (value - whole) * POW26;
  const a = Math.floor(fraction);
  const b = (fraction - a) * POW26;
  const b8 = b * 1e8;
  const carry = Math.floor(b8 / POW26);
  const a8 = a * 1e8 + carry;
  let high = Math.floor(a8 / POW26);
  const low = ((a8 - high * POW26) * 1e8 + Math.floor(((b8 - carry * POW26) * 1e8) / POW26)) / POW26;
  const bit = 31 - Math.clz32(whole);
  const half = halves[bit]!;
  // Of this power of ten at most one multiple is near enough; where there is none, the power before has some.
  const power = firstPowers[bit]!;
  let step = powers[power]!;
  let near = Math.round(low / step) * step;
  let off = Math.abs(near - low);
  if (Math.abs(off - half) < 1e-4) return -1;
  if (off > half) {
    step = powers[power - 1]!;
    near = Math.round(low / step) * step;
    off = Math.abs(near - low);
    if (step / 2 - off < 1e-4) return -1;
  }
  if (near === 1e8) {
    near = 0;
    if (++high === 1e8) return -1;
  }
  let at = putDigits(out, p, whole);
  out[at] = 0x2e;
  put8(out, at + 1, high);
  put8(out, at + 9, near);
  const first = at + 1;
  at += 17;
  while (at > first + 1 && out[at - 1] === 0x30) at--;
  return at;
}

function put8(out: Buffer, p: number, value: number): void {
  const upper = (value / 1e4) | 0;
  put4(out, p, upper);
  put4(out, p + 4, value - upper * 1e4);
}

function put4(out: Buffer, p: number, value: number): void {
  const upper = (value / 100) | 0;
  const lower = value - upper * 100;
  const a = (upper / 10) | 0;
  const b = (lower / 10) | 0;
  out[p] = 0x30 + a;
  out[p + 1] = 0x30 + upper - a * 10;
  out[p + 2] = 0x30 + b;
  out[p + 3] = 0x30 + lower - b * 10;
}
