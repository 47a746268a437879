import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ParsedExpression } from "../../../src/sql/parser/ast.js";
import { formatExpression } from "../../../src/sql/parser/format-expression.js";
import { parse, parseExpression } from "../../../src/sql/parser/parse.js";

const at = { line: 1, column: 1 };
const node = <T extends object>(o: T) => ({ ...o, at }) as unknown as ParsedExpression;
const name = fc.constantFrom("A", "B", "lower case", "SELECT", "x`y", "ROWTIME");

const expressions = fc.letrec<{ e: ParsedExpression }>((tie) => ({
  e: fc.oneof(
    { maxDepth: 4 },
    fc.constant(node({ kind: "null" })),
    fc.boolean().map((value) => node({ kind: "boolean", value })),
    fc.string().map((value) => node({ kind: "string", value })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => node({ kind: "integer", text: String(n) })),
    fc.constantFrom("1.50", "-0.1", ".5").map((text) => node({ kind: "decimal", text })),
    fc.constantFrom("1E3", "-2.5E-7").map((text) => node({ kind: "double", text })),
    fc.tuple(fc.option(name), name).map(([qualifier, n]) => node({ kind: "name", qualifier, name: n })),
    fc
      .tuple(fc.constantFrom("+", "-", "*", "/", "%", "=", "<>", "<", ">=", "AND", "OR", "||", "IS DISTINCT FROM"), tie("e"), tie("e"))
      .map(([op, left, right]) => node({ kind: "binary", op, left, right })),
    fc.tuple(fc.constantFrom("-", "NOT"), tie("e")).map(([op, operand]) => node({ kind: "unary", op, operand })),
    fc.tuple(tie("e"), fc.boolean()).map(([operand, negated]) => node({ kind: "is-null", operand, negated })),
    fc
      .tuple(tie("e"), tie("e"), fc.boolean())
      .map(([operand, pattern, negated]) => node({ kind: "like", operand, pattern, escape: "!", negated })),
    fc
      .tuple(tie("e"), fc.array(tie("e"), { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([operand, list, negated]) => node({ kind: "in", operand, list, negated })),
    fc.tuple(tie("e"), tie("e"), tie("e")).map(([operand, low, high]) => node({ kind: "between", operand, low, high, negated: false })),
    fc
      .tuple(fc.option(tie("e")), tie("e"), tie("e"), fc.option(tie("e")))
      .map(([operand, when, then, otherwise]) => node({ kind: "case", operand, branches: [{ when, then }], otherwise })),
    fc.tuple(tie("e"), name).map(([value, n]) => node({ kind: "struct", fields: [{ name: n, value }] })),
    fc.array(tie("e"), { maxLength: 3 }).map((items) => node({ kind: "array", items })),
    fc.tuple(tie("e"), tie("e")).map(([key, value]) => node({ kind: "map", entries: [{ key, value }] })),
    fc.array(tie("e"), { maxLength: 3 }).map((args) => node({ kind: "call", name: "FN", args, star: false })),
    tie("e").map((body) => node({ kind: "call", name: "FN", args: [node({ kind: "lambda", parameters: ["X", "Y"], body })], star: false })),
    tie("e").map((operand) =>
      node({ kind: "cast", operand, type: { base: "ARRAY", element: { base: "DECIMAL", precision: 4, scale: 2 } } }),
    ),
  ),
}));

function withoutPositions(x: unknown): unknown {
  return JSON.parse(JSON.stringify(x, (key, value) => (key === "at" ? undefined : value)));
}

describe("expressions", () => {
  test("format and parse are each other's inverse", () => {
    fc.assert(
      fc.property(expressions.e, (e) => {
        expect(withoutPositions(parseExpression(formatExpression(e)))).toEqual(withoutPositions(e));
      }),
      { numRuns: 500 },
    );
  });
  test.each([
    ["1 + 2 * 3", "(1 + (2 * 3))"],
    ["a OR b AND NOT c = 1", "(A OR (B AND (NOT (C = 1))))"],
    ["a - -5", "(A - -5)"],
    ["s->f[1]->g", "S->F[1]->G"],
    ["a IS NOT NULL AND b NOT IN (1, 2)", "((A IS NOT NULL) AND (B NOT IN (1, 2)))"],
    ["x => x + 1", "X => (X + 1)"],
    ["a <> 'it''s'", "(A <> 'it''s')"],
    ['"Mixed" + `b`', "(`Mixed` + `b`)"],
  ])("%s", (sql, formatted) => {
    expect(formatExpression(parseExpression(sql))).toBe(formatted);
  });
});

describe("a request", () => {
  test("is split into statements with their own text; comments and empty statements are left out", () => {
    const parsed = parse("-- first\nLIST STREAMS; ;/* a ; b */ SELECT ';' FROM t EMIT CHANGES;\n\nset 'a'='b'");
    expect(parsed.map((p) => p.text)).toEqual(["LIST STREAMS;", "SELECT ';' FROM t EMIT CHANGES;", "set 'a'='b'"]);
    expect(parsed.map((p) => p.statement.at)).toEqual([
      { line: 2, column: 1 },
      { line: 2, column: 28 },
      { line: 4, column: 1 },
    ]);
  });
  test("may have a backslash before a newline", () => {
    expect(parse("CREATE STREAM s (a INT)\\\nWITH (KAFKA_TOPIC='t');")[0]?.statement.kind).toBe("create-source");
  });
  test("has its variables substituted, those defined in it too", () => {
    const [, second] = parse(
      "DEFINE col = 'b'; SELECT ${col}, '${x}' FROM ${t};",
      new Map([
        ["T", "tab"],
        ["X", "y"],
      ]),
    );
    expect(second?.text).toBe("SELECT b, 'y' FROM tab;");
  });
});

describe("statements", () => {
  test.each([
    ["SELECT * FROM a LEFT JOIN b WITHIN (1 HOUR, 2 HOURS) GRACE PERIOD 1 MINUTE ON a.x = b.y EMIT CHANGES LIMIT 5;", "query"],
    ["SELECT a, COUNT(*) FROM s WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS, RETENTION 1 DAY) GROUP BY a EMIT FINAL;", "query"],
    [
      "CREATE OR REPLACE STREAM s (a INT KEY, h BYTES HEADER('x'), hs ARRAY<STRUCT<key STRING, value BYTES>> HEADERS) WITH (FORMAT='JSON');",
      "create-source",
    ],
    [
      "CREATE SOURCE TABLE IF NOT EXISTS t (k VARCHAR(10) PRIMARY KEY, m MAP<STRING, DECIMAL(4, 2)>) WITH (KAFKA_TOPIC='t');",
      "create-source",
    ],
    ["CREATE TABLE t AS SELECT * FROM s;", "create-as"],
    ["INSERT INTO s WITH (QUERY_ID='x') SELECT * FROM t;", "insert-select"],
    ["INSERT INTO s (a, b) VALUES (1, ARRAY[1, 2]);", "insert-values"],
    ["DROP TABLE IF EXISTS t DELETE TOPIC;", "drop-source"],
    ["ALTER STREAM s ADD COLUMN c INT, ADD d STRING;", "alter-source"],
    ["CREATE TYPE IF NOT EXISTS address AS STRUCT<street STRING, no INT>;", "create-type"],
    ["DROP TYPE address;", "drop-type"],
    ["CREATE SINK CONNECTOR `c-1` WITH ('connector.class'='x', \"Tasks.Max\"='1');", "create-connector"],
    ["DROP CONNECTOR IF EXISTS c;", "drop-connector"],
    ["EXPLAIN CSAS_S_1;", "explain"],
    ["EXPLAIN SELECT * FROM s EMIT CHANGES;", "explain"],
    ["TERMINATE ALL;", "terminate"],
    ["PAUSE q_1;", "pause"],
    ["RESUME q_1;", "resume"],
    ["UNSET 'a';", "unset"],
    ["ALTER SYSTEM 'a'='b';", "alter-system"],
    ["UNDEFINE v;", "undefine"],
    ["PRINT 'a.topic' FROM BEGINNING INTERVAL 2 LIMIT 3;", "print"],
    ["SHOW ALL TOPICS EXTENDED;", "list"],
    ["LIST SOURCE CONNECTORS;", "list"],
    ["DESCRIBE s EXTENDED;", "describe"],
    ["DESCRIBE FUNCTION substring;", "describe"],
    ["ASSERT NOT EXISTS TOPIC t WITH (PARTITIONS=1) TIMEOUT 5 SECONDS;", "assert-topic"],
    ["ASSERT SCHEMA SUBJECT 't-value' ID 3;", "assert-schema"],
    ["ASSERT NULL VALUES t (k) KEY (1);", "assert-values"],
    ["ASSERT STREAM s (a INT) WITH (KAFKA_TOPIC='t');", "assert-source"],
    ["RUN SCRIPT 'x.sql';", "run-script"],
    ["SPOOL OFF;", "spool"],
  ])("%s", (sql, kind) => {
    expect(parse(sql).map((p) => p.statement.kind)).toEqual([kind]);
  });
});
