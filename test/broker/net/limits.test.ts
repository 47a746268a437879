import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import { KafkaListener } from "../../../src/broker/net/listener.js";
import { silentLogger } from "../../../src/common/logger.js";
import { fetch } from "../../../src/protocol/messages/fetch.js";
import { metadata } from "../../../src/protocol/messages/metadata.js";
import { produce } from "../../../src/protocol/messages/produce.js";
import type { Api } from "../../../src/protocol/wire/api.js";
import { WireWriter } from "../../../src/protocol/wire/wire-writer.js";
import { encodeBatch, readAll } from "../../contract/broker.js";

const dir = mkdtempSync(join(tmpdir(), "millrace-limits-"));
let broker: EmbeddedBroker;
let listener: KafkaListener;
const warnings: string[] = [];

beforeAll(async () => {
  broker = await EmbeddedBroker.open({ dir, logger: silentLogger });
  const logger = { ...silentLogger, warn: (_: string, fields?: { why?: unknown }) => void warnings.push(String(fields?.why)) };
  listener = await KafkaListener.open({ broker, logger, host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await listener.close();
  await broker.close();
  rmSync(dir, { recursive: true, force: true });
});

function framed<Q>(api: Api<Q>, version: number, message: object): Buffer {
  const to = new WireWriter();
  to.int32(0);
  to.int16(api.key);
  to.int16(version);
  to.int32(1);
  to.int16(-1);
  if (version >= api.flexibleSince) to.uvarint(0);
  api.request(version).write(to, message as Q);
  const out = Buffer.concat(to.parts());
  out.writeInt32BE(out.length - 4, 0);
  return out;
}
const opened = () =>
  new Promise<Socket>((resolve) => {
    const socket = connect(listener.port, "127.0.0.1", () => resolve(socket));
  });

it("a request of a hundred thousand elements closes the connection with a line in the log", async () => {
  const socket = await opened();
  socket.write(framed(metadata, 9, { topics: Array.from({ length: 100_001 }, () => ({ name: "t" })), allowAutoTopicCreation: false }));
  await new Promise((resolve) => socket.on("close", resolve));
  expect(warnings.at(-1)).toMatch(/more elements than are taken/);
});

it("produce requests behind another request keep their order", async () => {
  await broker.createTopics([{ name: "ordered", partitions: 1 }]);
  const socket = await opened();
  const wanted = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 };
  const topics = [{ topic: "ordered", partitions: [wanted] }];
  const waits = framed(fetch, 12, { maxWaitMs: 100, minBytes: 1000, maxBytes: 1000, topics, forgottenTopicsData: [], rackId: "" });
  const record = (value: string) => {
    const partitions = [{ index: 0, records: encodeBatch([value]) }];
    return framed(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topics: [{ name: "ordered", partitions }] });
  };
  socket.write(Buffer.concat([waits, record("a"), record("b"), record("c")]));
  await expect.poll(() => readAll(broker, "ordered", "read_uncommitted"), { timeout: 10_000 }).toEqual(["a", "b", "c"]);
  socket.destroy();
});

it("answers that a client does not read are not piled up", async () => {
  await broker.createTopics([{ name: "big", partitions: 1 }]);
  await broker.produce({ acks: "leader", batches: [{ topic: "big", partition: 0, batch: encodeBatch(["x".repeat(900_000)]) }] });
  const socket = await opened();
  socket.pause();
  const wanted = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 };
  const one = framed(fetch, 12, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1_000_000,
    topics: [{ topic: "big", partitions: [wanted] }],
    forgottenTopicsData: [],
    rackId: "",
  });
  const before = process.memoryUsage().arrayBuffers;
  socket.write(Buffer.concat(Array.from({ length: 100 }, () => one)));
  await new Promise((resolve) => setTimeout(resolve, 500));
  // 90 MB were asked for
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40_000_000);
  let bytes = 0;
  socket.on("data", (part: Buffer) => {
    bytes += part.length;
  });
  socket.resume();
  await expect.poll(() => bytes, { timeout: 20_000 }).toBeGreaterThan(100 * 900_000);
  socket.destroy();
});
