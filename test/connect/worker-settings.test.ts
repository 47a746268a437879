import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TransactionalProducer } from "../../src/broker/api/producer.js";
import { withWorkerDefaults } from "../../src/connect/runtime/worker-defaults.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { ConnectBed, until } from "../support/connect.js";

let bed: ConnectBed;
beforeEach(async () => {
  bed = await new ConnectBed().open();
});
afterEach(() => bed.remove());

async function send(topic: string, values: readonly string[], partition = 0): Promise<void> {
  const builder = new RecordBatchBuilder();
  for (const v of values) builder.append(Date.now(), null, Buffer.from(v));
  const [result] = await bed.broker.produce({ acks: "all", batches: [{ topic, partition, batch: builder.finish() }] });
  if (result?.error) throw result.error;
}
const values = () => bed.sink.records.map((r) => r.value);
const sink = (more: Record<string, string> = {}) => ({
  "connector.class": "CollectingSink",
  topics: "in",
  "value.converter": "StringConverter",
  "key.converter": "StringConverter",
  ...more,
});

describe("a worker's settings", () => {
  it("are a connector's where it says nothing: a converter with the worker's settings for it, never mixed", () => {
    const worker = {
      "key.converter": "K",
      "value.converter": "io.confluent.connect.avro.AvroConverter",
      "value.converter.schema.registry.url": "http://registry:8081",
      "consumer.auto.offset.reset": "latest",
      "consumer.group.id": "shared",
      "producer.compression.type": "lz4",
      "tasks.restart.max": "3",
      "group.id": "connect-cluster",
    };
    expect(withWorkerDefaults({ name: "c", "value.converter.enhanced.avro.schema.support": "true" }, worker)).toEqual({
      name: "c",
      "key.converter": "K",
      "value.converter": "io.confluent.connect.avro.AvroConverter",
      "value.converter.schema.registry.url": "http://registry:8081",
      "value.converter.enhanced.avro.schema.support": "true",
      "header.converter": "org.apache.kafka.connect.storage.SimpleHeaderConverter",
      "consumer.override.auto.offset.reset": "latest",
      "producer.override.compression.type": "lz4",
      "tasks.restart.max": "3",
    });
    const own = { "value.converter": "JsonConverter", "consumer.override.auto.offset.reset": "earliest", "tasks.restart.max": "0" };
    expect(withWorkerDefaults(own, worker)).toMatchObject(own);
    expect(withWorkerDefaults(own, worker)).not.toHaveProperty("value.converter.schema.registry.url");
  });

  it("say under which host and port its REST is known, from when it starts", async () => {
    await bed.worker.create("c", { "connector.class": "CountingSource", topic: "counts", count: "1" });
    await bed.close();
    await bed.open({ workerId: "one:1" });
    expect((await bed.worker.status("c")).tasks[0]?.worker_id).toBe("one:1");
    await bed.worker.close();
    const { ConnectWorker } = await import("../../src/connect/runtime/worker.js");
    const { createConverterPlugins } = await import("../../src/connect/converters/plugins.js");
    bed.worker = await ConnectWorker.prepare({
      broker: bed.broker,
      sources: [bed.source],
      sinks: [],
      converters: createConverterPlugins({ registry: bed.registry }),
      dataDir: bed.dir,
      workerConfig: { "key.converter": "JsonConverter", "value.converter": "JsonConverter" },
    });
    expect((await bed.worker.status("c")).connector.state).toBe("UNASSIGNED");
    await bed.worker.start("connect:18083");
    expect((await bed.worker.status("c")).connector).toEqual({ state: "RUNNING", worker_id: "connect:18083" });
  });
});

describe("consumer.override", () => {
  it("auto.offset.reset=latest begins at the end, where the group has no offset", async () => {
    await bed.broker.createTopics([{ name: "in", partitions: 1 }]);
    await send("in", ["old"]);
    await bed.worker.create("s", sink({ "consumer.override.auto.offset.reset": "latest" }));
    await until("it runs", async () => (await bed.worker.status("s")).tasks[0]?.state === "RUNNING");
    await send("in", ["new"]);
    await until("the new one is there", () => bed.sink.records.length > 0);
    expect(values()).toEqual(["new"]);
  });

  it("group.id is the group that commits", async () => {
    await bed.broker.createTopics([{ name: "in", partitions: 1 }]);
    await send("in", ["a", "b"]);
    await bed.worker.create("s", sink({ "consumer.override.group.id": "mine" }));
    await until("it commits", async () => (await bed.broker.offsetFetch("mine")).some((o) => o.offset === 2));
    expect(await bed.worker.offsets("s")).toEqual([{ partition: { kafka_topic: "in", kafka_partition: 0 }, offset: { kafka_offset: 2 } }]);
  });

  it.each(["read_committed", "read_uncommitted"])("isolation.level=%s", async (level) => {
    await bed.broker.createTopics([{ name: "in", partitions: 1 }]);
    const open = new TransactionalProducer({ broker: bed.broker, transactionalId: "t" });
    await open.init();
    open.begin();
    open.batch("in", 0).append(0, null, Buffer.from("pending"));
    open.send([open.partition("in", 0)]);
    await bed.worker.create("s", sink({ "consumer.override.isolation.level": level }));
    await until("it runs", async () => (await bed.worker.status("s")).tasks[0]?.state === "RUNNING");
    if (level === "read_uncommitted") await until("it is seen", () => bed.sink.records.length === 1);
    else {
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(values()).toEqual([]);
      await open.commit();
      await until("it is seen", () => bed.sink.records.length === 1);
    }
    expect(values()).toEqual(["pending"]);
  });

  it("of a wrong kind fails nothing that is stored: it is refused ahead", async () => {
    await expect(bed.worker.create("s", sink({ "consumer.override.fetch.max.bytes": "lots" }))).rejects.toThrow(
      /consumer\.override\.fetch\.max\.bytes/,
    );
    expect(await bed.worker.list()).toEqual([]);
  });
});

describe("a sink's topics", () => {
  it("found by topics.regex are shared out over its tasks, new topics and partitions too, and none twice", async () => {
    await bed.broker.createTopics([
      { name: "in-a", partitions: 3 },
      { name: "other", partitions: 1 },
    ]);
    await bed.worker.create("s", { ...sink({ "tasks.max": "2" }), topics: "", "topics.regex": "(?i)IN-\\p{Lower}++" });
    for (const p of [0, 1, 2]) await send("in-a", [`a${p}`], p);
    await until("three are there", () => bed.sink.records.length === 3);
    await bed.broker.createTopics([{ name: "in-b", partitions: 2 }]);
    await send("other", ["no"]);
    for (const p of [0, 1]) await send("in-b", [`b${p}`], p);
    await until("the new topic's are there", () => bed.sink.records.length === 5);
    await bed.broker.createPartitions("in-a", 4);
    await send("in-a", ["a3"], 3);
    await until("the new partition's is there", () => bed.sink.records.length === 6);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([...values()].sort()).toEqual(["a0", "a1", "a2", "a3", "b0", "b1"]);
    expect(await bed.worker.topics("s")).toEqual(["in-a", "in-b"]);
  });
});

describe("config.providers", () => {
  it("are the worker's: references of the named ones are looked up when a task starts, others are refused", async () => {
    const file = join(bed.dir, "secrets.properties");
    writeFileSync(file, "pass=first word\n");
    const workerConfig = {
      "key.converter": "JsonConverter",
      "value.converter": "JsonConverter",
      "config.providers": "vault",
      "config.providers.vault.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
    };
    await bed.reopen({ workerConfig });
    const source = { "connector.class": "CountingSource", topic: "counts", password: `\${vault:${file}:pass}` };
    await bed.worker.create("c", source);
    await until("it has started", () => bed.source.seenPasswords.length === 1);
    writeFileSync(file, "pass=second word\n");
    await bed.worker.restartTask("c", 0);
    await until("it has started again", () => bed.source.seenPasswords.length === 2);
    expect(bed.source.seenPasswords).toEqual(["first word", "second word"]);
    expect((await bed.worker.config("c"))["password"]).toBe(source.password);
    await bed.worker.create("d", { ...source, password: "${file:/x:pass}" });
    const { tasks, connector } = await bed.worker.status("d");
    expect([connector.trace, ...tasks.map((t) => t.trace)].join()).toMatch(/password: there is no config provider "file" \(known: vault\)/);
  });
});
