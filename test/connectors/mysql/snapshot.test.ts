import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Flavor, installed, startMysql, type TestMysql } from "../../support/mysql.js";
import type { SourceDriver } from "../../support/source-driver.js";
import { MysqlBed } from "./bed.js";

const rows = (d: SourceDriver, topic: string) =>
  d.of(topic).map(({ value }) => (value === null ? "x" : `${value.op}${value.after?.id ?? ""}`));
const markers = (d: SourceDriver) => d.seen.map((s) => s.value.source.snapshot);

for (const flavor of ["mysql", "mariadb"] as Flavor[])
  describe.skipIf(!installed(flavor))(`snapshots of ${flavor} (needs .services/${flavor})`, () => {
    let server: TestMysql;
    let bed: MysqlBed;
    beforeAll(async () => {
      server = await startMysql(flavor);
    }, 120_000);
    afterAll(() => server?.stop());
    afterEach(() => bed?.close());

    test("rows of several tables with their markers, then the stream from the same place", async () => {
      bed = await MysqlBed.open(
        server,
        "CREATE TABLE a (id INT PRIMARY KEY)",
        "CREATE TABLE b (id INT PRIMARY KEY)",
        "CREATE TABLE none (id INT PRIMARY KEY)",
        "INSERT INTO a VALUES (1), (2), (3)",
        "INSERT INTO b VALUES (1), (2)",
      );
      const d = await bed.driver({ "snapshot.include.collection.list": `${bed.name}.(a|none|b)` });
      await bed.streaming(d);
      expect(markers(d)).toEqual(["first", "true", "last_in_data_collection", "first_in_data_collection", "last_in_data_collection"]);
      await bed.sql("INSERT INTO b VALUES (3)");
      await d.until("the row", () => d.of(bed.topic("b")).length === 3);
      expect(rows(d, bed.topic("b"))).toEqual(["r1", "r2", "c3"]);
    });

    for (const mode of ["minimal", "extended", "none"])
      test(`snapshot.locking.mode=${mode} under load: every row once, and then every change`, async () => {
        bed = await MysqlBed.open(server, "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)");
        await bed.sql(`INSERT INTO t (v) VALUES ${Array.from({ length: 3000 }, (_, i) => `(${i})`).join(",")}`);
        let writing = true;
        const other = await server.client(bed.name);
        const writer = (async () => {
          for (let i = 0; writing; i++) await other.query(`INSERT INTO t (v) VALUES (${10_000 + i})`);
        })();
        const d = await bed.driver({ "snapshot.locking.mode": mode });
        await d.until("changes arrive", () => rows(d, bed.topic("t")).filter((r) => r.startsWith("c")).length > 50);
        writing = false;
        await writer;
        const [[count]] = (await bed.db.query("SELECT COUNT(*) AS n FROM t")) as unknown as [[{ n: number }]];
        await d.until("all rows", () => d.seen.length >= count.n);
        const ids = d.seen.map((s) => s.value.after.id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.length).toBe(count.n);
      });

    test("a snapshot that is killed goes on behind the last stored row, and nothing comes twice", async () => {
      bed = await MysqlBed.open(
        server,
        "CREATE TABLE t (id INT PRIMARY KEY, v INT, pad VARCHAR(1000))",
        "CREATE TABLE u (id INT PRIMARY KEY)",
      );
      for (let i = 0; i < 8000; i += 1000)
        await bed.sql(`INSERT INTO t VALUES ${Array.from({ length: 1000 }, (_, k) => `(${(i + k) * 2}, 0, REPEAT('p', 900))`).join(",")}`);
      await bed.sql("INSERT INTO u VALUES (1), (2)");
      let d = await bed.driver();
      await d.until("a part is read", () => d.seen.length > 1500);
      await d.kill();
      const at = d.seen.at(-1)!.value.after.id as number;
      expect(at).toBeLessThan(15_000);
      const all = [...d.seen];
      // before and behind the place, changed before the rest is read
      await bed.sql(
        "UPDATE t SET v = 1 WHERE id = 4",
        "UPDATE t SET v = 1 WHERE id = 15000",
        "INSERT INTO t VALUES (5, 5, ''), (15001, 5, '')",
        "DELETE FROM t WHERE id IN (6, 15002)",
        "INSERT INTO u VALUES (3)",
      );
      d = await bed.driver({}, d);
      await d.until("the snapshot is complete", () => d.of(bed.topic("u")).length > 2);
      await bed.sql("INSERT INTO u VALUES (99)");
      await d.until("the stream has caught up", () => d.of(bed.topic("u")).some((s) => s.value.after?.id === 99));
      all.push(...d.seen);
      const table = new Map<number, number>();
      for (const s of all.filter((x) => x.topic === bed.topic("t"))) {
        if (s.value === null) continue;
        const { op, before, after } = s.value;
        if (op === "d") table.delete(before.id);
        else {
          if (op === "c" || op === "r") expect(table.has(after.id), `${op} of ${after.id} comes once`).toBe(false);
          table.set(after.id, after.v);
        }
      }
      const [wanted] = await bed.db.query("SELECT id, v FROM t ORDER BY id");
      expect([...table].sort((a, b) => a[0] - b[0])).toEqual((wanted as { id: number; v: number }[]).map(({ id, v }) => [id, v]));
      // events of rows that the second part had read already are left out
      expect(
        d
          .of(bed.topic("t"))
          .filter((s) => s.value?.op === "u")
          .map((s) => s.value.after.id),
      ).toEqual([4]);
      expect(rows(d, bed.topic("u"))).toEqual(["r1", "r2", "r3", "c99"]);
    });

    test("keys of text, no key, and a key of several columns survive a kill", async () => {
      bed = await MysqlBed.open(
        server,
        "CREATE TABLE t (id VARCHAR(20) PRIMARY KEY, pad VARCHAR(1000))",
        "CREATE TABLE c (a INT, id INT, PRIMARY KEY (a, id))",
        "CREATE TABLE n (id INT)",
      );
      for (let i = 0; i < 3000; i += 1000)
        await bed.sql(`INSERT INTO t VALUES ${Array.from({ length: 1000 }, (_, k) => `('k${i + k}', REPEAT('p', 900))`).join(",")}`);
      await bed.sql(
        `INSERT INTO c VALUES ${Array.from({ length: 2000 }, (_, i) => `(${i % 7}, ${i})`).join(",")}`,
        "INSERT INTO n VALUES (1), (1)",
      );
      const got = { t: new Set<string>(), c: new Set<string>() };
      let d = await bed.driver();
      for (let i = 0; i < 6 && !(d.of(bed.topic("t")).length >= 3000); i++) {
        await d.until("something more", () => d.seen.length > 900);
        await d.kill();
        for (const s of d.of(bed.topic("t"))) got.t.add(s.value.after.id);
        for (const s of d.of(bed.topic("c"))) got.c.add(`${s.value.after.a}/${s.value.after.id}`);
        d = await bed.driver({}, d);
      }
      await d.until("the rest", () => d.of(bed.topic("t")).length >= 3000 || got.t.size === 3000);
      for (const s of d.of(bed.topic("t"))) got.t.add(s.value.after.id);
      for (const s of d.of(bed.topic("c"))) got.c.add(`${s.value.after.a}/${s.value.after.id}`);
      expect(got.t.size).toBe(3000);
      expect(got.c.size).toBe(2000);
    });

    test("a user without the privilege for the global lock", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)");
      const user = `u${bed.name}`;
      await bed.sql(
        `CREATE USER '${user}'@'%' IDENTIFIED BY 'secret'`,
        `GRANT REPLICATION SLAVE, ${flavor === "mysql" ? "REPLICATION CLIENT" : "BINLOG MONITOR"} ON *.* TO '${user}'@'%'`,
        `GRANT SELECT, LOCK TABLES ON ${bed.name}.* TO '${user}'@'%'`,
      );
      const d = await bed.driver({ "database.user": user, "database.password": "secret" });
      await bed.streaming(d);
      await bed.sql("INSERT INTO t VALUES (3)");
      await d.until("the row", () => d.seen.length === 3);
      expect(rows(d, bed.topic("t"))).toEqual(["r1", "r2", "c3"]);
      await bed.sql(`DROP USER '${user}'@'%'`);
    });

    test("a lock that is not given in time says so and is tried again", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)");
      const other = await server.client(bed.name);
      await other.query("LOCK TABLES t WRITE");
      const d = await bed.driver({ "snapshot.lock.timeout.ms": "1000" });
      const until = d.until("the snapshot", () => d.seen.length === 1, 30_000);
      await new Promise((r) => setTimeout(r, 1500));
      expect(d.seen).toEqual([]);
      await other.query("UNLOCK TABLES");
      await until;
      expect(rows(d, bed.topic("t"))).toEqual(["r1"]);
    });

    test("TINYINT(1) as booleans where a converter says so", async () => {
      bed = await MysqlBed.open(
        server,
        "CREATE TABLE t (id INT PRIMARY KEY, a TINYINT(1) NOT NULL DEFAULT 1, b TINYINT(1), c TINYINT(4))",
        "INSERT INTO t VALUES (1, 0, 1, 1)",
      );
      const d = await bed.driver({
        converters: "flags",
        "flags.type": "io.debezium.connector.mysql.converters.TinyIntOneToBooleanConverter",
        "flags.selector": `${bed.name}\\.t\\.[ac]`,
      });
      await bed.streaming(d);
      await bed.sql("INSERT INTO t VALUES (2, 1, NULL, 0)");
      await d.until("the row", () => d.seen.length === 2);
      expect(d.seen.map((s) => s.value.after)).toEqual([
        { id: 1, a: false, b: 1, c: 1 },
        { id: 2, a: true, b: null, c: 0 },
      ]);
      await expect(bed.driver({ converters: "x", "x.type": "com.example.Own" })).rejects.toThrow(/converters.*com\.example\.Own/);
    });

    test("modes: initial_only, no_data, never, always, recovery", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)");
      const only = await bed.driver({ "snapshot.mode": "initial_only" });
      await only.until("the snapshot", () => only.seen.length === 1 && only.stored?.["snapshot"] === undefined);
      await bed.sql("INSERT INTO t VALUES (2)");
      for (let i = 0; i < 2; i++) await only.poll();
      expect(rows(only, bed.topic("t"))).toEqual(["r1"]);

      const none = await bed.driver({ "snapshot.mode": "schema_only" });
      await bed.streaming(none);
      await bed.sql("INSERT INTO t VALUES (3)");
      await none.until("the row", () => none.seen.length === 1);
      expect(rows(none, bed.topic("t"))).toEqual(["c3"]);
      await none.kill();

      const again = await bed.driver({ "snapshot.mode": "always" }, none);
      await again.until("all rows", () => again.seen.length === 3);
      expect(rows(again, bed.topic("t"))).toEqual(["r1", "r2", "r3"]);
      await again.kill();

      await bed.sql("INSERT INTO t VALUES (4)");
      none.topics.clear();
      await expect(async () => {
        const lost = await bed.driver({ "snapshot.mode": "no_data" }, none);
        for (let i = 0; i < 4; i++) await lost.poll();
      }).rejects.toThrow(/history/);
      const recovered = await bed.driver({ "snapshot.mode": "schema_only_recovery" }, none);
      await recovered.until("the row", () => recovered.seen.length === 1);
      expect(rows(recovered, bed.topic("t"))).toEqual(["c4"]);

      const first = await bed.driver({ "snapshot.mode": "never", "table.include.list": `${bed.name}.t` });
      await first.until("everything from the binlog's beginning", () => first.seen.length === 4);
      expect(rows(first, bed.topic("t"))).toEqual(["c1", "c2", "c3", "c4"]);
    });

    test("SELECTs of one's own, columns left out, masked, cut and hashed, keys of one's own", async () => {
      bed = await MysqlBed.open(
        server,
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20), secret VARCHAR(20), note TEXT, card VARCHAR(20))",
        "INSERT INTO t VALUES (1, 'ann', 's1', 'long text', '4111'), (2, 'bob', 's2', NULL, '4222')",
      );
      const t = `${bed.name}.t`;
      const d = await bed.driver({
        "snapshot.select.statement.overrides": t,
        [`snapshot.select.statement.overrides.${t}`]: `SELECT * FROM ${t} WHERE id = 1`,
        "column.exclude.list": `${t}.secret`,
        "column.truncate.to.4.chars": `${t}.note`,
        "column.mask.hash.SHA-256.with.salt.CzQMA0cB5K": `${t}.card`,
        "column.mask.with.3.chars": `${t}.name`,
        "message.key.columns": `${t}:id,note`,
      });
      await bed.streaming(d);
      await bed.sql("INSERT INTO t VALUES (3, 'cy', 's3', 'another', '4333')");
      await d.until("the row", () => d.seen.length === 2);
      expect(d.seen[0]!.value.after).toEqual({ id: 1, name: "***", note: "long", card: expect.stringMatching(/^[0-9a-f]{20}$/) });
      expect(d.seen[1]!.value.after).toEqual({ id: 3, name: "***", note: "anot", card: expect.stringMatching(/^[0-9a-f]{20}$/) });
      expect(d.seen[1]!.key).toEqual({ id: 3, note: "another" });
    });
  });
