import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../../src/common/logger.js";
import { materialize } from "../../../src/connect/api/materialize.js";
import type { RowChunk } from "../../../src/connect/api/shape.js";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../src/schema-registry/store.js";
import { type Flavor, installed, startMysql, type TestMysql } from "../../support/mysql.js";
import { MysqlBed } from "./bed.js";

interface Case {
  readonly type: string;
  /** as SQL literals */
  readonly values: readonly string[];
  readonly more?: Record<string, string>;
  readonly only?: Flavor;
  /** what each is in records; default: the same in snapshot and stream is enough */
  readonly gives?: readonly unknown[];
}

const cases: readonly Case[] = [
  { type: "TINYINT", values: ["-128", "127", "0"], gives: [-128, 127, 0] },
  { type: "TINYINT UNSIGNED", values: ["255", "0"], gives: [255, 0] },
  { type: "SMALLINT UNSIGNED", values: ["65535"], gives: [65535] },
  { type: "MEDIUMINT", values: ["-8388608", "8388607"], gives: [-8388608, 8388607] },
  { type: "MEDIUMINT UNSIGNED", values: ["16777215"], gives: [16777215] },
  { type: "INT UNSIGNED", values: ["4294967295", "0"], gives: [4294967295, 0] },
  { type: "INT(8) ZEROFILL", values: ["42"], gives: [42] },
  {
    type: "BIGINT",
    values: ["-9223372036854775808", "9223372036854775807", "9007199254740993"],
    gives: [-9223372036854775808n, 9223372036854775807n, 9007199254740993n],
  },
  { type: "BIGINT UNSIGNED", values: ["18446744073709551615", "1"], gives: [-1, 1] },
  {
    type: "BIGINT UNSIGNED",
    values: ["18446744073709551615", "1"],
    more: { "bigint.unsigned.handling.mode": "precise" },
    gives: ["18446744073709551615", "1"],
  },
  { type: "DECIMAL(5,2)", values: ["123.45", "-0.01", "0"], gives: ["123.45", "-0.01", "0.00"] },
  { type: "DECIMAL(65,30)", values: ["12345678901234567890123456789012345.123456789012345678901234567891", "-1"] },
  { type: "DECIMAL(15,0)", values: ["999999999999999", "-999999999999999"] },
  { type: "DECIMAL(10,3)", values: ["1.5", "-2"], more: { "decimal.handling.mode": "string" }, gives: ["1.500", "-2.000"] },
  { type: "DECIMAL(10,3)", values: ["1.5"], more: { "decimal.handling.mode": "double" }, gives: [1.5] },
  { type: "FLOAT", values: ["0.1", "16777217", "1e-38", "3.4e38", "-0.5"] },
  { type: "DOUBLE", values: ["0.1", "1e300", "4.9e-324", "-2.5"], gives: [0.1, 1e300, 5e-324, -2.5] },
  { type: "BIT(1)", values: ["b'1'", "b'0'"], gives: [true, false] },
  { type: "BIT(12)", values: ["b'100000000001'"], gives: ["0108"] },
  { type: "YEAR", values: ["2155", "1901", "0"], gives: [2155, 1901, 0] },
  {
    type: "DATE",
    values: ["'2024-02-29'", "'9999-12-31'", "'0000-00-00'", "'0099-01-01'", "'2024-02-31'"],
    gives: [19782, 2932896, null, 10592, null],
  },
  { type: "DATE NOT NULL", values: ["'0000-00-00'"], gives: [0] },
  { type: "DATE", values: ["'0099-01-01'"], more: { "enable.time.adjuster": "false" }, gives: [-683368] },
  { type: "DATE", values: ["'2024-02-29'"], more: { "time.precision.mode": "isostring" }, gives: ["2024-02-29Z"] },
  { type: "TIME", values: ["'838:59:59'", "'-00:00:01'"], gives: [3020399000000, -1000000] },
  { type: "TIME(6)", values: ["'-12:34:56.789012'", "'00:00:00.000001'"], gives: [-45296789012, 1] },
  {
    type: "TIME(3)",
    values: ["'-12:34:56.789'", "'100:00:00.5'"],
    more: { "time.precision.mode": "adaptive" },
    gives: [-45296789, 360000500],
  },
  { type: "TIME(1)", values: ["'-00:00:00.1'"], more: { "time.precision.mode": "nanoseconds" }, gives: [-100000000] },
  { type: "TIME(6)", values: ["'01:02:03.45'"], more: { "time.precision.mode": "isostring" }, gives: ["01:02:03.45Z"] },
  { type: "DATETIME", values: ["'2024-02-29 12:34:56'", "'0000-00-00'", "'1969-12-31 23:59:59'"], gives: [1709210096000, null, -1000] },
  { type: "DATETIME(6)", values: ["'9999-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.999999'"], gives: [253402300799999999n, -1] },
  { type: "DATETIME(4)", values: ["'2024-02-29 12:34:56.7891'"], more: { "time.precision.mode": "connect" }, gives: [1709210096789] },
  {
    type: "DATETIME(2)",
    values: ["'2024-02-29 12:34:56.78'"],
    more: { "time.precision.mode": "nanoseconds" },
    gives: [1709210096780000000n],
  },
  {
    type: "DATETIME(6)",
    values: ["'2024-02-29 12:34:56.5'"],
    more: { "time.precision.mode": "isostring" },
    gives: ["2024-02-29T12:34:56.5Z"],
  },
  {
    type: "DATETIME(3)",
    values: ["'2024-02-29 12:34:56.789'"],
    more: { "time.precision.mode": "microseconds" },
    gives: [1709210096789000],
  },
  { type: "TIMESTAMP NULL", values: ["'2024-02-29 12:34:56'", "'0000-00-00 00:00:00'"], gives: ["2024-02-29T12:34:56Z", null] },
  { type: "TIMESTAMP(6) NULL", values: ["'2038-01-19 03:14:07.4'"], gives: ["2038-01-19T03:14:07.400000Z"] },
  { type: "CHAR(5) CHARACTER SET latin1", values: ["'é'", "'ÿ'", "'€'"], gives: ["é", "ÿ", "€"] },
  { type: "VARCHAR(300) CHARACTER SET utf8mb4", values: ["'𝄞'", "''", "REPEAT('é', 300)"], gives: ["𝄞", "", "é".repeat(300)] },
  { type: "VARCHAR(20) CHARACTER SET sjis", values: ["'日本'", "'ﾊﾝ'"], gives: ["日本", "ﾊﾝ"] },
  { type: "VARCHAR(20) CHARACTER SET cp850", values: ["'é'", "'░'"], gives: ["é", "░"] },
  { type: "VARCHAR(20) CHARACTER SET utf16", values: ["'é𝄞'"], gives: ["é𝄞"] },
  { type: "TEXT CHARACTER SET utf32", values: ["'x𝄞'"], gives: ["x𝄞"] },
  { type: "TEXT", values: ["'tab\\t nl\\n \"q\"'", "REPEAT('x', 70000 MOD 65000)"] },
  { type: "LONGTEXT", values: ["REPEAT('xy', 40000)"] },
  { type: "BINARY(4)", values: ["x'0102'", "x'61000000'"], gives: ["01020000", "61000000"] },
  { type: "VARBINARY(10)", values: ["x'00ff'", "x''"], more: { "binary.handling.mode": "base64-url-safe" }, gives: ["AP8=", ""] },
  { type: "BLOB", values: ["x'fffe'"], more: { "binary.handling.mode": "hex" }, gives: ["fffe"] },
  { type: "LONGBLOB", values: ["REPEAT(x'ab', 70000)"] },
  { type: "ENUM('a','b','')", values: ["'b'", "''"], gives: ["b", ""] },
  { type: "SET('a','b','c','d','e','f','g','h','i')", values: ["'a,i'", "''"], gives: ["a,i", ""] },
  { type: "POINT", values: ["ST_GeomFromText('POINT(1.5 -2)')"] },
  { type: "GEOMETRY", values: ["ST_GeomFromText('LINESTRING(0 0,1 1)')", "ST_GeomFromText('POINT(3 4)', 4326)"] },
  { type: "LINESTRING", values: ["ST_GeomFromText('LINESTRING(0 0,1 1,2 0)', 4326)"] },
  { type: "POLYGON", values: ["ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 2,1 1))')"] },
  { type: "MULTIPOINT", values: ["ST_GeomFromText('MULTIPOINT((0 0),(1 1))')"] },
  { type: "MULTILINESTRING", values: ["ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))')"] },
  { type: "MULTIPOLYGON", values: ["ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))')"] },
  { type: "GEOMETRYCOLLECTION", values: ["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')"] },
  { type: "JSON", values: ["'{\"a\":1}'", "'[1, 2]'", "'\"x\"'"], only: "mariadb" },
  { type: "JSON", values: ["'12'", "'\"x\"'", "'true'", "'null'"], only: "mysql", gives: ["12", '"x"', "true", "null"] },
  { type: "VECTOR(2)", values: ["TO_VECTOR('[1.5,-2]')"], only: "mysql", gives: [[1.5, -2]] },
  {
    type: "UUID",
    values: [
      "'123e4567-e89b-12d3-a456-426655440000'",
      "'01890a5d-ac96-774b-bcce-b302099a8057'",
      "'0f1c7a0e-6b1f-4c7f-8f1d-5b8f3c2a1e00'",
      "'00000000-0000-0000-0000-000000000000'",
    ],
    only: "mariadb",
  },
  { type: "INET6", values: ["'2001:db8::ff00:42:8329'", "'::1'", "'::'", "'::ffff:192.0.2.128'", "'1:0:0:2::3'"], only: "mariadb" },
  { type: "VARCHAR(2000) COMPRESSED", values: ["REPEAT('xé', 500)", "'short'", "''"], only: "mariadb" },
  { type: "LONGTEXT COMPRESSED", values: ["REPEAT('xé', 50000)"], only: "mariadb" },
  { type: "BLOB COMPRESSED", values: ["REPEAT(x'ab', 1000)"], only: "mariadb" },
  { type: "INET4", values: ["'192.0.2.0'", "'0.0.0.0'"], only: "mariadb" },
];

const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const plugins = createConverterPlugins({ registry });
const converters = ["AvroConverter", "JsonConverter"].map((name) => plugins.find((p) => p.classes[0]!.endsWith(name))!.create({}, false));

/** A chunk's rows straight to bytes are what the general converters make of them. */
async function sameBytes(chunk: RowChunk): Promise<void> {
  const { shape } = chunk;
  if (!shape.value) return;
  for (const c of converters) {
    await c.prepareWrite?.(shape.topic, shape.value.schema);
    const write = c.compileWriter!(shape.topic, shape.value)!;
    for (let r = 0; r < chunk.count; r++) {
      const expected = Buffer.from(c.fromConnect(shape.topic, shape.value.schema, materialize(shape.value, chunk, r))!);
      const out = Buffer.alloc(expected.length * 4 + 20_000);
      const end = write(out, 0, chunk.buffer, chunk.offsets, r * shape.columnCount * 2, chunk.slots, r * shape.slotCount);
      expect(out.subarray(0, end).equals(expected), `${shape.topic}: ${out.toString("utf8", 0, 600)}`).toBe(true);
    }
  }
}

for (const flavor of ["mysql", "mariadb"] as Flavor[])
  describe.skipIf(!installed(flavor))(`values of ${flavor}, the same from snapshot and stream (needs .services/${flavor})`, () => {
    let server: TestMysql;
    beforeAll(async () => {
      server = await startMysql(flavor);
    }, 120_000);
    afterAll(() => server?.stop());

    test("a day that does not exist is refused with its column where the config says fail", async () => {
      const bed = await MysqlBed.open(server, "SET sql_mode = 'ALLOW_INVALID_DATES'", "CREATE TABLE t (id INT PRIMARY KEY, v DATETIME)");
      try {
        const more = { "event.processing.failure.handling.mode": "fail" };
        await bed.sql("INSERT INTO t VALUES (1, '0000-00-00'), (2, '2024-02-31 01:02:03')");
        const d = await bed.driver(more);
        await expect(d.until("never", () => false)).rejects.toThrow(/column .*\.t\.v: there is no day 2024-02-31/);
        const s = await bed.driver({ ...more, "snapshot.mode": "no_data" });
        await bed.streaming(s);
        await bed.sql("INSERT INTO t VALUES (3, '2023-02-29 00:00:00')");
        await expect(s.until("never", () => false)).rejects.toThrow(/column .*\.t\.v: there is no day 2023-02-29/);
      } finally {
        await bed.close();
      }
    });

    test("text of every character set of the server is what the server reads in it", async () => {
      const sample = "az09~ Åéñüßœ €£ Ωβ Жю ąłž אש ضي ไท あア日本 中文 한글 𝄞";
      const bed = await MysqlBed.open(server, "SET NAMES utf8mb4", "SET sql_mode = ''");
      try {
        const rows = async (text: string) => (await bed.db.query(text))[0] as Record<string, unknown>[];
        const sets = (await rows("SELECT character_set_name AS name FROM information_schema.character_sets"))
          .map(({ name }) => String(name))
          .filter((name) => name !== "binary");
        // what a character set does not have becomes a question mark
        const values = sets.map((name) => `CONVERT(_utf8mb4'${sample}' USING ${name})`);
        await bed.sql(
          `CREATE TABLE t (id INT PRIMARY KEY, ${sets.map((name) => `${name}_ VARCHAR(100) CHARACTER SET ${name}`).join(", ")})`,
          `INSERT INTO t VALUES (1, ${values.join(", ")})`,
        );
        const d = await bed.driver();
        await bed.streaming(d);
        await bed.sql(`INSERT INTO t VALUES (2, ${values.join(", ")})`);
        await d.until("both rows", () => d.of(bed.topic("t")).length === 2);
        const [stored] = await rows("SELECT * FROM t WHERE id = 1");
        for (const { value } of d.of(bed.topic("t"))) expect({ ...value.after, id: 1 }).toEqual({ ...stored });
      } finally {
        await bed.close();
      }
    });

    const settings = [...new Set(cases.map((c) => JSON.stringify(c.more ?? {})))];
    test.each(settings)("%s", async (more) => {
      const of = cases.filter((c) => JSON.stringify(c.more ?? {}) === more && (c.only === undefined || c.only === flavor));
      if (!of.length) return;
      const mode = "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+05:00'";
      const bed = await MysqlBed.open(server, "SET NAMES utf8mb4", mode, "SET time_zone = '+00:00'");
      try {
        const insert = (from: number) =>
          of.flatMap((c, i) =>
            c.values
              .map((v, k) => `INSERT INTO t${i} VALUES (${from + k}, ${v})`)
              .concat(/NOT NULL/.test(c.type) ? [] : [`INSERT INTO t${i} (id) VALUES (${from + c.values.length})`]),
          );
        await bed.sql(
          ...of.map((c, i) => `CREATE TABLE t${i} (id INT PRIMARY KEY, v ${c.type})`),
          ...insert(0),
          "SET time_zone = '+05:00'",
          "SET time_zone = '+00:00'",
        );
        const d = await bed.driver(JSON.parse(more) as Record<string, string>);
        d.commits = false;
        d.chunks = [];
        await bed.streaming(d);
        await bed.sql(...insert(100), "CREATE TABLE last (id INT PRIMARY KEY)", "INSERT INTO last VALUES (1)");
        await d.until("all rows", () => d.of(bed.topic("last")).length === 1);
        of.forEach((c, i) => {
          const seen = d.of(bed.topic(`t${i}`)).map((s) => s.value.after as { id: number; v: unknown });
          const read = seen.filter((r) => r.id < 100).map((r) => r.v);
          const streamed = seen.filter((r) => r.id >= 100).map((r) => r.v);
          expect(streamed, c.type).toEqual(read);
          expect(read.length, c.type).toBe(c.values.length + (/NOT NULL/.test(c.type) ? 0 : 1));
          if (c.gives) expect(read.slice(0, c.values.length), c.type).toEqual(c.gives);
        });
        for (const chunk of d.chunks) await sameBytes(chunk);
      } finally {
        await bed.close();
      }
    });
  });
