import { afterAll, beforeAll, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../support/postgres.js";
import { MillraceProcess, sinkConfig, sourceConfig, temporary, until, untilRows } from "./process.js";

const folder = temporary("schema");
let postgres: TestPostgres;
let running: MillraceProcess;

beforeAll(async () => {
  postgres = await startPostgres();
  running = await MillraceProcess.start(folder.path);
});
afterAll(async () => {
  await running?.kill();
  await postgres?.stop();
  folder.remove();
});

/** A table with one row, its topic, a running query that was planned on its first schema, and a sink. */
async function pipeline(name: string) {
  for (const database of [name, `${name}_target`]) await postgres.createDatabase(database);
  const origin = await postgres.client(name);
  const target = await postgres.client(`${name}_target`);
  await origin.query("CREATE TABLE t (id int PRIMARY KEY, v varchar(10), n int)");
  await origin.query("INSERT INTO t VALUES (1, 'one', 10)");
  await running.createConnector({ name: `${name}-source`, config: sourceConfig(postgres.port, name) });
  await running.running(`${name}-source`);
  await until("the topic has its schema", async () => (await versions(name)).length === 1);
  await running.ksql(
    `CREATE TABLE ${name} (id INT PRIMARY KEY, v STRING, n INT) WITH (KAFKA_TOPIC='${name}.public.t', FORMAT='AVRO');
     CREATE TABLE ${name}_copy AS SELECT id, v, n FROM ${name};`,
    { "auto.offset.reset": "earliest" },
  );
  await running.createConnector({
    name: `${name}-sink`,
    config: sinkConfig(postgres.port, `${name}_target`, `${name}.public.t`, { "collection.name.format": "t" }),
  });
  await untilRows(target, "SELECT * FROM t ORDER BY id", [{ id: 1, v: "one", n: 10 }]);
  await untilQuery(name, [[1, "one", 10]]);
  return { origin, target };
}

async function versions(name: string): Promise<{ name: string; type: unknown }[][]> {
  const subject = `/subjects/${name}.public.t-value/versions`;
  const list = await running.call<number[]>("registry", "GET", subject);
  if (list.status !== 200) return [];
  const schemas = await Promise.all(list.json.map((v) => running.call<{ schema: string }>("registry", "GET", `${subject}/${v}`)));
  return schemas.map((s) => (JSON.parse(s.json.schema) as { fields: { name: string; type: unknown }[] }).fields);
}

async function untilQuery(name: string, rows: unknown[][]): Promise<void> {
  let last: unknown[][] = [];
  await until(`the query ${name} has its rows`, async () => {
    last = (await running.rows(`SELECT id, v, n FROM ${name}_copy;`)).sort((a, b) => Number(a[0]) - Number(b[0]));
    return JSON.stringify(last) === JSON.stringify(rows);
  }).catch((error) => {
    throw new Error(`${error.message}; they are ${JSON.stringify(last)}`);
  });
}

async function nothingFailed(): Promise<void> {
  expect(await running.call("console", "GET", "/health")).toMatchObject({ status: 200 });
  expect((await running.call<{ errors: unknown[] }>("console", "GET", "/errors")).json.errors).toEqual([]);
}

const errors = async () =>
  (await running.call<{ errors: { id: string; stage: string; code: string; message: string }[] }>("console", "GET", "/errors")).json.errors;

const columns =
  "SELECT column_name || ' ' || data_type AS c FROM information_schema.columns WHERE table_name = 't' ORDER BY ordinal_position";
const id = { name: "id", type: "int" };
const v = { name: "v", type: ["null", "string"] };
const n = { name: "n", type: ["null", "int"] };
const first = { id: 1, v: "one", n: 10 };

// What docs/reference/schema-changes.md says.
it.each([
  {
    change: "added",
    ddl: "ALTER TABLE t ADD COLUMN extra text",
    insert: "INSERT INTO t VALUES (2, 'two', 20, 'more')",
    versions: [
      [id, v, n],
      [id, v, n, { name: "extra", type: ["null", "string"] }],
    ],
    target: ["id integer", "v text", "n integer", "extra text"],
    rows: [
      { ...first, extra: null },
      { id: 2, v: "two", n: 20, extra: "more" },
    ],
    query: [
      [1, "one", 10],
      [2, "two", 20],
    ],
  },
  {
    change: "added_with_default",
    ddl: "ALTER TABLE t ADD COLUMN extra int NOT NULL DEFAULT 7",
    insert: "INSERT INTO t VALUES (2, 'two', 20, 8)",
    versions: [
      [id, v, n],
      [id, v, n, { name: "extra", type: { type: "int" }, default: 7 }],
    ],
    target: ["id integer", "v text", "n integer", "extra integer"],
    rows: [
      { ...first, extra: 7 },
      { id: 2, v: "two", n: 20, extra: 8 },
    ],
    query: [
      [1, "one", 10],
      [2, "two", 20],
    ],
  },
  {
    change: "dropped",
    ddl: "ALTER TABLE t DROP COLUMN n",
    insert: "INSERT INTO t VALUES (2, 'two')",
    versions: [
      [id, v, n],
      [id, v],
    ],
    target: ["id integer", "v text", "n integer"],
    rows: [first, { id: 2, v: "two", n: null }],
    query: [
      [1, "one", 10],
      [2, "two", null],
    ],
  },
  {
    change: "made_text",
    ddl: "ALTER TABLE t ALTER COLUMN v TYPE text",
    insert: "INSERT INTO t VALUES (2, 'longer than ten', 20)",
    versions: [[id, v, n]],
    target: ["id integer", "v text", "n integer"],
    rows: [first, { id: 2, v: "longer than ten", n: 20 }],
    query: [
      [1, "one", 10],
      [2, "longer than ten", 20],
    ],
  },
  {
    change: "renamed",
    ddl: "ALTER TABLE t RENAME COLUMN n TO number",
    insert: "INSERT INTO t VALUES (2, 'two', 20)",
    versions: [
      [id, v, n],
      [id, v, { ...n, name: "number" }],
    ],
    target: ["id integer", "v text", "n integer", "number integer"],
    rows: [
      { ...first, number: null },
      { id: 2, v: "two", n: null, number: 20 },
    ],
    query: [
      [1, "one", 10],
      [2, "two", null],
    ],
  },
])("a column $change at the source goes on through registry, query and sink", async (example) => {
  const { origin, target } = await pipeline(example.change);
  await origin.query(example.ddl);
  await origin.query(example.insert);
  await untilRows(target, "SELECT * FROM t ORDER BY id", example.rows);
  await untilQuery(example.change, example.query);
  expect((await target.query(columns)).rows.map((row) => row.c)).toEqual(example.target);
  expect(await versions(example.change)).toMatchObject(example.versions);
  await nothingFailed();
});

it("a column widened to bigint goes on; what its old readers cannot hold is set aside and replays once they can", async () => {
  const { origin, target } = await pipeline("widened");
  await origin.query("ALTER TABLE t ALTER COLUMN n TYPE bigint");
  await origin.query("INSERT INTO t VALUES (2, 'two', 20), (3, 'three', 30000000000), (4, 'four', 40)");
  const small = [first, { id: 2, v: "two", n: 20 }, { id: 4, v: "four", n: 40 }];
  await untilRows(target, "SELECT * FROM t ORDER BY id", small);
  await untilQuery("widened", [
    [1, "one", 10],
    [2, "two", 20],
    [4, "four", 40],
  ]);
  expect(await versions("widened")).toMatchObject([
    [id, v, n],
    [id, v, { name: "n", type: ["null", "long"] }],
  ]);

  await until("both readers set the large row aside", async () => (await errors()).length === 2);
  const [bySink, byQuery] = (await errors()).sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(bySink).toMatchObject({ message: expect.stringMatching(/integer out of range/) });
  expect(byQuery).toMatchObject({ message: expect.stringMatching(/30000000000 is out of range for INTEGER/) });

  await target.query("ALTER TABLE t ALTER COLUMN n TYPE bigint");
  expect(await running.cli(["errors", "replay", bySink!.id])).toMatchObject({ code: 0, stderr: "" });
  await untilRows(target, "SELECT id, n::text AS n FROM t WHERE id = 3", [{ id: 3, n: "30000000000" }]);

  await running.ksql("TERMINATE ALL; DROP TABLE widened_copy DELETE TOPIC; DROP TABLE widened;");
  await running.ksql(
    `CREATE TABLE widened (id INT PRIMARY KEY, v STRING, n BIGINT) WITH (KAFKA_TOPIC='widened.public.t', FORMAT='AVRO');
     CREATE TABLE widened_copy AS SELECT id, v, n FROM widened;`,
    { "auto.offset.reset": "earliest" },
  );
  await untilQuery("widened", [
    [1, "one", 10],
    [2, "two", 20],
    [3, "three", 30000000000],
    [4, "four", 40],
  ]);
  expect(await running.cli(["errors", "delete", "--all"])).toMatchObject({ code: 0 });
  await nothingFailed();
});

it("a change that the registry refuses sets rows aside at the source, and one that no reader can take at each of them", async () => {
  const { origin, target } = await pipeline("refused");
  await origin.query("ALTER TABLE t ALTER COLUMN n TYPE text USING n::text");
  await origin.query("INSERT INTO t VALUES (2, 'two', 'twenty')");
  await until("the source set the row aside", async () => (await errors()).length === 1);
  expect((await errors())[0]).toMatchObject({ stage: "convert", code: "SCHEMA_INCOMPATIBLE", message: expect.stringMatching(/BACKWARD/) });
  expect(await versions("refused")).toHaveLength(1);
  const [refused] = await errors();
  expect((await running.cli(["errors", "show", refused!.id])).stdout).toContain("twenty");
  const replayed = await running.cli(["errors", "replay", refused!.id]);
  expect(replayed).toMatchObject({ code: 1, stderr: expect.stringContaining("incompatible with an earlier schema") });

  await running.call("registry", "PUT", "/config/refused.public.t-value", { compatibility: "NONE" });
  await origin.query("INSERT INTO t VALUES (3, 'three', 'thirty')");
  await until("both readers set the next row aside", async () => (await errors()).length === 3);
  expect((await errors()).map((e) => e.stage).sort()).toEqual(["convert", "deserialize", "sink"]);
  expect(await versions("refused")).toMatchObject([
    [id, v, n],
    [id, v, { name: "n", type: ["null", "string"] }],
  ]);
  await origin.query("ALTER TABLE t ALTER COLUMN n TYPE int USING NULL");
  await origin.query("INSERT INTO t VALUES (4, 'four', 40)");
  await untilRows(target, "SELECT * FROM t ORDER BY id", [first, { id: 4, v: "four", n: 40 }]);
  await untilQuery("refused", [
    [1, "one", 10],
    [4, "four", 40],
  ]);
  expect(await running.call("console", "GET", "/health")).toMatchObject({ status: 200 });
});
