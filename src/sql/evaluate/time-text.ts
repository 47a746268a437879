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

const two = (n: number) => String(n).padStart(2, "0");

/** `2020-01-02T03:04:05.006` */
export function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1);
}
/** `2020-01-02`, of days since the epoch */
export function formatDate(days: number): string {
  return new Date(days * 86_400_000).toISOString().replace(/T.*/, "");
}
/** `03:04`, `03:04:05` or `03:04:05.006`, of ms of the day */
export function formatTime(ms: number): string {
  const text = `${two(Math.floor(ms / 3_600_000))}:${two(Math.floor(ms / 60_000) % 60)}`;
  const seconds = Math.floor(ms / 1000) % 60;
  const rest = ms % 1000;
  return seconds === 0 && rest === 0 ? text : `${text}:${two(seconds)}${rest === 0 ? "" : `.${String(rest).padStart(3, "0")}`}`;
}
/** days since the epoch, or undefined */
export function parseDate(text: string): number | undefined {
  const ms = /^\d{4}(-\d{1,2}(-\d{1,2})?)?$/.test(text.trim()) ? parsePartialTimestamp(text) : undefined;
  return ms === undefined ? undefined : ms / 86_400_000;
}
/** ms of the day, or undefined */
export function parseTime(text: string): number | undefined {
  const m = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/.exec(text.trim());
  if (!m) return undefined;
  const [h, min, s] = [Number(m[1]), Number(m[2]), Number(m[3] ?? 0)];
  if (h > 23 || min > 59 || s > 59) return undefined;
  return h * 3_600_000 + min * 60_000 + s * 1000 + Number((m[4] ?? "").padEnd(3, "0").slice(0, 3));
}
