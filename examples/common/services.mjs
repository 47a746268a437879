// Real servers from test/services: installed into .services on first use, each instance a fresh one.
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "./free-port.mjs";

const scripts = fileURLToPath(new URL("../../test/services/", import.meta.url));
const root = process.env.MILLRACE_SERVICES ?? fileURLToPath(new URL("../../.services/", import.meta.url));
const signs = {
  mysql: () => existsSync(`${root}/mysql/root/usr/sbin/mysqld`),
  mariadb: () => existsSync("/usr/sbin/mariadbd"),
  cassandra: () => existsSync(`${root}/cassandra/lib`),
  kafka: () => existsSync(`${root}/kafka/lib`),
  postgres: () => existsSync("/usr/lib/postgresql"),
  mongodb: () => existsSync(`${root}/mongodb/bin/ferretdb`),
  "kafka-clients": () => existsSync(`${root}/kafka-clients/franz-go`),
  kcat: () => existsSync("/usr/bin/kcat"),
};

export const installed = (name) => signs[name]();

async function call(name, env, ...args) {
  try {
    return await promisify(execFile)("bash", [`${scripts}${name}.sh`, ...args], { env: { ...process.env, ...env } });
  } catch (error) {
    const last = String(error.stderr || error.stdout || error.message)
      .trim()
      .split("\n")
      .at(-1);
    throw new Error(`${name}.sh ${args[0]}: ${last}`);
  }
}

/** @throws Error with the script's last line where it cannot be had here */
export async function install(name) {
  if (!existsSync(`${scripts}${name}.sh`)) throw new Error("test/services is not part of the package: run it from a checkout");
  await call(name, {}, "install", `${root}/${name}`);
}

/** An instance on a free port; `kill` as `kill -9`, `start` again with its data, `stop` removes it. */
export async function startService(name, env = {}) {
  const port = await freePort();
  const home = `${root}/${name}`;
  const start = () => call(name, env, "start", home, String(port));
  await start();
  return {
    host: "127.0.0.1",
    port,
    start,
    halt: () => call(name, env, "stop", home, String(port)),
    async kill() {
      const pid = Number(readFileSync(`${home}/instances/${port}/pid`, "utf8"));
      process.kill(pid, "SIGKILL");
      while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    async stop() {
      await call(name, env, "stop", home, String(port));
      rmSync(`${home}/instances/${port}`, { recursive: true, force: true });
      rmSync(`${home}/root/instances/${port}`, { recursive: true, force: true });
    },
  };
}

/** A killed process may stay a zombie where nothing reaps it. */
function alive(pid) {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
