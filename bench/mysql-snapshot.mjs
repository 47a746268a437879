// The MySQL source's snapshot: 1 M rows of 7 columns into the topic. Limit: the same SELECT read as bytes by one client, its packets
// skipped over by their lengths, no row decoded.
import mysql from "mysql2";
import { converters, SCALE, startMillrace } from "./pipeline.mjs";
import { measure, report, startBenchMysql } from "./support.mjs";

const COUNT = Math.round(1_000_000 * SCALE);
const server = await startBenchMysql(["--innodb-buffer-pool-size=512M", "--skip-log-bin"]);
process.on("uncaughtException", async (e) => {
  console.error(e);
  await server.stop();
  process.exit(1);
});
const db = await server.client();
await db.query("CREATE DATABASE big");
await db.query("USE big");
await db.query("CREATE TABLE numbers (i int PRIMARY KEY)");
await db.query("INSERT INTO numbers WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 999) SELECT i FROM n");
await db.query(
  "CREATE TABLE big (id bigint PRIMARY KEY, a int, t text, n decimal(12,2), ts timestamp NULL, b tinyint(1), v varchar(20)) CHARSET utf8mb4",
);
for (let from = 1; from <= COUNT; from += 100_000) {
  const n = `${from} + a.i * 1000 + b.i`;
  await db.query(
    `INSERT INTO big SELECT ${n}, (${n}) % 100000, concat('some text of row ', ${n}), ((${n}) % 1000000) / 100.0, timestamp '2026-01-01 00:00:00' + interval (${n}) second, (${n}) % 2, concat('v', (${n}) % 1000) FROM numbers a JOIN numbers b WHERE a.i < 100 AND ${n} <= ${COUNT}`,
  );
}
await db.query("ANALYZE TABLE big");

/** The answer's packets, counted by the lengths in their heads. */
function readRaw() {
  return new Promise((resolve, reject) => {
    const client = mysql.createConnection({
      host: "127.0.0.1",
      port: server.port,
      user: "root",
      database: "big",
      flags: ["-CLIENT_QUERY_ATTRIBUTES"],
    });
    client.on("error", () => {}); // the connection is cut at the end
    client.query("SELECT 1", (e) => {
      if (e) return reject(e);
      const { stream } = client;
      stream.removeAllListeners("data");
      let left = 0;
      let head = Buffer.alloc(0);
      let packets = 0;
      let ends = 0;
      stream.on("data", (chunk) => {
        let b = head.length ? Buffer.concat([head, chunk]) : chunk;
        head = Buffer.alloc(0);
        let p = 0;
        for (;;) {
          if (left > 0) {
            const n = Math.min(left, b.length - p);
            p += n;
            left -= n;
            if (left > 0) return;
          }
          if (b.length - p < 5) {
            head = Buffer.from(b.subarray(p));
            return;
          }
          const length = b[p] | (b[p + 1] << 8) | (b[p + 2] << 16);
          if (b[p + 4] === 0xfe && length < 9 && ++ends === 2) {
            stream.destroy();
            resolve(packets);
            return;
          }
          packets++;
          p += 4;
          left = length;
          b = p === 0 ? b : b.subarray(p);
          p = 0;
        }
      });
      const sql = Buffer.from("SELECT id, a, t, n, ts, b, v FROM big ORDER BY id");
      const request = Buffer.alloc(5 + sql.length);
      request.writeUIntLE(1 + sql.length, 0, 3);
      request[4] = 3;
      sql.copy(request, 5);
      stream.write(request);
    });
  });
}

await readRaw();
const limit = { limit: "the SELECT read as bytes", ...(await measure(readRaw)) };
if (limit.result < COUNT) throw new Error(`${limit.result} packets`);

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
]) {
  const m = await startMillrace(0);
  const prefix = `s${Math.random().toString(36).slice(2, 8)}`;
  const ours = await measure(async () => {
    await m.connector("snap", {
      "connector.class": "io.debezium.connector.mysql.MySqlConnector",
      "tasks.max": "1",
      "database.hostname": "127.0.0.1",
      "database.port": String(server.port),
      "database.user": "root",
      "topic.prefix": prefix,
      "table.include.list": "big.big",
      "snapshot.mode": "initial_only",
      "include.schema.changes": "false",
      ...extra,
    });
    await m.reached(`${prefix}.big.big`, COUNT, "snap");
  });
  report(`mysql snapshot: ${name}`, COUNT, ours, limit, 0.3);
  await m.deleteConnector("snap");
  await m.close();
}
await server.stop();
process.exit();
