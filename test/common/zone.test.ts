import { expect, test } from "vitest";
import { zoneName } from "../../src/common/zone.js";

test.each([
  ["Europe/Berlin", "1969-12-31T23:59:59Z", "CET"],
  ["Europe/Berlin", "2020-07-01T00:00:00Z", "CEST"],
  ["America/New_York", "2020-01-01T00:00:00Z", "EST"],
  ["UTC", "2020-01-01T00:00:00Z", "UTC"],
])("%s at %s is %s", (zone, time, name) => {
  expect(zoneName(zone, Date.parse(time), false)).toBe(name);
});
