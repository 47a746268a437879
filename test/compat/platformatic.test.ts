import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openListener, type TestListener } from "./programs.js";

describe("@platformatic/kafka 1.35.0", () => {
  let listener: TestListener;
  let admin: Admin;
  const options = () => ({ clientId: "p", bootstrapBrokers: [listener.bootstrap] });
  const newConsumer = (groupId: string, more: object = {}) =>
    new Consumer({ ...options(), groupId, deserializers: stringDeserializers, ...more });

  beforeAll(async () => {
    listener = await openListener();
    admin = new Admin(options());
  });
  afterAll(async () => {
    await admin.close();
    await listener.close();
  });

  async function readAll(topic: string, count: number, more: object = {}): Promise<string[]> {
    const consumer = newConsumer(`read-${topic}`, more);
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false, maxWaitTime: 100 });
    const seen: string[] = [];
    for await (const message of stream) if (seen.push(`${message.key}=${message.value}`) === count) break;
    await stream.close();
    await consumer.close();
    return seen;
  }

  // its zstd asks for Node 22
  it.each(["none", "gzip", "snappy", "lz4"] as const)("produces with %s and reads it back", async (compression) => {
    const topic = `codec-${compression}`;
    await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
    const producer = new Producer({ ...options(), serializers: stringSerializers, idempotent: true, compression });
    const messages = Array.from({ length: 200 }, (_, i) => ({ topic, key: `k${i}`, value: `v${i}`.repeat(i), headers: { h: "1" } }));
    await producer.send({ messages, acks: -1 });
    await producer.close();
    expect((await readAll(topic, 200)).sort()).toEqual(messages.map((m) => `${m.key}=${m.value}`).sort());
  });

  it("shares partitions out anew when a member comes and goes", async () => {
    await admin.createTopics({ topics: ["shared"], partitions: 4, replicas: 1 });
    const member = async () => {
      const consumer = newConsumer("sharing", { sessionTimeout: 6000, heartbeatInterval: 200 });
      const stream = await consumer.consume({ topics: ["shared"], mode: "latest", maxWaitTime: 100 });
      stream.on("data", () => {});
      stream.on("error", () => {});
      const assigned = () => (consumer.assignments ?? []).reduce((sum, a) => sum + a.partitions.length, 0);
      return { assigned, close: () => consumer.close(true) };
    };
    const one = await member();
    await expect.poll(one.assigned, { timeout: 15_000 }).toBe(4);
    const two = await member();
    await expect.poll(() => [one.assigned(), two.assigned()], { timeout: 20_000 }).toEqual([2, 2]);
    await two.close();
    await expect.poll(one.assigned, { timeout: 20_000 }).toBe(4);
    await one.close();
  });

  it("commits and aborts transactions", async () => {
    await admin.createTopics({ topics: ["tx"], partitions: 1, replicas: 1 });
    const producer = new Producer({ ...options(), serializers: stringSerializers, idempotent: true, transactionalId: "p-tx" });
    for (let t = 0; t < 4; t++) {
      const transaction = await producer.beginTransaction();
      await transaction.send({ messages: [{ topic: "tx", key: "k", value: `t${t}` }] });
      if (t % 2 === 0) await transaction.commit();
      else await transaction.abort();
    }
    await producer.close();
    // its own read_committed shows some aborted records: another reader counts
    const fetched = await listener.broker.fetch({
      partitions: [{ topic: "tx", partition: 0, offset: 0 }],
      maxWaitMs: 0,
      isolation: "read_committed",
    });
    expect(fetched[0]!.abortedTransactions).toHaveLength(2);
    expect(fetched[0]!.lastStableOffset).toBe(8);
  });

  it("administers topics, settings, groups and records", async () => {
    await admin.createTopics({ topics: ["administered"], partitions: 1, replicas: 1, configs: [{ name: "retention.ms", value: "9999" }] });
    await expect(admin.createTopics({ topics: ["administered"], partitions: 1, replicas: 1 })).rejects.toThrow();
    await admin.createPartitions({ topics: [{ name: "administered", count: 3, assignments: [] }] });
    expect(await admin.listTopics()).toContain("administered");
    const groups = await admin.listGroups();
    expect(groups).toBeInstanceOf(Map);
    expect(await admin.describeLogDirs({ topics: [{ name: "administered", partitions: [0] }] })).toHaveLength(1);
    await admin.deleteTopics({ topics: ["administered"] });
    expect(await admin.listTopics()).not.toContain("administered");
  });
});
