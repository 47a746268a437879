import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rowCells } from "../../src/cli/sql-client.js";
import { isQuery, Session } from "../../src/cli/sql-text.js";
import { splitStatements } from "../../src/common/split-statements.js";

describe("splitStatements", () => {
  test("splits at semicolons outside of strings, names and comments", () => {
    expect(splitStatements("SELECT ';' FROM `a;b`; -- one; more\nSHOW STREAMS; /* x; */ ")).toEqual({
      statements: ["SELECT ';' FROM `a;b`;", "-- one; more\nSHOW STREAMS;"],
      rest: "",
    });
  });
  test("keeps what is not ended", () => {
    expect(splitStatements("SHOW TOPICS; SELECT 'it''s;")).toEqual({ statements: ["SHOW TOPICS;"], rest: " SELECT 'it''s;" });
    expect(splitStatements("SELECT *\n  FROM s")).toEqual({ statements: [], rest: "SELECT *\n  FROM s" });
    expect(splitStatements("  ; ;;\n")).toEqual({ statements: [], rest: "" });
  });
  test("cut anywhere, the rest and what follows give the same statements", () => {
    const text = "SELECT 'a;''b' FROM s; -- c;\nSHOW TOPICS; /* ; */ DROP STREAM `x;y`; ";
    const whole = splitStatements(text).statements;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: text.length }), (at) => {
        const first = splitStatements(text.slice(0, at));
        if (first.rest === "" && first.statements.length > 0) return;
        const second = splitStatements(first.rest + text.slice(at));
        expect([...first.statements, ...second.statements].length).toBe(whole.length);
      }),
    );
  });
  test("tells queries from statements", () => {
    expect(["select 1;", "-- c\nPRINT 'x';", "/* c */ Select", "WITH a AS (SELECT 1) SELECT 1"].map(isQuery)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(["CREATE STREAM x AS SELECT 1;", "SELECTED"].map(isQuery)).toEqual([false, false]);
  });
});

test("a session keeps SET and DEFINE", () => {
  const session = new Session();
  expect(session.apply("set 'auto.offset.reset'='earliest';")).toContain("auto.offset.reset");
  session.apply("DEFINE name = 'it''s';");
  expect(session.properties).toEqual({ "auto.offset.reset": "earliest" });
  expect(session.variables).toEqual({ name: "it's" });
  session.apply("UNSET 'auto.offset.reset';");
  session.apply("UNDEFINE name;");
  expect(session.properties).toEqual({});
  expect(session.variables).toEqual({});
  expect(session.apply("SHOW STREAMS;")).toBeUndefined();
});

test("a row's cells keep their digits", () => {
  expect(rowCells('[9007199254740993,"a,\\"]b",null,10.50,[1,[2]],{"k":"}"},true]')).toEqual([
    "9007199254740993",
    'a,"]b',
    "null",
    "10.50",
    "[1,[2]]",
    '{"k":"}"}',
    "true",
  ]);
  expect(rowCells("[]")).toEqual([]);
});
