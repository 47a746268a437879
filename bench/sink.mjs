// Sink: 1 M new rows upserted into a keyed table, exactly once; then 1 M updates. The rows lie in the log as Avro before the clock
// starts; measured are fetch, decode, encode and the target. Limit: COPY into a staging table and one merge, 20,000 rows a batch, one
// connection, the same rows, made ready before.
import { from as copyFrom } from "./copy.mjs";
import { COLUMNS, openBed, row } from "./sink-support.mjs";
import { measure, report, startBenchPostgres } from "./support.mjs";

const COUNT = Math.round(1_000_000 * Number(process.env.BENCH_SCALE ?? 1));
const BATCH = 20_000;
const server = await startBenchPostgres();
const db = await server.client();
const table = (name) =>
  db.query(`CREATE TABLE ${name} (id bigint PRIMARY KEY, a int, t text, n numeric(12,2), ts timestamptz, b boolean, v varchar(20))`);

await table("limit_rows");
await db.query("CREATE UNLOGGED TABLE staging (LIKE limit_rows); SET TIME ZONE 'UTC'");
const lines = (from) =>
  Buffer.from(Array.from({ length: Math.min(BATCH, COUNT - from) }, (_, i) => `${row(from + i, 1).join("\t")}\n`).join(""));
const ready = Array.from({ length: Math.ceil(COUNT / BATCH) }, (_, i) => lines(i * BATCH));
const assign = COLUMNS.slice(1).map((c) => `${c} = EXCLUDED.${c}`);
const limit = await measure(async () => {
  for (const bytes of ready) {
    await db.query("BEGIN; TRUNCATE staging");
    await copyFrom(db, "COPY staging FROM STDIN", bytes);
    await db.query(`INSERT INTO limit_rows SELECT * FROM staging ON CONFLICT (id) DO UPDATE SET ${assign.join(", ")}; COMMIT`);
  }
});
ready.length = 0;

const bed = await openBed(COUNT, { created: 2, updated: 3 });
await table("bench");
const target = {
  "connection.url": `jdbc:postgresql://127.0.0.1:${server.port}/postgres`,
  "connection.user": "postgres",
  "connection.password": "postgres",
};
const reached = (topic) => async () => {
  const there = await db.query("SELECT to_regclass('millrace_offsets') IS NOT NULL AS there");
  if (!there.rows[0].there) return false;
  const { rows } = await db.query("SELECT max(next_offset)::int AS n FROM millrace_offsets WHERE topic = $1", [topic]);
  return rows[0].n >= COUNT && (await counted(topic));
};
// the lanes of the last batch may still differ: then the rows tell
const counted = async (topic) => {
  const salt = topic === "created" ? 2 : 3;
  const { rows } = await db.query("SELECT count(*)::int AS n FROM bench WHERE t LIKE $1", [`% ${salt}`]);
  return rows[0].n === COUNT;
};
await db.query("CHECKPOINT");
const inserts = await bed.run("created", target, reached("created"));
await db.query("VACUUM bench");
await db.query("CHECKPOINT");
const updates = await bed.run("updated", target, reached("updated"));
report("sink: new rows", COUNT, inserts, { limit: "COPY and merge of new rows", ...limit }, 0.85);
report("sink: updates", COUNT, updates, { limit: "COPY and merge of new rows", ...limit }, 0.6);
await bed.close();
await server.stop();
