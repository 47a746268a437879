import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/common/time.js";
import type { SinkRecord } from "../../../src/connect/api/record.js";
import { SinkDocument } from "../../../src/connectors/mongodb/sink-document.js";
import { fromRecords } from "../../../src/connectors/mongodb/source.js";
import { topicWrites } from "../../../src/connectors/mongodb/topic-writes.js";
import { record } from "../../support/sink-harness.js";
import { json, jsonText } from "./harness.js";

function written(config: Record<string, string>, r: SinkRecord) {
  const topic = topicWrites({ database: "d", ...config }, r.topic, systemClock);
  const [source] = fromRecords([r]);
  return topic.write(new SinkDocument(source!, 0, "cluster", "topic-id"));
}

/** BSON's own types as their texts. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, function (this: Record<string, unknown>, name, inner) {
      const own = this[name] as { _bsontype?: string; toHexString?(): string };
      return own?._bsontype ? String(own) : inner;
    }),
  );

describe("_id", () => {
  const value = json({ _id: null, a: 1, b: { c: 2, d: 3 } });
  const key = json({ _id: "k", x: 1, y: 2 });
  const idOf = (strategy: string, extra: Record<string, string> = {}) => {
    const model = written(
      { "document.id.strategy": strategy, "document.id.strategy.overwrite.existing": "true", ...extra },
      record("t", 7, key, value),
    );
    return (model!.operation as { replaceOne: { filter: { _id: unknown } } }).replaceOne.filter._id;
  };

  it("comes from the place in the topic, from the key or from the value", () => {
    expect(idOf("KafkaMetaDataStrategy")).toBe("t#0#7");
    expect(plain(idOf("FullKeyStrategy"))).toEqual({ _id: "k", x: "1", y: "2" });
    expect(idOf("ProvidedInKeyStrategy")).toBe("k");
    const partial = (part: string, type: string, list: string) => ({
      [`document.id.strategy.partial.${part}.projection.type`]: type,
      [`document.id.strategy.partial.${part}.projection.list`]: list,
    });
    expect(plain(idOf("PartialKeyStrategy", partial("key", "AllowList", "x")))).toEqual({ x: "1" });
    expect(plain(idOf("PartialValueStrategy", partial("value", "BlockList", "a,b.c")))).toEqual({ b: { d: "3" } });
    expect(plain(idOf("PartialKeyStrategy", { "key.projection.type": "whitelist", "key.projection.list": "y" }))).toEqual({ y: "2" });
    expect(() => idOf("ProvidedInValueStrategy")).toThrow("the record's value has no _id, which ProvidedInValueStrategy needs");
  });

  it("that is made is the same for the same record, and another for another", () => {
    for (const strategy of ["BsonOidStrategy", "UuidStrategy"]) {
      expect(String(idOf(strategy))).toBe(String(idOf(strategy)));
      const other = written(
        { "document.id.strategy": strategy, "document.id.strategy.overwrite.existing": "true" },
        record("t", 8, key, json({ a: 1 })),
      );
      expect(String(idOf(strategy))).not.toBe(String(other!.id));
    }
    expect(idOf("UuidStrategy")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("is a UUID of the key's or the value's own", () => {
    const uuid = "6f1e9a0c-1d2b-4c3d-8e4f-5a6b7c8d9e0f";
    const model = written(
      { "document.id.strategy": "UuidProvidedInKeyStrategy", "document.id.strategy.uuid.format": "binary" },
      record("t", 1, json({ _id: uuid }), json({ a: 1 })),
    );
    expect((model!.id as { sub_type: number }).sub_type).toBe(4);
    expect(() =>
      written({ "document.id.strategy": "UuidProvidedInKeyStrategy" }, record("t", 1, json({ _id: "nope" }), json({ a: 1 }))),
    ).toThrow(/_id is not a UUID/);
  });

  it("of a key that is no document is asked for only where it is needed", () => {
    const bare = record("t", 1, [null, "no json"], json({ a: 1 }));
    expect(written({}, bare)).not.toBeNull();
    expect(() => written({ "document.id.strategy": "FullKeyStrategy" }, bare)).toThrow(/the record's key/);
  });
});

describe("post processors", () => {
  const after = (config: Record<string, string>, value: unknown) => {
    const model = written(
      { "document.id.strategy": "KafkaMetaDataStrategy", ...config },
      record("t", 1, jsonText({ location: "P", date_day: 17 }), jsonText(value)),
    );
    const { _id, ...rest } = plain((model!.operation as { replaceOne: { replacement: object } }).replaceOne.replacement) as { _id: string };
    return rest;
  };
  const weather = {
    city: "S",
    temperature: { high: "28", low: "24" },
    wind_10m: { average: "3", units: "km" },
    soil: { temperature: { low: "17" }, moisture: { average: "340" } },
    list: [{ a: "1", b: "2" }],
  };
  const value = (type: string, list: string) => ({
    "post.processor.chain": `com.mongodb.kafka.connect.sink.processor.${type}ValueProjector`,
    "value.projection.type": type,
    "value.projection.list": list,
  });

  it("keep or leave out fields by their paths", () => {
    expect(after(value("AllowList", "city,wind*.average,list.a"), weather)).toEqual({
      city: "S",
      wind_10m: { average: "3" },
      list: [{ a: "1" }],
    });
    expect(after(value("AllowList", "**.low"), weather)).toEqual({
      temperature: { high: "28", low: "24" },
      soil: { temperature: { low: "17" } },
    });
    expect(after(value("AllowList", "soil.**"), weather)).toEqual({ soil: weather.soil });
    expect(after(value("BlockList", "*.temperature,wind*,list.b,city"), weather)).toEqual({
      temperature: weather.temperature,
      soil: { moisture: { average: "340" } },
      list: [{ a: "1" }],
    });
  });

  it("rename by names and by patterns, never over a field that is there", () => {
    const chain = { "post.processor.chain": "RenameByMapping,RenameByRegex,KafkaMetaAdder,NullFieldValueRemover" };
    expect(
      after(
        {
          ...chain,
          "field.renamer.mapping": '[{"oldName":"value.cakes","newName":"crepes"},{"oldName":"value.a","newName":"b"}]',
          "field.renamer.regexp": '[{"regexp":"^value\\\\.crepes\\\\..*","pattern":"_","replace":"-"}]',
        },
        { cakes: { big_ones: "1", none: null }, a: "1", b: "2" },
      ),
    ).toEqual({ crepes: { "big-ones": "1" }, a: "1", b: "2", "topic-partition-offset": "t-0-1" });
  });
});

describe("change events", () => {
  const op = (handler: string, key: Record<string, unknown> | null, value: unknown) =>
    plain(
      written(
        { "change.data.capture.handler": `com.mongodb.kafka.connect.sink.cdc.${handler}` },
        record("t", 1, key && jsonText(key), value === null ? null : jsonText(value)),
      )?.operation ?? null,
    );

  it("of MongoDB through Debezium", () => {
    const handler = "debezium.mongodb.MongoDbHandler";
    const key = { id: '{"$oid": "596e275826f08b2730779e1f"}' };
    expect(op(handler, key, { op: "c", after: '{"_id": {"$oid": "596e275826f08b2730779e1f"}, "n": 1}' })).toEqual({
      replaceOne: { filter: { _id: "596e275826f08b2730779e1f" }, replacement: { _id: "596e275826f08b2730779e1f", n: "1" }, upsert: true },
    });
    expect(op(handler, key, { op: "u", updateDescription: { updatedFields: '{"n": 2}', removedFields: ["m"] } })).toEqual({
      updateOne: { filter: { _id: "596e275826f08b2730779e1f" }, update: { $set: { n: "2" }, $unset: { m: "" } }, upsert: false },
    });
    expect(op(handler, key, { op: "d" })).toEqual({ deleteOne: { filter: { _id: "596e275826f08b2730779e1f" } } });
    expect(op(handler, key, null)).toBeNull();
  });

  it("of MongoDB's change streams", () => {
    const handler = "mongodb.ChangeStreamHandler";
    const documentKey = { _id: "a" };
    expect(op(handler, null, { operationType: "insert", documentKey, fullDocument: { _id: "a", n: "1" } })).toMatchObject({
      replaceOne: { replacement: { n: "1" } },
    });
    expect(op(handler, null, { operationType: "update", documentKey, updateDescription: { updatedFields: { n: "2" } } })).toMatchObject({
      updateOne: { update: { $set: { n: "2" } } },
    });
    expect(op(handler, null, { operationType: "delete", documentKey })).toEqual({ deleteOne: { filter: documentKey } });
    expect(op(handler, null, { operationType: "drop" })).toBeNull();
  });

  it("of a table without a key, and what is no envelope", () => {
    const handler = "debezium.rdbms.RdbmsHandler";
    expect(op(handler, null, { op: "c", after: { n: "1" } })).toMatchObject({ replaceOne: { replacement: { n: "1" }, upsert: true } });
    expect(op(handler, null, { op: "d", before: { n: "1" }, after: null })).toEqual({ deleteOne: { filter: { n: "1" } } });
    expect(() => op(handler, { id: 1 }, { n: 1 })).toThrow(/the value has no op: it is not Debezium's envelope/);
  });
});

it("makes a time series' field a date", () => {
  const config = { "timeseries.timefield": "at", "timeseries.timefield.auto.convert": "true" };
  const at = (value: unknown) =>
    (written(config, record("t", 1, null, json({ at: value })))!.operation as { insertOne: { document: { at: unknown } } }).insertOne
      .document.at;
  expect(at(1_700_000_000_000)).toEqual(new Date(1_700_000_000_000));
  expect(at("2021-09-19T14:51:16.331Z")).toEqual(new Date("2021-09-19T14:51:16.331Z"));
  expect(at("2021-09-19")).toEqual(new Date("2021-09-19"));
  expect(at("some day")).toBe("some day");
});
