import { expect, test } from "vitest";
import { builtInFunctions } from "../../../src/sql/functions/built-in.js";
import { parse } from "../../../src/sql/parser/parse.js";
import { type PullPlan, schemaNeeded } from "../../../src/sql/planner/plan-statement.js";
import { show } from "../outline.js";
import { Planner, sources } from "../support.js";

function last(sql: string, planner = new Planner()) {
  planner.run(sources);
  return planner.run(sql).at(-1)!;
}
function pull(sql: string): PullPlan {
  const planned = last(sql);
  if (planned.kind !== "pull-query") throw new Error(planned.kind);
  return planned.pull;
}
function command(sql: string, planner = new Planner()) {
  const planned = last(sql, planner);
  if (planned.kind !== "command") throw new Error(planned.kind);
  return planned;
}

test("KEY= makes the primary key of a table, with a warning, and what is derived carries its key in the value", () => {
  const planner = new Planner();
  const planned = command("CREATE TABLE o (a INT, b INT) WITH (KAFKA_TOPIC='o', VALUE_FORMAT='AVRO', KEY='b');", planner);
  expect(planned.warnings).toHaveLength(1);
  expect(planner.metastore.source("O")).toMatchObject({
    keyInValue: true,
    columns: [
      { name: "B", role: "key" },
      { name: "A", role: "value" },
    ],
  });
  planner.run("CREATE TABLE o2 AS SELECT a, COUNT(*) AS n FROM o GROUP BY a;");
  expect(planner.metastore.source("O2")?.keyInValue).toBe(true);
});

test("KEY= on a stream says nothing, with a warning", () => {
  const planned = command("CREATE STREAM o (a INT) WITH (KAFKA_TOPIC='o', VALUE_FORMAT='JSON', KEY='a');");
  expect(planned.warnings).toHaveLength(1);
  expect(planned.metastore.source("O")?.keyInValue).toBeUndefined();
});

test.each([
  ["SELECT * FROM t WHERE k = 1;", [["1"]]],
  ["SELECT * FROM t WHERE k IN (1, 2) AND a = 3;", [["1"], ["2"]]],
  ["SELECT * FROM t WHERE k = 1 OR k = 2 OR k = 1;", [["1"], ["2"]]],
  ["SELECT * FROM t WHERE 1 = k;", [["1"]]],
])("a pull query finds its keys: %s", (sql, keys) => {
  const { lookup } = pull(sql);
  expect(lookup.kind === "keys" && lookup.keys.map((key) => key.map(show))).toEqual(keys);
});
test("a pull query on a range of keys, and on all of them", () => {
  expect(pull("SELECT * FROM t WHERE k > 1 AND k <= 5;").lookup).toMatchObject({
    kind: "range",
    lower: { inclusive: false },
    upper: { inclusive: true },
  });
  expect(pull("SELECT a FROM t WHERE a = 1 LIMIT 2;")).toMatchObject({
    lookup: { kind: "scan" },
    limit: 2,
    columns: [{ name: "A", isKey: false }],
  });
  expect(pull("SELECT a FROM t WHERE k = 1 OR a = 2;").lookup.kind).toBe("scan");
});
test("a pull query on a windowed table has bounds, and shows its windows", () => {
  const sql = `CREATE TABLE w AS SELECT v, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY v;
    SELECT * FROM w WHERE v = 'x' AND WINDOWSTART >= '1970-01-01T00:01' AND WINDOWEND < 180000;`;
  const plan = pull(sql);
  expect(plan.windowStart).toEqual({ lower: { value: 60_000, inclusive: true }, upper: null });
  expect(plan.windowEnd).toEqual({ lower: null, upper: { value: 180_000, inclusive: false } });
  expect(plan.columns.map((c) => c.name)).toEqual(["V", "WINDOWSTART", "WINDOWEND", "N"]);
});

test("INSERT VALUES gives one constant a column; those left out are NULL", () => {
  const planned = last("INSERT INTO s (v, k, ROWTIME) VALUES ('x', 1 + 1, 5);");
  if (planned.kind !== "insert-values") throw new Error(planned.kind);
  const { key, value, rowtime } = planned.insert;
  expect([...key, ...value].map(show)).toEqual(["(1 + 1)", "null", '"x"']);
  expect(rowtime && show(rowtime)).toBe('"5"');
  const tombstone = last("INSERT INTO t (k) VALUES (1);");
  expect(tombstone.kind === "insert-values" && tombstone.insert.onlyKey).toBe(true);
});

test("INSERT INTO widens to its target's types", () => {
  const sql =
    "CREATE STREAM wide (k INT KEY, d DOUBLE) WITH (KAFKA_TOPIC='w', VALUE_FORMAT='JSON'); INSERT INTO wide SELECT k, a AS d FROM s;";
  expect(command(sql).command).toMatchObject({ command: "insert-into", plan: { queryId: "INSERTQUERY_0", sink: "WIDE" } });
});

test("CREATE OR REPLACE keeps the query's id, IF NOT EXISTS does nothing", () => {
  const planner = new Planner();
  const replaced = command("CREATE STREAM o AS SELECT * FROM s; CREATE OR REPLACE STREAM o AS SELECT * FROM s WHERE a > 1;", planner);
  expect(replaced.command).toMatchObject({ command: "create-as", replaces: "CSAS_O_0", plan: { queryId: "CSAS_O_0" } });
  expect(planner.metastore.queries()).toHaveLength(1);
  expect(planner.run("CREATE STREAM IF NOT EXISTS o AS SELECT * FROM s;")[0]).toMatchObject({ command: null });
});

test("DROP ends the query that writes the source, and is possible once its readers have ended", () => {
  const planner = new Planner();
  const [, dropped] = (planner.run(sources), planner.run("CREATE STREAM o AS SELECT * FROM s; DROP STREAM o DELETE TOPIC;"));
  expect(dropped).toMatchObject({ command: { command: "drop-source", terminates: ["CSAS_O_0"], deleteTopic: "O" } });
  planner.run("DROP STREAM s;");
  expect(planner.metastore.source("S")).toBeUndefined();
});

test("topics that are joined as they lie must have as many partitions", () => {
  const planner = new Planner({ s: 4, t: 1, s2: 1 });
  expect(() => last("CREATE STREAM o AS SELECT s.k, t.b FROM s JOIN t ON s.k = t.k;", planner)).toThrow(
    /since the number of partitions don't match/,
  );
  expect(() => last("CREATE STREAM o AS SELECT s.a, t.b FROM s JOIN t ON s.a = t.k;", new Planner({ s: 4, t: 1, s2: 1 }))).not.toThrow();
});

test("custom types stand for what they name", () => {
  const planned = command(
    "CREATE TYPE addr AS STRUCT<street STRING>; CREATE STREAM o (a addr) WITH (KAFKA_TOPIC='o', VALUE_FORMAT='JSON');",
  );
  expect(planned.metastore.source("O")?.columns[0]?.type).toEqual({
    base: "STRUCT",
    fields: [{ name: "STREET", type: { base: "STRING" } }],
  });
});

test("columns of a query are those of the schema that its id names, in their order", () => {
  const fields = (...names: string[]) => names.map((name) => ({ name, type: { base: name === "V" ? "STRING" : "INTEGER" } as const }));
  const make = (...registered: string[]) => {
    const planner = new Planner(undefined, { value: fields(...registered) });
    planner.run(sources);
    return planner.run("CREATE STREAM o WITH (VALUE_FORMAT='AVRO', VALUE_SCHEMA_ID=7) AS SELECT k, a, v FROM s;");
  };
  expect(make("A", "X", "V")).toHaveLength(1);
  expect(() => make("V", "A")).toThrow(
    "The following value columns are changed, missing or reordered: [`V` STRING]. Schema from schema registry is [`V` STRING, `A` INTEGER]",
  );
  expect(() => make("a", "V")).toThrow("changed, missing or reordered: [`A` INTEGER]");
});

test("what the registry must be asked for a query's schema ids", () => {
  const planner = new Planner();
  planner.run(sources);
  const need = (sql: string) => {
    const { metastore } = planner;
    return schemaNeeded(parse(sql)[0]!, { metastore, functions: builtInFunctions, properties: {}, nextQueryId: (p) => p });
  };
  expect(need("CREATE STREAM o WITH (VALUE_FORMAT='AVRO', VALUE_SCHEMA_ID=7) AS SELECT * FROM s;")).toEqual({
    topic: "O",
    key: null,
    value: { format: "AVRO", schemaId: 7 },
  });
  expect(need("CREATE STREAM o WITH (VALUE_FORMAT='AVRO') AS SELECT * FROM s;")).toBeNull();
});
