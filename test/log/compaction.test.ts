import { existsSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { OffsetMap } from "../../src/log/offset-map.js";
import { PartitionLog } from "../../src/log/partition-log.js";
import { encodeEndTransactionMarker } from "../../src/protocol/control-record.js";
import { compressionTypes } from "../../src/protocol/record-batch.js";
import { batchOf, config, readAll, recordsOf, type SeenRecord, tempDir } from "./support.js";

const compacted = (raw: Record<string, string> = {}) =>
  config({ "cleanup.policy": "compact", "segment.bytes": "600", "index.interval.bytes": "100", ...raw });

function latestByKey(records: readonly SeenRecord[]): Map<string, SeenRecord> {
  return new Map(records.map((r) => [r.key!, r]));
}

test("random histories: every key's latest record stays, at its offset, through reopening; what is gone was superseded", async () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.array(fc.record({ key: fc.nat(7), value: fc.option(fc.nat(99)) }), { minLength: 1, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constant("compact" as const) },
    { weight: 1, arbitrary: fc.constant("reopen" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
      const dir = tempDir();
      const options = { config: compacted() };
      let log = await PartitionLog.open(dir, options);
      const model: SeenRecord[] = [];
      let n = 0;
      for (const s of steps) {
        if (s === "compact") await log.compact(5000);
        else if (s === "reopen") {
          await log.close();
          log = await PartitionLog.open(dir, options);
        } else {
          const records = s.map((r) => ({ key: `k${r.key}`, value: r.value === null ? null : `v${r.value}`, timestamp: 1000 + n }));
          const { baseOffset } = log.append(batchOf(records, { compression: compressionTypes[n++ % 5]! }));
          for (const [i, r] of records.entries()) model.push({ ...r, offset: baseOffset + i });
        }
        const seen = readAll(log);
        const byOffset = new Map(model.map((r) => [r.offset, r]));
        for (const record of seen) expect(record).toEqual(byOffset.get(record.offset));
        expect(latestByKey(seen)).toEqual(latestByKey(model));
        expect(log.logEndOffset).toBe(model.length);
      }
      await log.close();
    }),
    { numRuns: 40 },
  );
});

test("a segment of which everything stays is not written again", async () => {
  const dir = tempDir();
  const log = await PartitionLog.open(dir, { config: compacted({ "segment.bytes": "4000" }) });
  const write = (from: number, to: number, value: string) => {
    for (let i = from; i < to; i++) log.append(batchOf([{ key: `k${i}`, value: value.repeat(30) }]));
  };
  const files = () => readdirSync(dir).filter((f) => f.endsWith(".log"));
  const inodes = () => new Map(files().map((f) => [f, statSync(join(dir, f)).ino]));
  write(0, 150, "a");
  const before = inodes();
  expect(before.size).toBeGreaterThan(3);
  expect(await log.compact(5000)).toBe(0);
  expect(inodes()).toEqual(before);
  write(0, 40, "b");
  write(1000, 1060, "c");
  const first = files()[0]!;
  expect(await log.compact(5000)).toBeGreaterThan(0);
  expect(inodes().get(first)).not.toBe(before.get(first));
  const seen = latestByKey(readAll(log));
  expect(seen.size).toBe(210);
  expect(seen.get("k7")!.value).toBe("b".repeat(30));
  expect(seen.get("k77")!.value).toBe("a".repeat(30));
  await log.close();
});

test("a tombstone hides older values and goes after delete.retention.ms", async () => {
  const dir = tempDir();
  const log = await PartitionLog.open(dir, { config: compacted({ "delete.retention.ms": "1000" }) });
  log.append(batchOf([{ key: "a", value: "1", timestamp: 77 }]));
  log.append(
    batchOf([
      { key: "a", value: null, timestamp: 88 },
      { key: "b", value: "2", timestamp: 99 },
    ]),
  );
  const fill = (from: number) => {
    for (let i = from; i < from + 12; i++) log.append(batchOf([{ key: `fill${i % 3}`, value: "x".repeat(80) }]));
  };
  fill(0);
  await log.compact(10_000);
  const kept = () => readAll(log).filter((r) => r.key === "a" || r.key === "b");
  expect(kept()).toEqual([
    { offset: 1, timestamp: 88, key: "a", value: null },
    { offset: 2, timestamp: 99, key: "b", value: "2" },
  ]);
  fill(12);
  await log.compact(10_999);
  expect(kept().length).toBe(2);
  fill(24);
  await log.compact(11_000);
  expect(kept()).toEqual([{ offset: 2, timestamp: 99, key: "b", value: "2" }]);
  await log.close();
});

test("records of aborted transactions go, the latest committed value stays, markers go after the horizon", async () => {
  const dir = tempDir();
  const log = await PartitionLog.open(dir, { config: compacted({ "delete.retention.ms": "1000" }) });
  const sequences = new Map<number, number>();
  const data = (producerId: number, key: string, value: string) => {
    const baseSequence = sequences.get(producerId) ?? 0;
    sequences.set(producerId, baseSequence + 1);
    log.append(batchOf([{ key, value }], { producerId, producerEpoch: 0, baseSequence, transactional: true }));
  };
  const end = (producerId: number, type: "ABORT" | "COMMIT") =>
    log.append(encodeEndTransactionMarker({ type, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp: 1000 }), {
      origin: "coordinator",
    });
  data(1, "a", "committed");
  end(1, "COMMIT");
  data(1, "a", "aborted");
  data(2, "b", "committed");
  end(1, "ABORT");
  end(2, "COMMIT");
  const fill = () => {
    for (let i = 0; i < 12; i++) log.append(batchOf([{ key: `fill${i % 3}`, value: "x".repeat(80) }]));
  };
  fill();
  data(3, "a", "open");
  fill();
  const open = log.lastStableOffset;
  expect(log.abortedTransactions(0, 100)).toMatchObject([{ producerId: 1, firstOffset: 2, lastOffset: 4 }]);
  await log.compact(10_000);
  const seen = readAll(log).filter((r) => r.key === "a" || r.key === "b");
  expect(seen.map((r) => r.value)).toEqual(["committed", "committed", "open"]);
  expect(log.lastStableOffset).toBe(open);
  expect(log.abortedTransactions(0, 100)).toHaveLength(1);
  end(3, "ABORT");
  fill();
  await log.compact(20_000);
  fill();
  await log.compact(30_000);
  fill();
  await log.compact(40_000);
  expect(log.abortedTransactions(0, 100).filter((t) => t.producerId === 1)).toEqual([]);
  // the producers' last batches were emptied, not forgotten: their next sequence numbers are still known
  await log.close();
  for (const name of readdirSync(dir)) if (name.endsWith(".snapshot")) writeFileSync(join(dir, name), "");
  const again = await PartitionLog.open(dir, { config: compacted() });
  expect(
    readAll(again)
      .filter((r) => r.key === "a" || r.key === "b")
      .map((r) => r.value),
  ).toEqual(["committed", "committed"]);
  expect(again.lastStableOffset).toBe(again.logEndOffset);
  const next = batchOf([{ key: "a", value: "n" }], { producerId: 1, producerEpoch: 0, baseSequence: 9, transactional: true });
  expect(() => again.append(next)).toThrowError(expect.objectContaining({ kafka: "OUT_OF_ORDER_SEQUENCE_NUMBER" }));
  await again.close();
});

test("a compaction that was killed is undone or finished, whatever it had done", async () => {
  for (const stage of ["cleaned", "swap", "swap-removed"]) {
    const dir = tempDir();
    const options = { config: compacted() };
    let log = await PartitionLog.open(dir, options);
    for (let i = 0; i < 40; i++) log.append(batchOf([{ key: `k${i % 4}`, value: `v${i}`.padEnd(60) }]));
    const before = readAll(log);
    await log.close();
    // the same folder compacted elsewhere gives the file that the killed round would have written
    const twin = tempDir("twin-0");
    const other = await PartitionLog.open(twin, options);
    for (let i = 0; i < 40; i++) other.append(batchOf([{ key: `k${i % 4}`, value: `v${i}`.padEnd(60) }]));
    await other.compact(1);
    const after = readAll(other);
    await other.close();
    const first = "00000000000000000000";
    const suffix = stage === "cleaned" ? "cleaned" : "swap";
    for (const kind of ["log", "index", "timeindex"]) renameSync(join(twin, `${first}.${kind}`), join(dir, `${first}.${kind}.${suffix}`));
    if (stage === "swap-removed") for (const n of readdirSync(dir)) if (n === `${first}.log`) renameSync(join(dir, n), join(dir, "gone"));
    log = await PartitionLog.open(dir, options);
    const seen = readAll(log);
    expect(latestByKey(seen)).toEqual(latestByKey(before));
    if (stage === "cleaned") expect(seen).toEqual(before);
    else for (const record of after) expect(seen).toContainEqual(record);
    expect(log.logEndOffset).toBe(40);
    expect(readdirSync(dir).filter((n) => /cleaned|swap/.test(n))).toEqual([]);
    await log.close();
  }
});

test("the active segment, what the lag protects and a damaged record are left alone", async () => {
  const dir = tempDir();
  const log = await PartitionLog.open(dir, { config: compacted({ "min.compaction.lag.ms": "500", "segment.bytes": "1000000" }) });
  for (let i = 0; i < 20; i++) log.append(batchOf([{ key: "k", value: `v${i}`, timestamp: 10_000 }]));
  expect(await log.compact(10_100)).toBe(0);
  expect(readAll(log)).toHaveLength(20);
  log.rollIfDue(10_000 + 604_800_001);
  expect(log.dirtyRatio).toBe(1);
  expect([log.compactionDue(10_499), log.compactionDue(10_500)]).toEqual([false, true]);
  expect(await log.compact(10_499)).toBe(0);
  expect(await log.compact(10_500)).toBeGreaterThan(0);
  expect(readAll(log).map((r) => r.value)).toEqual(["v19"]);
  expect([log.dirtyRatio, log.compactionDue(10_500)]).toEqual([0, false]);
  await log.close();
});

test("readers and writers go on while a round runs, and the event loop is not held up", async () => {
  const dir = tempDir();
  const log = await PartitionLog.open(dir, { config: compacted({ "segment.bytes": "1000000" }) });
  let n = 0;
  const add = () => {
    log.append(batchOf(Array.from({ length: 200 }, () => ({ key: `key-${n % 30_000}`, value: `value-${n++}`.padEnd(100, "x") }))));
  };
  for (let i = 0; i < 500; i++) add();
  const waits: number[] = [];
  let done = false;
  const round = log.compact(1).finally(() => {
    done = true;
  });
  let last = performance.now();
  let turns = 0;
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    waits.push(performance.now() - last);
    if (turns++ % 10 === 0) add();
    const seen = recordsOf(log.read(Math.floor(log.logEndOffset / 2), 2000));
    expect(seen.length).toBeGreaterThan(0);
    last = performance.now();
  }
  expect(await round).toBeGreaterThan(0);
  expect(turns).toBeGreaterThan(10);
  // 10 ms is the aim; a busy machine takes the processor away for longer now and then, so the longest wait says nothing
  waits.sort((a, b) => a - b);
  expect(waits[Math.floor(waits.length * 0.9)]).toBeLessThan(15);
  expect(latestByKey(readAll(log, 0, 100_000)).size).toBe(30_000);
  await log.close();
  expect(existsSync(dir)).toBe(true);
});

test("the offset map ends where an offset would not fit, and keeps large ones and short keys apart", () => {
  const map = new OffsetMap(2_000_000);
  const first = 2 ** 45;
  const key = Buffer.alloc(4);
  for (let i = 0; i < 1_000_000; i++) {
    key.writeInt32BE(i);
    map.put(key, 0, 4, first + i);
  }
  expect(map.size).toBe(1_000_000);
  key.writeInt32BE(777_777);
  expect(map.get(key, 0, 4)).toBe(first + 777_777);
  expect(map.isFull).toBe(false);
  map.put(key, 0, 4, first + 2 ** 31);
  expect(map.get(key, 0, 4)).toBe(first + 2 ** 31);
  expect(map.isFull).toBe(true);
});

test("the offset map agrees with a Map", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 300 }), (keys) => {
      const map = new OffsetMap(1000);
      const model = new Map<string, number>();
      keys.forEach((key, offset) => {
        map.put(key, 0, key.length, offset);
        model.set(Buffer.from(key).toString("hex"), offset);
      });
      expect(map.size).toBe(model.size);
      for (const key of keys) expect(map.get(key, 0, key.length)).toBe(model.get(Buffer.from(key).toString("hex")));
      expect(map.get(Buffer.from("a key that nobody has"), 0, 21)).toBe(-1);
    }),
  );
  const map = new OffsetMap(200_000);
  for (let i = 0; i < 200_000; i++) map.put(Buffer.from(`key-${i}`), 0, `key-${i}`.length, i);
  expect(map.size).toBe(200_000);
  expect(map.isFull).toBe(true);
  for (let i = 0; i < 200_000; i += 997) expect(map.get(Buffer.from(`key-${i}`), 0, `key-${i}`.length)).toBe(i);
});
