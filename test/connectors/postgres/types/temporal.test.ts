import fc from "fast-check";
import { expect, test } from "vitest";
import * as t from "../../../../src/connectors/postgres/types/temporal.js";

test("dates and times agree with the calendar of JavaScript", () => {
  fc.assert(
    fc.property(fc.date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true }), (d) => {
      const iso = d.toISOString();
      const text = `${iso.slice(0, 10)} ${iso.slice(11, 23)}`;
      expect(t.timestampMillis(text)).toBe(d.getTime());
      expect(BigInt(t.timestampMicros(text))).toBe(BigInt(d.getTime()) * 1000n);
      expect(t.dateDays(iso.slice(0, 10))).toBe(Math.floor(d.getTime() / 86400000));
      expect(t.zonedTimestamp(`${text}+00`, 3)).toBe(iso);
      expect(t.zonedTimestamp(`${text}+00`, 6)).toBe(`${iso.slice(0, -1)}000Z`);
    }),
  );
});

test("intervals count a month as 365.25 / 12 days", () => {
  expect(t.intervalMicros("1 year 2 mons 3 days 04:05:06.789012")).toBe(37091106789012);
  expect(t.intervalMicros("-1 years -2 mons +3 days -04:05:06.789")).toBe(-36572706789000);
  expect(t.intervalIso("-04:05:06.7")).toBe("P0Y0M0DT-4H-5M-6.7S");
  expect(t.intervalIso("00:00:00")).toBe("P0Y0M0DT0H0M0S");
});
