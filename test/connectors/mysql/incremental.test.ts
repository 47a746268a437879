import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Flavor, installed, startMysql, type TestMysql } from "../../support/mysql.js";
import type { SourceDriver } from "../../support/source-driver.js";
import { MysqlBed } from "./bed.js";

const signals = "CREATE TABLE signals (id VARCHAR(64) PRIMARY KEY, type VARCHAR(32), data TEXT)";

for (const flavor of ["mysql", "mariadb"] as Flavor[])
  describe.skipIf(!installed(flavor))(`incremental snapshots of ${flavor} (needs .services/${flavor})`, () => {
    let server: TestMysql;
    let bed: MysqlBed;
    beforeAll(async () => {
      server = await startMysql(flavor);
    }, 120_000);
    afterAll(() => server?.stop());
    afterEach(() => bed?.close());

    const config = (more: Record<string, string> = {}) => ({
      "snapshot.mode": "no_data",
      "signal.data.collection": `${bed.name}.signals`,
      "table.include.list": `${bed.name}\\.(a|b)`,
      "incremental.snapshot.chunk.size": "200",
      ...more,
    });
    const signal = (id: string, type: string, data: object) =>
      bed.db.query("INSERT INTO signals VALUES (?, ?, ?)", [id, type, JSON.stringify(data)]);
    const fill = (table: string, count: number, value: string) =>
      bed.sql(
        `INSERT INTO ${table} SELECT n, ${value} FROM (SELECT 1 + a.x + 10 * b.x + 100 * c.x + 1000 * d.x AS n FROM ${["a", "b", "c", "d"]
          .map((t) => `(SELECT 0 AS x ${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `UNION ALL SELECT ${i}`).join(" ")}) ${t}`)
          .join(", ")}) n WHERE n <= ${count}`,
      );
    const done = (d: SourceDriver) => d.stored?.["incremental_snapshot"] === undefined;

    test("every row once, changed ones as they are now, through changes, a change of the table and kills", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20))", signals);
      await fill("a", 3000, "'old'");
      let driver = await bed.driver(config());
      await bed.streaming(driver);
      await signal("go", "execute-snapshot", {
        "data-collections": [`${bed.name}.a`],
        "additional-conditions": [{ "data-collection": `${bed.name}.a`, filter: "id <= 2500" }],
      });
      const seen = [];
      for (let kills = 0; kills < 4; kills++) {
        await driver.until("a part is read", () => driver.seen.length >= 250);
        await bed.sql(
          `UPDATE a SET v = 'new' WHERE id % 10 = ${kills}`,
          `DELETE FROM a WHERE id % 100 = ${50 + kills}`,
          ...(kills === 2 ? ["ALTER TABLE a ADD COLUMN n INT DEFAULT 7 FIRST"] : []),
        );
        await driver.kill();
        seen.push(...driver.seen);
        driver = await bed.driver(config(), driver);
      }
      await driver.until("it is complete", () => done(driver) && driver.polls > 5);
      await bed.sql("INSERT INTO a (id, v) VALUES (5000, 'end')");
      await driver.until("the end", () => driver.seen.some((s) => s.value?.after?.id === 5000));
      seen.push(...driver.seen);
      const state = new Map<number, Record<string, unknown>>();
      for (const s of seen) {
        if (s.value === null) state.delete((s.key as { id: number }).id);
        else if (s.value.after) state.set(s.value.after.id, s.value.after);
      }
      const [rows] = await bed.db.query("SELECT id, v FROM a WHERE id <= 2500");
      for (const { id, v } of rows as { id: number; v: string }[]) expect(state.get(id), String(id)).toMatchObject({ id, v });
      for (let id = 1; id <= 2500; id++) if (id % 100 >= 50 && id % 100 <= 53) expect(state.has(id), String(id)).toBe(false);
      const reads = seen.filter((s) => s.value?.op === "r");
      const ids = reads.map((s) => s.value.after.id as number);
      expect(new Set(ids).size).toBe(ids.length);
      expect(Math.max(...ids)).toBeLessThanOrEqual(2500);
      expect(reads[0]!.value.source).toMatchObject({ snapshot: "incremental", db: bed.name, table: "a", file: expect.any(String) });
      expect(reads[reads.length - 1]!.value.after.n).toBe(7);
    });

    const keys: [string, string][] = [
      ["k BIGINT UNSIGNED", "18446744073709551615 - n"],
      ["k VARCHAR(20) CHARACTER SET latin1", "CONCAT(IF(n % 2, 'ä''\\\\', 'a'), n)"],
      ["k VARBINARY(8)", "UNHEX(LPAD(HEX(n * 255), 8, '0'))"],
      ["k DECIMAL(20,5)", "n / 7"],
      ["k DATETIME(3)", "TIMESTAMPADD(MICROSECOND, n * 1000, '2020-01-01 00:00:00')"],
      ["k BIT(40)", "n * 123"],
    ];
    test.each(keys)("by a key of type %s, with a chunk's keys changing while it is read", async (column, value) => {
      bed = await MysqlBed.open(server, `CREATE TABLE a (${column} NOT NULL PRIMARY KEY, v VARCHAR(20) NOT NULL)`, signals);
      await bed.sql(
        `INSERT INTO a SELECT ${value}, 'old' FROM (SELECT 1 + a.x + 10 * b.x + 100 * c.x AS n FROM ${["a", "b", "c"]
          .map((t) => `(SELECT 0 AS x ${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `UNION ALL SELECT ${i}`).join(" ")}) ${t}`)
          .join(", ")}) n`,
      );
      const d = await bed.driver(config({ "incremental.snapshot.chunk.size": "70" }));
      await bed.streaming(d);
      await signal("go", "execute-snapshot", { "data-collections": [`${bed.name}.a`] });
      let writing = true;
      const writer = (async () => {
        for (let i = 0; writing; i++) await bed.sql(`UPDATE a SET v = 'new${i}' ORDER BY RAND() LIMIT 50`);
      })();
      await d.until("it is complete", () => d.polls > 10 && done(d) && d.seen.filter((s) => s.value?.op === "r").length > 300, 60_000);
      writing = false;
      await writer;
      await bed.sql("UPDATE a SET v = 'end' LIMIT 1");
      await d.until("the end", () => d.seen.some((s) => s.value?.after?.v === "end"));
      const state = new Map<string, string>();
      for (const s of d.seen)
        state.set(
          JSON.stringify(s.key, (_, v) => (typeof v === "bigint" ? String(v) : v)),
          s.value.after.v,
        );
      expect(state.size).toBe(1000);
      const count = async (v: string) =>
        Number(((await bed.db.query("SELECT COUNT(*) AS n FROM a WHERE v = ?", [v]))[0] as { n: number }[])[0]!.n);
      for (const v of new Set(state.values())) expect([...state.values()].filter((x) => x === v).length, v).toBe(await count(v));
    });

    test("surrogate keys, tables without keys, pause, resume, stop and what makes no sense", async () => {
      bed = await MysqlBed.open(
        server,
        "CREATE TABLE a (n INT NOT NULL, v VARCHAR(20))",
        "CREATE TABLE b (id INT PRIMARY KEY, v VARCHAR(20))",
        "CREATE TABLE other (id INT PRIMARY KEY)",
        signals,
      );
      await fill("a", 450, "'a'");
      await fill("b", 450, "'b'");
      const d = await bed.driver(config());
      await bed.streaming(d);
      await bed.sql("INSERT INTO signals VALUES ('x', 'execute-snapshot', 'no json'), ('y', 'nonsense', NULL)");
      await signal("none", "execute-snapshot", { "data-collections": [`${bed.name}.other`, `${bed.name}.a`] });
      await signal("go", "execute-snapshot", { "data-collections": [`${bed.name}.a`], "surrogate-key": "n" });
      await d.until("a is read", () => d.of(bed.topic("a")).length === 450 && done(d));
      await signal("p", "execute-snapshot", { "data-collections": [`${bed.name}.b`] });
      await signal("p2", "pause-snapshot", {});
      await d.until("it rests", () => /"paused":true|"p2"/.test(String(d.stored?.["incremental_snapshot"])));
      await d.poll();
      const { polls } = d;
      const before = d.of(bed.topic("b")).length;
      await d.until("a while", () => d.polls > polls + 3);
      expect(d.of(bed.topic("b")).length).toBe(before);
      await signal("p3", "resume-snapshot", {});
      await d.until("b is read", () => d.of(bed.topic("b")).length === 450 && done(d));
      await signal("q", "execute-snapshot", { "data-collections": [`${bed.name}.b`] });
      await signal("q2", "stop-snapshot", {});
      await bed.sql("INSERT INTO b VALUES (5000, 'end')");
      await d.until("it has stopped", () => done(d) && d.seen.some((s) => s.value.after.id === 5000));
      expect(d.of(bed.topic("b")).length).toBeLessThan(900);
    });

    test("a signal that was read and not acted on outlives a kill", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20))", signals);
      await fill("a", 300, "'a'");
      const first = await bed.driver(config());
      await bed.streaming(first);
      await bed.sql("START TRANSACTION", "INSERT INTO a VALUES (1000, 'stored')");
      await signal("go", "execute-snapshot", { "data-collections": [`${bed.name}.a`] });
      await bed.sql("COMMIT");
      await first.until("the row before it is stored", () => first.seen.length > 0);
      expect(String(first.stored!["incremental_snapshot"])).toContain('"signals"');
      await first.kill();
      const d = await bed.driver(config(), first);
      await d.until("it is read", () => d.seen.length === 301 && done(d));
    });
  });
