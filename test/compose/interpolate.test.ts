import { expect, it } from "vitest";
import { interpolate, parseEnvFile } from "../../src/compose/interpolate.js";

const variables = { A: "a", EMPTY: "", HOST: "h" };

it("puts variables in as compose does", () => {
  const cases: [string, string][] = [
    ["$A-${A}", "a-a"],
    ["${A:-x}", "a"],
    ["${EMPTY:-x}", "x"],
    ["${EMPTY-x}", ""],
    ["${NONE-x}", "x"],
    ["${NONE:-${HOST}:${PORT:-9092}}", "h:9092"],
    ["${A:+there}", "there"],
    ["${EMPTY:+there}|${EMPTY+there}", "|there"],
    ["${A:?must be}", "a"],
    ["$$HOME $$${A} 5$ $1", "$HOME $a 5$ $1"],
  ];
  for (const [text, expected] of cases) expect(interpolate(text, variables)).toBe(expected);
});

it("says what is missing or wrong", () => {
  const unset: string[] = [];
  expect(interpolate("[$NONE ${ALSO}]", variables, (name) => unset.push(name))).toBe("[ ]");
  expect(unset).toEqual(["NONE", "ALSO"]);
  expect(() => interpolate("${NONE:?set it in .env}", variables)).toThrow("the variable NONE is required: set it in .env");
  expect(() => interpolate("${EMPTY:?}", variables)).toThrow("the variable EMPTY is required: it is not set");
  expect(() => interpolate("${A", variables)).toThrow("${A: the closing } is missing");
  expect(() => interpolate("${9}", variables)).toThrow("${9} is no variable; write $$ for a plain $");
});

it("reads env files", () => {
  const text = `# a comment
A=1
export B = two words   # comment
C="in $A \\"quotes\\""
D='as $it is'
E=
not a line
F: yaml like
G=a#b`;
  expect(parseEnvFile(text)).toEqual({ A: "1", B: "two words", C: 'in 1 "quotes"', D: "as $it is", E: "", F: "yaml like", G: "a#b" });
});
