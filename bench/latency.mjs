// Source commit → row in the sink's table, 500 transactions/s for 120 s, after 10 s that compile the code, through Avro and the log.
// The time runs from the commit's answer to the notification that the sink's commit sends, both seen by a process of its own: this one
// runs Millrace alone. Its stages are printed too (a record's own timestamp tells when it was encoded, to the ms; a reader of the topic
// when it was committed), and what the disk alone took meanwhile. No limit but milliseconds: p50 3, p99 12.
import { fork } from "node:child_process";
import { monotonic, quantile, quantiles, startFloor, watchTopics } from "./latency-support.mjs";
import { columns, converters, SCALE, source, startMillrace } from "./pipeline.mjs";
import { startBenchPostgres } from "./support.mjs";

const SECONDS = Math.max(5, Math.round(120 * SCALE));
const RATE = 500;
const WARM_UP = 10;
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

/** by id, ms of the monotonic clock */
const encoded = [];
const logged = [];
const wall = monotonic() - Date.now();
const endWatch = await watchTopics(m.millrace.broker, ["lat.public.live"], (_topic, cursor, now) => {
  const id = zigzag(cursor.bytes, cursor.keyStart + 5); // after the magic byte and the schema's id
  encoded[id] = cursor.timestamp + wall;
  logged[id] = now;
});

const floor = await startFloor(server.folder);
const cpu = process.cpuUsage();
const begun = performance.now();
const writer = fork(new URL("latency-writer.mjs", import.meta.url), [String(server.port), String(RATE), String(SECONDS), String(WARM_UP)]);
const { commits, total } = await new Promise((resolve, reject) => {
  writer.once("message", resolve);
  writer.once("exit", (code) => reject(new Error(`the writer ended with ${code}`)));
});
const used = process.cpuUsage(cpu);
await endWatch();
const times = [];
const stages = { "commit → encoded": [], "encoded → committed in the topic": [], "topic → row in the sink": [] };
const [toEncoded, toTopic, toSink] = Object.values(stages);
for (const { id, committed, arrived } of commits) {
  times.push(Math.max(0, arrived - committed)); // a notification may come before the commit's answer
  toEncoded.push(Math.max(0, encoded[id] - committed));
  toTopic.push(Math.max(0, logged[id] - Math.max(encoded[id], committed)));
  toSink.push(Math.max(0, arrived - logged[id]));
}
const [seen, p50, p99, max] = [times.length, ...[0.5, 0.99, 1].map((q) => quantile(times, q))];
const peakMB = Math.round(process.memoryUsage.rss() / 1e6);
console.log(
  `latency: ${seen} of ${total} commits seen in the sink's table; p50 ${p50} ms (must reach 3), p99 ${p99} ms (must reach 12), max ${max} ms; ${(((used.user + used.system) / 1e6 / (performance.now() - begun)) * 1e5).toFixed(0)} % of a core; ${peakMB} MB`,
);
for (const [name, list] of Object.entries(stages)) console.log(`  ${name}: ${quantiles(list)}`);
await floor.end();
if (process.env.BENCH_JSON) {
  console.log(`BENCH ${JSON.stringify({ name: `latency p50, ms (${SECONDS} s at ${RATE}/s)`, rate: p50, mustReach: 3, peakMB })}`);
  console.log(`BENCH ${JSON.stringify({ name: "latency p99, ms", rate: p99, mustReach: 12, peakMB })}`);
}
function zigzag(bytes, at) {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * scale;
    if (byte < 128) return value % 2 ? -(value + 1) / 2 : value / 2;
  }
}

await m.close();
await server.stop();
process.exit(seen === total ? 0 : 1);
