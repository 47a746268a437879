import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startPostgres, type TestPostgres } from "../../support/postgres.js";
import type { Seen } from "../../support/source-driver.js";
import { PostgresBed } from "./support.js";

let server: TestPostgres;
let bed: PostgresBed;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());
afterEach(() => bed?.close());

/** The table as its events make it, and how often each key was created or read. */
function replay(events: readonly Seen[]): { rows: Map<unknown, unknown>; born: Map<unknown, number> } {
  const rows = new Map<unknown, unknown>();
  const born = new Map<unknown, number>();
  for (const { key, value } of events) {
    if (value === null) continue;
    const id = Object.values(key as object).join("|");
    if (value.op === "d") rows.delete(id);
    else rows.set(id, value.after.v);
    if (value.op === "r" || value.op === "c") born.set(id, (born.get(id) ?? 0) + 1);
  }
  return { rows, born };
}

const wide =
  "CREATE TABLE big (id int PRIMARY KEY, v text, pad text); INSERT INTO big SELECT i, 'v' || i, repeat('x', 200) FROM generate_series(1, 40000) i;";

test.each([
  ["int", wide],
  ["text", wide.replace("id int", "id text").replace("SELECT i,", "SELECT 'ä' || i,")],
  ["timestamp", wide.replace("id int", "id timestamp").replace("SELECT i,", "SELECT timestamp '2024-01-01' + i * interval '1 minute',")],
])("a snapshot killed in the middle goes on without loss or doubles, by a key of type %s", async (_, sql) => {
  bed = await PostgresBed.open(server, sql);
  let driver = await bed.driver();
  await driver.until("some rows are read", () => driver.seen.length > 2000);
  const first = [...driver.seen];
  const read = first.length;
  expect(read).toBeLessThan(40000);
  await driver.kill();

  // while nobody looks: rows read and not yet read change, go and come
  await bed.db.query("UPDATE big SET v = 'changed' WHERE substr(md5(id::text), 1, 1) = '0'");
  await bed.db.query("DELETE FROM big WHERE substr(md5(id::text), 1, 1) = '1'");
  const { rows: some } = await bed.db.query("SELECT id FROM big ORDER BY md5(id::text) LIMIT 5");
  expect(some).toHaveLength(5);
  driver = await bed.driver({}, driver.stored);
  await driver.until("more rows are read", () => driver.seen.length > 2000);
  await bed.db.query("UPDATE big SET v = 'later' WHERE substr(md5(id::text), 1, 1) = '2'");
  const second = [...driver.seen];
  await driver.kill();

  driver = await bed.driver({}, driver.stored);
  await bed.db.query("CREATE TABLE done (id int PRIMARY KEY)");
  await bed.streaming(driver);
  await bed.db.query("INSERT INTO done VALUES (1)");
  await driver.until("the end arrives", () => driver.of("s.public.done").length > 0);

  const events = [...first, ...second, ...driver.seen].filter((s) => s.topic === "s.public.big");
  const { rows, born } = replay(events);
  const { rows: expected } = await bed.db.query("SELECT id::text AS id, v FROM big");
  const have = [...rows.values()].sort();
  expect(have).toEqual(expected.map((r) => r.v).sort());
  expect(rows.size).toBe(expected.length);
  expect([...born.values()].filter((n) => n > 1)).toEqual([]);
});

test("a row that the snapshot reads is not older than what the stream said, nor said twice", async () => {
  bed = await PostgresBed.open(
    server,
    "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'a' FROM generate_series(1, 100) i",
  );
  const driver = await bed.driver();
  await driver.poll();
  await bed.db.query("UPDATE a SET v = 'b' WHERE id <= 10; INSERT INTO a VALUES (101, 'c')");
  await driver.until("the insert arrives", () => driver.of("s.public.a").some((s) => s.value?.after?.id === 101));
  const { rows, born } = replay(driver.of("s.public.a"));
  expect(rows.size).toBe(101);
  expect([...rows.values()].filter((v) => v === "b")).toHaveLength(10);
  expect(Math.max(...born.values())).toBe(1);
});

test("markers name the first and last rows of the snapshot and of each table", async () => {
  bed = await PostgresBed.open(
    server,
    "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY); INSERT INTO a VALUES (1),(2); INSERT INTO b VALUES (1),(2),(3); INSERT INTO c VALUES (1)",
  );
  const driver = await bed.driver();
  await bed.streaming(driver);
  expect(driver.seen.map((s) => s.value.source.snapshot)).toEqual([
    "first",
    "last_in_data_collection",
    "first_in_data_collection",
    "true",
    "last_in_data_collection",
    "last",
  ]);
  expect(driver.seen[0]!.value).toMatchObject({
    op: "r",
    before: null,
    source: { connector: "postgresql", db: bed.name, schema: "public", table: "a" },
  });
  expect(driver.seen[0]!.value.ts_ns).toBe(BigInt(driver.seen[0]!.value.ts_us) * 1000n);
});

const two = "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)";

test.each(["no_data", "never", "schema_only"])("snapshot.mode=%s streams alone", async (mode) => {
  bed = await PostgresBed.open(server, two);
  const driver = await bed.driver({ "snapshot.mode": mode });
  await bed.streaming(driver);
  await bed.db.query("INSERT INTO a VALUES (2)");
  await driver.until("the row arrives", () => driver.seen.length > 0);
  expect(driver.seen.map((s) => [s.value.op, s.key])).toEqual([["c", { id: 2 }]]);
});

test("snapshot.mode=initial_only reads and makes no slot", async () => {
  bed = await PostgresBed.open(server, two);
  const driver = await bed.driver({ "snapshot.mode": "initial_only" });
  await driver.until("it is complete", () => driver.stored !== undefined && driver.stored["snapshot"] === undefined);
  expect(driver.seen).toHaveLength(2);
  expect(await bed.slot()).toBeUndefined();
  const again = await bed.driver({ "snapshot.mode": "initial_only" }, driver.stored);
  await again.poll();
  expect(again.seen).toEqual([]);
});

test("snapshot.mode=always reads at every start, and streams nothing twice", async () => {
  bed = await PostgresBed.open(server, two);
  let driver = await bed.driver({ "snapshot.mode": "always" });
  await bed.streaming(driver);
  await driver.stop();
  await bed.db.query("INSERT INTO a VALUES (7)");
  driver = await bed.driver({ "snapshot.mode": "always" }, driver.stored);
  await bed.streaming(driver);
  await bed.db.query("INSERT INTO b VALUES (8)");
  await driver.until("the stream goes on", () => driver.seen.some((s) => s.value.op === "c"));
  expect(driver.seen.map((s) => [s.topic, s.value.op, (s.key as { id: number }).id])).toEqual([
    ["s.public.a", "r", 1],
    ["s.public.a", "r", 7],
    ["s.public.b", "r", 1],
    ["s.public.b", "c", 8],
  ]);
});

test("snapshot.mode=when_needed reads again where the slot is gone, and initial says what to do", async () => {
  bed = await PostgresBed.open(server, two);
  const driver = await bed.driver();
  await bed.streaming(driver);
  await driver.stop();
  await bed.dropSlot();
  await expect(bed.driver({}, driver.stored)).rejects.toThrow(/slot_.* does not exist any more.*snapshot.mode=when_needed/);
  const again = await bed.driver({ "snapshot.mode": "when_needed" }, driver.stored);
  await bed.streaming(again);
  expect(again.seen.map((s) => s.value.op)).toEqual(["r", "r"]);
});

test("snapshot.mode=configuration_based does what its settings say", async () => {
  bed = await PostgresBed.open(server, two);
  const based = "snapshot.mode.configuration.based";
  const driver = await bed.driver({
    "snapshot.mode": "configuration_based",
    [`${based}.snapshot.data`]: "false",
    [`${based}.start.stream`]: "true",
  });
  await bed.streaming(driver);
  expect(driver.seen).toEqual([]);
});

test("a table has a SELECT of its own, and the snapshot its list of tables", async () => {
  bed = await PostgresBed.open(server, `${two}; INSERT INTO a VALUES (2), (3)`);
  const driver = await bed.driver({
    "snapshot.include.collection.list": "public.b,public.a",
    "snapshot.select.statement.overrides": "public.a",
    "snapshot.select.statement.overrides.public.a": "SELECT * FROM a WHERE id > 1",
  });
  await bed.streaming(driver);
  expect(driver.seen.map((s) => [s.topic, s.key])).toEqual([
    ["s.public.b", { id: 1 }],
    ["s.public.a", { id: 2 }],
    ["s.public.a", { id: 3 }],
  ]);
});

test("texts with backslashes, tabs, newlines and NULs' neighbours come as they are", async () => {
  const values = ["a\\b", "\\N", "\t\n\r\b\f\v", "", "\\\\", "x\\ty", "𝄞\\é", "ends\\"];
  bed = await PostgresBed.open(server, "CREATE TABLE t (id int PRIMARY KEY, v text, n text)");
  for (const [i, v] of values.entries()) await bed.db.query("INSERT INTO t VALUES ($1, $2, NULL)", [i, v]);
  const driver = await bed.driver();
  await bed.streaming(driver);
  expect(driver.seen.map((s) => s.value.after.v)).toEqual(values);
  for (const [i, v] of values.entries()) await bed.db.query("INSERT INTO t VALUES ($1, $2, NULL)", [100 + i, v]);
  await driver.until("all are streamed", () => driver.seen.length === 2 * values.length);
  expect(driver.seen.slice(values.length).map((s) => s.value.after.v)).toEqual(values);
});
