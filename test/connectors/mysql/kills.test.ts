import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Flavor, installed, startMysql, type TestMysql } from "../../support/mysql.js";
import type { Seen, SourceDriver } from "../../support/source-driver.js";
import { MysqlBed } from "./bed.js";

/** mulberry32 */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The table that the events make; every event must fit what those before it made. */
function replay(events: readonly Seen[]): Map<number, string> {
  const rows = new Map<number, string>();
  events.forEach(({ value }, i) => {
    if (value === null) return;
    const { op, before, after } = value;
    const id = (after ?? before).id as number;
    const known = rows.get(id);
    const at = `event ${i}: ${op} of ${id}`;
    if (op === "c" || op === "r") expect(known, at).toBeUndefined();
    else expect(known, at).toBe(String(before.v));
    if (op === "d") rows.delete(id);
    else rows.set(id, String(after.v));
  });
  return rows;
}

for (const flavor of ["mysql", "mariadb"] as Flavor[])
  describe.skipIf(!installed(flavor))(`kills under load, ${flavor} (needs .services/${flavor})`, () => {
    let server: TestMysql;
    beforeAll(async () => {
      server = await startMysql(flavor);
    }, 120_000);
    afterAll(() => server?.stop());

    test.each([1, 2, 3])(
      "seed %i: nothing lost, nothing doubled, through snapshot and stream",
      async (seed) => {
        const next = random(seed);
        const pick = (n: number) => Math.floor(next() * n);
        const bed = await MysqlBed.open(
          server,
          "CREATE TABLE t (id INT PRIMARY KEY, v INT, pad VARCHAR(600))",
          "CREATE TABLE u (a BIGINT UNSIGNED, b VARCHAR(10) COLLATE utf8mb4_bin, id INT, v INT, PRIMARY KEY (a, b))",
        );
        const size = 16_000;
        for (let i = 0; i < size; i += 1000)
          await bed.sql(
            `INSERT INTO t VALUES ${Array.from({ length: 1000 }, (_, k) => `(${(i + k) * 3}, 0, REPEAT('p', 500))`).join(",")}`,
          );
        await bed.sql(`INSERT INTO u VALUES ${Array.from({ length: 1000 }, (_, i) => `(${i % 50}, 'k${i}', ${i}, 0)`).join(",")}`);
        let writing = true;
        const other = await server.client(bed.name);
        const writer = (async () => {
          const w = random(seed + 1000);
          for (let n = 1; writing; n++) {
            const id = Math.floor(w() * size * 3);
            const what = w();
            if (w() < 0.2) await other.query("START TRANSACTION");
            if (what < 0.4) await other.query(`INSERT IGNORE INTO t VALUES (${id}, ${n}, '')`);
            else if (what < 0.7) await other.query(`UPDATE t SET v = ${n} WHERE id BETWEEN ${id} AND ${id + Math.floor(w() * 40)}`);
            else if (what < 0.8) await other.query(`DELETE FROM t WHERE id = ${id}`);
            else await other.query(`UPDATE u SET v = ${n} WHERE id = ${id % 1000}`);
            await other.query("COMMIT");
          }
        })();
        const more = { "snapshot.locking.mode": ["minimal", "none"][seed % 2]! };
        const events: Seen[] = [];
        let d: SourceDriver | undefined;
        let parts = 0;
        for (let kills = 0; kills < 14; kills++) {
          d = await bed.driver(more, d);
          for (let polls = 1 + pick(kills < 8 ? 4 : 25); polls > 0; polls--) await d.poll();
          await d.kill();
          const state = JSON.parse(String(d.stored?.["snapshot_state"] ?? "{}")) as { segments?: unknown[] };
          parts = Math.max(parts, state.segments?.length ?? 0);
          await new Promise((r) => setTimeout(r, 60)); // the writer's turn
          events.push(...d.seen);
        }
        writing = false;
        await writer;
        await bed.sql("CREATE TABLE last (id INT PRIMARY KEY)", "INSERT INTO last VALUES (1)");
        d = await bed.driver(more, d);
        const end = d;
        await end.until("the end", () => end.of(bed.topic("last")).length > 0, 60_000);
        events.push(...end.seen);
        expect(parts, "the snapshot was cut").toBeGreaterThan(1);
        for (const table of ["t", "u"]) {
          const made = replay(events.filter((e) => e.topic === bed.topic(table)));
          const [rows] = await bed.db.query(`SELECT id, v FROM ${table} ORDER BY id`);
          expect([...made].sort((a, b) => a[0] - b[0])).toEqual((rows as { id: number; v: number }[]).map(({ id, v }) => [id, String(v)]));
        }
        await bed.close();
      },
      120_000,
    );
  });
