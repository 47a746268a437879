import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { analyzeExpression } from "../../../src/sql/analyzer/expression.js";
import { sqlTypes } from "../../../src/sql/analyzer/types.js";
import { toText } from "../../../src/sql/evaluate/cast.js";
import { compilePredicate, compileRow, compileValue } from "../../../src/sql/evaluate/compile.js";
import { normalizeLong } from "../../../src/sql/evaluate/long.js";
import { builtInFunctions } from "../../../src/sql/functions/built-in.js";
import { parseExpression } from "../../../src/sql/parser/parse.js";
import type { Expression } from "../../../src/sql/plan/expression.js";

const columns = [sqlTypes.integer, sqlTypes.bigint, sqlTypes.double, sqlTypes.string, sqlTypes.boolean];
const names = ["I", "L", "D", "S", "B"];
function analyze(sql: string): Expression {
  return analyzeExpression(parseExpression(sql), {
    functions: builtInFunctions,
    types: () => undefined,
    clause: "SELECT",
    column: (_, name) => ({ kind: "column", index: names.indexOf(name), name, type: columns[names.indexOf(name)]! }),
  });
}
const context = () => {
  const errors: [number, string][] = [];
  return { errors, now: () => 0, random: () => 0.5, onError: (column: number, e: Error) => void errors.push([column, e.message]) };
};

describe("values as text", () => {
  test.each([
    ["I + 1", "8"],
    ["2147483647 + 1", "-2147483648"],
    ["L + L", "18014398509481982"],
    ["9223372036854775807 + I", "-9223372036854775802"],
    ["10.50 / 4", "2.6250000000000"],
    ["1.5 * 1.5", "2.25"],
    ["1.5 + 2.25", "3.75"],
    ["-7 / 2", "-3"],
    ["-7 % 2", "-1"],
    ["D / 0", "Infinity"],
    ["CAST(1E10 AS STRING)", "1.0E10"],
    ["CAST(D AS STRING) + '!'", "2.5!"],
    ["CAST(12345678.9E0 AS STRING)", "1.23456789E7"],
    ["CAST('12' AS BIGINT)", "12"],
    ["CAST(2.567 AS DECIMAL(3, 1))", "2.6"],
    ["CAST('2020-02-29T10:11' AS TIMESTAMP)", "2020-02-29T10:11:00.000"],
    ["CAST('2020-02-29' AS DATE)", "2020-02-29"],
    ["CASE WHEN I > 5 THEN 'big' ELSE 'small' END", "big"],
    ["CASE I WHEN 7 THEN 'seven' END", "seven"],
    ["ARRAY[1, 2, 3][-1]", "3"],
    ["MAP('a' := 1)['a']", "1"],
    ["STRUCT(a := 1, b := 'x')->b", "x"],
    ["CAST(ARRAY[1, 2] AS ARRAY<STRING>)", "[1, 2]"],
  ])("%s is %s", (sql, text) => {
    const e = analyze(sql);
    expect(toText(e.type)(compileValue(e, builtInFunctions)([7, 9007199254740991, 2.5, "abc", true], context()))).toBe(text);
  });
});

describe("NULL", () => {
  test.each([
    ["I + 1", null],
    ["I = 1", false],
    ["NOT (I = 1)", true],
    ["I IS NULL", true],
    ["I IS DISTINCT FROM 1", true],
    ["B AND FALSE", false],
    ["B AND TRUE", null],
    ["B OR TRUE", true],
    ["NOT B", null],
    ["I IN (1, 2)", false],
    ["I BETWEEN 1 AND 2", false],
    ["S LIKE '%'", false],
    ["CASE WHEN B THEN 1 ELSE 2 END", 2],
    ["COALESCE(I, 5)", 5],
    ["UCASE(S)", null],
  ])("%s is %s", (sql, value) => {
    expect(compileValue(analyze(sql), builtInFunctions)([null, null, null, null, null], context())).toBe(value);
  });
});

describe("against an interpreter", () => {
  type Tree = { sql: string; value: (i: bigint | null, l: bigint | null) => { v: bigint | null; wide: boolean } };
  const wrap = (v: bigint, wide: boolean) => BigInt.asIntN(wide ? 64 : 32, v);
  const trees = fc.letrec<{ t: Tree }>((tie) => ({
    t: fc.oneof(
      { maxDepth: 5 },
      fc.constant<Tree>({ sql: "I", value: (i) => ({ v: i, wide: false }) }),
      fc.constant<Tree>({ sql: "L", value: (_, l) => ({ v: l, wide: true }) }),
      fc.integer().map((n): Tree => ({ sql: String(n), value: () => ({ v: BigInt(n), wide: false }) })),
      fc.tuple(fc.constantFrom("+", "-", "*"), tie("t"), tie("t")).map(
        ([op, a, b]): Tree => ({
          sql: `(${a.sql} ${op} ${b.sql})`,
          value: (i, l) => {
            const [x, y] = [a.value(i, l), b.value(i, l)];
            const wide = x.wide || y.wide;
            if (x.v === null || y.v === null) return { v: null, wide };
            return { v: wrap(op === "+" ? x.v + y.v : op === "-" ? x.v - y.v : x.v * y.v, wide), wide };
          },
        }),
      ),
    ),
  }));
  const value = (bits: bigint) =>
    fc.option(fc.oneof(fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n }), fc.bigInt({ min: -9n, max: 9n })));
  test("whole-number arithmetic wraps and is exact", () => {
    fc.assert(
      fc.property(trees.t, value(32n), value(64n), (tree, i, l) => {
        const row = [i === null ? null : Number(i), l === null ? null : normalizeLong(l), null, null, null];
        const expected = tree.value(i, l).v;
        expect(compileValue(analyze(tree.sql), builtInFunctions)(row, context())).toBe(expected === null ? null : normalizeLong(expected));
      }),
      { numRuns: 1000 },
    );
  });
});

test("a failing column is null and is reported; the others stand", () => {
  const ctx = context();
  const row = compileRow([analyze("I / 0"), analyze("I + 1"), analyze("CAST(S AS INT)")], builtInFunctions)([7, 1, 1, "x", true], ctx);
  expect(row).toEqual([null, 8, null]);
  expect(ctx.errors.map(([column]) => column)).toEqual([0, 2]);
});

test("AND does not evaluate its right side where the left decides", () => {
  const ctx = context();
  expect(compilePredicate(analyze("I > 10 AND 1 / 0 = 1"), builtInFunctions)([7, 1, 1, "x", true], ctx)).toBe(false);
  expect(ctx.errors).toEqual([]);
  expect(compilePredicate(analyze("1 / 0 = 1"), builtInFunctions)([7, 1, 1, "x", true], ctx)).toBe(false);
  expect(ctx.errors).toEqual([[-1, "/ by zero"]]);
});
