import { cpSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PartitionLog } from "../../src/log/partition-log.js";
import { encodeEndTransactionMarker } from "../../src/protocol/control-record.js";
import { baseOffset, batchEnd, isControl, isTransactional, lastOffset, producerId } from "../../src/protocol/record-batch.js";
import { batchOf, config, recordsOf, type SeenRecord, tempDir } from "./support.js";

/** What a read_committed consumer sees: it skips a producer's batches from an aborted transaction's first offset to its marker. */
function readCommitted(log: PartitionLog): SeenRecord[] {
  const out: SeenRecord[] = [];
  for (let offset = log.logStartOffset; offset < log.lastStableOffset; ) {
    const bytes = log.read(offset, 700, { upTo: log.lastStableOffset });
    if (bytes.length === 0) break;
    const aborted = log.abortedTransactions(offset, log.lastStableOffset);
    for (let at = 0; at < bytes.length; at = batchEnd(bytes, at)) {
      const [first, last, id] = [baseOffset(bytes, at), lastOffset(bytes, at), producerId(bytes, at)];
      const skipped = aborted.some((t) => t.producerId === id && t.firstOffset <= first && last < t.lastOffset);
      if (!isControl(bytes, at) && !(isTransactional(bytes, at) && skipped))
        out.push(...recordsOf(bytes.subarray(at, batchEnd(bytes, at))));
      offset = last + 1;
    }
  }
  return out;
}

interface Written extends SeenRecord {
  /** a transaction that is over has its outcome, an open one none; outside of transactions always "COMMIT" */
  txn: { outcome?: "COMMIT" | "ABORT" };
}

test("random transactions, compactions, reopens and kills: a read_committed reader sees the latest committed value of every key", async () => {
  const step = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ producer: fc.integer({ min: 1, max: 3 }), keys: fc.array(fc.nat(6), { minLength: 1, maxLength: 3 }) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({ end: fc.integer({ min: 1, max: 3 }), outcome: fc.constantFrom("COMMIT" as const, "ABORT" as const) }),
    },
    { weight: 4, arbitrary: fc.record({ plain: fc.nat(6) }) },
    { weight: 2, arbitrary: fc.constantFrom("compact" as const, "compact later" as const) },
    { weight: 1, arbitrary: fc.constantFrom("reopen" as const, "kill" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      let dir = tempDir();
      const options = {
        config: config({ "cleanup.policy": "compact", "segment.bytes": "500", "index.interval.bytes": "100", "delete.retention.ms": "10" }),
        checkpointBytes: 300,
      };
      let log = await PartitionLog.open(dir, options);
      const model: Written[] = [];
      const open = new Map<number, Written["txn"]>();
      const sequences = new Map<number, number>();
      let now = 1000;
      const write = (keys: number[], txn: Written["txn"], producer?: number) => {
        const records = keys.map((k) => ({ key: `k${k}`, value: `v${now++}`, timestamp: now }));
        const baseSequence = sequences.get(producer ?? -1) ?? 0;
        if (producer !== undefined) sequences.set(producer, baseSequence + keys.length);
        const batch = batchOf(
          records,
          producer === undefined ? {} : { producerId: producer, producerEpoch: 0, baseSequence, transactional: true },
        );
        const { baseOffset: base } = log.append(batch);
        for (const [i, r] of records.entries()) model.push({ ...r, offset: base + i, txn });
      };
      for (const s of steps) {
        now += 5;
        if (s === "compact" || s === "compact later") await log.compact(s === "compact" ? now : (now += 1000));
        else if (s === "reopen") {
          await log.close();
          log = await PartitionLog.open(dir, options);
        } else if (s === "kill") {
          const copy = tempDir();
          cpSync(dir, copy, { recursive: true });
          await log.close();
          dir = copy;
          log = await PartitionLog.open(dir, options);
        } else if ("plain" in s) write([s.plain], { outcome: "COMMIT" });
        else if ("producer" in s) {
          if (!open.has(s.producer)) open.set(s.producer, {});
          write(s.keys, open.get(s.producer)!, s.producer);
        } else if (open.has(s.end)) {
          const marker = { type: s.outcome, producerId: s.end, producerEpoch: 0, coordinatorEpoch: 0, timestamp: now };
          log.append(encodeEndTransactionMarker(marker), { origin: "coordinator" });
          open.get(s.end)!.outcome = s.outcome;
          open.delete(s.end);
        }
        const firstOpen = model.find((r) => r.txn.outcome === undefined)?.offset ?? log.logEndOffset;
        expect(log.lastStableOffset).toBe(firstOpen);
        const committed = model.filter((r) => r.offset < firstOpen && r.txn.outcome === "COMMIT");
        const latest = (list: readonly SeenRecord[]) =>
          Object.fromEntries(list.map((r) => [r.key, `${r.offset} ${r.value} ${r.timestamp}`]));
        const seen = readCommitted(log);
        expect(latest(seen)).toEqual(latest(committed));
        const offsets = new Set(committed.map((r) => r.offset));
        for (const r of seen) expect(offsets.has(r.offset), `offset ${r.offset} was never committed`).toBe(true);
      }
      await log.close();
    }),
    { numRuns: Number(process.env["LOG_RUNS"] ?? 25) },
  );
});
