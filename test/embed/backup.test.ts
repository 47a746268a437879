import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TransactionalProducer } from "../../src/broker/api/producer.js";
import { PartitionReader } from "../../src/broker/api/reader.js";
import { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { backup, restore } from "../../src/embed/backup.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";

it("is one cut through all topics although transactions of every size commit while it copies", async () => {
  const root = mkdtempSync(join(tmpdir(), "millrace-cut-"));
  const data = join(root, "data");
  mkdirSync(data);
  const broker = await EmbeddedBroker.open({ dir: join(data, "log") });
  await broker.createTopics(["first", "second"].map((name) => ({ name, partitions: 1 })));
  const producer = new TransactionalProducer({ broker, transactionalId: "writer" });
  await producer.init();
  let number = 0;
  const write = async (topic: string, bytes: number) => {
    producer.begin();
    producer
      .partition(topic, 0)
      .open()
      .append(0, Buffer.from(String(number)), Buffer.alloc(bytes));
    await producer.commit();
  };
  // What is in `second` was in `first` before; a large transaction is in its partition alone, a small one in the transaction log too.
  const pair = async () => {
    number++;
    await write("first", 150_000);
    await write("second", 10);
  };
  for (let i = 0; i < 100; i++) await pair();

  let copied = false;
  const running = backup(data, join(root, "cut")).finally(() => (copied = true));
  const before = number;
  while (!copied) await pair();
  await running;
  expect(number).toBeGreaterThan(before + 2);
  await broker.close();

  await restore(join(root, "cut"), join(root, "restored"));
  const restored = await EmbeddedBroker.open({ dir: join(root, "restored", "log") });
  const first = await lastKey(restored, "first");
  const second = await lastKey(restored, "second");
  await restored.close();
  rmSync(root, { recursive: true, force: true });
  expect(second).toBeGreaterThanOrEqual(before - 1);
  expect([second, second + 1]).toContain(first);
});

async function lastKey(broker: EmbeddedBroker, topic: string): Promise<number> {
  const reader = new PartitionReader({ broker });
  reader.seek(topic, 0, 0);
  const cursor = new RecordCursor();
  let last = -1;
  for (let polled = await reader.poll(0); polled.length > 0; polled = await reader.poll(0))
    for (const batch of polled[0]!.batches) {
      cursor.open(batch);
      while (cursor.next()) last = Number(cursor.bytes.toString("utf8", cursor.keyStart, cursor.keyEnd));
    }
  return last;
}
