import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { connectorsCommand } from "../../src/cli/connectors.js";
import { errorsCommand } from "../../src/cli/errors.js";
import { registerConnectRoutes } from "../../src/server/connect/routes.js";
import { registerErrorRoutes } from "../../src/server/errors/routes.js";
import { ConnectBed, until } from "../support/connect.js";

let bed: ConnectBed;
let app: FastifyInstance;
let errorsApp: FastifyInstance;
let url: string;
let errorsUrl: string;
let dir: string;
beforeAll(async () => {
  bed = await new ConnectBed().open();
  app = Fastify();
  registerConnectRoutes(app, bed.worker);
  url = await app.listen({ port: 0, host: "127.0.0.1" });
  errorsApp = Fastify();
  registerErrorRoutes(errorsApp, bed.errors);
  errorsUrl = await errorsApp.listen({ port: 0, host: "127.0.0.1" });
  dir = mkdtempSync(join(tmpdir(), "millrace-cli-"));
});
afterAll(async () => {
  await app.close();
  await errorsApp.close();
  await bed.remove();
  rmSync(dir, { recursive: true, force: true });
  process.exitCode = 0;
});

async function run(
  make: typeof connectorsCommand,
  address: string,
  ...args: string[]
): Promise<{ out: string; err: string; code: unknown }> {
  const out: string[] = [];
  const err: string[] = [];
  process.exitCode = 0;
  await make({ out: (t) => void out.push(t), err: (t) => void err.push(t) }).parseAsync([...args, "--url", address], { from: "user" });
  const code = process.exitCode;
  process.exitCode = 0;
  return { out: out.join("\n"), err: err.join("\n"), code };
}
const connectors = (...args: string[]) => run(connectorsCommand, url, ...args);
const errors = (...args: string[]) => run(errorsCommand, errorsUrl, ...args);

it("steers connectors from a file to their end", async () => {
  const file = join(dir, "count.json");
  writeFileSync(
    file,
    JSON.stringify({
      name: "count",
      config: { "connector.class": "CountingSource", topic: "counts", count: 4, password: "sesame", odd: 1 },
    }),
  );
  expect((await connectors("list")).out).toBe("There are no connectors.");
  expect((await connectors("validate", file)).out).toMatch(/note: odd is not a setting[\s\S]*The config is valid/);
  expect((await connectors("create", file)).out).toBe("count (source) is stored and started.");
  await until("it runs", async () => (await connectors("status", "count")).out.includes("task 0: RUNNING"));
  expect((await connectors("list")).out).toMatch(/count \| source \| RUNNING/);
  expect((await connectors("config", "count")).out).toContain('"password": "********"');
  await until("offsets", async () => (await connectors("offsets", "count")).out.includes('"at": 4'));
  for (const verb of ["pause", "resume", "stop"]) expect((await connectors(verb, "count")).code).toBe(0);
  expect((await connectors("status", "count")).out).toBe("count (source): STOPPED");
  expect((await connectors("resume", "count")).code).toBe(0);
  expect((await connectors("restart", "count")).out).toContain("restarted");
  expect((await connectors("plugins")).out).toContain("io.debezium.transforms.ExtractNewRecordState");
  writeFileSync(file, JSON.stringify({ "connector.class": "CountingSource" }));
  expect(await connectors("validate", file)).toMatchObject({ code: 1, out: expect.stringContaining("topic") });
  expect(await connectors("create", file)).toMatchObject({ code: 1, err: expect.stringContaining("names no connector") });
  expect((await connectors("delete", "count")).out).toBe("count was deleted.");
  expect(await connectors("status", "count")).toMatchObject({ code: 1, err: "No status found for connector count" });
  expect((await run(connectorsCommand, "http://127.0.0.1:1", "list")).err).toContain("nothing answers at");
});

it("lists, shows, replays and deletes what was set aside", async () => {
  bed.sink.refuse = () => true;
  await bed.worker.create("again", { "connector.class": "CountingSource", topic: "again", count: "3" });
  await bed.worker.create("sink", { "connector.class": "CollectingSink", topics: "again" });
  await until("three are set aside", () => bed.errors.count() === 3);
  expect((await errors("list", "--connector", "none")).out).toBe("Nothing was set aside.");
  const list = (await errors("list", "--limit", "2")).out;
  expect(list).toContain("the target does not want it");
  expect(list).toContain("1 more");
  const id = bed.errors.list()[0]!.id;
  expect(JSON.parse((await errors("show", id)).out)).toMatchObject({ id, stage: "sink" });
  expect(await errors("replay", id)).toMatchObject({ code: 1, err: "the target does not want it" });
  expect(await errors("replay")).toMatchObject({ code: 1, err: expect.stringContaining("name an id") });
  bed.sink.refuse = () => false;
  expect((await errors("replay", id)).out).toContain("sent back");
  expect((await errors("replay", "--connector", "sink")).out).toBe("2 sent back, 0 refused");
  expect((await errors("delete", "--all")).out).toBe("0 deleted");
  expect((await errors("delete", "nothing")).err).toContain("no entry nothing");
});
