import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../src/common/errors.js";
import type { Struct } from "../../src/data/schema.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";
import { ConnectBed, until } from "../support/connect.js";

let bed: ConnectBed;
beforeEach(async () => {
  bed = await new ConnectBed().open();
});
afterEach(() => bed.remove());

const entry = (offset: number, more = {}) => ({
  owner: { kind: "query" as const, name: "Q_1" },
  stage: "deserialize" as const,
  topic: "orders",
  partition: 0,
  offset,
  key: Buffer.from("k"),
  value: Buffer.from([0, 255]),
  headers: [{ key: "h", value: Buffer.from("x") }],
  timestamp: 5,
  error: new MillraceError("DESERIALIZATION", "not JSON"),
  ...more,
});
const sink = (more: Record<string, string> = {}) => ({ "connector.class": "CollectingSink", topics: "in", ...more });

async function send(topic: string, records: [string | null, string | null][]): Promise<void> {
  const builder = new RecordBatchBuilder();
  for (const [k, v] of records) builder.append(Date.now(), k === null ? null : Buffer.from(k), v === null ? null : Buffer.from(v));
  const [made] = await bed.broker.createTopics([{ name: topic, partitions: 1 }]);
  if (made?.error && made.error.code !== "ALREADY_EXISTS") throw made.error;
  await bed.broker.produce({ acks: "all", batches: [{ topic, partition: 0, batch: builder.finish() }] });
}

async function readAll(topic: string) {
  const [fetched] = await bed.broker.fetch({ partitions: [{ topic, partition: 0, offset: 0 }], maxWaitMs: 0 });
  const cursor = new RecordCursor();
  const out: { key: string; value: string; headers: Record<string, string> }[] = [];
  for (let at = 0; at < fetched!.batches.length; ) {
    at = cursor.open(fetched!.batches, at);
    while (cursor.next())
      out.push({
        key: cursor.bytes.toString("utf8", cursor.keyStart, cursor.keyEnd),
        value: cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd),
        headers: Object.fromEntries(cursor.headers().map((h) => [h.key, Buffer.from(h.value ?? []).toString()])),
      });
  }
  return out;
}
const json = (id: number) =>
  JSON.stringify({
    schema: { type: "struct", optional: false, fields: [{ type: "int32", optional: false, field: "id" }] },
    payload: { id },
  });

describe("the store", () => {
  it("keeps one entry an owner and position, and finds it after a restart", async () => {
    await bed.errors.setAside([entry(1), entry(2)]);
    await bed.errors.setAside([entry(1, { stage: "query" })]);
    expect(bed.errors.count()).toBe(2);
    await bed.reopen();
    const list = bed.errors.list({ query: "Q_1" });
    expect(list.map((e) => e.offset).sort()).toEqual([1, 2]);
    const shown = await bed.errors.show(list.find((e) => e.offset === 1)!.id);
    expect(shown).toMatchObject({ stage: "query", code: "DESERIALIZATION", message: "not JSON", timestamp: 5 });
    expect(shown.value).toEqual(Buffer.from([0, 255]));
    expect(shown.headers).toEqual([{ key: "h", value: Buffer.from("x") }]);
  });

  it("filters, pages and deletes", async () => {
    await bed.errors.setAside([entry(1), entry(2, { topic: "other" }), entry(3, { owner: { kind: "connector", name: "c" } })]);
    expect(bed.errors.list({ topic: "orders" }).length).toBe(2);
    expect(bed.errors.list({ connector: "c" }).length).toBe(1);
    expect(bed.errors.list({ limit: 1, offset: 1 }).length).toBe(1);
    await bed.errors.delete([bed.errors.list({ connector: "c" })[0]!.id]);
    expect(bed.errors.count()).toBe(2);
    await expect(bed.errors.show("nothing")).rejects.toThrow(/no entry nothing/);
    await expect(bed.errors.delete(["nothing"])).rejects.toThrow(/no entry nothing/);
  });
});

describe("a sink", () => {
  it("sets a record aside that does not decode, and goes on", async () => {
    await send("in", [
      ["a", json(1)],
      ["b", "not json"],
      ["c", json(3)],
    ]);
    await bed.worker.create("s", sink({ "key.converter": "StringConverter" }));
    await until("the rest has arrived", () => bed.sink.records.length === 2);
    const [e] = bed.errors.list();
    expect(e).toMatchObject({ stage: "deserialize", topic: "in", partition: 0, offset: 1, owner: { kind: "connector", name: "s" } });
    expect((await bed.errors.show(e!.id)).value?.toString()).toBe("not json");
  });

  it("fails where errors.tolerance=none is written out, with a trace", async () => {
    await send("in", [["b", "not json"]]);
    await bed.worker.create("s", sink({ "key.converter": "StringConverter", "errors.tolerance": "none" }));
    await until("it fails", async () => (await bed.worker.status("s")).tasks[0]?.state === "FAILED");
    expect((await bed.worker.status("s")).tasks[0]!.trace).toMatch(/JSON/i);
    expect(bed.errors.count()).toBe(0);
  });

  it("writes the dead letter queue with Connect's context headers", async () => {
    await send("in", [["b", "not json"]]);
    const queue = { "errors.deadletterqueue.topic.name": "dlq", "errors.deadletterqueue.context.headers.enable": "true" };
    const factor = { "errors.deadletterqueue.topic.replication.factor": "1" };
    await bed.worker.create("s", sink({ "key.converter": "StringConverter", "errors.tolerance": "all", ...queue, ...factor }));
    await until("it is set aside", () => bed.errors.count() === 1);
    const [letter] = await readAll("dlq");
    expect(letter).toMatchObject({ key: "b", value: "not json" });
    expect(letter!.headers).toMatchObject({
      "__connect.errors.topic": "in",
      "__connect.errors.partition": "0",
      "__connect.errors.offset": "0",
      "__connect.errors.connector.name": "s",
      "__connect.errors.task.id": "0",
      "__connect.errors.stage": "VALUE_CONVERTER",
    });
  });

  it("sets aside what the target refuses, and sends it back on demand", async () => {
    await send("in", [
      ["a", json(1)],
      ["b", json(2)],
      ["c", json(3)],
    ]);
    bed.sink.refuse = (r) => (r.value as Struct).get("id") === 2;
    await bed.worker.create("s", sink({ "key.converter": "StringConverter" }));
    await until("it is set aside", () => bed.errors.count() === 1 && bed.sink.records.length === 2);
    const { id } = bed.errors.list()[0]!;
    await expect(bed.errors.replay(id)).rejects.toThrow(/does not want it/);
    expect(bed.errors.count()).toBe(1);
    bed.sink.refuse = () => false;
    await bed.errors.replay(id);
    expect(bed.errors.count()).toBe(0);
    expect(bed.sink.records.at(-1)).toMatchObject({ offset: 1, key: "b" });
  });

  it("refuses a replay over a later record of the same key, unless it is forced", async () => {
    await send("in", [
      ["a", "bad"],
      ["a", json(2)],
    ]);
    await bed.worker.create("s", sink({ "key.converter": "StringConverter" }));
    await until("it is set aside", () => bed.errors.count() === 1 && bed.sink.records.length === 1);
    const { id } = bed.errors.list()[0]!;
    await expect(bed.errors.replay(id)).rejects.toThrow(/later record of the same key is at in-0@1/);
    await expect(bed.errors.replay(id, { force: true })).rejects.toThrow(/JSON/i);
    await bed.worker.delete("s");
    await expect(bed.errors.replay(id)).rejects.toThrow(/does not run/);
  });
});

describe("a source", () => {
  it("sets aside the record that a transform refuses, with its content", async () => {
    const k = "org.apache.kafka.connect.transforms.";
    await bed.worker.create("c", {
      "connector.class": "CountingSource",
      topic: "counts",
      count: "3",
      transforms: "cast",
      "transforms.cast.type": `${k}Cast$Value`,
      "transforms.cast.spec": "name:int32",
    });
    await until("all three are set aside", () => bed.errors.count() === 3);
    const e = await bed.errors.show(bed.errors.list()[0]!.id);
    expect(e.stage).toBe("transform");
    expect(JSON.parse(e.value!.toString()).payload.name).toMatch(/^row /);
    await expect(bed.errors.replay(e.id)).rejects.toThrow(/transform cast failed/);
    expect(bed.errors.count()).toBe(3);
    // the entry is durable before the offset: a moment later the offset is there too
    await until("the offset is committed", async () => (await bed.worker.offsets("c")).length > 0);
    expect(await bed.worker.offsets("c")).toEqual([{ partition: { source: "count" }, offset: { at: 3 } }]);
  });

  const bad = {
    transforms: "cast",
    "transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value",
    "transforms.cast.spec": "name:int32",
  };
  const source = { "connector.class": "CountingSource", topic: "counts", count: "3" };

  it.each(["records", "chunks"])("writes what was set aside (%s) once its transforms take it, as it would have been", async (as) => {
    await bed.worker.create("c", { ...source, ...bad, as });
    await until("all three are set aside", () => bed.errors.count() === 3);
    await bed.worker.putConfig("c", source);
    await until("it runs", async () => (await bed.worker.status("c")).tasks[0]?.state === "RUNNING");
    for (const { id } of bed.errors.list()) await bed.errors.replay(id);
    expect(bed.errors.count()).toBe(0);
    await bed.worker.create("s", { "connector.class": "CollectingSink", topics: "counts" });
    await until("they arrive", () => bed.sink.records.length === 3);
    const arrived = [...bed.sink.records].sort((a, b) => a.timestamp! - b.timestamp!);
    expect(arrived.map((r) => (r.value as Struct).get("name"))).toEqual(["row 0", "row 1", "row 2"]);
    expect((arrived[1]!.key as Struct).get("id")).toBe(1);
    expect(arrived.map((r) => r.timestamp)).toEqual([0, 1, 2].map((n) => 1_700_000_000_000 + n));
    expect(arrived.every((r) => r.sourceTimeUs !== undefined && r.headers.length === 0)).toBe(true);
    expect(await bed.worker.offsets("c")).toEqual([{ partition: { source: "count" }, offset: { at: 3 } }]);
  });

  it("does not put an old state over a newer one, unless it is forced", async () => {
    await bed.worker.create("c", { ...source, ...bad });
    await until("all three are set aside", () => bed.errors.count() === 3);
    await bed.worker.stop("c");
    await bed.worker.resetOffsets("c");
    await bed.worker.putConfig("c", source);
    await bed.worker.resume("c");
    await until("they are written now", async () => (await bed.worker.offsets("c"))[0]?.offset?.["at"] === 3);
    const { id } = bed.errors.list()[0]!;
    await expect(bed.errors.replay(id)).rejects.toThrow(/same key that is as new or newer is at counts-0@/);
    await bed.errors.replay(id, { force: true });
    expect(bed.errors.count()).toBe(2);
    await bed.worker.delete("c");
    await expect(bed.errors.replay(bed.errors.list()[0]!.id)).rejects.toThrow(/does not run/);
  });

  it("sets very many aside in few writes, each of them, and durably before its offset", async () => {
    const count = 20_000;
    const { produce } = bed.broker;
    let writes = 0;
    bed.broker.produce = (request) => {
      if (request.batches.some((b) => b.topic === "_millrace_errors")) writes++;
      return produce.call(bed.broker, request);
    };
    await bed.worker.create("c", { ...source, ...bad, count: String(count), batch: "1000", as: "chunks" });
    await until("all are through", async () => (await bed.worker.offsets("c"))[0]?.offset?.["at"] === count, 60_000);
    expect(bed.errors.count()).toBe(count);
    expect(writes).toBeLessThanOrEqual(count / 1000 + 5); // one a poll, or a little more where much waits at once
    await bed.reopen();
    expect(bed.errors.count()).toBe(count);
  });
});
