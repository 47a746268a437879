import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { parseLsn } from "../../../src/connectors/postgres/lsn.js";
import { startPostgres, type TestPostgres } from "../../support/postgres.js";
import { PostgresBed } from "./support.js";

let server: TestPostgres;
let bed: PostgresBed;
beforeAll(async () => {
  server = await startPostgres(["-c", "wal_sender_timeout=3s"]);
});
afterAll(() => server?.stop());
afterEach(() => bed?.close());

const a = "CREATE TABLE a (id int PRIMARY KEY, v text)";
const confirmed = async () => parseLsn((await bed.slot())!.confirmed);

test("the slot advances on a quiet table without a record", async () => {
  bed = await PostgresBed.open(server, `${a}; CREATE TABLE noise (id int)`);
  const driver = await bed.driver({
    "table.include.list": "public.a",
    "publication.autocreate.mode": "filtered",
    "status.update.interval.ms": "200",
  });
  await bed.streaming(driver);
  const before = await confirmed();
  await bed.db.query("INSERT INTO noise SELECT generate_series(1, 20000)");
  const { rows } = await bed.db.query("SELECT pg_current_wal_lsn() AS lsn");
  await driver.until("the slot is past the noise", async () => (await confirmed()) >= parseLsn(rows[0].lsn));
  expect(await confirmed()).toBeGreaterThan(before);
  expect(driver.seen).toEqual([]);
});

test("nothing is confirmed that was not said to be durable, and it comes again after a kill", async () => {
  bed = await PostgresBed.open(server, a);
  let driver = await bed.driver({ "status.update.interval.ms": "50" });
  await bed.streaming(driver);
  await driver.poll();
  const before = await confirmed();
  driver.commits = false;
  await bed.db.query("INSERT INTO a SELECT i, 'x' FROM generate_series(1, 50) i");
  await driver.until("the rows arrive", () => driver.seen.length === 50);
  for (let i = 0; i < 8; i++) await driver.poll();
  expect(await confirmed()).toBeLessThanOrEqual(before + 4096);
  const { rows } = await bed.db.query("SELECT pg_current_wal_lsn() AS lsn");
  expect(await confirmed()).toBeLessThan(parseLsn(rows[0].lsn));
  await driver.kill();
  driver = await bed.driver({ "status.update.interval.ms": "50" }, driver.stored);
  await driver.until("they come again", () => driver.seen.length === 50);
  await driver.until("they are confirmed", async () => (await confirmed()) >= parseLsn(rows[0].lsn));
});

test("a transaction cut in the middle goes on behind the last row stored", async () => {
  bed = await PostgresBed.open(server, a);
  let driver = await bed.driver();
  await bed.streaming(driver);
  await bed.db.query("INSERT INTO a SELECT i, repeat('x', 500) FROM generate_series(1, 30000) i");
  await driver.until("a part of it is stored", () => driver.seen.length > 3000);
  const first = driver.seen.length;
  expect(first).toBeLessThan(30000);
  expect(driver.stored?.["tx_events"]).toBe(first);
  await driver.kill();
  const earlier = driver.seen;
  driver = await bed.driver({}, driver.stored);
  await driver.until("the rest arrives", () => driver.seen.length >= 30000 - first);
  const ids = [...earlier, ...driver.seen].map((s) => s.value.after.id);
  expect(ids).toEqual(Array.from({ length: 30000 }, (_, i) => i + 1));
});

test("a connection that the server cuts is made anew, without loss or doubles", async () => {
  bed = await PostgresBed.open(server, a);
  const driver = await bed.driver();
  await bed.streaming(driver);
  for (let round = 0; round < 3; round++) {
    await bed.db.query("INSERT INTO a SELECT i, 'x' FROM generate_series($1::int, $2::int) i", [round * 100 + 1, round * 100 + 100]);
    await bed.db.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    await driver.poll();
  }
  await driver.until("all arrive", () => driver.seen.length >= 300);
  expect(driver.seen.map((s) => s.value.after.id)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
});

test("keepalives are answered while nothing is polled for longer than the server waits", async () => {
  bed = await PostgresBed.open(server, a);
  const driver = await bed.driver();
  await bed.streaming(driver);
  const { rows } = await bed.db.query("SELECT pid FROM pg_stat_replication");
  await new Promise((r) => setTimeout(r, 5000));
  expect((await bed.db.query("SELECT pid FROM pg_stat_replication")).rows).toEqual(rows);
  expect((await bed.slot())!.active).toBe(true);
  await bed.db.query("INSERT INTO a VALUES (1, 'x')");
  await driver.until("the row arrives", () => driver.seen.length === 1);
});

test("slot.drop.on.stop drops the slot", async () => {
  bed = await PostgresBed.open(server, a);
  const driver = await bed.driver({ "slot.drop.on.stop": "true" });
  await bed.streaming(driver);
  await driver.stop();
  expect(await bed.slot()).toBeUndefined();
});

test("a lost slot says what to do", async () => {
  bed = await PostgresBed.open(server, a);
  const driver = await bed.driver();
  await bed.streaming(driver);
  await driver.stop();
  await bed.dropSlot();
  await bed.db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [`slot_${bed.name}`]);
  const stale = { ...driver.stored, lsn_commit: 100, lsn: 100 };
  await expect(bed.driver({}, stale)).rejects.toThrow(/beyond the stored position.*pg_drop_replication_slot/);
});

test("the publication is kept at the captured tables, and a table added later is captured", async () => {
  bed = await PostgresBed.open(server, `${a}; CREATE TABLE b (id int PRIMARY KEY)`);
  const published = async () =>
    (await bed.db.query("SELECT tablename FROM pg_publication_tables WHERE pubname = 'pub' ORDER BY 1")).rows.map((r) => r.tablename);
  let driver = await bed.driver({ "table.include.list": "public.a", "publication.autocreate.mode": "filtered" });
  await bed.streaming(driver);
  expect(await published()).toEqual(["a"]);
  await driver.stop();
  driver = await bed.driver({ "table.include.list": "public.(a|b)", "publication.autocreate.mode": "filtered" }, driver.stored);
  await bed.streaming(driver);
  expect(await published()).toEqual(["a", "b"]);
  await bed.db.query("INSERT INTO b VALUES (1)");
  await driver.until("the row arrives", () => driver.of("s.public.b").length === 1);
  await expect(bed.driver({ "publication.name": "none", "publication.autocreate.mode": "disabled" })).rejects.toThrow(
    /Publication none does not exist/,
  );
});

test("columns come, go, widen and are renamed while the stream runs", async () => {
  bed = await PostgresBed.open(server, a);
  const driver = await bed.driver();
  await bed.streaming(driver);
  let n = 0;
  const next = async (sql: string) => {
    await bed.db.query(sql);
    const want = ++n;
    await driver.until(sql, () => driver.seen.length >= want);
    return driver.seen[want - 1]!;
  };
  expect((await next("INSERT INTO a VALUES (1, 'one')")).value.after).toEqual({ id: 1, v: "one" });
  await bed.db.query("ALTER TABLE a ADD n int NOT NULL DEFAULT 7");
  const added = await next("INSERT INTO a VALUES (2, 'two')");
  expect(added.value.after).toEqual({ id: 2, v: "two", n: 7 });
  const after = () => driver.seen[n - 1]!.record.valueSchema!.fields!.find((f) => f.name === "after")!.schema.fields!;
  expect(after().map((f) => [f.name, f.schema.type, f.schema.optional, f.schema.default])).toEqual([
    ["id", "int32", false, undefined],
    ["v", "string", true, undefined],
    ["n", "int32", false, 7],
  ]);
  await bed.db.query("ALTER TABLE a ALTER n TYPE bigint; ALTER TABLE a RENAME v TO w");
  expect((await next("UPDATE a SET n = 5000000000 WHERE id = 1")).value.after).toEqual({ id: 1, w: "one", n: 5000000000 });
  await bed.db.query("ALTER TABLE a DROP w");
  expect((await next("INSERT INTO a VALUES (3, 3)")).value.after).toEqual({ id: 3, n: 3 });
});

test("changed keys, deletes, truncates, messages, transactions and origins have their records", async () => {
  bed = await PostgresBed.open(server, `${a}; INSERT INTO a VALUES (1, 'x'); CREATE TABLE nokey (v text)`);
  const driver = await bed.driver({
    "snapshot.mode": "no_data",
    "skipped.operations": "none",
    "provide.transaction.metadata": "true",
    "message.prefix.include.list": "want.*",
  });
  await bed.streaming(driver);
  await bed.db.query("BEGIN; UPDATE a SET id = 2 WHERE id = 1; DELETE FROM a WHERE id = 2; INSERT INTO nokey VALUES ('n'); COMMIT");
  await bed.db.query("TRUNCATE a");
  await bed.db.query("SELECT pg_logical_emit_message(true, 'wanted', 'body'), pg_logical_emit_message(true, 'other', 'no')");
  await driver.until("the message's transaction ends", () => driver.of("s.transaction").length === 6);
  expect(driver.of("s.public.a").map((s) => [s.value?.op ?? null, s.key, Object.keys(s.headers).filter((k) => /key$/.test(k))])).toEqual([
    ["d", { id: 1 }, ["__debezium.newkey"]],
    [null, { id: 1 }, ["__debezium.newkey"]],
    ["c", { id: 2 }, ["__debezium.oldkey"]],
    ["d", { id: 2 }, []],
    [null, { id: 2 }, []],
    ["t", null, []],
  ]);
  expect(
    driver
      .of("s.public.a")
      .filter((s) => s.value)
      .map((s) => [s.value.transaction.total_order, s.value.transaction.data_collection_order]),
  ).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
    [1, 1],
  ]);
  expect(driver.of("s.public.nokey")[0]).toMatchObject({
    key: null,
    value: { op: "c", after: { v: "n" }, transaction: { total_order: 4 } },
  });
  expect(driver.of("s.message").map((s) => [s.key, s.value.message.content])).toEqual([
    [{ prefix: "wanted" }, Buffer.from("body").toString("hex")],
  ]);
  expect(driver.of("s.transaction")[1]!.value).toMatchObject({ status: "END", event_count: 4 });
});

test("partitions come under their own names, or the root's with publish.via.partition.root", async () => {
  const sql =
    "CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100)";
  bed = await PostgresBed.open(server, sql);
  let driver = await bed.driver({ "snapshot.mode": "no_data" });
  await bed.streaming(driver);
  await bed.db.query("INSERT INTO p VALUES (1, 'x')");
  await driver.until("the row arrives", () => driver.seen.length === 1);
  expect(driver.seen[0]!.topic).toBe("s.public.p1");
  await bed.close();
  bed = await PostgresBed.open(server, sql);
  driver = await bed.driver({ "snapshot.mode": "no_data", "publish.via.partition.root": "true" });
  await bed.streaming(driver);
  await bed.db.query("INSERT INTO p VALUES (1, 'x')");
  await driver.until("the row arrives", () => driver.seen.length === 1);
  expect(driver.seen[0]!.topic).toBe("s.public.p");
});

test("heartbeats come in their interval and run their query", async () => {
  bed = await PostgresBed.open(server, `${a}; INSERT INTO a VALUES (1, '0')`);
  const driver = await bed.driver({
    "snapshot.mode": "no_data",
    "heartbeat.interval.ms": "200",
    "heartbeat.action.query": "UPDATE a SET v = (v::int + 1)::text WHERE id = 1",
  });
  await bed.streaming(driver);
  await driver.until("three have come", () => driver.of("__debezium-heartbeat.s").length >= 3);
  expect(driver.of("__debezium-heartbeat.s")[0]).toMatchObject({ key: { serverName: "s" } });
  await driver.until("its change comes through the stream", () => driver.of("s.public.a").length > 0);
});

test("an incremental snapshot runs beside the stream: every row once, changed ones as they are now", async () => {
  bed = await PostgresBed.open(
    server,
    `${a}; INSERT INTO a SELECT i, 'old' FROM generate_series(1, 3000) i; CREATE TABLE signals (id text PRIMARY KEY, type text, data text)`,
  );
  const config = {
    "snapshot.mode": "no_data",
    "signal.data.collection": "public.signals",
    "incremental.snapshot.chunk.size": "200",
    "table.include.list": "public.a",
  };
  let driver = await bed.driver(config);
  await bed.streaming(driver);
  const signal = (id: string, type: string, data: object) =>
    bed.db.query("INSERT INTO signals VALUES ($1, $2, $3)", [id, type, JSON.stringify(data)]);
  await signal("go", "execute-snapshot", {
    "data-collections": ["public.a"],
    "additional-conditions": [{ "data-collection": "public.a", filter: "id <= 2500" }],
  });
  await driver.until("a part is read", () => driver.seen.length >= 600);
  await bed.db.query("UPDATE a SET v = 'new' WHERE id % 10 = 0");
  await driver.kill();
  const earlier = driver.seen;
  driver = await bed.driver(config, driver.stored);
  await driver.until(
    "it is complete",
    () => driver.stored?.["incremental_snapshot"] === undefined && driver.polls > 5 && earlier.length + driver.seen.length >= 2700,
  );
  const all = [...earlier, ...driver.seen];
  const state = new Map<number, string>();
  for (const s of all) state.set(s.value.after.id, s.value.after.v);
  for (let id = 1; id <= 2500; id++) expect(state.get(id)).toBe(id % 10 === 0 ? "new" : "old");
  const reads = all.filter((s) => s.value.op === "r").map((s) => s.value.after.id);
  expect(new Set(reads).size).toBe(reads.length);
  expect(Math.max(...reads)).toBeLessThanOrEqual(2500);
  expect(all.find((s) => s.value.op === "r")!.value.source.snapshot).toBe("incremental");
  await signal("go2", "execute-snapshot", { "data-collections": ["public.a"] });
  await signal("stop", "stop-snapshot", { "data-collections": ["public.a"] });
  await bed.db.query("INSERT INTO a VALUES (5000, 'end')");
  await driver.until(
    "it has stopped",
    () => driver.stored?.["incremental_snapshot"] === undefined && driver.seen.some((s) => s.value.after.id === 5000),
  );
});
