import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLogger } from "../../../src/common/logger.js";
import { Metrics } from "../../../src/common/metrics.js";
import { Engine } from "../../../src/engine/engine.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { registerKsqlRoutes } from "../../../src/server/ksql/routes.js";
import { type Listener, listen } from "../../../src/server/listen.js";
import { maskStatement } from "../../../src/sql/parser/mask.js";
import { ConnectBed, until } from "../../support/connect.js";

type Json = Record<string, unknown>;
let bed: ConnectBed;
let engine: Engine;
let listener: Listener;
beforeAll(async () => {
  bed = await new ConnectBed().open();
  const registry = await SchemaRegistry.open({ broker: bed.broker, logger: silentLogger });
  engine = await Engine.open({
    broker: bed.broker,
    registry,
    connectorAdmin: bed.worker,
    stateDir: "",
    logger: silentLogger,
    metrics: new Metrics(),
  });
  listener = await listen((app) => registerKsqlRoutes(app, engine), { port: 0, logger: silentLogger });
});
afterAll(async () => {
  await listener.close(50);
  await engine.close();
  await bed.remove();
});

async function ksql(text: string): Promise<{ status: number; body: Json & Json[]; text: string }> {
  const response = await fetch(`${listener.url}/ksql`, { method: "POST", body: JSON.stringify({ ksql: text }) });
  const answer = await response.text();
  return { status: response.status, body: JSON.parse(answer), text: answer };
}

const create = `CREATE SOURCE CONNECTOR counter WITH ('connector.class'='test.CountingSourceConnector', 'topic'='counts', 'count'='5', 'password'='it''s sesame');`;

test("a connector is made, listed, described and dropped by SQL, without its secret", async () => {
  const made = await ksql(create);
  expect(made.status).toBe(200);
  expect(made.body[0]).toMatchObject({
    "@type": "connector_info",
    info: { name: "COUNTER", type: "source", config: { topic: "counts", password: "********" } },
  });
  expect(made.text).not.toContain("sesame");
  await until("it runs", async () => (await bed.worker.status("COUNTER")).tasks[0]?.state === "RUNNING");
  const { body } = await ksql("SHOW CONNECTORS; SHOW SINK CONNECTORS; DESCRIBE CONNECTOR counter; SHOW CONNECTOR PLUGINS;");
  expect(body[0]!["connectors"]).toEqual([
    { name: "COUNTER", type: "source", className: "test.CountingSourceConnector", state: "RUNNING (1/1 tasks RUNNING)" },
  ]);
  expect(body[1]!["connectors"]).toEqual([]);
  expect(body[2]).toMatchObject({
    "@type": "connector_description",
    connectorClass: "test.CountingSourceConnector",
    status: { name: "COUNTER", connector: { state: "RUNNING" } },
  });
  expect((body[3]!["connectorsPlugins"] as Json[]).map((p) => p["type"])).toContain("sink");
  expect((await ksql("DROP CONNECTOR counter;")).body[0]).toMatchObject({ "@type": "drop_connector", connectorName: "COUNTER" });
  expect(await bed.worker.list()).toEqual([]);
});

test("wrong settings are named, twice the same name is refused, and no error shows a secret", async () => {
  const wrong = await ksql(create.replace("'topic'='counts', 'count'='5'", "'count'='x'"));
  expect(wrong).toMatchObject({ status: 400, body: { "@type": "statement_error", error_code: 40001 } });
  expect(wrong.body["message"]).toMatch(/^Failed to create connector: .*topic/s);
  expect(wrong.text).not.toContain("sesame");
  await ksql(create);
  const twice = await ksql(create);
  expect(twice.body["message"]).toContain("already exists");
  expect(twice.text).not.toContain("sesame");
  expect((await ksql(create.replace("CONNECTOR", "CONNECTOR IF NOT EXISTS"))).body[0]!["@type"]).toBe("warning_entity");
  expect((await ksql(`${create.slice(0, -2)} oops;`)).text).not.toContain("sesame");
  await ksql("DROP CONNECTOR counter;");
  expect((await ksql("DROP CONNECTOR counter;")).status).toBe(400);
  expect((await ksql("DROP CONNECTOR IF EXISTS counter;")).body[0]!["@type"]).toBe("warning_entity");
});

test("values are hidden in text, the class is not", () => {
  expect(maskStatement(`CREATE SINK CONNECTOR a WITH ("connector.class"='X', 'b'='s''p', "c" = '1');`)).toBe(
    `CREATE SINK CONNECTOR a WITH ("connector.class"='X', 'b'='[string]', "c" = '[string]');`,
  );
  expect(maskStatement("SELECT 'a' = 'b';")).toBe("SELECT 'a' = 'b';");
});
