// The Postgres source alone: COPY's bytes to chunks of rows, and a slot's bytes to chunks, nothing encoded or stored.

import pg from "pg";
import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { systemClock } from "../dist/common/time.js";
import { postgresSource } from "../dist/connectors/postgres/connector.js";
import { measure, report, startBenchPostgres } from "./support.mjs";

const scale = Number(process.env.BENCH_SCALE ?? 1);
const columns = "id bigint PRIMARY KEY, a int, t text, n numeric(12,2), ts timestamptz, b boolean, v varchar(20)";
const rows = (from, to) =>
  `SELECT i, i % 100000, 'some text of row ' || i, (i % 1000000) / 100.0, timestamptz '2026-01-01' + i * interval '1 second', i % 2 = 0, 'v' || i % 1000 FROM generate_series(${from}::bigint, ${to}::bigint) i`;
const COUNT = Math.round(1_000_000 * scale);
const CHANGES = Math.round(500_000 * scale);
const server = await startBenchPostgres();
const db = await server.client();
await db.query(`CREATE TABLE big (${columns})`);
await db.query(`INSERT INTO big ${rows(1, COUNT)}`);
await db.query("VACUUM ANALYZE big");

/** The socket's bytes of a statement or a slot, frames skipped over and counted. */
async function raw(replication, statement, enough) {
  const client = new pg.Client({
    host: "127.0.0.1",
    port: server.port,
    user: "postgres",
    password: "postgres",
    database: "postgres",
    ...(replication ? { replication: "database" } : {}),
  });
  client.on("error", () => {});
  await client.connect();
  const { stream } = client.connection;
  stream.removeAllListeners("data");
  let frames = 0;
  let rest = Buffer.alloc(0);
  const done = new Promise((resolve) => {
    stream.on("data", (chunk) => {
      const b = rest.length ? Buffer.concat([rest, chunk]) : chunk;
      let p = 0;
      while (b.length - p >= 5) {
        const next = p + 1 + b.readInt32BE(p + 1);
        if (next > b.length) break;
        if (b[p] === 100 && (!replication || b[p + 5] === 119)) frames++;
        p = next;
      }
      rest = b.subarray(p);
      if (frames >= enough) resolve();
    });
  });
  client.connection.query(statement);
  await done;
  stream.destroy();
  return frames;
}

async function task(more) {
  const t = postgresSource.createTask();
  const abort = new AbortController();
  await t.start(
    {
      "database.hostname": "127.0.0.1",
      "database.port": String(server.port),
      "database.user": "postgres",
      "database.password": "postgres",
      "database.dbname": "postgres",
      "topic.prefix": "b",
      "slot.name": "ours",
      "publication.name": "pub",
      "table.include.list": "public.big",
      ...more,
    },
    {
      connector: "b",
      taskId: 0,
      logger: silentLogger,
      metrics: new Metrics(),
      clock: systemClock,
      signal: abort.signal,
      resolveHost: (host, port) => ({ host, port }),
      offset: () => undefined,
    },
  );
  const take = async (count) => {
    let n = 0;
    while (n < count) for (const item of await t.poll()) n += item.count ?? 0;
  };
  const stop = () => {
    abort.abort();
    return t.stop();
  };
  return { take, poll: () => t.poll(), stop };
}

await raw(false, "COPY big TO STDOUT", COUNT);
const limit = await measure(() => raw(false, "COPY big TO STDOUT", COUNT));
const t = await task({});
const ours = await measure(() => t.take(COUNT));
report("source alone: COPY to chunks", COUNT, ours, { limit: "COPY read as bytes", ...limit }, 0.5);
// streaming from here on
await t.poll();
await db.query("SELECT pg_create_logical_replication_slot('other', 'pgoutput')");
await t.stop();
for (let i = 0; i < CHANGES; i += 1000) await db.query(`INSERT INTO big ${rows(COUNT + 1 + i, COUNT + 1000 + i)}`);
const frames = CHANGES + (CHANGES / 1000) * 2;
const read = (slot) => `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names 'pub')`;
const rawLimit = await measure(() => raw(true, read("other"), frames));
const s = await task({ "snapshot.mode": "no_data" });
const streamed = await measure(() => s.take(CHANGES));
report("source alone: slot to chunks", CHANGES, streamed, { limit: "slot read raw", ...rawLimit }, 0.8);
await s.stop();
await server.stop();
process.exit();
