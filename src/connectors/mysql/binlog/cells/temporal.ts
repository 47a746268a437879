/** Bytes of the fraction of 0 to 6 digits. */
function fraction(b: Buffer, p: number, digits: number): number {
  switch ((digits + 1) >> 1) {
    case 1:
      return b[p]! * 10_000;
    case 2:
      return b.readUInt16BE(p) * 100;
    case 3:
      return b.readUIntBE(p, 3);
    default:
      return 0;
  }
}

/** DATE as a number yyyymmdd; 0 is the zero date, and parts may be 0 too. */
export function readDate(b: Buffer, p: number): number {
  const v = b[p]! | (b[p + 1]! << 8) | (b[p + 2]! << 16);
  return (v >> 9) * 10_000 + ((v >> 5) & 15) * 100 + (v & 31);
}

/** DATETIME2's date as yyyymmdd. */
export function readDatetimeDate(b: Buffer, p: number): number {
  // 1 bit sign, 17 bits year * 13 + month, 5 bits day, 5 hour, 6 minute, 6 second
  const ymd = ((b[p]! & 0x7f) * 65_536 + b[p + 1]! * 256 + b[p + 2]!) >> 1;
  const yearMonth = ymd >> 5;
  return Math.floor(yearMonth / 13) * 10_000 + (yearMonth % 13) * 100 + (ymd & 31);
}

/** DATETIME2's time of day in µs. */
export function readDatetimeMicros(b: Buffer, p: number, digits: number): number {
  const hms = ((b[p + 2]! & 1) << 16) | (b[p + 3]! << 8) | b[p + 4]!;
  return ((hms >> 12) * 3600 + ((hms >> 6) & 63) * 60 + (hms & 63)) * 1_000_000 + fraction(b, p + 5, digits);
}

/** The old DATETIME, a decimal number yyyymmddhhmmss, in the same two parts. */
export function readOldDatetimeDate(b: Buffer, p: number): number {
  return Math.floor(oldDatetime(b, p) / 1_000_000);
}

export function readOldDatetimeMicros(b: Buffer, p: number): number {
  const v = oldDatetime(b, p) % 1_000_000;
  return (Math.floor(v / 10_000) * 3600 + (Math.floor(v / 100) % 100) * 60 + (v % 100)) * 1_000_000;
}

function oldDatetime(b: Buffer, p: number): number {
  return b.readUInt32LE(p + 4) * 4294967296 + b.readUInt32LE(p);
}

/** TIME2 in µs, negative too. */
export function readTime(b: Buffer, p: number, digits: number): number {
  const bytes = (digits + 1) >> 1;
  // the whole is one number above its offset: a negative time borrows from its fraction
  const scale = 256 ** bytes;
  const packed = b.readUIntBE(p, 3) * scale + (bytes === 0 ? 0 : b.readUIntBE(p + 3, bytes)) - 0x800000 * scale;
  const size = Math.abs(packed);
  const hms = Math.floor(size / scale);
  const rest = (size % scale) * (bytes === 1 ? 10_000 : bytes === 2 ? 100 : 1);
  const micros = ((hms >> 12) * 3600 + ((hms >> 6) & 63) * 60 + (hms & 63)) * 1_000_000 + rest;
  return packed < 0 ? -micros : micros;
}

/** The old TIME, a decimal number hhmmss, in µs. */
export function readOldTime(b: Buffer, p: number): number {
  const v = b.readIntLE(p, 3);
  const size = Math.abs(v);
  const micros = (Math.floor(size / 10_000) * 3600 + (Math.floor(size / 100) % 100) * 60 + (size % 100)) * 1_000_000;
  return v < 0 ? -micros : micros;
}

/** TIMESTAMP2 in µs since the epoch; 0 is the zero timestamp. */
export function readTimestamp(b: Buffer, p: number, digits: number): number {
  return b.readUInt32BE(p) * 1_000_000 + fraction(b, p + 4, digits);
}

export function readOldTimestamp(b: Buffer, p: number): number {
  return b.readUInt32LE(p) * 1_000_000;
}

/** Days since 1970-01-01 of yyyymmdd; null where it is not a day of the calendar (the zero date, a month or day 0, 30 February). */
export function epochDays(date: number): number | null {
  const year = Math.floor(date / 10_000);
  const month = Math.floor(date / 100) % 100;
  const day = date % 100;
  if (month === 0 || day === 0 || month > 12 || day > lastDay(year, month)) return null;
  // the year starts in March, so that the leap day is its last
  const y = month <= 2 ? year - 1 : year;
  const m = month <= 2 ? month + 9 : month - 3;
  return 365 * y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + Math.floor((153 * m + 2) / 5) + day - 719_469;
}

function lastDay(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

const two = (n: number) => (n < 10 ? `0${n}` : String(n));

/** `YYYY-MM-DD` */
export function dateText(date: number): string {
  return `${String(Math.floor(date / 10_000)).padStart(4, "0")}-${two(Math.floor(date / 100) % 100)}-${two(date % 100)}`;
}

/** `[-]hh:mm:ss[.f…]`, the fraction with so many digits */
export function timeText(micros: number, digits: number): string {
  const size = Math.abs(micros);
  const seconds = Math.floor(size / 1_000_000);
  const rest =
    digits === 0
      ? ""
      : `.${String(size % 1_000_000)
          .padStart(6, "0")
          .slice(0, digits)}`;
  return `${micros < 0 ? "-" : ""}${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${rest}`;
}

/** A timestamp in UTC as `YYYY-MM-DD hh:mm:ss[.f…]`; the zero timestamp as MySQL has it. */
export function timestampText(micros: number, digits: number): string {
  if (micros === 0) return `0000-00-00 ${timeText(0, digits)}`;
  const day = Math.floor(micros / 86_400_000_000);
  const date = new Date(day * 86_400_000);
  const ymd = date.getUTCFullYear() * 10_000 + (date.getUTCMonth() + 1) * 100 + date.getUTCDate();
  return `${dateText(ymd)} ${timeText(micros - day * 86_400_000_000, digits)}`;
}
