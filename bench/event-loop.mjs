// The event loop's delay in one spawned `millrace start` while it reads a snapshot, runs the example's queries over its rows (a
// table-table join and an average by group, as the files have them) and writes both the averages and the joined rows into
// another database. Beside it the delay of a Node process that only keeps a core busy in turns of a millisecond.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { SCALE } from "./pipeline.mjs";
import { bound, newFolder, pause, resident, spawnMillrace } from "./spawned.mjs";
import { startBenchPostgres } from "./support.mjs";

const COUNT = Math.round(1_000_000 * SCALE);
const example = (name) => readFileSync(new URL(`../examples/admissions/${name}`, import.meta.url), "utf8");

/** Milliseconds: what the machine itself does to a process that would never wait. */
function bareDelay() {
  const code = `
    const delay = require("node:perf_hooks").monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const end = performance.now() + 3000;
    (function turn() {
      const until = performance.now() + 1;
      while (performance.now() < until);
      if (performance.now() < end) setImmediate(turn);
      else console.log(delay.percentile(99) / 1e6);
    })();`;
  return new Promise((resolve) => {
    spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] }).stdout.on("data", (text) => resolve(Number(text)));
  });
}

/** Seconds that a process's main thread ran, and waited for a core. */
function scheduled(pid) {
  const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ");
  return { ran: Number(ran) / 1e9, waited: Number(waited) / 1e9 };
}

const server = await startBenchPostgres();
const db = await server.client();
await db.query("CREATE DATABASE students");
await db.query("CREATE DATABASE report");
const students = await server.client("students");
const report = await server.client("report");
await students.query(example("schema.sql"));
const call = async (method, url, body, type = "application/json") => {
  const response = await fetch(url, { method, headers: { "content-type": type }, ...(body ? { body } : {}) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text}`);
  return text ? JSON.parse(text) : undefined;
};

const bare = await bareDelay();
const folder = newFolder();
const millrace = await spawnMillrace(folder.dir, {
  host: `postgres=127.0.0.1:${server.port}`,
  node: process.env.BENCH_NODE_FLAGS?.split(" ") ?? [],
});
const connect = `http://127.0.0.1:${millrace.ports.connect}/connectors`;
const delayMetric = async () => {
  const text = await (await fetch(`http://127.0.0.1:${millrace.ports.console}/metrics`)).text();
  return Number(/^millrace_event_loop_delay_seconds (\S+)/m.exec(text)[1]) * 1000;
};

const joined = {
  ...JSON.parse(example("sink-confluent.json")).config,
  topics: "RESEARCH_BOOST",
  "pk.mode": "record_value",
  "pk.fields": "STUDENT_ID",
  "key.converter": "org.apache.kafka.connect.storage.StringConverter",
};
// One row of each table makes the topics and their schemas, so that the statements can come ahead of the snapshot that counts, and
// all of it runs at once.
await students.query("INSERT INTO admission VALUES (1, 290, 90, 6, 0)");
await students.query("INSERT INTO research VALUES (1, 1, 0)");
await call("POST", connect, example("source.json"));
while (((await call("GET", `${connect}/admissions-source/topics`))["admissions-source"]?.topics.length ?? 0) < 2) await pause(10);
await call(
  "POST",
  `http://127.0.0.1:${millrace.ports.sql}/ksql`,
  JSON.stringify({ ksql: example("pipeline.sql"), streamsProperties: {} }),
  "application/vnd.ksql.v1+json",
);
await call("POST", connect, example("sink-debezium.json"));
await call("POST", connect, JSON.stringify({ name: "joined-sink", config: joined }));
await call("PUT", `${connect}/admissions-source/stop`);
await call("DELETE", `${connect}/admissions-source/offsets`);
await students.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
await students.query("TRUNCATE admission, research");
await students.query(
  `INSERT INTO admission SELECT i, 290 + i % 50, 90 + i % 30, 6 + (i % 40) / 10.0, (i % 100) / 100.0 FROM generate_series(1, ${COUNT}) i`,
);
await students.query(`INSERT INTO research SELECT i, i % 5 + 1, i % 2 FROM generate_series(1, ${COUNT}) i`);
await students.query("VACUUM ANALYZE");
const { rows: expected } = await students.query(
  "SELECT research, round(avg(admit_chance)::numeric, 5)::text AS average FROM admission JOIN research USING (student_id) GROUP BY 1 ORDER BY 1",
);

const asked = [];
let answering = true;
const begun = performance.now();
const before = scheduled(millrace.pid);
await delayMetric(); // the percentile begins anew with each reading
await call("PUT", `${connect}/admissions-source/resume`);
const responsive = (async () => {
  while (answering) {
    const from = performance.now();
    await call("GET", `http://127.0.0.1:${millrace.ports.sql}/info`);
    asked.push(performance.now() - from);
    await pause(50);
  }
})();
let peak = 0;
for (;;) {
  peak = Math.max(peak, resident(millrace.pid));
  for (const name of ["admissions-source", "admissions-sink", "joined-sink"]) {
    const failed = (await call("GET", `${connect}/${name}/status`)).tasks.find((task) => task.state === "FAILED");
    if (failed) throw new Error(failed.trace);
  }
  const averages = await report
    .query("SELECT CAST(research AS INT) AS research, round(ave_chance::numeric, 5)::text AS average FROM research_ave_boost ORDER BY 1")
    .catch(() => ({ rows: [] }));
  const found = averages.rows.filter((row) => row.research !== null);
  if (JSON.stringify(found) === JSON.stringify(expected)) {
    const { rows } = await report.query("SELECT count(*)::int AS n FROM research_boost WHERE research IS NOT NULL");
    if (rows[0].n === COUNT) break;
  }
  await pause(500);
}
const p99 = await delayMetric();
const seconds = (performance.now() - begun) / 1000;
answering = false;
await responsive;
const after = scheduled(millrace.pid);
asked.sort((a, b) => a - b);
console.log(
  `two tables of ${COUNT} rows: snapshot, queries and sinks in ${seconds.toFixed(1)} s; the main thread ran ${(after.ran - before.ran).toFixed(1)} s and waited ${(after.waited - before.waited).toFixed(1)} s for a core; GET /info p99 ${asked[Math.floor(asked.length * 0.99)].toFixed(0)} ms, most ${asked.at(-1).toFixed(0)} ms; peak ${Math.round(peak / 1e6)} MB`,
);
const met = bound(`event loop delay under load, p99 (a bare busy process: ${bare.toFixed(0)} ms)`, Number(p99.toFixed(1)), 50, "ms", {
  peakMB: Math.round(peak / 1e6),
});
await millrace.stop();
await folder.remove();
await server.stop();
process.exit(met ? 0 : 1);
