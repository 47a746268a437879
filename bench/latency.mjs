// Source commit → row in the sink's table, 500 transactions/s for 120 s, through Avro and the log. The time runs from the commit's
// answer to the notification that the sink's commit sends. No limit but milliseconds: p50 3, p99 12.
import { columns, converters, SCALE, source, startMillrace } from "./pipeline.mjs";
import { startBenchPostgres } from "./support.mjs";

const SECONDS = Math.max(5, Math.round(120 * SCALE));
const RATE = 500;
const server = await startBenchPostgres();
const db = await server.client();
await db.query("CREATE DATABASE target");
const target = await server.client("target");
await db.query(`CREATE TABLE live (${columns})`);
await target.query(`CREATE TABLE live (${columns})`);
await target.query(
  `CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('seen', NEW.id::text); RETURN NEW; END $$`,
);
await target.query("CREATE TRIGGER seen AFTER INSERT OR UPDATE ON live FOR EACH ROW EXECUTE FUNCTION seen()");

const m = await startMillrace(server.port);
await m.connector(
  "source",
  source("lat", {
    ...converters.avro,
    "table.include.list": "public.live",
    transforms: "unwrap",
    "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
  }),
);
await db.query("INSERT INTO live VALUES (0)");
await m.reached("lat.public.live", 1, "source");
await m.connector("sink", {
  "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
  "connection.url": "jdbc:postgresql://postgres:5432/target",
  "connection.user": "postgres",
  "connection.password": "postgres",
  topics: "lat.public.live",
  "table.name.format": "live",
  "insert.mode": "upsert",
  "pk.mode": "record_key",
  ...converters.avro,
});

const committed = new Map();
const latencies = [];
target.on("notification", ({ payload }) => {
  const at = committed.get(payload);
  if (at !== undefined) latencies.push(performance.now() - at);
  else early.add(payload);
});
const early = new Set();
await target.query("LISTEN seen");
const writers = await Promise.all(Array.from({ length: 4 }, () => server.client()));
const cpu = process.cpuUsage();
const begun = performance.now();
const total = SECONDS * RATE;
let next = 1;
await Promise.all(
  writers.map(async (client) => {
    for (;;) {
      const id = next++;
      if (id > total) return;
      const due = begun + (id / RATE) * 1000;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      await client.query({ name: "insert", text: "INSERT INTO live VALUES ($1, 1, 'text', 1.5, now(), true, 'v')", values: [id] });
      // a notification that came before this process saw the commit's answer counts as no time at all
      if (early.delete(String(id))) latencies.push(0);
      else committed.set(String(id), performance.now());
    }
  }),
);
for (const end = performance.now() + 10_000; latencies.length < total && performance.now() < end; )
  await new Promise((resolve) => setTimeout(resolve, 20));
const used = process.cpuUsage(cpu);
latencies.sort((a, b) => a - b);
const at = (q) => Number((latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? Number.NaN).toFixed(2));
const peakMB = Math.round(process.memoryUsage.rss() / 1e6);
console.log(
  `latency: ${latencies.length} of ${total} commits seen in the sink's table; p50 ${at(0.5)} ms (must reach 3), p99 ${at(0.99)} ms (must reach 12), max ${at(1)} ms; ${(((used.user + used.system) / 1e6 / (performance.now() - begun)) * 1e5).toFixed(0)} % of a core, with the writers in the same process; ${peakMB} MB`,
);
if (process.env.BENCH_JSON) {
  console.log(`BENCH ${JSON.stringify({ name: `latency p50, ms (${SECONDS} s at ${RATE}/s)`, rate: at(0.5), mustReach: 3, peakMB })}`);
  console.log(`BENCH ${JSON.stringify({ name: "latency p99, ms", rate: at(0.99), mustReach: 12, peakMB })}`);
}
await m.close();
await server.stop();
process.exit(latencies.length === total ? 0 : 1);
