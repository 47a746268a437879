import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { mongoInstalled, startMongo, type TestMongo } from "../../support/mongodb.js";
import { record } from "../../support/sink-harness.js";
import { json, MongoHarness } from "./harness.js";

const title = mongoInstalled ? "MongoDB that fails" : "MongoDB that fails (not run: no server in .services/mongodb)";

describe.skipIf(!mongoInstalled)(title, () => {
  let server: TestMongo;
  let open: MongoHarness[] = [];
  beforeAll(async () => {
    server = await startMongo({ own: true });
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  }, 60_000);
  afterEach(async () => {
    for (const h of open) await h.stop();
    open = [];
  });
  const sink = (config: Record<string, string>) => {
    const h = new MongoHarness(server.port, { database: "faults", "delete.on.null.values": "true", ...config });
    open.push(h);
    return h.start("t");
  };

  it("is waited for, and nothing is lost or doubled, inserts of made ids included", async () => {
    const records = Array.from({ length: 6000 }, (_, i) => record("t", i, json({ _id: i % 2000 }), i % 17 === 0 ? null : json({ n: i })));
    const expected = new Map<number, number>();
    for (const r of records) {
      if (r.value === null) expected.delete(r.offset % 2000);
      else expected.set(r.offset % 2000, r.offset);
    }
    const byKey = await sink({ "document.id.strategy": "ProvidedInKeyStrategy", collection: "keyed" });
    const inserts = await sink({
      "writemodel.strategy": "InsertOneDefaultStrategy",
      "delete.on.null.values": "false",
      collection: "inserted",
    });
    const writing = Promise.all(
      [byKey, inserts].map(async ({ task }) => {
        for (let i = 0; i < records.length; i += 500) await task.put(records.slice(i, i + 500));
        await task.flush();
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    await server.kill();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await server.restart();
    await writing;
    expect([...byKey.messages(), ...inserts.messages()]).toEqual([]);
    const db = (await server.client()).db("faults");
    const keyed = await db
      .collection("keyed")
      .find({}, { sort: { _id: 1 } })
      .toArray();
    expect(keyed.map((d) => [Number(d["_id"]), Number(d["n"])])).toEqual([...expected].sort((a, b) => a[0] - b[0]));
    const inserted = await db
      .collection("inserted")
      .find({}, { sort: { n: 1 } })
      .toArray();
    expect(inserted.map((d) => Number(d["n"]))).toEqual(records.filter((r) => r.value !== null).map((r) => r.offset));
  }, 120_000);

  it("is waited for at the start", async () => {
    await server.kill();
    const starting = sink({ "document.id.strategy": "ProvidedInKeyStrategy", collection: "late" });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.restart();
    await (await starting).put(record("t", 0, json({ _id: "a" }), json({ n: 1 })));
    expect(await (await server.client()).db("faults").collection("late").countDocuments()).toBe(1);
  }, 120_000);
});
