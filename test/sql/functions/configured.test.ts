import { expect, test } from "vitest";
import { builtInFunctions } from "../../../src/sql/functions/built-in.js";

test("SUBSTRING with the arguments of KSQL 5.0, where a query's settings ask for them", () => {
  const legacy = builtInFunctions.configured({ "ksql.functions.substring.legacy.args": "true" });
  const call = (functions: typeof builtInFunctions) => functions.scalar("SUBSTRING(STRING, INTEGER, INTEGER)").call!;
  expect(call(builtInFunctions)("some_string", 1, 3)).toBe("som");
  expect(call(legacy)("some_string", 1, 3)).toBe("om");
  expect(() => call(legacy)("x", 1, 3)).toThrow("begin 1, end 3, length 1");
});
