import { describe, expect, it } from "vitest";
import { marked, templateOf } from "../../../src/engine/pull/template.js";

describe("the text that pull queries share", () => {
  it("is the same for other values of the same kind", () => {
    const one = templateOf("SELECT * FROM t WHERE id = 5 AND name = 'a''b';");
    const other = templateOf("SELECT * FROM t WHERE id = 17 AND name = 'x';");
    expect(one!.text).toBe(other!.text);
    expect(one!.values).toEqual([5, "a'b"]);
    expect(templateOf("SELECT * FROM t WHERE id = '5' AND name = 'x';")!.text).not.toBe(one!.text);
  });

  it("keeps numbers that are no values by themselves", () => {
    for (const kept of ["1.5", "12345678901", "1e3", ".5", "1R", "a1"]) {
      const sql = `SELECT a FROM t WHERE a = ${kept}`;
      expect(templateOf(sql)).toEqual({ text: sql, values: [] });
    }
    expect(templateOf("SELECT a FROM t LIMIT 3")!.values).toEqual([]);
    expect(templateOf("SELECT `a 1`, \"b 2\" FROM t WHERE c = '3'")!.values).toEqual(["3"]);
  });

  it("is not looked for where the text needs more than that", () => {
    for (const sql of [
      "SELECT * FROM s EMIT CHANGES",
      "SELECT * FROM ${t}",
      "SELECT * FROM t -- 5",
      "SELECT /* 5 */ * FROM t",
      "INSERT INTO t VALUES (1)",
    ])
      expect(templateOf(sql)).toBeUndefined();
  });

  it("marks each value by its kind", () => {
    const template = templateOf("SELECT * FROM t WHERE a = 1 AND b = '1' AND c = 1")!;
    expect(marked(template)).toMatch(/^SELECT \* FROM t WHERE a = \d+ AND b = '\u0001\d\u0001' AND c = \d+$/);
  });
});
