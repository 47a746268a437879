/**
 * Postgres's ISO texts of dates and times (DateStyle ISO, TimeZone UTC) as numbers. All are proleptic Gregorian; `BC` years
 * count down from 1 BC = year 0. Results are numbers while safe integers, bigints beyond.
 */
const dayUs = 86_400_000_000;
const safeDays = 104_000;
export const longMax = 9223372036854775807n;
export const longMin = -9223372036854775808n;

/** Days since 1970-01-01 of a civil date. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy - 719468;
}

interface Moment {
  /** astronomical */
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** µs of the day, up to 24:00 */
  readonly us: number;
  /** seconds east of UTC */
  readonly zone: number;
}

const pattern = /^(\d{4,})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?([+-]\d\d(?::\d\d(?::\d\d)?)?)?( BC)?$/;

function parse(text: string): Moment | undefined {
  const m = pattern.exec(text);
  if (!m) return undefined;
  const year = m[9] ? 1 - Number(m[1]) : Number(m[1]);
  const us = m[4] === undefined ? 0 : timeOf(m[4], m[5]!, m[6]!, m[7]);
  return { year, month: Number(m[2]), day: Number(m[3]), us, zone: m[8] ? zoneOf(m[8]) : 0 };
}

function timeOf(h: string, m: string, s: string, fraction: string | undefined): number {
  return (Number(h) * 3600 + Number(m) * 60 + Number(s)) * 1_000_000 + (fraction ? Number(fraction.padEnd(6, "0")) : 0);
}

function zoneOf(text: string): number {
  const [h, m, s] = text.slice(1).split(":");
  const seconds = Number(h) * 3600 + Number(m ?? 0) * 60 + Number(s ?? 0);
  return text[0] === "-" ? -seconds : seconds;
}

/** int32 days; infinity is the largest and smallest int32 */
export function dateDays(text: string): number {
  if (text === "infinity") return 2147483647;
  if (text === "-infinity") return -2147483648;
  const m = parse(text);
  if (!m) throw new RangeError(`not a date: ${text}`);
  return daysFromCivil(m.year, m.month, m.day);
}

function microsOf(m: Moment): number | bigint {
  const days = daysFromCivil(m.year, m.month, m.day);
  const us = m.us - m.zone * 1_000_000;
  if (days > -safeDays && days < safeDays) return days * dayUs + us;
  const exact = BigInt(days) * 86_400_000_000n + BigInt(us);
  return exact >= -9007199254740991n && exact <= 9007199254740991n ? Number(exact) : exact;
}

/** Infinity is Long.MAX and Long.MIN. */
export function timestampMicros(text: string): number | bigint {
  if (text === "infinity") return longMax;
  if (text === "-infinity") return longMin;
  const m = parse(text);
  if (!m) throw new RangeError(`not a timestamp: ${text}`);
  return microsOf(m);
}

/** Infinity is what the JDBC driver of Debezium calls so: a time 292 million years away. */
export function timestampMillis(text: string): number | bigint {
  if (text === "infinity") return 9223372036825200000n;
  if (text === "-infinity") return -9223372036832400000n;
  const us = timestampMicros(text);
  return typeof us === "bigint" ? Number(us >= 0n || us % 1000n === 0n ? us / 1000n : us / 1000n - 1n) : Math.floor(us / 1000);
}

/** What does not fit into 64 bits is cut to their ends. */
export function timestampNanos(text: string): number | bigint {
  const ns = BigInt(timestampMicros(text)) * 1000n;
  return ns > longMax ? longMax : ns < longMin ? longMin : normal(ns);
}

export function normal(n: bigint): number | bigint {
  return n >= -9007199254740991n && n <= 9007199254740991n ? Number(n) : n;
}

const timePattern = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-]\d\d(?::\d\d(?::\d\d)?)?)?$/;

/** µs of the day; 24:00:00 is 86,400,000,000 */
export function timeMicros(text: string): number {
  const m = timePattern.exec(text);
  if (!m) throw new RangeError(`not a time: ${text}`);
  return timeOf(m[1]!, m[2]!, m[3]!, m[4]);
}

const pad = (n: number, width: number) => String(n).padStart(width, "0");

function clock(us: number, fraction: string): string {
  const s = Math.floor(us / 1_000_000);
  return `${pad(Math.floor(s / 3600), 2)}:${pad(Math.floor(s / 60) % 60, 2)}:${pad(s % 60, 2)}${fraction}`;
}

/** The fewest digits that hold the microseconds. */
function shortFraction(us: number): string {
  const f = us % 1_000_000;
  return f === 0 ? "" : `.${pad(f, 6).replace(/0+$/, "")}`;
}

/** A time with zone as `hh:mm:ss[.ffffff]Z` in UTC. */
export function zonedTime(text: string): string {
  const m = timePattern.exec(text);
  if (!m) throw new RangeError(`not a time with time zone: ${text}`);
  const us = timeOf(m[1]!, m[2]!, m[3]!, m[4]) - (m[5] ? zoneOf(m[5]) : 0) * 1_000_000;
  const day = ((us % dayUs) + dayUs) % dayUs;
  return `${clock(day, shortFraction(day))}Z`;
}

function isoYear(year: number): string {
  return year < 0 ? `-${pad(-year, 4)}` : year > 9999 ? `+${year}` : pad(year, 4);
}

/** A timestamp with zone as `…T…Z` in UTC with that many fraction digits; `infinity` stays a word. */
export function zonedTimestamp(text: string, digits: number): string {
  if (text === "infinity" || text === "-infinity") return text;
  let m = parse(text);
  if (!m) throw new RangeError(`not a timestamp with time zone: ${text}`);
  if (m.zone !== 0) m = civil(BigInt(microsOf(m)));
  const fraction = digits === 0 ? "" : `.${pad(m.us % 1_000_000, 6).slice(0, digits)}`;
  return `${isoYear(m.year)}-${pad(m.month, 2)}-${pad(m.day, 2)}T${clock(m.us, fraction)}Z`;
}

function civil(micros: bigint): Moment {
  let days = micros / 86_400_000_000n;
  let us = micros % 86_400_000_000n;
  if (us < 0n) {
    us += 86_400_000_000n;
    days -= 1n;
  }
  const z = Number(days) + 719468;
  const era = Math.floor(z / 146097);
  const doe = z - era * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  return { year, month, day: doy - Math.floor((153 * mp + 2) / 5) + 1, us: Number(us), zone: 0 };
}

/** `time.precision.mode=isostring` */
export function isoDate(text: string): string {
  if (text === "infinity" || text === "-infinity") return text;
  const m = parse(text);
  if (!m) throw new RangeError(`not a date: ${text}`);
  return `${isoYear(m.year)}-${pad(m.month, 2)}-${pad(m.day, 2)}Z`;
}
export function isoTime(text: string): string {
  const us = timeMicros(text);
  return `${clock(us, shortFraction(us))}Z`;
}
export function isoTimestamp(text: string): string {
  if (text === "infinity" || text === "-infinity") return text;
  const m = parse(text);
  if (!m) throw new RangeError(`not a timestamp: ${text}`);
  return `${isoYear(m.year)}-${pad(m.month, 2)}-${pad(m.day, 2)}T${clock(m.us, shortFraction(m.us))}Z`;
}

interface Interval {
  readonly months: number;
  readonly days: number;
  readonly us: bigint;
}

/** IntervalStyle postgres: `1 year 2 mons -3 days +04:05:06.789` */
function parseInterval(text: string): Interval {
  let months = 0;
  let days = 0;
  let us = 0n;
  const token = /([+-]?\d+) (year|mon|day)s?|([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?/g;
  let found = false;
  for (const m of text.matchAll(token)) {
    found = true;
    if (m[2] === "year") months += 12 * Number(m[1]);
    else if (m[2] === "mon") months += Number(m[1]);
    else if (m[2] === "day") days += Number(m[1]);
    else {
      const micros = (BigInt(m[4]!) * 3600n + BigInt(m[5]!) * 60n + BigInt(m[6]!)) * 1_000_000n + BigInt((m[7] ?? "").padEnd(6, "0"));
      us = m[3] === "-" ? -micros : micros;
    }
  }
  if (!found) throw new RangeError(`not an interval: ${text}`);
  return { months, days, us };
}

/** A month is 365.25 / 12 days, as Debezium counts it. */
export function intervalMicros(text: string): number | bigint {
  if (text === "infinity") return longMax;
  if (text === "-infinity") return longMin;
  const { months, days, us } = parseInterval(text);
  return normal(BigInt(months) * 2_629_800_000_000n + BigInt(days) * 86_400_000_000n + us);
}

/** ISO 8601: `P1Y2M3DT4H5M6.78S`, every part written */
export function intervalIso(text: string): string {
  if (text === "infinity" || text === "-infinity") return text;
  const { months, days, us } = parseInterval(text);
  const years = Math.trunc(months / 12);
  const seconds = us / 1_000_000n;
  const h = seconds / 3600n;
  const m = (seconds / 60n) % 60n;
  const rest = us % 60_000_000n;
  const negative = rest < 0n;
  const abs = negative ? -rest : rest;
  const fraction = (abs % 1_000_000n).toString().padStart(6, "0").replace(/0+$/, "");
  return `P${years}Y${months % 12 || 0}M${days}DT${h}H${m}M${negative ? "-" : ""}${abs / 1_000_000n}${fraction ? `.${fraction}` : ""}S`;
}
