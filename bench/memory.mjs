// Resident memory of a spawned `millrace start`: with the example's whole pipeline, and over a snapshot of 10 million rows of 7
// columns whose sink is held back by a lock on its table. The second must not grow with the number of rows.
//   node bench/memory.mjs [pipeline] [snapshot]        both where none is named; BENCH_SCALE shrinks the snapshot
import { readFileSync } from "node:fs";
import { columns, converters, rows, SCALE, source } from "./pipeline.mjs";
import { bound, cpuSeconds, median, newFolder, pause, resident, spawnMillrace } from "./spawned.mjs";
import { startBenchPostgres } from "./support.mjs";

const COUNT = Math.round(10_000_000 * SCALE);
const wanted = process.argv.slice(2);
const results = [];
const megabytes = (bytes) => Math.round(bytes / 1e6);
const server = await startBenchPostgres(["-c", "max_wal_size=2GB"]);
const db = await server.client();

const call = async (method, url, body, type = "application/json") => {
  const response = await fetch(url, { method, headers: { "content-type": type }, ...(body ? { body } : {}) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text}`);
  return text ? JSON.parse(text) : undefined;
};

async function failure(connect, name) {
  const status = await call("GET", `${connect}/${name}/status`);
  return status.tasks.find((task) => task.state === "FAILED")?.trace;
}

/** The example's own files against the spawned process, as its README does by curl. */
async function examplePipeline() {
  const example = (name) => readFileSync(new URL(`../examples/admissions/${name}`, import.meta.url), "utf8");
  await db.query("CREATE DATABASE students");
  await db.query("CREATE DATABASE report");
  const students = await server.client("students");
  const report = await server.client("report");
  await students.query(example("schema.sql"));
  const load = async (table, file) => {
    const [header, ...lines] = example(`data/${file}`).trim().split("\n");
    const values = lines.map((line) => `(${line})`).join(",");
    await students.query(`INSERT INTO ${table} VALUES ${values}`);
    return header;
  };
  await load("admission", "admit_1.csv");
  await load("research", "research_1.csv");
  const folder = newFolder();
  const millrace = await spawnMillrace(folder.dir, { host: `postgres=127.0.0.1:${server.port}` });
  const idle = resident(millrace.pid);
  const connect = `http://127.0.0.1:${millrace.ports.connect}/connectors`;
  await call("POST", connect, example("source.json"));
  while ((await call("GET", `${connect}/admissions-source/topics`))["admissions-source"].topics.length < 2) await pause(50);
  const sql = JSON.stringify({ ksql: example("pipeline.sql"), streamsProperties: {} });
  await call("POST", `http://127.0.0.1:${millrace.ports.sql}/ksql`, sql, "application/vnd.ksql.v1+json");
  await call("POST", connect, example("sink-debezium.json"));
  const reached = async (average) => {
    for (;;) {
      const { rows } = await report
        .query("SELECT round(ave_chance::numeric, 5)::text AS average FROM research_ave_boost WHERE CAST(research AS INT) = 0")
        .catch(() => ({ rows: [] }));
      if (rows[0]?.average === average) return;
      const failed = (await failure(connect, "admissions-sink")) ?? (await failure(connect, "admissions-source"));
      if (failed) throw new Error(failed);
      await pause(50);
    }
  };
  await reached("0.65194");
  await load("admission", "admit_2.csv");
  await load("research", "research_2.csv");
  await reached("0.63491");
  await pause(5000);
  const now = resident(millrace.pid);
  const peakMB = megabytes(resident(millrace.pid, "VmHWM"));
  console.log(`the example's pipeline: ${megabytes(idle)} MB before it, ${megabytes(now)} MB with it, ${peakMB} MB at its peak`);
  results.push(bound("resident with the example's pipeline, peak", peakMB, 200, "MB", { peakMB }));
  await millrace.stop();
  await folder.remove();
}

/** Megabytes, one a second, until `done`; the source's own end is asked for at each. */
async function sampled(pid, done) {
  const samples = [];
  for (;;) {
    const progress = await done();
    samples.push({ at: performance.now(), bytes: resident(pid), progress });
    if (progress >= 1) return samples;
    await pause(1000);
  }
}

async function heldBack() {
  await db.query("CREATE DATABASE target");
  const target = await server.client("target");
  await db.query(`CREATE TABLE big (${columns})`);
  for (let from = 1; from <= COUNT; from += 1_000_000) await db.query(`INSERT INTO big ${rows(from, Math.min(COUNT, from + 999_999))}`);
  await db.query("VACUUM ANALYZE big");
  await target.query(`CREATE TABLE big (${columns})`);
  const folder = newFolder();
  const millrace = await spawnMillrace(folder.dir, {
    host: `postgres=127.0.0.1:${server.port}`,
    node: process.env.BENCH_NODE_FLAGS?.split(" ") ?? [],
  });
  const idle = resident(millrace.pid);
  const base = `http://127.0.0.1:${millrace.ports.connect}/connectors`;
  const connector = (name, config) => call("PUT", `${base}/${name}/config`, JSON.stringify(config));
  await target.query("BEGIN");
  await target.query("LOCK TABLE big IN SHARE MODE");
  const flat = { transforms: "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState" };
  await connector("sink", {
    "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
    "connection.url": "jdbc:postgresql://postgres:5432/target",
    "connection.user": "postgres",
    "connection.password": "postgres",
    topics: "mem.public.big",
    "table.name.format": "big",
    "insert.mode": "upsert",
    "pk.mode": "record_key",
    ...converters.avro,
  });
  await connector("source", source("mem", { ...converters.avro, ...flat, "table.include.list": "public.big" }));
  const metrics = async () => (await fetch(`http://127.0.0.1:${millrace.ports.console}/metrics`)).text();
  const written = async () => {
    const failed = (await failure(base, "source")) ?? (await failure(base, "sink"));
    if (failed) throw new Error(failed);
    const found = /^millrace_connector_records_total\{[^}]*connector="source"[^}]*\} (\d+)/m.exec(await metrics());
    return Number(found?.[1] ?? 0) / COUNT;
  };
  const [begun, used] = [performance.now(), cpuSeconds(millrace.pid)];
  const samples = await sampled(millrace.pid, written);
  const seconds = (performance.now() - begun) / 1000;
  const spent = cpuSeconds(millrace.pid) - used;
  const waited = await target.query("SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND relation = 'big'::regclass");
  const { rows: stored } = await target.query("SELECT count(*)::int AS n FROM big");
  const series = samples.map((sample) => sample.bytes);
  const third = Math.floor(series.length / 3);
  const [first, last] = [median(series.slice(0, third)), median(series.slice(-third))];
  const most = resident(millrace.pid, "VmHWM");
  const slope = slopeOf(samples) / 1e6;
  console.log(
    `snapshot of ${COUNT} rows with its sink held back (${stored[0].n} rows stored, ${waited.rows[0].n} sessions waiting for the lock): ${seconds.toFixed(0)} s, ${(COUNT / seconds).toFixed(0)} rows/s, ${((spent / COUNT) * 1e6).toFixed(1)} CPU s per million`,
  );
  console.log(
    `  resident ${megabytes(idle)} MB before it; median of the first third ${megabytes(first)} MB, of the last ${megabytes(last)} MB (${Math.round((last / first) * 100)} %); peak ${megabytes(most)} MB; slope ${slope.toFixed(2)} MB per million rows over the last two thirds`,
  );
  if (process.env.BENCH_SERIES) console.log(`  ${samples.map((s) => `${s.progress.toFixed(2)}:${megabytes(s.bytes)}`).join(" ")}`);
  const peakMB = megabytes(most);
  results.push(bound("resident during the snapshot, peak", peakMB, 400, "MB", { peakMB }));
  // Once the topic's first segment is full (1 GB, after some 6 million rows) it is compacted beside the snapshot, which shows here.
  // Fewer rows than that say little, because the process has hardly warmed up.
  results.push(bound("growth of the last third's median over the first third's", Math.round((last / first - 1) * 100), 15, "%"));
  await target.query("COMMIT");
  await millrace.stop();
  await folder.remove();
}

/** Least squares over the last two thirds: bytes per million rows. */
function slopeOf(samples) {
  const used = samples.slice(Math.floor(samples.length / 3));
  const x = used.map((s) => (s.progress * COUNT) / 1e6);
  const y = used.map((s) => s.bytes);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  let over = 0;
  let under = 0;
  for (let i = 0; i < x.length; i++) {
    over += (x[i] - mx) * (y[i] - my);
    under += (x[i] - mx) ** 2;
  }
  return under ? over / under : 0;
}

if (!wanted.length || wanted.includes("pipeline")) await examplePipeline();
if (!wanted.length || wanted.includes("snapshot")) await heldBack();
await server.stop();
process.exit(results.every(Boolean) ? 0 : 1);
