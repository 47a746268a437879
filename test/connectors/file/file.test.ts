import { appendFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileStreamSink } from "../../../src/connectors/file/sink.js";
import { fileStreamSource } from "../../../src/connectors/file/source.js";
import { ConnectBed, until } from "../../support/connect.js";
import { SourceDriver } from "../../support/source-driver.js";

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-file-"));
  file = join(dir, "in.txt");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("the file source", () => {
  const drivers: SourceDriver[] = [];
  afterEach(async () => {
    for (const d of drivers.splice(0)) await d.stop();
  });
  const start = async (more: Record<string, string> = {}, stored?: Record<string, unknown>) => {
    const driver = await new SourceDriver(fileStreamSource, { file, topic: "lines", ...more }, stored).start();
    drivers.push(driver);
    return driver;
  };
  const values = (d: SourceDriver) => d.seen.map((s) => s.value);
  const pollUntil = async (d: SourceDriver, count: number) => {
    for (let i = 0; d.seen.length < count && i < 50; i++) await d.poll();
  };

  it("gives a record a line, and keeps a last line back until it ends", async () => {
    writeFileSync(file, "one\ntwo\r\n\nthree é 😀\nfo");
    const d = await start();
    await pollUntil(d, 4);
    expect(values(d)).toEqual(["one", "two", "", "three é 😀"]);
    await d.poll();
    expect(values(d)).toHaveLength(4);
    appendFileSync(file, "ur\n");
    await pollUntil(d, 5);
    expect(values(d)[4]).toBe("four");
    expect(d.seen[0]!.record).toMatchObject({ topic: "lines", partition: null, key: null, sourcePartition: { filename: file } });
    expect(d.stored).toEqual({ position: readFileSync(file).length });
  });
  it("goes on from its position, by batch.size at a time", async () => {
    writeFileSync(file, Array.from({ length: 10 }, (_, i) => `line ${i}\n`).join(""));
    const d = await start({ "batch.size": "3" });
    await d.poll();
    expect(values(d)).toEqual(["line 0", "line 1", "line 2"]);
    expect(d.stored).toEqual({ position: 21 });
    await d.stop();
    const again = await start({ "batch.size": "3" }, d.stored);
    await pollUntil(again, 7);
    expect(values(again)).toEqual(Array.from({ length: 7 }, (_, i) => `line ${i + 3}`));
  });
  it("waits for a file that is not there, begins anew where it became shorter, and reads a rotated one to its end", async () => {
    const d = await start();
    await d.poll();
    expect(values(d)).toEqual([]);
    writeFileSync(file, "a first line\n");
    await pollUntil(d, 1);
    truncateSync(file);
    await d.poll();
    appendFileSync(file, "b\n");
    await pollUntil(d, 2);
    appendFileSync(file, "c\nlast without end");
    renameSync(file, `${file}.1`);
    writeFileSync(file, "d\n");
    await pollUntil(d, 5);
    expect(values(d)).toEqual(["a first line", "b", "c", "last without end", "d"]);
    expect(d.stored).toEqual({ position: 2 });
  });
  it("begins anew where the file is shorter than the stored position", async () => {
    writeFileSync(file, "x\n");
    const d = await start({}, { position: 100 });
    await pollUntil(d, 1);
    expect(values(d)).toEqual(["x"]);
  });
  it("reads bytes that are no UTF-8 as Java does", async () => {
    writeFileSync(file, Buffer.from([0x61, 0xff, 0x62, 0x0a, 0x63, 0x0a]));
    const d = await start();
    await pollUntil(d, 2);
    expect(values(d)).toEqual(["a\ufffdb", "c"]);
  });
  it("checks offsets that are to be stored", () => {
    const check = (partition: Record<string, unknown>, offset: Record<string, unknown> | null) =>
      fileStreamSource.checkOffsets!([{ partition, offset }]);
    check({ filename: file }, { position: 3 });
    check({ filename: file }, null);
    expect(() => check({ filename: file }, { position: -1 })).toThrow(/non-negative/);
    expect(() => check({ filename: file }, { position: "3" })).toThrow(/non-negative/);
    expect(() => check({ file }, { position: 1 })).toThrow(/"filename"/);
  });
  it("is refused without a topic or a file", () => {
    expect(() => fileStreamSource.config.parse({ file })).toThrow(/"topic"/);
    expect(() => fileStreamSource.config.parse({ topic: "t" })).toThrow(/"file"/);
  });
});

describe("source and sink in a worker", () => {
  let bed: ConnectBed;
  const options = { sources: [fileStreamSource], sinks: [fileStreamSink] };
  beforeEach(async () => {
    bed = await new ConnectBed().open(options);
  });
  afterEach(() => bed.remove());
  const text = "org.apache.kafka.connect.storage.StringConverter";
  const lines = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : []);

  it("copy a file line by line, across a restart of both", async () => {
    const out = join(dir, "out.txt");
    writeFileSync(file, "1\n2\n3\n");
    await bed.worker.create("in", { "connector.class": "FileStreamSource", file, topic: "lines", "value.converter": text });
    await bed.worker.create("out", {
      "connector.class": "FileStreamSink",
      file: out,
      topics: "lines",
      "value.converter": text,
      "key.converter": text,
    });
    await until("three lines are there", () => lines(out).length === 3);
    expect(await bed.worker.offsets("in")).toEqual([{ partition: { filename: file }, offset: { position: 6 } }]);
    await bed.reopen(options);
    appendFileSync(file, "4\n");
    await until("the fourth line is there", () => lines(out).includes("4"));
    expect([...new Set(lines(out))]).toEqual(["1", "2", "3", "4"]);
  });
  it("set what has no value down as null, and structs as Java prints them", async () => {
    const out = join(dir, "out.txt");
    await bed.reopen({ sources: [bed.source], sinks: [fileStreamSink] });
    await bed.worker.create("count", { "connector.class": "CountingSource", topic: "counts", count: "2" });
    await bed.worker.create("out", { "connector.class": "FileStreamSink", file: out, topics: "counts" });
    await until("two lines are there", () => lines(out).length === 2);
    expect(lines(out)).toEqual(["Struct{id=0,name=row 0}", "Struct{id=1,name=row 1}"]);
  });
  it("name a file that cannot be written", async () => {
    await bed.worker.create("out", { "connector.class": "FileStreamSink", file: join(dir, "none", "x"), topics: "t" });
    await until("the task failed", async () => (await bed.worker.status("out")).tasks[0]?.state === "FAILED");
    expect((await bed.worker.status("out")).tasks[0]!.trace).toMatch(/none\/x cannot be written: ENOENT/);
  });
});
