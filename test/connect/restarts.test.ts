import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigDef } from "../../src/common/config-def.js";
import { MillraceError } from "../../src/common/errors.js";
import type { SourceConnector } from "../../src/connect/api/source.js";
import { ConnectBed, until } from "../support/connect.js";
import { type CollectingSink, CountingSource } from "../support/connectors.js";

/** Fails at every poll until `well`, in passing or for good. */
class AilingSource implements SourceConnector {
  readonly type = "source" as const;
  readonly classes = ["test.AilingSourceConnector"];
  readonly version = "1";
  readonly config = new ConfigDef([{ name: "topic", type: "STRING", doc: "" }]);
  well = false;
  passing = true;
  starts: number[] = [];
  taskConfigs(config: Readonly<Record<string, string>>, max: number) {
    return Array.from({ length: Number(config["make"] ?? max) }, () => config);
  }
  createTask() {
    const owner = this;
    return {
      async start() {
        owner.starts.push(performance.now());
      },
      async poll() {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (owner.well) return [{ progress: true as const, sourcePartition: { p: 1 }, sourceOffset: { o: 1 } }];
        throw owner.passing ? new MillraceError("SOURCE_RETRIABLE", "the database restarts") : new Error("the slot is gone");
      },
      committed() {},
      async stop() {},
    };
  }
}

let bed: ConnectBed;
let ailing: AilingSource;
beforeEach(async () => {
  ailing = new AilingSource();
  bed = await new ConnectBed().open({ sources: [new CountingSource(), ailing] });
});
afterEach(() => bed.remove());

const config = { "connector.class": "AilingSource", topic: "t" };
const task = async (name = "a") => (await bed.worker.status(name)).tasks[0]!;
const metric = (name: string) =>
  Number(
    bed.metrics
      .expose()
      .split("\n")
      .find((l) => l.startsWith(`${name}{connector="a"}`))
      ?.split(" ")[1] ?? Number.NaN,
  );

describe("a task that fails in passing", () => {
  it("starts again by itself, later each time, and says so until it works", async () => {
    await bed.worker.create("a", { ...config, "tasks.restart.delay.max.ms": "600" });
    await until("it has restarted four times", () => ailing.starts.length >= 5);
    await until("it waits for the next", async () => (await task()).state === "RESTARTING");
    const { trace } = await task();
    expect(trace).toMatch(/^the database restarts\nThe task starts again by itself in 600 ms \(restart [4-9] in a row\)\.\n\s+at /);
    const pauses = ailing.starts.slice(1, 5).map((t, i) => t - ailing.starts[i]!);
    for (const [i, least] of [250, 500, 600, 600].entries()) {
      expect(pauses[i]!).toBeGreaterThan(least - 5);
      expect(pauses[i]!).toBeLessThan(least + 400);
    }
    expect(bed.log.join("")).toContain("task a-0 failed and starts again in 500 ms");
    expect(metric("millrace_connector_restarts_total")).toBeGreaterThanOrEqual(4);
    ailing.well = true;
    await until("it runs", async () => (await task()).state === "RUNNING" && (await bed.worker.offsets("a")).length === 1);
    expect((await task()).trace).toBeUndefined();
    // having worked, it begins with the short pause again
    ailing.well = false;
    await until("it fails again", async () => (await task()).state === "RESTARTING");
    expect((await task()).trace).toContain("in 250 ms (restart 1 in a row)");
  });

  it("stays down after tasks.restart.max, also where the worker says so for all", async () => {
    await bed.worker.create("a", { ...config, "tasks.restart.max": "2", "tasks.restart.delay.max.ms": "10" });
    await until("it gives up", async () => (await task()).state === "FAILED");
    expect(ailing.starts.length).toBe(3);
    expect((await task()).trace).toMatch(
      /^the database restarts\nThe task has started again 2 times in a row, as often as tasks.restart.max lets it/,
    );
    await bed.worker.delete("a");
    const defaults = { "key.converter": "JsonConverter", "value.converter": "JsonConverter", "tasks.restart.max": "0" };
    await bed.reopen({ sources: [ailing], workerConfig: defaults });
    ailing.starts = [];
    await bed.worker.create("a", config);
    await until("it gives up at once", async () => (await task()).state === "FAILED");
    expect(ailing.starts.length).toBe(1);
    await bed.worker.restartTask("a", 0);
    await until("a restart by hand is a new life", () => ailing.starts.length === 2);
  });

  it("stays down where the fault does not pass", async () => {
    ailing.passing = false;
    await bed.worker.create("a", config);
    await until("it fails", async () => (await task()).state === "FAILED");
    expect((await task()).trace).toMatch(/^the slot is gone\n\s+at /);
    expect(ailing.starts.length).toBe(1);
    expect(metric("millrace_connector_restarts_total")).toBe(0);
  });

  it("stops promptly while it waits", async () => {
    await bed.worker.create("a", config);
    await until("it waits", () => ailing.starts.length >= 3);
    const started = performance.now();
    await bed.worker.delete("a");
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe("more tasks than tasks.max", () => {
  it("fail the connector, unless tasks.max.enforce is false", async () => {
    ailing.well = true;
    await bed.worker.create("a", { ...config, "tasks.max": "2", make: "3" });
    expect((await bed.worker.status("a")).connector).toMatchObject({
      state: "FAILED",
      trace: expect.stringContaining("has generated 3 tasks, which is greater than 2"),
    });
    await bed.worker.putConfig("a", { ...config, "tasks.max": "2", make: "3", "tasks.max.enforce": "false" });
    expect((await bed.worker.status("a")).tasks.length).toBe(3);
  });
});

describe("a target that is away for a moment", () => {
  it("is tried again with the same records; the task runs and says what it met", async () => {
    bed.sink.failures = 2;
    await bed.worker.create("c", { "connector.class": "CountingSource", topic: "counts", count: "5" });
    await bed.worker.create("s", { "connector.class": "CollectingSink", topics: "counts" });
    await until("it says so", async () => (await task("s")).trace !== undefined);
    expect(await task("s")).toMatchObject({
      state: "RUNNING",
      trace: expect.stringMatching(/^the target is away for a moment\nThe target refused in passing; .* again in \d+ ms\.$/),
    });
    await until("all have arrived", () => bed.sink.records.length === 5);
    await until("it says no more", async () => (await task("s")).trace === undefined);
  });
});

describe("transforms that fail in passing", () => {
  const flaky = (failures: number) => {
    let left = failures;
    return {
      classes: ["test.Flaky"],
      version: "1",
      config: new ConfigDef([]),
      create: () => ({
        apply<R>(record: R): R {
          if (left-- > 0) throw new MillraceError("TIMEOUT", "the lookup service does not answer");
          return record;
        },
      }),
    };
  };
  const more = { transforms: "f", "transforms.f.type": "test.Flaky" };

  it.each(["source", "sink"])("are tried again for errors.retry.timeout, in a %s", async (where) => {
    await bed.close();
    bed.sink.records.length = 0;
    await bed.open({ sources: [new CountingSource()], sinks: [bed.sink as CollectingSink], transforms: [flaky(2)] });
    const retry = { ...more, "errors.retry.timeout": "5000", "errors.retry.delay.max.ms": "300" };
    await bed.worker.create("c", {
      "connector.class": "CountingSource",
      topic: "counts",
      count: "5",
      ...(where === "source" ? retry : {}),
    });
    await bed.worker.create("s", { "connector.class": "CollectingSink", topics: "counts", ...(where === "sink" ? retry : {}) });
    await until("all have arrived", () => bed.sink.records.length === 5);
    expect(bed.errors.count()).toBe(0);
    expect(bed.log.join("")).not.toContain("starts again");
  });

  it("restart the task where it runs out, and nothing is set aside", async () => {
    await bed.close();
    await bed.open({ sources: [new CountingSource()], sinks: [bed.sink as CollectingSink], transforms: [flaky(1)] });
    await bed.worker.create("c", { "connector.class": "CountingSource", topic: "counts", count: "5", ...more });
    await bed.worker.create("s", { "connector.class": "CollectingSink", topics: "counts" });
    await until("all have arrived", () => bed.sink.records.length === 5);
    expect(bed.log.join("")).toContain("task c-0 failed and starts again");
    expect(bed.errors.count()).toBe(0);
  });
});
