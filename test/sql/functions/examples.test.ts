import { describe, expect, test } from "vitest";
import { analyzeExpression } from "../../../src/sql/analyzer/expression.js";
import { toText } from "../../../src/sql/evaluate/cast.js";
import { compileValue } from "../../../src/sql/evaluate/compile.js";
import { builtInFunctions } from "../../../src/sql/functions/built-in.js";
import { parseExpression } from "../../../src/sql/parser/parse.js";

const environment = {
  functions: builtInFunctions,
  types: () => undefined,
  clause: "SELECT",
  column: (): never => {
    throw new Error("an example has no columns");
  },
};
const context = {
  now: () => 0,
  random: () => 0.5,
  onError: (_: number, error: Error) => {
    throw error;
  },
};

describe("the examples of the functions' declarations", () => {
  for (const f of builtInFunctions.functions)
    for (const [sql, gives] of f.examples)
      test(`${sql} is ${gives}`, () => {
        const e = analyzeExpression(parseExpression(sql), environment);
        const value = compileValue(e, builtInFunctions)([], context);
        expect(value === null ? "null" : toText(e.type)(value)).toBe(gives);
      });
});
