import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConnectionSettings, connect } from "../../../../src/connectors/mysql/connection/connect.js";
import { headroom } from "../../../../src/connectors/mysql/connection/packet-reader.js";
import { RowStream } from "../../../../src/connectors/mysql/connection/row-stream.js";
import type { WireSession } from "../../../../src/connectors/mysql/connection/wire-session.js";
import { installed, startMysql, type TestMysql } from "../../../support/mysql.js";

describe.each(["mysql", "mariadb"] as const)("rows of %s as bytes", (flavor) => {
  const here = installed(flavor);
  const named = (name: string) => (here ? name : `${name} (not run: ${flavor} is not installed)`);
  let server: TestMysql;
  let session: WireSession;

  beforeAll(async () => {
    if (!here) return;
    server = await startMysql(flavor, { options: ["--max-allowed-packet=100M"] });
    session = await connect(settingsOf(server), (host, port) => ({ host, port }));
  }, 60_000);
  afterAll(async () => {
    session?.close();
    await server?.stop();
  });

  async function rows(sql: string, stride?: number): Promise<{ rows: (string | null)[][]; lasts: boolean[] }> {
    const stream = await RowStream.open(session, sql, stride);
    const result: (string | null)[][] = [];
    const lasts: boolean[] = [];
    const n = stream.columns.length;
    for (let batch = await stream.next(); batch; batch = await stream.next()) {
      lasts.push(batch.last);
      for (let r = 0; r < batch.count; r++) {
        const row: (string | null)[] = [];
        for (let i = 0; i < n; i++) {
          const o = (r * (stride ?? n) + i) * 2;
          const start = batch.offsets[o]!;
          if (start >= 0) expect(start).toBeGreaterThanOrEqual(headroom);
          row.push(start < 0 ? null : batch.buffer.toString("utf8", start, batch.offsets[o + 1]));
        }
        result.push(row);
      }
    }
    return { rows: result, lasts };
  }

  test.skipIf(!here)(named("come in order, with the last batch marked"), async () => {
    const { rows: got, lasts } = await rows(
      "with recursive n as (select 1 as i union all select i + 1 from n where i < 1000) select a.i * 1000 + b.i, repeat('é', b.i % 300), null from n a, n b where a.i <= 50",
      4,
    );
    expect(got.length).toBe(50_000);
    expect(new Set(got.map((r) => r[0])).size).toBe(50_000);
    expect(got.every((r) => r[1] === "é".repeat((((Number(r[0]) - 1) % 1000) + 1) % 300) && r[2] === null)).toBe(true);
    expect(lasts.pop()).toBe(true);
    expect(lasts.includes(true)).toBe(false);
  });

  test.skipIf(!here)(named("may be none, and may be beyond 16 MB"), async () => {
    expect(await rows("select 1 where 1 = 0")).toEqual({ rows: [], lasts: [true] });
    await session.query("set @a = repeat('a', 40000000)");
    const { rows: got } = await rows(
      "select @a, 'b' union all select repeat('c', 16777215), null union all select repeat('d', 16777208), 'e'",
    );
    expect(got.map((r) => [r[0]!.length, new Set(r[0]).size, r[0]![0], r[1]])).toEqual([
      [40_000_000, 1, "a", "b"],
      [16_777_215, 1, "c", null],
      [16_777_208, 1, "d", "e"],
    ]);
  });

  test.skipIf(!here)(named("a small query gives texts, an error the server's words"), async () => {
    expect(await session.query("select 1 as a, null as b, 'ü' as c")).toEqual({ columns: ["a", "b", "c"], rows: [["1", null, "ü"]] });
    expect(await session.query("do 1")).toEqual({ columns: [], rows: [] });
    await expect(session.query("select nothing")).rejects.toMatchObject({ errno: 1054, sqlState: "42S22" });
    await expect(RowStream.open(session, "select * from no.such")).rejects.toMatchObject({ name: "ServerError" });
    expect((await session.query("select 2 as d")).rows).toEqual([["2"]]);
  });

  test.skipIf(!here)(named("a lost connection is an error that says to try again"), async () => {
    const other = await connect(settingsOf(server), (host, port) => ({ host, port }));
    const stream = await RowStream.open(other, "select 1 union all select 2");
    expect((await stream.next())?.last).toBe(true);
    await session.query(`kill ${other.threadId}`);
    await expect(other.query("select 1")).rejects.toMatchObject({ code: "SOURCE_RETRIABLE" });
    other.close();
  });

  test.skipIf(!here)(named("reading stops where the caller does not go on"), async () => {
    const other = await connect(settingsOf(server), (host, port) => ({ host, port }));
    const stream = await RowStream.open(
      other,
      "with recursive n as (select 1 as i union all select i + 1 from n where i < 1000) select repeat('x', 1000) from n a, n b where a.i <= 100",
    );
    await stream.next();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(other.queue.bytes).toBeLessThan(10 << 20);
    let count = 0;
    for (let batch = await stream.next(); batch; batch = await stream.next()) count += batch.count;
    expect(count).toBeGreaterThan(90_000);
    other.close();
  });
});

function settingsOf(server: TestMysql): ConnectionSettings {
  return {
    hostname: "127.0.0.1",
    port: server.port,
    user: "root",
    password: server.password,
    sslMode: "preferred",
    sslTruststore: null,
    sslKeystore: null,
    sslKeystorePassword: null,
    connectTimeoutMs: 10_000,
    tcpKeepAlive: true,
  };
}
