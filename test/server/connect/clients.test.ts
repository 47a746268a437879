import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLogger } from "../../../src/common/logger.js";
import { registerConnectRoutes } from "../../../src/server/connect/routes.js";
import { type Listener, listen } from "../../../src/server/listen.js";
import { ConnectBed, until } from "../../support/connect.js";
import { connectClients } from "../../support/connect-clients.js";
import { freePort } from "../../support/postgres.js";

/** Kafka Connect's REST as clients that others wrote speak it. */
const clients = connectClients();
const noJava = spawnSync("java", ["-version"]).error !== undefined;
const why = "not run without Python 3, Java, Maven and the package registries";
const type = "test.CountingSourceConnector";
const config = { "connector.class": type, topic: "counts", count: "5", "tasks.max": "1" };

let bed: ConnectBed;
let listener: Listener;
let dir: string;
beforeAll(async () => {
  if (!clients) return;
  dir = mkdtempSync(join(tmpdir(), "millrace-clients-"));
  bed = await new ConnectBed().open({ logger: createLogger({ write: () => undefined }).child({ part: "connect" }) });
  listener = await listen((app) => registerConnectRoutes(app, bed.worker), { port: 0, logger: bed.worker.logger });
  bed.worker.workerId = `127.0.0.1:${listener.port}`;
});
afterAll(async () => {
  if (!clients) return;
  await listener.close();
  await bed.remove();
  rmSync(dir, { recursive: true, force: true });
});

async function run(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 1 << 26, env: { ...process.env, LC_ALL: "C.UTF-8" } });
  return stdout;
}
const file = (name: string, content: unknown) => {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
};

describe.skipIf(clients === undefined)(`clients of others (${why})`, () => {
  it("kafka-connect-py: every command of kc", { timeout: 120_000 }, async () => {
    const kc = (...args: string[]) => run(join(clients!, "kc/bin/kc"), ["--url", listener.url, ...args]);
    const json = async (...args: string[]) => JSON.parse(await kc(...args));
    expect((await json("info")).kafka_cluster_id).toBe(bed.broker.clusterId);
    expect((await json("create", "--config-file", file("c.json", { name: "by-kc", config }))).name).toBe("by-kc");
    expect(await json("list")).toEqual(["by-kc"]);
    await until("it runs", async () => (await json("status", "by-kc")).tasks[0]?.state === "RUNNING", 30_000);
    expect((await json("list", "--expand", "status", "--expand", "info"))["by-kc"].info.config.count).toBe("5");
    expect(await json("config", "by-kc")).toEqual({ ...config, name: "by-kc" });
    expect((await json("get", "by-kc")).type).toBe("source");
    expect((await json("update", "by-kc", "--config-data", JSON.stringify({ ...config, count: 6 }))).config.count).toBe("6");
    expect((await json("list-tasks", "by-kc"))[0].id).toEqual({ connector: "by-kc", task: 0 });
    expect((await json("task-status", "by-kc", "0")).id).toBe(0);
    await until("a topic", async () => (await json("list-topics", "by-kc"))["by-kc"].topics[0] === "counts", 30_000);
    await kc("reset-topics", "by-kc");
    await kc("pause", "by-kc");
    expect((await json("status", "by-kc")).connector.state).toBe("PAUSED");
    await kc("resume", "by-kc");
    await kc("restart", "by-kc", "--include-tasks");
    await kc("restart-task", "by-kc", "0");
    expect((await json("list-plugins")).map((p: { class: string }) => p.class)).toContain(type);
    // this client sends its text as a JSON string, which Connect refuses, too
    expect(await kc("validate-config", type, "--config-data", JSON.stringify(config))).toContain("400 Client Error");
    await kc("delete", "by-kc");
    expect(await json("list")).toEqual([]);
  });

  it("kafka-connect-api: connectors, tasks and loggers", async () => {
    const script = join(import.meta.dirname, "python/api_client.py");
    const seen = JSON.parse(
      await run(join(clients!, "api/bin/python"), [script, "127.0.0.1", String(listener.port), JSON.stringify(config)]),
    );
    expect(seen).toMatchObject({
      cluster: bed.broker.clusterId,
      before: false,
      exists: true,
      state: "RUNNING",
      class: type,
      paused: "PAUSED",
      resumed: "RUNNING",
      names: ["by-api"],
      set: expect.arrayContaining(["org.apache.kafka.connect"]),
      loggers: ["org.apache.kafka.connect", "root", type],
      after: false,
    });
    expect(JSON.stringify(seen.root)).toContain("WARN");
    bed.worker.logger.levels!.change("root", "INFO", Date.now());
  });

  it("kafkaconnect: a file put up, looked at and deleted", { timeout: 120_000 }, async () => {
    const cli = (...args: string[]) => run(join(clients!, "kafkaconnect/bin/kafkaconnect"), ["--connect", listener.url, ...args]);
    await cli("upload", "--name", "by-cli", file("cli.json", config));
    expect(await cli("list")).toContain("by-cli");
    await until("it runs", async () => /RUNNING/.test(await cli("status", "by-cli")), 30_000);
    expect(await cli("config", "by-cli")).toContain("counts");
    expect(await cli("info", "by-cli")).toContain("source");
    expect(await cli("tasks", "by-cli")).toContain("by-cli");
    await cli("pause", "by-cli");
    expect(await cli("status", "by-cli")).toContain("PAUSED");
    await cli("resume", "by-cli");
    await cli("restart", "by-cli");
    expect(await cli("plugins")).toContain(type);
    await cli("delete", "by-cli");
    expect(await cli("list")).not.toContain("by-cli");
  });

  it("kafka-connect-healthcheck: healthy while all runs, and not when a task has failed", async () => {
    await bed.worker.create("h", config);
    const port = await freePort();
    const child = spawn(
      join(clients!, "healthcheck/bin/kafka-connect-healthcheck"),
      ["--port", String(port), "--connect-url", listener.url, "--connect-worker-id", bed.worker.workerId],
      { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => child.once("close", resolve));
    try {
      const answer = async () => {
        const r = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
        return r && { status: r.status, body: (await r.json()) as { healthy: boolean; failures: { type: string; connector: string }[] } };
      };
      await until("it answers", async () => (await answer())?.body.healthy === true, 20_000);
      expect((await answer())!.status).toBe(200);
      await bed.worker.create("f", { "connector.class": "CollectingSink", topics: "counts", "errors.tolerance": "none" });
      bed.sink.refuse = () => {
        throw new Error("the target is broken");
      };
      await until("it says so", async () => (await answer())?.body.healthy === false);
      expect((await answer())!.body.failures).toMatchObject([{ type: "task", connector: "f" }]);
      expect((await answer())!.status).toBe(503);
    } finally {
      bed.sink.refuse = () => false;
      child.kill();
      await ended;
      await bed.worker.delete("h");
      await bed.worker.delete("f").catch(() => undefined);
    }
  });

  it.skipIf(noJava)("org.sourcelab kafka-connect-client: every call of it", { timeout: 120_000 }, async () => {
    const out = await run("java", [
      "-Xmx128m",
      "-XX:TieredStopAtLevel=1",
      "-cp",
      join(clients!, "lib", "*"),
      join(import.meta.dirname, "java/ConnectClient.java"),
      listener.url,
      type,
      bed.worker.workerId,
    ]);
    expect(out.trim().split("\n").at(-1)).toBe("ok gone");
  });
});
