// MongoDB sink: documents of a topic in Avro, read from the log, decoded and replaced by key by the sink's task. Limit: the bare
// driver's bulkWrite of the same replacements in batches of 1,000, one after the other; both in turns, so that the server's moods
// are shared.
// node bench/mongodb-sink.mjs   (after npm run build; needs test/services/mongodb.sh install .services/mongodb)
import { MongoClient } from "mongodb";
import { mongoSink } from "../dist/connectors/mongodb/connector.js";
import { optional, primitive, Struct, structOf } from "../dist/data/schema.js";
import { installed, startService } from "../examples/common/services.mjs";
import { sinkTurns } from "./sink-turns.mjs";
import { report } from "./support.mjs";

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

const types = ["string", "string", "int32", "int64", "float64"];
const schema = structOf(names.slice(1).map((name, i) => [name, optional(primitive(types[i + 1]))]));
const keySchema = structOf([["_id", primitive("string")]]);
const turns = await sinkTurns({
  turns: TURNS,
  share: SHARE,
  key: [keySchema, (i) => new Struct(keySchema, [order(i)[0]])],
  value: [schema, (i) => new Struct(schema, order(i).slice(1))],
});
const task = await turns.start(mongoSink, {
  "connection.uri": `mongodb://127.0.0.1:${server.port}/`,
  database: db.databaseName,
  collection: "sink",
  "document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.ProvidedInKeyStrategy",
});
await bare(0, 2000);
const { ours, limit } = await turns.run(task, bare);
for (const name of ["bare", "sink"]) {
  const found = await db.collection(name).countDocuments();
  if (found !== KEYS) throw new Error(`${found} documents in ${name}, expected ${KEYS}`);
}
report("mongodb sink, replaced by key", SHARE * TURNS, ours, { limit: "the bare driver, 1,000 a bulk", ...limit }, 0.8);
await db.dropDatabase();
await client.close();
await turns.close();
await server.stop();
process.exit();
