import { refused } from "./side.js";

/**
 * java.text.SimpleDateFormat in UTC and the en-US locale: its letters, `'…'` for text, and its lenient reading (a month of 13 is
 * January of the next year, text behind the pattern is not looked at). Dates before 1582 are Gregorian here, Julian in Java.
 */
export class SimpleDateFormat {
  private readonly fields: readonly Field[];

  /** @throws TRANSFORM for a letter that SimpleDateFormat does not have */
  constructor(readonly pattern: string) {
    this.fields = fieldsOf(pattern);
  }

  /** @throws TRANSFORM where ms is beyond what a Date holds */
  format(ms: number): string {
    const date = new Date(ms);
    if (Number.isNaN(date.getTime())) throw refused(`${ms} is not a time`);
    let out = "";
    for (const f of this.fields) out += "text" in f ? f.text : formatField(date, f.letter, f.count);
    return out;
  }

  /** The ms since the epoch; undefined where the text does not fit. */
  parse(text: string): number | undefined {
    const found: Found = {
      year: 1970,
      short: false,
      month: 0,
      day: 1,
      hour: 0,
      half: undefined,
      pm: false,
      minute: 0,
      second: 0,
      ms: 0,
      zone: 0,
    };
    let at = 0;
    for (const [i, f] of this.fields.entries()) {
      if ("text" in f) {
        if (!text.startsWith(f.text, at)) return undefined;
        at += f.text.length;
        continue;
      }
      const next = this.fields[i + 1];
      const abuts = next !== undefined && "letter" in next && numeric(next);
      const end = parseField(text, at, f, abuts, found);
      if (end < 0) return undefined;
      at = end;
    }
    const hour = found.half === undefined ? found.hour : found.half + (found.pm ? 12 : 0);
    const msOf = (year: number) => {
      const date = new Date(0);
      date.setUTCFullYear(year, found.month, found.day);
      return date.setUTCHours(hour, found.minute, found.second, found.ms) - found.zone * 60_000;
    };
    if (!found.short) return msOf(found.year);
    // within 80 years before now and 20 after
    const start = new Date();
    const year = Math.floor((start.getUTCFullYear() - 80) / 100) * 100 + found.year;
    const first = start.setUTCFullYear(start.getUTCFullYear() - 80);
    return msOf(year) < first ? msOf(year + 100) : msOf(year);
  }
}

type Field = { readonly text: string } | { readonly letter: string; readonly count: number };
interface Found {
  year: number;
  /** of two digits: the century is to be found */
  short: boolean;
  month: number;
  day: number;
  hour: number;
  /** of a twelve-hour clock */
  half: number | undefined;
  pm: boolean;
  minute: number;
  second: number;
  ms: number;
  /** minutes ahead of UTC */
  zone: number;
}

const letters = "GyYMLwWDdFEuaHkKhmsSzZX";
const months = "January February March April May June July August September October November December".split(" ");
const days = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

function fieldsOf(pattern: string): Field[] {
  const out: Field[] = [];
  let text = "";
  const flush = () => {
    if (text !== "") out.push({ text });
    text = "";
  };
  for (let i = 0; i < pattern.length; ) {
    const c = pattern[i]!;
    if (c === "'") {
      const end = closing(pattern, i + 1);
      if (end < 0) throw refused("Unterminated quote");
      text += end === i + 1 ? "'" : pattern.slice(i + 1, end).replaceAll("''", "'");
      i = end + 1;
    } else if (/[A-Za-z]/.test(c)) {
      if (!letters.includes(c)) throw refused(`Illegal pattern character '${c}'`);
      let end = i + 1;
      while (pattern[end] === c) end++;
      if (c === "X" && end - i > 3) throw refused(`invalid ISO 8601 format: length=${end - i}`);
      flush();
      out.push({ letter: c, count: end - i });
      i = end;
    } else {
      text += c;
      i++;
    }
  }
  flush();
  return out;
}

/** Where the quote that opened before `from` closes; two quotes within are one of the text. */
function closing(pattern: string, from: number): number {
  for (let i = from; i < pattern.length; i++) {
    if (pattern[i] !== "'") continue;
    if (i > from && pattern[i + 1] === "'") i++;
    else return i;
  }
  return -1;
}

const pad = (n: number, width: number) => String(n).padStart(width, "0");

function formatField(d: Date, letter: string, n: number): string {
  const year = d.getUTCFullYear();
  const hour = d.getUTCHours();
  switch (letter) {
    case "G":
      return year > 0 ? "AD" : "BC";
    case "y":
      return n === 2 ? pad(year % 100, 2) : pad(year > 0 ? year : 1 - year, n);
    case "Y":
      return n === 2 ? pad(weekOf(d).year % 100, 2) : pad(weekOf(d).year, n);
    case "M":
    case "L":
      return n >= 4 ? months[d.getUTCMonth()]! : n === 3 ? months[d.getUTCMonth()]!.slice(0, 3) : pad(d.getUTCMonth() + 1, n);
    case "w":
      return pad(weekOf(d).week, n);
    case "W":
      return pad(Math.floor((d.getUTCDate() - 1 + new Date(Date.UTC(year, d.getUTCMonth(), 1)).getUTCDay()) / 7) + 1, n);
    case "D":
      return pad(dayOfYear(d), n);
    case "d":
      return pad(d.getUTCDate(), n);
    case "F":
      return pad(Math.floor((d.getUTCDate() - 1) / 7) + 1, n);
    case "E":
      return n >= 4 ? days[d.getUTCDay()]! : days[d.getUTCDay()]!.slice(0, 3);
    case "u":
      return pad(d.getUTCDay() || 7, n);
    case "a":
      return hour < 12 ? "AM" : "PM";
    case "H":
      return pad(hour, n);
    case "k":
      return pad(hour || 24, n);
    case "K":
      return pad(hour % 12, n);
    case "h":
      return pad(hour % 12 || 12, n);
    case "m":
      return pad(d.getUTCMinutes(), n);
    case "s":
      return pad(d.getUTCSeconds(), n);
    case "S":
      return pad(d.getUTCMilliseconds(), n);
    case "X":
      return "Z";
    case "Z":
      return "+0000";
    default:
      return n >= 4 ? "Coordinated Universal Time" : "UTC";
  }
}

function dayOfYear(d: Date): number {
  return Math.floor((d.getTime() - Date.UTC(d.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
}

/** Weeks begin on Sunday, and a year's first is the one with its first day. */
function weekOf(d: Date): { year: number; week: number } {
  const year = d.getUTCFullYear();
  const first = new Date(Date.UTC(year, 0, 1)).getUTCDay();
  const nextFirst = new Date(Date.UTC(year + 1, 0, 1)).getUTCDay();
  const length = (Date.UTC(year + 1, 0, 1) - Date.UTC(year, 0, 1)) / 86_400_000;
  const at = dayOfYear(d) - 1;
  if (at >= length - nextFirst) return { year: year + 1, week: 1 };
  return { year, week: Math.floor((at + first) / 7) + 1 };
}

function numeric({ letter, count }: { letter: string; count: number }): boolean {
  return !"GEazZX".includes(letter) && !("ML".includes(letter) && count >= 3);
}

/** Puts what the text has at this place into `found`. Returns where it ends, or -1. */
function parseField(text: string, from: number, field: { letter: string; count: number }, abuts: boolean, found: Found): number {
  let at = from;
  while (text[at] === " " || text[at] === "\t") at++;
  const { letter, count } = field;
  if (!numeric(field)) return parseText(text, at, field, found);
  // spaces count among the digits of a field that another one follows at once
  const limit = abuts ? Math.min(from + count, text.length) : text.length;
  let end = at;
  while (end < limit && text[end]! >= "0" && text[end]! <= "9") end++;
  if (end === at) return -1;
  const n = Number(text.slice(at, end));
  switch (letter) {
    case "y":
    case "Y":
      found.short = count <= 2 && end - at === 2;
      found.year = n;
      break;
    case "M":
    case "L":
      found.month = n - 1;
      break;
    case "d":
      found.day = n;
      break;
    case "D":
      found.month = 0;
      found.day = n;
      break;
    case "H":
      found.hour = n;
      break;
    case "k":
      found.hour = n === 24 ? 0 : n;
      break;
    case "K":
      found.half = n;
      break;
    case "h":
      found.half = n === 12 ? 0 : n;
      break;
    case "m":
      found.minute = n;
      break;
    case "s":
      found.second = n;
      break;
    case "S":
      found.ms = n;
      break;
    default:
      throw refused(`SimpleDateFormat's letter ${letter} is not supported for reading text`);
  }
  return end;
}

const generalOffset = /^(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d{2}))?/;
/** of X, XX and XXX */
const isoOffsets = [/^([+-])(\d{2})/, /^([+-])(\d{2})(\d{2})/, /^([+-])(\d{2}):(\d{2})/];

function parseText(text: string, at: number, { letter, count }: { letter: string; count: number }, found: Found): number {
  const rest = text.slice(at);
  const named = (names: readonly string[]) => {
    for (const full of [true, false])
      for (const [i, name] of names.entries()) {
        const word = full ? name : name.slice(0, 3);
        if (rest.slice(0, word.length).toLowerCase() === word.toLowerCase()) return { index: i, end: at + word.length };
      }
    return undefined;
  };
  switch (letter) {
    case "M":
    case "L": {
      const m = named(months);
      if (m) found.month = m.index;
      return m?.end ?? -1;
    }
    case "E":
      return named(days)?.end ?? -1;
    case "G":
      return /^(AD|BC)/i.test(rest) ? at + 2 : -1;
    case "a":
      if (!/^[ap]m/i.test(rest)) return -1;
      found.pm = /^p/i.test(rest);
      return at + 2;
  }
  const offset = (letter === "X" ? isoOffsets[count - 1]! : generalOffset).exec(rest);
  if (offset) {
    found.zone = (offset[1] === "-" ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3] ?? 0));
    return at + offset[0].length;
  }
  const zero = (letter === "X" ? /^Z/ : /^(?:UTC|GMT|Coordinated Universal Time|Z)/).exec(rest);
  return zero ? at + zero[0].length : -1;
}
