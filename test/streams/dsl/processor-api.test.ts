import { describe, expect, it } from "vitest";
import { serdes } from "../../../src/serde/serdes.js";
import type { Processor, ProcessorContext } from "../../../src/streams/dsl/processor-api.js";
import { StreamsBuilder } from "../../../src/streams/dsl/streams-builder.js";
import { TopologyTestDriver } from "../../../src/testing/topology-test-driver.js";

const numbers = { key: serdes.string, value: serdes.int };

/** Sums by key, told every 100 ms. */
class Sums implements Processor<string, number> {
  private context!: ProcessorContext<string, number>;
  constructor(private readonly type: "stream-time" | "wall-clock") {}
  init(context: ProcessorContext<string, number>): void {
    this.context = context;
    context.schedule(100, this.type, () => {
      const store = context.store<string, number>("sums");
      for (const [key, value] of store.range("a", "z")) context.forward({ key, value });
    });
  }
  process({ key, value }: { key: string; value: number }): void {
    const store = this.context.store<string, number>("sums");
    store.put(key, (store.get(key) ?? 0) + value);
    if (value === 0) store.delete(key);
  }
}

describe("processors of one's own", () => {
  it.each(["stream-time", "wall-clock"] as const)("use a store and punctuate by %s", async (type) => {
    const builder = new StreamsBuilder();
    builder.addStore("sums", serdes.string, serdes.int);
    builder
      .stream("in", numbers)
      .process(() => new Sums(type), ["sums"], numbers)
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    const input = driver.input("in", numbers);
    const output = driver.output("out", numbers);
    await driver.advance(1);
    await input.pipe("b", 1, 0);
    await input.pipe("a", 2, 10);
    await input.pipe("b", 3, 50);
    expect(await output.pairs()).toEqual([]);
    if (type === "stream-time") await input.pipe("c", 4, 100);
    else await driver.advance(100);
    const first = [
      ["a", 2],
      ["b", 4],
    ];
    expect(await output.pairs()).toEqual(type === "stream-time" ? [...first, ["c", 4]] : first);
    await input.pipe("a", 0, 150);
    if (type === "stream-time") await input.pipe("c", 1, 230);
    else await driver.advance(100);
    expect(await output.pairs()).toEqual(
      type === "stream-time"
        ? [
            ["b", 4],
            ["c", 5],
          ]
        : [["b", 4]],
    );
  });

  it("keep the key where they process values alone, and set headers", async () => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", numbers)
      .processValues<string>(
        () => {
          let context: ProcessorContext<string, string>;
          return {
            init: (given) => {
              context = given;
            },
            process: ({ key, value }) => {
              const { topic, partition, offset } = context.recordMetadata!;
              const headers = [{ key: "from", value: Buffer.from(`${topic}-${partition}@${offset}`) }];
              context.forward({ key: value < 0 ? "other" : key, value: `${value}`, headers });
            },
          };
        },
        [],
        serdes.string,
      )
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    await driver.input("in", numbers).pipe("k", 5, 3);
    const [record] = await driver.output("out", { key: serdes.string, value: serdes.string }).read();
    expect(record).toEqual({ key: "k", value: "5", timestamp: 3, headers: [{ key: "from", value: Buffer.from("in-0@0") }] });
    await expect(driver.input("in", numbers).pipe("k", -1)).rejects.toThrow("processValues cannot change the key");
  });

  it("may read a table's store but not write it", async () => {
    const builder = new StreamsBuilder();
    builder.table("names", { key: serdes.string, value: serdes.string, store: "names" });
    builder
      .stream("in", numbers)
      .process<string, string>(
        () => {
          let context: ProcessorContext<string, string>;
          return {
            init: (given) => {
              context = given;
            },
            process: ({ key, value }) => {
              const names = context.store<string, string>("names");
              if (value < 0) names.put(key, "mine");
              context.forward({ key, value: names.get(key) ?? "nobody" });
            },
          };
        },
        ["names"],
        { key: serdes.string, value: serdes.string },
      )
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    await driver.input("names", { key: serdes.string, value: serdes.string }).pipe("a", "ann");
    await driver.input("in", numbers).pipe("a", 1);
    await driver.input("in", numbers).pipe("b", 1);
    expect(await driver.output("out", { key: serdes.string, value: serdes.string }).pairs()).toEqual([
      ["a", "ann"],
      ["b", "nobody"],
    ]);
    await expect(driver.input("in", numbers).pipe("a", -1)).rejects.toThrow("is a table's");
  });
});
