// Queries over HTTP: a push query from the beginning of a topic, a pull query that scans, and pull queries by key one after another.
// Limit of the two that stream: JSON.parse of the same records, one thread. Limit of the look-ups: GET /info on the same port.
//   node bench/sql-queries.mjs [records]
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { Engine } from "../dist/engine/engine.js";
import { RecordBatchBuilder } from "../dist/protocol/record-batch-builder.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { registerKsqlRoutes } from "../dist/server/ksql/routes.js";
import { listen } from "../dist/server/listen.js";

const total = Number(process.argv[2] ?? 200_000);
const keys = 10_000;
const dir = mkdtempSync(join(tmpdir(), "bench-sql-"));
const broker = await EmbeddedBroker.open({ dir: join(dir, "log") });
const registry = await SchemaRegistry.open({ broker, logger: silentLogger });
const config = { "auto.offset.reset": "earliest" };
const engine = await Engine.open({ broker, registry, stateDir: join(dir, "state"), logger: silentLogger, metrics: new Metrics(), config });
const listener = await listen((app) => registerKsqlRoutes(app, engine), { port: 0, logger: silentLogger, http2: true });

const agent = new Agent({ keepAlive: true });
const post = (path, body) =>
  new Promise((resolve, reject) => {
    const r = request(
      `${listener.url}${path}`,
      { method: body ? "POST" : "GET", agent, headers: { "content-type": "application/json" } },
      (answer) => {
        let lines = 0;
        answer.on("data", (chunk) => {
          for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
        });
        answer.on("end", () => (answer.statusCode === 200 ? resolve(lines) : reject(new Error(`${path}: ${answer.statusCode}`))));
      },
    );
    r.on("error", reject);
    r.end(body && JSON.stringify(body));
  });

await post("/ksql", {
  ksql: `CREATE STREAM orders (id BIGINT, customer INT, qty INT, price DOUBLE, status STRING, note STRING) WITH (kafka_topic='orders', value_format='json', partitions=1);
         CREATE TABLE spent AS SELECT customer, SUM(price) AS total, COUNT(*) AS n FROM orders GROUP BY customer;`,
});
const values = [];
for (let at = 0; at < total; ) {
  const builder = new RecordBatchBuilder();
  for (let i = 0; i < 4000 && at < total; i++, at++) {
    const value = `{"ID":${at},"CUSTOMER":${at % keys},"QTY":${at % 10},"PRICE":${(at % 1000) + 0.25},"STATUS":"shipped","NOTE":"forty characters of a note that says little"}`;
    values.push(value);
    builder.append(at, null, Buffer.from(value));
  }
  const [result] = await broker.produce({ acks: "leader", batches: [{ topic: "orders", partition: 0, batch: builder.finish() }] });
  if (result.error) throw result.error;
}
for (const q of engine.persistentQueries.all()) await q.running.drained();

async function timed(what, n, limit, work) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const got = await work();
  const seconds = (performance.now() - began) / 1000;
  const used = process.cpuUsage(cpu);
  const rate = n / seconds;
  const ratio = limit ? ` ratio ${(rate / limit).toFixed(2)}` : "";
  console.log(
    `${what}: ${Math.round(rate)}/s${ratio}, ${(((used.user + used.system) / n) * 1).toFixed(2)} CPU s per million, rss ${Math.round(process.memoryUsage().rss / 1e6)} MB`,
  );
  return { rate, got };
}

const parse = await timed("limit: JSON.parse", total, 0, async () => {
  let sum = 0;
  for (const v of values) sum += JSON.parse(v).QTY;
  return sum;
});
const query = (sql) => post("/query-stream", { sql });
const push = await timed("push query, 3 of 6 columns, filtered", total, parse.rate, () =>
  query(`SELECT id, customer, price FROM orders WHERE qty >= 0 EMIT CHANGES LIMIT ${total};`),
);
if (push.got !== total + 1) throw new Error(`${push.got} lines`);
const pull = await timed("pull query over the stream", total, parse.rate, () =>
  query("SELECT id, customer, price FROM orders WHERE qty >= 0;"),
);
if (pull.got !== total + 1) throw new Error(`${pull.got} lines`);
await timed("pull query, table scan", keys, 0, () => query("SELECT * FROM spent;"));
const asks = 2000;
const info = await timed("limit: GET /info", asks, 0, async () => {
  for (let i = 0; i < asks; i++) await post("/info");
});
await timed("pull query by key", asks, info.rate, async () => {
  for (let i = 0; i < asks; i++) if ((await query(`SELECT total, n FROM spent WHERE customer = ${i};`)) !== 2) throw new Error("no row");
});
agent.destroy();
await listener.close(50);
await engine.close();
await broker.close();
rmSync(dir, { recursive: true, force: true });
