import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TransactionalProducer } from "../../src/broker/api/producer.js";
import { readToEnd } from "../../src/broker/api/reader.js";
import { createConverterPlugins } from "../../src/connect/converters/plugins.js";
import { OffsetStore } from "../../src/connect/runtime/offset-store.js";
import { ConnectWorker } from "../../src/connect/runtime/worker.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";
import { ConnectBed, until } from "../support/connect.js";

let bed: ConnectBed;
beforeEach(async () => {
  bed = await new ConnectBed().open();
});
afterEach(() => bed.remove());

const source = (more: Record<string, string> = {}) => ({ "connector.class": "CountingSource", topic: "counts", count: "5", ...more });

async function table(topic: string): Promise<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  const cursor = new RecordCursor();
  await readToEnd(bed.broker, topic, "read_committed", (batch) => {
    cursor.open(batch);
    while (cursor.next()) {
      const key = cursor.bytes.toString("utf8", cursor.keyStart, cursor.keyEnd);
      out[key] = cursor.valueStart < 0 ? null : JSON.parse(cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd));
    }
  });
  return out;
}

describe("the worker's topics hold Kafka Connect's own records", () => {
  it("configs, target states, offsets and statuses", async () => {
    await bed.worker.create("c", source({ password: "sesame" }));
    await until("five are committed", async () => (await bed.worker.offsets("c")).length === 1);
    await bed.worker.pause("c");
    const configs = await table("connect-configs");
    expect(configs["connector-c"]).toMatchObject({
      properties: { name: "c", topic: "counts", password: expect.stringMatching(/^enc:v1:/) },
    });
    expect(configs["target-state-c"]).toEqual({ state: "PAUSED", "state.v2": "PAUSED" });
    expect(await table("connect-offsets")).toEqual({ '["c",{"source":"count"}]': { at: 5 } });
    const stateOf = async (key: string) => ((await table("connect-status"))[key] as { state?: string } | undefined)?.state;
    await until(
      "the states are written",
      async () => (await stateOf("status-task-c-0")) === "PAUSED" && (await stateOf("status-connector-c")) === "PAUSED",
    );
    const statuses = await table("connect-status");
    expect(statuses["status-connector-c"]).toEqual({ state: "PAUSED", trace: null, worker_id: "127.0.0.1:8083", generation: 1 });
    expect(statuses["status-topic-counts:connector-c"]).toMatchObject({ topic: { name: "counts", connector: "c", task: 0 } });
    await bed.worker.stop("c");
    expect((await table("connect-configs"))["target-state-c"]).toEqual({ state: "PAUSED", "state.v2": "STOPPED" });
    await bed.worker.delete("c");
    expect(await table("connect-configs")).toEqual({ "connector-c": null, "target-state-c": null });
    expect(await bed.worker.offsets("c").catch((e) => e.code)).toBe("NOT_FOUND");
    expect((await table("connect-offsets"))['["c",{"source":"count"}]']).toEqual({ at: 5 });
  });

  it("topics of records with a key are compacted unless told otherwise", async () => {
    await bed.worker.create("c", source());
    await bed.worker.create(
      "d",
      source({ topic: "kept", "topic.creation.default.cleanup.policy": "delete", "topic.creation.default.retention.ms": "1000" }),
    );
    await until("both exist", async () => (await bed.broker.describeTopics(["counts", "kept"])).length === 2);
    const setting = async (topic: string, name: string) =>
      (await bed.broker.describeTopicConfig(topic)).find((c) => c.name === name)!.value;
    expect(await setting("counts", "cleanup.policy")).toBe("compact");
    expect(await setting("kept", "cleanup.policy")).toBe("delete");
    expect(await setting("kept", "retention.ms")).toBe("1000");
  });
});

describe("secrets", () => {
  it("stay out of traces, logs and entries of the error store", async () => {
    process.env["MILLRACE_TEST_SECRET"] = "opensesame";
    bed.sink.refuse = () => {
      throw new Error("the target said: opensesame is wrong");
    };
    await bed.worker.create("c", source());
    await bed.worker.create("s", { "connector.class": "CollectingSink", topics: "counts", "my.password": "${env:MILLRACE_TEST_SECRET}" });
    await until("it fails", async () => (await bed.worker.status("s")).tasks[0]?.state === "FAILED");
    expect((await bed.worker.status("s")).tasks[0]!.trace).toContain("******** is wrong");
    expect((await bed.worker.config("s"))["my.password"]).toBe("${env:MILLRACE_TEST_SECRET}");
    expect(JSON.stringify(await table("connect-status"))).not.toContain("opensesame");
    expect(bed.log.join()).toContain("is wrong");
    expect(bed.log.join()).not.toContain("opensesame");
  });

  it("that no key opens keep only their own connector from starting", async () => {
    await bed.worker.create("c", source({ password: "sesame" }));
    await bed.worker.create("d", source({ topic: "others" }));
    await bed.reopen({ secretKey: "another key" });
    await until("the other runs", async () => (await bed.worker.status("d")).tasks[0]?.state === "RUNNING");
    expect(bed.log.join()).toContain("encrypted with another key");
    expect((await bed.worker.status("c")).connector).toMatchObject({ state: "FAILED", trace: expect.stringContaining("another key") });
    expect((await bed.worker.config("c"))["password"]).toBe("********");
    await expect(bed.worker.putConfig("c", await bed.worker.config("c"))).rejects.toThrow("another key");
    await bed.worker.putConfig("c", { ...(await bed.worker.config("c")), password: "open" });
    await until("it runs with a new secret", async () => (await bed.worker.status("c")).tasks[0]?.state === "RUNNING");
    await bed.worker.delete("c");
    expect(await bed.worker.list()).toEqual(["d"]);
  });
});

describe("a second worker on the same broker", () => {
  it("fences the first one's source task, and no row is lost or doubled", async () => {
    await bed.worker.create("c", source({ count: "400", batch: "1" }));
    await until("it has begun", async () => (await bed.worker.offsets("c")).length === 1);
    const other = await ConnectWorker.open({
      broker: bed.broker,
      sources: [bed.source],
      sinks: [],
      converters: createConverterPlugins({ registry: bed.registry }),
      dataDir: bed.dir,
      workerConfig: { "key.converter": "JsonConverter", "value.converter": "JsonConverter" },
    });
    try {
      await until("the first is fenced", async () => (await bed.worker.status("c")).tasks[0]?.state === "FAILED");
      await until("the second is through", async () => (await other.offsets("c"))[0]?.offset?.["at"] === 400, 20_000);
      const ids: number[] = [];
      const cursor = new RecordCursor();
      await readToEnd(bed.broker, "counts", "read_committed", (batch) => {
        cursor.open(batch);
        while (cursor.next()) ids.push(JSON.parse(cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd)).payload.id);
      });
      expect(ids).toEqual(Array.from({ length: 400 }, (_, i) => i));
    } finally {
      await other.close();
    }
  });
});

describe("source offsets", () => {
  it("are found behind another connector's open transaction, and not those of an aborted one", async () => {
    await bed.worker.create("c", source({ count: "3", batch: "1" }));
    await until("three are committed", async () => (await bed.worker.offsets("c"))[0]?.offset?.["at"] === 3);
    await bed.worker.stop("c");
    const open = new TransactionalProducer({ broker: bed.broker, transactionalId: "someone-else" });
    await open.init();
    open.begin();
    open.batch("connect-offsets", 0).append(0, Buffer.from('["x",{"p":1}]'), Buffer.from('{"at":9}'));
    open.send([open.partition("connect-offsets", 0)]);
    const other = new TransactionalProducer({ broker: bed.broker, transactionalId: "another" });
    await other.init();
    for (const [at, commit] of [
      [10, true],
      [11, false],
    ] as const) {
      other.begin();
      other.batch("connect-offsets", 0).append(0, Buffer.from('["c",{"source":"count"}]'), Buffer.from(`{"at":${at}}`));
      other.send([other.partition("connect-offsets", 0)]);
      if (commit) await other.commit();
      else await other.abort();
    }
    const store = await OffsetStore.open(bed.broker, "connect-offsets");
    expect(store.of("c")).toEqual([{ partition: { source: "count" }, offset: { at: 10 } }]);
    expect(store.of("x")).toEqual([]);
    await open.commit();
    await store.catchUp();
    expect(store.get("x", { p: 1 })).toEqual({ at: 9 });
    expect(store.get("c", { source: "count" })).toEqual({ at: 10 });
  });
});
