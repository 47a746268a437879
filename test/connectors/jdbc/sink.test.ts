import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { confluentJdbcSink, debeziumJdbcSink } from "../../../src/connectors/jdbc/connectors.js";
import {
  arrayOf,
  Decimal,
  logical,
  mapOf,
  optional,
  primitive,
  type Schema,
  Struct,
  structOf,
  type Value,
} from "../../../src/data/schema.js";
import { startPostgres, type TestPostgres } from "../../support/postgres.js";
import { record, SinkHarness } from "./harness.js";

let server: TestPostgres;
let db: pg.Client;
beforeAll(async () => {
  server = await startPostgres();
  db = await server.client();
});
afterAll(() => server?.stop());

const id = primitive("int32");
const keySchema = structOf([["id", id]]);
const rowSchema = structOf([
  ["id", id],
  ["name", optional(primitive("string"))],
  ["amount", optional(logical.decimal(2))],
]);
const key = (n: number): [Schema, Value] => [keySchema, new Struct(keySchema, [n])];
const row = (n: number, name: string | null, cents = 0n): [Schema, Value] => [
  rowSchema,
  new Struct(rowSchema, [n, name, new Decimal(cents, 2)]),
];

function confluent(extra: Record<string, string> = {}) {
  return {
    "connection.url": `jdbc:postgresql://127.0.0.1:${server.port}/postgres`,
    "connection.user": "postgres",
    "connection.password": "postgres",
    "insert.mode": "upsert",
    "pk.mode": "record_key",
    "auto.create": "true",
    "auto.evolve": "true",
    "delete.enabled": "true",
    ...extra,
  };
}
function debezium(extra: Record<string, string> = {}) {
  return {
    "connection.url": `jdbc:postgresql://127.0.0.1:${server.port}/postgres`,
    "connection.username": "postgres",
    "connection.password": "postgres",
    "insert.mode": "upsert",
    "primary.key.mode": "record_key",
    "schema.evolution": "basic",
    "delete.enabled": "true",
    ...extra,
  };
}
const all = async (table: string, order = "id") => (await db.query(`SELECT * FROM ${table} ORDER BY ${order}`)).rows;

describe("modes", () => {
  test("upserts, deletes on tombstones, and the last change of a key in a batch wins", async () => {
    const h = await new SinkHarness(confluentJdbcSink, confluent()).start("modes_upsert");
    await h.task.put([
      record("modes_upsert", 0, key(1), row(1, "one", 150n)),
      record("modes_upsert", 1, key(2), row(2, "two")),
      record("modes_upsert", 2, key(1), row(1, "uno", 250n)),
      record("modes_upsert", 3, key(2), null),
      record("modes_upsert", 4, key(3), row(3, null)),
    ]);
    expect(await h.task.flush()).toEqual(new Map([["modes_upsert-0", 5]]));
    expect(await all('"modes_upsert"')).toEqual([
      { id: 1, name: "uno", amount: "2.50" },
      { id: 3, name: null, amount: "0.00" },
    ]);
    expect(h.errors).toEqual([]);
    await h.stop();
  });

  test("insert keeps every record without a key and a repeated key is refused alone", async () => {
    const plain = await new SinkHarness(
      confluentJdbcSink,
      confluent({ "insert.mode": "insert", "pk.mode": "none", "delete.enabled": "false" }),
      { name: "plain" },
    ).start("modes_plain");
    await plain.task.put([record("modes_plain", 0, null, row(1, "a")), record("modes_plain", 1, null, row(1, "a"))]);
    await plain.task.flush();
    expect(await all("modes_plain")).toHaveLength(2);
    await plain.stop();

    const keyed = await new SinkHarness(confluentJdbcSink, confluent({ "insert.mode": "insert", "delete.enabled": "false" }), {
      name: "keyed",
    }).start("modes_keyed");
    await keyed.task.put([1, 2, 1, 3].map((n, i) => record("modes_keyed", i, key(n), row(n, `${i}`))));
    await keyed.task.flush();
    expect((await all("modes_keyed")).map((r) => r.name)).toEqual(["0", "1", "3"]);
    expect(keyed.errors.map((e) => [e.record.offset, (e.error as Error).message])).toEqual([
      [2, expect.stringContaining("duplicate key value")],
    ]);
    await keyed.stop();
  });

  test("update changes only rows that are there", async () => {
    await db.query(
      "CREATE TABLE modes_update (id int PRIMARY KEY, name text, amount numeric); INSERT INTO modes_update VALUES (1, 'old', 0)",
    );
    const h = await new SinkHarness(confluentJdbcSink, confluent({ "insert.mode": "update", "delete.enabled": "false" }), {
      name: "update",
    }).start("modes_update");
    await h.task.put([record("modes_update", 0, key(1), row(1, "new")), record("modes_update", 1, key(2), row(2, "none"))]);
    await h.task.flush();
    expect(await all("modes_update")).toEqual([{ id: 1, name: "new", amount: "0.00" }]);
    await h.stop();
  });

  test("keys from Kafka's coordinates, the value, a primitive key", async () => {
    const coordinates = await new SinkHarness(confluentJdbcSink, confluent({ "pk.mode": "kafka", "delete.enabled": "false" }), {
      name: "kafka",
    }).start("pk_kafka");
    await coordinates.task.put([record("pk_kafka", 7, null, row(1, "x"))]);
    await coordinates.task.flush();
    expect(await all("pk_kafka")).toEqual([
      { __connect_topic: "pk_kafka", __connect_partition: 0, __connect_offset: "7", id: 1, name: "x", amount: "0.00" },
    ]);
    await coordinates.stop();

    const value = await new SinkHarness(
      debeziumJdbcSink,
      debezium({ "primary.key.mode": "record_value", "primary.key.fields": "id", "delete.enabled": "false" }),
      { name: "value" },
    ).start("s.pk.value");
    await value.task.put([
      record("s.pk.value", 0, null, row(1, "x")),
      record("s.pk.value", 1, null, null),
      record("s.pk.value", 2, null, row(1, "y")),
    ]);
    await value.task.flush();
    expect(await all("s_pk_value")).toEqual([{ id: 1, name: "y", amount: "0.00" }]);
    expect(value.errors).toEqual([]);
    await value.stop();

    const primitiveKey = await new SinkHarness(confluentJdbcSink, confluent({ "pk.fields": "K" }), { name: "prim" }).start("pk_prim");
    await primitiveKey.task.put([record("pk_prim", 0, [id, 9], row(1, "x"))]);
    await primitiveKey.task.flush();
    expect(await all("pk_prim")).toEqual([{ K: 9, id: 1, name: "x", amount: "0.00" }]);
    await primitiveKey.stop();
  });
});

describe("tables", () => {
  test("names fold unless they are quoted, and each class has its own default", async () => {
    const upper = structOf([
      ["RESEARCH", id],
      ["AVE_CHANCE", optional(primitive("float64"))],
    ]);
    const value = (n: number, d: number): [Schema, Value] => [upper, new Struct(upper, [n, d])];
    const never = await new SinkHarness(confluentJdbcSink, confluent({ "quote.sql.identifiers": "never", "pk.fields": "RESEARCH" }), {
      name: "never",
    }).start("fold_never");
    await never.task.put([record("fold_never", 0, [id, 0], value(0, 0.5))]);
    await never.task.flush();
    const always = await new SinkHarness(confluentJdbcSink, confluent({ "pk.fields": "RESEARCH" }), { name: "always" }).start(
      "Fold_Always",
    );
    await always.task.put([record("Fold_Always", 0, [id, 0], value(0, 0.5))]);
    await always.task.flush();
    expect(await all("fold_never", "research")).toEqual([{ research: 0, ave_chance: 0.5 }]);
    expect(await all('"Fold_Always"', '"RESEARCH"')).toEqual([{ RESEARCH: 0, AVE_CHANCE: 0.5 }]);
    await never.stop();
    await always.stop();
  });

  test("a new field becomes a column, a missing table or column without leave is an error that names it", async () => {
    const h = await new SinkHarness(confluentJdbcSink, confluent(), { name: "evolve" }).start("evolve");
    await h.task.put([record("evolve", 0, key(1), row(1, "a"))]);
    const wider = structOf([
      ["id", id],
      ["name", optional(primitive("string"))],
      ["amount", optional(logical.decimal(2))],
      ["note", optional(primitive("string"))],
    ]);
    await h.task.put([record("evolve", 1, key(2), [wider, new Struct(wider, [2, "b", null, "new"])])]);
    await h.task.put([record("evolve", 2, key(3), row(3, "c"))]);
    await h.task.flush();
    expect((await all("evolve")).map((r) => r.note)).toEqual([null, "new", null]);
    await h.stop();

    const strict = await new SinkHarness(confluentJdbcSink, confluent({ "auto.create": "false", "auto.evolve": "false" }), {
      name: "strict",
    }).start("absent", "evolve");
    await expect(strict.task.put([record("absent", 0, key(1), row(1, "a"))])).rejects.toThrow(/"absent" does not exist/);
    const other = structOf([
      ["id", id],
      ["extra", optional(primitive("string"))],
    ]);
    await expect(strict.task.put([record("evolve", 0, key(1), [other, new Struct(other, [1, "x"])])])).rejects.toThrow(/no column extra/);
    await strict.stop();
  });

  test("Debezium's envelopes are opened; truncate empties the table after what came before", async () => {
    const envelope = structOf(
      [
        ["before", optional(rowSchema)],
        ["after", optional(rowSchema)],
        ["op", primitive("string")],
      ],
      { name: "server.public.env.Envelope" },
    );
    const event = (op: string, after: Value, before: Value = null): [Schema, Value] => [
      envelope,
      new Struct(envelope, [before, after, op]),
    ];
    const h = await new SinkHarness(debeziumJdbcSink, debezium({ "truncate.enabled": "true" }), { name: "env" }).start("env");
    await h.task.put([
      record("env", 0, key(1), event("c", row(1, "a")[1])),
      record("env", 1, key(2), event("c", row(2, "b")[1])),
      record("env", 2, key(1), event("d", null, row(1, "a")[1])),
    ]);
    await h.task.flush();
    expect((await all("env")).map((r) => r.id)).toEqual([2]);
    await h.task.put([record("env", 3, null, event("t", null)), record("env", 4, key(5), event("c", row(5, "e")[1]))]);
    await h.task.flush();
    expect((await all("env")).map((r) => r.id)).toEqual([5]);
    await h.stop();
  });
});

test("every type comes back into its own type", async () => {
  const d = (name: string, type: "string" | "int32" | "int64" | "bytes" = "string", extra: Partial<Schema> = {}) =>
    optional(primitive(type, { name, ...extra }));
  const fields: [string, Schema, Value, string, string][] = [
    ["s", optional(primitive("string")), "tè'xt", "text", "tè'xt"],
    ["i16", optional(primitive("int16")), -5, "smallint", "-5"],
    ["i64", optional(primitive("int64")), 9007199254740993n, "bigint", "9007199254740993"],
    ["neg64", optional(primitive("int64")), -9007199254740991, "bigint", "-9007199254740991"],
    ["f4", optional(primitive("float32")), 1.5, "real", "1.5"],
    ["f8", optional(primitive("float64")), Number.NaN, "double precision", "NaN"],
    ["b", optional(primitive("boolean")), true, "boolean", "true"],
    ["by", optional(primitive("bytes")), Buffer.from([0, 255]), "bytea", "\\x00ff"],
    ["dec", optional(logical.decimal(4)), new Decimal(-10001n, 4), "numeric", "-1.0001"],
    ["day", optional(logical.date()), -719529, "date", "0002-12-31 BC"],
    ["tm", d("io.debezium.time.MicroTime", "int64"), 86399_999_999, "time without time zone", "23:59:59.999999"],
    [
      "ts",
      d("io.debezium.time.MicroTimestamp", "int64"),
      1_709_210_096_789_012,
      "timestamp without time zone",
      "2024-02-29 12:34:56.789012",
    ],
    ["inf", d("io.debezium.time.MicroTimestamp", "int64"), 9223372036854775807n, "timestamp without time zone", "infinity"],
    [
      "tz",
      d("io.debezium.time.ZonedTimestamp"),
      "2024-02-29T12:34:56.789012Z",
      "timestamp with time zone",
      "2024-02-29 12:34:56.789012+00",
    ],
    ["ttz", d("io.debezium.time.ZonedTime"), "12:34:56.5+02:00", "time with time zone", "12:34:56.5+02"],
    ["u", d("io.debezium.data.Uuid"), "00000000-0000-0000-0000-00000000000a", "uuid", "00000000-0000-0000-0000-00000000000a"],
    ["j", d("io.debezium.data.Json"), '{"b": 1, "a": [2]}', "jsonb", '{"a": [2], "b": 1}'],
    ["x", d("io.debezium.data.Xml"), "<a>1</a>", "xml", "<a>1</a>"],
    ["bits", d("io.debezium.data.Bits", "bytes", { parameters: { length: "10" } }), Buffer.from([5, 2]), "bit", "1000000101"],
    ["iv", d("io.debezium.time.Interval"), "P1Y2M3DT4H5M6.7S", "interval", "1 year 2 mons 3 days 04:05:06.7"],
    ["ivus", d("io.debezium.time.MicroDuration", "int64"), 1_500_000, "interval", "00:00:01.5"],
    ["inet", optional(primitive("string", { parameters: { "__debezium.source.column.type": "INET" } })), "10.0.0.1", "inet", "10.0.0.1/32"],
    ["ai", optional(arrayOf(optional(primitive("int32")))), [1, null, 3], "integer[]", "{1,NULL,3}"],
    ["at", optional(arrayOf(optional(primitive("string")))), ['a"b', "c,d", "NULL"], "text[]", '{"a\\"b","c,d","NULL"}'],
    [
      "ats",
      optional(arrayOf(d("io.debezium.time.MicroTimestamp", "int64"))),
      [0],
      "timestamp without time zone[]",
      '{"1970-01-01 00:00:00"}',
    ],
  ];
  const schema = structOf([["id", id] as [string, Schema], ...fields.map(([n, s]) => [n, s] as [string, Schema])]);
  const h = await new SinkHarness(debeziumJdbcSink, debezium(), { name: "types" }).start("types");
  await h.task.put([
    record("types", 0, key(1), [schema, new Struct(schema, [1, ...fields.map((f) => f[2])])]),
    record("types", 1, key(2), [schema, new Struct(schema, [2, ...fields.map(() => null)])]),
  ]);
  await h.task.flush();
  expect(h.errors.map((e) => (e.error as Error).message)).toEqual([]);
  await db.query("SET TIME ZONE 'UTC'");
  for (const [name, , , type, text] of fields) {
    const { rows } = await db.query(`SELECT pg_typeof(${name})::text AS type, ${name}::text AS text FROM types ORDER BY id`);
    expect([name, rows[0].type, rows[0].text, rows[1].text]).toEqual([name, type, text, null]);
  }
  await h.stop();

  const hstore = structOf([
    ["id", id],
    ["h", optional(mapOf(primitive("string"), optional(primitive("string"))))],
  ]);
  await db.query("CREATE EXTENSION hstore; CREATE TABLE types_h (id int PRIMARY KEY, h hstore)");
  const m = await new SinkHarness(debeziumJdbcSink, debezium(), { name: "types_h" }).start("types_h");
  await m.task.put([
    record("types_h", 0, key(1), [
      hstore,
      new Struct(hstore, [
        1,
        new Map<Value, Value>([
          ['k"', "v"],
          ["n", null],
        ]),
      ]),
    ]),
  ]);
  await m.task.flush();
  expect((await db.query("SELECT h::text FROM types_h")).rows).toEqual([{ h: '"n"=>NULL, "k\\""=>"v"' }]);
  await m.stop();
});

describe("refused rows", () => {
  test("go to the error store one by one; the rest of the batch arrives", async () => {
    await db.query("CREATE TABLE refused (id int PRIMARY KEY, name varchar(3), amount numeric CHECK (amount >= 0))");
    const h = await new SinkHarness(confluentJdbcSink, confluent(), { name: "refused" }).start("refused");
    const records = Array.from({ length: 500 }, (_, i) =>
      record("refused", i, key(i), row(i, i === 100 ? "long" : "ok", i === 400 ? -1n : 1n)),
    );
    records.push(record("refused", 500, [optional(keySchema), null], row(500, "ok")));
    records.push(record("refused", 501, key(501), row(501, "no")));
    await h.task.put(records);
    expect(await h.task.flush()).toEqual(new Map([["refused-0", 502]]));
    expect(h.errors.map((e) => e.record.offset).sort((a, b) => a - b)).toEqual([100, 400, 500]);
    expect((await db.query("SELECT count(*)::int AS n FROM refused")).rows).toEqual([{ n: 499 }]);
    await h.stop();
  });

  test("a nested struct names its field", async () => {
    const nested = structOf([
      ["id", id],
      ["inner", keySchema],
    ]);
    const h = await new SinkHarness(confluentJdbcSink, confluent(), { name: "nested" }).start("nested");
    await h.task.put([record("nested", 0, key(1), [nested, new Struct(nested, [1, new Struct(keySchema, [1])])])]);
    await h.task.flush();
    expect(String(h.errors[0]?.error)).toContain("inner");
    await h.stop();
  });
});

describe("exactly once", () => {
  const config = () => confluent({ "insert.mode": "insert", "pk.mode": "none", "delete.enabled": "false" });

  test("a restart goes on at the target's offset, a replay writes nothing twice", async () => {
    const first = await new SinkHarness(confluentJdbcSink, config(), { name: "once" }).start("once");
    await first.task.put([0, 1, 2].map((i) => record("once", i, null, row(i, "a"))));
    await first.task.flush();
    await first.stop();
    const second = await new SinkHarness(confluentJdbcSink, config(), { name: "once" }).start("once");
    expect(second.seeks.get("once-0")).toBe(3);
    await second.task.put([0, 1, 2, 3].map((i) => record("once", i, null, row(i, "a"))));
    await second.task.flush();
    expect((await all("once")).map((r) => r.id)).toEqual([0, 1, 2, 3]);
    await second.stop();
  });

  test("a zombie task is fenced, another cluster or topic id starts anew", async () => {
    const zombie = await new SinkHarness(confluentJdbcSink, config(), { name: "zombie" }).start("zombie");
    await zombie.task.put([record("zombie", 0, null, row(0, "a"))]);
    await zombie.task.flush();
    const current = await new SinkHarness(confluentJdbcSink, config(), { name: "zombie" }).start("zombie");
    await zombie.task.put([record("zombie", 1, null, row(1, "zombie"))]);
    await expect(zombie.task.flush()).rejects.toThrow(/another task has taken over/);
    await current.task.put([record("zombie", 1, null, row(1, "right"))]);
    await current.task.flush();
    expect((await all("zombie")).map((r) => r.name)).toEqual(["a", "right"]);
    await zombie.stop();
    await current.stop();
    for (const options of [{ clusterId: "other" }, { topicId: "recreated" }]) {
      const fresh = await new SinkHarness(confluentJdbcSink, config(), { name: "zombie", ...options }).start("zombie");
      expect(fresh.seeks.size).toBe(0);
      await fresh.stop();
    }
  });

  test("a cut connection loses and doubles nothing", async () => {
    const h = await new SinkHarness(confluentJdbcSink, config(), { name: "cut" }).start("cut");
    const cut = setInterval(
      () => void db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace'").catch(() => {}),
      40,
    );
    for (let i = 0; i < 400; i++) {
      await h.task.put(Array.from({ length: 25 }, (_, j) => record("cut", i * 25 + j, null, row(i * 25 + j, "x"))));
      if (i % 20 === 0) await new Promise((r) => setTimeout(r, 15));
    }
    await new Promise((r) => setTimeout(r, 300));
    clearInterval(cut);
    await h.task.flush();
    expect((await db.query("SELECT count(*)::int AS n, count(DISTINCT id)::int AS d, max(id) AS m FROM cut")).rows).toEqual([
      { n: 10_000, d: 10_000, m: 9999 },
    ]);
    await h.stop();
  });
});

test("check names the connection's setting, validate each wrong one, and no error shows the password", async () => {
  const context = { resolveHost: (host: string, port: number) => ({ host, port }) };
  const problems = await confluentJdbcSink.check!(
    confluent({ "connection.url": "jdbc:postgresql://127.0.0.1:1/x", "connection.password": "s3cret" }),
    context,
  );
  expect(problems).toEqual([{ setting: "connection.url", message: expect.stringContaining("127.0.0.1:1/x") }]);
  const wrong = confluentJdbcSink.config.validate({
    "connection.url": "jdbc:oracle:thin",
    "insert.mode": "upsert",
    "pk.mode": "none",
    "batch.size": "x",
  });
  const errors = wrong.flatMap((r) => r.errors);
  expect(errors).toHaveLength(3);
  expect(JSON.stringify([problems, errors])).not.toContain("s3cret");
});
