import { afterEach, beforeEach, expect, it } from "vitest";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";
import { ConnectBed, until } from "../support/connect.js";

let bed: ConnectBed;
beforeEach(async () => {
  bed = await new ConnectBed().open();
});
afterEach(() => bed.remove());

async function send(topic: string, records: [string | null, string | null, [string, string]?][], partitions = 1): Promise<void> {
  const builder = new RecordBatchBuilder();
  for (const [k, v, header] of records)
    builder.append(
      1_700_000_000_000,
      k === null ? null : Buffer.from(k),
      v === null ? null : Buffer.from(v),
      header ? [{ key: header[0], value: Buffer.from(header[1]) }] : [],
    );
  await bed.broker.createTopics([{ name: topic, partitions }]);
  await bed.broker.produce({ acks: "all", batches: [{ topic, partition: 0, batch: builder.finish() }] });
}

async function readAll(topic: string, partitions = 1) {
  const out: { partition: number; timestamp: number; key: string | null; value: string | null; headers: Record<string, string> }[] = [];
  const cursor = new RecordCursor();
  for (let partition = 0; partition < partitions; partition++) {
    for (let offset = 0; ; ) {
      const [fetched] = await bed.broker.fetch({ partitions: [{ topic, partition, offset }], maxWaitMs: 0 });
      if (!fetched || fetched.batches.length === 0) break;
      for (let at = 0; at < fetched.batches.length; ) {
        at = cursor.open(fetched.batches, at);
        while (cursor.next()) {
          const text = (s: number, e: number) => (s < 0 ? null : cursor.bytes.toString("utf8", s, e));
          out.push({
            partition,
            timestamp: cursor.timestamp,
            key: text(cursor.keyStart, cursor.keyEnd),
            value: text(cursor.valueStart, cursor.valueEnd),
            headers: Object.fromEntries(cursor.headers().map((h) => [h.key, Buffer.from(h.value ?? []).toString()])),
          });
          offset = cursor.offset + 1;
        }
      }
    }
  }
  return out;
}

const good = JSON.stringify({
  schema: { type: "struct", optional: false, fields: [{ type: "int32", optional: false, field: "id" }] },
  payload: { id: 1 },
});
const sink = (more: Record<string, string> = {}) => ({
  "connector.class": "test.CollectingSinkConnector",
  topics: "in",
  "key.converter": "org.apache.kafka.connect.storage.StringConverter",
  "errors.tolerance": "all",
  "errors.deadletterqueue.topic.name": "dlq",
  "errors.deadletterqueue.topic.replication.factor": "1",
  "errors.deadletterqueue.context.headers.enable": "true",
  ...more,
});

it("say by stage and class what refused the record, beside what it was", async () => {
  await send("in", [
    ["a", "not json", ["mine", "1"]],
    ["b", good],
    ["c", good],
  ]);
  bed.sink.refuse = (r) => r.key === "c";
  await bed.worker.create("s", sink());
  await until("both are there", () => bed.errors.count() === 2);
  const letters = await readAll("dlq");
  expect(letters.map((l) => [l.key, l.value, l.timestamp])).toEqual([
    ["a", "not json", 1_700_000_000_000],
    ["c", good, 1_700_000_000_000],
  ]);
  const of = (i: number, name: string) => letters[i]!.headers[`__connect.errors.${name}`];
  expect(letters[0]!.headers["mine"]).toBe("1");
  for (const [name, value] of Object.entries({
    topic: "in",
    partition: "0",
    offset: "0",
    "connector.name": "s",
    "task.id": "0",
    stage: "VALUE_CONVERTER",
    "class.name": "org.apache.kafka.connect.json.JsonConverter",
    "exception.class.name": "org.apache.kafka.connect.errors.DataException",
  }))
    expect(of(0, name), name).toBe(value);
  expect(of(0, "exception.message")).toMatch(/JSON/i);
  expect(of(0, "exception.stacktrace")).toContain("\n    at ");
  expect([of(1, "stage"), of(1, "class.name"), of(1, "offset")]).toEqual(["TASK_PUT", "test.CollectingSinkConnector", "2"]);
});

it("name the key's converter, and the transform", async () => {
  await send("in", [
    ["not json", good],
    [good, good],
  ]);
  await bed.worker.create(
    "s",
    sink({
      "key.converter": "JsonConverter",
      transforms: "cast",
      "transforms.cast.type": "org.apache.kafka.connect.transforms.ExtractField$Value",
      "transforms.cast.field": "missing",
    }),
  );
  await until("both are there", () => bed.errors.count() === 2);
  const told = (await readAll("dlq")).map((l) => [l.headers["__connect.errors.stage"], l.headers["__connect.errors.class.name"]]);
  expect(told).toEqual([
    ["KEY_CONVERTER", "JsonConverter"],
    ["TRANSFORMATION", "org.apache.kafka.connect.transforms.ExtractField$Value"],
  ]);
  expect(
    bed.errors
      .list()
      .map((e) => e.stage)
      .sort(),
  ).toEqual(["deserialize", "transform"]);
});

it("go to the key's partition of a queue that is there, without headers unless they are asked for, and in order", async () => {
  await bed.broker.createTopics([{ name: "dlq", partitions: 3 }]);
  const keys = Array.from({ length: 3000 }, (_, i) => `k${i % 50}`);
  await send(
    "in",
    keys.map((k, i) => [k, `bad ${i}`]),
  );
  await bed.worker.create("s", sink({ "errors.deadletterqueue.context.headers.enable": "false" }));
  await until("all are there", () => bed.errors.count() === 3000);
  const letters = await readAll("dlq", 3);
  expect(letters.length).toBe(3000);
  expect(letters.every((l) => Object.keys(l.headers).length === 0)).toBe(true);
  expect(new Set(letters.map((l) => l.partition)).size).toBe(3);
  for (const key of new Set(keys)) {
    const mine = letters.filter((l) => l.key === key);
    expect(new Set(mine.map((l) => l.partition)).size).toBe(1);
    const numbers = mine.map((l) => Number(l.value!.slice(4)));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  }
});

it("are logged where errors.log.enable says so, with the place where messages are asked for, and never the content", async () => {
  await send("in", [["a", "a secret that is not json"]]);
  await bed.worker.create("s", sink({ "errors.log.enable": "true", "errors.log.include.messages": "true" }));
  await until("it is there", () => bed.errors.count() === 1);
  const line = bed.log.map((l) => JSON.parse(l)).find((l) => l.message.startsWith("Error encountered in task s-0."));
  expect(line.message).toBe(
    "Error encountered in task s-0. Executing stage 'VALUE_CONVERTER' with class 'org.apache.kafka.connect.json.JsonConverter'",
  );
  expect(line).toMatchObject({ topic: "in", partition: 0, offset: 0, timestamp: 1_700_000_000_000 });
  expect(bed.log.join("")).not.toContain("a secret that");
});

it("are durable before the group's offset: a kill between the two sets the record aside once more, not never", async () => {
  await send("in", [["a", "bad"]]);
  const { produce } = bed.broker;
  let failed = 0;
  bed.broker.produce = async (request) => {
    if (request.batches.some((b) => b.topic === "dlq") && failed++ < 2)
      throw Object.assign(new Error("no leader"), { name: "BrokerError" });
    return produce.call(bed.broker, request);
  };
  await bed.worker.create("s", sink());
  await until("the queue's failure is the task's", async () => (await bed.worker.status("s")).tasks[0]?.state === "FAILED");
  expect(await bed.worker.offsets("s")).toEqual([]);
  bed.broker.produce = produce;
  await bed.worker.restartTask("s", 0);
  await until("it is set aside", () => bed.errors.count() === 1);
  await until("the offset follows", async () => (await bed.worker.offsets("s"))[0]?.offset?.["kafka_offset"] === 1);
});
