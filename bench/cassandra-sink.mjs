// Cassandra sink: rows of a topic in Avro, read from the log, decoded and written by the sink's task. Limit: the bare driver,
// prepared statements, the same rows, at the concurrency that a sweep finds best; both in turns, so that the server's moods
// are shared. One table whose partitions are rows, and one of few partitions, as the orders pipeline has it.
// node bench/cassandra-sink.mjs   (after npm run build; needs test/services/cassandra.sh install .services/cassandra)
import cassandra from "cassandra-driver";
import { cassandraSink } from "../dist/connectors/cassandra/connector.js";
import { optional, primitive, Struct, structOf } from "../dist/data/schema.js";
import { installed, startService } from "../examples/common/services.mjs";
import { sinkTurns } from "./sink-turns.mjs";
import { measure, report } from "./support.mjs";

const COUNT = Math.round(200_000 * Number(process.env.BENCH_SCALE ?? 1));
const TURNS = 8;
const SHARE = Math.ceil(COUNT / TURNS);
if (!installed("cassandra")) {
  console.log("cassandra sink: not run, no server in .services/cassandra");
  process.exit(0);
}
const running = process.env.MILLRACE_TEST_CASSANDRA;
const server = running ? { port: Number(running), stop() {} } : await startService("cassandra");
const { consistencies, distance } = cassandra.types;
const client = new cassandra.Client({
  contactPoints: [`127.0.0.1:${server.port}`],
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

async function bare(table, from, end, concurrency) {
  const query = `INSERT INTO ${ks}.${table} (source_system, order_id, store_name, user_name, quantity, ts) VALUES (?, ?, ?, ?, ?, ?)`;
  let at = from;
  const options = { prepare: true, consistency: consistencies.localOne };
  const lane = async () => {
    while (at < end) await client.execute(query, order(at++), options);
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

const schema = structOf([
  ["SOURCE_SYSTEM", optional(primitive("string"))],
  ["ORDER_ID", optional(primitive("string"))],
  ["STORE_NAME", optional(primitive("string"))],
  ["USER_NAME", optional(primitive("string"))],
  ["QUANTITY", optional(primitive("int32"))],
  ["ORDER_TS", optional(primitive("int64"))],
]);
const turns = await sinkTurns({
  turns: TURNS,
  share: SHARE,
  key: [primitive("string"), (i) => order(i)[1]],
  value: [schema, (i) => new Struct(schema, order(i))],
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
  const task = await turns.start(cassandraSink, {
    contactPoints: "127.0.0.1",
    port: String(server.port),
    "loadBalancing.localDc": "datacenter1",
    [`topic.orders.${ks}.${table}_sink.mapping`]:
      "source_system=value.SOURCE_SYSTEM, order_id=value.ORDER_ID, store_name=value.STORE_NAME, user_name=value.USER_NAME, quantity=value.QUANTITY, ts=value.ORDER_TS",
  });
  const { ours, limit } = await turns.run(task, (from, end) => bare(`${table}_limit`, from, end, best.concurrency));
  const { rows } = await client.execute(`SELECT count(*) FROM ${ks}.${table}_sink`, [], { readTimeout: 120_000 });
  if (Number(rows[0].count) !== SHARE * TURNS) throw new Error(`${rows[0].count} rows arrived of ${SHARE * TURNS}`);
  const what = table === "rows" ? "a partition a row" : "two partitions";
  report(`cassandra sink, ${what}`, SHARE * TURNS, ours, { limit: `the bare driver, ${best.concurrency} at a time`, ...limit }, mustReach);
}
await client.execute(`DROP KEYSPACE ${ks}`).catch(() => {});
await client.shutdown();
await turns.close();
await server.stop();
process.exit();
