import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../support/postgres.js";
import { MillraceProcess, sinkConfig, sourceConfig, temporary, until, untilRows } from "./process.js";

const folder = temporary("health");
let postgres: TestPostgres;
let running: MillraceProcess;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.createDatabase("shop");
  running = await MillraceProcess.start(folder.path);
});
afterAll(async () => {
  await running?.kill();
  await postgres?.stop();
  folder.remove();
});

interface Health {
  readonly status: string;
  readonly parts: Record<string, { readonly healthy: boolean; readonly detail?: string }>;
}

it("measures rates, lag and latency of every connector, query and topic", async () => {
  const client = await postgres.client("shop");
  await client.query("CREATE TABLE orders (id int PRIMARY KEY, customer text, amount int)");
  await running.createConnector({
    name: "orders-source",
    config: sourceConfig(postgres.port, "shop", { "table.include.list": "public.orders" }),
  });
  await running.running("orders-source");
  await client.query("INSERT INTO orders SELECT i, 'c' || i % 3, i FROM generate_series(1, 90) i");
  await until("the topic has its schema", async () =>
    (await running.call<string[]>("registry", "GET", "/subjects")).json.includes("shop.public.orders-value"),
  );
  await running.ksql(
    `CREATE STREAM orders WITH (KAFKA_TOPIC='shop.public.orders', VALUE_FORMAT='AVRO');
     CREATE TABLE spent WITH (KAFKA_TOPIC='spent', FORMAT='AVRO') AS SELECT customer, SUM(amount) AS total FROM orders GROUP BY customer;`,
    { "auto.offset.reset": "earliest" },
  );
  await running.createConnector({
    name: "spent-sink",
    config: sinkConfig(postgres.port, "shop", "spent", { "primary.key.fields": "customer" }),
  });
  await untilRows(client, "SELECT customer, total::int AS total FROM spent ORDER BY 1", [
    { customer: "c0", total: 1395 },
    { customer: "c1", total: 1335 },
    { customer: "c2", total: 1365 },
  ]);
  await client.query("UPDATE orders SET amount = amount + 1");

  await until("the lag is gone and each latency is known", async () => {
    const metrics = await scrape();
    return (
      sum(metrics, "millrace_connector_records_total", { connector: "orders-source" }) >= 180 &&
      sum(metrics, "millrace_connector_sink_seconds_count", { connector: "spent-sink" }) >= 3 &&
      sum(metrics, "millrace_connector_lag", { connector: "spent-sink" }) === 0 &&
      sum(metrics, "millrace_query_lag", {}) === 0
    );
  });
  const metrics = await scrape();
  const one = (name: string, labels: Record<string, string>) => {
    const found = metrics.samples.filter((s) => s.name === name && has(s, labels));
    expect(found, `${name}${JSON.stringify(labels)}`).toHaveLength(1);
    return found[0]!.value;
  };
  const query = metrics.samples.find((s) => s.name === "millrace_query_records_in_total")!.labels["query"]!;
  expect(query).toContain("SPENT");
  for (const name of ["orders-source", "spent-sink"])
    expect(one("millrace_connector_records_total", { connector: name })).toBeGreaterThan(0);
  for (const topic of ["shop.public.orders", "spent"]) {
    expect(one("millrace_topic_records_in_total", { topic })).toBeGreaterThan(0);
    expect(one("millrace_topic_bytes_in_total", { topic })).toBeGreaterThan(0);
    expect(one("millrace_topic_bytes_out_total", { topic })).toBeGreaterThan(0);
  }
  expect(one("millrace_query_records_in_total", { query })).toBeGreaterThanOrEqual(180);
  expect(one("millrace_query_records_out_total", { query })).toBeGreaterThanOrEqual(3);
  expect(one("millrace_query_lag", { query, topic: "shop.public.orders" })).toBe(0);
  for (const [name, labels] of [
    ["millrace_connector_source_seconds", { connector: "orders-source" }],
    ["millrace_query_seconds", { query }],
    ["millrace_connector_sink_seconds", { connector: "spent-sink" }],
  ] as const) {
    expect(metrics.types.get(name)).toBe("summary");
    for (const quantile of ["0.5", "0.99"]) {
      const seconds = one(name, { ...labels, quantile });
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThan(60);
    }
  }
  expect(one("millrace_process_resident_memory_bytes", {})).toBeGreaterThan(1e7);
  const documented = readFileSync(new URL("../../docs/reference/metrics.md", import.meta.url), "utf8");
  for (const [name, type] of metrics.types) {
    if (name.endsWith("_total")) expect(type, name).toBe("counter");
    expect(documented).toContain(`\`${name}\``);
  }
});

it("is unhealthy, by name, while a connector or a query has failed", async () => {
  expect(await health()).toMatchObject({ status: 200, json: { status: "UP" } });
  await postgres.createDatabase("second");
  const client = await postgres.client("second");
  await running.createConnector({ name: "broken", config: sourceConfig(postgres.port, "second") });
  await running.running("broken");
  await running.call("connect", "PUT", "/connectors/broken/stop");
  const slot = "FROM pg_replication_slots WHERE slot_name = 'slot_second' AND NOT active";
  await until("its slot is free", async () => (await client.query(`SELECT 1 ${slot}`)).rowCount === 1);
  await client.query(`SELECT pg_drop_replication_slot(slot_name) ${slot}`);
  await running.call("connect", "PUT", "/connectors/broken/resume");
  await until("the health says so", async () => (await health()).status === 503);
  const { json, text } = await health();
  expect(json.status).toBe("DOWN");
  expect(json.parts["connect"]).toMatchObject({ healthy: false });
  expect(json.parts["connect"]!.detail).toContain("broken");
  expect(json.parts["sql"]).toEqual({ healthy: true });
  expect(text).not.toContain("orders-source");
  expect((await running.cli(["connectors"])).stdout).toMatch(/broken task 0: \S+/);
  expect((await running.call("connect", "DELETE", "/connectors/broken")).status).toBe(204);
  expect((await health()).status).toBe(200);
});

it("is unhealthy where a connector cannot start again, and tells why, while the others run", async () => {
  await running.stop();
  const restart = async (env: Record<string, string>) => {
    running = await MillraceProcess.start(folder.path, [], { env });
  };
  await restart({ SINK_PASSWORD: "postgres" });
  const config = sinkConfig(postgres.port, "shop", "spent", {
    "connection.password": "${env:SINK_PASSWORD}",
    "collection.name.format": "again",
    "primary.key.fields": "customer",
  });
  await running.createConnector({ name: "referring", config });
  await running.running("referring");
  await running.stop();
  await restart({});
  const unset = await health();
  expect({ status: unset.status, detail: unset.json.parts["connect"]!.detail }).toEqual({ status: 503, detail: "failed: referring" });
  expect((await running.cli(["connectors"])).stdout).toContain("referring: connection.password: ${env:SINK_PASSWORD} is not set");
  await running.stop();
  await restart({ SINK_PASSWORD: "postgres", MILLRACE_SECRET_KEY: "another one" });
  const sealed = await health();
  expect({ status: sealed.status, detail: sealed.json.parts["connect"]!.detail }).toEqual({
    status: 503,
    detail: "failed: orders-source, spent-sink",
  });
  await running.running("referring");
  expect((await running.cli(["connectors"])).stdout).toMatch(/spent-sink: .*encrypted with another key/);
});

const health = () => running.call<Health>("console", "GET", "/health");

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
const has = (sample: Sample, labels: Record<string, string>) => Object.entries(labels).every(([k, v]) => sample.labels[k] === v);

async function scrape() {
  const response = await fetch(`${running.url("console")}/metrics`);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  return parse(await response.text());
}

function sum(metrics: ReturnType<typeof parse>, name: string, labels: Record<string, string>): number {
  const found = metrics.samples.filter((s) => s.name === name && has(s, labels));
  return found.length ? found.reduce((total, s) => total + s.value, 0) : Number.NaN;
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/: throws on what a Prometheus would not take. */
function parse(text: string) {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.trimEnd().split("\n")) {
    const meta = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (meta) {
      if (meta[1] !== "TYPE") continue;
      if (types.has(meta[2]!) || !/^(counter|gauge|summary|histogram|untyped)$/.test(meta[3]!)) throw new Error(line);
      types.set(meta[2]!, meta[3]!);
      continue;
    }
    const sample =
      /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (NaN|[+-]Inf|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)$/.exec(
        line,
      );
    if (!sample) throw new Error(`not in the exposition format: ${line}`);
    const [, name, labels = "", value] = sample;
    if (seen.has(name + labels)) throw new Error(`twice: ${line}`);
    seen.add(name + labels);
    if (!types.has(name!) && types.get(name!.replace(/_(sum|count)$/, "")) !== "summary") throw new Error(`without a type: ${line}`);
    samples.push({
      name: name!,
      labels: Object.fromEntries([...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [k!, v!])),
      value: Number(value!.replace("Inf", "Infinity")),
    });
  }
  return { types, samples };
}
