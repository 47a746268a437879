// Cassandra sink: rows of a topic in Avro, read from the log, decoded and written by the sink's task. Limit: the bare driver,
// prepared statements, the same rows, at the concurrency that a sweep finds best; both in turns, so that the server's moods
// are shared. One table whose partitions are rows, and one of few partitions, as the orders pipeline has it.
// node bench/cassandra-sink.mjs   (after npm run build; needs test/services/cassandra.sh install .services/cassandra)
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import cassandra from "cassandra-driver";
import { PartitionReader } from "../dist/broker/api/reader.js";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { systemClock } from "../dist/common/time.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { SinkDecoder } from "../dist/connect/runtime/sink-decoder.js";
import { cassandraSink } from "../dist/connectors/cassandra/connector.js";
import { optional, primitive, Struct, structOf } from "../dist/data/schema.js";
import { RecordBatchBuilder } from "../dist/protocol/record-batch-builder.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { MemorySchemaStore } from "../dist/schema-registry/store.js";
import { freePort, measure, report } from "./support.mjs";

const COUNT = Math.round(200_000 * Number(process.env.BENCH_SCALE ?? 1));
const TURNS = 8;
const SHARE = Math.ceil(COUNT / TURNS);
const folder = fileURLToPath(new URL("../.services/cassandra", import.meta.url));
const script = fileURLToPath(new URL("../test/services/cassandra.sh", import.meta.url));
if (!existsSync(`${folder}/lib`)) {
  console.log("cassandra sink: not run, no server in .services/cassandra");
  process.exit(0);
}
const running = process.env.MILLRACE_TEST_CASSANDRA;
const port = running ? Number(running) : await freePort();
if (!running) execFileSync("bash", [script, "start", folder, String(port)]);
const { consistencies, distance } = cassandra.types;
const client = new cassandra.Client({
  contactPoints: [`127.0.0.1:${port}`],
  localDataCenter: "datacenter1",
  pooling: { coreConnectionsPerHost: { [distance.local]: 4 } },
});
await client.connect();
const ks = `bench${Date.now().toString(36)}`;
await client.execute(`CREATE KEYSPACE ${ks} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`);
const columns = "source_system text, order_id text, store_name text, user_name text, quantity int, ts timestamp";
const tables = { rows: "PRIMARY KEY (order_id)", few: "PRIMARY KEY (source_system, order_id)" };
for (const [name, key] of Object.entries(tables))
  for (const side of ["limit", "sink"]) await client.execute(`CREATE TABLE ${ks}.${name}_${side} (${columns}, ${key})`);

const order = (i) => [i % 2 ? "mysql" : "postgres", `o${i}`, `store ${i % 100}`, `user number ${i % 1000}`, i % 50, 1_700_000_000_000 + i];

async function bare(table, from, count, concurrency) {
  const query = `INSERT INTO ${ks}.${table} (source_system, order_id, store_name, user_name, quantity, ts) VALUES (?, ?, ?, ?, ?, ?)`;
  let at = from;
  const options = { prepare: true, consistency: consistencies.localOne };
  const lane = async () => {
    while (at < from + count) await client.execute(query, order(at++), options);
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

// the log: one partition a turn
const dir = mkdtempSync(join(tmpdir(), "millrace-bench-"));
const broker = await EmbeddedBroker.open({ dir });
await broker.createTopics([{ name: "orders", partitions: TURNS }]);
const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const plugins = createConverterPlugins({ registry });
const converter = (name, isKey) => plugins.find((p) => p.classes[0].endsWith(name)).create({}, isKey);
const key = converter("AvroConverter", true);
const value = converter("AvroConverter", false);
const schema = structOf([
  ["SOURCE_SYSTEM", optional(primitive("string"))],
  ["ORDER_ID", optional(primitive("string"))],
  ["STORE_NAME", optional(primitive("string"))],
  ["USER_NAME", optional(primitive("string"))],
  ["QUANTITY", optional(primitive("int32"))],
  ["ORDER_TS", optional(primitive("int64"))],
]);
const keySchema = primitive("string");
await key.prepareWrite("orders", keySchema);
await value.prepareWrite("orders", schema);
for (let p = 0; p < TURNS; p++)
  for (let at = p * SHARE; at < (p + 1) * SHARE; at += 500) {
    const builder = new RecordBatchBuilder(1 << 16);
    for (let i = at; i < Math.min(at + 500, (p + 1) * SHARE); i++) {
      const row = order(i);
      builder.append(
        1_700_000_000_000 + i,
        key.fromConnect("orders", keySchema, row[1]),
        value.fromConnect("orders", schema, new Struct(schema, row)),
        [],
      );
    }
    const [{ error }] = await broker.produce({ acks: "all", batches: [{ topic: "orders", partition: p, batch: builder.finish() }] });
    if (error) throw error;
  }

async function startSink(table) {
  const task = await cassandraSink.createTask();
  await task.start(
    {
      topics: "orders",
      contactPoints: "127.0.0.1",
      port: String(port),
      "loadBalancing.localDc": "datacenter1",
      [`topic.orders.${ks}.${table}.mapping`]:
        "source_system=value.SOURCE_SYSTEM, order_id=value.ORDER_ID, store_name=value.STORE_NAME, user_name=value.USER_NAME, quantity=value.QUANTITY, ts=value.ORDER_TS",
    },
    {
      connector: "bench",
      taskId: 0,
      logger: silentLogger,
      metrics: new Metrics(),
      clock: systemClock,
      signal: new AbortController().signal,
      clusterId: "c",
      topicId: () => "t",
      resolveHost: (host, p) => ({ host, port: p }),
      seek() {},
      reportError: async (_, error) => {
        throw error;
      },
      pause() {},
      resume() {},
    },
  );
  await task.open(Array.from({ length: TURNS }, (_, partition) => ({ topic: "orders", partition })));
  return task;
}

async function sink(task, partition) {
  const reader = new PartitionReader({ broker });
  const decoder = new SinkDecoder({ key, value, header: key }, async (_stage, error) => {
    throw error;
  });
  reader.seek("orders", partition, 0);
  for (let rows = 0; rows < SHARE; ) {
    for (const polled of await reader.poll(100)) {
      for (const { rows: run } of await decoder.rows(polled)) {
        await task.putRows(run);
        rows += run.count;
      }
    }
  }
  await task.flush();
}

const sum = (parts) =>
  parts.reduce((a, b) => ({ seconds: a.seconds + b.seconds, cpu: a.cpu + b.cpu, peak: Math.max(a.peak, b.peak) }), {
    seconds: 0,
    cpu: 0,
    peak: 0,
  });

for (const [table, mustReach] of [
  ["rows", 0.9],
  ["few", 0.9],
]) {
  const sweep = Math.round(COUNT / 20);
  await bare(`${table}_limit`, 0, sweep, 64);
  let best = { concurrency: 0, rate: 0 };
  for (const concurrency of [32, 64, 128, 256, 512, 1024]) {
    const { seconds } = await measure(() => bare(`${table}_limit`, 0, sweep, concurrency));
    if (sweep / seconds > best.rate) best = { concurrency, rate: sweep / seconds };
  }
  const task = await startSink(`${table}_sink`);
  const limit = [];
  const ours = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const one = async () => limit.push(await measure(() => bare(`${table}_limit`, turn * SHARE, SHARE, best.concurrency)));
    const other = async () => ours.push(await measure(() => sink(task, turn)));
    for (const work of turn % 2 ? [other, one] : [one, other]) await work();
  }
  await task.stop();
  const { rows } = await client.execute(`SELECT count(*) FROM ${ks}.${table}_sink`, [], { readTimeout: 120_000 });
  if (Number(rows[0].count) !== SHARE * TURNS) throw new Error(`${rows[0].count} rows arrived of ${SHARE * TURNS}`);
  const what = table === "rows" ? "a partition a row" : "two partitions";
  const bareCpu = ((sum(limit).cpu / (SHARE * TURNS)) * 1e6).toFixed(2);
  console.log(`the bare driver: ${bareCpu} CPU s per million`);
  report(
    `cassandra sink, ${what}`,
    SHARE * TURNS,
    sum(ours),
    { limit: `the bare driver, ${best.concurrency} at a time`, ...sum(limit) },
    mustReach,
  );
}
await client.execute(`DROP KEYSPACE ${ks}`).catch(() => {});
await client.shutdown();
await broker.close();
rmSync(dir, { recursive: true, force: true });
if (!running) {
  execFileSync("bash", [script, "stop", folder, String(port)]);
  rmSync(`${folder}/instances/${port}`, { recursive: true, force: true });
}
