import type { Db } from "mongodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mongoAtlasSink, mongoSink } from "../../../src/connectors/mongodb/connector.js";
import { ConnectBed, until } from "../../support/connect.js";
import { mongoInstalled, startMongo, type TestMongo } from "../../support/mongodb.js";

const title = mongoInstalled ? "MongoDB sink under the worker" : "MongoDB sink under the worker (not run: no server in .services/mongodb)";

describe.skipIf(!mongoInstalled)(title, () => {
  let server: TestMongo;
  let db: Db;
  let bed: ConnectBed;
  beforeAll(async () => {
    server = await startMongo();
    db = (await server.client()).db(`worker${process.pid}_${Date.now().toString(36)}`);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  }, 60_000);
  beforeEach(async () => {
    bed = await new ConnectBed().open({
      sinks: [mongoSink, mongoAtlasSink],
      hosts: { map: { "cluster0.abcde.mongodb.net": `127.0.0.1:${server.port}`, "mongo:27017": `127.0.0.1:${server.port}` } },
    });
  });
  afterEach(async () => {
    await bed?.remove();
    await db.dropDatabase();
  });
  const source = (count: number) => ({ "connector.class": "CountingSource", topic: "counts", count: String(count), as: "chunks" });
  const documents = (collection: string) =>
    db
      .collection(collection)
      .find({}, { sort: { _id: 1 } })
      .toArray();

  it("delivers by the managed name and words, to the key's hoisted _id, and keeps the password to itself", async () => {
    await bed.worker.create("count", source(120));
    const config = {
      "connector.class": "MongoDbAtlasSink",
      topics: "counts",
      "connection.host": "cluster0.abcde.mongodb.net",
      database: db.databaseName,
      collection: "totals",
      "input.data.format": "JSON",
      "value.converter": "org.apache.kafka.connect.json.JsonConverter",
      "key.converter": "org.apache.kafka.connect.json.JsonConverter",
      "doc.id.strategy": "ProvidedInKeyStrategy",
      "write.strategy": "ReplaceOneDefaultStrategy",
      transforms: "id,hoist",
      "transforms.id.type": "org.apache.kafka.connect.transforms.ExtractField$Key",
      "transforms.id.field": "id",
      "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Key",
      "transforms.hoist.field": "_id",
    };
    await bed.worker.create("totals", config);
    await until("120 documents are there", async () => (await documents("totals")).length === 120, 20_000);
    const [first] = await documents("totals");
    expect(first).toMatchObject({ _id: 0, id: 0 });
    await bed.worker.stop("totals");
    await bed.worker.resetOffsets("totals");
    await bed.worker.resume("totals");
    await until("all is read again", async () => {
      const [committed] = await bed.broker.offsetFetch("connect-totals", [{ topic: "counts", partition: 0 }]);
      return (committed?.offset ?? 0) >= 120;
    });
    expect(await documents("totals")).toHaveLength(120);
  }, 60_000);

  it("sets a refused document aside, and sends it back once the collection takes it", async () => {
    const counts = db.collection("counts");
    await counts.createIndex({ id: 1 }, { unique: true });
    await counts.insertOne({ id: 7 });
    await bed.worker.create("count", source(20));
    await bed.worker.create("sink", {
      "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
      topics: "counts",
      "connection.uri": "mongodb://mongo:27017/",
      database: db.databaseName,
      "retries.defer.timeout": "1",
    });
    await until("one is set aside", () => bed.errors.count() === 1, 20_000);
    const [e] = bed.errors.list();
    expect(e).toMatchObject({ stage: "sink", topic: "counts", offset: 7 });
    await until("the others are there", async () => (await counts.countDocuments()) === 20);
    await expect(bed.errors.replay(e!.id)).rejects.toThrow(/refuses the document/);
    await counts.deleteOne({ id: 7 });
    await bed.errors.replay(e!.id);
    expect(bed.errors.count()).toBe(0);
    expect(await counts.distinct("id")).toHaveLength(20);
  }, 60_000);

  it("is refused with the setting that is wrong, and never says the password", async () => {
    const config = {
      "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
      topics: "counts",
      "connection.uri": "mongodb://user:hidden-word@mongo:27017/?serverSelectionTimeoutMS=2000",
      database: db.databaseName,
      "document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.NoSuchStrategy",
    };
    await expect(bed.worker.create("sink", config)).rejects.toThrow(
      /document\.id\.strategy: .*NoSuchStrategy is no id strategy that is built in; there are BsonOidStrategy, /,
    );
    const byValue = { ...config, "document.id.strategy": "BsonOidStrategy", "delete.on.null.values": "true" };
    await expect(bed.worker.create("sink", byValue)).rejects.toThrow(/delete\.on\.null\.values: .*must be one of FullKeyStrategy/);
    await expect(bed.worker.create("sink", { ...config, "document.id.strategy": "BsonOidStrategy", database: "" })).rejects.toThrow(
      /"database"/,
    );
    expect(bed.log.join("")).not.toContain("hidden-word");
  }, 60_000);
});
