import { expect, test } from "vitest";
import { NameFilter, patternProblem, splitList } from "../../src/cdc/filters.js";

test("expressions are anchored, ignore case, and may hold an escaped comma", () => {
  const filter = new NameFilter("public\\.(a|b),other\\..*", null);
  expect(["public.a", "PUBLIC.B", "other.x", "public.ab", "xpublic.a"].map((n) => filter.accepts(n))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(new NameFilter(null, "public.secret.*").accepts("public.secrets")).toBe(false);
  expect(new NameFilter(null, null).accepts("anything")).toBe(true);
  expect(splitList("a{1\\,2}, b")).toEqual(["a{1,2}", "b"]);
  expect(patternProblem("a,(b")).toMatch(/\(b is malformed/);
});
