import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { PartitionLog } from "../../src/log/partition-log.js";
import { encodeEndTransactionMarker } from "../../src/protocol/control-record.js";
import { compressionTypes } from "../../src/protocol/record-batch.js";
import { batchOf, config, readAll, tempDir } from "./support.js";

const kafka = join(import.meta.dirname, "../../.services/kafka");
const installed = existsSync(join(kafka, "lib")) && readdirSync(join(kafka, "lib")).some((n) => n.startsWith("kafka-tools-"));
const has = (command: string) => spawnSync(command, ["-version"]).status === 0;
const missing = !has("java") ? "Java is missing" : !installed && !has("mvn") ? "Maven is missing" : "";

/** What Kafka's own tool prints about files of a log; fails where it reports a mismatch. */
function dump(dir: string, kind: string, ...options: string[]): string {
  const files = readdirSync(dir)
    .filter((n) => n.endsWith(kind))
    .sort()
    .map((n) => join(dir, n));
  expect(files.length).toBeGreaterThan(0);
  const java = [
    "-Xmx128m",
    "-XX:TieredStopAtLevel=1",
    "-cp",
    `${kafka}/lib/*`,
    "org.apache.kafka.tools.DumpLogSegments",
    "--files",
    files.join(","),
    ...options,
  ];
  const out = execFileSync("java", java, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  expect(out).not.toMatch(/mismatch|Exception|Found timestamp|out of order|isvalid: false/i);
  return out;
}

describe.skipIf(missing !== "")(`Kafka's DumpLogSegments reads what we write${missing && ` (not run: ${missing})`}`, () => {
  beforeAll(() => {
    if (!installed) execFileSync("bash", [join(import.meta.dirname, "../services/kafka.sh"), "install", kafka]);
  }, 300_000);

  test("batches of every compression, over several segments, with index and time index", async () => {
    const dir = tempDir();
    const log = await PartitionLog.open(dir, {
      config: config({ "segment.bytes": "20000", "index.interval.bytes": "1000" }),
      topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
    });
    for (let i = 0; i < 200; i++) {
      const records = [0, 1, 2, 3, 4].map((n) => ({
        key: `k${n}`,
        value: `value ${i * 5 + n} ${"x".repeat(90)}`,
        timestamp: 1_700_000_000_000 + i * 5 + n,
      }));
      log.append(batchOf(records, { compression: compressionTypes[i % 5]!, producerId: 12, producerEpoch: 1, baseSequence: i * 5 }));
    }
    await log.flush();
    await log.close();
    const out = dump(dir, ".log", "--print-data-log", "--deep-iteration");
    for (const codec of compressionTypes) expect(out).toContain(`compresscodec: ${codec}`);
    for (const n of [0, 1, 499, 998, 999]) expect(out).toContain(`payload: value ${n} x`);
    expect(out.match(/\| offset: /g)?.length).toBe(1000);
    expect(out).toContain("producerId: 12 producerEpoch: 1");
    expect(dump(dir, ".index", "--index-sanity-check")).toContain("passed sanity check");
    expect(dump(dir, ".index")).toMatch(/offset: \d+ position: \d+/);
    expect(dump(dir, ".timeindex", "--index-sanity-check")).toContain("passed sanity check");
    dump(dir, ".index", "--verify-index-only");
    dump(dir, ".timeindex", "--verify-index-only");
    expect(dump(dir, ".timeindex")).toMatch(/timestamp: 17000000\d+ offset: \d+/);
    expect(dump(dir, ".snapshot")).toMatch(/producerId: 12 producerEpoch: 1 .*lastSequence: \d+/);
  });

  test("markers, aborted transactions and the state of producers", async () => {
    const dir = tempDir();
    const log = await PartitionLog.open(dir, { config: config({ "segment.bytes": "500" }) });
    const coordinator = { origin: "coordinator" } as const;
    const marker = (type: "ABORT" | "COMMIT", producerId: number) =>
      log.append(encodeEndTransactionMarker({ type, producerId, producerEpoch: 0, coordinatorEpoch: 3, timestamp: 2000 }), coordinator);
    const data = (producerId: number, baseSequence: number) =>
      log.append(batchOf([{ key: "k", value: "v" }], { producerId, producerEpoch: 0, baseSequence, transactional: true }));
    data(1, 0);
    data(2, 0);
    marker("ABORT", 1);
    marker("COMMIT", 2);
    data(1, 1);
    for (let i = 0; i < 20; i++) data(3, i);
    marker("ABORT", 3);
    marker("ABORT", 1);
    for (let i = 1; i < 10; i++) data(2, i);
    await log.flush();
    await log.close();
    const out = dump(dir, ".log", "--print-data-log");
    expect(out).toMatch(/isTransactional: true isControl: true/);
    expect(out).toMatch(/endTxnMarker: COMMIT coordinatorEpoch: 3/);
    expect(out).toMatch(/endTxnMarker: ABORT coordinatorEpoch: 3/);
    const aborted = dump(dir, ".txnindex");
    expect(aborted).toMatch(/producerId: 1 firstOffset: 0 lastOffset: 2 lastStableOffset: 1/);
    expect(aborted).toMatch(/producerId: 3 firstOffset: 5 lastOffset: 25 lastStableOffset: 4/);
    expect(dump(dir, ".snapshot")).toMatch(/producerId: 2 producerEpoch: 0 .*currentTxnFirstOffset: OptionalLong\[\d+\]/);
  });

  test("what compaction rewrote: delete horizons, emptied batches, merged segments", async () => {
    const dir = tempDir();
    const log = await PartitionLog.open(dir, {
      config: config({ "cleanup.policy": "compact", "segment.bytes": "3000", "index.interval.bytes": "200" }),
    });
    for (let i = 0; i < 60; i++) {
      const records = [0, 1, 2].map((n) => ({
        key: `k${(i * 3 + n) % 40}`,
        value: i % 4 === 3 ? null : `v${i * 3 + n}`,
        timestamp: 5000 + i * 3 + n,
      }));
      const producer = i % 2 === 0 ? { producerId: 7, producerEpoch: 0, baseSequence: (i / 2) * 3 } : {};
      log.append(batchOf(records, { compression: compressionTypes[i % 5]!, ...producer }));
    }
    log.append(batchOf([{ key: "k1", value: "mine" }], { producerId: 8, producerEpoch: 0, baseSequence: 0 }));
    for (let i = 0; i < 30; i++) log.append(batchOf([{ key: `k${i}`, value: `last${i}`.padEnd(120) }]));
    log.rollIfDue(Date.now());
    expect(await log.compact(1_700_000_000_000)).toBeGreaterThan(0);
    const kept = readAll(log).map((r) => [r.offset, r.timestamp]);
    await log.close();
    const out = dump(dir, ".log", "--print-data-log", "--deep-iteration");
    expect(out).toContain("deleteHorizonMs: OptionalLong[1700086400000]");
    expect(out).toMatch(/ count: 0 .*producerId: 8 .*isTransactional: false/);
    const offsets = [...out.matchAll(/\| offset: (\d+) CreateTime: (\d+)/g)].map((m) => [Number(m[1]), Number(m[2])]);
    expect(offsets).toEqual(kept);
    dump(dir, ".index", "--index-sanity-check");
    dump(dir, ".timeindex");
  });
});
