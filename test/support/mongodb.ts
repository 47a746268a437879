import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MongoClient } from "mongodb";
import { freePort } from "./postgres.js";

const run = promisify(execFile);
const folder = fileURLToPath(new URL("../../.services/mongodb", import.meta.url));
const script = fileURLToPath(new URL("../services/mongodb.sh", import.meta.url));

/** Whether the server is installed here (`test/services/mongodb.sh install .services/mongodb`). */
export const mongoInstalled = existsSync(`${folder}/bin/ferretdb`);

/** A real server of MongoDB's protocol of its own for a test file, without authentication. */
export interface TestMongo {
  readonly port: number;
  /** Closed by `stop`. */
  client(): Promise<MongoClient>;
  kill(): Promise<void>;
  /** Starts it again with the data that it had. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * With `MILLRACE_TEST_MONGODB` set to a port, that running server is used, started by `mongodb.sh`; `own`: never, because the test
 * kills it.
 */
export async function startMongo(options: { own?: boolean } = {}): Promise<TestMongo> {
  const shared = options.own ? undefined : process.env["MILLRACE_TEST_MONGODB"];
  const port = shared ? Number(shared) : await freePort();
  const start = () => run("bash", [script, "start", folder, String(port)], { timeout: 100_000 });
  if (!shared) await start();
  const clients: MongoClient[] = [];
  return {
    port,
    async client() {
      const c = await new MongoClient(`mongodb://127.0.0.1:${port}/`).connect();
      clients.push(c);
      return c;
    },
    async kill() {
      const pid = Number(readFileSync(`${folder}/instances/${port}/pid`, "utf8"));
      process.kill(pid, "SIGKILL");
      while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    restart: async () => void (await start()),
    async stop() {
      await Promise.all(clients.map((c) => c.close().catch(() => {})));
      if (shared) return;
      await run("bash", [script, "stop", folder, String(port)], { timeout: 60_000 }).catch(() => {});
      for (const home of [`${folder}/instances/${port}`, `${folder}/root/instances/${port}`])
        rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A killed process may stay a zombie where nothing reaps it. */
function alive(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
