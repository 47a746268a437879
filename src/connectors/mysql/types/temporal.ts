import type {} from "../../../data/buffer-text.js";

/**
 * Dates and times of rows, from text or from the numbers that binlog rows hold, as records have them. A `moment` is left in two
 * module variables, so that a row costs no object; NaN days mean that the day does not exist or that a part of it is zero.
 */
let days = 0;
/** µs of the day; of a TIME all of it, negative ones too */
let dayUs = 0;

const lengths = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days since 1970-01-01 of a civil date, NaN where there is no such day. */
export function civilDays(year: number, month: number, day: number, adjust: boolean): number {
  if (month < 1 || month > 12 || day < 1) return Number.NaN;
  if (day > 28 && day > lengths[month]! && !(month === 2 && day === 29 && leap(year))) return Number.NaN;
  let y = adjust && year < 100 ? year + (year < 70 ? 2000 : 1900) : year;
  if (month <= 2) y--;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468;
}

function leap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function two(b: Buffer, p: number): number {
  return (b[p]! - 48) * 10 + b[p + 1]! - 48;
}

/** `YYYY-MM-DD` */
export function textDays(b: Buffer, s: number, adjust: boolean): number {
  return civilDays(two(b, s) * 100 + two(b, s + 2), two(b, s + 5), two(b, s + 8), adjust);
}

/** The days of a date as the number yyyymmdd. */
export function numberDays(date: number, adjust: boolean): number {
  return civilDays(Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100, adjust);
}

/** The fraction's text from behind the point to `e`, as µs. */
function textFraction(b: Buffer, s: number, e: number): number {
  let us = 0;
  let unit = 100_000;
  for (let p = s; p < e; p++, unit /= 10) us += (b[p]! - 48) * unit;
  return us;
}

/** `YYYY-MM-DD hh:mm:ss[.f…]` */
export function readText(b: Buffer, s: number, e: number, adjust: boolean): void {
  days = textDays(b, s, adjust);
  const seconds = two(b, s + 11) * 3600 + two(b, s + 14) * 60 + two(b, s + 17);
  dayUs = seconds * 1_000_000 + (e - s > 20 ? textFraction(b, s + 20, e) : 0);
}

/** Takes a moment from its parts: the date as the number yyyymmdd, µs of the day. */
export function setMoment(date: number, us: number, adjust: boolean): void {
  days = numberDays(date, adjust);
  dayUs = us;
}

/** An instant in µs since the epoch; 0 is the zero time. */
export function setInstant(us: number): void {
  days = us === 0 ? Number.NaN : Math.floor(us / 86_400_000_000);
  dayUs = us % 86_400_000_000;
}

/** `[-]hhh:mm:ss[.f…]` as µs */
export function textTime(b: Buffer, s: number, e: number): number {
  const negative = b[s] === 45;
  let p = negative ? s + 1 : s;
  let hours = 0;
  for (; b[p] !== 58; p++) {
    if (p >= e) return Number.NaN;
    hours = hours * 10 + b[p]! - 48;
  }
  const us = (hours * 3600 + two(b, p + 1) * 60 + two(b, p + 4)) * 1_000_000 + (e - p > 7 ? textFraction(b, p + 7, e) : 0);
  return negative ? 0 - us : us;
}

/** The moment read last in units of which a second has `perSecond`; NaN where there is none or a double is not exact. */
export function momentNumber(perSecond: number): number {
  const ofDay = perSecond === 1_000_000 ? dayUs : perSecond === 1000 ? Math.floor(dayUs / 1000) : dayUs * 1000;
  const n = days * 86400 * perSecond + ofDay;
  return n > 9007199254740991 || n < -9007199254740991 ? Number.NaN : n;
}

/** The same, exact; null where there is no such day. */
export function momentValue(perSecond: number): number | bigint | null {
  if (Number.isNaN(days)) return null;
  const n = momentNumber(perSecond);
  if (!Number.isNaN(n)) return n;
  return (BigInt(days) * 86_400_000_000n + BigInt(dayUs)) * BigInt(perSecond / 1_000_000);
}

/** `YYYY-MM-DD` of days since the epoch. */
export function dateText(n: number): string {
  const z = n + 719468;
  const era = Math.floor(z / 146097);
  const doe = z - era * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(doy - Math.floor((153 * mp + 2) / 5) + 1, 2)}`;
}

const pad = (n: number, width: number) => String(n).padStart(width, "0");

/** `hh:mm:ss` and the fraction in that many digits; -1: as few as it has */
export function clockText(us: number, digits: number): string {
  const s = Math.floor(us / 1_000_000);
  const fraction = pad(us % 1_000_000, 6);
  const shown = digits < 0 ? fraction.replace(/0+$/, "") : fraction.slice(0, digits);
  return `${pad(Math.floor(s / 3600), 2)}:${pad(Math.floor(s / 60) % 60, 2)}:${pad(s % 60, 2)}${shown ? `.${shown}` : ""}`;
}

let shownDay = Number.NaN;
const shownDate = Buffer.alloc(10);

function putTwo(out: Buffer, p: number, n: number): void {
  const tens = (n / 10) | 0;
  out[p] = 48 + tens;
  out[p + 1] = 48 + n - tens * 10;
}

/** Writes an instant (µs since the epoch) as `…T…Z` with so many digits of its fraction; returns the end, -1 for the zero time. */
export function putInstant(out: Buffer, p0: number, us: number, digits: number): number {
  if (us === 0) return -1;
  const day = Math.floor(us / 86_400_000_000);
  if (day !== shownDay) {
    shownDate.latin1Write(dateText(day), 0);
    shownDay = day;
  }
  let p = p0;
  for (let i = 0; i < 10; i++) out[p + i] = shownDate[i]!;
  out[p + 10] = 84;
  const ofDay = us - day * 86_400_000_000;
  const seconds = Math.floor(ofDay / 1_000_000);
  putTwo(out, p + 11, (seconds / 3600) | 0);
  out[p + 13] = 58;
  putTwo(out, p + 14, ((seconds / 60) | 0) % 60);
  out[p + 16] = 58;
  putTwo(out, p + 17, seconds % 60);
  p += 19;
  if (digits > 0) {
    out[p++] = 46;
    let rest = ofDay - seconds * 1_000_000;
    for (let i = 0, unit = 100_000; i < digits; i++, unit /= 10) {
      const digit = (rest / unit) | 0;
      out[p++] = 48 + digit;
      rest -= digit * unit;
    }
  }
  out[p++] = 90;
  return p;
}

/** The moment read last as `…T…Z`; null where there is none. */
export function momentIso(digits: number): string | null {
  return Number.isNaN(days) ? null : `${dateText(days)}T${clockText(dayUs, digits)}Z`;
}
