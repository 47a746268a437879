/** Time zones by IANA name (`Europe/Berlin`), `UTC`, `Z` or offset (`+01:00`, `GMT+1`). Offsets are ms east of UTC. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** @throws RangeError on a zone that is not known */
export function zoneOffset(zone: string, utc: number): number {
  if (/^(UTC|GMT|Z)$/i.test(zone)) return 0;
  const fixed = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?$/i.exec(zone);
  if (fixed) return (fixed[1] === "-" ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3] ?? 0)) * 60_000;
  let format = formats.get(zone);
  if (!format) {
    try {
      format = new Intl.DateTimeFormat("en-US", {
        timeZone: zone,
        hourCycle: "h23",
        year: "numeric",
        month: "numeric",
        day: "numeric",
        hour: "numeric",
        minute: "numeric",
        second: "numeric",
        era: "short",
      });
    } catch {
      throw new RangeError(`Unknown time-zone ID: ${zone}`);
    }
    formats.set(zone, format);
  }
  const part: Record<string, string> = {};
  for (const p of format.formatToParts(utc)) part[p.type] = p.value;
  const year = part["era"] === "BC" ? 1 - Number(part["year"]) : Number(part["year"]);
  const local = Date.UTC(
    2000,
    Number(part["month"]) - 1,
    Number(part["day"]),
    Number(part["hour"]),
    Number(part["minute"]),
    Number(part["second"]),
  );
  const shifted = new Date(local).setUTCFullYear(year);
  return shifted - Math.floor(utc / 1000) * 1000;
}

/** ms since the epoch of a zone's wall clock; a time that a clock change skips moves on by the gap. */
export function fromLocal(zone: string, local: number): number {
  const guess = local - zoneOffset(zone, local);
  return local - zoneOffset(zone, guess);
}

/** Locales whose own zones have short names: in American English only America's have, the others are GMT+1 and so on. */
const named = ["en-US", "en-GB", "en-AU", "en-NZ", "en-CA", "en-IN", "en-ZA", "en-IE"];
const recent = [Date.UTC(2020, 0, 15), Date.UTC(2020, 6, 15)];
const nameFormats = new Map<string, Intl.DateTimeFormat>();

/** The zone's name at a time, as `PDT` or, where long, `Pacific Daylight Time`. A short one that nobody has is the long one's initials. */
export function zoneName(zone: string, utc: number, long: boolean): string {
  if (/^(UTC|GMT|Z|(UTC|GMT)?[+-].*)$/i.test(zone)) return zone;
  // a zone's names of today are its names of all times, as in Java
  const offset = zoneOffset(zone, utc);
  for (const time of [utc, ...recent.filter((t) => zoneOffset(zone, t) === offset)])
    for (const locale of named) {
      const name = nameIn(locale, zone, time, long);
      if (!/^(GMT|UTC)[+-]/.test(name)) return name;
    }
  const full = long ? zone : nameIn("en-US", zone, utc, true);
  return /^[A-Z][a-z]+( [A-Z][a-z]+)+$/.test(full) ? full.replace(/[^A-Z]/g, "") : zone;
}

function nameIn(locale: string, zone: string, utc: number, long: boolean): string {
  const key = `${locale} ${zone} ${long}`;
  let format = nameFormats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: long ? "long" : "short" });
    nameFormats.set(key, format);
  }
  return format.formatToParts(utc).find((p) => p.type === "timeZoneName")?.value ?? zone;
}
