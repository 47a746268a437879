import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLogger } from "../../src/common/logger.js";
import { SchemaRegistry } from "../../src/schema-registry/registry.js";
import { registerSchemaRegistryRoutes } from "../../src/server/schema-registry/routes.js";
import { java, javac, kafkaClient, openListener, runChecks, type TestListener, titled } from "./programs.js";

const jars = kafkaClient("kafka-clients/java-3.8/lib");
const orders = 1500;

describe.skipIf(!jars)(titled("The order services on Kafka Streams 3.8.1, exactly_once_v2, killed twice", jars), () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-streams-"));
  const classes = join(folder, "classes");
  let listener: TestListener;
  let registry: FastifyInstance;
  let services: ChildProcess | undefined;
  let outcomes: Map<string, string | undefined>;
  let errors = "";

  beforeAll(async () => {
    mkdirSync(classes);
    javac(jars!, ["Checks.java", "Clients.java", "Tools.java", "AvroSerde.java", "Orders.java"], classes);
    listener = await openListener();
    registry = fastify();
    registerSchemaRegistryRoutes(registry, await SchemaRegistry.open({ broker: listener.broker, logger: silentLogger }));
    const url = await registry.listen({ host: "127.0.0.1", port: 0 });
    const start = (state: string) => {
      services = spawn("java", java(jars!, classes, "Orders", "services", listener.bootstrap, url, join(folder, state)));
      services.stderr!.on("data", (part: Buffer) => {
        errors = (errors + part).slice(-4000);
      });
    };
    const running = runChecks("java", java(jars!, classes, "Orders", "orders", listener.bootstrap, url, String(orders)));
    // until the program has them made, a service that subscribes to them ends
    const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
    while ((await listener.broker.describeTopics(["orders", "customers"])).length < 2) await pause();
    const written = async () => {
      const topics = await listener.broker.describeTopics(["orders-totals"]);
      if (topics.length === 0) return 0;
      const partitions = [0, 1, 2].map((partition) => ({ topic: "orders-totals", partition, timestamp: "latest" as const }));
      return (await listener.broker.listOffsets({ partitions })).reduce((sum, p) => sum + p.offset, 0);
    };
    start("state");
    // with the state it had, then with none: that is restored from the changelogs
    for (const [beyond, state] of [
      [100, "state"],
      [500, "other-state"],
    ] as const) {
      while ((await written()) <= beyond) await pause();
      services!.kill("SIGKILL");
      start(state);
    }
    outcomes = await running;
  }, 200_000);
  afterAll(async () => {
    services?.kill("SIGKILL");
    await registry?.close();
    await listener?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    "orders-details: every order once, with its product and its customer",
    "orders-totals: each order counted once, the sums as recomputed",
    "orders-dlt: what has no quantity",
  ])("%s", (name) => {
    expect(outcomes.has(name) ? (outcomes.get(name) ?? "passed") : "was not run", errors).toBe("passed");
  });
});
