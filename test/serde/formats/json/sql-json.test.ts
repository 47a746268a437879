import { expect, test } from "vitest";
import { sqlFromJson } from "../../../../src/serde/formats/json/sql-json.js";

test.each([
  ["TIMESTAMP", "5", 5],
  ["TIMESTAMP", "1970-01-01T00:00:01", 1000],
  ["DATE", "-3", -3],
  ["TIME", "60000", 60_000],
  ["TIME", "00:01", 60_000],
] as const)("%s from the text %s", (base, text, value) => {
  expect(sqlFromJson({ base }, text, "$")).toBe(value);
});
