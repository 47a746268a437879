import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Struct } from "../../src/data/schema.js";
import { ConnectBed, until } from "../support/connect.js";

let bed: ConnectBed;
beforeEach(async () => {
  bed = await new ConnectBed().open();
});
afterEach(() => bed.remove());

const source = (more: Record<string, string> = {}) => ({
  "connector.class": "test.CountingSourceConnector",
  topic: "counts",
  count: "25",
  ...more,
});
const sink = (more: Record<string, string> = {}) => ({ "connector.class": "CollectingSink", topics: "counts", ...more });
const ids = () => bed.sink.records.map((r) => (r.value as Struct).get("id"));
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

describe.each(["records", "chunks"])("a pipeline of %s", (as) => {
  it.each(["false", "true"])("arrives whole and in order (rows=%s)", async (rows) => {
    const avro: Record<string, string> = rows === "true" ? { "value.converter": "AvroConverter", "key.converter": "AvroConverter" } : {};
    await bed.worker.create("count", source({ as, ...avro }));
    await bed.worker.create("collect", sink({ rows, ...avro }));
    await until("all have arrived", () => bed.sink.records.length >= 25);
    expect(ids()).toEqual(range(25));
    expect((bed.sink.records[3]!.value as Struct).get("name")).toBe("row 3");
    expect(bed.sink.records[3]!.timestamp).toBe(1_700_000_000_003);
    expect(bed.sink.records[3]!.sourceTimeUs).toBeGreaterThan(0);
    expect(bed.sink.records[3]!.headers).toEqual([]);
    await until("offsets are committed", async () => (await bed.worker.offsets("collect"))[0]?.offset?.["kafka_offset"] !== undefined);
    expect(await bed.worker.offsets("count")).toEqual([{ partition: { source: "count" }, offset: { at: 25 } }]);
    expect(bed.source.committed.length).toBeGreaterThan(0);
    expect(await bed.worker.topics("count")).toEqual(["counts"]);
    if (rows === "true") expect(bed.sink.batches.length).toBeGreaterThan(0);
  });
});

describe("a worker", () => {
  it("goes on where it was after a restart, and doubles nothing", async () => {
    await bed.worker.create("count", source({ count: "30" }));
    await bed.worker.create("collect", sink());
    await until("30", () => bed.sink.records.length >= 30);
    await bed.reopen();
    expect(await bed.worker.list()).toEqual(["collect", "count"]);
    await bed.worker.putConfig("count", source({ count: "50" }));
    await until("50", () => bed.sink.records.length >= 50);
    expect(ids()).toEqual(range(50));
  });

  it("keeps target states", async () => {
    await bed.worker.create("count", source(), "STOPPED");
    await bed.worker.create("collect", sink(), "PAUSED");
    expect((await bed.worker.status("count")).connector.state).toBe("STOPPED");
    expect((await bed.worker.status("count")).tasks).toEqual([]);
    await bed.reopen();
    expect((await bed.worker.status("count")).connector.state).toBe("STOPPED");
    expect((await bed.worker.status("collect")).connector.state).toBe("PAUSED");
    await bed.worker.resume("count");
    await bed.worker.resume("collect");
    await until("all have arrived", () => bed.sink.records.length >= 25);
  });

  it("retries what fails in passing, at the source and at the target", async () => {
    bed.sink.failures = 2;
    await bed.worker.create("count", source({ "fail.at": "12" }));
    await bed.worker.create("collect", sink());
    await until("all have arrived", () => bed.sink.records.length >= 25);
    expect(ids()).toEqual(range(25));
    expect(bed.source.failures).toBeGreaterThan(1);
  });

  it("spreads partitions over tasks and finds the key's partition as any Kafka client", async () => {
    await bed.worker.create("count", source({ "topic.creation.default.partitions": "3", count: "60", as: "chunks" }));
    await bed.worker.create("collect", sink({ "tasks.max": "2" }));
    await until("all have arrived", () => bed.sink.records.length >= 60);
    expect(new Set(bed.sink.records.map((r) => r.partition)).size).toBe(3);
    expect([...ids()].sort((a, b) => Number(a) - Number(b))).toEqual(range(60));
    expect((await bed.worker.status("collect")).tasks.length).toBe(2);
  });

  it("reads topics by pattern, those too that come later", async () => {
    await bed.worker.create("collect", { "connector.class": "CollectingSink", "topics.regex": "count.*" });
    await bed.worker.create("count", source({ topic: "counted" }));
    await until("all have arrived", () => bed.sink.records.length >= 25);
  });

  it("shows no secret and keeps the stored one where it is sent back hidden", async () => {
    await bed.worker.create("count", source({ password: "open sesame" }));
    expect((await bed.worker.config("count"))["password"]).toBe("********");
    await bed.worker.putConfig("count", { ...(await bed.worker.config("count")), count: "26" });
    await until("two starts", () => bed.source.seenPasswords.length >= 2);
    expect(bed.source.seenPasswords).toEqual(["open sesame", "open sesame"]);
    await bed.reopen();
    await until("three starts", () => bed.source.seenPasswords.length >= 3);
    expect(bed.source.seenPasswords[2]).toBe("open sesame");
    const [fetched] = await bed.broker.fetch({ partitions: [{ topic: "connect-configs", partition: 0, offset: 0 }], maxWaitMs: 0 });
    expect(fetched!.batches.toString("latin1")).toContain("properties");
    expect(fetched!.batches.toString("latin1")).not.toContain("sesame");
  });

  it("names every wrong setting at once and changes nothing", async () => {
    await expect(bed.worker.create("bad", { "connector.class": "CountingSource", count: "x", "tasks.max": "0" })).rejects.toThrow(
      /topic[\s\S]*count|count[\s\S]*topic/,
    );
    expect(await bed.worker.list()).toEqual([]);
  });
});
