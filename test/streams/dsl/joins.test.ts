import { describe, expect, it } from "vitest";
import { serdes } from "../../../src/serde/serdes.js";
import { StreamsBuilder } from "../../../src/streams/dsl/streams-builder.js";
import { JoinWindows } from "../../../src/streams/dsl/windows.js";
import { TopologyTestDriver } from "../../../src/testing/topology-test-driver.js";

const texts = { key: serdes.string, value: serdes.string };
const text = serdes.string;

describe("joins", () => {
  it("a stream with a global table by an id of its own", async () => {
    const builder = new StreamsBuilder();
    const customers = builder.globalTable("customers", { key: serdes.int, value: serdes.string, store: "customers" });
    const orders = builder.stream("orders", { key: serdes.string, value: serdes.int });
    orders
      .join(
        customers,
        (_key, id) => id,
        (id, name, key) => `${key} ${id} ${name}`,
        text,
      )
      .to("inner");
    orders
      .leftJoin(
        customers,
        (_key, id) => id,
        (id, name) => `${id} ${name}`,
        text,
      )
      .to("left");
    const driver = await TopologyTestDriver.open(builder);
    await driver.input("customers", { key: serdes.int, value: serdes.string }).pipe(1, "ann");
    const input = driver.input("orders", { key: serdes.string, value: serdes.int });
    await input.pipe("a", 1);
    await input.pipe("b", 2);
    expect(await driver.output("inner", texts).pairs()).toEqual([["a", "a 1 ann"]]);
    expect(await driver.output("left", texts).pairs()).toEqual([
      ["a", "1 ann"],
      ["b", "2 null"],
    ]);
    expect(driver.store("customers")).toEqual(new Map([[1, "ann"]]));
  });

  it("a stream with a table, re-partitioned where its key was changed", async () => {
    const builder = new StreamsBuilder();
    const table = builder.table("names", texts);
    const stream = builder.stream("in", texts).selectKey((_key, value) => value.slice(0, 1), text);
    stream.join(table, (value, name) => `${value} ${name}`, { value: text, name: "by-letter" }).to("inner", { value: text });
    stream.leftJoin(table, (value, name) => `${value} ${name}`, { value: text }).to("left", { value: text });
    const driver = await TopologyTestDriver.open(builder, { applicationId: "app" });
    await driver.input("names", texts).pipe("a", "ann");
    await driver.input("in", texts).pipe("x", "apple");
    await driver.input("in", texts).pipe("x", "bean");
    expect(await driver.output("inner", texts).pairs()).toEqual([["a", "apple ann"]]);
    expect(await driver.output("left", texts).pairs()).toEqual([
      ["a", "apple ann"],
      ["b", "bean null"],
    ]);
    expect(await driver.output("app-by-letter-repartition", texts).read()).toHaveLength(2);
  });

  it.each(["join", "leftJoin", "outerJoin"] as const)("tables with tables: %s", async (kind) => {
    const builder = new StreamsBuilder();
    const [left, right] = [builder.table("left", texts), builder.table("right", texts)];
    const joiner = (a: string | null, b: string | null) => `${a}+${b}`;
    const kept = { value: text, store: "joined" };
    const joins = {
      join: () => left.join(right, joiner, kept),
      leftJoin: () => left.leftJoin(right, joiner, kept),
      outerJoin: () => left.outerJoin(right, joiner, kept),
    };
    joins[kind]().toStream().to("out");
    const driver = await TopologyTestDriver.open(builder);
    const [l, r] = [driver.input("left", texts), driver.input("right", texts)];
    await l.pipe("k", "l1");
    await r.pipe("k", "r1");
    await r.pipe("only", "r2");
    await l.pipe("k", null);
    const all: [string, string | null][] = [
      ["k", "l1+null"],
      ["k", "l1+r1"],
      ["only", "null+r2"],
      ["k", kind === "outerJoin" ? "null+r1" : null],
    ];
    const wanted = { join: [all[1], all[3]], leftJoin: [all[0], all[1], all[3]], outerJoin: all };
    expect(await driver.output("out", texts).pairs()).toEqual(wanted[kind]);
  });

  it("tables by a foreign key, with an aggregate that takes joined rows back", async () => {
    interface Order {
      readonly customer: string;
      readonly quantity: number;
    }
    const orders = { key: serdes.int, value: serdes.json<Order>() };
    const builder = new StreamsBuilder();
    const customers = builder.table("customers", texts);
    const joined = builder.table("orders", orders).join(
      customers,
      ({ customer }) => customer,
      ({ quantity }, city) => ({ city, quantity }),
      {
        store: "joined",
        value: serdes.json<{ city: string; quantity: number }>(),
      },
    );
    joined
      .groupBy((_id, { city, quantity }) => [city, quantity], { key: text, value: serdes.int })
      .reduce(
        (sum, n) => sum + n,
        (sum, n) => sum - n,
        { store: "cities" },
      );
    const driver = await TopologyTestDriver.open(builder);
    await driver.input("customers", texts).pipe("ann", "Rome");
    await driver.input("customers", texts).pipe("bob", "Bonn");
    const input = driver.input("orders", orders);
    await input.pipe(1, { customer: "ann", quantity: 2 });
    await input.pipe(2, { customer: "bob", quantity: 3 });
    await input.pipe(3, { customer: "nobody", quantity: 4 });
    expect(driver.store("joined")).toEqual(
      new Map([
        [1, { city: "Rome", quantity: 2 }],
        [2, { city: "Bonn", quantity: 3 }],
      ]),
    );
    await driver.input("customers", texts).pipe("ann", "Bonn");
    await input.pipe(2, { customer: "ann", quantity: 5 });
    expect(driver.store("cities")).toEqual(
      new Map([
        ["Rome", 0],
        ["Bonn", 7],
      ]),
    );
  });

  it("streams with streams within a window, and what had no match when it has closed", async () => {
    const builder = new StreamsBuilder();
    const [left, right] = [builder.stream("a", texts), builder.stream("b", texts)];
    const windows = JoinWindows.ofTimeDifferenceAndGrace(10, 5);
    const joiner = (a: string | null, b: string | null) => `${a}+${b}`;
    left.join(right, joiner, windows).to("inner", { value: text });
    left.leftJoin(right, joiner, windows).to("left", { value: text });
    left.outerJoin(right, joiner, windows, { name: "both" }).to("outer", { value: text });
    const driver = await TopologyTestDriver.open(builder);
    const [l, r] = [driver.input("a", texts), driver.input("b", texts)];
    await l.pipe("k", "a", 100);
    await r.pipe("k", "b", 110);
    await r.pipe("k", "c", 111);
    await l.pipe("other", "d", 200);
    expect(await driver.output("inner", texts).pairs()).toEqual([["k", "a+b"]]);
    expect(await driver.output("left", texts).pairs()).toEqual([["k", "a+b"]]);
    expect(await driver.output("outer", texts).pairs()).toEqual([
      ["k", "a+b"],
      ["k", "null+c"],
    ]);
    await l.pipe("other", "e", 300);
    expect(await driver.output("left", texts).pairs()).toEqual([["other", "d+null"]]);
  });
});
