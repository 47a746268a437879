import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Service } from "../../src/embed/service.js";
import { TopicProducer } from "../../src/embed/topic-producer.js";
import { KafkaBroker } from "../../src/kafka/kafka-broker.js";
import { serdes } from "../../src/serde/serdes.js";
import { StreamsBuilder } from "../../src/streams/dsl/streams-builder.js";
import { TimeWindows, type Windowed } from "../../src/streams/dsl/windows.js";
import { MillraceProcess } from "../main/process.js";

interface Order {
  readonly id: number;
  readonly customer: number;
  readonly quantity: number;
}
const order = serdes.avro<Order>({
  type: "record",
  name: "Order",
  namespace: "shop",
  fields: [
    { name: "id", type: "int" },
    { name: "customer", type: "int" },
    { name: "quantity", type: "int" },
  ],
});
interface Total {
  readonly orders: number;
  readonly quantity: number;
}
const total = serdes.avro<Total>({
  type: "record",
  name: "Total",
  fields: [
    { name: "orders", type: "long" },
    { name: "quantity", type: "long" },
  ],
});

const dir = mkdtempSync(join(tmpdir(), "millrace-service-"));
let millrace: MillraceProcess;
let broker: KafkaBroker;
let connection: { "bootstrap.servers": string; "schema.registry.url": string; "state.dir": string; "log.level": "error" };

beforeAll(async () => {
  const services = join(dir, "services");
  mkdirSync(services);
  writeFileSync(
    join(services, "labels.mjs"),
    `import { Service, StreamsBuilder, serdes } from "millrace/streams";
const topology = new StreamsBuilder();
topology.stream("names", { key: serdes.string, value: serdes.string }).mapValues((name) => name.toUpperCase(), serdes.string).to("labels");
await new Service({ "application.id": "labels", topology }).start();`,
  );
  writeFileSync(join(services, "broken.mjs"), `throw new Error("no such luck");`);
  millrace = await MillraceProcess.start(join(dir, "data"), ["--services", services]);
  broker = await KafkaBroker.open({ bootstrapServers: [`127.0.0.1:${millrace.ports.kafka}`] });
  connection = {
    "bootstrap.servers": `127.0.0.1:${millrace.ports.kafka}`,
    "schema.registry.url": `http://127.0.0.1:${millrace.ports.registry}`,
    "state.dir": join(dir, "state"),
    "log.level": "error",
  };
});

afterAll(async () => {
  await broker?.close();
  await millrace?.stop();
  rmSync(dir, { recursive: true, force: true });
});

function totals(): StreamsBuilder {
  const builder = new StreamsBuilder();
  const customers = builder.globalTable("customers", { key: serdes.int, value: serdes.string, store: "customers" });
  const named = builder
    .stream("orders", { key: serdes.int, value: order })
    .filter((_id, { quantity }) => {
      if (quantity > 1_000_000) throw new Error("too many");
      return quantity > 0;
    })
    .join(
      customers,
      (_id, { customer }) => customer,
      ({ quantity }, name) => ({ quantity, name }),
    );
  const grouped = named.groupBy((_id, { name }) => name, { name: "by-name", key: serdes.string, value: serdes.json() });
  grouped
    .aggregate(
      () => ({ orders: 0, quantity: 0 }),
      (_name, { quantity }, sum) => ({ orders: sum.orders + 1, quantity: sum.quantity + quantity }),
      { store: "totals", value: total },
    )
    .toStream()
    .to("totals");
  grouped.windowedBy(TimeWindows.ofSizeWithNoGrace(1000)).count({ store: "per-second" });
  return builder;
}

describe("a service as a process of its own", () => {
  it("reads, joins, aggregates, answers queries, goes on where it stopped and sets aside what its functions throw on", async () => {
    const customers = await TopicProducer.open({ ...connection, topic: "customers", key: serdes.int, value: serdes.string, partitions: 3 });
    for (const [id, name] of ["ann", "bob"].entries()) await customers.send(id, name);
    await customers.close();
    const orders = await TopicProducer.open({ ...connection, topic: "orders", key: serdes.int, value: order, partitions: 2 });
    const send = async (from: number, count: number) => {
      for (let id = from; id < from + count; id++)
        await orders.send(id, { id, customer: id % 2, quantity: id % 10 }, { timestamp: 1000 + id });
      await orders.flush();
    };
    await send(0, 100);
    const config = {
      ...connection,
      "application.id": "order-totals",
      "errors.dead.letter.queue.topic.name": "order-totals-errors",
    };
    let service = await new Service({ ...config, topology: totals() }).start();
    await service.drained();
    const stored = () => new Map(service.store<string, Total>("totals").all());
    expect(stored()).toEqual(
      new Map([
        ["ann", { orders: 40, quantity: 200 }],
        ["bob", { orders: 50, quantity: 250 }],
      ]),
    );
    expect(service.store<string, Total>("totals").range("b", "c")).toEqual([["bob", { orders: 50, quantity: 250 }]]);
    expect(service.store<number, string>("customers").get(1)).toBe("bob");
    expect(service.store<Windowed<string>, number>("per-second").fetch("ann", 0, 5000)).toEqual([
      [{ key: "ann", window: { start: 1000, end: 2000 } }, 40],
    ]);
    await service.close();
    expect(service.state).toBe("CLOSED");

    await orders.send(5_000, { id: 5_000, customer: 0, quantity: 2_000_000 }, { timestamp: 1000 });
    await send(100, 10);
    service = await new Service({ ...config, topology: totals() }).start();
    await service.drained();
    expect(stored().get("ann")).toEqual({ orders: 44, quantity: 220 });
    expect((await service.stats())!.badRecords).toBe(1);
    await service.close();
    await orders.close();
    const [set] = await broker.listOffsets({ partitions: [{ topic: "order-totals-errors", partition: 0, timestamp: "latest" }] });
    expect(set!.offset).toBe(1);
  });

  it("stops on what its functions throw where it is told to, and says so", async () => {
    const topology = new StreamsBuilder();
    topology
      .stream("orders", { key: serdes.int, value: order })
      .peek(() => {
        throw new TypeError("cannot go on");
      })
      .to("nowhere");
    const failed = new Promise<Error>((resolve) => {
      const service = new Service({
        ...connection,
        "application.id": "strict",
        "processing.exception.handler": "fail",
        topology,
        onFailure: (error) => resolve(service.close().then(() => error)),
      });
      void service.start();
    });
    expect((await failed).message).toBe("cannot go on");
  });

  it("says what is wrong with its settings", async () => {
    const topology = new StreamsBuilder();
    topology.stream("a", { key: serdes.string, value: serdes.string }).to("b");
    await expect(new Service({ "application.id": "x", topology, "bootstrap.servers": "localhost" }).start()).rejects.toThrow(
      "bootstrap.servers: localhost is not host:port",
    );
  });
});

describe("a service inside", () => {
  it("waits for its topics, runs in this process, and a broken one beside it does not keep it from running", async () => {
    const names = await TopicProducer.open({ ...connection, topic: "names", key: serdes.string, value: serdes.string });
    await names.send("a", "ann");
    await names.close();
    await expect
      .poll(
        async () => {
          const [end] = await broker.listOffsets({ partitions: [{ topic: "labels", partition: 0, timestamp: "latest" }] });
          return end!.offset;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(0);
    const health = await millrace.call("console", "GET", "/health");
    expect(health.text).toContain("no such luck");
  });
});
