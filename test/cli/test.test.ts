import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { testCommand } from "../../src/cli/test.js";
import { runTestFiles } from "../../src/testing/run-files.js";
import { runSqlTests } from "../../src/testing/sql-test.js";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "sql-test-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = undefined;
});

async function run(...args: string[]): Promise<{ out: string; code: number }> {
  const lines: string[] = [];
  await testCommand(
    async () => ({ files: runTestFiles, sql: runSqlTests }),
    (line) => lines.push(line),
  ).parseAsync(args, { from: "user" });
  const code = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  return { out: lines.join("\n"), code };
}
async function file(name: string, content: unknown): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("millrace test -s -i -o", () => {
  const sql =
    "CREATE STREAM s (id INT KEY, n DOUBLE) WITH (kafka_topic='s', value_format='JSON');\nCREATE TABLE t AS SELECT id, SUM(n) AS total FROM s GROUP BY id;";
  const inputs = [
    { topic: "s", key: 1, value: { n: 1.5 }, timestamp: 5 },
    { topic: "s", key: 1, value: { N: 2 }, timestamp: 6 },
  ];
  const outputs = (total: unknown) => ({
    outputs: [
      { topic: "T", key: 1, value: { TOTAL: 1.5 }, timestamp: 5 },
      { topic: "T", key: 1, value: { total } },
    ],
  });

  test("passes, and fails with the place of the difference", async () => {
    const s = await file("s.sql", sql);
    const i = await file("i.json", { inputs });
    expect(await run("-s", s, "-i", i, "-o", await file("o.json", outputs(3.5)))).toEqual({ out: ">>> Test passed!", code: 0 });
    const wrong = await run("-s", s, "-i", i, "-o", await file("wrong.json", outputs(4)));
    expect(wrong.out).toMatch(/^>>>>> Test failed: Topic T, record 2: value\.total: expected 4, got 3\.5/);
    expect(wrong.code).toBe(1);
    const short = await run("-s", s, "-i", i, "-o", await file("short.json", { outputs: outputs(3.5).outputs.slice(0, 1) }));
    expect(short.out).toContain("Topic T, record 2: not expected");
  });

  test.each(["output-bets-by-race", "output-bets-by-runner", "output-races", "output-runners", "odds/output-odds"])(
    "the tote pool's own: %s",
    async (output) => {
      const tests = join(import.meta.dirname, "../../examples/tote-pool/tests");
      const of = join(tests, output, "..");
      const { out } = await run("-s", join(of, "statements.sql"), "-i", join(of, "input.json"), "-o", join(tests, `${output}.json`));
      expect(out).toBe(">>> Test passed!");
    },
  );

  test("names the statement or the file that is wrong", async () => {
    const i = await file("i.json", { inputs });
    const o = await file("o.json", outputs(3.5));
    const bad = await run("-s", await file("bad.sql", `${sql}\nCREATE STREAM u AS SELECT nothing FROM s;`), "-i", i, "-o", o);
    expect(bad.out).toMatch(/Statement 3 of .*bad\.sql: .*NOTHING/);
    await expect(run("-s", await file("s.sql", sql), "-i", await file("x.json", "{"), "-o", o)).rejects.toThrow(
      /x\.json: JSON is wrong at/,
    );
    await expect(run("-s", await file("s.sql", sql), "-i", i, "-o", join(dir, "none.json"))).rejects.toThrow(/none\.json cannot be read/);
    await expect(run("-s", "only.sql")).rejects.toThrow("give either -s, -i and -o");
  });
});

describe("millrace test file.sql", () => {
  const passing = `
-- a comment ahead of the first test
--@test: a join of a stream and a table
CREATE STREAM s (id INT KEY, foo INT) WITH (kafka_topic='s', value_format='JSON');
CREATE TABLE t (id INT PRIMARY KEY, bar INT) WITH (kafka_topic='t', value_format='JSON');
CREATE STREAM j AS SELECT s.id, s.foo, t.bar FROM s JOIN t ON s.id = t.id;
INSERT INTO t (rowtime, id, bar) VALUES (1, 1, 1);
INSERT INTO s (rowtime, id, foo) VALUES (1, 1, 2);
ASSERT VALUES j (rowtime, s_id, foo, bar) VALUES (1, 1, 2, 1);
ASSERT STREAM j (s_id INT KEY, foo INT, bar INT) WITH (kafka_topic='J', value_format='JSON');

--@test: windows, tombstones, all types
CREATE STREAM w (id STRING KEY, n DECIMAL(4,2), a ARRAY<INT>, m MAP<STRING, BIGINT>) WITH (kafka_topic='w', value_format='AVRO');
CREATE TABLE c AS SELECT id, SUM(n) AS total FROM w WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id;
INSERT INTO w (rowtime, id, n, a, m) VALUES (12, 'x', 1.25, ARRAY[1, 2], MAP('k' := 3));
ASSERT VALUES w (id, n, a, m) VALUES ('x', 1.25, ARRAY[1, 2], MAP('k' := 3));
ASSERT VALUES c (windowstart, windowend, id, total) VALUES (10, 20, 'x', 1.25);
CREATE TABLE g (id INT PRIMARY KEY, v INT) WITH (kafka_topic='g', value_format='JSON');
CREATE TABLE big AS SELECT id, v FROM g WHERE v > 5;
INSERT INTO g VALUES (1, 6);
INSERT INTO g VALUES (1, 2);
ASSERT VALUES big VALUES (1, 6);
ASSERT NULL VALUES big (id) KEY (1);

--@test: an error that is expected
--@expected.error: io.confluent.ksql.util.KsqlException
--@expected.message: does not exist
CREATE STREAM x AS SELECT * FROM nowhere;
`;
  test("passes", async () => {
    expect(await run(await file("passing.sql", passing))).toEqual({
      out: ">>> Test passed!\n>>> Test passed!\n>>> Test passed!\n3 passed, 0 failed",
      code: 0,
    });
  });

  test.each([
    [
      "ASSERT VALUES s (id, n) VALUES (1, 3);",
      /N does not match\.\n {2}expected ID=1, N=3\n {2}got {6}ROWTIME=7, ID=1, N=2[\s\S]*failing\.sql:4/,
    ],
    ["ASSERT VALUES s (rowtime) VALUES (8);", /ROWTIME is 7/],
    ["ASSERT VALUES s (id) VALUES (1); ASSERT VALUES s (id) VALUES (1);", /S has 1 records, and one more was expected/],
    ["ASSERT NULL VALUES s (id) KEY (1);", /It is no tombstone/],
    ["ASSERT TABLE s;", /There is no table S/],
    ["ASSERT STREAM s (id INT KEY);", /S has other columns/],
    ["ASSERT STREAM s WITH (value_format='AVRO');", /S has VALUE_FORMAT JSON, not AVRO/],
    ["CREATE STREAM;", /line 1:14/],
    ["--@expected.message: this text\nCREATE STREAM z AS SELECT * FROM nowhere;", /expected an error with "this text", got:/],
    ["--@expected.error: java.lang.AssertionError\nSET 'auto.offset.reset'='latest';", /no statement failed/],
  ])("%s", async (statement, message) => {
    const text = `--@test: one\nCREATE STREAM s (id INT KEY, n INT) WITH (kafka_topic='s', value_format='JSON');\nINSERT INTO s (rowtime, id, n) VALUES (7, 1, 2);\n${statement}`;
    const { out, code } = await run(await file("failing.sql", text));
    expect(out).toMatch(message);
    expect(code).toBe(1);
  });

  test("refuses a file without tests, and a folder without files", async () => {
    await expect(run(await file("none.sql", "CREATE STREAM x;"))).rejects.toThrow(/none\.sql: line 1: a test begins with --@test/);
    await expect(run(join(dir, "nowhere"))).rejects.toThrow("does not exist");
  });
});
