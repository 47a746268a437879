import { expect, it } from "vitest";
import { RecordBatchBuilder } from "../../../src/protocol/record-batch-builder.js";
import { serdes } from "../../../src/serde/serdes.js";
import { StreamsBuilder } from "../../../src/streams/dsl/streams-builder.js";
import { startQuery } from "../../../src/streams/runtime/start-query.js";
import { MemoryRegistry } from "../../../src/testing/memory-registry.js";
import { openBroker, temporaryFolder } from "../on-broker.js";

it("a global table holds all partitions before the first record, follows its topic, and leaves out what does not decode", async () => {
  const folder = await temporaryFolder();
  const broker = await openBroker(folder.path);
  const warnings: unknown[] = [];
  const produce = async (topic: string, partition: number, records: readonly [string, string | null][]) => {
    const builder = new RecordBatchBuilder();
    for (const [key, value] of records) builder.append(1, Buffer.from(key), value === null ? null : Buffer.from(value));
    await broker.produce({ acks: "all", batches: [{ topic, partition, batch: builder.finish() }] });
  };
  await broker.createTopics([
    { name: "names", partitions: 3 },
    { name: "in", partitions: 1 },
    { name: "out", partitions: 1 },
  ]);
  for (const partition of [0, 1, 2]) await produce("names", partition, [[`k${partition}`, `name ${partition}`]]);
  await produce("names", 1, [
    ["bad", "?"],
    ["k1", "other"],
    ["k0", null],
  ]);
  const careful = serdes.of<string>(
    "careful",
    (value) => Buffer.from(value),
    (bytes) => {
      if (bytes.toString() === "?") throw new Error("no such text");
      return bytes.toString();
    },
  );
  const builder = new StreamsBuilder();
  const names = builder.globalTable("names", { key: serdes.string, value: careful, store: "names" });
  builder
    .stream("in", { key: serdes.string, value: serdes.string })
    .join(
      names,
      (key) => key,
      (_value, name) => name,
      serdes.string,
    )
    .to("out");
  const { topology, bind } = builder.build();
  await bind({ applicationId: "app", services: { registry: new MemoryRegistry() }, coalesce: true });
  const logger = {
    debug() {},
    info() {},
    warn: (message: string, facts?: object) => warnings.push([message, facts]),
    error() {},
    child: () => logger,
  };
  const query = await startQuery({ topology, applicationId: "app", broker, logger });
  try {
    const entries = () => new Map([...query.store("names").scan()].map(({ row }) => [row[0], row[1]]));
    expect(entries()).toEqual(
      new Map([
        ["k1", "other"],
        ["k2", "name 2"],
      ]),
    );
    expect(warnings).toEqual([
      ["a global table has left out a bad record", { topic: "names", partition: 1, offset: 1, error: "no such text" }],
    ]);
    await produce("names", 2, [["new", "come"]]);
    await expect.poll(() => entries().get("new")).toBe("come");
    await produce("in", 0, [
      ["new", "x"],
      ["k0", "x"],
    ]);
    await query.drained();
    const [ends] = await broker.listOffsets({
      partitions: [{ topic: "out", partition: 0, timestamp: "latest" }],
      isolation: "read_committed",
    });
    expect((await query.stats()).recordsOut).toBe(1);
    expect(ends!.offset).toBeGreaterThan(0);
  } finally {
    await query.close();
    await broker.close();
    await folder.remove();
  }
});
