import { openSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { TransactionalProducer } from "../../../src/broker/api/producer.js";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import { Metrics } from "../../../src/common/metrics.js";
import { crc32c } from "../../../src/protocol/crc32c.js";
import { encodeBatch, errorName, readAll } from "../../contract/broker.js";
import { MovedClock } from "../../support/moved-clock.js";

let root: string;
let dir: string;
const opened: EmbeddedBroker[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "millrace-broker-"));
  dir = join(root, "data");
});
afterEach(async () => {
  for (const broker of opened.splice(0)) await broker.close();
  await rm(root, { recursive: true, force: true });
});

async function open(options: Partial<Parameters<typeof EmbeddedBroker.open>[0]> = {}): Promise<EmbeddedBroker> {
  const broker = await EmbeddedBroker.open({ dir, ...options });
  opened.push(broker);
  return broker;
}
const close = (broker: EmbeddedBroker) => broker.close();
/** The folder as a crash at this moment would leave it. */
async function crashImage(): Promise<string> {
  const image = join(root, `image-${Math.random().toString(36).slice(2)}`);
  await cp(dir, image, { recursive: true, filter: (path) => !path.endsWith(".tmp") });
  return image;
}
async function producer(broker: EmbeddedBroker, transactionalId = "tx"): Promise<TransactionalProducer> {
  const p = new TransactionalProducer({ broker, transactionalId });
  await p.init();
  return p;
}
function put(p: TransactionalProducer, value: string, partition = 0): void {
  p.batch("t", partition).append(Date.now(), null, Buffer.from(value));
}
async function sent(p: TransactionalProducer): Promise<void> {
  while (p.partition("t", 0).nextOffset < 0) await new Promise((resolve) => setImmediate(resolve));
}
const segment = (image: string, partition: number) => join(image, `t-${partition}`, "00000000000000000000.log");

it("keeps topics, settings, records, offsets and its cluster id over a restart", async () => {
  const first = await open();
  await first.createTopics([{ name: "t", partitions: 2, configs: { "retention.ms": "-1" } }]);
  await first.produce({ acks: "all", batches: [{ topic: "t", partition: 1, batch: encodeBatch(["a"]) }] });
  await first.offsetCommit("g", [{ topic: "t", partition: 1, offset: 1, metadata: "here" }]);
  const described = await first.describeTopics(["t"]);
  await close(first);
  const second = await open();
  expect(second.clusterId).toBe(first.clusterId);
  expect(await second.describeTopics(["t"])).toEqual(described);
  expect((await second.describeTopicConfig("t")).find((c) => c.name === "retention.ms")).toMatchObject({ value: "-1", source: "topic" });
  expect(await readAll(second, "t", "read_committed", 1)).toEqual(["a"]);
  expect(await second.offsetFetch("g")).toMatchObject([{ offset: 1, metadata: "here" }]);
});

it("goes on with an open transaction after a clean stop", async () => {
  const first = await open();
  await first.createTopics([{ name: "t", partitions: 1 }]);
  const p = await producer(first);
  p.begin();
  put(p, "a");
  p.send([p.partition("t", 0)]);
  await sent(p);
  await first.txnOffsetCommit(p.identity, "g", [{ topic: "in", partition: 0, offset: 9 }]);
  await close(first);
  const second = await open();
  expect(await readAll(second, "t", "read_committed")).toEqual([]);
  await second.endTxn(p.identity, true);
  expect(await readAll(second, "t", "read_committed")).toEqual(["a"]);
  expect((await second.offsetFetch("g"))[0]!.offset).toBe(9);
});

it("keeps an older producer fenced over a restart", async () => {
  const first = await open();
  await first.createTopics([{ name: "t", partitions: 1 }]);
  const old = (await producer(first)).identity;
  await producer(first);
  const image = await crashImage();
  const second = await open({ dir: image });
  expect(await errorName(second.endTxn(old, true))).toBe("PRODUCER_FENCED");
});

it("aborts what was not prepared when the process died, and fences its producer", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 2 }]);
  const p = await producer(broker);
  p.begin();
  put(p, "a", 0);
  put(p, "b", 1);
  p.send([p.partition("t", 0), p.partition("t", 1)]);
  await sent(p);
  await broker.txnOffsetCommit(p.identity, "g", [{ topic: "in", partition: 0, offset: 9 }]);
  const after = await open({ dir: await crashImage() });
  for (const partition of [0, 1]) expect(await readAll(after, "t", "read_committed", partition)).toEqual([]);
  expect(await after.offsetFetch("g")).toEqual([]);
  expect(await errorName(after.endTxn(p.identity, true))).toBe("PRODUCER_FENCED");
  await after.produce({ acks: "all", batches: [{ topic: "t", partition: 0, batch: encodeBatch(["next"]) }] });
  expect(await readAll(after, "t", "read_committed", 0)).toEqual(["next"]);
});

it("completes a prepared transaction whose markers were lost with the page cache", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 2 }]);
  const p = await producer(broker);
  p.begin();
  put(p, "a", 0);
  put(p, "b", 1);
  p.sendOffsets("g", [{ topic: "in", partition: 0, offset: 9 }]);
  await p.commit();
  const image = await crashImage();
  for (const path of [segment(image, 1), join(image, "__consumer_offsets-0", "00000000000000000000.log")]) {
    const size = (await readFile(path)).length;
    await truncate(path, size - 78);
  }
  const after = await open({ dir: image });
  expect(await readAll(after, "t", "read_committed", 0)).toEqual(["a"]);
  expect(await readAll(after, "t", "read_committed", 1)).toEqual(["b"]);
  expect((await after.offsetFetch("g"))[0]!.offset).toBe(9);
});

const offsetsLog = (image: string) => join(image, "__consumer_offsets-0", "00000000000000000000.log");

it("gives partitions back what they have lost of small transactions, whatever the order of their commits", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 2 }]);
  const [one, two] = [await producer(broker, "one"), await producer(broker, "two")];
  one.begin();
  two.begin();
  put(one, "one", 0);
  put(one, "one", 1);
  one.send([one.partition("t", 0), one.partition("t", 1)]);
  await sent(one);
  put(two, "two", 0);
  two.sendOffsets("g", [{ topic: "in", partition: 0, offset: 2 }]);
  await two.commit();
  one.sendOffsets("g", [{ topic: "in", partition: 0, offset: 1 }]);
  await one.commit();
  one.begin();
  put(one, "three", 0);
  await one.commit();
  const image = await crashImage();
  for (const path of [segment(image, 0), segment(image, 1), offsetsLog(image)]) await truncate(path, 0);
  const after = await open({ dir: image });
  expect(await readAll(after, "t", "read_committed", 0)).toEqual(["one", "two", "three"]);
  expect(await readAll(after, "t", "read_committed", 1)).toEqual(["one"]);
  expect((await after.offsetFetch("g"))[0]!.offset).toBe(1);
  const again = await open({ dir: await crashImage() });
  expect(await readAll(again, "t", "read_committed", 0)).toEqual(["one", "two", "three"]);
});

it("aborts a prepared transaction whose records were lost, as it was never confirmed", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 2 }]);
  const p = await producer(broker);
  p.begin();
  put(p, "a", 0);
  put(p, "b".repeat(100_000), 1);
  p.sendOffsets("g", [{ topic: "in", partition: 0, offset: 9 }]);
  await p.commit();
  const image = await crashImage();
  await truncate(segment(image, 1), 0);
  for (const path of [segment(image, 0), offsetsLog(image)]) await truncate(path, (await readFile(path)).length - 78);
  const after = await open({ dir: image });
  for (const partition of [0, 1]) expect(await readAll(after, "t", "read_committed", partition)).toEqual([]);
  expect(await after.offsetFetch("g")).toEqual([]);
});

it("keeps a decision for a partition that cannot be opened until it can", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 2 }]);
  const p = await producer(broker);
  p.begin();
  put(p, "a", 0);
  put(p, "b", 1);
  await p.commit();
  p.begin();
  put(p, "c", 0);
  p.send([p.partition("t", 0)]);
  await p.abort();
  const image = await crashImage();
  await truncate(segment(image, 1), 0);
  await rename(join(image, "t-1"), join(root, "away"));
  await writeFile(join(image, "t-1"), "not a folder");
  const without = await open({ dir: image });
  expect(await readAll(without, "t", "read_committed", 0)).toEqual(["a"]);
  await close(without);
  await rm(join(image, "t-1"));
  await rename(join(root, "away"), join(image, "t-1"));
  const after = await open({ dir: image });
  expect(await readAll(after, "t", "read_committed", 0)).toEqual(["a"]);
  expect(await readAll(after, "t", "read_committed", 1)).toEqual(["b"]);
});

it("ignores a torn last entry of the transaction log", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 1 }]);
  const p = await producer(broker);
  p.begin();
  put(p, "a");
  await p.commit();
  const image = await crashImage();
  const path = join(image, "transactions.log");
  await writeFile(path, `${(await readFile(path, "utf8")).replace(/\0+$/, "")}0badc0de {"id":"tx","produ`);
  const after = await open({ dir: image });
  expect(await readAll(after, "t", "read_committed")).toEqual(["a"]);
});

it("takes the two files of the transaction log in turn, and loses no decision", async () => {
  const broker = await open({ transactionLogBytes: 20_000 });
  await broker.createTopics([{ name: "t", partitions: 1 }]);
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => producer(broker, `tx-${i}-${"x".repeat(1000)}`)));
  const generation = async (name: string) => Number((await readFile(join(dir, name), "latin1").catch(() => "")).split(" ", 2)[1]);
  let written = 0;
  const round = () =>
    Promise.all(
      many.map(async (p, i) => {
        p.begin();
        put(p, `${i}:${written}`);
        await p.commit();
      }),
    ).then(() => written++);
  const newest = async () =>
    Math.max(...(await Promise.all(["transactions.log", "transactions.2.log"].map(generation))).filter((n) => n > 0));
  const first = await newest();
  while ((await newest()) < first + 3) {
    await round();
    if (written % 5 === 0) {
      const after = await open({ dir: await crashImage() });
      expect(await readAll(after, "t", "read_committed")).toHaveLength(written * many.length);
      await close(after);
    }
  }
  const after = await open({ dir: await crashImage() });
  expect(await readAll(after, "t", "read_committed")).toHaveLength(written * many.length);
  await close(broker);
  expect((await readdir(dir)).filter((n) => n.startsWith("transactions"))).toEqual(["transactions.log"]);
});

it("reads a transaction log that an earlier version has left", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 1 }]);
  const p = await producer(broker);
  p.begin();
  put(p, "a");
  await p.commit();
  const image = await crashImage();
  const path = join(image, "transactions.log");
  const lines = (await readFile(path, "latin1")).replace(/\0+$/, "").trimEnd().split("\n");
  const old = lines
    .map((line) => line.slice(line.indexOf("{")))
    .map((json) => `${crc32c(Buffer.from(json)).toString(16).padStart(8, "0")} ${json}\n`);
  await writeFile(path, old.join(""));
  await truncate(join(image, "t-0", "00000000000000000000.log"), 0);
  const after = await open({ dir: image });
  expect(await readAll(after, "t", "read_committed")).toEqual(["a"]);
});

it("removes folders that no topic names, and never brings a deleted topic back", async () => {
  const first = await open();
  await first.createTopics([{ name: "t", partitions: 1 }]);
  await first.produce({ acks: "all", batches: [{ topic: "t", partition: 0, batch: encodeBatch(["old"]) }] });
  await close(first);
  // A crash between the two steps of a deletion: the file is written, the folder is there.
  await cp(join(dir, "t-0"), join(root, "kept"), { recursive: true });
  const second = await open();
  await second.deleteTopics(["t"]);
  await close(second);
  await cp(join(root, "kept"), join(dir, "t-0"), { recursive: true });
  await mkdir(join(dir, "half.123-delete"));
  const third = await open();
  await third.createTopics([{ name: "t", partitions: 1 }]);
  expect(await readAll(third, "t", "read_uncommitted")).toEqual([]);
  await third.produce({ acks: "all", batches: [{ topic: "t", partition: 0, batch: encodeBatch(["new"]) }] });
  expect(await readAll(third, "t", "read_uncommitted")).toEqual(["new"]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await readdir(dir)).filter((n) => n.endsWith("-delete"))).toEqual([]);
});

it("ends the fetches and transactions that use a topic which is deleted", async () => {
  const broker = await open();
  await broker.createTopics([
    { name: "t", partitions: 1 },
    { name: "u", partitions: 1 },
  ]);
  const p = await producer(broker);
  p.begin();
  put(p, "a");
  p.batch("u", 0).append(1, null, Buffer.from("b"));
  p.send([p.partition("t", 0), p.partition("u", 0)]);
  await sent(p);
  const waiting = broker.fetch({ partitions: [{ topic: "t", partition: 0, offset: 1 }], maxWaitMs: 30_000 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  await broker.deleteTopics(["t"]);
  expect((await waiting)[0]!.error).toMatchObject({ kafka: "UNKNOWN_TOPIC_OR_PARTITION" });
  await p.commit();
  expect(await readAll(broker, "u", "read_committed")).toEqual(["b"]);
});

it("creates a topic on the first produce, unless that is turned off", async () => {
  const broker = await open({ defaults: { partitions: 2 } });
  const [result] = await broker.produce({ acks: "all", batches: [{ topic: "new", partition: 1, batch: encodeBatch(["a"]) }] });
  expect(result!.error).toBeUndefined();
  expect((await broker.describeTopics(["new"]))[0]!.partitions).toBe(2);
  const strict = await open({ dir: join(root, "strict"), defaults: { autoCreateTopics: false } });
  const [refused] = await strict.produce({ acks: "all", batches: [{ topic: "new", partition: 0, batch: encodeBatch(["a"]) }] });
  expect(refused!.error).toMatchObject({ kafka: "UNKNOWN_TOPIC_OR_PARTITION" });
});

it("applies retention in the background", async () => {
  const clock = new MovedClock();
  const broker = await open({ clock });
  await broker.createTopics([{ name: "t", partitions: 1, configs: { "retention.ms": "60000", "segment.bytes": "200" } }]);
  for (let i = 0; i < 5; i++)
    await broker.produce({
      acks: "all",
      batches: [{ topic: "t", partition: 0, batch: encodeBatch(["x".repeat(150)], { timestamp: clock.now() }) }],
    });
  const start = async () => (await broker.listOffsets({ partitions: [{ topic: "t", partition: 0, timestamp: "earliest" }] }))[0]!.offset;
  await clock.advance(50_000);
  expect(await start()).toBe(0);
  await clock.advance(60_000);
  await expect.poll(start, { timeout: 30_000 }).toBe(5);
});

it("compacts committed offsets in the background and loses none", async () => {
  const clock = new MovedClock();
  const broker = await open({ clock });
  await broker.createTopics([{ name: "t", partitions: 1 }]);
  await broker.alterTopicConfig("__consumer_offsets", { "segment.bytes": "4000", "min.cleanable.dirty.ratio": "0.01" });
  const p = await producer(broker);
  for (let n = 1; n <= 300; n++) {
    p.begin();
    p.sendOffsets(`g${n % 3}`, [{ topic: "in", partition: 0, offset: n }]);
    await (n % 7 === 0 ? p.abort() : p.commit());
    await broker.offsetCommit("plain", [{ topic: "in", partition: n % 2, offset: n }]);
  }
  const expected = async (b: EmbeddedBroker) =>
    Promise.all(["g0", "g1", "g2", "plain"].map(async (g) => (await b.offsetFetch(g)).sort((x, y) => x.partition - y.partition)));
  const before = await expected(broker);
  expect(before[0]![0]!.offset).toBe(300);
  const bytes = async (path: string) => {
    let total = 0;
    for (const name of await readdir(path)) if (name.endsWith(".log")) total += (await readFile(join(path, name))).length;
    return total;
  };
  const grown = await bytes(join(dir, "__consumer_offsets-0"));
  const { cleaner } = broker as unknown as { cleaner: { running?: Promise<void>; stop(): Promise<void> } };
  for (let i = 0; i < 5; i++) {
    await clock.advance(86_400_000 * 2);
    await cleaner.running;
  }
  // A copy while files are swapped would be no image of any moment.
  await cleaner.stop();
  expect(await bytes(join(dir, "__consumer_offsets-0"))).toBeLessThan(grown / 2);
  expect(await expected(await open({ dir: await crashImage() }))).toEqual(before);
  await close(broker);
  expect(await expected(await open())).toEqual(before);
});

it("restores a consumer group with its members", async () => {
  const first = await open();
  const request = {
    groupId: "g",
    memberId: "",
    clientId: "c",
    clientHost: "/h",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: Buffer.from("sub") }],
  };
  const { memberId, generationId } = await first.joinGroup(request);
  await first.syncGroup({ groupId: "g", member: { memberId, generationId }, assignments: [{ memberId, assignment: Buffer.from("all") }] });
  const after = await open({ dir: await crashImage() });
  await after.heartbeat("g", { memberId, generationId });
  expect((await after.describeGroups(["g"]))[0]).toMatchObject({
    state: "Stable",
    protocol: "range",
    members: [{ memberId, clientId: "c" }],
  });
});

it("opens hundreds of partitions fast after a clean stop", async () => {
  const first = await open();
  await first.createTopics(Array.from({ length: 100 }, (_, i) => ({ name: `t${i}`, partitions: 5 })));
  const batches = Array.from({ length: 500 }, (_, i) => ({
    topic: `t${i % 100}`,
    partition: Math.floor(i / 100),
    batch: encodeBatch(["a"]),
  }));
  await first.produce({ acks: "leader", batches });
  await close(first);
  const before = process.cpuUsage();
  const second = await open();
  const used = process.cpuUsage(before);
  expect(await readAll(second, "t99", "read_committed", 4)).toEqual(["a"]);
  // CPU time, as the machine may be busy with other tests.
  expect((used.user + used.system) / 1000).toBeLessThan(200);
});

it("keeps its own topic from clients", async () => {
  const broker = await open();
  const [written] = await broker.produce({
    acks: "all",
    batches: [{ topic: "__consumer_offsets", partition: 0, batch: encodeBatch(["a"]) }],
  });
  expect(written!.error).toMatchObject({ kafka: "INVALID_TOPIC_EXCEPTION" });
  const [deleted] = await broker.deleteTopics(["__consumer_offsets"]);
  expect(deleted!.error).toMatchObject({ kafka: "INVALID_TOPIC_EXCEPTION" });
  await broker.offsetCommit("g", [{ topic: "in", partition: 0, offset: 1 }]);
});

it("says what is wrong with a partition that cannot be opened, and serves the others", async () => {
  const first = await open();
  await first.createTopics([{ name: "t", partitions: 2 }]);
  await first.produce({ acks: "all", batches: [{ topic: "t", partition: 1, batch: encodeBatch(["a"]) }] });
  await close(first);
  await rm(join(dir, "t-0"), { recursive: true, force: true });
  await writeFile(join(dir, "t-0"), "not a folder");
  const second = await open();
  const [bad, good] = await second.fetch({ partitions: [0, 1].map((partition) => ({ topic: "t", partition, offset: 0 })), maxWaitMs: 0 });
  expect(bad!.error).toMatchObject({ kafka: "KAFKA_STORAGE_ERROR", message: expect.stringContaining("t-0") });
  expect(good!.batches.length).toBeGreaterThan(0);
  const results = await second.produce({
    acks: "all",
    batches: [0, 1].map((partition) => ({ topic: "t", partition, batch: encodeBatch(["b"]) })),
  });
  expect(results.map((r) => (r.error as { kafka?: string } | undefined)?.kafka)).toEqual(["KAFKA_STORAGE_ERROR", undefined]);
});

it("lets several producers start under one new id at the same time, the last being the one", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 1 }]);
  const all = await Promise.all(Array.from({ length: 5 }, () => broker.initProducerId({ transactionalId: "same" })));
  expect(new Set(all.map((p) => p.producerId)).size).toBe(1);
  const last = all.reduce((a, b) => (b.producerEpoch > a.producerEpoch ? b : a));
  for (const p of all) {
    const answer = await errorName(broker.addPartitionsToTxn({ transactionalId: "same", ...p }, [{ topic: "t", partition: 0 }]));
    expect(answer).toBe(p === last ? "no error" : "PRODUCER_FENCED");
  }
});

it("counts what goes in and out, and forgets a deleted topic", async () => {
  const metrics = new Metrics();
  const broker = await open({ metrics });
  await broker.createTopics([{ name: "t", partitions: 1 }]);
  const p = await producer(broker);
  p.begin();
  put(p, "a");
  put(p, "b");
  await p.commit();
  await readAll(broker, "t", "read_committed");
  const text = metrics.expose();
  expect(text).toContain('millrace_topic_records_in_total{topic="t"} 3');
  expect(text).toMatch(/millrace_topic_bytes_out_total\{topic="t"\} [1-9]/);
  expect(text).toContain('millrace_transactions_total{end="commit"} 1');
  await broker.deleteTopics(["t"]);
  expect(metrics.expose()).not.toContain('topic="t"');
});

it("confirms no commit any more once the transaction log could not be synced, and reads on", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 2 }]);
  const p = await producer(broker);
  p.begin();
  put(p, "a");
  await p.commit();
  const log = (broker as unknown as { transactions: { log: { current: { fd: number } } } }).transactions.log.current;
  const good = log.fd;
  // It takes the write and refuses the sync, as a failing disk does.
  log.fd = openSync("/dev/null", "r+");
  p.begin();
  put(p, "b", 0);
  put(p, "b", 1);
  expect(await errorName(p.commit())).toBe("KAFKA_STORAGE_ERROR");
  log.fd = good;
  expect(await errorName(p.commit())).toBe("KAFKA_STORAGE_ERROR");
  expect(await readAll(broker, "t", "read_committed")).toEqual(["a"]);
  expect(await errorName(broker.initProducerId({ transactionalId: "other" }))).toBe("KAFKA_STORAGE_ERROR");
  await close(broker);
  const after = await open();
  expect(await readAll(after, "t", "read_committed", 0)).toEqual(["a"]);
  expect(await readAll(after, "t", "read_committed", 1)).toEqual([]);
});

it("lets many fetches wait without a warning, and ends them when it closes", async () => {
  const broker = await open();
  await broker.createTopics([{ name: "t", partitions: 1 }]);
  const warnings: Error[] = [];
  const note = (w: Error) => warnings.push(w);
  process.on("warning", note);
  const waiting = Array.from({ length: 30 }, () =>
    broker.fetch({ partitions: [{ topic: "t", partition: 0, offset: 0 }], maxWaitMs: 60_000 }),
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  await close(broker);
  expect((await Promise.all(waiting)).every(([r]) => r!.batches.length === 0)).toBe(true);
  process.off("warning", note);
  expect(warnings.filter((w) => w.name === "MaxListenersExceededWarning")).toEqual([]);
});
