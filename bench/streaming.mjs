// Streaming: 500 k inserts, then 200 k updates, in transactions of 1,000, waiting in the slot, as Avro and as JSON. Limit: the same
// slot position read raw, frames split and nothing decoded.
import pg from "pg";
import { columns, converters, rows, SCALE, source, startMillrace } from "./pipeline.mjs";
import { measure, report, startBenchPostgres } from "./support.mjs";

const INSERTS = Math.round(500_000 * SCALE);
const UPDATES = Math.round(200_000 * SCALE);
const server = await startBenchPostgres();
const db = await server.client();
await db.query(`CREATE TABLE big (${columns})`);
await db.query("CREATE PUBLICATION raw FOR TABLE big");

/** Reads a slot until `count` insert or update messages came; only the frames' lengths and types are looked at. */
async function readRaw(slot, count) {
  const client = new pg.Client({
    host: "127.0.0.1",
    port: server.port,
    user: "postgres",
    password: "postgres",
    database: "postgres",
    replication: "database",
  });
  client.on("error", () => {});
  await client.connect();
  const { stream } = client.connection;
  stream.removeAllListeners("data");
  let rest = Buffer.alloc(0);
  let seen = 0;
  await new Promise((resolve) => {
    stream.on("data", (chunk) => {
      const data = rest.length ? Buffer.concat([rest, chunk]) : chunk;
      let at = 0;
      while (at + 5 <= data.length) {
        const size = 1 + data.readUInt32BE(at + 1);
        if (at + size > data.length) break;
        // CopyData, XLogData, then 24 bytes of positions and time, then pgoutput's message type
        if (data[at] === 0x64 && data[at + 5] === 0x77) {
          const type = data[at + 30];
          if (type === 0x49 || type === 0x55) seen++;
        }
        at += size;
      }
      rest = at < data.length ? data.subarray(at) : Buffer.alloc(0);
      if (seen >= count) resolve();
    });
    client.connection.query(`START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names 'raw')`);
  });
  stream.destroy();
}

const m = await startMillrace(server.port);
/** A topic of its own for each format, both from what waits in a slot of its own. */
const formats = ["avro", "json"];
for (const format of formats) {
  await m.connector(format, source(format, { ...converters[format], "table.include.list": "public.big", "snapshot.mode": "no_data" }));
  for (;;) {
    const { rows: slots } = await db.query("SELECT active FROM pg_replication_slots WHERE slot_name = $1", [format]);
    if (slots[0]?.active) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
await db.query("INSERT INTO big VALUES (0)");
for (const format of formats) {
  await m.reached(`${format}.public.big`, 1, format);
  await m.stopConnector(format);
}
await new Promise((resolve) => setTimeout(resolve, 500));

async function backlog(what, count, statement) {
  await db.query("SELECT pg_drop_replication_slot('raw') FROM pg_replication_slots WHERE slot_name = 'raw'");
  await db.query("SELECT pg_create_logical_replication_slot('raw', 'pgoutput')");
  for (let at = 1; at <= count; at += 1000) await db.query(statement(at, Math.min(at + 999, count)));
  await readRawWarm(count);
  const limit = await measure(() => readRaw("raw", count));
  for (const format of formats) {
    const from = await m.end(`${format}.public.big`);
    const ours = await measure(async () => {
      await m.resumeConnector(format);
      await m.reached(`${format}.public.big`, from + count, format);
    });
    report(`streaming: ${what}, ${format}`, count, ours, { limit: "the slot read raw", ...limit }, 0.8);
    await m.stopConnector(format);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
/** A slot that nothing confirms gives the same again: the first reading warms the server's caches. */
const readRawWarm = async (count) => {
  await readRaw("raw", count);
  for (;;) {
    const { rows: slots } = await db.query("SELECT active FROM pg_replication_slots WHERE slot_name = 'raw'");
    if (!slots[0].active) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
await backlog("inserts", INSERTS, (from, to) => `INSERT INTO big ${rows(from, to)}`);
await backlog("updates", UPDATES, (from, to) => `UPDATE big SET a = a + 1, t = 'changed ' || id WHERE id BETWEEN ${from} AND ${to}`);
await m.close();
await server.stop();
process.exit();
