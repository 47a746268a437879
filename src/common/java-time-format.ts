import { fromLocal, zoneName, zoneOffset } from "./zone.js";

/**
 * Patterns of Java's DateTimeFormatter: G y u Y Q q M L w W d D F E e c a B H k h K m s S n N A V v z O X x Z, quoted text, optional
 * parts in brackets; English names, weeks as in the United States.
 * Compiled once a pattern.
 */
type Part = { readonly letter: string; readonly count: number } | { readonly text: string } | { readonly optional: readonly Part[] };

const months = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const numeric = new Set("yuYMLdDwWFHkhKmsSnAN");

export interface TimeFormat {
  /** @param utc ms since the epoch */
  format(utc: number, zone: string): string;
  /** ms since the epoch; fields that are not there are those of 1970-01-01T00:00. @throws RangeError where the text does not fit */
  parse(text: string, zone: string): number;
  /** As `parse`, of a text that only begins so; numbers may have fewer digits. */
  parseStart(text: string, zone: string): number;
}

const cache = new Map<string, TimeFormat>();

/** @throws RangeError on a pattern that is none */
export function javaTimeFormat(pattern: string): TimeFormat {
  let format = cache.get(pattern);
  if (!format) {
    if (cache.size > 1000) cache.clear();
    const parts = read(pattern, { at: 0 }, false);
    format = {
      format: (utc, zone) => write(parts, utc, zone),
      parse: parser(pattern, parts, false),
      parseStart: parser(pattern, parts, true),
    };
    cache.set(pattern, format);
  }
  return format;
}

function read(pattern: string, cursor: { at: number }, inside: boolean): Part[] {
  const parts: Part[] = [];
  while (cursor.at < pattern.length) {
    const ch = pattern[cursor.at]!;
    if (ch === "]" && inside) return parts;
    if (ch === "[") {
      cursor.at++;
      parts.push({ optional: read(pattern, cursor, true) });
      if (pattern[cursor.at] !== "]") throw new RangeError(`Pattern ${pattern} has an open bracket`);
      cursor.at++;
    } else if (ch === "'") {
      const end = pattern.indexOf("'", cursor.at + 1);
      if (end < 0) throw new RangeError(`Pattern ends with an incomplete string literal: ${pattern}`);
      parts.push({ text: end === cursor.at + 1 ? "'" : pattern.slice(cursor.at + 1, end) });
      cursor.at = end + 1;
    } else if (/[A-Za-z]/.test(ch)) {
      let count = 1;
      while (pattern[cursor.at + count] === ch) count++;
      if (!numeric.has(ch) && !"EaBVvzOXxZGQqec".includes(ch)) throw new RangeError(`Unknown pattern letter: ${ch}`);
      parts.push({ letter: ch, count });
      cursor.at += count;
    } else {
      parts.push({ text: ch });
      cursor.at++;
    }
  }
  if (inside) throw new RangeError(`Pattern ${pattern} has an open bracket`);
  return parts;
}

function write(parts: readonly Part[], utc: number, zone: string): string {
  const offset = zoneOffset(zone, utc);
  const d = new Date(utc + offset);
  const pad = (n: number, width: number) => String(n).padStart(width, "0");
  const field = (letter: string, n: number): string => {
    const hour = d.getUTCHours();
    const year = d.getUTCFullYear();
    switch (letter) {
      case "y":
      case "u":
        return yearText(year, n);
      case "Y":
        return yearText(weekOf(d).year, n);
      case "Q":
      case "q": {
        const quarter = Math.floor(d.getUTCMonth() / 3) + 1;
        return n <= 2
          ? pad(quarter, n)
          : n === 3
            ? `Q${quarter}`
            : n === 4
              ? `${["1st", "2nd", "3rd", "4th"][quarter - 1]} quarter`
              : String(quarter);
      }
      case "M":
      case "L":
        return n <= 2 ? pad(d.getUTCMonth() + 1, n) : shortened(months[d.getUTCMonth()]!, n);
      case "w":
        return pad(weekOf(d).week, n);
      case "W":
        return pad(Math.ceil((d.getUTCDate() + new Date(Date.UTC(year, d.getUTCMonth(), 1)).getUTCDay()) / 7), n);
      case "F":
        return pad(Math.ceil(d.getUTCDate() / 7), n);
      case "d":
        return pad(d.getUTCDate(), n);
      case "D":
        return pad(Math.floor((Date.UTC(year, d.getUTCMonth(), d.getUTCDate()) - Date.UTC(year, 0, 1)) / 86_400_000) + 1, n);
      case "E":
        return shortened(days[d.getUTCDay()]!, n);
      case "e":
      case "c":
        return n <= 2 ? pad(d.getUTCDay() + 1, n) : shortened(days[d.getUTCDay()]!, n);
      case "H":
        return pad(hour, n);
      case "k":
        return pad(hour || 24, n);
      case "h":
        return pad(hour % 12 || 12, n);
      case "K":
        return pad(hour % 12, n);
      case "m":
        return pad(d.getUTCMinutes(), n);
      case "s":
        return pad(d.getUTCSeconds(), n);
      case "S":
        return pad(d.getUTCMilliseconds(), 3).padEnd(n, "0").slice(0, n);
      case "n":
        return pad(d.getUTCMilliseconds() * 1_000_000, n);
      case "A":
        return pad((((utc + offset) % 86_400_000) + 86_400_000) % 86_400_000, n);
      case "N":
        return pad(((((utc + offset) % 86_400_000) + 86_400_000) % 86_400_000) * 1_000_000, n);
      case "a":
        return hour < 12 ? "AM" : "PM";
      case "B":
        return dayPeriod(hour, d.getUTCMinutes());
      case "G":
        return n === 4 ? (year > 0 ? "Anno Domini" : "Before Christ") : n === 5 ? (year > 0 ? "A" : "B") : year > 0 ? "AD" : "BC";
      case "V":
        return zone;
      case "v":
      case "z":
        return zoneName(zone, utc, n > 3);
      case "O":
        return offset === 0 ? "GMT" : `GMT${localizedOffset(offset, n === 4)}`;
      default:
        return offsetText(letter, n, offset);
    }
  };
  return parts.map((p) => ("text" in p ? p.text : "optional" in p ? write(p.optional, utc, zone) : field(p.letter, p.count))).join("");
}

function yearText(year: number, n: number): string {
  return n === 2 ? String(((year % 100) + 100) % 100).padStart(2, "0") : String(year).padStart(n, "0");
}
/** Three letters, the whole word, or one letter. */
function shortened(word: string, n: number): string {
  return n <= 3 ? word.slice(0, 3) : n === 4 ? word : word.slice(0, 1);
}
/** Weeks begin on Sunday, and the first is the one with the 1st of January. */
function weekOf(d: Date): { year: number; week: number } {
  const saturday = new Date(d.getTime() + (6 - d.getUTCDay()) * 86_400_000);
  const year = saturday.getUTCFullYear();
  return { year, week: Math.floor((saturday.getTime() - Date.UTC(year, 0, 1)) / (7 * 86_400_000)) + 1 };
}
function dayPeriod(hour: number, minute: number): string {
  if (minute === 0 && (hour === 0 || hour === 12)) return hour === 0 ? "midnight" : "noon";
  if (hour < 6 || hour >= 21) return "at night";
  return hour < 12 ? "in the morning" : hour < 18 ? "in the afternoon" : "in the evening";
}
function localizedOffset(offset: number, long: boolean): string {
  const minutes = Math.abs(offset) / 60_000;
  const [h, m] = [Math.floor(minutes / 60), Math.floor(minutes % 60)];
  const sign = offset < 0 ? "-" : "+";
  if (long) return `${sign}${String(h).padStart(2, "0")}:${String(m).padStart(2, "0")}`;
  return m === 0 ? sign + h : `${sign}${h}:${String(m).padStart(2, "0")}`;
}

function offsetText(letter: string, n: number, offset: number): string {
  if (letter === "X" && offset === 0) return "Z";
  const minutes = Math.abs(offset) / 60_000;
  const [h, m] = [String(Math.floor(minutes / 60)).padStart(2, "0"), String(Math.floor(minutes % 60)).padStart(2, "0")];
  const sign = offset < 0 ? "-" : "+";
  if (letter === "Z") return n === 4 ? `GMT${sign}${h}:${m}` : n === 5 ? (offset === 0 ? "Z" : `${sign}${h}:${m}`) : `${sign}${h}${m}`;
  if (n === 1) return m === "00" ? sign + h : sign + h + m;
  return n === 2 || n === 4 ? sign + h + m : `${sign}${h}:${m}`;
}

function parser(pattern: string, parts: readonly Part[], start: boolean): TimeFormat["parse"] {
  const letters: { letter: string; count: number }[] = [];
  const source = (list: readonly Part[]): string =>
    list
      .map((p, i) => {
        if ("text" in p) return p.text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
        if ("optional" in p) return `(?:${source(p.optional)})?`;
        letters.push(p);
        const next = list[i + 1];
        const adjacent = next !== undefined && "letter" in next && numeric.has(next.letter);
        return `(${start && !adjacent && numeric.has(p.letter) && p.count < 3 ? "[+-]?\\d+" : fieldPattern(p.letter, p.count, adjacent)})`;
      })
      .join("");
  const regex = new RegExp(`^${source(parts)}${start ? "" : "$"}`, "i");
  return (text, zone) => {
    const m = regex.exec(text);
    if (!m) throw new RangeError(`Text '${text}' could not be parsed with format '${pattern}'`);
    return assemble(text, zone, letters, m.slice(1), start);
  };
}

function fieldPattern(letter: string, n: number, adjacent: boolean): string {
  switch (letter) {
    case "y":
    case "u":
      return n === 2 ? "\\d{2}" : adjacent ? `\\d{${n}}` : `[+-]?\\d{${n},9}`;
    case "M":
    case "L":
      return n <= 2 ? `\\d{${n}${n === 1 ? ",2" : ""}}` : "[A-Za-z]+";
    case "E":
    case "G":
    case "a":
      return "[A-Za-z]+";
    case "B":
      return "[A-Za-z ]+";
    case "e":
    case "c":
      return n <= 2 ? "\\d" : "[A-Za-z]+";
    case "Q":
    case "q":
      return n <= 2 ? "[1-4]" : "(?:Q[1-4]|[1-4](?:st|nd|rd|th) quarter)";
    case "V":
    case "v":
    case "z":
      return "[A-Za-z][\\w/+:-]*";
    case "O":
      return "GMT(?:[+-]\\d{1,2}(?::\\d{2})?)?";
    case "X":
    case "x":
    case "Z":
      return "Z|(?:GMT)?[+-]\\d{2}:?(?:\\d{2})?";
    case "S":
      return `\\d{${n}}`;
    default:
      return n === 1 ? "\\d+" : `\\d{${n}}`;
  }
}

function assemble(
  text: string,
  zone: string,
  letters: readonly { letter: string; count: number }[],
  values: readonly (string | undefined)[],
  lenient: boolean,
): number {
  const f: Record<string, number> = {};
  let own = zone;
  let offset: number | undefined;
  letters.forEach(({ letter, count }, i) => {
    const v = values[i];
    if (v === undefined) return;
    if (letter === "V" || letter === "z" || letter === "v") own = v;
    else if (letter === "O") offset = zoneOffset(v, 0);
    else if (letter === "X" || letter === "x" || letter === "Z") offset = /^z$/i.test(v) ? 0 : zoneOffset(v, 0);
    else if (letter === "M" || letter === "L")
      f["M"] = count > 2 ? months.findIndex((m) => m.slice(0, 3).toLowerCase() === v.slice(0, 3).toLowerCase()) + 1 : Number(v);
    else if (letter === "a") f["a"] = /^p/i.test(v) ? 12 : 0;
    else if (letter === "S") f["S"] = Number(v.padEnd(3, "0").slice(0, 3));
    else if (letter === "y" || letter === "u") f["y"] = count === 2 ? 2000 + Number(v) : Number(v);
    else if (!"EGQqecBwWFY".includes(letter)) f[letter] = Number(v);
  });
  const wrong = (what: string) => new RangeError(`Text '${text}' could not be parsed: ${what}`);
  const half = f["h"] ?? f["K"];
  const hour = f["H"] ?? (f["k"] === undefined ? (half === undefined ? 0 : (half % 12) + (f["a"] ?? 0)) : f["k"] % 24);
  const date = f["D"] === undefined ? [f["M"] ?? 1, f["d"] ?? 1] : [1, f["D"]];
  const [minute, second] = [f["m"] ?? 0, f["s"] ?? 0];
  if (lenient) {
    const local = Date.UTC(f["y"] ?? 1970, date[0]! - 1, date[1]!, hour, minute, second, f["S"] ?? 0);
    return offset === undefined ? fromLocal(own, local) : local - offset;
  }
  if (date[0]! < 1 || date[0]! > 12 || hour > 23 || minute > 59 || second > 59) throw wrong("a field is out of its range");
  const base = Date.UTC(2000, date[0]! - 1, 1, hour, minute, second, f["S"] ?? Math.floor((f["n"] ?? 0) / 1_000_000));
  const start = new Date(base).setUTCFullYear(f["y"] ?? 1970);
  const leap = new Date(new Date(Date.UTC(2000, date[0]!, 0)).setUTCFullYear(f["y"] ?? 1970, date[0]!, 0)).getUTCDate();
  if (f["D"] === undefined && (date[1]! < 1 || date[1]! > 31)) throw wrong("a field is out of its range");
  // as Java resolves it, a day that the month does not have is the month's last
  const day = f["D"] === undefined ? Math.min(date[1]!, leap) : date[1]!;
  let local = start + (day - 1) * 86_400_000;
  if (f["A"] !== undefined) local += f["A"];
  return offset === undefined ? fromLocal(own, local) : local - offset;
}
