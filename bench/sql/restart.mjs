// A query with a store of a million keys: how long from a process's start until a pull query is answered, with the store's files
// intact, and how fast the store is rebuilt from the changelog when they are gone.
//   node bench/sql/restart.mjs [keys]
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { profiled } from "../support.mjs";
import { insertRows, startSql } from "./server.mjs";

const [what, dir] = process.argv.slice(2);
if (what === "again") await again(dir);
else await main(Number(what ?? 1_000_000));

async function main(keys) {
  const dir = mkdtempSync(join(tmpdir(), "bench-restart-"));
  try {
    const server = await startSql(dir);
    await server.ksql(`CREATE STREAM orders (customer INT, price DOUBLE) WITH (kafka_topic='orders', value_format='json', partitions=1);
      CREATE TABLE spent AS SELECT customer, SUM(price) AS total, COUNT(*) AS n FROM orders GROUP BY customer;`);
    await insertRows(server, "orders", keys, (i) => `{"CUSTOMER":${i},"PRICE":${(i % 1000) + 0.25}}`);
    await server.close();
    const files = snapshots(join(dir, "state"));
    const bytes = files.reduce((n, path) => n + statSync(path).size, 0);
    const intact = await child(dir, { BENCH_PROFILE: process.env.BENCH_PROFILE ? `${process.env.BENCH_PROFILE}.intact` : "" });
    console.log(
      `restart with ${keys} keys in ${Math.round(bytes / 1e6)} MB of files: pull query answered ${Math.round(intact.answered)} ms after the process's start, at most 2000: ${intact.answered <= 2000 ? "yes" : "NO"}; of which opening ${Math.round(intact.opened)} ms; ${intact.cpu.toFixed(1)} CPU s, peak ${intact.peak} MB`,
    );
    for (const path of snapshots(join(dir, "state"))) rmSync(path);
    const rebuilt = await child(dir, { BENCH_PROFILE: process.env.BENCH_PROFILE ?? "" });
    const rate = keys / ((rebuilt.answered - rebuilt.begun) / 1000);
    console.log(
      `rebuilt from the changelog: ${Math.round(rate)} keys/s, at least 300000: ${rate >= 300_000 ? "yes" : "NO"}; ${rebuilt.cpu.toFixed(1)} CPU s, peak ${rebuilt.peak} MB`,
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function snapshots(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".snapshot"))
    .map((name) => join(folder, name));
}

function child(dir, env) {
  return new Promise((resolve, reject) => {
    const run = spawn(process.execPath, [fileURLToPath(import.meta.url), "again", dir], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, BENCH_PROFILE: "", ...env },
    });
    let out = "";
    run.stdout.on("data", (chunk) => {
      out += chunk;
    });
    run.on("exit", (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`ended with ${code}`))));
  });
}

/** In a process of its own, as a restart is: times are from its start. */
async function again(dir) {
  const begun = performance.now();
  let opened = 0;
  const server = await profiled(async () => {
    const server = await startSql(dir);
    opened = performance.now();
    for (;;) {
      const response = await fetch(`${server.url}/query-stream`, {
        method: "POST",
        body: JSON.stringify({ sql: "SELECT total FROM spent WHERE customer = 7;" }),
      });
      if ((await response.text()).includes("[7.25]")) return server;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  const answered = performance.now();
  const { user, system } = process.cpuUsage();
  const peak = Math.round(process.resourceUsage().maxRSS / 1000);
  process.stdout.write(JSON.stringify({ begun, opened, answered, cpu: (user + system) / 1e6, peak }));
  await server.close();
}
