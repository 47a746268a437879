import { cp, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { TransactionalProducer } from "../../../src/broker/api/producer.js";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import type { Partition } from "../../../src/broker/embedded/partition.js";
import type { Topics } from "../../../src/broker/embedded/topics.js";
import { crc32c } from "../../../src/protocol/crc32c.js";
import { baseOffset, batchEnd } from "../../../src/protocol/record-batch.js";
import { readAll } from "../../contract/broker.js";

const writers = 3;
const partitions = 3;
/** Small: the two files of the transaction log take turns every few transactions. */
const transactionLogBytes = 2000;
const logName = "00000000000000000000.log";

/** Gives a file that is to be used again the first byte that it had, as where writing over that one did not reach the disk. */
async function unwipe(path: string): Promise<void> {
  const bytes = await readFile(path).catch(() => undefined);
  const end = bytes?.indexOf("\n") ?? -1;
  if (bytes?.[0] !== 0 || end < 0) return;
  const [digit] = crc32c(bytes.subarray(9, end)).toString(16).padStart(8, "0");
  bytes.write(digit!);
  await writeFile(path, bytes);
}

/** The byte up to which the partition's file is known to be on disk. */
async function durableBytes(path: string, flushedOffset: number): Promise<{ durable: number; size: number }> {
  const bytes = await readFile(path);
  let at = 0;
  while (at < bytes.length && baseOffset(bytes, at) < flushedOffset) at = batchEnd(bytes, at);
  return { durable: at, size: bytes.length };
}

it("keeps every confirmed transaction when the page cache is lost at any byte that was not synced", async () => {
  const run = fc.record({
    transactions: fc.array(
      fc.record({
        writer: fc.integer({ min: 0, max: writers - 1 }),
        records: fc.array(fc.record({ partition: fc.integer({ min: 0, max: partitions - 1 }), large: fc.nat(19).map((n) => n === 0) }), {
          minLength: 1,
          maxLength: 5,
        }),
        commit: fc.nat(4).map((n) => n > 0),
      }),
      { minLength: 5, maxLength: 40 },
    ),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: partitions + 1, maxLength: partitions + 1 }),
    wiped: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ transactions, cuts, wiped }) => {
      const root = await mkdtemp(join(tmpdir(), "millrace-power-"));
      const dir = join(root, "data");
      const broker = await EmbeddedBroker.open({ dir, transactionLogBytes });
      try {
        await broker.createTopics([{ name: "t", partitions }]);
        const producers = Array.from({ length: writers }, (_, k) => new TransactionalProducer({ broker, transactionalId: `w${k}` }));
        for (const p of producers) await p.init();
        const confirmed = new Map<string, number>();
        const offsets = new Map<number, number>();
        const queues = producers.map((_, k) => transactions.map((t, n) => ({ ...t, n })).filter((t) => t.writer === k));
        await Promise.all(
          queues.map(async (queue, k) => {
            const p = producers[k]!;
            for (const { records, commit, n } of queue) {
              p.begin();
              for (const [i, { partition, large }] of records.entries())
                p.batch("t", partition).append(
                  Date.now(),
                  null,
                  Buffer.from(`${k}:${n}:${i}:${records.length}`.padEnd(large ? 80_000 : 20)),
                );
              p.sendOffsets(`g${k}`, [{ topic: "in", partition: 0, offset: n + 1 }]);
              await (commit ? p.commit() : p.abort());
              if (!commit) continue;
              confirmed.set(`${k}:${n}`, records.length);
              offsets.set(k, n + 1);
            }
          }),
        );
        const image = join(root, "image");
        await cp(dir, image, { recursive: true, filter: (path) => !path.endsWith(".tmp") });
        const topics = (broker as unknown as { topics: Topics }).topics;
        const all = [...topics.allPartitions()].filter((p: Partition) => p.openLog !== undefined);
        for (const [i, p] of all.entries()) {
          const path = join(image, p.name, logName);
          const { durable, size } = await durableBytes(path, p.log.flushedOffset);
          await truncate(path, Math.round(durable + (size - durable) * cuts[i]!));
        }
        if (!wiped) for (const name of ["transactions.log", "transactions.2.log"]) await unwipe(join(image, name));
        const after = await EmbeddedBroker.open({ dir: image });
        const seen = new Map<string, number>();
        for (let p = 0; p < partitions; p++)
          for (const value of await readAll(after, "t", "read_committed", p)) {
            const [k, n, , total] = value.trim().split(":");
            expect(confirmed.get(`${k}:${n}`)).toBe(Number(total));
            seen.set(`${k}:${n}`, (seen.get(`${k}:${n}`) ?? 0) + 1);
          }
        expect(seen).toEqual(confirmed);
        for (let k = 0; k < writers; k++)
          expect((await after.offsetFetch(`g${k}`, [{ topic: "in", partition: 0 }]))[0]!.offset).toBe(offsets.get(k) ?? -1);
        await after.close();
      } finally {
        await broker.close();
        await rm(root, { recursive: true, force: true });
      }
    }),
    { numRuns: 40 },
  );
});
