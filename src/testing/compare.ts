import { Decimal } from "../data/schema.js";
import type { ReportedRecord } from "./case-records.js";
import { type ExactJson, formatExact, JsonNumber, parseExact } from "./exact-json.js";
import type { CaseRecord } from "./test-case.js";

/** Doubles of the formats that do not print them exactly. */
const tolerance = 1e-6;

export interface ExpectedRecord extends CaseRecord {
  /** the file says no timestamp: any will do */
  readonly anyTime: boolean;
}

/** What is different between the records that a topic has and those expected of it, in words; undefined where nothing is. */
export function recordsDiffer(topic: string, actual: readonly ReportedRecord[], expected: readonly ExpectedRecord[]): string | undefined {
  for (let i = 0; i < Math.max(actual.length, expected.length); i++) {
    const got = actual[i];
    const want = expected[i];
    const at = `Topic ${topic}, record ${i + 1}`;
    if (!want) return `${at}: not expected: ${shown(got!)}`;
    if (!got) return `${at}: missing: ${shownCase(want)} (${actual.length} records are there)`;
    const part =
      differ(want.key, got.key, "key") ??
      differ(want.value, got.value, "value") ??
      (!want.anyTime && want.timestamp !== got.timestamp ? `timestamp: expected ${want.timestamp}, got ${got.timestamp}` : undefined) ??
      windowsDiffer(want, got);
    if (part !== undefined) return `${at}: ${part}\n  expected ${shownCase(want)}\n  got      ${shown(got)}`;
  }
  return undefined;
}

function windowsDiffer(want: CaseRecord, got: ReportedRecord): string | undefined {
  if (!want.window && !got.window) return undefined;
  const words = (w: { start: number; end: number | null } | null) => (w ? `window ${w.start} to ${w.end}` : "no window");
  const same = want.window && got.window && want.window.start === got.window.start && want.window.end === got.window.end;
  return same ? undefined : `expected ${words(want.window)}, got ${words(got.window)}`;
}

function differ(want: ExactJson, got: string | null, path: string): string | undefined {
  return jsonDiffers(want, got === null ? null : parseExact(got), path);
}

/** By ksqlDB's rules for its test files: numbers by value, names also in upper case, null as good as missing. */
function jsonDiffers(want: ExactJson, got: ExactJson | undefined, path: string): string | undefined {
  const otherwise = () => `${path}: expected ${formatExact(want)}, got ${got === undefined ? "nothing" : formatExact(got)}`;
  if (want === null || got === null || got === undefined) return want === null && (got ?? null) === null ? undefined : otherwise();
  if (want instanceof Map) {
    if (!(got instanceof Map)) return otherwise();
    for (const [name, value] of want) {
      const difference = jsonDiffers(value, got.get(name) ?? got.get(name.toUpperCase()), `${path}.${name}`);
      if (difference !== undefined) return difference;
    }
    for (const name of got.keys())
      if (![...want.keys()].some((w) => w === name || w.toUpperCase() === name)) return `${path}.${name} is not expected`;
    return undefined;
  }
  if (Array.isArray(want)) {
    if (!Array.isArray(got) || got.length !== want.length) return otherwise();
    for (const [i, value] of want.entries()) {
      const difference = jsonDiffers(value, got[i], `${path}[${i}]`);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (want instanceof JsonNumber || got instanceof JsonNumber) return sameNumber(textOf(want), textOf(got)) ? undefined : otherwise();
  return want === got ? undefined : otherwise();
}

function textOf(json: ExactJson): string {
  return json instanceof JsonNumber ? json.raw : typeof json === "string" ? json : formatExact(json);
}

function sameNumber(a: string, b: string): boolean {
  if (a === b) return true;
  const [x, y] = [Decimal.parse(a), Decimal.parse(b)];
  if (!x || !y) return false;
  const scale = Math.max(x.scale, y.scale, 0);
  if (x.rescale(scale).unscaled === y.rescale(scale).unscaled) return true;
  return (x.scale > 0 || y.scale > 0) && Math.abs(Number(a) - Number(b)) < tolerance;
}

function shown({ key, value, timestamp }: ReportedRecord): string {
  return `{"key": ${key}, "value": ${value}, "timestamp": ${timestamp}}`;
}
function shownCase({ key, value, timestamp }: CaseRecord): string {
  return `{"key": ${formatExact(key)}, "value": ${formatExact(value)}, "timestamp": ${timestamp}}`;
}
