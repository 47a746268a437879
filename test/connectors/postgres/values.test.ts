import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Schema } from "../../../src/data/schema.js";
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

/** Reads one row by snapshot and the same row by stream; both must be equal, and the snapshot's is returned. */
async function both(
  table: string,
  insert: string,
  more: Record<string, string> = {},
): Promise<{ after: Record<string, unknown>; schema: (field: string) => Schema; first: Seen }> {
  bed = await PostgresBed.open(
    server,
    `CREATE EXTENSION IF NOT EXISTS hstore; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (${table}); INSERT INTO t ${insert}`,
  );
  const driver = await bed.driver(more);
  await bed.streaming(driver);
  await bed.db.query(`INSERT INTO t ${insert}`);
  await driver.until("the row is streamed", () => driver.seen.length === 2);
  const [first, second] = driver.seen as [Seen, Seen];
  expect(second.value.after).toEqual(first.value.after);
  const row = first.record.valueSchema!.fields!.find((f) => f.name === "after")!.schema;
  expect(second.record.valueSchema!.fields!.find((f) => f.name === "after")!.schema).toEqual(row);
  return { after: first.value.after, schema: (field) => row.fields!.find((f) => f.name === field)!.schema, first };
}

const numbers = "n numeric, p numeric(10,2), m money, f float8";
test.each([
  ["precise", ["1.50".replace(/0$/, ""), "12.30", "1234.50"], "bytes"],
  ["string", ["1.50", "12.30", "1234.50"], "string"],
  ["double", [1.5, 12.3, 1234.5], "float64"],
] as const)("decimal.handling.mode=%s", async (mode, [n, p, m], type) => {
  const { after, schema } = await both(numbers, "VALUES (1.50, 12.3, '1,234.50', 'NaN')", { "decimal.handling.mode": mode });
  expect(schema("p").type).toBe(type);
  expect(after["p"]).toBe(p);
  expect(after["m"]).toBe(m);
  if (mode === "precise") expect(after["n"]).toEqual({ scale: 1, value: "0f" });
  else expect(after["n"]).toBe(n);
});

test.each([
  ["precise", null],
  ["string", "NAN"],
  ["double", Number.NaN],
] as const)("NaN with decimal.handling.mode=%s", async (mode, nan) => {
  const { after } = await both(numbers, "VALUES ('NaN', 'NaN', NULL, 'Infinity')", { "decimal.handling.mode": mode });
  expect(after).toEqual({ n: nan, p: nan, m: null, f: Number.POSITIVE_INFINITY });
});

const times = "d date, t time, t3 time(3), ts timestamp, ts3 timestamp(3), tz timestamptz, i interval";
const timeRow =
  "VALUES ('2024-02-29', '12:34:56.789012', '12:34:56.789', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.5+02', '1 year 2 mons 3 days 04:05:06.5')";
test.each([
  ["adaptive", 19782, 45296789012, 45296789, 1709210096789012, 1709210096789],
  ["adaptive_time_microseconds", 19782, 45296789012, 45296789000, 1709210096789012, 1709210096789],
  ["connect", 19782, 45296789, 45296789, 1709210096789, 1709210096789],
  ["microseconds", 19782, 45296789012, 45296789000, 1709210096789012, 1709210096789000],
  ["nanoseconds", 19782, 45296789012000, 45296789000000, 1709210096789012000n, 1709210096789000000n],
  ["isostring", "2024-02-29Z", "12:34:56.789012Z", "12:34:56.789Z", "2024-02-29T12:34:56.789012Z", "2024-02-29T12:34:56.789Z"],
] as const)("time.precision.mode=%s", async (mode, d, t, t3, ts, ts3) => {
  const { after, schema } = await both(times, timeRow, { "time.precision.mode": mode, "interval.handling.mode": "string" });
  expect(after).toEqual({ d, t, t3, ts, ts3, tz: "2024-02-29T10:34:56.500000Z", i: "P1Y2M3DT4H5M6.5S" });
  if (mode === "connect") expect(schema("ts").name).toBe("org.apache.kafka.connect.data.Timestamp");
});

test("infinite and BC times are the same in snapshot and stream", async () => {
  const { after } = await both(
    "d date, d2 date, ts timestamp, tz timestamptz, tz2 timestamptz",
    "VALUES ('infinity', '0044-03-15 BC', '-infinity', 'infinity', '0044-03-15 12:00:00+00 BC')",
  );
  expect(after).toEqual({ d: 2147483647, d2: -735160, ts: -9223372036854775808n, tz: "infinity", tz2: "-0043-03-15T12:00:00.000000Z" });
});

test.each([
  ["bytes", "00ff10fb"],
  ["base64", "AP8Q+w=="],
  ["base64-url-safe", "AP8Q-w=="],
  ["hex", "00ff10fb"],
])("binary.handling.mode=%s", async (mode, expected) => {
  const { after, schema } = await both("b bytea", "VALUES ('\\x00ff10fb')", { "binary.handling.mode": mode });
  expect(after["b"]).toBe(expected);
  expect(schema("b").type).toBe(mode === "bytes" ? "bytes" : "string");
});

test("hstore as a map, unknown types as bytes, enums, domains and arrays", async () => {
  const { after, schema } = await both(
    "h hstore, e mood, ea mood[], x jsonpath, u uuid[], b bit(3), dn bigint",
    `VALUES ('"a"=>"1", "b"=>NULL', 'ok', '{ok,sad}', '$.a', '{f47ac10b-58cc-4372-a567-0e02b2c3d479,NULL}', B'101', 9223372036854775807)`,
    { "hstore.handling.mode": "map", "include.unknown.datatypes": "true" },
  );
  expect(after).toEqual({
    h: { a: "1", b: null },
    e: "ok",
    ea: ["ok", "sad"],
    x: Buffer.from('$."a"').toString("hex"),
    u: ["f47ac10b-58cc-4372-a567-0e02b2c3d479", null],
    b: "05",
    dn: 9223372036854775807n,
  });
  expect(schema("e").parameters).toEqual({ allowed: "sad,ok" });
});

test("numeric with a negative scale has its own scale", async () => {
  const { after, schema } = await both("n numeric(3,-2)", "VALUES (12345)");
  expect(schema("n").parameters).toEqual({ scale: "-2", "connect.decimal.precision": "3" });
  expect(after["n"]).toBe("12300");
});

test("columns are left out, masked, cut, hashed and described as the config says", async () => {
  const { after, schema, first } = await both(
    "id int PRIMARY KEY DEFAULT (random() * 1e9)::int, secret text, name varchar(20), mail text, card text",
    "(secret, name, mail, card) VALUES ('s', 'a long name', 'x@y', '4111')",
    {
      "column.exclude.list": "public.t.secret,public.t.id",
      "column.truncate.to.6.chars": "public.t.name",
      "column.mask.hash.SHA-256.with.salt.pepper": "public.t.mail",
      "column.mask.with.5.chars": "public.t.card",
      "column.propagate.source.type": "public.t.name",
    },
  );
  expect(after).toEqual({ name: "a long", mail: expect.stringMatching(/^[0-9a-f]{64}$/), card: "*****" });
  expect(Object.keys(first.key as object)).toEqual(["id"]);
  expect(schema("name").parameters).toEqual({
    "__debezium.source.column.type": "VARCHAR",
    "__debezium.source.column.length": "20",
    "__debezium.source.column.name": "name",
  });
});

test("topics, schemas, fields and keys are named as the config says", async () => {
  bed = await PostgresBed.open(
    server,
    'CREATE SCHEMA "my schema"; CREATE TABLE "my schema"."T-1" ("the id" int, other int NOT NULL); INSERT INTO "my schema"."T-1" VALUES (1, 2)',
  );
  const driver = await bed.driver({
    "topic.delimiter": "-",
    "schema.name.adjustment.mode": "avro",
    "field.name.adjustment.mode": "avro",
    "message.key.columns": "my schema.T-1:other",
    "extended.headers.enabled": "false",
  });
  await bed.streaming(driver);
  const [row] = driver.seen;
  expect(row!.topic).toBe("s-my_schema-T-1");
  expect(row!.key).toEqual({ other: 2 });
  expect(row!.value.after).toEqual({ the_id: 1, other: 2 });
  expect(row!.record.valueSchema!.name).toBe("s_my_schema_T_1.Envelope");
  expect(row!.headers).toEqual({});
});

test("unchanged TOAST values have their placeholder, also one of one's own", async () => {
  bed = await PostgresBed.open(
    server,
    "CREATE TABLE t (id int PRIMARY KEY, n int, v text, b bytea, a text[]); ALTER TABLE t ALTER v SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL, ALTER a SET STORAGE EXTERNAL; INSERT INTO t SELECT 1, 1, string_agg(md5(i::text), ''), decode(string_agg(md5(i::text), ''), 'hex'), ARRAY[string_agg(md5(i::text), '')] FROM generate_series(1, 200) i",
  );
  const driver = await bed.driver({ "snapshot.mode": "no_data", "unavailable.value.placeholder": "gone" });
  await bed.streaming(driver);
  await bed.db.query("UPDATE t SET n = 2");
  await driver.until("the row arrives", () => driver.seen.length === 1);
  expect(driver.seen[0]!.value.after).toEqual({ id: 1, n: 2, v: "gone", b: Buffer.from("gone").toString("hex"), a: ["gone"] });
});

test("skip.messages.without.change and skipped operations leave events out", async () => {
  bed = await PostgresBed.open(
    server,
    "CREATE TABLE t (id int PRIMARY KEY, a int, b int); ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, 1, 1)",
  );
  const driver = await bed.driver({
    "snapshot.mode": "no_data",
    "skip.messages.without.change": "true",
    "column.exclude.list": "public.t.b",
    "skipped.operations": "d",
  });
  await bed.streaming(driver);
  await bed.db.query("UPDATE t SET b = 2");
  await bed.db.query("UPDATE t SET a = 2");
  await bed.db.query("DELETE FROM t");
  await bed.db.query("INSERT INTO t VALUES (9, 9, 9)");
  await driver.until("the last arrives", () => driver.seen.some((s) => s.value.after?.id === 9));
  expect(driver.seen.map((s) => [s.value.op, s.value.after])).toEqual([
    ["u", { id: 1, a: 2 }],
    ["c", { id: 9, a: 9 }],
  ]);
});
