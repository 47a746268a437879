import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import { KafkaListener } from "../../../src/broker/net/listener.js";
import { silentLogger } from "../../../src/common/logger.js";

const dir = mkdtempSync(join(tmpdir(), "millrace-net-"));
let broker: EmbeddedBroker;
let listener: KafkaListener;
let secured: KafkaListener;
const warnings: { why?: unknown }[] = [];

beforeAll(async () => {
  broker = await EmbeddedBroker.open({ dir, logger: silentLogger });
  const logger = { ...silentLogger, warn: (_: string, fields?: { why?: unknown }) => void warnings.push(fields ?? {}) };
  listener = await KafkaListener.open({ broker, logger, host: "127.0.0.1", port: 0, maxRequestBytes: 1_000_000 });
  secured = await KafkaListener.open({
    broker,
    logger: silentLogger,
    host: "127.0.0.1",
    port: 0,
    users: new Map([["alice", "s3cret"]]),
  });
});
afterAll(async () => {
  await listener.close();
  await secured.close();
  await broker.close();
  rmSync(dir, { recursive: true, force: true });
});

const kafka = (options: object = {}) =>
  new Kafka({ brokers: [`127.0.0.1:${listener.port}`], logLevel: logLevel.NOTHING, retry: { retries: 2 }, ...options });

describe("kafkajs", () => {
  it("administers, produces with codecs, consumes in a group and commits transactions", async () => {
    const client = kafka();
    const admin = client.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "a", numPartitions: 3 }] });
    expect((await admin.fetchTopicMetadata({ topics: ["a"] })).topics[0]!.partitions).toHaveLength(3);

    const producer = client.producer({ idempotent: true });
    await producer.connect();
    for (const compression of [CompressionTypes.None, CompressionTypes.GZIP])
      await producer.send({
        topic: "a",
        compression,
        messages: Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, headers: { h: "1" } })),
      });

    const consumer = client.consumer({ groupId: "g1" });
    await consumer.connect();
    await consumer.subscribe({ topic: "a", fromBeginning: true });
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: async ({ message }) => {
          seen.push(`${message.key}=${message.value} ${message.headers?.["h"]}`);
          if (seen.length === 200) resolve();
        },
      });
    });
    expect(new Set(seen).size).toBe(100);
    expect((await admin.describeGroups(["g1"])).groups[0]).toMatchObject({ state: "Stable", members: [{ clientHost: "/127.0.0.1" }] });

    const transactional = client.producer({ transactionalId: "t1", idempotent: true, maxInFlightRequests: 1 });
    await transactional.connect();
    const first = await transactional.transaction();
    await first.send({ topic: "a", messages: [{ key: "tx", value: "committed", partition: 0 }] });
    await first.sendOffsets({ consumerGroupId: "g2", topics: [{ topic: "a", partitions: [{ partition: 0, offset: "5" }] }] });
    await first.commit();
    const second = await transactional.transaction();
    await second.send({ topic: "a", messages: [{ key: "tx", value: "aborted", partition: 0 }] });
    await second.abort();
    expect((await admin.fetchOffsets({ groupId: "g2", topics: ["a"] }))[0]!.partitions[0]!.offset).toBe("5");

    await consumer.disconnect();
    await admin.deleteGroups(["g1"]);
    expect((await admin.listGroups()).groups.map((g) => g.groupId)).toEqual(["g2"]);
    await admin.deleteTopics({ topics: ["a"] });
    expect(await admin.listTopics()).not.toContain("a");
    for (const c of [producer, transactional, admin]) await c.disconnect();
  }, 60_000);

  it("shares partitions out anew when a member comes and goes", async () => {
    const client = kafka();
    const admin = client.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "shared", numPartitions: 4 }] });
    const assigned = new Map<string, number>();
    const start = async (name: string) => {
      const consumer = client.consumer({ groupId: "sharing", sessionTimeout: 6_000, heartbeatInterval: 200 });
      consumer.on("consumer.group_join", ({ payload }) => assigned.set(name, payload.memberAssignment["shared"]?.length ?? 0));
      await consumer.connect();
      await consumer.subscribe({ topic: "shared" });
      await consumer.run({ eachMessage: async () => {} });
      return consumer;
    };
    const one = await start("one");
    await expect.poll(() => assigned.get("one"), { timeout: 15_000 }).toBe(4);
    const two = await start("two");
    await expect.poll(() => [assigned.get("one"), assigned.get("two")], { timeout: 20_000 }).toEqual([2, 2]);
    await two.disconnect();
    await expect.poll(() => assigned.get("one"), { timeout: 20_000 }).toBe(4);
    await one.disconnect();
    await admin.disconnect();
  }, 60_000);

  it.each(["plain", "scram-sha-256", "scram-sha-512"] as const)(
    "authenticates by %s, and is refused with a wrong password",
    async (mechanism) => {
      const at = { brokers: [`127.0.0.1:${secured.port}`] };
      const good = kafka({ ...at, sasl: { mechanism, username: "alice", password: "s3cret" } }).admin();
      await good.connect();
      await good.listTopics();
      await good.disconnect();
      for (const [username, password] of [
        ["alice", "wrong"],
        ["bob", "s3cret"],
      ] as const) {
        const bad = kafka({ ...at, retry: { retries: 0 }, sasl: { mechanism, username, password } }).admin();
        await expect(bad.connect()).rejects.toThrow(/[Aa]uthentication failed/);
      }
      const nobody = kafka({ ...at, retry: { retries: 0 } }).admin();
      await expect(nobody.connect().then(() => nobody.listTopics())).rejects.toThrow();
      await nobody.disconnect();
    },
  );
});

describe("@platformatic/kafka", () => {
  it("creates a topic, produces and consumes in fetch sessions", async () => {
    const options = { clientId: "p", bootstrapBrokers: [`127.0.0.1:${listener.port}`] };
    const admin = new Admin(options);
    await admin.createTopics({ topics: ["pl"], partitions: 2, replicas: 1 });
    const producer = new Producer({ ...options, serializers: stringSerializers, idempotent: true });
    await producer.send({ messages: Array.from({ length: 100 }, (_, i) => ({ topic: "pl", key: `k${i}`, value: `v${i}` })), acks: -1 });
    const consumer = new Consumer({ ...options, groupId: "plg", deserializers: stringDeserializers });
    const stream = await consumer.consume({ topics: ["pl"], mode: "earliest", autocommit: false });
    const seen = new Set<string>();
    for await (const message of stream) if (seen.add(`${message.key}=${message.value}`).size === 100) break;
    expect(seen.has("k42=v42")).toBe(true);
    await stream.close();
    await consumer.close();
    await producer.close();
    await admin.deleteTopics({ topics: ["pl"] });
    await admin.close();
  }, 30_000);
});

describe("bytes that are no client's", () => {
  const send = (bytes: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      const socket = connect(listener.port, "127.0.0.1", () => socket.write(bytes));
      const parts: Buffer[] = [];
      socket.on("data", (part: Buffer) => parts.push(part));
      socket.on("close", () => resolve(Buffer.concat(parts)));
      socket.on("error", reject);
      setTimeout(() => socket.destroy(), 2_000).unref();
    });
  const framed = (hex: string) => {
    const body = Buffer.from(hex, "hex");
    const out = Buffer.alloc(4 + body.length);
    out.writeInt32BE(body.length, 0);
    body.copy(out, 4);
    return out;
  };

  it.each([
    ["a request for HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), /bytes, where 1000000 is the most/],
    ["a negative length", Buffer.from("ffffffff", "hex"), /-1 bytes/],
    ["an API that does not exist", framed("03e70000000000010000"), /API 999 is not spoken here/],
    ["a version that does not exist", framed("000300630000000100000000"), /version 99 of Metadata/],
    ["a message that ends early", framed("00030001000000010001610000000500"), /./],
  ])("%s closes the connection with a line in the log", async (_, bytes, why) => {
    warnings.length = 0;
    expect((await send(bytes)).length).toBe(0);
    expect(String(warnings.at(-1)?.why)).toMatch(why);
  });

  it("an unknown version of ApiVersions is answered in the oldest layout, with the versions there are", async () => {
    const socket = connect(listener.port, "127.0.0.1");
    socket.write(framed("0012006300000007000161"));
    const answer = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
    socket.destroy();
    expect(answer.readInt32BE(4)).toBe(7);
    expect(answer.readInt16BE(8)).toBe(35);
    expect(answer.readInt32BE(10)).toBeGreaterThan(20);
  });
});
