import { describe, expect, it } from "vitest";
import { serdes } from "../../../src/serde/serdes.js";
import { StreamsBuilder } from "../../../src/streams/dsl/streams-builder.js";
import { TopologyTestDriver } from "../../../src/testing/topology-test-driver.js";

interface Order {
  readonly id: number;
  readonly customer: string;
  readonly quantity: number;
}

const orders = { key: serdes.string, value: serdes.json<Order>() };
const text = { key: serdes.string, value: serdes.string };
const order = (id: number, customer: string, quantity: number): Order => ({ id, customer, quantity });

describe("stateless operations", () => {
  it("filters, maps values and looks", async () => {
    const builder = new StreamsBuilder();
    const seen: number[] = [];
    builder
      .stream("orders", orders)
      .filter((_key, { quantity }) => quantity > 0)
      .filterNot((_key, { customer }) => customer === "nobody")
      .peek((_key, { id }) => seen.push(id))
      .mapValues(({ id, customer }) => `${id} of ${customer}`, serdes.string)
      .to("texts");
    const driver = await TopologyTestDriver.open(builder);
    const input = driver.input("orders", orders);
    await input.pipe("a", order(1, "ann", 2));
    await input.pipe("b", order(2, "bob", 0));
    await input.pipe("c", order(3, "nobody", 1));
    await input.pipe(null, order(4, "cy", 1), 77);
    expect(await driver.output("texts", text).read()).toEqual([
      { key: "a", value: "1 of ann", timestamp: 0, headers: [] },
      { key: null, value: "4 of cy", timestamp: 77, headers: [] },
    ]);
    expect(seen).toEqual([1, 4]);
  });

  it("maps, flat-maps and selects keys", async () => {
    const builder = new StreamsBuilder();
    const from = builder.stream("orders", orders);
    from.map((_key, o) => [o.customer, o.quantity], { key: serdes.string, value: serdes.int }).to("map");
    from
      .flatMap((_key, o) => Array.from({ length: o.quantity }, (_, i) => [o.id, i] as const))
      .to("flat-map", { key: serdes.int, value: serdes.int });
    from.flatMapValues(({ customer }) => customer).to("letters", text);
    from.selectKey((_key, o) => o.id).to("by-id", { key: serdes.int, value: orders.value });
    const driver = await TopologyTestDriver.open(builder);
    await driver.input("orders", orders).pipe("k", order(7, "xy", 2));
    expect(await driver.output("map", { key: serdes.string, value: serdes.int }).pairs()).toEqual([["xy", 2]]);
    expect(await driver.output("flat-map", { key: serdes.int, value: serdes.int }).pairs()).toEqual([
      [7, 0],
      [7, 1],
    ]);
    expect(await driver.output("letters", text).pairs()).toEqual([
      ["k", "x"],
      ["k", "y"],
    ]);
    expect(await driver.output("by-id", { key: serdes.int, value: orders.value }).pairs()).toEqual([[7, order(7, "xy", 2)]]);
  });

  it("splits into named branches, each record into the first that it fits, and merges", async () => {
    const builder = new StreamsBuilder();
    const {
      large,
      small,
      default: none,
    } = builder.stream("orders", orders).split({
      large: (_key, o) => o.quantity >= 10,
      small: (_key, o) => o.quantity > 0,
    });
    large.to("large");
    none.to("none");
    large.merge(small).to("some");
    const driver = await TopologyTestDriver.open(builder);
    const input = driver.input("orders", orders);
    for (const quantity of [10, 3, 0]) await input.pipe("k", order(quantity, "c", quantity));
    const ids = async (topic: string) => (await driver.output(topic, orders).pairs()).map(([, o]) => o!.id);
    expect(await ids("large")).toEqual([10]);
    expect(await ids("none")).toEqual([0]);
    expect(await ids("some")).toEqual([10, 3]);
  });

  it("leaves out records without a value unless they are asked for", async () => {
    const builder = new StreamsBuilder();
    builder.stream("orders", orders).to("values");
    builder.stream("deletes", { ...orders, tombstones: true }).to("all");
    const driver = await TopologyTestDriver.open(builder);
    await driver.input("orders", orders).pipe("k", null);
    await driver.input("deletes", orders).pipe("k", null);
    expect(await driver.output("values", orders).read()).toEqual([]);
    expect(await driver.output("all", orders).pairs()).toEqual([["k", null]]);
  });

  it("goes through named topics", async () => {
    const builder = new StreamsBuilder();
    builder
      .stream("orders", orders)
      .selectKey((_key, o) => o.customer, serdes.string)
      .repartition({ name: "by-customer", partitions: 3 })
      .through("audit")
      .to("out");
    const driver = await TopologyTestDriver.open(builder, { applicationId: "app" });
    await driver.input("orders", orders).pipe("k", order(1, "ann", 1));
    expect(await driver.output("app-by-customer-repartition", orders).pairs()).toEqual([["ann", order(1, "ann", 1)]]);
    expect(await driver.output("audit", orders).pairs()).toEqual([["ann", order(1, "ann", 1)]]);
    expect(await driver.output("out", orders).pairs()).toEqual([["ann", order(1, "ann", 1)]]);
  });

  it("says which serde is missing where", () => {
    const builder = new StreamsBuilder();
    const mapped = builder.stream("orders", orders).mapValues(({ id }) => id);
    expect(() => mapped.to("ids")).toThrow("to ids needs the serde of value: give { value }");
  });

  it("takes a record's time from its value", async () => {
    const builder = new StreamsBuilder();
    builder.stream("orders", { ...orders, timestamp: (o) => o.id * 1000 }).to("out");
    const driver = await TopologyTestDriver.open(builder);
    await driver.input("orders", orders).pipe("k", order(5, "c", 1));
    await driver.input("orders", orders).pipe("k", order(-5, "c", 1));
    expect((await driver.output("out", orders).read()).map((r) => r.timestamp)).toEqual([5000]);
    expect(driver.setAside).toHaveLength(1);
  });

  it("describes the topology as Kafka Streams does", () => {
    const builder = new StreamsBuilder();
    builder
      .stream("orders", { ...orders, tombstones: true })
      .filter((_key, o) => o !== null)
      .to("out");
    expect(builder.describe()).toBe(`Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [orders])
      --> KSTREAM-FILTER-0000000001
    Processor: KSTREAM-FILTER-0000000001 (stores: [])
      --> KSTREAM-SINK-0000000002
      <-- KSTREAM-SOURCE-0000000000
    Sink: KSTREAM-SINK-0000000002 (topic: out)
      <-- KSTREAM-FILTER-0000000001
`);
  });
});
