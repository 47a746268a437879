import { expect, test } from "vitest";
import { table } from "../../src/cli/table.js";

test("columns are as wide as their widest cell, numbers stand to the right", () => {
  const text = table(
    ["Name", "N"],
    [
      ["a", 1],
      ["long", 100],
    ],
  );
  expect(text.split("\n")).toEqual([" Name | N   ", "------------", " a    |   1 ", " long | 100 ", "------------"]);
});
test("a line never grows beyond the terminal", () => {
  const text = table(["Name", "Query"], [["a", "x".repeat(500)]], 60);
  for (const l of text.split("\n")) expect(l.length).toBeLessThanOrEqual(60);
  expect(text).toContain("…");
});
