// Sink: 1 M new rows upserted into a keyed table, exactly once; then 1 M updates. Limit: COPY into a staging table and one
// merge, 20,000 rows a batch, one connection, the same rows.

import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { systemClock } from "../dist/common/time.js";
import { confluentJdbcSink } from "../dist/connectors/jdbc/connectors.js";
import { Decimal, logical, optional, primitive, structOf } from "../dist/data/schema.js";
import { measure, report, startBenchPostgres } from "./support.mjs";

const COUNT = Math.round(1_000_000 * Number(process.env.BENCH_SCALE ?? 1));
const server = await startBenchPostgres();
const db = await server.client();
const table = (name) =>
  db.query(`CREATE TABLE ${name} (id bigint PRIMARY KEY, a int, t text, n numeric(12,2), ts timestamptz, b boolean, v varchar(20))`);

const key = structOf([["id", primitive("int64")]]);
const value = structOf([
  ["id", primitive("int64")],
  ["a", optional(primitive("int32"))],
  ["t", optional(primitive("string"))],
  ["n", optional(logical.decimal(2))],
  ["ts", optional(primitive("string", { name: "io.debezium.time.ZonedTimestamp", version: 1 }))],
  ["b", optional(primitive("boolean"))],
  ["v", optional(primitive("string"))],
]);
const BATCH = 5000;
function rows(from, salt) {
  const ids = Array.from({ length: BATCH }, (_, i) => from + i);
  const columns = [
    ids,
    ids.map((i) => (i * 7 + salt) | 0),
    ids.map((i) => `text of row ${i} ${salt}`),
    ids.map((i) => new Decimal(BigInt(i * 3 + salt), 2)),
    ids.map((i) => `2026-01-0${(i % 9) + 1}T12:34:${10 + (i % 50)}.123456Z`),
    ids.map((i) => i % 2 === 0),
    ids.map((i) => `v${i % 1000}`),
  ];
  return { ids, columns };
}
function sinkRows(offset, from, salt) {
  const { ids, columns } = rows(from, salt);
  return {
    topic: "bench",
    partition: 0,
    keySchema: key,
    valueSchema: value,
    count: BATCH,
    keys: [ids],
    values: columns,
    tombstone: new Uint8Array(BATCH),
    offsets: Float64Array.from(ids, (_, i) => offset + i),
    timestamps: new Float64Array(BATCH),
    sourceTimes: new Float64Array(BATCH),
    record: () => {
      throw new Error("refused row");
    },
  };
}

await table("limit_rows");
await db.query("CREATE UNLOGGED TABLE staging (LIKE limit_rows)");
async function copyAndMerge(salt) {
  const { from: copyFrom } = await import("./copy.mjs");
  for (let at = 0; at < COUNT; at += 20_000) {
    const lines = [];
    for (let part = at; part < Math.min(at + 20_000, COUNT); part += BATCH) {
      const { columns: c } = rows(part, salt);
      for (let i = 0; i < BATCH; i++) lines.push(`${c[0][i]}\t${c[1][i]}\t${c[2][i]}\t${c[3][i]}\t${c[4][i]}\t${c[5][i]}\t${c[6][i]}\n`);
    }
    await db.query("BEGIN; TRUNCATE staging");
    await copyFrom(db, "COPY staging FROM STDIN", Buffer.from(lines.join("")));
    await db.query(
      "INSERT INTO limit_rows SELECT * FROM staging ON CONFLICT (id) DO UPDATE SET a = EXCLUDED.a, t = EXCLUDED.t, n = EXCLUDED.n, ts = EXCLUDED.ts, b = EXCLUDED.b, v = EXCLUDED.v; COMMIT",
    );
  }
}
const limit = await measure(() => copyAndMerge(1));

const task = confluentJdbcSink.createTask();
await task.start(
  {
    "connection.url": `jdbc:postgresql://127.0.0.1:${server.port}/postgres`,
    "connection.user": "postgres",
    "connection.password": "postgres",
    "insert.mode": "upsert",
    "pk.mode": "record_key",
    "auto.create": "true",
  },
  {
    connector: "bench",
    taskId: 0,
    logger: silentLogger,
    metrics: new Metrics(),
    clock: systemClock,
    signal: new AbortController().signal,
    clusterId: "c",
    topicId: () => "t",
    resolveHost: (host, port) => ({ host, port }),
    seek() {},
    reportError: async (_, error) => {
      throw error;
    },
    pause() {},
    resume() {},
  },
);
await table("bench");
await task.open([{ topic: "bench", partition: 0 }]);
let offset = 0;
async function upsert(salt) {
  for (let at = 0; at < COUNT; at += BATCH, offset += BATCH) await task.putRows(sinkRows(offset, at, salt));
  await task.flush();
}
await db.query("CHECKPOINT");
const inserts = await measure(() => upsert(2));
await db.query("VACUUM bench");
await db.query("CHECKPOINT");
const updates = await measure(() => upsert(3));
await task.stop();
report("sink: new rows", COUNT, inserts, { limit: "COPY and merge of new rows", ...limit }, 0.85);
report("sink: updates", COUNT, updates, { limit: "COPY and merge of new rows", ...limit }, 0.6);
await server.stop();
