import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "cassandra-driver";
import { freePort } from "./postgres.js";

const run = promisify(execFile);
const folder = fileURLToPath(new URL("../../.services/cassandra", import.meta.url));
const script = fileURLToPath(new URL("../services/cassandra.sh", import.meta.url));

/** Whether the server is installed here (`test/services/cassandra.sh install .services/cassandra`). */
export const cassandraInstalled = existsSync(`${folder}/lib`);

/** A real Cassandra of its own for a test file: one node, `datacenter1`, no authentication. */
export interface TestCassandra {
  readonly port: number;
  /** A connected client; closed by `stop`. */
  client(): Promise<Client>;
  kill(): Promise<void>;
  /** Starts it again with the data that it had. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * With `MILLRACE_TEST_CASSANDRA` set to a port, that running server is used, started by `cassandra.sh`; `own`: never, because the
 * test kills it.
 */
export async function startCassandra(options: { own?: boolean } = {}): Promise<TestCassandra> {
  const shared = options.own ? undefined : process.env["MILLRACE_TEST_CASSANDRA"];
  const port = shared ? Number(shared) : await freePort();
  const home = `${folder}/instances/${port}`;
  // the quick compiler only: a server that runs for seconds spends most of its time compiling otherwise
  const env = { ...process.env, CASSANDRA_TIER: "1" };
  const start = () => run("bash", [script, "start", folder, String(port)], { timeout: 150_000, env });
  if (!shared) await start();
  const clients: Client[] = [];
  return {
    port,
    async client() {
      const c = new Client({
        contactPoints: [`127.0.0.1:${port}`],
        localDataCenter: "datacenter1",
        socketOptions: { readTimeout: 30_000 },
      });
      await c.connect();
      clients.push(c);
      return c;
    },
    async kill() {
      const pid = Number(readFileSync(`${home}/pid`, "utf8"));
      process.kill(pid, "SIGKILL");
      while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    restart: async () => void (await start()),
    async stop() {
      await Promise.all(clients.map((c) => c.shutdown().catch(() => {})));
      if (shared) return;
      await run("bash", [script, "stop", folder, String(port)], { timeout: 60_000 }).catch(() => {});
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
