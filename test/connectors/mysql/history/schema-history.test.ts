import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Flavor, installed, startMysql, type TestMysql } from "../../../support/mysql.js";
import type { SourceDriver } from "../../../support/source-driver.js";
import { MysqlBed } from "../bed.js";

const rows = (d: SourceDriver, topic: string) => d.of(topic).map((s) => s.value.after);
const history = (d: SourceDriver) => (d.topics.get("schema-history.s") ?? []).map((r) => JSON.parse(r.value!));
const ddl = (d: SourceDriver) => history(d).map((r) => r.ddl as string);

for (const flavor of ["mysql", "mariadb"] as Flavor[])
  describe.skipIf(!installed(flavor))(`schema history of ${flavor} (needs .services/${flavor})`, () => {
    let server: TestMysql;
    let bed: MysqlBed;
    beforeAll(async () => {
      server = await startMysql(flavor);
    }, 120_000);
    afterAll(() => server?.stop());
    afterEach(() => bed?.close());

    test("records have Debezium's form, at the place behind their statement", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('a','it''s') DEFAULT 'a', d DECIMAL(5,1))");
      const d = await bed.driver({ "snapshot.mode": "no_data", "schema.history.internal.kafka.topic": "h" });
      await bed.streaming(d);
      await bed.sql("ALTER TABLE t ADD n BIGINT UNSIGNED NOT NULL AFTER id", "INSERT INTO t (id, n) VALUES (1, 2)");
      await d.until("the row", () => d.seen.length === 1);
      const records = d.topics.get("h")!.map((r) => JSON.parse(r.value!));
      expect(records[0]).toMatchObject({ databaseName: "", ddl: expect.stringMatching(/^SET character_set_server=/), tableChanges: [] });
      const created = records.find((r) => /^CREATE TABLE/.test(r.ddl));
      expect(created).toMatchObject({
        source: { server: "s" },
        position: { snapshot: true, file: expect.any(String), pos: expect.any(Number) },
        databaseName: bed.name,
        tableChanges: [{ type: "CREATE", id: `"${bed.name}"."t"`, table: { primaryKeyColumnNames: ["id"] } }],
      });
      expect(created.tableChanges[0].table.columns[1]).toMatchObject({
        name: "e",
        jdbcType: 1,
        typeName: "ENUM",
        length: 1,
        position: 2,
        optional: true,
        hasDefaultValue: true,
        defaultValueExpression: "a",
        enumValues: ["'a'", "'it''s'"],
      });
      const altered = records[records.length - 1];
      expect(altered).toMatchObject({
        databaseName: bed.name,
        ddl: expect.stringContaining("ADD n BIGINT"),
        tableChanges: [{ type: "ALTER" }],
      });
      expect(altered.tableChanges[0].table.columns.map((c: { name: string }) => c.name)).toEqual(["id", "n", "e", "d"]);
      expect(altered.position).toMatchObject({ file: expect.any(String), gtid: expect.any(String), server_id: server.port });
      expect(altered.position.snapshot).toBeUndefined();
    });

    test("a start goes on with the tables as they were at its offset, not as they are", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
      const first = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(first);
      await bed.sql("INSERT INTO t VALUES (1, 'a')");
      await first.until("the row", () => first.seen.length === 1);
      await first.kill();
      await bed.sql(
        "INSERT INTO t VALUES (2, 'b')",
        "ALTER TABLE t ADD n INT FIRST, CHANGE v w VARCHAR(30) NOT NULL, DROP PRIMARY KEY, ADD PRIMARY KEY (id, w)",
        "INSERT INTO t VALUES (7, 3, 'c')",
        "CREATE TABLE _t_gho LIKE t",
        "ALTER TABLE _t_gho ADD extra INT",
        "INSERT INTO _t_gho SELECT t.*, 9 FROM t",
        "RENAME TABLE t TO _t_old, _t_gho TO t",
        "INSERT INTO t VALUES (8, 4, 'd', 10)",
        "DROP TABLE _t_old",
      );
      const d = await bed.driver({ "snapshot.mode": "no_data", "table.include.list": `${bed.name}\\.t` }, first);
      await d.until("the rows", () => d.seen.length === 3);
      expect(rows(d, bed.topic("t"))).toEqual([
        { id: 2, v: "b" },
        { n: 7, id: 3, w: "c" },
        { n: 8, id: 4, w: "d", extra: 10 },
      ]);
      expect(d.seen.map((s) => s.key)).toEqual([{ id: 2 }, { id: 3, w: "c" }, { id: 4, w: "d" }]);
      await d.kill();
      const again = await bed.driver({ "snapshot.mode": "no_data", "table.include.list": `${bed.name}\\.t` }, d);
      await bed.sql("INSERT INTO t VALUES (8, 5, 'e', 11)");
      await again.until("the row", () => again.seen.length === 1);
      expect(rows(again, bed.topic("t"))).toEqual([{ n: 8, id: 5, w: "e", extra: 11 }]);
    });

    test("a statement that was written and not gone past is applied and written once", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)");
      const first = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(first);
      await bed.sql("INSERT INTO t VALUES (1)");
      await first.until("the row", () => first.seen.length === 1);
      const before = first.stored!;
      await bed.sql("ALTER TABLE t ADD a INT", "ALTER TABLE t ADD b INT", "INSERT INTO t VALUES (2, 3, 4)");
      await first.until("the next row", () => first.seen.length === 2);
      await first.kill();
      const count = ddl(first).length;
      for (let i = 0; i < 3; i++) {
        // as after a kill between the history's write and the records'
        first.stored = before;
        const d = await bed.driver({ "snapshot.mode": "no_data" }, first);
        await d.until("the row again", () => d.seen.length === 1);
        expect(rows(d, bed.topic("t"))).toEqual([{ id: 2, a: 3, b: 4 }]);
        expect(ddl(d)).toHaveLength(count);
        await d.kill();
      }
      // written twice by somebody all the same
      const topic = first.topics.get("schema-history.s")!;
      topic.push(...topic.slice(-2).map((r, i) => ({ ...r, offset: topic.length + i })));
      const later = await bed.driver({ "snapshot.mode": "no_data" }, first);
      await bed.sql("INSERT INTO t VALUES (3, 4, 5)");
      await later.until("both rows", () => later.seen.length === 2);
      expect(rows(later, bed.topic("t"))).toEqual([
        { id: 2, a: 3, b: 4 },
        { id: 3, a: 4, b: 5 },
      ]);
    });

    test("a history that is missing, cut off or spoilt says what to do, and recovery makes it anew", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)");
      const first = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(first);
      await bed.sql("INSERT INTO t VALUES (1)");
      await first.until("the row", () => first.seen.length === 1);
      await first.kill();
      const whole = first.topics.get("schema-history.s")!;
      const fails = async (records: typeof whole) => {
        first.topics = new Map([["schema-history.s", records]]);
        const d = await bed.driver({ "snapshot.mode": "no_data" }, first);
        const error = await d.poll().then(
          () => null,
          (e: Error) => e,
        );
        return error?.message;
      };
      expect(await fails([])).toMatch(/schema-history\.s\) is missing.*snapshot\.mode=recovery/);
      expect(await fails(whole.slice(2))).toMatch(/begins at offset 2.*snapshot\.mode=recovery/);
      expect(await fails([...whole, { key: null, value: "{", offset: whole.length }])).toMatch(/at offset \d+ a record that is not JSON/);
      const bad = { ...JSON.parse(whole[whole.length - 1]!.value!), ddl: "CREATE TABLE t (id NOTATYPE)" };
      expect(await fails([...whole, { key: null, value: JSON.stringify(bad), offset: whole.length }])).toMatch(
        /cannot be applied: DDL at line 1, column 20: NOTATYPE is not a type/,
      );
      // what a later snapshot made anew needs nothing of what came before it
      const later = whole.map((r, i) => ({ ...r, offset: 10 + i }));
      first.topics = new Map([["schema-history.s", [{ key: null, value: "{", offset: 9 }, ...later]]]);
      const anew = await bed.driver({ "snapshot.mode": "no_data" }, first);
      await anew.poll();
      await anew.kill();
      first.topics = new Map();
      const needed = await bed.driver({ "snapshot.mode": "when_needed" }, first);
      await needed.until("the rows are read anew", () => needed.seen.length === 1);
      expect(needed.seen[0]!.value.op).toBe("r");
      await needed.kill();
      first.topics = new Map();
      const d = await bed.driver({ "snapshot.mode": "recovery" }, first);
      await bed.sql("INSERT INTO t VALUES (2)");
      await d.until("the row", () => d.seen.length === 1);
      expect(rows(d, bed.topic("t"))).toEqual([{ id: 2 }]);
      expect(ddl(d).some((s) => /^CREATE TABLE/.test(s))).toBe(true);
      await d.kill();
      const after = await bed.driver({ "snapshot.mode": "no_data" }, d);
      await bed.sql("INSERT INTO t VALUES (3)");
      await after.until("the row", () => after.seen.length === 1);
    });

    test("what is stored: captured databases, or captured tables alone", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE other (id INT PRIMARY KEY)");
      const only = "schema.history.internal.store.only.captured";
      const table = { "snapshot.mode": "no_data", "table.include.list": `${bed.name}\\.t` };
      const all = await bed.driver({ ...table, "topic.prefix": "s", "schema.history.internal.kafka.topic": "all" });
      const few = await bed.driver({ ...table, [`${only}.tables.ddl`]: "true", "schema.history.internal.kafka.topic": "few" });
      await bed.streaming(all);
      await few.until("it streams", () => few.polls > 3);
      await bed.sql(
        "ALTER TABLE other ADD a INT",
        "CREATE TABLE third (id INT)",
        "ALTER TABLE t ADD b INT",
        "CREATE VIEW v AS SELECT 1",
        "TRUNCATE t",
        "INSERT INTO t VALUES (1, 2)",
      );
      await all.until("the row", () => all.seen.length === 1);
      await few.until("the row", () => few.seen.length === 1);
      const texts = (d: SourceDriver, topic: string) => d.topics.get(topic)!.map((r) => JSON.parse(r.value!).ddl as string);
      const streamed = (list: string[]) => list.filter((s) => /ADD|third|VIEW|TRUNCATE/.test(s));
      expect(streamed(texts(all, "all"))).toHaveLength(3);
      expect(streamed(texts(few, "few"))).toEqual(["ALTER TABLE t ADD b INT"]);
      expect(texts(few, "few").some((s) => s.includes("other"))).toBe(false);
    });
  });
