import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { debeziumJdbcSink } from "../../../../src/connectors/jdbc/connectors.js";
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
} from "../../../../src/data/schema.js";
import { startPostgres, type TestPostgres } from "../../../support/postgres.js";
import { record, SinkHarness } from "../../../support/sink-harness.js";

let server: TestPostgres;
let db: pg.Client;
beforeAll(async () => {
  server = await startPostgres();
  db = await server.client();
});
afterAll(() => server?.stop());

const id = primitive("int32");
const keySchema = structOf([["id", id]]);
const key = (n: number): [Schema, Value] => [keySchema, new Struct(keySchema, [n])];
const debezium = (extra: Record<string, string> = {}) => ({
  "connection.url": `jdbc:postgresql://127.0.0.1:${server.port}/postgres`,
  "connection.username": "postgres",
  "connection.password": "postgres",
  "insert.mode": "upsert",
  "primary.key.mode": "record_key",
  "schema.evolution": "basic",
  "delete.enabled": "true",
  ...extra,
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
