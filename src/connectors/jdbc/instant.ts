import type {} from "../../data/buffer-text.js";
import { toMicros } from "./text.js";
import type { TimeZone } from "./time-zone.js";

/** Long.MAX and Long.MIN: what stands for the infinities */
export const INFINITY = 9223372036854775807n;
export const MINUS_INFINITY = -9223372036854775808n;

const ODD = /^([+-]?\d{4,})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?( BC)?$/;

/**
 * Of an ISO 8601 timestamp with an offset (without one: UTC) the µs since the epoch, digits beyond them cut off; a number while
 * that is exact. `infinity` and `-infinity` as above.
 * @returns undefined where the text is none
 */
export function parseInstant(text: string): number | bigint | undefined {
  if (text.length <= PLAIN_BYTES && scratch.utf8Write(text, 0) === text.length) {
    const plain = parsePlain(scratch, 0, text.length);
    if (plain !== undefined) return plain;
  }
  return parseOdd(text);
}

/** The same of a text's bytes. */
export function parseInstantBytes(bytes: Buffer, start: number, end: number): number | bigint | undefined {
  return parsePlain(bytes, start, end) ?? parseOdd(bytes.utf8Slice(start, end));
}

const PLAIN_BYTES = 27;
const scratch = Buffer.alloc(PLAIN_BYTES * 3);

function parseOdd(text: string): number | bigint | undefined {
  if (text === "infinity" || text === "-infinity") return text[0] === "-" ? MINUS_INFINITY : INFINITY;
  const m = ODD.exec(text);
  if (!m) return undefined;
  const year = m[9] ? 1 - Number(m[1]) : Number(m[1]);
  const days = daysOf(year, Number(m[2]), Number(m[3]));
  const fraction = Number((m[7] ?? "").slice(0, 6).padEnd(6, "0"));
  let seconds = Number(m[4]) * 3600 + Number(m[5]) * 60 + Number(m[6] ?? 0);
  const zone = m[8] ?? "Z";
  if (zone !== "Z") {
    const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(":", "") || 0);
    seconds -= (zone[0] === "-" ? -minutes : minutes) * 60;
  }
  const micros = BigInt(days * 86_400 + seconds) * 1_000_000n + BigInt(fraction);
  return micros >= -9007199254740991n && micros <= 9007199254740991n ? Number(micros) : micros;
}

/** `2026-01-31T12:34:56Z`, with up to six digits of a fraction: nearly all there are. */
function parsePlain(b: Buffer, at: number, end: number): number | undefined {
  const size = end - at;
  if (size < 20 || size > PLAIN_BYTES || b[end - 1] !== 90 || b[at + 4] !== 45 || b[at + 10] !== 84) return undefined;
  const y1 = b[at]! - 48;
  const y2 = b[at + 1]! - 48;
  const y3 = b[at + 2]! - 48;
  const y4 = b[at + 3]! - 48;
  const o1 = b[at + 5]! - 48;
  const o2 = b[at + 6]! - 48;
  const d1 = b[at + 8]! - 48;
  const d2 = b[at + 9]! - 48;
  const h1 = b[at + 11]! - 48;
  const h2 = b[at + 12]! - 48;
  const m1 = b[at + 14]! - 48;
  const m2 = b[at + 15]! - 48;
  const s1 = b[at + 17]! - 48;
  const s2 = b[at + 18]! - 48;
  // a bit beyond the lowest four is set where one is no digit, of itself or of itself and 6
  let odd = y1 | y2 | y3 | y4 | o1 | o2 | d1 | d2 | h1 | h2 | m1 | m2 | s1 | s2;
  odd |= (y1 + 6) | (y2 + 6) | (y3 + 6) | (y4 + 6) | (o1 + 6) | (o2 + 6) | (d1 + 6);
  odd |= (d2 + 6) | (h1 + 6) | (h2 + 6) | (m1 + 6) | (m2 + 6) | (s1 + 6) | (s2 + 6);
  let fraction = 0;
  for (let i = at + 20; i < end - 1; i++) {
    const digit = b[i]! - 48;
    odd |= digit | (digit + 6);
    fraction = fraction * 10 + digit;
  }
  const year = y1 * 1000 + y2 * 100 + y3 * 10 + y4;
  if (odd & ~15 || year < 1700 || year >= 2255) return undefined;
  const month = o1 * 10 + o2;
  const day = d1 * 10 + d2;
  // most timestamps that follow each other are of one day
  const date = (year * 100 + month) * 100 + day;
  if (date !== lastDate) {
    lastDays = daysOf(year, month, day);
    lastDate = date;
  }
  const seconds = (h1 * 10 + h2) * 3600 + (m1 * 10 + m2) * 60 + s1 * 10 + s2;
  return (lastDays * 86_400 + seconds) * 1_000_000 + fraction * SCALE[size]!;
}

let lastDate = -1;
let lastDays = 0;

/** By the text's length, what makes µs of its fraction. */
const SCALE = Array.from({ length: 28 }, (_, size) => (size > 20 ? 10 ** (27 - size) : 0));

/** Days since the epoch of a date of the proleptic Gregorian calendar (Howard Hinnant's days_from_civil). */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy - 719468;
}

/** A Timestamp's number as µs since the epoch: a number while that is exact. */
export function micros(value: number | bigint, microsPerUnit: number): number | bigint {
  if (typeof value === "number" && microsPerUnit >= 1) {
    const exact = value * microsPerUnit;
    if (Number.isSafeInteger(exact)) return exact;
  }
  const exact = toMicros(value, microsPerUnit);
  if (exact === 9223372036825200000n) return INFINITY;
  if (exact === -9223372036832400000n) return MINUS_INFINITY;
  return exact;
}

/** The wall clock of an instant, as µs as if it were UTC. */
export function inZone(at: number | bigint, zone: TimeZone | null): number | bigint {
  if (zone === null || at === INFINITY || at === MINUS_INFINITY) return at;
  return typeof at === "number" ? at + zone.offsetAt(at) : at + BigInt(zone.offsetAt(Number(at)));
}
