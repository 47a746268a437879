import fc from "fast-check";
import { expect, test } from "vitest";
import { INFINITY, inZone, parseInstant } from "../../../src/connectors/jdbc/instant.js";
import { checkTimeZone, timeZone } from "../../../src/connectors/jdbc/time-zone.js";

const minimum = new Date("1600-01-01T00:00:00Z");
const maximum = new Date("2500-01-01T00:00:00Z");

test("reads what Date reads, to the microsecond", () => {
  fc.assert(
    fc.property(fc.date({ min: minimum, max: maximum, noInvalidDate: true }), fc.integer({ min: 0, max: 999 }), (date, micros) => {
      const text = date.toISOString().replace("Z", `${String(micros).padStart(3, "0")}Z`);
      expect(BigInt(parseInstant(text)!)).toBe(BigInt(date.getTime()) * 1000n + BigInt(micros));
    }),
  );
});

test("offsets, short and long fractions, other years, infinities, nonsense", () => {
  const at = Date.UTC(2024, 1, 29, 10, 34, 56) * 1000;
  expect(parseInstant("2024-02-29T12:34:56+02:00")).toBe(at);
  expect(parseInstant("2024-02-29T10:34:56Z")).toBe(at);
  expect(parseInstant("2024-02-29T10:34Z")).toBe(at - 56_000_000);
  expect(parseInstant("2024-02-29T10:34:56.1Z")).toBe(at + 100_000);
  expect(parseInstant("2024-02-29T05:04:56.123456789-05:30")).toBe(at + 123_456);
  expect(parseInstant("+12024-02-29T10:34:56Z")).toBe(BigInt(Date.UTC(12024, 1, 29, 10, 34, 56)) * 1000n);
  expect(parseInstant("-0001-01-01T00:00:00Z")).toBe(BigInt(Date.parse("-000001-01-01T00:00:00Z")) * 1000n);
  expect(parseInstant("infinity")).toBe(INFINITY);
  for (const text of ["", "2024-02-29", "2024-0x-29T10:34:56Z", "soon"]) expect(parseInstant(text)).toBeUndefined();
});

test("wall clocks of zones with summer time, offsets and UTC", () => {
  const berlin = timeZone("Europe/Berlin")!;
  expect(inZone(Date.UTC(2024, 2, 31, 0, 59, 59) * 1000, berlin)).toBe(Date.UTC(2024, 2, 31, 1, 59, 59) * 1000);
  expect(inZone(Date.UTC(2024, 2, 31, 1) * 1000, berlin)).toBe(Date.UTC(2024, 2, 31, 3) * 1000);
  expect(inZone(0, timeZone("-05:30")!)).toBe(-19_800_000_000);
  expect(inZone(0, timeZone("GMT+2")!)).toBe(7_200_000_000);
  expect(timeZone("UTC")).toBeNull();
  expect(timeZone("Z")).toBeNull();
  expect(checkTimeZone("Mars/Olympus")).toMatch(/no time zone/);
});
