import { describe, expect, it } from "vitest";
import { serdes } from "../../../src/serde/serdes.js";
import { StreamsBuilder } from "../../../src/streams/dsl/streams-builder.js";
import { Suppressed } from "../../../src/streams/dsl/suppress.js";
import { SessionWindows, sessionWindowedSerde, TimeWindows, timeWindowedSerde } from "../../../src/streams/dsl/windows.js";
import { TopologyTestDriver } from "../../../src/testing/topology-test-driver.js";

const numbers = { key: serdes.string, value: serdes.int };
const counts = (key = timeWindowedSerde(serdes.string, 10)) => ({ key, value: serdes.long });
const at = (start: number, end: number, key = "k") => ({ key, window: { start, end } });

describe("windows", () => {
  it("tumble and take late records within their grace", async () => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", numbers)
      .groupByKey()
      .windowedBy(TimeWindows.ofSizeAndGrace(10, 5))
      .count({ store: "counts" })
      .toStream()
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    const input = driver.input("in", numbers);
    for (const time of [1, 9, 10, 14, 3, 15, 4]) await input.pipe("k", 1, time);
    expect(await driver.output("out", counts()).pairs()).toEqual([
      [at(0, 10), 1],
      [at(0, 10), 2],
      [at(10, 20), 1],
      [at(10, 20), 2],
      [at(0, 10), 3],
      [at(10, 20), 3],
    ]);
  });

  it("hop", async () => {
    const builder = new StreamsBuilder();
    const windows = TimeWindows.ofSizeWithNoGrace(10).advanceBy(5);
    builder
      .stream("in", numbers)
      .groupByKey()
      .windowedBy(windows)
      .reduce((sum, n) => sum + n)
      .toStream()
      .to("out", { value: serdes.int });
    const driver = await TopologyTestDriver.open(builder);
    for (const [n, time] of [
      [1, 12],
      [2, 16],
    ] as const)
      await driver.input("in", numbers).pipe("k", n, time);
    expect(await driver.output("out", { key: timeWindowedSerde(serdes.string, 10), value: serdes.int }).pairs()).toEqual([
      [at(5, 15), 1],
      [at(10, 20), 1],
      [at(10, 20), 3],
      [at(15, 25), 2],
    ]);
  });

  it("make sessions, which a record between two of them merges", async () => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", numbers)
      .groupByKey()
      .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(10))
      .aggregate<number[]>(
        () => [],
        (_key, n, list) => {
          list.push(n);
          return list;
        },
        (_key, a, b) => [...a, ...b],
        { value: serdes.json<number[]>() },
      )
      .toStream()
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    for (const [n, time] of [
      [1, 0],
      [2, 15],
      [3, 8],
    ] as const)
      await driver.input("in", numbers).pipe("k", n, time);
    const output = driver.output("out", { key: sessionWindowedSerde(serdes.string), value: serdes.json<number[]>() });
    expect(await output.pairs()).toEqual([
      [at(0, 0), [1]],
      [at(15, 15), [2]],
      [at(0, 0), null],
      [at(15, 15), null],
      [at(0, 15), [1, 2, 3]],
    ]);
  });

  it("hand on one result each where suppressed until they close", async () => {
    const builder = new StreamsBuilder();
    builder
      .stream("in", numbers)
      .groupByKey()
      .windowedBy(TimeWindows.ofSizeAndGrace(10, 5))
      .count()
      .suppress(Suppressed.untilWindowCloses())
      .toStream()
      .to("out");
    const driver = await TopologyTestDriver.open(builder);
    const input = driver.input("in", numbers);
    for (const time of [1, 2, 11, 3, 14]) await input.pipe("k", 1, time);
    const output = driver.output("out", counts());
    expect(await output.pairs()).toEqual([]);
    await input.pipe("k", 1, 15);
    expect(await output.pairs()).toEqual([[at(0, 10), 3]]);
    await input.pipe("other", 1, 99);
    expect(await output.pairs()).toEqual([[at(10, 20), 3]]);
  });

  it("suppress changes of a table for a time, but never a delete", async () => {
    const builder = new StreamsBuilder();
    builder.table("in", numbers).suppress(Suppressed.untilTimeLimit(10)).toStream().to("out");
    const driver = await TopologyTestDriver.open(builder);
    const input = driver.input("in", numbers);
    await input.pipe("k", 1, 0);
    await input.pipe("k", 2, 5);
    await input.pipe("gone", 9, 6);
    await input.pipe("gone", null, 7);
    await input.pipe("k", 3, 10);
    expect(await driver.output("out", numbers).pairs()).toEqual([["k", 3]]);
    await input.pipe("k", null, 11);
    expect(await driver.output("out", numbers).pairs()).toEqual([["k", null]]);
  });
});
