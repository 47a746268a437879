import { describe, expect, test } from "vitest";
import { Decimal } from "../../src/data/schema.js";
import type { SqlType } from "../../src/data/sql-type.js";
import { jsonRowWriter, jsonWriter } from "../../src/engine/json-values.js";

const cases: readonly [SqlType, unknown, string][] = [
  [{ base: "BOOLEAN" }, true, "true"],
  [{ base: "INTEGER" }, -3, "-3"],
  [{ base: "BIGINT" }, 9223372036854775807n, "9223372036854775807"],
  [{ base: "DOUBLE" }, 1, "1.0"],
  [{ base: "DECIMAL", precision: 5, scale: 2 }, new Decimal(1050n, 2), "10.50"],
  [{ base: "STRING" }, 'a "b"\n', '"a \\"b\\"\\n"'],
  [{ base: "BYTES" }, Buffer.from([1, 2, 255]), '"AQL/"'],
  [{ base: "DATE" }, 18628, '"2021-01-01"'],
  [{ base: "TIME" }, 3_661_000, '"01:01:01"'],
  [{ base: "TIME" }, 3_661_007, '"01:01:01.007"'],
  [{ base: "TIMESTAMP" }, 10, '"1970-01-01T00:00:00.010"'],
  [{ base: "ARRAY", element: { base: "STRING" } }, ["a", null], '["a",null]'],
  [{ base: "MAP", key: { base: "INTEGER" }, value: { base: "DOUBLE" } }, new Map([[1, 2]]), '{"1":2.0}'],
  [
    {
      base: "STRUCT",
      fields: [
        { name: "A", type: { base: "INTEGER" } },
        { name: "B", type: { base: "STRING" } },
      ],
    },
    [1, null],
    '{"A":1,"B":null}',
  ],
];

describe("JSON of SQL values", () => {
  test.each(cases)("%o", (type, value, text) => {
    expect(jsonWriter(type)(value)).toBe(text);
    expect(jsonWriter(type)(null)).toBe("null");
    JSON.parse(text);
  });

  test("doubles print as Java prints them", () => {
    const write = jsonWriter({ base: "DOUBLE" });
    expect([0, -0, 100, 1e7, 0.001, 0.0009, Number.NaN].map(write)).toEqual(["0.0", "-0.0", "100.0", "1.0E7", "0.001", "9.0E-4", '"NaN"']);
  });

  test("a row is one JSON array", () => {
    expect(jsonRowWriter([{ base: "INTEGER" }, { base: "STRING" }])([1, "x"])).toBe('[1,"x"]');
  });
});
