import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { IdempotentProducer, TransactionalProducer } from "../../../src/broker/api/producer.js";
import { PartitionReader, readToEnd } from "../../../src/broker/api/reader.js";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import { RecordCursor } from "../../../src/protocol/record-cursor.js";
import { errorName, readAll } from "../../contract/broker.js";

let dir: string;
let broker: EmbeddedBroker;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "millrace-producer-"));
  broker = await EmbeddedBroker.open({ dir });
  await broker.createTopics([{ name: "t", partitions: 2 }]);
});
afterEach(async () => {
  await broker.close();
  await rm(dir, { recursive: true, force: true });
});

it("splits a batch that its last record made larger than a broker takes", async () => {
  const producer = new IdempotentProducer({ broker });
  await producer.init();
  const sizes = [500_000, 600_000, 10, 900_000, 10];
  const header = [{ key: "h", value: Buffer.from("1") }];
  for (const size of sizes) producer.batch("t", 0).append(1, Buffer.from("k"), Buffer.alloc(size, "x"), header);
  await producer.flush();
  expect((await readAll(broker, "t", "read_committed")).map((v) => v.length)).toEqual(sizes);
  expect(producer.partition("t", 0).nextOffset).toBe(5);
});

it("refuses a record without a key for a compacted topic, also in a batch that begins with keys", async () => {
  await broker.createTopics([{ name: "compacted", partitions: 1, configs: { "cleanup.policy": "compact" } }]);
  const producer = new IdempotentProducer({ broker });
  await producer.init();
  producer.batch("compacted", 0).append(1, Buffer.from("k"), Buffer.from("v"));
  await producer.flush();
  producer.batch("compacted", 0).append(1, Buffer.from("k"), Buffer.from("v"));
  producer.batch("compacted", 0).append(1, null, Buffer.from("v"));
  expect(await errorName(producer.flush())).toBe("INVALID_RECORD");
  expect(await readAll(broker, "compacted", "read_committed")).toEqual(["v"]);
});

it("writes batches of changing sizes in memory that is used again", async () => {
  const producer = new IdempotentProducer({ broker });
  await producer.init();
  const expected: string[] = [];
  // around the sizes from which on memory is kept, with the last record longer than the one before
  for (const size of [10, 70_000, 3000, 200_000, 300_001, 100_000, 5, 600_000, 65_475, 1, 524_200, 530_000, 40]) {
    for (const n of [size, size + 7]) {
      const value = Buffer.alloc(n, String(n));
      expected.push(value.toString());
      producer.batch("t", 0).append(1, Buffer.from("k"), value);
    }
    await producer.flush();
  }
  expect((await readAll(broker, "t", "read_committed")).every((v, i) => v === expected[i])).toBe(true);
});

it("compresses when asked to", async () => {
  const producer = new IdempotentProducer({ broker, compression: "gzip" });
  await producer.init();
  for (let i = 0; i < 100; i++) producer.batch("t", 0).append(1, null, Buffer.alloc(1000, "x"));
  await producer.flush();
  const [result] = await broker.fetch({ partitions: [{ topic: "t", partition: 0, offset: 0 }], maxWaitMs: 0 });
  expect(result!.batches.length).toBeLessThan(5000);
  expect(await readAll(broker, "t", "read_committed")).toHaveLength(100);
});

it("says when the caller should wait, and when no longer", async () => {
  const producer = new IdempotentProducer({ broker, maxBatchBytes: 1000, maxInFlightBytes: 5000 });
  await producer.init();
  expect(producer.congested).toBe(false);
  for (let i = 0; i < 20; i++) producer.batch("t", 0).append(1, null, Buffer.alloc(900));
  expect(producer.congested).toBe(true);
  await producer.room();
  expect(producer.congested).toBe(false);
  await producer.flush();
});

it("refuses records outside of a transaction, and a second begin", async () => {
  const producer = new TransactionalProducer({ broker, transactionalId: "x" });
  expect(() => producer.begin()).toThrow("cannot begin");
  await producer.init();
  producer.begin();
  expect(() => producer.begin()).toThrow("cannot begin");
  await producer.commit();
  expect(() => producer.send([])).toThrow("cannot send records");
  expect(await errorName(producer.commit())).toBe("INVALID_TXN_STATE");
});

it("moves the reader's position past markers, aborted batches and records below where it starts", async () => {
  const producer = new TransactionalProducer({ broker, transactionalId: "x" });
  await producer.init();
  for (const commit of [true, false, true]) {
    producer.begin();
    for (const n of [1, 2, 3]) producer.batch("t", 0).append(n, null, Buffer.from(`${n}`));
    producer.send([producer.partition("t", 0)]);
    await (commit ? producer.commit() : producer.abort());
  }
  const reader = new PartitionReader({ broker });
  reader.seek("t", 0, 1);
  reader.seek("t", 1, 0);
  const [polled] = await reader.poll(0);
  expect(polled).toMatchObject({ partition: 0, from: 1, next: 12, lastStableOffset: 12 });
  expect(polled!.batches).toHaveLength(2);
  expect(reader.position("t", 0)).toBe(12);
  expect(await reader.poll(0)).toEqual([]);
  reader.seek("t", 0, 4);
  // an aborted transaction alone, then the last one: asked for few bytes, they come one at a time
  const narrow = new PartitionReader({ broker, maxPartitionBytes: 10 });
  narrow.seek("t", 0, 4);
  const steps: [number, number][] = [];
  for (let polled = await narrow.poll(0); polled.length > 0; polled = await narrow.poll(0))
    steps.push([polled[0]!.next, polled[0]!.batches.length]);
  expect(steps).toEqual([
    [7, 0],
    [8, 0],
    [11, 1],
    [12, 0],
  ]);
  reader.remove("t", 0);
  expect(reader.position("t", 0)).toBeUndefined();
});

it("leaves paused partitions out", async () => {
  const producer = new IdempotentProducer({ broker });
  await producer.init();
  for (const p of [0, 1]) producer.batch("t", p).append(1, null, Buffer.from("x"));
  await producer.flush();
  const reader = new PartitionReader({ broker });
  reader.seek("t", 0, 0);
  reader.seek("t", 1, 0);
  reader.pause("t", 0);
  expect((await reader.poll(0)).map((p) => p.partition)).toEqual([1]);
  reader.pause("t", 0, false);
  expect((await reader.poll(0)).map((p) => p.partition)).toEqual([0]);
});

it("reads a topic to its end, partition by partition", async () => {
  const producer = new IdempotentProducer({ broker, maxBatchBytes: 2000 });
  await producer.init();
  for (let i = 0; i < 1000; i++) producer.batch("t", i % 2).append(1, null, Buffer.from(`${i}`));
  await producer.flush();
  const seen: number[] = [];
  const cursor = new RecordCursor();
  const next = await readToEnd(broker, "t", "read_committed", (batch) => {
    cursor.open(batch);
    while (cursor.next()) seen.push(Number(cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd)));
  });
  expect(next).toEqual([500, 500]);
  expect(seen).toHaveLength(1000);
  expect(await errorName(readToEnd(broker, "none", "read_committed", () => {}))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
});
