import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { charsetOf } from "../../../../src/connectors/mysql/binlog/cells/charset.js";
import { installed, startMysql, type TestMysql } from "../../../support/mysql.js";
import { cellText, eventsOf, open, rowsOf } from "../support.js";

interface Column {
  readonly type: string;
  readonly values: readonly string[];
  /** what to compare with, of the column's name; by default the column itself */
  readonly select?: (name: string) => string;
  readonly only?: "mysql" | "mariadb";
}

const hex = (name: string) => `hex(${name})`;
const asDouble = (name: string) => `cast(${name} as double)`;

const texts = ["''", "'plain'", "'Grüße, naïve'"];
const columns: readonly Column[] = [
  { type: "tinyint", values: ["-128", "127", "0"] },
  { type: "tinyint unsigned", values: ["0", "255", "128"] },
  { type: "boolean", values: ["true", "false", "2"] },
  { type: "smallint", values: ["-32768", "32767", "-1"] },
  { type: "smallint unsigned", values: ["0", "65535", "32768"] },
  { type: "mediumint", values: ["-8388608", "8388607", "-1"] },
  { type: "mediumint unsigned", values: ["0", "16777215", "8388608"] },
  { type: "int", values: ["-2147483648", "2147483647", "-1"] },
  { type: "int unsigned", values: ["0", "4294967295", "2147483648"] },
  { type: "bigint", values: ["-9223372036854775808", "9223372036854775807", "-9007199254740993"] },
  { type: "bigint unsigned", values: ["0", "18446744073709551615", "9007199254740993"] },
  { type: "int(5) zerofill", values: ["7", "12345", "0"], select: (n) => `${n} + 0` },
  {
    type: "decimal(65,30)",
    values: ["-99999999999999999999999999999999999.999999999999999999999999999999", "0.000000000000000000000000000001", "-1"],
  },
  { type: "decimal(5,2)", values: ["-999.99", "0.01", "-0.5"] },
  { type: "decimal(9,9)", values: ["-0.999999999", "0.000000001", "0"] },
  { type: "decimal(18,9)", values: ["-123456789.987654321", "1", "-0.000000001"] },
  { type: "decimal(38,0)", values: ["-99999999999999999999999999999999999999", "12345678901234567890", "0"] },
  { type: "decimal(10,3) unsigned", values: ["9999999.999", "0.001", "0"] },
  { type: "float", values: ["-3.4e38", "1.17549e-38", "0.1"], select: asDouble },
  { type: "float(7,3)", values: ["-999.999", "1.5", "0"], select: asDouble },
  { type: "double", values: ["-1.7976931348623157e308", "4.9e-324", "0.1"] },
  { type: "year", values: ["1901", "2155", "0"] },
  { type: "date", values: ["'1000-01-01'", "'9999-12-31'", "'0000-00-00'"] },
  { type: "time", values: ["'-838:59:59'", "'838:59:59'", "'00:00:00'"] },
  ...[1, 2, 3, 4, 5, 6].map((n) => ({
    type: `time(${n})`,
    values: [`'-12:34:56.${"123456".slice(0, n)}'`, `'-00:00:00.${"000001".slice(6 - n)}'`, `'23:59:59.${"999999".slice(0, n)}'`],
  })),
  { type: "datetime", values: ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'0000-00-00 00:00:00'"] },
  ...[1, 2, 3, 4, 5, 6].map((n) => ({
    type: `datetime(${n})`,
    values: [`'1000-01-01 00:00:00.${"000001".slice(6 - n)}'`, `'2024-02-29 12:34:56.${"123456".slice(0, n)}'`, "'2024-00-10 00:00:00'"],
  })),
  { type: "timestamp null", values: ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"] },
  ...[1, 2, 3, 4, 5, 6].map((n) => ({
    type: `timestamp(${n}) null`,
    values: [`'1970-01-01 00:00:01.${"000001".slice(6 - n)}'`, `'2024-02-29 12:34:56.${"123456".slice(0, n)}'`, "'2001-09-09 01:46:40'"],
  })),
  { type: "bit", values: ["b'1'", "b'0'", "b'1'"], select: (n) => `${n} + 0` },
  { type: "bit(7)", values: ["b'1010101'", "0", "127"], select: (n) => `${n} + 0` },
  { type: "bit(33)", values: ["8589934591", "1", "4294967296"], select: (n) => `${n} + 0` },
  { type: "bit(64)", values: ["18446744073709551615", "1", "9223372036854775808"], select: (n) => `${n} + 0` },
  { type: "enum('a','ü','c,d','it''s') charset utf8mb4", values: ["'a'", "'ü'", "'c,d'"] },
  { type: "enum('ä','ö') charset latin1", values: ["'ä'", "'ö'", "'ä'"] },
  { type: `enum(${Array.from({ length: 300 }, (_, i) => `'v${i}'`).join()})`, values: ["'v0'", "'v299'", "'v255'"] },
  { type: "set('x','y','ß') charset utf8mb4", values: ["'x,y,ß'", "''", "'y'"] },
  { type: `set(${Array.from({ length: 64 }, (_, i) => `'m${i}'`).join()})`, values: ["'m0,m63'", "'m31,m32'", "''"] },
  { type: "char(5) charset latin1", values: ["'abcde'", "'é  '", "''"] },
  { type: "char(255) charset utf8mb4", values: ["repeat('𝄞', 255)", "'x'", "''"] },
  { type: "binary(4)", values: ["x'00010203'", "x'ff'", "x'2020'"], select: hex },
  { type: "varbinary(300)", values: ["x''", "x'00ff00'", "repeat(x'aa', 300)"], select: hex },
  { type: "varchar(63) charset utf8mb4", values: texts },
  { type: "varchar(1000) charset utf8mb4", values: ["repeat('ü', 1000)", "''", "'x'"] },
  ...["ascii", "latin1", "utf8mb3", "utf16", "utf16le", "utf32", "ucs2", "latin2", "cp1250", "cp850"].map((charset) => ({
    type: `varchar(40) charset ${charset}`,
    values: ["''", "'plain'", charset === "ascii" ? "'~'" : "'Größe ö'"],
  })),
  { type: "varchar(40) charset cp1251", values: ["'Привет'", "'Ж'", "''"] },
  { type: "varchar(40) charset koi8r", values: ["'Привет'", "'Ж'", "''"] },
  { type: "varchar(40) charset greek", values: ["'Γειά'", "'Ω'", "''"] },
  { type: "varchar(40) charset sjis", values: ["'日本語'", "'カナｶﾅ'", "'〜−'"] },
  { type: "varchar(40) charset ujis", values: ["'日本語'", "'カナ'", "'〜'"] },
  { type: "varchar(40) charset cp932", values: ["'日本語'", "'①'", "'～'"] },
  { type: "varchar(40) charset gbk", values: ["'中文'", "'€'", "''"] },
  { type: "varchar(40) charset gb2312", values: ["'中文'", "'―'", "''"] },
  { type: "varchar(40) charset big5", values: ["'中文'", "'繁體'", "''"] },
  { type: "varchar(40) charset euckr", values: ["'한국어'", "'각'", "''"] },
  { type: "varchar(40) charset gb18030", values: ["'中文'", "'𝄞'", "''"], only: "mysql" },
  { type: "tinytext", values: texts },
  { type: "text charset latin1", values: texts },
  { type: "mediumtext", values: ["repeat('m', 70000)", "''", "'x'"] },
  { type: "longtext", values: texts },
  { type: "tinyblob", values: ["x''", "x'00'", "repeat('b', 255)"], select: hex },
  { type: "blob", values: ["x'0a0d'", "x''", "repeat(x'00', 1000)"], select: hex },
  { type: "longblob", values: ["x'01'", "repeat(x'fe', 70000)", "x''"], select: hex },
  { type: "geometry", values: ["ST_GeomFromText('POINT(1.5 -2)')", "ST_GeomFromText('LINESTRING(0 0,1 1)', 4326)", "null"], select: hex },
  { type: "point", values: ["ST_GeomFromText('POINT(0 0)')", "null", "null"], select: hex },
  { type: "varchar(20) charset latin1", values: ["'after é'", "'geometry'", "''"] },
  { type: "vector(3)", values: ["TO_VECTOR('[1,2.5,-3]')", "null", "null"], select: hex, only: "mysql" },
  { type: "varchar(20) charset cp1250", values: ["'after'", "'ž'", "''"] },
  { type: "json", values: [`'{"b":[1,2.5,null,true,false,"x"],"a":{"ü":"𝄞\\\\n"}}'`, "'[]'", "'18446744073709551615'"] },
  { type: "varchar(20) charset latin2", values: ["'last'", "'ž'", "''"] },
];

describe.each(["mysql", "mariadb"] as const)("every type of %s, binlog against SELECT", (flavor) => {
  const here = installed(flavor);
  const named = (name: string) => (here ? name : `${name} (not run: ${flavor} is not installed)`);
  let server: TestMysql;
  beforeAll(async () => {
    if (here) server = await startMysql(flavor);
  }, 60_000);
  afterAll(async () => server?.stop());

  test.skipIf(!here)(
    named("the same"),
    async () => {
      const of = columns.filter((c) => !c.only || c.only === flavor);
      const client = await server.client();
      await client.query("create database z default charset utf8mb4; use z");
      // MariaDB takes invalid dates as zero ones, and neither has them in strict mode
      await client.query("set sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'");
      // a table each of 40 columns: a row may have 65,535 bytes
      for (let first = 0; first < of.length; first += 20) {
        const part = of.slice(first, first + 20);
        const names = part.map((_, i) => `c${i}`);
        await client.query(`create table t${first} (id int primary key, ${part.map((c, i) => `c${i} ${c.type}`).join(", ")})`);
        const events = await eventsOf(server, async () => {
          for (const r of [0, 1, 2]) await client.query(`insert into t${first} values (${r}, ${part.map((c) => c.values[r]).join(", ")})`);
          await client.query(`insert into t${first} (id) values (3)`);
        });
        const session = await open(server);
        await session.query("set time_zone = '+00:00'");
        const selected = await session.query(
          `select ${part.map((c, i) => c.select?.(names[i]!) ?? names[i]!).join(", ")} from z.t${first} order by id`,
        );
        session.close();
        const rows = rowsOf(events);
        expect(rows.length).toBe(4);
        rows.forEach((row, r) => {
          part.forEach((column, i) => {
            const wire = row.columns[i + 1]!;
            expect(wire.name).toBe(names[i]);
            let got = cellText(wire, row.after![i + 1]);
            let want = selected.rows[r]![i]!;
            if (got !== null && (column.type.startsWith("float") || column.type === "double"))
              [got, want] = [String(Number(got)), String(Number(want))];
            if (got !== null && column.type === "json") [got, want] = [JSON.parse(got), JSON.parse(want)];
            // a binary string's zeros at the end are not in the binlog
            if (got !== null && column.type === "binary(4)") got = got.padEnd(8, "0");
            expect(got, `${column.type}, row ${r}`).toEqual(want);
          });
        });
      }
    },
    60_000,
  );

  test.skipIf(!here)(named("collation numbers"), async () => {
    const session = await open(server);
    const { rows } = await session.query("select id, character_set_name from information_schema.collations where id is not null");
    session.close();
    expect(rows.length).toBeGreaterThan(200);
    for (const [id, charset] of rows) if (Number(id) > 0) expect(`${id} ${charsetOf(Number(id))}`).toBe(`${id} ${charset}`);
  });
});
