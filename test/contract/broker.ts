import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Broker, FetchResult, Isolation, Txn } from "../../src/broker/api/broker.js";
import { BrokerError } from "../../src/broker/api/errors.js";
import { IdempotentProducer, TransactionalProducer } from "../../src/broker/api/producer.js";
import { PartitionReader } from "../../src/broker/api/reader.js";
import { type FinishOptions, RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";

/** What the suite needs of an implementation. */
export interface BrokerFixture {
  readonly broker: Broker;
  /** Moves the broker's clock; a broker with a real clock leaves it out, and the tests that need it are none of its. */
  readonly advance?: (ms: number) => Promise<void>;
  close(): Promise<void>;
}

export function encodeBatch(values: readonly string[], options: FinishOptions & { timestamp?: number } = {}): Buffer {
  const builder = new RecordBatchBuilder();
  for (const v of values) builder.append(options.timestamp ?? 1000, null, Buffer.from(v));
  return builder.finish(options);
}

/** Everything visible from the offset on, as text. */
export async function readAll(broker: Broker, topic: string, isolation: Isolation, partition = 0, from = 0): Promise<string[]> {
  const reader = new PartitionReader({ broker, isolation });
  reader.seek(topic, partition, from);
  const values: string[] = [];
  const cursor = new RecordCursor();
  for (;;) {
    const polled = await reader.poll(0);
    if (polled.length === 0) return values;
    for (const p of polled)
      for (const batch of p.batches) {
        cursor.open(batch);
        while (cursor.next()) if (cursor.offset >= p.from) values.push(cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd));
      }
  }
}

export async function errorName(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof BrokerError ? error.kafka : String(error);
  }
  return "no error";
}

/** Tests that move the broker's clock: where it cannot be moved there are none. */
export const movable = (moved: boolean): ((name: string, run: () => Promise<void>) => void) => (moved ? it : () => {});

/** A real cluster shows a commit some milliseconds after it has answered it. */
const soon = { timeout: 10_000, interval: 20 };

/** The semantics of the Broker interface; every implementation runs it. */
export function brokerContract(name: string, open: () => Promise<BrokerFixture>, moved: boolean): void {
  describe(`${name}: Broker contract`, () => {
    let fixture: BrokerFixture;
    let broker: Broker;
    let count = 0;
    let topic: string;
    /** of each test alone: a cluster outlives it */
    let input: string;
    let group: string;
    let id: string;

    beforeEach(async () => {
      fixture = await open();
      broker = fixture.broker;
      topic = `t${Date.now()}-${count++}`;
      [input, group, id] = [`${topic}-in`, `${topic}-g`, `${topic}-tx`];
      await broker.createTopics([topic, input].map((name) => ({ name, partitions: 3 })));
    });
    afterEach(() => fixture.close());

    const produce = async (values: string[], options: FinishOptions & { timestamp?: number } = {}, partition = 0) => {
      const transactionalId = options.transactional ? { transactionalId: id } : {};
      const [result] = await broker.produce({
        ...transactionalId,
        acks: "all",
        batches: [{ topic, partition, batch: encodeBatch(values, options) }],
      });
      if (result!.error) throw result!.error;
      return result!.baseOffset;
    };
    const fetchOne = async (offset: number, isolation: Isolation = "read_uncommitted", maxWaitMs = 0): Promise<FetchResult> =>
      (await broker.fetch({ partitions: [{ topic, partition: 0, offset }], maxWaitMs, isolation }))[0]!;

    describe("topics", () => {
      it("describes what was created, with an id that is new when a topic is created anew", async () => {
        const [first] = await broker.describeTopics([topic]);
        expect(first).toMatchObject({ name: topic, partitions: 3, internal: false });
        expect(await broker.describeTopics(["no-such-topic"])).toEqual([]);
        await broker.deleteTopics([topic]);
        expect(await broker.describeTopics([topic])).toEqual([]);
        const [again] = await broker.createTopics([{ name: topic, partitions: 1 }]);
        expect(again!.error).toBeUndefined();
        expect(again!.topicId).not.toBe(first!.topicId);
        expect(await readAll(broker, topic, "read_uncommitted")).toEqual([]);
      });

      it("refuses what it cannot create and changes nothing", async () => {
        const results = await broker.createTopics([
          { name: topic, partitions: 1 },
          { name: "a b", partitions: 1 },
          { name: `${topic}x`, partitions: 0 },
          { name: `${topic}y`, partitions: 1, configs: { "retention.ms": "soon" } },
          { name: `${topic}z`, partitions: 1, configs: { "no.such.setting": "1" } },
        ]);
        expect(results.map((r) => (r.error as BrokerError | undefined)?.kafka)).toEqual([
          "TOPIC_ALREADY_EXISTS",
          "INVALID_TOPIC_EXCEPTION",
          "INVALID_PARTITIONS",
          "INVALID_CONFIG",
          "INVALID_CONFIG",
        ]);
        expect(await broker.describeTopics([`${topic}y`])).toEqual([]);
        const [dry] = await broker.createTopics([{ name: `${topic}w`, partitions: 2 }], { validateOnly: true });
        expect(dry!.error).toBeUndefined();
        expect(await broker.describeTopics([`${topic}w`])).toEqual([]);
        const [gone] = await broker.deleteTopics(["no-such-topic"]);
        expect((gone!.error as BrokerError).kafka).toBe("UNKNOWN_TOPIC_OR_PARTITION");
      });

      it("adds partitions, never takes them away", async () => {
        await broker.createPartitions(topic, 5);
        expect((await broker.describeTopics([topic]))[0]!.partitions).toBe(5);
        await produce(["x"], {}, 4);
        expect(await errorName(broker.createPartitions(topic, 5))).toBe("INVALID_PARTITIONS");
        expect(await errorName(broker.createPartitions("no-such-topic", 5))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
      });

      it("alters settings at once, and takes an override back", async () => {
        await broker.alterTopicConfig(topic, { "cleanup.policy": "compact", "max.message.bytes": "200" });
        const config = await broker.describeTopicConfig(topic);
        expect(config.find((c) => c.name === "cleanup.policy")).toMatchObject({ value: "compact", source: "topic" });
        expect(await errorName(produce(["x".repeat(300)]))).toBe("MESSAGE_TOO_LARGE");
        await broker.alterTopicConfig(topic, { "max.message.bytes": null, "cleanup.policy": null });
        expect((await broker.describeTopicConfig(topic)).find((c) => c.name === "cleanup.policy")).toMatchObject({ source: "default" });
        expect(await produce(["x".repeat(300)])).toBe(0);
        expect(await errorName(broker.alterTopicConfig(topic, { "segment.bytes": "much" }))).toBe("INVALID_CONFIG");
        expect(await errorName(broker.describeTopicConfig("no-such-topic"))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
      });
    });

    describe("records", () => {
      it("appends in order and reads from any offset", async () => {
        expect(await produce(["a", "b"])).toBe(0);
        expect(await produce(["c"])).toBe(2);
        expect(await readAll(broker, topic, "read_uncommitted")).toEqual(["a", "b", "c"]);
        await expect.poll(() => readAll(broker, topic, "read_committed", 0, 1), soon).toEqual(["b", "c"]);
        const at = await fetchOne(3);
        expect(at).toMatchObject({ highWatermark: 3, lastStableOffset: 3, logStartOffset: 0 });
        expect(at.batches).toHaveLength(0);
      });

      it("answers each batch by itself", async () => {
        const results = await broker.produce({
          acks: "all",
          batches: [
            { topic, partition: 0, batch: encodeBatch(["a"]) },
            { topic, partition: 99, batch: encodeBatch(["b"]) },
            { topic, partition: 1, batch: encodeBatch(["c"]) },
          ],
        });
        expect(results.map((r) => (r.error as BrokerError | undefined)?.kafka)).toEqual([
          undefined,
          "UNKNOWN_TOPIC_OR_PARTITION",
          undefined,
        ]);
        const broken = encodeBatch(["d"]);
        broken[broken.length - 2]! ^= 1;
        const [bad] = await broker.produce({ acks: "all", batches: [{ topic, partition: 0, batch: broken }] });
        expect((bad!.error as BrokerError).kafka).toBe("CORRUPT_MESSAGE");
        expect(await readAll(broker, topic, "read_uncommitted")).toEqual(["a"]);
      });

      it("says OFFSET_OUT_OF_RANGE outside of the log", async () => {
        await produce(["a"]);
        expect(((await fetchOne(7)).error as BrokerError).kafka).toBe("OFFSET_OUT_OF_RANGE");
      });

      it("bounds a fetch in bytes, but lets one batch through always", async () => {
        for (let i = 0; i < 5; i++) await produce(["x".repeat(1000)]);
        const ask = (maxBytes: number, whole?: number) =>
          broker.fetch({
            partitions: [{ topic, partition: 0, offset: 0, maxBytes }],
            maxWaitMs: 0,
            ...(whole === undefined ? {} : { maxBytes: whole }),
          });
        expect((await ask(10))[0]!.batches.length).toBeGreaterThan(1000);
        expect((await ask(10))[0]!.batches.length).toBeLessThan(2000);
        expect((await ask(2500))[0]!.batches.length).toBeLessThanOrEqual(2500);
        expect((await ask(100_000, 2500))[0]!.batches.length).toBeLessThanOrEqual(2500);
      });

      it("starves no partition where the byte limit ends the answer", async () => {
        for (const partition of [0, 1, 2]) for (let i = 0; i < 3; i++) await produce([`${partition}`.repeat(1000)], {}, partition);
        const reader = new PartitionReader({ broker, maxBytes: 1100, isolation: "read_uncommitted" });
        for (const p of [0, 1, 2]) reader.seek(topic, p, 0);
        const first: number[] = [];
        for (let i = 0; i < 3; i++) first.push(...(await reader.poll(0)).map((p) => p.partition));
        expect(new Set(first)).toEqual(new Set([0, 1, 2]));
      });

      it("wakes a waiting fetch when a record comes", async () => {
        const waiting = fetchOne(0, "read_committed", 30_000);
        await produce(["late"]);
        expect((await waiting).batches.length).toBeGreaterThan(0);
      });

      it("rejects an aborted fetch with the signal's reason", async () => {
        const stop = new AbortController();
        const waiting = broker.fetch({ partitions: [{ topic, partition: 0, offset: 0 }], maxWaitMs: 30_000, signal: stop.signal });
        stop.abort(new Error("enough"));
        await expect(waiting).rejects.toThrow("enough");
      });

      it("leaves nothing of a fetch on its signal, which serves any number of them", async () => {
        const { signal } = new AbortController();
        const fetch = () => broker.fetch({ partitions: [{ topic, partition: 0, offset: 0 }], maxWaitMs: 30_000, signal });
        const waiting = fetch();
        await produce(["a"]);
        await waiting;
        await fetch();
        expect(getEventListeners(signal, "abort")).toEqual([]);
      });

      it("lists offsets by place and by time", async () => {
        await produce(["a"], { timestamp: 1000 });
        await produce(["b"], { timestamp: 3000 });
        await produce(["c"], { timestamp: 2000 });
        const ask = async (timestamp: number | "earliest" | "latest" | "max_timestamp") =>
          (await broker.listOffsets({ partitions: [{ topic, partition: 0, timestamp }] }))[0]!.offset;
        expect(await ask("earliest")).toBe(0);
        expect(await ask("latest")).toBe(3);
        expect(await ask(1500)).toBe(1);
        expect(await ask(9999)).toBe(-1);
        expect(await ask("max_timestamp")).toBe(1);
        const [none] = await broker.listOffsets({ partitions: [{ topic: "no-such-topic", partition: 0, timestamp: "latest" }] });
        expect((none!.error as BrokerError).kafka).toBe("UNKNOWN_TOPIC_OR_PARTITION");
      });

      it("deletes records up to an offset", async () => {
        await produce(["a", "b", "c"]);
        expect(await broker.deleteRecords({ topic, partition: 0 }, 2)).toBe(2);
        expect(((await fetchOne(0)).error as BrokerError).kafka).toBe("OFFSET_OUT_OF_RANGE");
        expect(await readAll(broker, topic, "read_uncommitted", 0, 2)).toEqual(["c"]);
        expect(await broker.deleteRecords({ topic, partition: 0 }, -1)).toBe(3);
        expect(await errorName(broker.deleteRecords({ topic, partition: 0 }, 9))).toBe("OFFSET_OUT_OF_RANGE");
      });
    });

    describe("idempotent producers", () => {
      it("writes a repeated batch once and answers with its old offset", async () => {
        const { producerId, producerEpoch } = await broker.initProducerId({});
        const options = { producerId, producerEpoch };
        expect(await produce(["a", "b"], { ...options, baseSequence: 0 })).toBe(0);
        expect(await produce(["c"], { ...options, baseSequence: 2 })).toBe(2);
        expect(await produce(["a", "b"], { ...options, baseSequence: 0 })).toBe(0);
        expect(await errorName(produce(["x"], { ...options, baseSequence: 9 }))).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
        expect(await readAll(broker, topic, "read_uncommitted")).toEqual(["a", "b", "c"]);
      });

      it("gives every producer an id of its own", async () => {
        const ids = await Promise.all(Array.from({ length: 20 }, () => broker.initProducerId({})));
        expect(new Set(ids.map((i) => i.producerId)).size).toBe(20);
      });

      it("keeps the order of many batches under way at once", async () => {
        const producer = new IdempotentProducer({ broker, maxBatchBytes: 300 });
        await producer.init();
        const expected: string[] = [];
        for (let i = 0; i < 500; i++) {
          producer.batch(topic, i % 3).append(i, null, Buffer.from(`v${i}`));
          if (i % 3 === 0) expected.push(`v${i}`);
        }
        await producer.flush();
        expect(await readAll(broker, topic, "read_uncommitted")).toEqual(expected);
        expect(producer.partition(topic, 0).nextOffset).toBe(expected.length);
      });
    });

    describe("transactions", () => {
      const transactional = async (name = id) => {
        const producer = new TransactionalProducer({ broker, transactionalId: name, transactionTimeoutMs: 10_000 });
        await producer.init();
        return producer;
      };
      const put = (producer: TransactionalProducer, value: string, partition = 0) =>
        producer.batch(topic, partition).append(1000, null, Buffer.from(value));

      it("shows records and offsets of a commit together, and nothing before", async () => {
        const producer = await transactional();
        producer.begin();
        put(producer, "a", 0);
        put(producer, "b", 1);
        producer.send([producer.partition(topic, 0), producer.partition(topic, 1)]);
        await produce(["plain"], {}, 0);
        expect(await readAll(broker, topic, "read_committed")).toEqual([]);
        expect(await readAll(broker, topic, "read_uncommitted")).toEqual(["a", "plain"]);
        producer.sendOffsets(group, [{ topic: input, partition: 0, offset: 42, metadata: "m" }]);
        expect((await broker.offsetFetch(group, [{ topic: input, partition: 0 }]))[0]!.offset).toBe(-1);
        await producer.commit();
        await expect.poll(() => readAll(broker, topic, "read_committed"), soon).toEqual(["a", "plain"]);
        await expect.poll(() => readAll(broker, topic, "read_committed", 1), soon).toEqual(["b"]);
        await expect
          .poll(async () => (await broker.offsetFetch(group, [{ topic: input, partition: 0 }]))[0], soon)
          .toMatchObject({ offset: 42, metadata: "m" });
      });

      it("never shows an aborted transaction, and forgets its offsets", async () => {
        const producer = await transactional();
        for (const [value, commit] of [
          ["a", false],
          ["b", true],
          ["c", false],
          ["d", false],
          ["e", true],
        ] as const) {
          producer.begin();
          put(producer, value);
          producer.send([producer.partition(topic, 0)]);
          producer.sendOffsets(group, [{ topic: input, partition: 0, offset: value.charCodeAt(0) }]);
          await (commit ? producer.commit() : producer.abort());
        }
        await expect.poll(() => readAll(broker, topic, "read_committed"), soon).toEqual(["b", "e"]);
        expect(await readAll(broker, topic, "read_uncommitted")).toEqual(["a", "b", "c", "d", "e"]);
        expect((await broker.offsetFetch(group))[0]!.offset).toBe("e".charCodeAt(0));
      });

      it("wakes a read_committed fetch with the commit, not with the append", async () => {
        const producer = await transactional();
        producer.begin();
        let woken = false;
        const waiting = fetchOne(0, "read_committed", 30_000).then((r) => {
          woken = true;
          return r;
        });
        put(producer, "a");
        producer.send([producer.partition(topic, 0)]);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(woken).toBe(false);
        await producer.commit();
        expect((await waiting).batches.length).toBeGreaterThan(0);
      });

      it("holds the last stable offset at the oldest open transaction", async () => {
        const one = await transactional("one");
        const two = await transactional("two");
        one.begin();
        two.begin();
        put(one, "one");
        one.send([one.partition(topic, 0)]);
        put(two, "two");
        await two.commit();
        const at = await fetchOne(0, "read_committed");
        expect(at).toMatchObject({ lastStableOffset: 0 });
        expect(at.batches).toHaveLength(0);
        const [latest] = await broker.listOffsets({
          partitions: [{ topic, partition: 0, timestamp: "latest" }],
          isolation: "read_committed",
        });
        expect(latest!.offset).toBe(0);
        await one.abort();
        await expect.poll(() => readAll(broker, topic, "read_committed"), soon).toEqual(["two"]);
      });

      it("fences an older producer of the same id in everything that it does", async () => {
        const old = await transactional();
        old.begin();
        put(old, "old");
        old.send([old.partition(topic, 0)]);
        const txn: Txn = old.identity;
        const young = await transactional();
        const zombie = { producerId: txn.producerId, producerEpoch: txn.producerEpoch };
        expect(await errorName(produce(["zombie"], { ...zombie, baseSequence: 1, transactional: true }))).toBe("INVALID_PRODUCER_EPOCH");
        expect(await errorName(broker.addPartitionsToTxn(txn, [{ topic, partition: 0 }]))).toBe("PRODUCER_FENCED");
        expect(await errorName(broker.txnOffsetCommit(txn, group, [{ topic: input, partition: 0, offset: 1 }]))).toBe("PRODUCER_FENCED");
        expect(await errorName(broker.endTxn(txn, true))).toBe("PRODUCER_FENCED");
        expect(await errorName(broker.initProducerId({ transactionalId: id, ...zombie }))).toBe("PRODUCER_FENCED");
        young.begin();
        put(young, "young");
        await young.commit();
        await expect.poll(() => readAll(broker, topic, "read_committed"), soon).toEqual(["young"]);
      });

      it("never lets a fenced producer take over again by aborting", async () => {
        const old = await transactional();
        old.begin();
        put(old, "old");
        const young = await transactional();
        expect(await errorName(old.commit())).toBe("INVALID_PRODUCER_EPOCH");
        expect(await errorName(old.abort())).toBe("PRODUCER_FENCED");
        young.begin();
        put(young, "young");
        await young.commit();
        await expect.poll(() => readAll(broker, topic, "read_committed"), soon).toEqual(["young"]);
      });

      it("answers a repeated end, and refuses one that does not fit", async () => {
        const producer = await transactional();
        const txn = () => producer.identity;
        expect(await errorName(broker.endTxn(txn(), true))).toBe("INVALID_TXN_STATE");
        producer.begin();
        put(producer, "a");
        await producer.commit();
        await broker.endTxn(txn(), true);
        expect(await errorName(broker.endTxn(txn(), false))).toBe("INVALID_TXN_STATE");
        expect(await errorName(broker.endTxn({ ...txn(), producerId: 999_999 }, true))).toBe("INVALID_PRODUCER_ID_MAPPING");
        expect(await errorName(broker.endTxn({ ...txn(), transactionalId: "other" }, true))).toBe("INVALID_PRODUCER_ID_MAPPING");
      });

      it("commits many transactions at the same time", async () => {
        const producers = await Promise.all(Array.from({ length: 8 }, (_, i) => transactional(`${id}${i}`)));
        await Promise.all(
          producers.map(async (producer, i) => {
            for (let n = 0; n < 20; n++) {
              producer.begin();
              for (const partition of [0, 1, 2]) put(producer, `${i}:${n}`, partition);
              producer.sendOffsets(`${group}${i}`, [{ topic: input, partition: 0, offset: n + 1 }]);
              await (n % 5 === 4 ? producer.abort() : producer.commit());
            }
          }),
        );
        for (const partition of [0, 1, 2]) {
          const values = await readAll(broker, topic, "read_committed", partition);
          expect(values).toHaveLength(8 * 16);
          const ofThree = values.filter((v) => v.startsWith("3:")).map((v) => Number(v.slice(2)));
          expect(ofThree).toEqual([...ofThree].sort((a, b) => a - b));
        }
        expect((await broker.offsetFetch(`${group}3`))[0]!.offset).toBe(19);
      });

      it("goes on after an abort that follows a refused batch", async () => {
        const producer = await transactional();
        await broker.alterTopicConfig(topic, { "max.message.bytes": "300" });
        producer.begin();
        put(producer, "x".repeat(500));
        expect(await errorName(producer.commit())).toBe("MESSAGE_TOO_LARGE");
        await producer.abort();
        producer.begin();
        put(producer, "small");
        await producer.commit();
        await expect.poll(() => readAll(broker, topic, "read_committed"), soon).toEqual(["small"]);
      });

      it("keeps unstable offsets from those who ask for stable ones", async () => {
        const producer = await transactional();
        await broker.offsetCommit(group, [{ topic: input, partition: 0, offset: 1 }]);
        producer.begin();
        await broker.txnOffsetCommit(producer.identity, group, [{ topic: input, partition: 0, offset: 5 }]);
        const asked = [{ topic: input, partition: 0 }];
        expect(await errorName(broker.offsetFetch(group, asked, { requireStable: true }))).toBe("UNSTABLE_OFFSET_COMMIT");
        expect((await broker.offsetFetch(group, asked))[0]!.offset).toBe(1);
        await broker.endTxn(producer.identity, true);
        await expect
          .poll(async () => (await broker.offsetFetch(group, asked, { requireStable: true }).catch(() => []))[0]?.offset, soon)
          .toBe(5);
      });

      movable(moved)("aborts an abandoned transaction and fences its producer", async () => {
        const producer = await transactional();
        producer.begin();
        put(producer, "a");
        producer.send([producer.partition(topic, 0)]);
        await fixture.advance!(9_000);
        expect((await fetchOne(0, "read_committed")).lastStableOffset).toBe(0);
        await fixture.advance!(2_000);
        expect((await fetchOne(0, "read_committed")).lastStableOffset).toBeGreaterThan(0);
        expect(await errorName(producer.commit())).toBe("PRODUCER_FENCED");
        expect(await readAll(broker, topic, "read_committed")).toEqual([]);
      });
    });

    describe("committed offsets", () => {
      it("keeps the last commit of each partition and says -1 for others", async () => {
        await broker.offsetCommit(group, [
          { topic: input, partition: 0, offset: 5 },
          { topic: input, partition: 1, offset: 6 },
        ]);
        await broker.offsetCommit(group, [{ topic: input, partition: 0, offset: 7 }]);
        expect(await broker.offsetFetch(group, [{ topic: input, partition: 2 }])).toMatchObject([{ offset: -1 }]);
        expect((await broker.offsetFetch(group)).map((o) => [o.partition, o.offset]).sort()).toEqual([
          [0, 7],
          [1, 6],
        ]);
        await broker.offsetDelete(group, [{ topic: input, partition: 1 }]);
        expect((await broker.offsetFetch(group)).map((o) => o.partition)).toEqual([0]);
        expect((await broker.listGroups()).filter((g) => g.groupId === group)).toEqual([
          { groupId: group, state: "Empty", protocolType: "" },
        ]);
        await broker.deleteGroups([group]);
        expect(await broker.offsetFetch(group)).toEqual([]);
        expect(await errorName(broker.deleteGroups([group]))).toBe("GROUP_ID_NOT_FOUND");
      });
    });
  });
}
