import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import mysql from "mysql2/promise";
import { freePort } from "./postgres.js";

export type Flavor = "mysql" | "mariadb";

/** A real MySQL 9 or MariaDB of its own: ROW binlog with full metadata, GTIDs, user `root`, by default without password. */
export interface TestMysql {
  readonly flavor: Flavor;
  readonly port: number;
  readonly password: string;
  /** A connected client; closed by `stop`. Statements may be several at once; numbers beyond 2^53 and decimals are strings, dates are strings. */
  client(database?: string, options?: mysql.ConnectionOptions): Promise<mysql.Connection>;
  /** Runs statements one after the other on one connection. */
  run(...statements: string[]): Promise<void>;
  /** Stops it but keeps its data, and starts it again, with other options where given. */
  restart(options?: readonly string[], signal?: "SIGKILL"): Promise<void>;
  stop(): Promise<void>;
}

const services = fileURLToPath(new URL("../../.services/", import.meta.url));
const scripts = fileURLToPath(new URL("../services/", import.meta.url));

/** Whether `bash test/services/NAME.sh install .services/NAME` was done: a test without its server is reported as not run. */
export function installed(flavor: Flavor): boolean {
  return flavor === "mysql" ? existsSync(`${services}mysql/root/usr/sbin/mysqld`) : existsSync("/usr/sbin/mariadbd");
}

export interface StartOptions {
  /** further options of the server, as `--binlog-row-metadata=MINIMAL` */
  readonly options?: readonly string[];
  readonly password?: string;
}

/** @param flavor see `installed` */
export async function startMysql(flavor: Flavor = "mysql", start: StartOptions = {}): Promise<TestMysql> {
  const port = await freePort();
  const password = start.password ?? "";
  const home = `${services}${flavor}`;
  let options = start.options ?? [];
  const call = (action: string) => {
    const name = flavor === "mysql" ? "MYSQL" : "MARIADB";
    const env = { ...process.env, [`${name}_OPTIONS`]: options.join(" "), [`${name}_PASSWORD`]: password };
    return promisify(execFile)("bash", [`${scripts}${flavor}.sh`, action, home, String(port)], { env });
  };
  await call("start");
  let clients: mysql.Connection[] = [];
  const client = async (database?: string, more: mysql.ConnectionOptions = {}) => {
    const c = await mysql.createConnection({
      host: "127.0.0.1",
      port,
      user: "root",
      password,
      ...(database === undefined ? {} : { database }),
      multipleStatements: true,
      supportBigNumbers: true,
      dateStrings: true,
      charset: "utf8mb4",
      ...more,
    });
    c.on("error", () => {}); // a server that is stopped under it is no failure of the test
    clients.push(c);
    return c;
  };
  const closeAll = () => {
    for (const c of clients) c.destroy();
    clients = [];
  };
  return {
    flavor,
    port,
    password,
    client,
    async run(...statements) {
      const c = await client();
      for (const s of statements) await c.query(s);
      await c.end();
    },
    async restart(more, signal) {
      closeAll();
      if (more) options = more;
      if (signal) {
        const pid = Number(readFileSync(`${home}/instances/${port}/pid`, "utf8"));
        process.kill(pid, signal);
      }
      await call("stop");
      await call("start");
    },
    async stop() {
      closeAll();
      await call("stop");
      await rm(`${home}/instances/${port}`, { recursive: true, force: true });
      if (flavor === "mysql") await rm(`${home}/root/instances/${port}`, { recursive: true, force: true });
    },
  };
}
