import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { confluentJdbcSink, debeziumJdbcSink } from "../../../../src/connectors/jdbc/connectors.js";
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
import { record, SinkHarness } from "../../../support/sink-harness.js";
import { type TargetDatabase, targets } from "../targets.js";

const id = primitive("int32");
const text = optional(primitive("string"));
const keySchema = structOf([["id", id]]);
const key = (n: number): [Schema, Value] => [keySchema, new Struct(keySchema, [n])];
const named = (name: string, type: "string" | "int32" | "int64" | "bytes" = "string", parameters?: Record<string, string>) =>
  optional(primitive(type, { name, ...(parameters ? { parameters } : {}) }));
const from = (type: string, schema: Schema, length?: number): Schema => ({
  ...schema,
  parameters: {
    ...schema.parameters,
    "__debezium.source.column.type": type,
    ...(length === undefined ? {} : { "__debezium.source.column.length": String(length) }),
  },
});
const pointSchema = structOf(
  [
    ["x", primitive("float64")],
    ["y", primitive("float64")],
    ["wkb", optional(primitive("bytes"))],
    ["srid", optional(primitive("int32"))],
  ],
  { name: "io.debezium.data.geometry.Point", optional: true },
);
const geometrySchema = structOf(
  [
    ["wkb", primitive("bytes")],
    ["srid", optional(primitive("int32"))],
  ],
  { name: "io.debezium.data.geometry.Geometry", optional: true },
);
const variable = structOf(
  [
    ["scale", primitive("int32")],
    ["value", primitive("bytes")],
  ],
  { name: "io.debezium.data.VariableScaleDecimal", optional: true },
);
// SRID=4326;LINESTRING(1 2, 3 4) as PostGIS writes it, big-endian with the SRID inside
const ewkb = Buffer.alloc(45);
ewkb.writeUInt32BE(0x20000002, 1);
ewkb.writeUInt32BE(4326, 5);
ewkb.writeUInt32BE(2, 9);
[1, 2, 3, 4].forEach((n, i) => void ewkb.writeDoubleBE(n, 13 + i * 8));

/** field, schema, value, column type in MySQL, in MariaDB where it differs, the SELECT's expression, what it gives */
const types: [string, Schema, Value, string, string | null, string, string][] = [
  ["s", text, "tè'x\\t 𝄞\n", "longtext", null, "s", "tè'x\\t 𝄞\n"],
  ["i8", optional(primitive("int8")), -5, "tinyint", "tinyint(4)", "i8", "-5"],
  ["i16", optional(primitive("int16")), -5, "smallint", "smallint(6)", "i16", "-5"],
  ["i64", optional(primitive("int64")), 9007199254740993n, "bigint", "bigint(20)", "i64", "9007199254740993"],
  [
    "ubig",
    from("BIGINT UNSIGNED", optional(logical.decimal(0))),
    new Decimal(18446744073709551615n, 0),
    "bigint unsigned",
    "bigint(20) unsigned",
    "ubig",
    "18446744073709551615",
  ],
  ["med", from("MEDIUMINT UNSIGNED", optional(id)), 16777215, "mediumint unsigned", "mediumint(8) unsigned", "med", "16777215"],
  ["f4", optional(primitive("float32")), 1.5, "float", null, "f4", "1.5"],
  ["f8", optional(primitive("float64")), -1.7976931348623157e308, "double", null, "f8 = -1.7976931348623157e308", "1"],
  ["b", optional(primitive("boolean")), true, "tinyint(1)", null, "b", "1"],
  ["by", optional(primitive("bytes")), Buffer.from([0, 39, 92, 255]), "longblob", null, "hex(`by`)", "00275CFF"],
  [
    "dec",
    optional(logical.decimal(4, { parameters: { "connect.decimal.precision": "12" } })),
    new Decimal(-10001n, 4),
    "decimal(12,4)",
    null,
    "`dec`",
    "-1.0001",
  ],
  [
    "big",
    optional(logical.decimal(2)),
    new Decimal(123456789012345678901234567890n, 2),
    "decimal(65,2)",
    null,
    "big",
    "1234567890123456789012345678.90",
  ],
  ["vs", variable, new Struct(variable, [3, Buffer.from([0x04, 0xd2])]), "decimal(65,30)", null, "vs + 0 = 1.234", "1"],
  ["day", optional(logical.date()), 19782, "date", null, "day", "2024-02-29"],
  ["day0", named("io.debezium.time.Date", "int32"), -719162, "date", null, "day0", "0001-01-01"],
  ["tm", named("io.debezium.time.MicroTime", "int64"), -3_016_799_000_001, "time(6)", null, "tm", "-837:59:59.000001"],
  ["ts", named("io.debezium.time.MicroTimestamp", "int64"), 1_709_210_096_789_012, "datetime(6)", null, "ts", "2024-02-29 12:34:56.789012"],
  [
    "tn",
    named("io.debezium.time.NanoTimestamp", "int64"),
    1_709_210_096_789_012_345n,
    "datetime(6)",
    null,
    "tn",
    "2024-02-29 12:34:56.789012",
  ],
  [
    "far",
    named("io.debezium.time.MicroTimestamp", "int64"),
    253_402_300_799_999_999n,
    "datetime(6)",
    null,
    "far",
    "9999-12-31 23:59:59.999999",
  ],
  [
    "tz",
    named("io.debezium.time.ZonedTimestamp"),
    "2024-02-29T12:34:56.789012+02:00",
    "datetime(6)",
    null,
    "tz",
    "2024-02-29 10:34:56.789012",
  ],
  [
    "own",
    from("TIMESTAMP", named("io.debezium.time.ZonedTimestamp"), 3),
    "2024-02-29T12:34:56.789Z",
    "timestamp(3)",
    null,
    "own",
    "2024-02-29 12:34:56.789",
  ],
  ["ttz", named("io.debezium.time.ZonedTime"), "12:34:56.5+02:00", "time(6)", null, "ttz", "10:34:56.500000"],
  ["y", named("io.debezium.time.Year", "int32"), 2155, "year", "year(4)", "y", "2155"],
  [
    "u",
    named("io.debezium.data.Uuid"),
    "00000000-0000-0000-0000-00000000000a",
    "char(36)",
    null,
    "u",
    "00000000-0000-0000-0000-00000000000a",
  ],
  ["j", named("io.debezium.data.Json"), '{"b": "x\\n𝄞"}', "json", "longtext", "json_unquote(json_extract(j, '$.b'))", "x\n𝄞"],
  ["x", named("io.debezium.data.Xml"), "<a>1</a>", "longtext", null, "x", "<a>1</a>"],
  ["e", named("io.debezium.data.Enum", "string", { allowed: "a,b'c" }), "b'c", "enum('a','b''c')", null, "e", "b'c"],
  ["es", named("io.debezium.data.EnumSet", "string", { allowed: "a,b,c" }), "a,c", "set('a','b','c')", null, "es", "a,c"],
  ["bits", named("io.debezium.data.Bits", "bytes", { length: "10" }), Buffer.from([5, 2]), "bit(10)", null, "bin(bits)", "1000000101"],
  ["bit1", from("BIT", optional(primitive("boolean"))), true, "bit(1)", null, "bit1 + 0", "1"],
  ["iv", named("io.debezium.time.Interval"), "P1Y2M3DT4H5M6.7S", "longtext", null, "iv", "P1Y2M3DT4H5M6.7S"],
  ["ivus", named("io.debezium.time.MicroDuration", "int64"), 1_500_000, "bigint", "bigint(20)", "ivus", "1500000"],
  ["p", pointSchema, new Struct(pointSchema, [1.5, -2, null, null]), "point", null, "st_astext(p)", "POINT(1.5 -2)"],
  [
    "g",
    geometrySchema,
    new Struct(geometrySchema, [ewkb, null]),
    "geometry",
    null,
    "concat(st_srid(g), ' ', substr(hex(g), 27, 16))",
    "4326 000000000000F03F",
  ],
  [
    "a",
    optional(arrayOf(optional(primitive("int64")))),
    [1, null, 9007199254740993n],
    "json",
    "longtext",
    "replace(a, ' ', '')",
    "[1,null,9007199254740993]",
  ],
  [
    "m",
    optional(mapOf(primitive("string"), text)),
    new Map<Value, Value>([["k'", "v"]]),
    "json",
    "longtext",
    "replace(m, ' ', '')",
    `{"k'":"v"}`,
  ],
  [
    "vec",
    optional(arrayOf(primitive("float32"), { name: "io.debezium.data.FloatVector" })),
    [1, 2.5],
    "vector(16383)",
    "longtext",
    "vec",
    "",
  ],
];

describe.each(targets.filter((t) => t.name !== "postgres").map((t) => [t.title, t] as const))("%s", (_title, target) => {
  describe.skipIf(!target.installed)("dialect", () => {
    const mysql = target.name === "mysql";
    let db: TargetDatabase;
    beforeAll(async () => {
      db = await target.start(["--max-allowed-packet=1048576", "--local-infile=1"]);
    }, 90_000);
    afterAll(() => db?.stop());

    const confluent = (extra: Record<string, string> = {}) => ({
      "connection.url": db.url,
      "connection.user": db.user,
      "connection.password": db.password,
      "insert.mode": "upsert",
      "pk.mode": "record_key",
      "auto.create": "true",
      "auto.evolve": "true",
      "delete.enabled": "true",
      ...extra,
    });
    const debezium = (extra: Record<string, string> = {}) => ({
      "connection.url": db.url,
      "connection.username": db.user,
      "connection.password": db.password,
      "insert.mode": "upsert",
      "primary.key.mode": "record_key",
      "schema.evolution": "basic",
      ...extra,
    });
    const messages = (h: SinkHarness) => h.errors.map((e) => (e.error as Error).message);
    const columnTypes = async (table: string) =>
      new Map(
        (
          await db.query(
            `SELECT column_name AS name, column_type AS type FROM information_schema.columns WHERE table_schema = 'target' AND table_name = '${table}' ORDER BY ordinal_position`,
          )
        ).map((r) => [r.name, String(r.type)]),
      );

    test("every type comes back into its own type, nulls too", async () => {
      const schema = structOf([["id", id] as [string, Schema], ...types.map(([n, s]) => [n, s] as [string, Schema])]);
      const h = await new SinkHarness(debeziumJdbcSink, debezium(), { name: "types" }).start("types");
      await h.task.put([
        record("types", 0, key(1), [schema, new Struct(schema, [1, ...types.map((t) => t[2])])]),
        record("types", 1, key(2), [schema, new Struct(schema, [2, ...types.map(() => null)])]),
      ]);
      await h.task.flush();
      expect(messages(h)).toEqual([]);
      const declared = await columnTypes("types");
      for (const [name, , , inMysql, inMariadb, expression, expected] of types) {
        const rows = await db.query(`SELECT ${expression} AS v, \`${name}\` IS NULL AS n FROM types ORDER BY id`);
        expect([name, declared.get(name), Number(rows[1]!.n)]).toEqual([name, mysql ? inMysql : (inMariadb ?? inMysql), 1]);
        if (name !== "vec") expect([name, String(rows[0]!.v)]).toEqual([name, expected]);
        else expect(Number((await db.query("SELECT length(vec) AS n FROM types WHERE id = 1"))[0]!.n)).toBe(mysql ? 8 : 7);
      }
      await h.stop();
    });

    test("the Confluent class creates its documented types; text keys have a length and keep case and trailing spaces", async () => {
      const schema = structOf([
        ["k", primitive("string")],
        ["b", primitive("boolean")],
        ["s", primitive("string", { default: "it's" })],
        ["by", optional(primitive("bytes"))],
        ["d", optional(logical.decimal(2))],
        ["t", optional(logical.time())],
        ["ts", optional(logical.timestamp())],
      ]);
      const h = await new SinkHarness(
        confluentJdbcSink,
        confluent({ "pk.mode": "record_value", "pk.fields": "k", "delete.enabled": "false" }),
        {
          name: "documented",
        },
      ).start("documented");
      const value = (k: string): [Schema, Value] => [
        schema,
        new Struct(schema, [k, false, "x", Buffer.from("y"), new Decimal(1n, 2), 1, 1]),
      ];
      await h.task.put(["a", "A", "a ", "a"].map((k, i) => record("documented", i, null, value(k))));
      await h.task.flush();
      expect(messages(h)).toEqual([]);
      expect((await db.query("SELECT k FROM documented ORDER BY hex(k)")).map((r) => r.k)).toEqual(["A", "a", "a "]);
      const declared = await columnTypes("documented");
      expect([...declared.values()].map((t) => t.replace("tinyint(4)", "tinyint"))).toEqual([
        "varchar(256)",
        "tinyint",
        "text",
        "varbinary(1024)",
        "decimal(65,2)",
        "time(3)",
        "datetime(3)",
      ]);
      await h.stop();
    });

    test("instants are written by the zone's wall clock, microseconds cut and not rounded, TIMESTAMP columns in UTC", async () => {
      await db.query("CREATE TABLE zones (id int PRIMARY KEY, local datetime, zoned datetime(6), stamp timestamp NULL, plain datetime)");
      const schema = structOf([
        ["id", id],
        ["local", optional(logical.timestamp())],
        ["zoned", named("io.debezium.time.ZonedTimestamp")],
        ["stamp", named("io.debezium.time.ZonedTimestamp")],
        ["plain", named("io.debezium.time.MicroTimestamp", "int64")],
      ]);
      const h = await new SinkHarness(confluentJdbcSink, confluent({ "db.timezone": "Europe/Berlin" }), { name: "zones" }).start("zones");
      const at = Date.UTC(2024, 6, 1, 21, 59, 59, 999);
      const row = [1, at, "2024-01-01T00:30:00.123456Z", "2024-07-01T12:00:00.999999Z", at * 1000 + 999];
      await h.task.put([record("zones", 0, key(1), [schema, new Struct(schema, row)])]);
      await h.task.flush();
      expect(messages(h)).toEqual([]);
      expect((await db.query("SET time_zone = '+00:00'; SELECT local, zoned, stamp, plain FROM zones".split("; ")[1]!))[0]).toMatchObject({
        local: "2024-07-01 23:59:59",
        zoned: "2024-01-01 01:30:00.123456",
        plain: "2024-07-01 21:59:59",
      });
      expect(Number((await db.query("SELECT unix_timestamp(stamp) AS s FROM zones"))[0]!.s)).toBe(Date.UTC(2024, 6, 1, 12) / 1000);
      await h.stop();
    });

    test("a row that another unique key stands in the way of is refused and overwrites nobody", async () => {
      await db.query("CREATE TABLE mails (id int PRIMARY KEY, mail varchar(20) UNIQUE); INSERT INTO mails VALUES (1, 'one')");
      const schema = structOf([
        ["id", id],
        ["mail", text],
      ]);
      const h = await new SinkHarness(confluentJdbcSink, confluent({ "millrace.lanes": "1" }), { name: "mails" }).start("mails");
      await h.task.put(
        (
          [
            [2, "one"],
            [1, "uno"],
            [3, "drei"],
          ] as const
        ).map(([n, m], i) => record("mails", i, key(n), [schema, new Struct(schema, [n, m])])),
      );
      await h.task.flush();
      expect(h.errors.map((e) => e.record.offset)).toEqual([0]);
      expect((await db.query("SELECT id, mail FROM mails ORDER BY id")).map((r) => [r.id, r.mail])).toEqual([
        [1, "uno"],
        [3, "drei"],
      ]);
      await h.stop();
    });

    test("an engine without transactions and a table without the key are refused by name", async () => {
      await db.query("CREATE TABLE isam (id int PRIMARY KEY) ENGINE=MyISAM; CREATE TABLE keyless (id int)");
      const schema = structOf([["id", id]]);
      for (const [table, message] of [
        ["isam", /engine MyISAM.*no transactions.*ENGINE=InnoDB/],
        ["keyless", /no primary or unique key of id/],
      ] as const) {
        const h = await new SinkHarness(confluentJdbcSink, confluent(), { name: table }).start(table);
        await expect(h.task.put([record(table, 0, key(1), [schema, new Struct(schema, [1])])])).rejects.toThrow(message);
        await h.stop();
      }
    });

    test("a transaction larger than a packet goes in several, a row larger than one is refused alone; deletes by a composite key", async () => {
      await db.query("CREATE DATABASE old CHARACTER SET latin1");
      const schema = structOf([
        ["id", id],
        ["part", primitive("string")],
        ["data", text],
      ]);
      const composite = structOf([
        ["id", id],
        ["part", primitive("string")],
      ]);
      const keyOf = (n: number): [Schema, Value] => [composite, new Struct(composite, [n, "é𝄞"])];
      const h = await new SinkHarness(confluentJdbcSink, confluent({ "table.name.format": "old.large" }), { name: "large" }).start("large");
      const wide = "𝄞".repeat(1000);
      const rows = Array.from({ length: 1500 }, (_, i) =>
        record("large", i, keyOf(i), [schema, new Struct(schema, [i, "é𝄞", i === 700 ? "x".repeat(1_100_000) : wide])]),
      );
      await h.task.put(rows);
      await h.task.flush();
      expect(messages(h)).toEqual([expect.stringContaining("max_allowed_packet")]);
      const count = async () => Number((await db.query("SELECT count(*) AS n FROM old.large WHERE data = '".concat(wide, "'")))[0]!.n);
      expect(await count()).toBe(1499);
      await h.task.put(Array.from({ length: 1200 }, (_, i) => record("large", 1500 + i, keyOf(i), null)));
      await h.task.flush();
      expect(await count()).toBe(300);
      await h.stop();
    });

    test("a server killed under load loses and doubles nothing", async () => {
      const schema = structOf([
        ["id", id],
        ["name", text],
      ]);
      const h = await new SinkHarness(
        confluentJdbcSink,
        confluent({ "insert.mode": "insert", "pk.mode": "none", "delete.enabled": "false", "retry.backoff.ms": "100" }),
        { name: "killed" },
      ).start("killed");
      const put = async (start: number) => {
        for (let i = start; i < start + 100; i++)
          await h.task.put(
            Array.from({ length: 50 }, (_, j) => record("killed", i * 50 + j, null, [schema, new Struct(schema, [i * 50 + j, "x"])])),
          );
      };
      await put(0);
      const crashed = db.crash();
      await put(100);
      await crashed;
      await h.task.flush();
      const [counts] = await db.query("SELECT count(*) AS n, count(DISTINCT id) AS d FROM killed");
      expect([Number(counts!.n), Number(counts!.d)]).toEqual([10_000, 10_000]);
      await h.stop();
    });

    test("many rows are loaded in one go: texts as they are, what would be bent or skipped is refused instead", async () => {
      await db.query(
        "CREATE TABLE loaded (id int PRIMARY KEY, name varchar(12), n decimal(5,1)) CHARACTER SET utf8mb4; CREATE TABLE `plain` (id int PRIMARY KEY, name varchar(12), n decimal(5,1)) CHARACTER SET utf8mb4",
      );
      const schema = structOf([
        ["id", id],
        ["name", text],
        ["n", optional(logical.decimal(1))],
      ]);
      const odd = ["it's", "a',b", "NULL", "", "\\N", "tab\t", "line\n'", "''", "𝄞\\", null];
      const row = (n: number, name: string | null = odd[n % odd.length]!, tenths = 15n): [Schema, Value] => [
        schema,
        new Struct(schema, [n, name, new Decimal(tenths, 1)]),
      ];
      const loads = async () => Number((await db.query("SHOW GLOBAL STATUS LIKE 'Com_load'"))[0]!.Value);
      const before = await loads();
      for (const [table, mode] of [
        ["loaded", "upsert"],
        ["plain", "insert"],
      ] as const) {
        const one = { "insert.mode": mode, "millrace.lanes": "1", "delete.enabled": "false" };
        const h = await new SinkHarness(confluentJdbcSink, confluent(one), { name: table }).start(table);
        await h.task.put(Array.from({ length: 700 }, (_, i) => record(table, i, key(i), row(i))));
        await h.task.flush();
        const there = await db.query(`SELECT id, name, n FROM ${db.quote(table)} ORDER BY id`);
        expect(there.map((r) => [r.id, r.name, r.n])).toEqual(Array.from({ length: 700 }, (_, i) => [i, odd[i % odd.length], "1.5"]));
        // too long, out of range, and (of an insert) there already: each would only be warned of
        const next = Array.from({ length: 700 }, (_, i) => record(table, 700 + i, key(1000 + i), row(1000 + i)));
        next[10] = record(table, 710, key(1010), row(1010, "x".repeat(13)));
        next[20] = record(table, 720, key(1020), row(1020, "x", 10n ** 9n));
        next[30] = record(table, 730, key(5), row(5, "again"));
        await h.task.put(next);
        await h.task.flush();
        expect(h.errors.map((e) => e.record.offset)).toEqual(mode === "insert" ? [710, 720, 730] : [710, 720]);
        const [five] = await db.query(`SELECT name FROM ${db.quote(table)} WHERE id = 5`);
        expect(five!.name).toBe(mode === "insert" ? odd[5] : "again");
        expect(Number((await db.query(`SELECT count(*) AS c FROM ${db.quote(table)}`))[0]!.c)).toBe(1397);
        await h.stop();
      }
      expect(await loads()).toBeGreaterThan(before);
    });

    test("a lock that somebody holds is waited for, and a deadlock tried again", async () => {
      await db.query(
        "SET GLOBAL innodb_lock_wait_timeout = 1; CREATE TABLE locked (id int PRIMARY KEY, name varchar(10)); INSERT INTO locked VALUES (1, 'old')",
      );
      const schema = structOf([
        ["id", id],
        ["name", text],
      ]);
      const h = await new SinkHarness(confluentJdbcSink, confluent({ "retry.backoff.ms": "100", "millrace.lanes": "1" }), {
        name: "locked",
      }).start("locked");
      await db.query("BEGIN; UPDATE locked SET name = 'held' WHERE id = 1");
      await h.task.put([record("locked", 0, key(1), [schema, new Struct(schema, [1, "new"])])]);
      const flushed = h.task.flush();
      await new Promise((r) => setTimeout(r, 2500)); // two time-outs of the lock
      await db.query("COMMIT");
      await flushed;
      expect((await db.query("SELECT name FROM locked")).map((r) => r.name)).toEqual(["new"]);
      expect(h.errors).toEqual([]);
      await h.stop();
    });

    test("a read-only server is waited for; wrong rights name the user's setting", async () => {
      await db.query("CREATE USER 'plain'@'%' IDENTIFIED BY 'pw'; GRANT ALL ON target.* TO 'plain'@'%'");
      const schema = structOf([["id", id]]);
      const h = await new SinkHarness(confluentJdbcSink, confluent({ "connection.user": "plain", "connection.password": "pw" }), {
        name: "readonly",
      }).start("readonly");
      await h.task.put([record("readonly", 0, key(1), [schema, new Struct(schema, [1])])]);
      await h.task.flush();
      await db.query("SET GLOBAL read_only = 1");
      await h.task.put([record("readonly", 1, key(2), [schema, new Struct(schema, [2])])]);
      const flushed = h.task.flush();
      await new Promise((r) => setTimeout(r, 700));
      await db.query("SET GLOBAL read_only = 0");
      await flushed;
      expect(await db.query("SELECT id FROM readonly ORDER BY id")).toHaveLength(2);
      await h.stop();
      const context = { resolveHost: (host: string, port: number) => ({ host, port }) };
      expect(await confluentJdbcSink.check!(confluent({ "connection.user": "plain", "connection.password": "s3cret" }), context)).toEqual([
        { setting: "connection.user", message: expect.stringMatching(/Access denied(?!.*s3cret)/) },
      ]);
    });
  });
});
