import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { confluentJdbcSink } from "../../../src/connectors/jdbc/connectors.js";
import { ConnectBed, until } from "../../support/connect.js";
import { startPostgres, type TestPostgres } from "../../support/postgres.js";

let server: TestPostgres;
let db: pg.Client;
let bed: ConnectBed;
beforeAll(async () => {
  server = await startPostgres();
  db = await server.client();
});
afterAll(async () => {
  await server?.stop();
});
beforeEach(async () => {
  bed = await new ConnectBed().open({ sinks: [confluentJdbcSink] });
  await db.query("DROP TABLE IF EXISTS counts; DROP TABLE IF EXISTS millrace_offsets; CREATE TABLE counts (id int PRIMARY KEY, name text)");
});
afterEach(() => bed.remove());

const sink = () => ({
  "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
  topics: "counts",
  "connection.url": `jdbc:postgresql://127.0.0.1:${server.port}/postgres`,
  "connection.user": "postgres",
  "connection.password": "postgres",
  "insert.mode": "upsert",
  "pk.mode": "record_key",
});
const source = { "connector.class": "CountingSource", topic: "counts", count: "20", as: "chunks" };
const ids = async () => (await db.query("SELECT id FROM counts ORDER BY id")).rows.map((r) => r.id);

it("delivers, sets one refused row aside, and sends it back once the table takes it", async () => {
  await db.query("ALTER TABLE counts ADD CONSTRAINT no_seven CHECK (id <> 7)");
  await bed.worker.create("count", source);
  await bed.worker.create("sink", sink());
  await until("19 rows are there", async () => (await ids()).length === 19, 20_000);
  await until("one is set aside", () => bed.errors.count() === 1);
  const [e] = bed.errors.list();
  expect(e).toMatchObject({ stage: "sink", topic: "counts", offset: 7 });
  await expect(bed.errors.replay(e!.id)).rejects.toThrow(/no_seven/);
  expect(bed.errors.count()).toBe(1);
  await db.query("ALTER TABLE counts DROP CONSTRAINT no_seven");
  await bed.errors.replay(e!.id);
  expect(bed.errors.count()).toBe(0);
  expect(await ids()).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect((await bed.worker.config("sink"))["connection.password"]).toBe("********");
});

it("goes back in the target as well where its offsets are changed", async () => {
  await bed.worker.create("count", source);
  await bed.worker.create("sink", sink());
  await until("20 rows are there", async () => (await ids()).length === 20, 20_000);
  await bed.worker.stop("sink");
  await db.query("DELETE FROM counts");
  await bed.worker.alterOffsets("sink", [{ partition: { kafka_topic: "counts", kafka_partition: 0 }, offset: { kafka_offset: 15 } }]);
  await bed.worker.resume("sink");
  await until("five rows come again", async () => (await ids()).length === 5, 20_000);
  await bed.worker.stop("sink");
  await bed.worker.resetOffsets("sink");
  await bed.worker.resume("sink");
  await until("all rows come again", async () => (await ids()).length === 20, 20_000);
});

it.each([
  ["by column", {}],
  // a header on every record leaves columns no room
  ["as records", { transforms: "h,route", "transforms.h.type": `${"org.apache.kafka.connect.transforms."}InsertHeader` }],
])("writes to the table that RegexRouter names (%s), exactly once from the topic's own offsets", async (_how, more) => {
  await db.query("DROP TABLE IF EXISTS routed; CREATE TABLE routed (id int PRIMARY KEY, name text)");
  const routed = {
    ...sink(),
    transforms: "route",
    "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "transforms.route.regex": "cou(.*)",
    "transforms.route.replacement": "routed",
    ...("transforms" in more ? { "transforms.h.header": "h", "transforms.h.value.literal": "v" } : {}),
    ...more,
  };
  await bed.worker.create("count", source);
  await bed.worker.create("sink", routed);
  const rows = async () => (await db.query("SELECT count(*)::int AS n FROM routed")).rows[0].n as number;
  await until("20 rows are there", async () => (await rows()) === 20, 20_000);
  await until("the group follows", async () => (await bed.worker.offsets("sink"))[0]?.offset?.["kafka_offset"] !== undefined);
  expect((await bed.worker.offsets("sink"))[0]!.partition).toEqual({ kafka_topic: "counts", kafka_partition: 0 });
  await db.query("DELETE FROM routed");
  await bed.worker.restartTask("sink", 0);
  await bed.worker.putConfig("count", { ...source, count: "25" });
  await until("the five new ones are there", async () => (await rows()) === 5, 20_000);
});
