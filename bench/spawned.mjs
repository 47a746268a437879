// What the benches of a whole process share: a spawned `millrace start`, its resident memory, a bound that is no rate.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { request } from "node:http";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./support.mjs";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
export const surfaces = { registry: "/subjects", connect: "/connectors", sql: "/info", console: "/health" };

/** A claim in a unit of its own, as a line and for the table of `npm run bench`. */
export function bound(name, value, most, unit, extra = {}) {
  const load = loadavg()[0].toFixed(1);
  console.log(`${name}: ${value} ${unit}, at most ${most}: ${value <= most ? "yes" : "NO"} (load ${load})`);
  if (process.env.BENCH_JSON) console.log(`BENCH ${JSON.stringify({ name: `${name}, ${unit}`, rate: value, mustReach: most, ...extra })}`);
  return value <= most;
}

export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes: the resident memory of a process now, or its peak. */
export function resident(pid, which = "VmRSS") {
  return Number(new RegExp(`${which}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

/** CPU seconds of a process so far, all threads. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function newFolder() {
  const dir = mkdtempSync(join(tmpdir(), "millrace-bench-data-"));
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** The answer's status, or undefined where nobody listens yet. A connection of its own, so that nothing is kept from the last try. */
function ask(port, path) {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode));
    });
    asked.on("error", () => resolve(undefined));
    asked.end();
  });
}

/** Milliseconds from now until each of the ports has answered 200. */
export async function answered(ports, child) {
  const from = performance.now();
  await Promise.all(
    Object.entries(ports).map(async ([name, port]) => {
      while (surfaces[name] && (await ask(port, surfaces[name])) !== 200) {
        if (child.exitCode !== null) throw new Error(`the process ended with ${child.exitCode} before its ports answered`);
        if (performance.now() - from > 60_000) throw new Error(`${name} does not answer`);
        await pause(2);
      }
    }),
  );
  return performance.now() - from;
}

/** `millrace start` as a user starts it; `milliseconds` runs from the spawn until every port has answered. */
export async function spawnMillrace(dir, { flags = [], node = [], host } = {}) {
  const ports = {};
  for (const name of ["kafka", "rest-proxy", ...Object.keys(surfaces)]) ports[name] = await freePort();
  const args = [...node, main, "start", "--dir", dir, "--log-level", "error", ...flags];
  for (const [name, port] of Object.entries(ports)) args.push(`--${name}-port`, String(port));
  if (host) args.push("--host", host);
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"], cwd: tmpdir() });
  const milliseconds = await answered(ports, child);
  return {
    pid: child.pid,
    ports,
    milliseconds,
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null) return;
      const gone = once(child, "exit");
      child.kill(signal);
      await gone;
    },
  };
}
