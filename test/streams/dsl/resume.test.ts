import { describe, expect, it } from "vitest";
import type { Broker } from "../../../src/broker/api/broker.js";
import { readToEnd } from "../../../src/broker/api/reader.js";
import { RecordBatchBuilder } from "../../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../../src/protocol/record-cursor.js";
import { serdes } from "../../../src/serde/serdes.js";
import { StreamsBuilder } from "../../../src/streams/dsl/streams-builder.js";
import { Suppressed } from "../../../src/streams/dsl/suppress.js";
import { TimeWindows } from "../../../src/streams/dsl/windows.js";
import type { QueryHandle } from "../../../src/streams/runtime/query.js";
import { startQuery } from "../../../src/streams/runtime/start-query.js";
import { MemoryRegistry } from "../../../src/testing/memory-registry.js";
import { openBroker, temporaryFolder } from "../on-broker.js";

interface Order {
  readonly customer: number;
  readonly quantity: number;
}
interface Total {
  readonly orders: number;
  readonly quantity: number;
}
const orderSerde = serdes.avro<Order>({
  type: "record",
  name: "Order",
  fields: [
    { name: "customer", type: "int" },
    { name: "quantity", type: "int" },
  ],
});
const totalSerde = serdes.avro<Total>({
  type: "record",
  name: "Total",
  fields: [
    { name: "orders", type: "long" },
    { name: "quantity", type: "long" },
  ],
});

/** A global join, totals by customer through a repartition topic, a foreign-key join of them, and closed windows. */
function topology(): StreamsBuilder {
  const builder = new StreamsBuilder();
  const names = builder.globalTable("names", { key: serdes.int, value: serdes.string, store: "names" });
  const cities = builder.table("cities", { key: serdes.string, value: serdes.string });
  const orders = builder.stream("orders", { key: serdes.int, value: orderSerde });
  orders
    .join(
      names,
      (_id, { customer }) => customer,
      ({ quantity }, name) => `${name}:${quantity}`,
      serdes.string,
    )
    .to("named");
  const totals = orders
    .groupBy((_id, { customer }) => customer, { name: "by-customer", key: serdes.int })
    .aggregate<Total>(
      () => ({ orders: 0, quantity: 0 }),
      (_key, { quantity }, sum) => ({ orders: sum.orders + 1, quantity: sum.quantity + quantity }),
      { store: "totals", value: totalSerde },
    );
  totals.join(
    cities,
    (_total, customer) => `city${customer % 2}`,
    (total, city) => `${city}:${total.orders}`,
    {
      store: "in-cities",
      value: serdes.string,
    },
  );
  // One partition: in the order of its records, so that none is late.
  builder
    .stream("clicks", { key: serdes.int, value: orderSerde })
    .groupBy((_id, { customer }) => customer % 3, { name: "by-third", key: serdes.int })
    .windowedBy(TimeWindows.ofSizeWithNoGrace(100))
    .count()
    .suppress(Suppressed.untilWindowCloses("closed"))
    .toStream(({ key, window }) => `${key}@${window.start}`, serdes.string)
    .to("windows", { value: serdes.long });
  return builder;
}

async function produce(broker: Broker, topic: string, records: readonly [Buffer, Buffer, number][], partition = 0): Promise<void> {
  const builder = new RecordBatchBuilder();
  for (const [key, value, timestamp] of records) builder.append(timestamp, key, value);
  const [result] = await broker.produce({ acks: "all", batches: [{ topic, partition, batch: builder.finish() }] });
  if (result!.error) throw result!.error;
}

async function records(broker: Broker, topic: string): Promise<[key: string, value: Buffer | null][]> {
  const found: [string, Buffer | null][] = [];
  const cursor = new RecordCursor();
  await readToEnd(broker, topic, "read_committed", (batch) => {
    cursor.open(batch);
    const { bytes } = cursor;
    while (cursor.next()) {
      const value = cursor.valueStart < 0 ? null : Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd));
      found.push([bytes.toString("latin1", cursor.keyStart, cursor.keyEnd), value]);
    }
  });
  return found;
}

const int = (n: number) => {
  const b = Buffer.alloc(4);
  b.writeInt32BE(n);
  return b;
};

describe("a service that is fenced by its successor in the middle of its work, over and over", () => {
  it.each([true, false])(
    "gives each result once, with snapshots: %s",
    async (snapshots) => {
      const folder = await temporaryFolder();
      const broker = await openBroker(folder.path);
      const registry = new MemoryRegistry();
      const started: QueryHandle[] = [];
      const start = async () => {
        const { topology: built, bind } = topology().build();
        await bind({ applicationId: "app", services: { registry }, coalesce: true });
        const handle = await startQuery({
          topology: built,
          applicationId: "app",
          broker,
          ...(snapshots ? { stateDir: folder.path } : {}),
          properties: { "commit.interval.ms": "2", "state.snapshot.bytes": "1000" },
        });
        started.push(handle);
        return handle;
      };
      try {
        await broker.createTopics([
          { name: "orders", partitions: 2 },
          ...["names", "named", "windows", "clicks"].map((name) => ({ name, partitions: 1 })),
          { name: "cities", partitions: 2 },
        ]);
        await produce(
          broker,
          "names",
          [0, 1, 2, 3, 4].map((i) => [int(i), Buffer.from(`n${i}`), 0]),
        );
        for (const partition of [0, 1])
          await produce(
            broker,
            "cities",
            [0, 1].map((i) => [Buffer.from(`city${i}`), Buffer.from(`C${i}`), 0]),
            partition,
          );
        const open = orderSerde.open({ topic: "orders", isKey: false, registry });
        await open.prepareWrite!();
        const { ByteWriter } = await import("../../../src/serde/byte-writer.js");
        const writer = new ByteWriter();
        const orders = Array.from({ length: 3_000 }, (_, id) => ({ customer: (id * 7) % 5, quantity: id % 11, time: Math.floor(id / 4) }));
        const encoded = orders.map((order, id): [Buffer, Buffer, number] => {
          open.serialize(order, writer);
          return [int(id), writer.take(), order.time];
        });
        for (let from = 0; from < encoded.length; from += 500) {
          const part = encoded.slice(from, from + 500);
          await produce(broker, "clicks", part);
          await produce(
            broker,
            "orders",
            part.filter((_, i) => i % 2 === 0),
            0,
          );
          await produce(
            broker,
            "orders",
            part.filter((_, i) => i % 2 === 1),
            1,
          );
          await start();
          await new Promise((resolve) => setTimeout(resolve, (from * 7919) % 30));
        }
        const last = await start();
        await last.drained();

        const totals = new Map<number, Total>();
        const windows = new Map<string, number>();
        for (const { customer, quantity, time } of orders) {
          const { orders: n, quantity: sum } = totals.get(customer) ?? { orders: 0, quantity: 0 };
          totals.set(customer, { orders: n + 1, quantity: sum + quantity });
          const window = `${customer % 3}@${Math.floor(time / 100) * 100}`;
          windows.set(window, (windows.get(window) ?? 0) + 1);
        }
        expect(new Map([...last.store("totals").scan()].map(({ row }) => [row[0], row[1]]))).toEqual(totals);
        expect(new Map([...last.store("in-cities").scan()].map(({ row }) => [row[0], row[1]]))).toEqual(
          new Map([...totals].map(([customer, { orders: n }]) => [customer, `C${customer % 2}:${n}`])),
        );
        const named = await records(broker, "named");
        expect(named).toHaveLength(orders.length);
        expect(new Set(named.map(([key]) => key)).size).toBe(orders.length);
        const closed = await records(broker, "windows");
        // Each window once; the last ones are open until a later record closes them.
        expect(new Set(closed.map(([key]) => key)).size).toBe(closed.length);
        for (const [window, count] of closed) expect([window, Number(count!.readBigInt64BE())]).toEqual([window, windows.get(window)]);
        expect(closed.length).toBeGreaterThanOrEqual(windows.size - 6);
        // One that was through with its work when its successor came learns of it with its next commit.
        await produce(broker, "clicks", encoded.slice(-1));
        await expect.poll(() => started.slice(0, -1).filter(({ state }) => state === "RUNNING").length).toBe(0);
      } finally {
        for (const handle of started) await handle.close().catch(() => {});
        await broker.close();
        await folder.remove();
      }
    },
    60_000,
  );
});
