// MongoDB sink: documents of a topic in Avro, read from the log, decoded and replaced by key by the sink's task. Limit: the bare
// driver's bulkWrite of the same replacements in batches of 1,000, one after the other; both in turns, so that the server's moods
// are shared.
// node bench/mongodb-sink.mjs   (after npm run build; needs test/services/mongodb.sh install .services/mongodb)
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { PartitionReader } from "../dist/broker/api/reader.js";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { systemClock } from "../dist/common/time.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { SinkDecoder } from "../dist/connect/runtime/sink-decoder.js";
import { mongoSink } from "../dist/connectors/mongodb/connector.js";
import { optional, primitive, Struct, structOf } from "../dist/data/schema.js";
import { RecordBatchBuilder } from "../dist/protocol/record-batch-builder.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { MemorySchemaStore } from "../dist/schema-registry/store.js";
import { installed, startService } from "../examples/common/services.mjs";
import { measure, report } from "./support.mjs";

const COUNT = Math.round(500_000 * Number(process.env.BENCH_SCALE ?? 1));
const TURNS = 4;
const SHARE = Math.ceil(COUNT / TURNS);
/** every document is written twice: made, then replaced */
const KEYS = Math.ceil(SHARE / 2);
if (!installed("mongodb")) {
  console.log("mongodb sink: not run, no server in .services/mongodb");
  process.exit(0);
}
const running = process.env.MILLRACE_TEST_MONGODB;
const server = running ? { port: Number(running), stop() {} } : await startService("mongodb");
const client = await new MongoClient(`mongodb://127.0.0.1:${server.port}/`).connect();
const db = client.db(`bench${Date.now().toString(36)}`);

const order = (i) => [`customer ${i % KEYS}`, `user number ${i % 1000}`, i % 50, 1_700_000_000_000 + i, i * 1.25];
const names = ["customer", "name", "quantity", "ts", "total"];

async function bare(from, to) {
  const collection = db.collection("bare");
  for (let at = from; at < to; at += 1000) {
    const operations = [];
    for (let i = at; i < Math.min(at + 1000, to); i++) {
      const row = order(i);
      const replacement = { _id: row[0], name: row[1], quantity: row[2], ts: row[3], total: row[4] };
      operations.push({ replaceOne: { filter: { _id: row[0] }, replacement, upsert: true } });
    }
    await collection.bulkWrite(operations);
  }
}

// the log: one partition a turn
const dir = mkdtempSync(join(tmpdir(), "millrace-bench-"));
const broker = await EmbeddedBroker.open({ dir });
await broker.createTopics([{ name: "orders", partitions: TURNS }]);
const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const plugins = createConverterPlugins({ registry });
const converter = (isKey) => plugins.find((p) => p.classes[0].endsWith("AvroConverter")).create({}, isKey);
const key = converter(true);
const value = converter(false);
const types = ["string", "string", "int32", "int64", "float64"];
const schema = structOf(names.slice(1).map((name, i) => [name, optional(primitive(types[i + 1]))]));
const keySchema = structOf([["_id", primitive("string")]]);
await key.prepareWrite("orders", keySchema);
await value.prepareWrite("orders", schema);
for (let p = 0; p < TURNS; p++)
  for (let at = p * SHARE; at < (p + 1) * SHARE; at += 500) {
    const builder = new RecordBatchBuilder(1 << 16);
    for (let i = at; i < Math.min(at + 500, (p + 1) * SHARE); i++) {
      const [id, ...row] = order(i);
      builder.append(
        1_700_000_000_000 + i,
        key.fromConnect("orders", keySchema, new Struct(keySchema, [id])),
        value.fromConnect("orders", schema, new Struct(schema, row)),
        [],
      );
    }
    const [{ error }] = await broker.produce({ acks: "all", batches: [{ topic: "orders", partition: p, batch: builder.finish() }] });
    if (error) throw error;
  }

const task = await mongoSink.createTask();
await task.start(
  {
    topics: "orders",
    "connection.uri": `mongodb://127.0.0.1:${server.port}/`,
    database: db.databaseName,
    collection: "sink",
    "document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.ProvidedInKeyStrategy",
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

const decoder = new SinkDecoder({ key, value, header: key }, async (_stage, error) => {
  throw error;
});

async function sink(partition) {
  const reader = new PartitionReader({ broker });
  reader.seek("orders", partition, 0);
  for (let rows = 0; rows < SHARE; )
    for (const polled of await reader.poll(100))
      for (const { rows: run } of await decoder.rows(polled)) {
        await task.putRows(run);
        rows += run.count;
      }
  await task.flush();
}

const sum = (parts) =>
  parts.reduce((a, b) => ({ seconds: a.seconds + b.seconds, cpu: a.cpu + b.cpu, peak: Math.max(a.peak, b.peak) }), {
    seconds: 0,
    cpu: 0,
    peak: 0,
  });

await bare(0, 2000);
const limit = [];
const ours = [];
for (let turn = 0; turn < TURNS; turn++) {
  const one = async () => limit.push(await measure(() => bare(turn * SHARE, (turn + 1) * SHARE)));
  const other = async () => ours.push(await measure(() => sink(turn)));
  for (const work of turn % 2 ? [other, one] : [one, other]) await work();
}
await task.stop();
for (const name of ["bare", "sink"]) {
  const found = await db.collection(name).countDocuments();
  if (found !== KEYS) throw new Error(`${found} documents in ${name}, expected ${KEYS}`);
}
console.log(`the bare driver: ${((sum(limit).cpu / (SHARE * TURNS)) * 1e6).toFixed(2)} CPU s per million`);
report("mongodb sink, replaced by key", SHARE * TURNS, sum(ours), { limit: "the bare driver, 1,000 a bulk", ...sum(limit) }, 0.8);
await db.dropDatabase();
await client.close();
await broker.close();
rmSync(dir, { recursive: true, force: true });
await server.stop();
process.exit();
