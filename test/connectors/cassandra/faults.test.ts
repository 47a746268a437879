import type { Client } from "cassandra-driver";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { primitive } from "../../../src/data/schema.js";
import { cassandraInstalled, startCassandra, type TestCassandra } from "../../support/cassandra.js";
import { record, struct, text } from "../../support/sink-harness.js";
import { CassandraHarness, newKeyspace } from "./harness.js";

const title = cassandraInstalled ? "Cassandra that fails" : "Cassandra that fails (not run: no server in .services/cassandra)";
const int = primitive("int32", { optional: true });

describe.skipIf(!cassandraInstalled)(title, () => {
  let server: TestCassandra;
  let db: Client;
  let ks: string;
  let open: CassandraHarness[] = [];
  beforeAll(async () => {
    server = await startCassandra({ own: true });
    db = await server.client();
    ks = await newKeyspace(db);
  }, 150_000);
  afterAll(async () => {
    await server?.stop();
  }, 60_000);
  afterEach(async () => {
    for (const h of open) await h.stop();
    open = [];
  });
  const sink = (config: Record<string, string>) => {
    const h = new CassandraHarness(server.port, config);
    open.push(h);
    return h.start("t");
  };

  it("waits for a killed server and loses nothing, batches, deletes and lists included", async () => {
    await db.execute(`CREATE TABLE ${ks}.flat (id int PRIMARY KEY, v text)`);
    await db.execute(`CREATE TABLE ${ks}.deep (a int, id int, v text, PRIMARY KEY (a, id))`);
    await db.execute(`CREATE TABLE ${ks}.lists (id int PRIMARY KEY, v list<text>)`);
    const h = await sink({
      [`topic.t.${ks}.flat.mapping`]: "id=key, v=value.v",
      [`topic.t.${ks}.deep.mapping`]: "a=key, id=key, v=value.v",
      [`topic.t.${ks}.lists.mapping`]: "id=key, v=value.l",
      queryExecutionTimeout: "5",
    });
    const value = (i: number) => struct({ v: [text, `v${i}`], l: [text, `["l${i}"]`] });
    const records = Array.from({ length: 12_000 }, (_, i) => record("t", i, [int, i % 4000], i % 17 === 0 ? null : value(i)));
    const expected = new Map<number, string>();
    for (const r of records) {
      if (r.value === null) expected.delete(r.key as number);
      else expected.set(r.key as number, `v${r.offset}`);
    }
    const writing = (async () => {
      for (let i = 0; i < records.length; i += 500) await h.task.put(records.slice(i, i + 500));
      await h.task.flush();
    })();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.kill();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await server.restart();
    await writing;
    expect(h.messages()).toEqual([]);
    db = await server.client();
    const of = async (query: string) => (await db.execute(query, [], { fetchSize: 10_000 })).rows;
    const sorted = [...expected].sort((a, b) => a[0] - b[0]);
    const flat = (await of(`SELECT id, v FROM ${ks}.flat`)).map((r) => [r["id"], r["v"]]);
    expect(flat.sort((a, b) => a[0] - b[0])).toEqual(sorted);
    const deep = (await of(`SELECT id, v FROM ${ks}.deep`)).map((r) => [r["id"], r["v"]]);
    expect(deep.sort((a, b) => a[0] - b[0])).toEqual(sorted);
    const lists = (await of(`SELECT id, v FROM ${ks}.lists`)).map((r) => [r["id"], r["v"]]);
    expect(lists.sort((a, b) => a[0] - b[0])).toEqual(sorted.map(([id, v]) => [id, [v.replace("v", "l")]]));
  }, 180_000);

  it("waits at its start for a server that is not there yet", async () => {
    await db.execute(`CREATE TABLE ${ks}.late (id int PRIMARY KEY, v text)`);
    await server.kill();
    const starting = sink({ [`topic.t.${ks}.late.mapping`]: "id=key, v=value" });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await server.restart();
    await (await starting).put(record("t", 0, [int, 1], [text, "x"]));
    db = await server.client();
    expect((await db.execute(`SELECT v FROM ${ks}.late`)).rows[0]!["v"]).toBe("x");
  }, 180_000);

  it("goes on when a column is added, and stops with the setting's name when the table is gone", async () => {
    await db.execute(`CREATE TABLE ${ks}.gone (id int PRIMARY KEY, v text)`);
    const h = await sink({ [`topic.t.${ks}.gone.mapping`]: "id=key, v=value" });
    await h.put(record("t", 0, [int, 1], [text, "x"]));
    await db.execute(`ALTER TABLE ${ks}.gone ADD w int`);
    await h.put(record("t", 1, [int, 2], [text, "y"]));
    expect(h.messages()).toEqual([]);
    await db.execute(`DROP TABLE ${ks}.gone`);
    await expect(h.put(record("t", 2, [int, 3], [text, "z"]))).rejects.toThrow(
      new RegExp(`topic\\.t\\.${ks}\\.gone\\.mapping: table ${ks}\\.gone does not exist`),
    );
    expect(h.messages()).toEqual([]);
  }, 60_000);
});
