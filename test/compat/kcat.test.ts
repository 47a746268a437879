import { spawn, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openListener, type TestListener } from "./programs.js";

const there = spawnSync("kcat", ["-V"]).status === 0;

describe.skipIf(!there)(there ? "kcat 1.7.1 (librdkafka 2.0.2)" : "kcat 1.7.1 (not installed: test/services/kcat.sh)", () => {
  let listener: TestListener;
  beforeAll(async () => {
    listener = await openListener();
  });
  afterAll(() => listener.close());

  function kcat(args: readonly string[], input = ""): Promise<string> {
    const run = spawn("kcat", ["-b", listener.bootstrap, ...args]);
    let out = "";
    let errors = "";
    run.stdout.on("data", (part: Buffer) => {
      out += part;
    });
    run.stderr.on("data", (part: Buffer) => {
      errors += part;
    });
    run.stdin.end(input);
    return new Promise((resolve, reject) =>
      run.on("close", (status) => (status === 0 ? resolve(out) : reject(new Error(`kcat ${args.join(" ")}: ${errors}`)))),
    );
  }
  const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `k${from + i}:v${from + i}\n`).join("");

  it.each(["none", "gzip", "snappy", "lz4", "zstd"])("produces with %s and reads it back", async (codec) => {
    const topic = `kcat-${codec}`;
    await kcat(["-P", "-t", topic, "-z", codec, "-K:", "-H", "h=1"], lines(0, 200));
    const out = await kcat(["-C", "-t", topic, "-e", "-q", "-f", "%k:%s %h\\n"]);
    expect(out).toBe(lines(0, 200).replaceAll("\n", " h=1\n"));
  });

  it("reads in a group and goes on where it stopped", async () => {
    await listener.broker.createTopics([{ name: "kcat-group", partitions: 3 }]);
    const read = () => kcat(["-G", "kcat", "-X", "auto.offset.reset=earliest", "-e", "-q", "-K:", "kcat-group"]);
    await kcat(["-P", "-t", "kcat-group", "-K:"], lines(0, 100));
    expect((await read()).split("\n").sort()).toEqual(lines(0, 100).split("\n").sort());
    await kcat(["-P", "-t", "kcat-group", "-K:"], lines(100, 150));
    expect((await read()).split("\n").sort()).toEqual(lines(100, 150).split("\n").sort());
  });

  it("writes in a transaction, lists topics and asks for offsets", async () => {
    await kcat(["-P", "-t", "kcat-tx", "-X", "transactional.id=kcat", "-K:"], lines(0, 20));
    expect(await kcat(["-C", "-t", "kcat-tx", "-e", "-q", "-K:", "-X", "isolation.level=read_committed"])).toBe(lines(0, 20));
    expect(JSON.parse(await kcat(["-L", "-J"])).topics.map((t: { topic: string }) => t.topic)).toContain("kcat-tx");
    expect(await kcat(["-Q", "-t", "kcat-tx:0:-2"])).toContain("offset 0");
    // the marker of the commit takes an offset too
    expect(await kcat(["-Q", "-t", "kcat-tx:0:-1"])).toContain("offset 21");
  });
});
