/** ISO text to the numbers that SQL's temporal types are; undefined where the text is none. */
export function parseDate(text: string): number | undefined {
  const m = /^([+-]?\d{4,6})-(\d\d)-(\d\d)$/.exec(text.trim());
  if (!m) return undefined;
  const ms = Date.UTC(2000, Number(m[2]) - 1, Number(m[3]));
  const date = new Date(ms);
  date.setUTCFullYear(Number(m[1]), Number(m[2]) - 1, Number(m[3]));
  return date.getUTCMonth() + 1 === Number(m[2]) && date.getUTCDate() === Number(m[3]) ? date.getTime() / 86_400_000 : undefined;
}

/** Milliseconds of the day. */
export function parseTime(text: string): number | undefined {
  const m = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/.exec(text.trim());
  if (!m || Number(m[1]) > 23 || Number(m[2]) > 59 || Number(m[3] ?? 0) > 59) return undefined;
  return (Number(m[1]) * 3600 + Number(m[2]) * 60 + Number(m[3] ?? 0)) * 1000 + millis(m[4]);
}

/** Milliseconds since the epoch; UTC where the text has no zone. */
export function parseTimestamp(text: string): number | undefined {
  const m = /^([+-]?\d{4,6}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?(Z|[+-]\d\d(?::?\d\d)?)?$/.exec(text.trim());
  if (!m) return undefined;
  const days = parseDate(m[1]!);
  const time = m[2] === undefined ? 0 : parseTime(m[2]);
  if (days === undefined || time === undefined) return undefined;
  return days * 86_400_000 + time - zoneMs(m[3]);
}

function millis(fraction: string | undefined): number {
  return fraction === undefined ? 0 : Number(fraction.padEnd(3, "0").slice(0, 3));
}
function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone === "Z") return 0;
  const digits = zone.slice(1).replace(":", "");
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0);
  return (zone[0] === "-" ? -minutes : minutes) * 60_000;
}
