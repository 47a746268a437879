import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { installed, startMysql, type TestMysql } from "../../support/mysql.js";
import { MysqlBed } from "./bed.js";

describe.skipIf(!installed("mariadb"))("columns that MariaDB hides (needs .services/mariadb)", () => {
  let server: TestMysql;
  let bed: MysqlBed;
  beforeAll(async () => {
    server = await startMysql("mariadb");
  }, 120_000);
  afterAll(() => server?.stop());
  afterEach(() => bed?.close());

  const tables: [string, string][] = [
    ["system versions", "(id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING"],
    [
      "system versions with columns of their own",
      "(id INT PRIMARY KEY, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, v INT, PERIOD FOR SYSTEM_TIME(s, e)) WITH SYSTEM VERSIONING",
    ],
    ["unique texts", "(id INT PRIMARY KEY, v INT, t LONGTEXT, UNIQUE (t), b BLOB, UNIQUE (b, v))"],
    ["generated columns", "(id INT PRIMARY KEY, g INT AS (v + 1) VIRTUAL, p INT AS (v + 2) STORED, v INT INVISIBLE DEFAULT 5)"],
  ];
  test.each(tables)("%s: rows come whole from the stream, before and after the table is made again", async (_, definition) => {
    bed = await MysqlBed.open(server, `CREATE TABLE t ${definition}`, "INSERT INTO t (id, v) VALUES (1, 2)");
    const d = await bed.driver();
    await bed.streaming(d);
    await bed.sql(
      "INSERT INTO t (id, v) VALUES (2, 3)",
      "UPDATE t SET v = 4 WHERE id = 2",
      `CREATE TABLE u ${definition}`,
      "INSERT INTO u (id, v) VALUES (7, 8)",
    );
    await d.until("the last row", () => d.of(bed.topic("u")).length === 1);
    const rows = d.seen.map((s) => [s.value.op, s.value.after.id, s.value.after.v]).filter(([op]) => op !== "d");
    expect(rows.slice(0, 2)).toEqual([
      ["r", 1, 2],
      ["c", 2, 3],
    ]);
    expect(rows).toContainEqual(["u", 2, 4]);
    expect(rows[rows.length - 1]).toEqual(["c", 7, 8]);
  });
});
