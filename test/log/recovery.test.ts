import {
  appendFileSync,
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PartitionLog } from "../../src/log/partition-log.js";
import { encodeEndTransactionMarker } from "../../src/protocol/control-record.js";
import { batchOf, config, readAll, tempDir } from "./support.js";

const options = { config: config({ "segment.bytes": "900", "index.interval.bytes": "100" }), checkpointBytes: 400 };
const logFile = (dir: string) => {
  const name = readdirSync(dir)
    .filter((n) => n.endsWith(".log"))
    .sort()
    .at(-1)!;
  return join(dir, name);
};

/** A log of two dozen records, with transactions of which one is open at the end, as a kill leaves it: copied while it is open. */
async function killed() {
  const live = tempDir();
  const log = await PartitionLog.open(live, options);
  for (let i = 0; i < 12; i++) {
    const producer = { producerId: 5, producerEpoch: 0, baseSequence: i, transactional: true };
    log.append(batchOf([{ key: "k", value: `v${i}`.padEnd(50), timestamp: 1000 + i }], producer));
    log.append(batchOf([{ value: `w${i}`.padEnd(50), timestamp: 1000 + i }]));
    // a checkpoint in the middle of a segment too
    if (i % 5 === 2) await log.flush();
    if (i % 4 === 3)
      log.append(encodeEndTransactionMarker({ type: "ABORT", producerId: 5, producerEpoch: 0, coordinatorEpoch: 0, timestamp: 1000 + i }), {
        origin: "coordinator",
      });
  }
  await log.flush();
  const dir = tempDir("killed-0");
  // a checkpoint may be under way: its file of another name comes and goes
  cpSync(live, dir, { recursive: true, filter: (path) => !path.endsWith(".tmp") });
  return { dir, log, state: stateOf(log) };
}

const times = [0, 1003, 1009, 1010];

function stateOf(log: PartitionLog) {
  return {
    end: log.logEndOffset,
    records: readAll(log),
    lastStableOffset: log.lastStableOffset,
    aborted: log.abortedTransactions(0, log.logEndOffset),
    open: log.openTransaction(5),
    byTime: times.map((time) => log.offsetForTimestamp(time)),
  };
}

/** Opens the folder and compares; with `end`, all from there on was lost. */
async function agrees(dir: string, expected: ReturnType<typeof stateOf>, end = expected.end): Promise<void> {
  const log = await PartitionLog.open(dir, options);
  const state = stateOf(log);
  expect([state.end, log.flushedOffset]).toEqual([end, end]);
  if (end === expected.end) expect(state).toEqual(expected);
  else {
    expect(state.records).toEqual(expected.records.filter((r) => r.offset < end));
    expect(state.byTime).toEqual(expected.byTime.map((found) => (found && found.offset < end ? found : undefined)));
  }
  log.append(batchOf([{ value: "next" }]));
  expect(readAll(log).at(-1)).toMatchObject({ offset: end, value: "next" });
  await log.close();
}

test("a log that was not closed comes back whole", async () => {
  const { dir, log, state } = await killed();
  await agrees(dir, state);
  await log.close();
  await agrees(log.dir, state);
});

test("what a recovery wrote down serves the next one: transactions over segments that were all scanned", async () => {
  const { dir, log, state } = await killed();
  for (const name of readdirSync(dir)) if (!name.endsWith(".log")) rmSync(join(dir, name));
  const again = await PartitionLog.open(dir, options);
  await again.close();
  expect(readdirSync(dir).some((n) => n.endsWith(".snapshot"))).toBe(true);
  await agrees(dir, state);
  await log.close();
});

test("a torn tail is cut at the last whole batch, wherever it is torn", async () => {
  const { dir, log, state } = await killed();
  const file = logFile(dir);
  const whole = readFileSync(file);
  const starts: number[] = [];
  for (let at = 0; at < whole.length; at += whole.readInt32BE(at + 8) + 12) starts.push(at);
  expect(starts.length).toBeGreaterThan(2);
  const copy = tempDir("copy-0");
  for (const length of [whole.length - 1, starts.at(-1)! + 61, starts.at(-1)! + 30, starts.at(-1)! + 1, starts.at(-1)!]) {
    rmSync(copy, { recursive: true, force: true });
    cpSync(dir, copy, { recursive: true });
    truncateSync(logFile(copy), length);
    await agrees(copy, state, state.end - 1);
  }
  for (const junk of [Buffer.alloc(5000), Buffer.alloc(80, 0xff), whole.subarray(0, 80)]) {
    rmSync(copy, { recursive: true, force: true });
    cpSync(dir, copy, { recursive: true });
    appendFileSync(logFile(copy), junk);
    await agrees(copy, state);
  }
  rmSync(copy, { recursive: true, force: true });
  cpSync(dir, copy, { recursive: true });
  const fd = openSync(logFile(copy), "r+");
  writeSync(fd, Buffer.from([whole[whole.length - 3]! ^ 0xff]), 0, 1, whole.length - 3);
  closeSync(fd);
  await agrees(copy, state, state.end - 1);
  await log.close();
});

test("missing, cut or scrambled indexes and snapshots are made anew", async () => {
  const { log, state } = await killed();
  await log.close();
  const names = readdirSync(log.dir).filter((n) => /index$|snapshot$|epoch-checkpoint$/.test(n));
  expect(names.some((n) => n.endsWith(".txnindex"))).toBe(true);
  expect(names.some((n) => n.endsWith(".snapshot"))).toBe(true);
  await fc.assert(
    fc.asyncProperty(fc.subarray(names, { minLength: 1 }), fc.constantFrom("gone", "empty", "cut", "scrambled"), async (hit, how) => {
      const copy = tempDir("copy-0");
      cpSync(log.dir, copy, { recursive: true });
      for (const name of hit) {
        const path = join(copy, name);
        // an empty or missing list of aborted transactions cannot be told from none: as in Kafka, it is trusted
        if (name.endsWith(".txnindex") && how !== "cut") continue;
        if (how === "gone") rmSync(path);
        else if (how === "empty") truncateSync(path, 0);
        else if (how === "cut") truncateSync(path, Math.max(0, statSync(path).size - 3));
        else writeFileSync(path, Buffer.alloc(statSync(path).size, 0xa5));
      }
      await agrees(copy, state);
    }),
    { numRuns: 60 },
  );
});

test("damage below what was on disk is told, not cut away", async () => {
  const { log } = await killed();
  await log.close();
  const first = join(log.dir, "00000000000000000000");
  const fd = openSync(`${first}.log`, "r+");
  writeSync(fd, Buffer.from([9]), 0, 1, 16);
  closeSync(fd);
  rmSync(`${first}.index`);
  await expect(PartitionLog.open(log.dir, options)).rejects.toMatchObject({ code: "LOG_CORRUPT" });
  expect(statSync(`${first}.log`).size).toBeGreaterThan(0);
});

test("a file shorter than what was on disk opens at what is left", async () => {
  const { log, state } = await killed();
  await log.close();
  const end = readdirSync(log.dir)
    .filter((n) => n.endsWith(".snapshot"))
    .sort()
    .at(-1)!;
  expect(Number(end.slice(0, 20))).toBeGreaterThan(0);
  for (const name of readdirSync(log.dir).filter((n) => n.endsWith(".log"))) {
    if (name > end) rmSync(join(log.dir, name));
    else if (name.slice(0, 20) === end.slice(0, 20)) rmSync(join(log.dir, name));
  }
  const again = await PartitionLog.open(log.dir, options);
  expect(again.logEndOffset).toBeGreaterThan(0);
  expect(again.logEndOffset).toBeLessThanOrEqual(Number(end.slice(0, 20)));
  expect(readAll(again).map((r) => r.value)).toEqual(state.records.filter((r) => r.offset < again.logEndOffset).map((r) => r.value));
  await again.close();
});
