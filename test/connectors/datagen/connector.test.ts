import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SourceConnector } from "../../../src/connect/api/source.js";
import { datagenSource } from "../../../src/connectors/datagen/connector.js";
import { quickstarts } from "../../../src/connectors/datagen/quickstarts.js";
import { ConnectBed, until } from "../../support/connect.js";
import { SourceDriver } from "../../support/source-driver.js";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-datagen-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const drivers: SourceDriver[] = [];
afterEach(async () => {
  for (const d of drivers.splice(0)) await d.stop();
});
async function run(
  config: Record<string, string>,
  count: number,
  stored?: Record<string, unknown>,
  connector: SourceConnector = datagenSource,
): Promise<SourceDriver> {
  const driver = await new SourceDriver(connector, { "kafka.topic": "t", "max.interval": "0", ...config }, stored).start();
  drivers.push(driver);
  while (driver.seen.length < count) await driver.poll();
  return driver;
}
const nested = JSON.stringify({
  type: "record",
  name: "n",
  fields: [
    { name: "id", type: { type: "long", "arg.properties": { iteration: { start: 1 } } } },
    { name: "text", type: "string" },
    {
      name: "lines",
      type: {
        type: "array",
        items: { type: "int", "arg.properties": { iteration: { start: 0 } } },
        "arg.properties": { length: { min: 1, max: 4 } },
      },
    },
    { name: "maybe", type: ["null", { type: "int", "arg.properties": { iteration: { start: 0 } } }] },
  ],
});
const plain = (d: SourceDriver) => d.seen.map((s) => JSON.stringify(s.value));

describe("records", () => {
  it.each(Object.keys(quickstarts))("of quickstart %s have its key and fit its schema", async (name) => {
    const d = await run({ quickstart: name, iterations: "20" }, 20);
    for (const { record, value } of d.seen) {
      expect(record.valueSchema!.type).toBe("struct");
      expect(record.key).not.toBeNull();
      expect(record.key).toEqual(value[quickstarts[name]!.key] ?? record.key);
      for (const f of record.valueSchema!.fields!) if (!f.schema.optional) expect(value[f.name], f.name).not.toBeNull();
    }
  });
  it("have the documented headers and offsets", async () => {
    const d = await run({ quickstart: "USERS", "random.seed": "5", iterations: "2", "task.id": "0" }, 2);
    expect(d.seen[1]!.headers).toEqual({ "task.generation": 0, "task.id": 0, "current.iteration": 1 });
    expect(d.seen[1]!.record.sourcePartition).toEqual({ "task.id": 0 });
    expect(d.stored).toEqual({ "task.generation": 0, "current.iteration": 2, "random.seed": 5 });
    expect(d.seen[0]!.value).toMatchObject({
      userid: expect.stringMatching(/^User_[1-9]$/),
      regionid: expect.stringMatching(/^Region_[1-9]$/),
    });
  });
  it("have no key without a key field", async () => {
    const d = await run({ "schema.string": nested, iterations: "1" }, 1);
    expect([d.seen[0]!.record.key, d.seen[0]!.record.keySchema]).toEqual([null, null]);
    const keyed = await run({ "schema.string": nested, iterations: "1", "schema.keyfield": "id" }, 1);
    expect([keyed.seen[0]!.record.key, keyed.seen[0]!.record.keySchema!.type]).toEqual([1, "int64"]);
  });
  it("go on after a restart as if there had been none, nested iterations too", async () => {
    const config = { "schema.string": nested, "random.seed": "42" };
    const whole = plain(await run({ ...config, iterations: "60" }, 60));
    const first = await run({ ...config, iterations: "23" }, 23);
    const second = await run({ ...config, iterations: "60" }, 37, first.stored);
    expect([...plain(first), ...plain(second)]).toEqual(whole);
    expect(second.seen[0]!.headers).toMatchObject({ "task.generation": 1, "current.iteration": 23 });
    expect(second.stored!["schema.iterations"]).toEqual([60, expect.any(Number), expect.any(Number)]);
  });
  it("keep the seed that was drawn", async () => {
    const config = { quickstart: "orders" };
    const first = await run({ ...config, iterations: "5" }, 5);
    const again = await run({ ...config, iterations: "10" }, 5, first.stored);
    expect(again.stored!["random.seed"]).toBe(first.stored!["random.seed"]);
  });
  it("differ from task to task", async () => {
    const configs = datagenSource.taskConfigs({ quickstart: "orders", "random.seed": "1", iterations: "3" }, 2);
    expect(configs.map((c) => c["task.id"])).toEqual(["0", "1"]);
    // a driver makes configs of its own, which would be the first task's again
    const asGiven = { ...datagenSource, taskConfigs: (c: Readonly<Record<string, string>>) => [c] };
    const [a, b] = await Promise.all(configs.map((c) => run({ ...c }, 3, undefined, asGiven)));
    expect(plain(a!)).not.toEqual(plain(b!));
  });
  it("end where iterations says, and are spread over max.interval", async () => {
    const d = await run({ quickstart: "users", iterations: "3", "max.interval": "40" }, 3);
    const started = Date.now();
    const paced = await run({ quickstart: "users", iterations: "10", "max.interval": "40" }, 10);
    expect(Date.now() - started).toBeGreaterThan(50);
    await d.poll();
    expect(d.seen).toHaveLength(3);
    expect(paced.seen).toHaveLength(10);
  });
});

describe("settings", () => {
  const problems = async (config: Record<string, string>) =>
    (await datagenSource.check!({ "kafka.topic": "t", ...config }, { resolveHost: (host, port) => ({ host, port }) })).map(
      (p) => `${p.setting}: ${p.message}`,
    );
  it("name what is wrong", async () => {
    writeFileSync(join(dir, "s.avsc"), '"int"');
    expect(await problems({ quickstart: "users" })).toEqual([]);
    expect(await problems({ "schema.string": nested, "schema.keyfield": "lines" })).toEqual([]);
    expect((await problems({}))[0]).toMatch(/^quickstart: quickstart: exactly one of/);
    expect((await problems({ quickstart: "users", "schema.string": nested }))[0]).toMatch(/not quickstart and schema.string/);
    expect((await problems({ "schema.string": "{" }))[0]).toMatch(/^schema.string: schema.string: /);
    expect((await problems({ "schema.filename": join(dir, "none") }))[0]).toMatch(/none cannot be read: ENOENT/);
    expect((await problems({ "schema.filename": join(dir, "s.avsc") }))[0]).toMatch(/the schema must be a record, not int/);
    expect((await problems({ "schema.string": nested, "schema.keyfield": "x" }))[0]).toMatch(
      /^schema.keyfield: .*x is not a field of the schema/,
    );
    expect(() => datagenSource.config.parse({ "kafka.topic": " ", quickstart: "users" })).toThrow(/non-empty/);
    expect(() => datagenSource.config.parse({ "kafka.topic": "t", quickstart: "nope" })).toThrow(/must be one of/);
  });
});

describe("in a worker", () => {
  let bed: ConnectBed;
  beforeEach(async () => {
    bed = await new ConnectBed().open({ sources: [datagenSource], sinks: [] });
  });
  afterEach(() => bed.remove());
  it("two tasks write what they are to, and no more after a restart", async () => {
    const config = {
      "connector.class": "DatagenConnector",
      "kafka.topic": "users",
      quickstart: "users",
      "max.interval": "0",
      iterations: "50",
      "tasks.max": "2",
    };
    await bed.worker.create("gen", config);
    const through = async () =>
      (await bed.worker.offsets("gen")).filter((o) => (o.offset as Record<string, unknown>)["current.iteration"] === 50).length;
    await until("both tasks are through", async () => (await through()) === 2);
    const ends = async () => {
      const [topic] = await bed.broker.describeTopics(["users"]);
      const partitions = Array.from({ length: topic!.partitions }, (_, partition) => ({
        topic: "users",
        partition,
        timestamp: "latest" as const,
      }));
      return (await bed.broker.listOffsets({ partitions })).map((e) => e.offset);
    };
    const before = await ends();
    expect(before.reduce((sum, e) => sum + e, 0)).toBeGreaterThanOrEqual(100);
    await bed.reopen({ sources: [datagenSource], sinks: [] });
    await until("both run again", async () => (await bed.worker.status("gen")).tasks.every((t) => t.state === "RUNNING"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await ends()).toEqual(before);
    expect(await through()).toBe(2);
  });
});
