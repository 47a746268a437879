// What the demos share: lines with the time, the ports' HTTP, and that nothing is left running at the end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Millrace } from "millrace";

const started = performance.now();
export const say = (line) => console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}`);
export const bold = (text) => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text);
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const closers = [];
/** Run at the end, the last one first. */
export const atEnd = (closer) => closers.unshift(closer);

/** The demo's own folder, gone at its end. */
export const folder = mkdtempSync(join(tmpdir(), "millrace-demo-"));
chmodSync(folder, 0o755); // a database runs as an account of its own when this runs as root

/** Runs a demo to its end: exit code 0, or one sentence and 1. */
export async function demo(main) {
  process.once("SIGINT", stopped).once("SIGTERM", stopped);
  try {
    await Promise.race([main(), interrupted]);
  } catch (error) {
    console.error(`The demo stopped: ${error.code === "ENOSPC" ? "the disk is full." : error.message}`);
    process.exitCode = 1;
  }
  for (const closer of closers.splice(0)) await Promise.resolve(closer()).catch(() => {});
  rmSync(folder, { recursive: true, force: true });
  process.exit();
}

let stopped;
const interrupted = new Promise((resolve) => {
  stopped = resolve;
});
/** With --keep: until Ctrl-C. */
export const untilInterrupted = () => interrupted;

/** Everything in this process, on the standard ports or (for tests) on free ones. */
export async function startMillrace(hosts, freePorts, more = {}) {
  const before = performance.now();
  const ports = freePorts ? { kafka: 0, registry: 0, restProxy: 0, connect: 0, sql: 0, console: 0 } : {};
  const millrace = await Millrace.start({ dir: join(folder, "millrace"), hosts, ports, logLevel: "error", ...more });
  atEnd(() => millrace.close());
  say(
    `Millrace is up after ${Math.round(performance.now() - before)} ms: Connect on ${millrace.ports.connect}, SQL on ${millrace.ports.sql}, registry on ${millrace.ports.registry}`,
  );
  return millrace;
}

/** `millrace up` with the old stack's compose file, a process of its own, as its users start it; resolves to `{ ports }`. */
export async function upMillrace(compose, hosts, freePorts, { services } = {}) {
  const before = performance.now();
  const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
  const args = [main, "up", compose, "--dir", join(folder, "millrace"), "--log-format", "json"];
  for (const [name, address] of Object.entries(hosts)) args.push("--host", `${name}=${address}`);
  if (services) args.push("--services", services);
  if (freePorts) for (const name of ["kafka", "registry", "rest-proxy", "connect", "sql", "console"]) args.push(`--${name}-port`, "0");
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  const gone = once(child, "exit");
  atEnd(() => {
    child.kill();
    return gone;
  });
  let ports;
  let failure;
  for await (const line of createInterface({ input: child.stderr })) {
    const { level, message, ...facts } = line.startsWith("{") ? JSON.parse(line) : { level: "error", message: line };
    if (message === "ready") ports = facts;
    else if (level === "error") failure = message;
    if (ports) break;
  }
  if (!ports) throw new Error(failure ?? "millrace up ended");
  child.stderr.resume();
  say(
    `millrace up ${basename(compose)}: ready after ${Math.round(performance.now() - before)} ms, REST Proxy on ${ports.restProxy}, Connect on ${ports.connect}, SQL on ${ports.sql}, registry on ${ports.registry}`,
  );
  return { ports };
}

/** Every demo's flags and its own; `--free-ports` is for tests. */
export const flags = (own) =>
  parseArgs({ options: { keep: { type: "boolean" }, up: { type: "boolean" }, "free-ports": { type: "boolean" }, ...own } }).values;

/** In this process or, with --up, from the old stack's compose file beside the demo. */
export const openMillrace = (options, hosts, beside) =>
  options.up
    ? upMillrace(fileURLToPath(new URL("docker-compose.yml", beside)), hosts, options["free-ports"])
    : startMillrace(hosts, options["free-ports"]);

export async function post(url, body, type = "application/json") {
  const response = await fetch(url, { method: "POST", headers: { "content-type": type }, body });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${answer.message ?? JSON.stringify(answer)}`);
  return answer;
}

export const get = async (url) => (await fetch(url)).json();

/** Statements through the SQL port. */
export const ksql = (millrace, text) =>
  post(
    `http://127.0.0.1:${millrace.ports.sql}/ksql`,
    JSON.stringify({ ksql: text, streamsProperties: {} }),
    "application/vnd.ksql.v1+json",
  );

export async function poll(what, test, seconds = 30) {
  for (const deadline = performance.now() + seconds * 1000; performance.now() < deadline; await pause(20)) if (await test()) return;
  throw new Error(`${what} did not happen within ${seconds} s`);
}

/** Resolves when a task of the connector runs. */
export const running = (connect, name) =>
  poll(`the start of ${name}`, async () => {
    const status = await get(`${connect}/connectors/${name}/status`);
    const failed = status.tasks?.find((task) => task.state === "FAILED");
    if (failed) throw new Error(`${name} failed: ${failed.trace.split("\n")[0]}`);
    return status.tasks?.some((task) => task.state === "RUNNING");
  });

/** Resolves when a source has its place in the database's log: what is written from now on is captured. */
export const placed = (connect, name) =>
  poll(`a position of ${name}`, async () => (await get(`${connect}/connectors/${name}/offsets`)).offsets?.length > 0);

/** Resolves when the connector has written to so many topics. */
export const topics = (connect, name, count) =>
  poll(`the first records of ${name}`, async () => (await get(`${connect}/connectors/${name}/topics`))[name]?.topics.length >= count);
