import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BrokerError } from "../../src/broker/api/errors.js";
import { TransactionalProducer } from "../../src/broker/api/producer.js";
import { PartitionReader } from "../../src/broker/api/reader.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";
import { type BrokerFixture, encodeBatch, readAll } from "./broker.js";

const producers = 3;
const partitions = 2;

type Step =
  | { do: "put"; producer: number; partition: number; send: boolean }
  | { do: "offset"; producer: number }
  | { do: "end"; producer: number; commit: boolean }
  | { do: "replace"; producer: number }
  | { do: "plain"; partition: number }
  | { do: "poll" }
  | { do: "reopen" };

const producer = fc.integer({ min: 0, max: producers - 1 });
const partition = fc.integer({ min: 0, max: partitions - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("put" as const), producer, partition, send: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("offset" as const), producer }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("end" as const), producer, commit: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replace" as const), producer }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("plain" as const), partition }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("poll" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
);

/** What one transactional id has under way, by the oracle. */
interface Expected {
  open: boolean;
  values: { partition: number; value: string }[];
  offset: number | undefined;
}

/**
 * Random interleavings of transactions, fencing and plain records against a recomputation: at the end read_committed holds what was
 * committed and nothing else, and a reader that polled all along has seen the same, once and in the log's order.
 */
export function brokerTraces(name: string, open: () => Promise<BrokerFixture & { reopen?: () => Promise<BrokerFixture> }>): void {
  describe(`${name}: random traces`, () => {
    it("shows exactly what was committed", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
          let fixture = await open();
          try {
            let { broker } = fixture;
            await broker.createTopics([{ name: "t", partitions }]);
            const make = (i: number) => new TransactionalProducer({ broker, transactionalId: `p${i}` });
            let live = Array.from({ length: producers }, (_, i) => make(i));
            for (const p of live) await p.init();
            const expected: Expected[] = live.map(() => ({ open: false, values: [], offset: undefined }));
            const committed = Array.from({ length: partitions }, () => new Set<string>());
            const offsets = new Map<string, number>();
            const zombies: TransactionalProducer[] = [];
            let reader = new PartitionReader({ broker, maxPartitionBytes: 200 });
            for (let p = 0; p < partitions; p++) reader.seek("t", p, 0);
            const polled = Array.from({ length: partitions }, (): string[] => []);
            const poll = async () => {
              const cursor = new RecordCursor();
              const got = await reader.poll(0);
              for (const { partition: p, batches, from } of got)
                for (const b of batches) {
                  cursor.open(b);
                  while (cursor.next())
                    if (cursor.offset >= from) polled[p]!.push(cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd));
                }
              return got.length > 0;
            };
            let n = 0;
            const begin = (i: number) => {
              if (!expected[i]!.open) live[i]!.begin();
              expected[i]!.open = true;
            };
            const drop = (i: number) => (expected[i] = { open: false, values: [], offset: undefined });
            for (const s of steps) {
              const value = `v${n++}`;
              if (s.do === "put") {
                begin(s.producer);
                live[s.producer]!.batch("t", s.partition).append(1, null, Buffer.from(value));
                if (s.send) live[s.producer]!.send([live[s.producer]!.partition("t", s.partition)]);
                expected[s.producer]!.values.push({ partition: s.partition, value });
              } else if (s.do === "offset") {
                begin(s.producer);
                live[s.producer]!.sendOffsets(`g${s.producer}`, [{ topic: "in", partition: 0, offset: n }]);
                expected[s.producer]!.offset = n;
              } else if (s.do === "end" && expected[s.producer]!.open) {
                const e = expected[s.producer]!;
                await (s.commit ? live[s.producer]!.commit() : live[s.producer]!.abort());
                if (s.commit) {
                  for (const v of e.values) committed[v.partition]!.add(v.value);
                  if (e.offset !== undefined) offsets.set(`g${s.producer}`, e.offset);
                }
                drop(s.producer);
              } else if (s.do === "replace") {
                if (expected[s.producer]!.open) zombies.push(live[s.producer]!);
                live[s.producer] = make(s.producer);
                await live[s.producer]!.init();
                drop(s.producer);
              } else if (s.do === "plain") {
                const [r] = await broker.produce({
                  acks: "leader",
                  batches: [{ topic: "t", partition: s.partition, batch: encodeBatch([value]) }],
                });
                expect(r!.error).toBeUndefined();
                committed[s.partition]!.add(value);
              } else if (s.do === "poll") await poll();
              else if (s.do === "reopen" && fixture.reopen) {
                const positions = Array.from({ length: partitions }, (_, p) => reader.position("t", p)!);
                fixture = await fixture.reopen();
                broker = fixture.broker;
                live = live.map((_, i) => make(i));
                for (const [i, p] of live.entries()) {
                  await p.init();
                  drop(i);
                }
                zombies.length = 0;
                reader = new PartitionReader({ broker, maxPartitionBytes: 200 });
                for (const [p, offset] of positions.entries()) reader.seek("t", p, offset);
              }
            }
            // A zombie that had something to say is refused; one that had nothing never asks.
            for (const z of zombies)
              await z.commit().catch((error: BrokerError) => expect(["PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"]).toContain(error.kafka));
            for (const [i, p] of live.entries()) if (expected[i]!.open) await p.abort();
            while (await poll());
            for (let p = 0; p < partitions; p++) {
              const values = await readAll(broker, "t", "read_committed", p);
              expect([...values].sort()).toEqual([...committed[p]!].sort());
              expect(polled[p]).toEqual(values);
            }
            for (let i = 0; i < producers; i++)
              expect((await broker.offsetFetch(`g${i}`, [{ topic: "in", partition: 0 }]))[0]!.offset).toBe(offsets.get(`g${i}`) ?? -1);
          } finally {
            await fixture.close();
          }
        }),
        {
          numRuns: 60,
          // A stop while a produce waits for its log to open left a transaction that nobody could end.
          examples: [[[{ do: "put", producer: 0, partition: 0, send: true }, { do: "reopen" }, { do: "plain", partition: 0 }]]],
        },
      );
    });
  });
}
