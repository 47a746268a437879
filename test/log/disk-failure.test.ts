import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { PartitionLog } from "../../src/log/partition-log.js";
import { batchOf, config, readAll, tempDir } from "./support.js";

function mountSmall(): { dir: string; missing: string } {
  const dir = mkdtempSync(join(tmpdir(), "millrace-full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", dir], { stdio: "ignore" });
    return { dir, missing: "" };
  } catch {
    rmSync(dir, { recursive: true });
    return { dir, missing: "a tmpfs cannot be mounted" };
  }
}

const small = mountSmall();
afterAll(() => {
  if (small.missing) return;
  execFileSync("umount", [small.dir]);
  rmSync(small.dir, { recursive: true });
});

describe.skipIf(small.missing !== "")(`on a file system of 1 MB${small.missing && ` (not run: ${small.missing})`}`, () => {
  for (const segmentBytes of ["100000000", "50000"])
    test(`a full disk stops writes with an error that says so, loses nothing confirmed and lets reads go on (segments of ${segmentBytes})`, async () => {
      const reserve = join(small.dir, "reserve");
      writeFileSync(reserve, Buffer.alloc(200_000));
      const dir = join(small.dir, `orders-${segmentBytes}`);
      mkdirSync(dir);
      const options = { config: config({ "segment.bytes": segmentBytes }) };
      const log = await PartitionLog.open(dir, options);
      let confirmed = 0;
      let error: unknown;
      while (!error) {
        try {
          // 3 pages and a bit: the write that meets the end of the disk is a short one
          log.append(batchOf([{ value: `${confirmed}:`.padEnd(13_000, "x") }]));
          await log.flush();
          confirmed = log.flushedOffset;
        } catch (e) {
          error = e;
        }
      }
      expect(confirmed).toBeGreaterThan(40);
      expect(error).toMatchObject({ code: "DISK_FULL", context: { file: expect.stringContaining(dir) } });
      expect((error as Error).message).toContain("the disk is full");
      expect(log.failure).toBe(error);
      expect(() => log.append(batchOf([{ value: "more" }]))).toThrow(error as Error);
      await expect(log.flush()).rejects.toBe(error);
      expect(readAll(log, 0, 100_000).map((r) => r.value!.split(":")[0])).toEqual(Array.from({ length: confirmed }, (_, i) => String(i)));
      expect(log.size).toBe(log.segments.reduce((sum, s) => sum + statSync(s.path).size, 0));
      await log.close();
      rmSync(reserve);
      const again = await PartitionLog.open(dir, options);
      expect(readAll(again, 0, 100_000).length).toBeGreaterThanOrEqual(confirmed);
      again.append(batchOf([{ value: "after" }]));
      await again.flush();
      await again.delete();
    });

  test("compaction that finds the disk full gives up and leaves the log as it was", async () => {
    const dir = join(small.dir, "table-0");
    const log = await PartitionLog.open(dir, { config: config({ "cleanup.policy": "compact", "segment.bytes": "200000" }) });
    for (let i = 0; i < 60; i++) log.append(batchOf([{ key: `k${i % 50}`, value: `${i}:`.padEnd(10_000, "x") }]));
    await log.flush();
    const before = readAll(log, 0, 100_000);
    writeFileSync(join(small.dir, "filler"), Buffer.alloc(300_000));
    await expect(log.compact(1)).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(readAll(log, 0, 100_000)).toEqual(before);
    rmSync(join(small.dir, "filler"));
    expect(await log.compact(1)).toBeGreaterThan(0);
    expect(new Map(readAll(log, 0, 100_000).map((r) => [r.key, r.value]))).toEqual(new Map(before.map((r) => [r.key, r.value])));
    await log.delete();
  });
});

/** A device on which writes fail for want of space and fdatasync is refused by the kernel. */
function breakFile(log: PartitionLog): void {
  const segment = log.segments.at(-1)! as unknown as { handle: number };
  closeLater.push(segment.handle);
  segment.handle = openSync("/dev/full", "r+");
}
const closeLater: number[] = [];
afterAll(() => {
  for (const fd of closeLater) closeSync(fd);
});

test("an fdatasync that fails is final: nothing is confirmed by a later one", async () => {
  const log = await PartitionLog.open(tempDir(), { config: config() });
  log.append(batchOf([{ value: "a" }]));
  await log.flush();
  log.append(batchOf([{ value: "b" }]));
  breakFile(log);
  const first = log.flush();
  const second = log.flush();
  await expect(first).rejects.toMatchObject({ code: "DISK_FAILED" });
  await expect(second).rejects.toMatchObject({ code: "DISK_FAILED" });
  await expect(log.flush()).rejects.toBe(log.failure);
  expect(log.flushedOffset).toBe(1);
  expect(() => log.append(batchOf([{ value: "c" }]))).toThrow(log.failure);
  expect(readAll(log).map((r) => r.value)).toEqual(["a", "b"]);
  await log.close();
});

test("a write that fails leaves the end where it was", async () => {
  const log = await PartitionLog.open(tempDir(), { config: config() });
  log.append(batchOf([{ value: "a" }]));
  breakFile(log);
  const transactional = { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true };
  expect(() => log.append(batchOf([{ value: "b" }], transactional))).toThrowError(expect.objectContaining({ code: "DISK_FULL" }));
  expect([log.logEndOffset, log.lastStableOffset, log.openTransaction(1)]).toEqual([1, 1, -1]);
  expect(readAll(log).map((r) => r.value)).toEqual(["a"]);
  await log.close();
});
