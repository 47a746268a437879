import { describe, expect, it } from "vitest";
import { serdes } from "../../../src/serde/serdes.js";
import { StreamsBuilder } from "../../../src/streams/dsl/streams-builder.js";
import { TopologyTestDriver } from "../../../src/testing/topology-test-driver.js";

interface Total {
  count: number;
  sum: number;
}
const numbers = { key: serdes.string, value: serdes.int };
const texts = { key: serdes.string, value: serdes.string };

describe("aggregates of streams", () => {
  it("counts, reduces and aggregates by key and by group", async () => {
    const builder = new StreamsBuilder();
    const stream = builder.stream("in", numbers);
    stream.groupByKey().count({ store: "counts" }).toStream().to("counts");
    stream
      .groupBy((_key, n) => (n % 2 === 0 ? "even" : "odd"), { name: "parity", key: serdes.string })
      .reduce((sum, n) => sum + n)
      .toStream()
      .to("sums");
    stream
      .groupByKey()
      .aggregate<Total>(
        () => ({ count: 0, sum: 0 }),
        (_key, n, total) => {
          total.count++;
          total.sum += n;
          return total;
        },
        { value: serdes.json<Total>() },
      )
      .toStream()
      .to("totals");
    const driver = await TopologyTestDriver.open(builder, { applicationId: "app" });
    const input = driver.input("in", numbers);
    for (const n of [1, 2, 3]) await input.pipe("k", n);
    await input.pipe(null, 9);
    expect(await driver.output("counts", { key: serdes.string, value: serdes.long }).pairs()).toEqual([
      ["k", 1],
      ["k", 2],
      ["k", 3],
    ]);
    expect(await driver.output("sums", numbers).pairs()).toEqual([
      ["odd", 1],
      ["even", 2],
      ["odd", 4],
      ["odd", 13],
    ]);
    expect(await driver.output("totals", { key: serdes.string, value: serdes.json<Total>() }).pairs()).toEqual([
      ["k", { count: 1, sum: 1 }],
      ["k", { count: 2, sum: 3 }],
      ["k", { count: 3, sum: 6 }],
    ]);
    expect(driver.store("counts")).toEqual(new Map([["k", 3]]));
    expect(await driver.output("app-parity-repartition", numbers).read()).toHaveLength(4);
  });

  it("makes one aggregate of several streams", async () => {
    const builder = new StreamsBuilder();
    const orders = builder.stream("orders", numbers).groupByKey();
    const returns = builder.stream("returns", texts).groupBy((_key, name) => name, { name: "by-name", key: serdes.string });
    orders
      .cogroup<Total>((_key, n, total) => ({ count: total.count + 1, sum: total.sum + n }))
      .cogroup(returns, (_key, _value, total) => ({ count: total.count - 1, sum: total.sum }))
      .aggregate(() => ({ count: 0, sum: 0 }), { store: "totals", value: serdes.json<Total>() })
      .toStream()
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    await driver.input("orders", numbers).pipe("ann", 3);
    await driver.input("returns", texts).pipe("r1", "ann");
    await driver.input("orders", numbers).pipe("ann", 4);
    expect(await driver.output("out", { key: serdes.string, value: serdes.json<Total>() }).pairs()).toEqual([
      ["ann", { count: 1, sum: 3 }],
      ["ann", { count: 0, sum: 3 }],
      ["ann", { count: 1, sum: 7 }],
    ]);
  });

  it("deletes a group whose aggregate becomes null", async () => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", numbers)
      .groupByKey()
      .aggregate<number>(
        () => 0,
        (_key, n, sum) => (n < 0 ? (null as never) : sum + n),
        { value: serdes.int, store: "sums" },
      )
      .toStream()
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    for (const n of [1, 2, -1, 5]) await driver.input("in", numbers).pipe("k", n);
    expect(await driver.output("out", numbers).pairs()).toEqual([
      ["k", 1],
      ["k", 3],
      ["k", null],
      ["k", 5],
    ]);
  });
});

describe("tables", () => {
  it("filter and map, with deletes where a row passes no more", async () => {
    const builder = new StreamsBuilder();
    const table = builder.table("in", { ...numbers, store: "in" });
    table
      .filter((_key, n) => n > 0)
      .mapValues((n) => `n${n}`, { value: serdes.string, store: "mapped" })
      .toStream()
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    const input = driver.input("in", numbers);
    for (const n of [1, -1, -2, 3, null]) await input.pipe("k", n);
    expect(await driver.output("out", texts).pairs()).toEqual([
      ["k", "n1"],
      ["k", null],
      ["k", "n3"],
      ["k", null],
    ]);
    expect(driver.store("mapped").size).toBe(0);
  });

  it("aggregate by another key and take back what has changed", async () => {
    interface Player {
      readonly team: string;
      readonly points: number;
    }
    const players = { key: serdes.string, value: serdes.json<Player>() };
    const builder = new StreamsBuilder();
    const grouped = builder
      .table("players", players)
      .groupBy((_name, { team, points }) => [team, points], { key: serdes.string, value: serdes.int, name: "teams" });
    grouped.count({ store: "counts" });
    grouped
      .reduce(
        (sum, n) => sum + n,
        (sum, n) => sum - n,
        { store: "sums" },
      )
      .toStream()
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    const input = driver.input("players", players);
    await input.pipe("ann", { team: "red", points: 3 });
    await input.pipe("bob", { team: "red", points: 4 });
    await input.pipe("ann", { team: "blue", points: 3 });
    await input.pipe("bob", { team: "red", points: 5 });
    await input.pipe("ann", null);
    expect(driver.store("sums")).toEqual(
      new Map([
        ["red", 5],
        ["blue", 0],
      ]),
    );
    expect(driver.store("counts")).toEqual(
      new Map([
        ["red", 1],
        ["blue", 0],
      ]),
    );
    expect(await driver.output("out", numbers).pairs()).toEqual([
      ["red", 3],
      ["red", 7],
      ["red", 4],
      ["blue", 3],
      ["red", 5],
      ["blue", 0],
    ]);
  });
});
