import { type AddressInfo, connect, createServer } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Flavor, installed, startMysql, type TestMysql } from "../../support/mysql.js";
import type { SourceDriver } from "../../support/source-driver.js";
import { MysqlBed } from "./bed.js";

/** A way to the server on which one byte of the binlog's event with this text is changed. */
async function corrupting(port: number, text: string): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    let dumps = false;
    client.on("data", (b) => {
      if (b[4] === 0x12 || b[4] === 0x1e) dumps = true;
      upstream.write(b);
    });
    upstream.on("data", (b) => {
      const at = dumps ? b.indexOf(text) : -1;
      if (at >= 0) b[at] = 0x43;
      client.write(b);
    });
    for (const s of [client, upstream])
      s.on("error", () => {}).on("close", () => {
        client.destroy();
        upstream.destroy();
      });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { port: (server.address() as AddressInfo).port, close: async () => void server.close() };
}

const ops = (d: SourceDriver, topic: string) =>
  d
    .of(topic)
    .map(({ value, key }) =>
      value === null ? `x${(key as { id?: unknown } | null)?.id ?? ""}` : `${value.op}${(value.after ?? value.before)?.id ?? ""}`,
    );

for (const flavor of ["mysql", "mariadb"] as Flavor[])
  describe.skipIf(!installed(flavor))(`streaming from ${flavor} (needs .services/${flavor})`, () => {
    let server: TestMysql;
    let bed: MysqlBed;
    beforeAll(async () => {
      server = await startMysql(flavor);
    }, 120_000);
    afterAll(() => server?.stop());
    afterEach(() => bed?.close());

    test("inserts, updates, deletes and changed keys, with what belongs to each", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
      const d = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(d);
      await bed.sql(
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        "UPDATE t SET v = 'B' WHERE id = 2",
        "UPDATE t SET id = 3 WHERE id = 1",
        "DELETE FROM t",
      );
      await d.until("the deletes arrive", () => d.of(bed.topic("t")).filter((s) => s.value === null).length === 3);
      expect(ops(d, bed.topic("t"))).toEqual(["c1", "c2", "u2", "d1", "x1", "c3", "d2", "x2", "d3", "x3"]);
      const [first, second, update, moved, , created] = d.of(bed.topic("t"));
      expect(update!.value).toMatchObject({ before: { id: 2, v: "b" }, after: { id: 2, v: "B" } });
      expect(moved!.headers["__debezium.newkey"]).toEqual({ id: 3 });
      expect(created!.headers["__debezium.oldkey"]).toEqual({ id: 1 });
      expect([first!.value.source.row, second!.value.source.row]).toEqual([0, 1]);
      expect(first!.value.source.gtid).toMatch(flavor === "mysql" ? /^[0-9a-f-]{36}:\d+$/ : /^\d+-\d+-\d+$/);
      expect(first!.value.source).toMatchObject({ connector: flavor, db: bed.name, table: "t", snapshot: "false", server_id: server.port });
    });

    test("a transaction that is cut goes on where it was cut, whatever cut it", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(2000))");
      const first = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(first);
      await first.kill();
      await bed.sql("START TRANSACTION");
      for (let i = 0; i < 5000; i += 500)
        await bed.sql(`INSERT INTO t VALUES ${Array.from({ length: 500 }, (_, k) => `(${i + k}, REPEAT('x', 1500))`).join(",")}`);
      await bed.sql("COMMIT", "INSERT INTO t VALUES (5000, 'after')");
      let d = first;
      const all: number[] = [];
      for (let runs = 0; all[all.length - 1] !== 5000; runs++) {
        expect(runs).toBeLessThan(30);
        d = await bed.driver({ "snapshot.mode": "no_data" }, d);
        await d.until("some more", () => d.seen.length > 400 || d.seen.at(-1)?.value.after.id === 5000);
        all.push(...d.seen.map((s) => s.value.after.id as number));
        await d.kill();
      }
      expect(all).toEqual(Array.from({ length: 5001 }, (_, i) => i));
    });

    test("statements that change the table in mid-stream, also while the connector is down", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
      const first = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(first);
      await bed.sql(
        "INSERT INTO t VALUES (1, 'a')",
        "ALTER TABLE t ADD COLUMN n INT DEFAULT 4 FIRST",
        "INSERT INTO t (id, v) VALUES (2, 'b')",
      );
      await first.until("two rows", () => first.seen.length === 2);
      expect(first.seen.map((s) => s.value.after)).toEqual([
        { id: 1, v: "a" },
        { n: 4, id: 2, v: "b" },
      ]);
      await first.kill();
      await bed.sql(
        "INSERT INTO t (id, v) VALUES (3, 'c')",
        "ALTER TABLE t DROP COLUMN v, ADD COLUMN w TEXT",
        "INSERT INTO t VALUES (5, 4, 'd')",
        "RENAME TABLE t TO u",
        "INSERT INTO u VALUES (6, 5, 'e')",
        "CREATE TABLE fresh (a INT PRIMARY KEY)",
        "INSERT INTO fresh VALUES (1)",
      );
      const d = await bed.driver({ "snapshot.mode": "no_data" }, first);
      await d.until("all rows", () => d.of(bed.topic("fresh")).length === 1);
      expect(d.seen.map((s) => s.value.after)).toEqual([
        { n: 4, id: 3, v: "c" },
        { n: 5, id: 4, w: "d" },
        { n: 6, id: 5, w: "e" },
        { a: 1 },
      ]);
      expect(d.of(bed.topic("u"))).toHaveLength(1);
    });

    test("a connection that breaks is made anew and nothing is lost or doubled", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)");
      const d = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(d);
      for (let i = 0; i < 3; i++) {
        await bed.sql(`INSERT INTO t VALUES (${2 * i})`);
        await bed.killDumps();
        await bed.sql(`INSERT INTO t VALUES (${2 * i + 1})`);
        await d.until("both rows", () => d.seen.length >= 2 * i + 2);
      }
      expect(d.seen.map((s) => s.value.after.id)).toEqual([0, 1, 2, 3, 4, 5]);
    });

    test("a server that is killed and started again", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)");
      const d = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(d);
      await bed.sql("INSERT INTO t VALUES (1)");
      await d.until("a row", () => d.seen.length === 1);
      await server.restart();
      const db = await server.client(bed.name);
      await db.query("INSERT INTO t VALUES (2)");
      await d.until("the next row", () => d.seen.length >= 2, 40_000);
      expect(d.seen.map((s) => s.value.after.id)).toEqual([1, 2]);
      await db.query(`DROP DATABASE ${bed.name}`);
    }, 90_000);

    test("a binlog that is gone stops the task and says what to do", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)");
      const d = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(d);
      await bed.sql("INSERT INTO t VALUES (1)");
      await d.until("a row", () => d.seen.length === 1);
      await d.kill();
      await bed.killDumps(); // a reader of a file keeps it from being purged
      await bed.sql("FLUSH BINARY LOGS", "INSERT INTO t VALUES (2)", "FLUSH BINARY LOGS");
      // MariaDB keeps a file until the engine has checkpointed what is in it
      for (let i = 0; i < 100; i++) {
        const [logs] = await bed.db.query("SHOW BINARY LOGS");
        const names = (logs as { Log_name: string }[]).map((l) => l.Log_name);
        if (names.length === 1) break;
        await bed.sql(`PURGE BINARY LOGS TO '${names.at(-1)}'`, "FLUSH ENGINE LOGS").catch(() => {});
        await new Promise((r) => setTimeout(r, 100));
      }
      await expect(
        (async () => {
          const e = await bed.driver({ "snapshot.mode": "no_data" }, d);
          for (let i = 0; i < 20; i++) await e.poll();
        })(),
      ).rejects.toThrow(/no longer|purged|snapshot\.mode/);
      // and closes the gap by itself where it was told so
      const needed = await bed.driver({ "snapshot.mode": "when_needed" }, d);
      await needed.until("a snapshot", () => needed.seen.length >= 2);
      expect(needed.seen.map((s) => `${s.value.op}${s.value.after.id}`)).toEqual(["r1", "r2"]);
    });

    test("CREATE TABLE … SELECT, temporary tables, stored routines, XA", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)");
      const d = await bed.driver({ "snapshot.mode": "no_data", "provide.transaction.metadata": "true" });
      await bed.streaming(d);
      await bed.sql(
        "CREATE TABLE made (PRIMARY KEY (id)) SELECT id FROM t",
        "CREATE TEMPORARY TABLE tmp (id INT)",
        "INSERT INTO tmp VALUES (7)",
        "DROP TEMPORARY TABLE tmp",
        "CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (3); INSERT INTO made VALUES (3); END",
        "CALL p()",
        "XA START 'x'",
        "INSERT INTO t VALUES (4)",
        "XA END 'x'",
        "XA PREPARE 'x'",
        "XA COMMIT 'x'",
        "INSERT INTO t VALUES (5)",
      );
      await d.until("the last row", () => ops(d, bed.topic("t")).includes("c5"));
      expect(ops(d, bed.topic("made"))).toEqual(["c1", "c2", "c3"]);
      expect(ops(d, bed.topic("t"))).toEqual(["c3", "c4", "c5"]);
      const ended = d.of("s.transaction").filter((s) => s.value.status === "END");
      expect(ended[0]!.value.event_count).toBe(2);
    });

    test("partial row images: what a row lacks is in the row before, or is said to be unavailable", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b INT, c VARCHAR(20) NOT NULL)");
      const d = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(d);
      await bed.sql(
        "SET SESSION binlog_row_image = 'MINIMAL'",
        "INSERT INTO t VALUES (1, 'a', 2, 'c')",
        "UPDATE t SET b = 3",
        "UPDATE t SET id = 2",
        "DELETE FROM t",
        "SET SESSION binlog_row_image = 'FULL'",
      );
      await d.until("the delete", () => ops(d, bed.topic("t")).includes("x2"));
      const none = "__debezium_unavailable_value";
      const values = d.of(bed.topic("t")).map((s) => s.value);
      expect(values[0].after).toEqual({ id: 1, a: "a", b: 2, c: "c" });
      expect(values[1]).toMatchObject({ op: "u", before: { id: 1, a: null, b: null }, after: { id: 1, a: none, b: 3, c: none } });
      expect(ops(d, bed.topic("t"))).toEqual(["c1", "u1", "d1", "x1", "c2", "d2", "x2"]);
      expect(values[4].after).toEqual({ id: 2, a: none, b: null, c: none });
    });

    test("partial row images without blobs: an unchanged one is said to be unavailable", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b BLOB, c TEXT)");
      const d = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(d);
      await bed.sql(
        "SET SESSION binlog_row_image = 'NOBLOB'",
        "INSERT INTO t VALUES (1, 'a', x'01', 'c')",
        "UPDATE t SET a = 'b'",
        "UPDATE t SET c = 'd'",
        "SET SESSION binlog_row_image = 'FULL'",
      );
      await d.until("all three", () => d.of(bed.topic("t")).length === 3);
      const [made, changed, last] = d.of(bed.topic("t")).map((s) => s.value);
      expect(made.after).toMatchObject({ id: 1, a: "a", c: "c" });
      expect(changed).toMatchObject({ before: { id: 1, a: "a" }, after: { id: 1, a: "b", c: "__debezium_unavailable_value" } });
      expect(last.after).toMatchObject({ id: 1, a: "b", c: "d" });
    });

    test("the statement is in the events where the server writes it", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)");
      const d = await bed.driver({ "snapshot.mode": "no_data", "include.query": "true" });
      await bed.streaming(d);
      await bed.sql(
        flavor === "mysql" ? "SET SESSION binlog_rows_query_log_events = 1" : "SET SESSION binlog_annotate_row_events = 1",
        "INSERT INTO t VALUES (1), (2) /* é */",
      );
      await d.until("both rows", () => d.seen.length === 2);
      for (const s of d.seen) expect(s.value.source.query).toBe("INSERT INTO t VALUES (1), (2) /* é */");
    });

    test("rows that the schema history does not fit stop the task, or are left out", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)");
      const first = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(first);
      await bed.sql("INSERT INTO u VALUES (1)");
      await first.until("a row", () => first.seen.length === 1);
      await first.kill();
      await bed.sql(
        "SET sql_log_bin = 0",
        "ALTER TABLE t ADD COLUMN v INT",
        "SET sql_log_bin = 1",
        "INSERT INTO t VALUES (1, 1)",
        "INSERT INTO u VALUES (2)",
      );
      await expect(async () => {
        const d = await bed.driver({ "snapshot.mode": "no_data" }, first);
        for (let i = 0; i < 5; i++) await d.poll();
      }).rejects.toThrow(/2 columns in the binlog and 1 in the schema history/);
      const d = await bed.driver({ "snapshot.mode": "no_data", "inconsistent.schema.handling.mode": "warn" }, first);
      await d.until("the row of the other table", () => d.seen.length === 1);
      expect(d.seen[0]!.value.after).toEqual({ id: 2 });
    });

    test("an event that cannot be read stops the task with its place, or is set aside", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(100))");
      const first = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(first);
      await first.kill();
      const proxy = await corrupting(server.port, "corrupt me");
      await bed.sql("INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (2, CONCAT('corrupt', ' me'))", "INSERT INTO t VALUES (3, 'c')");
      const through = { "snapshot.mode": "no_data", "database.port": String(proxy.port), "database.ssl.mode": "disabled" };
      const failing = await bed.driver(through, first);
      await expect(failing.until("never", () => false)).rejects.toThrow(/at position \d+.*checksum/);
      const d = await bed.driver({ ...through, "event.deserialization.failure.handling.mode": "warn" }, first);
      await d.until("the rows around it", () => d.seen.length === 2);
      expect(d.seen.map((s) => s.value.after.id)).toEqual([1, 3]);
      expect(d.aside).toHaveLength(1);
      expect(d.aside[0]!.position).toMatch(/^binlog\.\d+:\d+$/);
      await proxy.close();
    });

    test("transactions of servers that do not count are left out", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)");
      const [[own]] = (await bed.db.query(`SELECT ${flavor === "mysql" ? "@@server_uuid" : "@@gtid_domain_id"} AS id`)) as unknown as [
        [{ id: string }],
      ];
      const first = await bed.driver({ "snapshot.mode": "no_data" });
      await bed.streaming(first);
      await bed.sql("INSERT INTO t VALUES (1)");
      await first.until("a row", () => first.seen.length === 1);
      await first.kill();
      const other = flavor === "mysql" ? "SET gtid_next = 'aaaaaaaa-0000-0000-0000-000000000001:1'" : "SET gtid_domain_id = 7";
      await bed.sql(
        other,
        "INSERT INTO t VALUES (2)",
        flavor === "mysql" ? "SET gtid_next = 'AUTOMATIC'" : `SET gtid_domain_id = ${own.id}`,
      );
      await bed.sql("INSERT INTO t VALUES (3)");
      const d = await bed.driver({ "snapshot.mode": "no_data", "gtid.source.includes": String(own.id) }, first);
      await d.until("the row", () => d.seen.length === 1);
      if (flavor === "mysql")
        await bed.sql(
          "SET gtid_next = 'aaaaaaaa-0000-0000-0000-000000000001:2'",
          "INSERT INTO t VALUES (4)",
          "SET gtid_next = 'AUTOMATIC'",
        );
      await bed.sql("INSERT INTO t VALUES (5)");
      await d.until("the next", () => d.seen.length === 2);
      expect(d.seen.map((s) => s.value.after.id)).toEqual([3, 5]);
    });

    test("another server of the same GTIDs goes on where the first one stopped", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10))", "INSERT INTO t VALUES (1, 'a')");
      const replica = await startMysql(flavor, { options: flavor === "mysql" ? [] : ["--log-slave-updates=ON"] });
      try {
        const [[start]] = (await bed.db.query(
          flavor === "mysql" ? "SELECT @@gtid_purged AS purged" : "SELECT @@gtid_binlog_pos AS purged",
        )) as unknown as [[{ purged: string }]];
        const db = await replica.client();
        if (flavor === "mysql") {
          await db.query("RESET BINARY LOGS AND GTIDS");
          if (start.purged) await db.query(`SET GLOBAL gtid_purged = '${start.purged}'`);
          await db.query(
            `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = ${server.port}, SOURCE_USER = 'root', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1; START REPLICA`,
          );
        } else {
          await db.query(`CREATE DATABASE ${bed.name}; CREATE TABLE ${bed.name}.t (id INT PRIMARY KEY, v VARCHAR(10))`);
          await db.query(
            `RESET MASTER; SET GLOBAL gtid_slave_pos = '${start.purged}'; CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${server.port}, MASTER_USER = 'root', MASTER_USE_GTID = slave_pos; START SLAVE`,
          );
        }
        const first = await bed.driver({ "snapshot.mode": "no_data" });
        await bed.streaming(first);
        await bed.sql("INSERT INTO t VALUES (2, 'b')");
        await first.until("a row", () => first.seen.length === 1);
        await first.kill();
        await bed.sql("INSERT INTO t VALUES (3, 'c')", "ALTER TABLE t ADD COLUMN n INT", "INSERT INTO t VALUES (4, 'd', 4)");
        const d = await bed.driver({ "snapshot.mode": "no_data", "database.port": String(replica.port) }, first);
        await d.until("what was not read", () => d.seen.length === 2);
        expect(d.seen.map((s) => s.value.after)).toEqual([
          { id: 3, v: "c" },
          { id: 4, v: "d", n: 4 },
        ]);
      } finally {
        await replica.stop();
      }
    }, 90_000);

    test("transaction metadata, heartbeats and truncation", async () => {
      bed = await MysqlBed.open(server, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)");
      const d = await bed.driver({
        "snapshot.mode": "no_data",
        "provide.transaction.metadata": "true",
        "heartbeat.interval.ms": "200",
        "skipped.operations": "none",
        "tombstones.on.delete": "false",
      });
      await bed.streaming(d);
      await bed.sql("START TRANSACTION", "INSERT INTO t VALUES (1), (2)", "INSERT INTO u VALUES (1)", "COMMIT", "TRUNCATE TABLE t");
      await d.until(
        "the truncation and a heartbeat",
        () => d.of("__debezium-heartbeat.s").length > 0 && ops(d, bed.topic("t")).includes("t"),
      );
      const [begin, end] = d.of("s.transaction");
      expect(begin!.value).toMatchObject({ status: "BEGIN", event_count: null });
      expect(end!.value).toMatchObject({ status: "END", event_count: 3 });
      expect(end!.value.data_collections).toEqual(
        expect.arrayContaining([
          { data_collection: `${bed.name}.t`, event_count: 2 },
          { data_collection: `${bed.name}.u`, event_count: 1 },
        ]),
      );
      expect(d.of(bed.topic("u"))[0]!.value.transaction).toEqual({ id: begin!.value.id, total_order: 3, data_collection_order: 1 });
      expect(ops(d, bed.topic("t"))).toEqual(["c1", "c2", "t"]);
    });
  });
