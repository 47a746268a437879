// Snapshot: 1 M rows of 7 columns into the topic. Limit: the same table's COPY … TO STDOUT read as bytes by one Node client.
import { columns, converters, rows, SCALE, source, startMillrace } from "./pipeline.mjs";
import { measure, report, startBenchPostgres } from "./support.mjs";

const COUNT = Math.round(1_000_000 * SCALE);
const server = await startBenchPostgres();
const db = await server.client();
await db.query(`CREATE TABLE big (${columns})`);
await db.query(`INSERT INTO big ${rows(1, COUNT)}`);
await db.query("VACUUM ANALYZE big");

function readCopy() {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    db.query({
      submit(connection) {
        connection.query("COPY big TO STDOUT");
        return null;
      },
      handleCopyData(message) {
        bytes += message.chunk.length;
      },
      handleCommandComplete() {},
      handleReadyForQuery() {
        resolve(bytes);
      },
      handleError: reject,
    });
  });
}
/** The socket's chunks as they come, counted: no library between. */
async function readRaw() {
  const client = await server.client();
  const { stream } = client.connection;
  stream.removeAllListeners("data");
  let bytes = 0;
  let tail = Buffer.alloc(0);
  const done = new Promise((resolve) => {
    stream.on("data", (chunk) => {
      bytes += chunk.length;
      tail = chunk.length >= 6 ? chunk.subarray(-6) : Buffer.concat([tail, chunk]).subarray(-6);
      if (tail.length === 6 && tail[0] === 0x5a && tail.readInt32BE(1) === 5) resolve(); // ReadyForQuery ends the answer
    });
  });
  client.connection.query("COPY big TO STDOUT");
  await done;
  stream.destroy();
  return bytes;
}
await readCopy();
await readRaw();
const limit = await measure(readRaw);

const unwrap = {
  transforms: "unwrap,key",
  "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
  "transforms.key.type": "org.apache.kafka.connect.transforms.ValueToKey",
  "transforms.key.fields": "id",
};
for (const [name, extra] of [
  ["avro", converters.avro],
  ["json", converters.json],
  ["avro, ExtractNewRecordState and ValueToKey", { ...converters.avro, ...unwrap }],
  ["json, ExtractNewRecordState and ValueToKey", { ...converters.json, ...unwrap }],
]) {
  const m = await startMillrace(server.port);
  const slot = `s${Math.random().toString(36).slice(2, 8)}`;
  const ours = await measure(async () => {
    await m.connector("snap", source(slot, { ...extra, "table.include.list": "public.big", "slot.drop.on.stop": "true" }));
    await m.reached(`${slot}.public.big`, COUNT, "snap");
  });
  report(`snapshot: ${name}`, COUNT, ours, { limit: "COPY read as bytes", ...limit }, 0.2);
  await m.deleteConnector("snap");
  await m.close();
}
await server.stop();
process.exit();
