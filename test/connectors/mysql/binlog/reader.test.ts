import type mysql from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BinlogEvent } from "../../../../src/connectors/mysql/binlog/events.js";
import { GtidSet } from "../../../../src/connectors/mysql/binlog/gtid-set.js";
import { installed, startMysql, type TestMysql } from "../../../support/mysql.js";
import { cellText, endOf, eventsBetween, eventsOf, open, reader, rowsOf } from "../support.js";

const kinds = (events: readonly BinlogEvent[]) =>
  events
    .filter((e) => e.kind !== "heartbeat" && e.kind !== "rotate")
    .map((e) => (e.kind === "query" ? e.sql : e.kind === "rows" ? e.rows.operation : e.kind));

describe.each(["mysql", "mariadb"] as const)("the binlog of %s", (flavor) => {
  const here = installed(flavor);
  const named = (name: string) => (here ? name : `${name} (not run: ${flavor} is not installed)`);
  const its = test.skipIf(!here);
  // what the other server does not have is no test of it
  const none = (() => {}) as unknown as typeof its;
  const onMysql = flavor === "mysql" ? its : none;
  const onMariadb = flavor === "mariadb" ? its : none;
  let server: TestMysql;
  let client: mysql.Connection;

  beforeAll(async () => {
    if (!here) return;
    server = await startMysql(flavor, { options: ["--max-allowed-packet=128M"] });
    client = await server.client();
    await client.query(
      "create database d; use d; create table t (id int primary key, s varchar(50), b blob, n int); create table large (id int primary key, b longblob)",
    );
  }, 60_000);
  afterAll(async () => server?.stop());

  const of = (...statements: string[]) =>
    eventsOf(server, async () => {
      for (const s of statements) await client.query(s);
    });
  const texts = (events: readonly BinlogEvent[]) =>
    rowsOf(events).map((r) => ({
      before: r.before?.map((c, i) => (c === undefined ? undefined : cellText(r.columns[i]!, c))) ?? null,
      after: r.after?.map((c, i) => (c === undefined ? undefined : cellText(r.columns[i]!, c))) ?? null,
    }));

  its(named("a transaction is a gtid, BEGIN, rows and a commit, with positions that follow each other"), async () => {
    const events = await of(
      "delete from t",
      "begin; insert into t values (1, 'a', 'x', 1), (2, 'b', null, 2); update t set n = n + 1 where id = 1; delete from t where id = 2; commit",
    );
    expect(kinds(events).filter((k) => k !== "rows-query")).toEqual(["gtid", "BEGIN", "insert", "update", "delete", "commit"]);
    const [rotate, ...rest] = events.filter((e) => e.kind !== "heartbeat");
    expect(rotate!.kind).toBe("rotate");
    for (const e of rest) {
      expect(e.header.file).toBe("binlog.000001");
      expect(e.header.nextPosition).toBeGreaterThan(e.header.position);
    }
    expect(rest.map((e) => e.header.position)).toEqual(rest.map((e) => e.header.position).sort((a, b) => a - b));
    expect(rest.at(-1)!.header.nextPosition).toBe((await endOf(server)).position);
    expect(texts(events)).toEqual([
      { before: null, after: ["1", "a", "78", "1"] },
      { before: null, after: ["2", "b", null, "2"] },
      { before: ["1", "a", "78", "1"], after: ["1", "a", "78", "2"] },
      { before: ["2", "b", null, "2"], after: null },
    ]);
    const rows = events.find((e) => e.kind === "rows")!;
    expect(Math.abs(rows.header.timestamp - Date.now() / 1000)).toBeLessThan(60);
    expect(rows.header.serverId).toBe(server.port);
  });

  its(named("a position within a file is where reading goes on"), async () => {
    const from = await endOf(server);
    await client.query("replace into t values (10, 'a', null, 0)");
    const middle = await endOf(server);
    await client.query("replace into t values (11, 'b', null, 0)");
    const to = await endOf(server);
    expect(rowsOf(await eventsBetween(server, from, to)).length).toBe(2);
    expect(texts(await eventsBetween(server, middle, to)).map((r) => r.after?.[0])).toEqual(["11"]);
  });

  its(named("by GTID the server sends what is not in the set, over files too"), async () => {
    const from = await endOf(server);
    await client.query("replace into t values (20, 'a', null, 0); flush binary logs; replace into t values (21, 'b', null, 0)");
    const to = await endOf(server);
    const events = await eventsBetween(server, from, to, true);
    expect(rowsOf(events).map((r) => cellText(r.columns[0]!, r.after![0]))).toEqual(["20", "21"]);
    expect(events.some((e) => e.kind === "rotate" && e.toFile === to.file)).toBe(true);
    const gtids = events.flatMap((e) => (e.kind === "gtid" ? [e.gtid!] : []));
    expect(gtids.length).toBe(2);
    if (flavor === "mysql") {
      const set = GtidSet.parse(from.gtidSet!);
      for (const gtid of gtids) {
        expect(set.has(gtid)).toBe(false);
        set.add(gtid);
      }
      expect(set.equals(GtidSet.parse(to.gtidSet!))).toBe(true);
      const time = events.find((e) => e.kind === "gtid")!.commitUs!;
      expect(Math.abs(time.original / 1000 - Date.now())).toBeLessThan(60_000);
      expect(time.original).toBe(time.immediate);
    } else expect(gtids.at(-1)).toBe(to.gtidSet);
  });

  onMysql(named("tagged GTIDs are read and sent"), async () => {
    const from = await endOf(server);
    await client.query(
      "set gtid_next = 'automatic:tag_1'; replace into t values (30, 'a', null, 0); set gtid_next = 'automatic'; replace into t values (31, 'b', null, 0)",
    );
    const middle = await endOf(server);
    await client.query(
      "set gtid_next = 'automatic:tag_1'; replace into t values (32, 'a', null, 0); set gtid_next = 'automatic:another'; replace into t values (33, 'b', null, 0); set gtid_next = 'automatic'",
    );
    const to = await endOf(server);
    const events = await eventsBetween(server, from, to, true);
    const gtids = events.flatMap((e) => (e.kind === "gtid" ? [e.gtid!] : []));
    expect(gtids.map((g) => g.slice(37))).toEqual(["tag_1:1", expect.stringMatching(/^\d+$/), "tag_1:2", "another:1"]);
    expect(events.every((e) => e.kind !== "gtid" || e.commitUs!.original > 1e15)).toBe(true);
    const set = GtidSet.parse(from.gtidSet!);
    for (const gtid of gtids) set.add(gtid);
    expect(set.toString()).toBe(GtidSet.parse(to.gtidSet!).toString());
    expect(set.toString()).toBe(to.gtidSet);
    expect(rowsOf(await eventsBetween(server, middle, to, true)).map((r) => cellText(r.columns[0]!, r.after![0]))).toEqual(["32", "33"]);
  });

  its(named("row images MINIMAL and NOBLOB tell what they do not have"), async () => {
    await client.query("replace into t values (40, 'a', 'blob', 1); set binlog_row_image = 'MINIMAL'");
    const minimal = texts(
      await of("update t set n = 2 where id = 40", "insert into t (id, n) values (41, 5)", "delete from t where id = 41"),
    );
    await client.query("set binlog_row_image = 'NOBLOB'");
    const noblob = texts(await of("update t set n = 3 where id = 40"));
    await client.query("set binlog_row_image = 'FULL'");
    const no = undefined;
    expect(minimal[0]).toEqual({ before: ["40", no, no, no], after: [no, no, no, "2"] });
    expect(minimal[1]!.after![0]).toBe("41");
    expect(minimal[1]!.after![3]).toBe("5");
    expect(minimal[2]).toEqual({ before: ["41", no, no, no], after: null });
    expect(noblob).toEqual([{ before: ["40", "a", no, "2"], after: ["40", "a", no, "3"] }]);
  });

  its(named("row metadata MINIMAL has no names, and the same cells"), async () => {
    await client.query("set global binlog_row_metadata = 'MINIMAL'");
    const [row] = rowsOf(await of("replace into t values (50, 'ä', 'x', -1)"));
    await client.query("set global binlog_row_metadata = 'FULL'");
    expect(row!.columns.map((c) => c.name)).toEqual([undefined, undefined, undefined, undefined]);
    expect(row!.columns[1]!.meta).toBe(flavor === "mysql" ? 200 : row!.columns[1]!.meta);
    expect(row!.after!.map((c) => c!.toString("hex"))).toEqual([
      "32000000",
      row!.columns[1]!.meta === 200 ? "c3a4" : "e4",
      "78",
      "ffffffff",
    ]);
  });

  its(named("without checksums, and with them again"), async () => {
    const events = await of(
      "set global binlog_checksum = 'NONE'",
      "replace into t values (60, 'a', null, 0)",
      "set global binlog_checksum = 'CRC32'",
      "replace into t values (61, 'b', null, 0)",
    );
    expect(texts(events).map((r) => r.after![0])).toEqual(["60", "61"]);
    await client.query("set global binlog_checksum = 'NONE'");
    const without = await of("replace into t values (62, 'a', null, 0)");
    await client.query("set global binlog_checksum = 'CRC32'");
    expect(texts(without).map((r) => r.after![0])).toEqual(["62"]);
  });

  onMysql(named("compressed transactions are the events within"), async () => {
    await client.query("set binlog_transaction_compression = on");
    const events = await of(
      "begin; replace into t values (70, repeat('a', 50), repeat('b', 60000), 0); replace into t values (71, 'c', null, 0); commit",
    );
    // what zstd does not have as one block
    const large = await of(
      "insert into t select id + 1000000, left(sha2(id, 256), 40), repeat('z', 60000), id from (with recursive n as (select 1 as id union all select id + 1 from n where id < 300) select id from n) x",
    );
    await client.query("set binlog_transaction_compression = off");
    expect(kinds(events)).toEqual(["gtid", "BEGIN", "insert", "insert", "commit"]);
    const inside = events.filter((e) => e.kind === "rows" || e.kind === "commit");
    expect(new Set(inside.map((e) => `${e.header.position} ${e.header.nextPosition}`)).size).toBe(1);
    expect(texts(events).map((r) => r.after![0])).toEqual(["70", "71"]);
    expect(texts(events)[0]!.after![2]).toBe("62".repeat(60_000));
    const rows = rowsOf(large);
    expect(rows.length).toBe(300);
    expect(rows.every((r) => r.after![2]!.length === 60_000)).toBe(true);
  });

  onMariadb(named("compressed queries and rows"), async () => {
    await client.query("set global log_bin_compress = on; set global log_bin_compress_min_len = 10");
    const other = await server.client("d");
    const events = await eventsOf(server, async () => {
      await other.query(`create table compressed (id int primary key comment '${"long ".repeat(40)}', s longtext)`);
      await other.query("insert into compressed values (1, repeat('a', 100000)), (2, 'b')");
      await other.query("update compressed set s = concat(s, 'c')");
      await other.query("delete from compressed");
    });
    await client.query("set global log_bin_compress = off");
    expect(kinds(events)[1]).toMatch(/^create table compressed .*(long ){40}/);
    const rows = texts(events).map((r) => [r.before?.[0], r.before?.[1]?.length, r.after?.[0], r.after?.[1]?.length]);
    expect(rows).toEqual([
      [undefined, undefined, "1", 100_000],
      [undefined, undefined, "2", 1],
      ["1", 100_000, "1", 100_001],
      ["2", 1, "2", 2],
      ["1", 100_001, undefined, undefined],
      ["2", 2, undefined, undefined],
    ]);
  });

  onMariadb(named("times of the old formats"), async () => {
    await client.query("set global mysql56_temporal_format = off, time_zone = '+00:00'");
    const other = await server.client("d");
    const events = await eventsOf(server, async () => {
      await other.query("set time_zone = '+00:00'; create table old (id int primary key, d datetime, t time, s timestamp null)");
      await other.query(
        "insert into old values (1, '2024-02-29 12:34:56', '-838:59:59', '2024-02-29 12:34:56'), (2, '0000-00-00', '00:00:01', null)",
      );
    });
    await client.query("set global mysql56_temporal_format = on");
    expect(rowsOf(events)[0]!.columns.map((c) => c.type)).toEqual([3, 12, 11, 7]);
    expect(texts(events).map((r) => r.after)).toEqual([
      ["1", "2024-02-29 12:34:56", "-838:59:59", "2024-02-29 12:34:56"],
      ["2", "0000-00-00 00:00:00", "00:00:01", null],
    ]);
  });

  onMysql(named("partial JSON updates get their whole value"), async () => {
    await client.query("create table j (id int primary key, a json, s varchar(20), b json)");
    const a = `{"k":[1,2,{"x":"y"}],"long":"${"l".repeat(200)}","n":1.50,"z":null}`;
    await client.query("insert into j values (1, ?, 's', '[1,2,3]'), (2, null, null, '{}')", [a]);
    await client.query("set binlog_row_value_options = 'PARTIAL_JSON'");
    const changes = [
      `update j set a = json_set(a, '$.k[2].x', 'changed', '$."new key"', json_object('q', 1)) where id = 1`,
      `update j set a = json_remove(a, '$.k[0]'), b = json_replace(b, '$[1]', cast('2024-01-02' as date)), s = 'both' where id = 1`,
      `update j set a = json_set(a, '$."a.b"', json_array(), '$.long', 's'), b = json_set(b, '$[7]', true) where id = 1`,
      `update j set b = json_set(b, '$.x', 1) where id = 2`,
      `update j set a = json_remove(a, '$.k', '$.n') where id = 1`,
    ];
    for (const change of changes) {
      const events = await of(change);
      const [[now]] = (await client.query(`select a, b, s from j where id = ${change.endsWith("2") ? 2 : 1}`)) as unknown as [
        [{ a: unknown; b: unknown; s: string }],
      ];
      const [row] = rowsOf(events);
      expect(texts(events)[0]!.before![0]).toBe(texts(events)[0]!.after![0]);
      const json = (i: number) => (row!.after![i] ? JSON.parse(cellText(row!.columns[i]!, row!.after![i])!) : null);
      expect(json(1)).toEqual(now.a);
      expect(json(3)).toEqual(now.b);
      expect(cellText(row!.columns[2]!, row!.after![2])).toBe(now.s);
      // the keys' order is MySQL's
      if (now.a) expect(Object.keys(json(1))).toEqual(Object.keys(now.a));
    }
    await client.query("set binlog_row_image = 'MINIMAL'");
    await expect(of("update j set a = json_set(a, '$.long', 'm') where id = 1")).rejects.toThrow(
      /d\.j.*binlog_row_image=FULL.*binlog\.\d+ at position \d+/,
    );
    await client.query("set binlog_row_image = 'FULL', binlog_row_value_options = ''");
  });

  its(
    named("rows beyond 16 MB"),
    async () => {
      const events = await of(
        "insert into large values (1, repeat('a', 20000000)), (2, 'small')",
        "update large set b = repeat('b', 17000000) where id = 1",
        "delete from large",
      );
      const sizes = rowsOf(events).map((r) => [r.before?.[1]?.length, r.after?.[1]?.length]);
      expect(sizes).toEqual([
        [undefined, 20_000_000],
        [undefined, 5],
        [20_000_000, 17_000_000],
        [17_000_000, undefined],
        [5, undefined],
      ]);
      const after = rowsOf(events)[2]!.after![1]!;
      expect(after.every((byte) => byte === 98)).toBe(true);
    },
    90_000,
  );

  its(named("statements' texts, their session and XA"), async () => {
    if (flavor === "mysql") await client.query("set binlog_rows_query_log_events = on");
    const long = "x".repeat(400);
    const events = await of(
      `set sql_mode = 'ANSI_QUOTES'; create table "q" (a int); drop table "q"; set sql_mode = default`,
      `insert into t values (80, 'ü', '${long}', 0)`,
    );
    const create = events.find((e) => e.kind === "query" && e.sql.startsWith("create"));
    expect(create).toMatchObject({
      database: "d",
      sql: 'create table "q" (a int)',
      charset: flavor === "mysql" ? "utf8mb4" : expect.any(String),
    });
    expect(create!.kind === "query" && create!.sqlMode! & 4).toBe(4);
    expect(events.find((e) => e.kind === "rows-query")).toMatchObject({ sql: `insert into t values (80, 'ü', '${long}', 0)` });
    if (flavor === "mysql") await client.query("set binlog_rows_query_log_events = off");
    await client.query("set names latin1");
    const latin = await of("create table `größe` (a int)", "drop table `größe`");
    await client.query("set names utf8mb4");
    expect(latin.flatMap((e) => (e.kind === "query" ? [e.sql] : []))[0]).toBe("create table `größe` (a int)");
    const xa = await of("xa start 'x', 'y'; insert into t (id) values (81); xa end 'x', 'y'; xa prepare 'x', 'y'; xa commit 'x', 'y'");
    expect(xa.find((e) => e.kind === "xa-prepare")).toMatchObject({ onePhase: false, xid: "X'78',X'79',1" });
    expect(kinds(xa).at(-1)).toBe("XA COMMIT X'78',X'79',1");
  });

  its(named("a heartbeat says that nothing is new"), async () => {
    const to = await endOf(server);
    const r = await reader(server, { ...to, gtidSet: null }, 200);
    const events: BinlogEvent[] = [];
    while (!events.some((e) => e.kind === "heartbeat")) events.push(...(await r.next(2000)));
    expect(r.position).toBe(to.position);
    expect(r.file).toBe(to.file);
    await client.query("replace into t values (90, 'a', null, 0)");
    while (!events.some((e) => e.kind === "commit")) events.push(...(await r.next(2000)));
    r.close();
    await expect(r.next(1000)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  });

  its(named("a position that the server does not have, and one within an event, are errors"), async () => {
    const to = await endOf(server);
    const all = async (from: Partial<typeof to>) =>
      eventsBetween(server, { ...to, gtidSet: null, ...from }, { ...to, position: to.position + 2_000_000 });
    await expect(all({ file: "binlog.999999", position: 4 })).rejects.toMatchObject({
      code: "SOURCE_FAILED",
      message: expect.stringContaining("1236"),
    });
    await expect(all({ position: to.position + 1_000_000 })).rejects.toMatchObject({ code: "SOURCE_FAILED" });
    await expect(all({ position: to.position - 3 })).rejects.toMatchObject({ code: "SOURCE_FAILED" });
    if (flavor === "mysql") {
      const purged = { ...to, gtidSet: "" };
      await client.query("flush binary logs");
      const end = await endOf(server);
      await client.query(`purge binary logs to '${end.file}'`);
      await expect(eventsBetween(server, purged, end, true)).rejects.toMatchObject({
        code: "SOURCE_FAILED",
        message: expect.stringMatching(/purged|1236/),
      });
    }
  });

  its(named("a lost connection says to try again"), async () => {
    const to = await endOf(server);
    const r = await reader(server, { ...to, gtidSet: null });
    await r.next(1000);
    const session = await open(server);
    const { rows } = await session.query("select id from information_schema.processlist where command like 'Binlog Dump%'");
    for (const [id] of rows) await session.query(`kill ${id}`).catch(() => {});
    session.close();
    const until = (async () => {
      for (;;) await r.next(1000);
    })();
    await expect(until).rejects.toMatchObject({ code: "SOURCE_RETRIABLE" });
    r.close();
  });

  its(
    named("a slow reader does not fill the memory"),
    async () => {
      const from = await endOf(server);
      for (let i = 0; i < 4; i++) await client.query(`replace into large values (${100 + i}, repeat('m', 8000000))`);
      const r = await reader(server, { ...from, gtidSet: null });
      await r.next(2000);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const session = (r as unknown as { session: { queue: { bytes: number } } }).session;
      expect(session.queue.bytes).toBeLessThan(9 << 20);
      let rows = 0;
      const to = await endOf(server);
      while (r.position < to.position) rows += rowsOf(await r.next(2000)).length;
      expect(rows).toBe(4);
      r.close();
    },
    90_000,
  );
});
