import type { Db, Document } from "mongodb";
import { Decimal128, Double, Long } from "mongodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { arrayOf, Decimal, logical, mapOf, primitive } from "../../../src/data/schema.js";
import { mongoInstalled, startMongo, type TestMongo } from "../../support/mongodb.js";
import { record, struct, text } from "../../support/sink-harness.js";
import { int, json, jsonText, MongoHarness } from "./harness.js";

const title = mongoInstalled ? "MongoDB sink" : "MongoDB sink (not run: no server in .services/mongodb)";

describe.skipIf(!mongoInstalled)(title, () => {
  let server: TestMongo;
  let db: Db;
  let open: MongoHarness[] = [];
  let next = 0;
  beforeAll(async () => {
    server = await startMongo();
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  }, 60_000);
  beforeEach(async () => {
    db = (await server.client()).db(`sink${process.pid}_${next++}`);
  });
  afterEach(async () => {
    for (const h of open) await h.stop();
    open = [];
    await db.dropDatabase();
  });
  const sink = (config: Record<string, string> = {}, ...topics: string[]) => {
    const h = new MongoHarness(server.port, { database: db.databaseName, ...config });
    open.push(h);
    return h.start(...(topics.length ? topics : ["t"]));
  };
  const all = (collection = "t"): Promise<Document[]> =>
    db
      .collection(collection)
      .find({}, { sort: { _id: 1 } })
      .toArray();

  it("writes every type, and the same document when a record comes again", async () => {
    const value = struct({
      i: [int, 7],
      l: [primitive("int64"), 8],
      big: [primitive("int64"), 9_007_199_254_740_993n],
      f: [primitive("float64"), 3],
      s: [text, "x"],
      b: [primitive("bytes"), Buffer.from([1, 2])],
      d: [logical.decimal(2), new Decimal(12345n, 2)],
      day: [logical.date(), 19_000],
      ts: [logical.timestamp(), 1_700_000_000_123],
      none: [text, null],
      list: [arrayOf(int), [1, 2]],
      map: [mapOf(primitive("string"), int), new Map([["a", 1]])],
      sub: struct({ x: [int, 1] }),
    });
    const h = await sink();
    const r = record("t", 5, null, value);
    expect(await h.put(r)).toEqual(new Map([["t-0", 6]]));
    await h.put(r);
    const again = await sink();
    await again.put(r);
    const [found, ...more] = await db.collection("t").find({}, { promoteValues: false }).toArray();
    expect(more).toEqual([]);
    expect(found!["_id"].getTimestamp()).toEqual(new Date(1_700_000_000_000));
    expect(found).toMatchObject({ l: Long.fromNumber(8), f: new Double(3), d: Decimal128.fromString("123.45") });
    expect(found!["big"].toString()).toBe("9007199254740993");
    expect(found!["ts"]).toEqual(new Date(1_700_000_000_123));
    expect(found!["day"]).toEqual(new Date(19_000 * 86_400_000));
    const [plain] = await all();
    expect(plain).toMatchObject({ i: 7, s: "x", none: null, list: [1, 2], map: { a: 1 }, sub: { x: 1 } });
  });

  it("replaces and deletes by the key's _id, in order within one batch, and converges when all of it comes again", async () => {
    const h = await sink({ "document.id.strategy": "ProvidedInKeyStrategy", "delete.on.null.values": "true" });
    const key = (id: number) => struct({ _id: [int, id] });
    const records = Array.from({ length: 3000 }, (_, i) => record("t", i, key(i % 700), i % 5 === 3 ? null : struct({ n: [int, i] })));
    const expected = new Map<number, number>();
    for (const r of records) {
      if (r.value === null) expected.delete(r.offset % 700);
      else expected.set(r.offset % 700, r.offset);
    }
    const wanted = [...expected].sort((a, b) => a[0] - b[0]).map(([_id, n]) => ({ _id, n }));
    await h.put(...records);
    expect(await all()).toEqual(wanted);
    await h.put(...records);
    expect(await all()).toEqual(wanted);
    expect(h.messages()).toEqual([]);
  });

  it("sets aside the document that is refused, and writes the rest, in order and not", async () => {
    await db.collection("t").createIndex({ mail: 1 }, { unique: true });
    const value = (i: number) => struct({ _id: [int, i], mail: [text, i === 30 ? "m7" : `m${i}`] });
    const records = Array.from({ length: 100 }, (_, i) => record("t", i, null, i === 50 ? jsonText([1]) : value(i)));
    for (const ordered of ["true", "false"]) {
      await db.collection("t").deleteMany({});
      const h = await sink({
        "document.id.strategy": "ProvidedInValueStrategy",
        "bulk.write.ordered": ordered,
        "retries.defer.timeout": "1",
      });
      await h.put(...records);
      expect(h.errors.map((e) => e.record.offset).sort()).toEqual([30, 50]);
      expect(h.messages().join("\n")).toMatch(/\.t refuses the document: .*[dD]uplicate key/);
      expect(h.messages().join("\n")).toMatch(/the record's value is JSON of a single value, which is no document/);
      expect((await all()).map((d) => d["_id"])).toEqual(records.map((r) => r.offset).filter((i) => i !== 30 && i !== 50));
    }
  });

  it("takes an insert that comes again for done only where it made the _id itself", async () => {
    const own = await sink({ "writemodel.strategy": "InsertOneDefaultStrategy" });
    const r = record("t", 1, null, json({ a: 1 }));
    await own.put(r);
    await own.put(r);
    expect(own.messages()).toEqual([]);
    expect(await all()).toHaveLength(1);
    const given = await sink({ "writemodel.strategy": "InsertOneDefaultStrategy", collection: "u" });
    const s = record("t", 1, null, json({ _id: 1 }));
    await given.put(s);
    await given.put(s);
    expect(given.messages()).toHaveLength(1);
    expect(await all("u")).toHaveLength(1);
  });

  it("updates by timestamps, and by the fields of a business key", async () => {
    const stamps = await sink({ "document.id.strategy": "ProvidedInValueStrategy", "writemodel.strategy": "UpdateOneTimestampsStrategy" });
    await stamps.put(record("t", 1, null, json({ _id: "a", n: 1, gone: 1 })));
    const [first] = await all();
    await stamps.put(record("t", 2, null, json({ _id: "a", n: 2 })));
    const [second] = await all();
    expect(second).toMatchObject({ _id: "a", n: 2, gone: 1, _insertedTS: first!["_insertedTS"] });
    expect(second!["_modifiedTS"] >= first!["_modifiedTS"]).toBe(true);
    const partial = {
      "document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.PartialValueStrategy",
      "document.id.strategy.partial.value.projection.type": "AllowList",
      "document.id.strategy.partial.value.projection.list": "flight,at.code",
    };
    const business = await sink({ ...partial, "writemodel.strategy": "ReplaceOneBusinessKeyStrategy", collection: "flights" });
    await business.put(record("t", 1, null, json({ flight: "Z", at: { code: "LAX" }, seats: 1 })));
    await business.put(record("t", 2, null, json({ flight: "Z", at: { code: "LAX" }, seats: 2 })));
    await business.put(record("t", 3, null, json({ flight: "Z", at: { code: "TXL" }, seats: 3 })));
    const flights = (await all("flights")).map(({ _id, ...rest }) => rest);
    expect(flights.sort((a, b) => a["seats"] - b["seats"])).toEqual([
      { flight: "Z", at: { code: "LAX" }, seats: 2 },
      { flight: "Z", at: { code: "TXL" }, seats: 3 },
    ]);
    const remove = await sink({ ...partial, "writemodel.strategy": "DeleteOneBusinessKeyStrategy", collection: "flights" });
    await remove.put(record("t", 4, null, json({ flight: "Z", at: { code: "LAX" }, seats: 2 })));
    expect((await all("flights")).map((d) => d["seats"])).toEqual([3]);
  });

  it("writes topics to collections of their own, and by fields of the record", async () => {
    const h = await sink(
      { "topic.override.b.collection": "other", "topic.override.b.document.id.strategy": "ProvidedInValueStrategy" },
      "a",
      "b",
    );
    await h.put(record("a", 0, null, json({ x: 1 })), record("b", 0, null, json({ _id: 1 })));
    expect([(await all("a")).length, await all("other")]).toEqual([1, [{ _id: 1 }]]);
    const fields = await sink({
      "namespace.mapper": "com.mongodb.kafka.connect.sink.namespace.mapping.FieldPathNamespaceMapper",
      "namespace.mapper.value.collection.field": "meta.kind",
      "namespace.mapper.error.if.invalid": "true",
    });
    await fields.put(record("t", 0, null, json({ meta: { kind: "cats" }, n: 1 })), record("t", 1, null, json({ n: 2 })));
    expect(await all("cats")).toMatchObject([{ n: 1 }]);
    expect(fields.messages()).toEqual(["the value's field meta.kind names no collection: it is missing"]);
  });

  it("applies the changes that Debezium captures", async () => {
    const h = await sink({ "change.data.capture.handler": "com.mongodb.kafka.connect.sink.cdc.debezium.rdbms.postgres.PostgresHandler" });
    const key = (id: number) => struct({ id: [int, id] });
    const row = (id: number, n: string) => ({ id, n });
    await h.put(
      record("t", 0, key(1), json({ before: null, after: row(1, "a"), op: "r" })),
      record("t", 1, key(2), json({ before: null, after: row(2, "b"), op: "c" })),
      record("t", 2, key(1), json({ before: null, after: row(1, "c"), op: "u" })),
      record("t", 3, key(2), json({ before: row(2, "b"), after: null, op: "d" })),
      record("t", 4, key(2), null),
    );
    expect(h.messages()).toEqual([]);
    expect(await all()).toEqual([{ _id: { id: 1 }, n: "c" }]);
  });

  it("stops at a refused document where the config says so", async () => {
    const h = await sink({ "document.id.strategy": "ProvidedInValueStrategy", "mongo.errors.tolerance": "none" });
    await expect(h.put(record("t", 0, null, json({ a: 1 })))).rejects.toThrow("the record's value has no _id");
    const tolerant = await sink({ "document.id.strategy": "ProvidedInValueStrategy", "mongo.errors.tolerance": "all" });
    tolerant.strict = true;
    await tolerant.put(record("t", 0, null, json({ a: 1 })), record("t", 1, null, json({ _id: 2 })));
    expect(await all()).toEqual([{ _id: 2 }]);
  });
});
