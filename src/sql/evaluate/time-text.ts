const partial =
  /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?)?)?)?)?)?(Z|[+-]\d{2}:?\d{2}|[+-]\d{2})?$/;

/**
 * ms since the epoch of `yyyy-MM-dd'T'HH:mm:ss.SSS`, where the end may be missing and a zone offset may follow; UTC without one.
 * undefined where the text is no time.
 */
export function parsePartialTimestamp(text: string): number | undefined {
  const m = partial.exec(text.trim());
  if (!m) return undefined;
  const [year, month, day, hour, minute, second] = [m[1], m[2] ?? 1, m[3] ?? 1, m[4] ?? 0, m[5] ?? 0, m[6] ?? 0].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ms = Number((m[7] ?? "").padEnd(3, "0").slice(0, 3));
  const time = Date.UTC(year, month - 1, day, hour, minute, second, ms);
  const back = new Date(time);
  if (year < 100 || back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59)
    return undefined;
  return time - offsetMs(m[8]);
}

function offsetMs(zone: string | undefined): number {
  if (!zone || zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(":", "") || 0);
  return (zone[0] === "-" ? -1 : 1) * minutes * 60_000;
}
