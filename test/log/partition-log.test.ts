import { existsSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LogRefused } from "../../src/log/log-error.js";
import { PartitionLog } from "../../src/log/partition-log.js";
import { encodeEndTransactionMarker } from "../../src/protocol/control-record.js";
import { compressionTypes, setBaseOffset } from "../../src/protocol/record-batch.js";
import { batchOf, config, readAll, recordsOf, type SeenRecord, tempDir } from "./support.js";

const small = { "segment.bytes": "700", "index.interval.bytes": "100" };
const coordinator = { origin: "coordinator" } as const;
const marker = (type: "ABORT" | "COMMIT", producerId: number, producerEpoch = 0) =>
  encodeEndTransactionMarker({ type, producerId, producerEpoch, coordinatorEpoch: 0, timestamp: 1000 });

test("what is appended is read, also after a reopen", async () => {
  const dir = tempDir();
  let log = await PartitionLog.open(dir, { config: config() });
  const ab = [{ value: "a" }, { value: "b" }];
  expect(log.append(batchOf(ab))).toEqual({ baseOffset: 0, lastOffset: 1, logAppendTime: -1, duplicate: false });
  expect(log.append(batchOf([{ value: "c" }]))).toMatchObject({ baseOffset: 2, lastOffset: 2 });
  await log.flush();
  expect(log.flushedOffset).toBe(3);
  expect(recordsOf(log.read(1, 10)).map((r) => r.value)).toEqual(["a", "b"]);
  expect(log.read(1, 10, { atLeastOne: false }).length).toBe(0);
  expect(log.read(3, 10).length).toBe(0);
  expect(() => log.read(4, 10)).toThrowError(expect.objectContaining({ kafka: "OFFSET_OUT_OF_RANGE" }));
  await log.close();
  await log.close();
  expect(() => log.append(batchOf([{ value: "c" }]))).toThrowError(expect.objectContaining({ code: "SHUTTING_DOWN" }));
  expect(() => log.read(0, 10)).toThrowError(expect.objectContaining({ code: "SHUTTING_DOWN" }));
  log = await PartitionLog.open(dir, { config: config() });
  expect(log.logEndOffset).toBe(3);
  expect(recordsOf(log.read(0, 1e6, { upTo: 2 })).map((r) => r.value)).toEqual(["a", "b"]);
  expect(log.append(batchOf([{ value: "d" }]))).toMatchObject({ baseOffset: 3 });
  await log.delete();
  expect(existsSync(dir)).toBe(false);
});

test("random appends, rolls, reads, deletes and reopens agree with a plain array", async () => {
  const records = fc.array(fc.record({ value: fc.string({ maxLength: 60 }), timestamp: fc.nat(500) }), { minLength: 1, maxLength: 5 });
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ append: fc.array(records, { minLength: 1, maxLength: 4 }), together: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ read: fc.nat(1000), maxBytes: fc.nat(2000), upTo: fc.nat(1000) }) },
    { weight: 2, arbitrary: fc.record({ time: fc.nat(520) }) },
    { weight: 1, arbitrary: fc.record({ deleteBefore: fc.nat(1000) }) },
    { weight: 1, arbitrary: fc.constant("reopen" as const) },
    { weight: 1, arbitrary: fc.constant("flush" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.constantFrom(1, 300, 1e9), async (steps, checkpointBytes) => {
      const dir = tempDir();
      const options = { config: config(small), checkpointBytes };
      let log = await PartitionLog.open(dir, options);
      const model: SeenRecord[] = [];
      let start = 0;
      let n = 0;
      for (const s of steps) {
        if (s === "reopen") {
          await log.close();
          log = await PartitionLog.open(dir, options);
        } else if (s === "flush") {
          await log.flush();
          expect(log.flushedOffset).toBe(model.length);
        } else if ("append" in s) {
          const list = s.append.map((r) => batchOf(r, { compression: compressionTypes[n++ % 5]! }));
          const results = s.together ? log.appendAll(list) : list.map((b) => log.append(b));
          results.forEach((result, i) => {
            expect(result).toMatchObject({ baseOffset: model.length, lastOffset: model.length + s.append[i]!.length - 1 });
            for (const r of s.append[i]!) model.push({ ...r, key: null, offset: model.length });
          });
        } else if ("read" in s) {
          const offset = start + (s.read % (model.length - start + 1));
          const upTo = Math.max(offset, Math.min(model.length, s.upTo));
          const seen = recordsOf(log.read(offset, s.maxBytes, { upTo }));
          for (const r of seen) expect(r).toEqual(model[r.offset]);
          if (seen.length > 0) {
            expect(seen[0]!.offset).toBeLessThanOrEqual(offset);
            expect(seen.at(-1)!.offset).toBeGreaterThanOrEqual(offset);
            expect(seen.at(-1)!.offset).toBeLessThan(upTo);
          } else if (upTo === model.length) expect(offset).toBe(model.length);
        } else if ("time" in s) {
          const found = model.slice(start).find((r) => r.timestamp >= s.time);
          expect(log.offsetForTimestamp(s.time)).toEqual(found && { offset: found.offset, timestamp: found.timestamp });
          const youngest = Math.max(-1, ...model.slice(start).map((r) => r.timestamp));
          if (start === 0) expect(log.maxTimestamp()?.timestamp ?? -1).toBe(youngest);
        } else {
          start = Math.max(start, Math.min(s.deleteBefore, model.length));
          expect(await log.deleteBefore(start)).toBe(start);
        }
        expect(log.logEndOffset).toBe(model.length);
        expect(log.logStartOffset).toBe(start);
      }
      expect(readAll(log)).toEqual(model.slice(start));
      await log.close();
    }),
    { numRuns: 60 },
  );
});

test("callers at the same time share a flush, and each covers what came before its call", async () => {
  const log = await PartitionLog.open(tempDir(), { config: config(small) });
  const waits: Promise<void>[] = [];
  for (let i = 0; i < 50; i++) {
    const { lastOffset } = log.append(batchOf([{ value: `v${i}` }]));
    waits.push(log.flush().then(() => expect(log.flushedOffset).toBeGreaterThan(lastOffset)));
    if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(waits);
  expect(log.flushedOffset).toBe(50);
  await log.close();
});

test("deletions at the same time end at the furthest, while appends go on", async () => {
  const log = await PartitionLog.open(tempDir(), { config: config({ ...small, "retention.ms": "1000" }) });
  const add = () => log.append(batchOf([{ value: "x".repeat(100), timestamp: 5 }]));
  for (let i = 0; i < 40; i++) add();
  const moves = [log.deleteBefore(10), log.deleteBefore(30), log.deleteBefore(20)];
  const retention = log.applyRetention(10);
  add();
  expect(await Promise.all(moves)).toEqual([10, 30, 30]);
  expect(await retention).toBe(0);
  expect([log.logStartOffset, readAll(log)[0]!.offset, log.logEndOffset]).toEqual([30, 30, 41]);
  expect(await log.deleteBefore(35)).toBe(35);
  await log.close();
  await expect(log.deleteBefore(36)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  const again = await PartitionLog.open(log.dir, { config: config(small) });
  expect([again.logStartOffset, again.logEndOffset]).toEqual([35, 41]);
  await again.close();
});

test("retention deletes old segments by age and by size, never beyond what may go", async () => {
  const options = { ...small, "retention.ms": "1000" };
  const log = await PartitionLog.open(tempDir(), { config: config(options) });
  for (let i = 0; i < 40; i++) log.append(batchOf([{ value: "x".repeat(100), timestamp: i * 100 }]));
  expect(await log.applyRetention(1000)).toBe(0);
  const freed = await log.applyRetention(3000);
  expect(freed).toBeGreaterThan(0);
  expect(log.logStartOffset).toBeGreaterThan(0);
  expect(readAll(log)[0]!.offset).toBe(log.logStartOffset);
  expect(readAll(log)[0]!.timestamp).toBeLessThanOrEqual(2000);
  const start = log.logStartOffset;
  await log.applyRetention(99_999, start + 5);
  expect(log.logStartOffset).toBeLessThanOrEqual(start + 5);
  await log.applyRetention(99_999);
  expect([log.logStartOffset, log.logEndOffset, log.size]).toEqual([40, 40, 0]);
  log.append(batchOf([{ value: "next", timestamp: 99_999 }]));
  expect(readAll(log).map((r) => r.offset)).toEqual([40]);
  log.config = config({ ...small, "retention.bytes": "2000" });
  for (let i = 0; i < 40; i++) log.append(batchOf([{ value: "x".repeat(100), timestamp: i * 100 }]));
  await log.applyRetention(0);
  expect(log.size).toBeGreaterThanOrEqual(2000);
  expect(log.size).toBeLessThan(2800);
  await log.close();
  const again = await PartitionLog.open(log.dir, { config: config(options) });
  expect([again.logStartOffset, again.logEndOffset]).toEqual([log.logStartOffset, 81]);
  await again.close();
});

test("a segment rolls when it is old, with or without an append", async () => {
  const log = await PartitionLog.open(tempDir(), { config: config({ "segment.ms": "1000" }) });
  log.append(batchOf([{ value: "a", timestamp: 5000 }]));
  log.append(batchOf([{ value: "b", timestamp: 6000 }]));
  expect(log.segments).toHaveLength(1);
  log.append(batchOf([{ value: "c", timestamp: 6001 }]));
  expect(log.segments).toHaveLength(2);
  log.rollIfDue(7001);
  expect(log.segments).toHaveLength(2);
  log.rollIfDue(7002);
  expect(log.segments).toHaveLength(3);
  await log.close();
});

test("the broker's time replaces the producer's where the topic says so", async () => {
  const log = await PartitionLog.open(tempDir(), {
    config: config({ "message.timestamp.type": "LogAppendTime" }),
    clock: { now: () => 4242, sleep: () => Promise.resolve(), timer: () => () => {} },
  });
  expect(log.append(batchOf([{ value: "a", timestamp: 1 }]))).toMatchObject({ logAppendTime: 4242 });
  expect(readAll(log)[0]!.timestamp).toBe(4242);
  await log.close();
});

test("bad batches are refused and leave the log as it was", async () => {
  const log = await PartitionLog.open(tempDir(), { config: config({ "max.message.bytes": "200", "cleanup.policy": "compact" }) });
  const refused = (batch: Buffer, kafka: string) => expect(() => log.append(batch)).toThrowError(expect.objectContaining({ kafka }));
  const good = () => batchOf([{ key: "k", value: "v" }]);
  const flipped = good();
  flipped[70]! ^= 1;
  refused(flipped, "CORRUPT_MESSAGE");
  refused(good().subarray(0, -1), "CORRUPT_MESSAGE");
  refused(Buffer.alloc(10), "CORRUPT_MESSAGE");
  refused(batchOf([{ key: "k", value: "x".repeat(200) }]), "MESSAGE_TOO_LARGE");
  refused(batchOf([{ value: "no key" }]), "INVALID_RECORD");
  refused(marker("COMMIT", 1), "INVALID_RECORD");
  expect(log.logEndOffset).toBe(0);
  const results = log.appendAll([good(), flipped, good()]);
  expect(results.map((r) => (r instanceof LogRefused ? r.kafka : r.baseOffset))).toEqual([0, "CORRUPT_MESSAGE", 1]);
  await log.close();
});

test("an idempotent producer's repeats get their old offsets; gaps and old epochs are refused, also after a reopen", async () => {
  const dir = tempDir();
  let log = await PartitionLog.open(dir, { config: config() });
  const batch = (baseSequence: number, producerEpoch = 0, count = 2) =>
    batchOf(
      Array.from({ length: count }, () => ({ value: "v" })),
      { producerId: 7, producerEpoch, baseSequence },
    );
  for (let i = 0; i < 6; i++) expect(log.append(batch(i * 2))).toMatchObject({ baseOffset: i * 2, duplicate: false });
  for (let i = 1; i < 6; i++) expect(log.append(batch(i * 2))).toMatchObject({ baseOffset: i * 2, lastOffset: i * 2 + 1, duplicate: true });
  expect(() => log.append(batch(0))).toThrowError(expect.objectContaining({ kafka: "OUT_OF_ORDER_SEQUENCE_NUMBER" }));
  expect(() => log.append(batch(14))).toThrowError(expect.objectContaining({ kafka: "OUT_OF_ORDER_SEQUENCE_NUMBER" }));
  const together = log.appendAll([batch(12), batch(14), batch(14), batch(18)]);
  expect(together.map((r) => (r instanceof LogRefused ? r.kafka : [r.baseOffset, r.duplicate]))).toEqual([
    [12, false],
    [14, false],
    [14, true],
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
  ]);
  await log.close();
  log = await PartitionLog.open(dir, { config: config() });
  expect(log.append(batch(14))).toMatchObject({ baseOffset: 14, duplicate: true });
  expect(() => log.append(batch(2, 1))).toThrowError(expect.objectContaining({ kafka: "OUT_OF_ORDER_SEQUENCE_NUMBER" }));
  expect(log.append(batch(0, 1))).toMatchObject({ baseOffset: 16 });
  expect(() => log.append(batch(16, 0))).toThrowError(expect.objectContaining({ kafka: "INVALID_PRODUCER_EPOCH", code: "FENCED" }));
  await log.close();
});

test("open transactions hold back the last stable offset; aborted ones are listed; both survive a reopen", async () => {
  const dir = tempDir();
  const options = { config: config(small) };
  let log = await PartitionLog.open(dir, options);
  const next = new Map<number, number>();
  const data = (producerId: number) => {
    const baseSequence = next.get(producerId) ?? 0;
    next.set(producerId, baseSequence + 1);
    return log.append(batchOf([{ value: "v".repeat(60) }], { producerId, producerEpoch: 0, baseSequence, transactional: true })).baseOffset;
  };
  data(1);
  data(2);
  for (let i = 0; i < 20; i++) data(1);
  expect(log.lastStableOffset).toBe(0);
  expect(log.openTransaction(2)).toBe(1);
  await log.close();
  log = await PartitionLog.open(dir, options);
  expect([log.lastStableOffset, log.openTransaction(1), log.openTransaction(2), log.openTransaction(3)]).toEqual([0, 0, 1, -1]);
  const outside = batchOf([{ value: "v" }], { producerId: 1, producerEpoch: 0, baseSequence: 21 });
  expect(() => log.append(outside)).toThrowError(expect.objectContaining({ kafka: "INVALID_TXN_STATE" }));
  log.append(marker("ABORT", 1), coordinator);
  expect(log.lastStableOffset).toBe(1);
  log.append(marker("COMMIT", 2), coordinator);
  expect(log.lastStableOffset).toBe(24);
  data(1);
  data(2);
  expect(log.lastStableOffset).toBe(24);
  expect(log.abortedTransactions(0, 24)).toMatchObject([{ producerId: 1, firstOffset: 0, lastOffset: 22 }]);
  expect(log.abortedTransactions(10, 12)).toHaveLength(1);
  expect(log.abortedTransactions(23, 26)).toEqual([]);
  await log.close();
  log = await PartitionLog.open(dir, options);
  expect(log.abortedTransactions(0, 24)).toMatchObject([{ producerId: 1, firstOffset: 0, lastOffset: 22 }]);
  expect(log.lastStableOffset).toBe(24);
  expect(() => log.append(marker("ABORT", 1, -1), coordinator)).toThrowError(expect.objectContaining({ kafka: "INVALID_PRODUCER_EPOCH" }));
  await log.close();
});

test("a batch keeps no offset that its producer wrote into it", async () => {
  const log = await PartitionLog.open(tempDir(), { config: config() });
  const batch = batchOf([{ value: "a" }]);
  setBaseOffset(batch, 777);
  expect(log.append(batch).baseOffset).toBe(0);
  await log.close();
});
