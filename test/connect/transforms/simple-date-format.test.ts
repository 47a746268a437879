import { spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { SimpleDateFormat } from "../../../src/connect/transforms/simple-date-format.js";
import { javaLines } from "../../support/connect-jars.js";

const noJava = spawnSync("java", ["-version"]).error !== undefined;
const field = fc.constantFrom(
  ..."G y yy yyy yyyy Y YY YYYY M MM MMM MMMM L w ww W D DDD d dd F E EEEE u a H HH k kk K KK h hh m mm s ss S SSS z zzzz Z X XX XXX".split(
    " ",
  ),
);
const between = fc.constantFrom("-", " ", ":", "/", "'T'", "''", "'o''clock'", ".", ", ", "");
const formats = fc
  .tuple(fc.array(fc.tuple(field, between), { minLength: 1, maxLength: 5 }))
  .map(([l]) => l.map(([f, b]) => f + b).join(""));
const times = fc.oneof(
  fc.integer({ min: -9e12, max: 8e12 }),
  fc.constantFrom(0, -1, Date.UTC(2023, 11, 31), Date.UTC(2024, 11, 29), Date.UTC(2022, 0, 1)),
);
/** Patterns that text is read by, each with texts that may or may not fit. */
const readings: readonly (readonly [pattern: string, texts: readonly string[]])[] = [
  [
    "yyyy-MM-dd HH:mm:ss.SSS",
    ["2024-02-29 12:30:00.123", "2024-2-9 1:2:3.4", "2024-13-45 25:61:61.1", "x", "2024-02-29", "2024-02-29 12:30:00.123 and more"],
  ],
  ["yyyyMMddHHmmss", ["20240229123000", "2024022912300", "20240229 123000"]],
  ["yy/M/d", ["24/2/29", "99/12/31", "1999/12/31", "46/1/1", "70/1/1"]],
  [
    "EEE, d MMM yyyy hh:mm:ss a",
    ["Thu, 29 Feb 2024 12:30:00 PM", "thursday, 29 february 2024 12:30:00 am", "Thu, 29 Foo 2024 1:1:1 AM", "Thu, 29 Feb 2024 1:1:1 XM"],
  ],
  [
    "yyyy-MM-dd'T'HH:mm:ssXXX",
    ["2024-02-29T12:30:00+02:00", "2024-02-29T12:30:00Z", "2024-02-29T12:30:00-0530", "2024-02-29T12:30:00-05:30"],
  ],
  [
    "yyyy-MM-dd'T'HH:mm:ss Z",
    ["2024-02-29T12:30:00 +0200", "2024-02-29T12:30:00 UTC", "2024-02-29T12:30:00 GMT+01:00", "2024-02-29T12:30:00 ?"],
  ],
  ["yyyy-MM-dd X", ["2024-02-29 +02", "2024-02-29 Z", "2024-02-29 ?"]],
  ["yyyy-MM-dd XX", ["2024-02-29 +0230", "2024-02-29 +02:30"]],
  ["yyyy-MM-dd z", ["2024-02-29 UTC", "2024-02-29 GMT"]],
  ["D yyyy", ["60 2024", "1 2023"]],
  ["kk:mm", ["24:30", "01:05"]],
  ["K a", ["0 PM", "11 AM"]],
  ["G yyyy", ["AD 2024", "XX 2024"]],
  ["HH 'o''clock'", ["7 o'clock", "7 oclock"]],
];

it.skipIf(noJava)(
  "writes and reads what SimpleDateFormat does (not run without Java)",
  async () => {
    const written = fc.sample(fc.tuple(formats, times), { numRuns: 3000, seed: 3 });
    const read = readings.flatMap(([pattern, texts]) => texts.map((text) => [pattern, text] as const));
    const lines = [...written.map(([p, ms]) => `${p}\t${ms}`), ...read.map(([p, text]) => `${p}\t\t${text}`)];
    const answers = await javaLines("", join(import.meta.dirname, "java/DateOracle.java"), lines);
    const orError = (run: () => string): string => {
      try {
        return run();
      } catch {
        return "error";
      }
    };
    const ours = [
      ...written.map(([p, ms]) => orError(() => new SimpleDateFormat(p).format(ms))),
      ...read.map(([p, text]) => String(new SimpleDateFormat(p).parse(text) ?? "error")),
    ];
    const wrong = lines.flatMap((line, i) => (ours[i] === answers[i] ? [] : [{ line, ours: ours[i], theirs: answers[i] }]));
    expect(wrong.length, JSON.stringify(wrong.slice(0, 15), null, 1)).toBe(0);
  },
  60_000,
);

it("refuses patterns that SimpleDateFormat refuses, and letters that it does not read here", () => {
  expect(() => new SimpleDateFormat("yyyy-bb")).toThrow("Illegal pattern character 'b'");
  expect(() => new SimpleDateFormat("yyyy 'x")).toThrow("Unterminated quote");
  expect(() => new SimpleDateFormat("XXXX")).toThrow("invalid ISO 8601 format: length=4");
  expect(() => new SimpleDateFormat("ww").parse("12")).toThrow(/letter w is not supported for reading/);
  expect(() => new SimpleDateFormat("y").format(9e15)).toThrow("9000000000000000 is not a time");
});
