import { execFileSync } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { TransactionalProducer } from "../../../src/broker/api/producer.js";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import { encodeBatch, errorName, readAll } from "../../contract/broker.js";

const root = await mkdtemp(join(tmpdir(), "millrace-full-"));
let mounted = false;
try {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", root], { stdio: "ignore" });
  mounted = true;
} catch {
  // reported below as not run
}

afterAll(async () => {
  if (mounted) execFileSync("umount", ["-l", root], { stdio: "ignore" });
  await rm(root, { recursive: true, force: true });
});

it.skipIf(!mounted)(
  `confirms nothing that a full disk lost, and goes on reading${mounted ? "" : " (not run: cannot mount a tmpfs)"}`,
  async () => {
    const copy = await mkdtemp(join(tmpdir(), "millrace-full-copy-"));
    const broker = await EmbeddedBroker.open({ dir: join(root, "data") });
    try {
      await broker.createTopics([{ name: "t", partitions: 2 }]);
      const producer = new TransactionalProducer({ broker, transactionalId: "tx" });
      await producer.init();
      let confirmed = 0;
      let failure = "";
      for (let n = 0; n < 500 && failure === ""; n++) {
        producer.begin();
        for (const p of [0, 1]) producer.batch("t", p).append(Date.now(), null, Buffer.from(`${n}`.padEnd(3000)));
        producer.sendOffsets("g", [{ topic: "in", partition: 0, offset: n + 1 }]);
        failure = await errorName(producer.commit().then(() => confirmed++));
        if (failure === "no error") failure = "";
      }
      expect(failure).toBe("KAFKA_STORAGE_ERROR");
      expect(confirmed).toBeGreaterThan(20);
      // Not a second time either, whatever its error is called once the epoch is in doubt.
      await producer.abort().catch(() => {});
      let refused: unknown;
      for (let i = 0; i < 500 && refused === undefined; i++) {
        const [result] = await broker.produce({
          acks: "all",
          batches: [{ topic: "t", partition: 0, batch: encodeBatch(["x".repeat(5000)]) }],
        });
        refused = result!.error;
      }
      expect(refused).toMatchObject({ kafka: "KAFKA_STORAGE_ERROR", message: expect.stringContaining("Free space") });
      expect((await readAll(broker, "t", "read_committed", 0)).length).toBeGreaterThanOrEqual(confirmed - 1);
      await broker.close();

      await cp(join(root, "data"), copy, { recursive: true });
      const after = await EmbeddedBroker.open({ dir: copy });
      const values = await Promise.all(
        [0, 1].map(async (p) =>
          (await readAll(after, "t", "read_committed", p)).filter((v) => !v.startsWith("x")).map((v) => Number(v.trim())),
        ),
      );
      expect(values[0]).toEqual(values[1]);
      expect(values[0]!.length).toBeGreaterThanOrEqual(confirmed);
      expect(values[0]!.length).toBeLessThanOrEqual(confirmed + 1);
      expect((await after.offsetFetch("g"))[0]!.offset).toBe(values[0]!.length);
      await after.close();
    } finally {
      await broker.close();
      await rm(copy, { recursive: true, force: true });
    }
  },
);
