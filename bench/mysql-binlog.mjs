// The MySQL source's binlog: 500 k inserts and 200 k updates, a row a statement as applications write them, in transactions of 1,000
// that wait. Limit: the same binlog dumped by one
// client and split into events, none of them decoded. The reader alone first, then the whole source to its topic.
import mysql from "mysql2";
import { BinlogReader } from "../dist/connectors/mysql/binlog/reader.js";
import { imageReader } from "../dist/connectors/mysql/binlog/row-images.js";
import { connect } from "../dist/connectors/mysql/connection/connect.js";
import { converters, SCALE, startMillrace } from "./pipeline.mjs";
import { measure, report, startBenchMysql } from "./support.mjs";

const INSERTS = Math.round(500_000 * SCALE);
const UPDATES = Math.round(200_000 * SCALE);
const server = await startBenchMysql(["--innodb-buffer-pool-size=256M"]);
const db = await server.client();
await db.query("CREATE DATABASE big");
await db.query("USE big");
await db.query(
  "CREATE TABLE big (id bigint PRIMARY KEY, a int, t text, n decimal(12,2), ts timestamp NULL, b tinyint(1), v varchar(20)) CHARSET utf8mb4",
);
for (const [name, statement] of [
  [
    "fill",
    "INSERT INTO big VALUES (i, i % 100000, concat('some text of row ', i), (i % 1000000) / 100.0, timestamp '2026-01-01 00:00:00' + interval i second, i % 2, concat('v', i % 1000))",
  ],
  ["touch", "UPDATE big SET a = a + 1, t = concat('changed ', id) WHERE id = i"],
])
  await db.query(
    `CREATE PROCEDURE ${name}(i int, last int) BEGIN START TRANSACTION; WHILE i <= last DO ${statement}; SET i = i + 1; END WHILE; COMMIT; END`,
  );

async function end() {
  const [[status]] = await db.query("SHOW BINARY LOG STATUS");
  return { file: status.File, position: status.Position };
}

/** The answer to COM_BINLOG_DUMP from a position on, its packets skipped over by their lengths until the other position. */
function dump(from, to) {
  return new Promise((resolve, reject) => {
    const client = mysql.createConnection({ host: "127.0.0.1", port: server.port, user: "root", flags: ["-CLIENT_QUERY_ATTRIBUTES"] });
    client.on("error", () => {}); // its socket is taken away
    client.query("SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum", (e) => {
      if (e) return reject(e);
      const { stream } = client;
      stream.removeAllListeners("data");
      let rest = Buffer.alloc(0);
      let events = 0;
      stream.on("data", (chunk) => {
        const b = rest.length ? Buffer.concat([rest, chunk]) : chunk;
        let p = 0;
        while (b.length - p >= 4) {
          const next = p + 4 + (b[p] | (b[p + 1] << 8) | (b[p + 2] << 16));
          if (next > b.length) break;
          events++;
          if (b[p + 4] === 0 && b.readUInt32LE(p + 5 + 13) === to.position && events > 2) {
            stream.destroy();
            resolve(events);
            return;
          }
          p = next;
        }
        rest = b.subarray(p);
      });
      const file = Buffer.from(from.file);
      const request = Buffer.alloc(15 + file.length);
      request.writeUIntLE(11 + file.length, 0, 3);
      request[4] = 0x12;
      request.writeUInt32LE(from.position, 5);
      request.writeUInt32LE(99, 11);
      file.copy(request, 15);
      stream.write(request);
    });
  });
}

/** Our reader: every event, and where every cell of every row is. */
async function read(from, to) {
  const session = await connect(
    {
      hostname: "127.0.0.1",
      port: server.port,
      user: "root",
      password: null,
      sslMode: "disabled",
      sslTruststore: null,
      sslKeystore: null,
      sslKeystorePassword: null,
      connectTimeoutMs: 10_000,
      tcpKeepAlive: true,
    },
    (host, port) => ({ host, port }),
  );
  const reader = await BinlogReader.open(session, { ...from, gtidSet: null }, { serverId: 98, heartbeatMs: 10_000 });
  let count = 0;
  const offsets = new Int32Array(64);
  while (reader.position < to.position || reader.file !== to.file)
    for (const event of await reader.next(1000)) {
      if (event.kind !== "rows") continue;
      const { rows, table } = event;
      const before = rows.presentBefore && imageReader(table, rows.presentBefore);
      const after = rows.presentAfter && imageReader(table, rows.presentAfter);
      for (let p = rows.start; p < rows.end; count++) {
        if (before) p = before(rows.buffer, p, rows.end, offsets, 0);
        if (after) p = after(rows.buffer, p, rows.end, offsets, 32);
      }
    }
  reader.close();
  return count;
}

async function changes(count, statement) {
  const from = await end();
  for (let at = 1; at <= count; at += 1000) await db.query(statement(at, Math.min(at + 999, count)));
  return { from, to: await end() };
}

const alone = process.env.BENCH_ALONE === "1";
const m = alone ? null : await startMillrace(0);
const kinds = m ? ["avro", "json"] : [];
const topic = (kind) => `${kind}.big.big`;
for (const [i, kind] of kinds.entries()) {
  await m.connector(kind, {
    "connector.class": "io.debezium.connector.mysql.MySqlConnector",
    "tasks.max": "1",
    "database.hostname": "127.0.0.1",
    "database.port": String(server.port),
    "database.user": "root",
    "database.ssl.mode": "disabled",
    "database.server.id": String(90 + i),
    "topic.prefix": kind,
    "table.include.list": "big.big",
    "snapshot.mode": "no_data",
    "schema.history.internal.kafka.topic": `history.${kind}`,
    ...converters[kind],
  });
  // rows until one came after its start
  for (let id = 0; !((await m.end(topic(kind)).catch(() => 0)) > 0); id--) {
    await db.query("REPLACE INTO big (id) VALUES (?)", [id]);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await m.stopConnector(kind);
  await new Promise((resolve) => setTimeout(resolve, 500));
}

async function backlog(what, count, statement) {
  const { from, to } = await changes(count, statement);
  await dump(from, to);
  const limit = { limit: "the binlog dumped, split into events", ...(await measure(() => dump(from, to))) };
  const reading = await measure(() => read(from, to));
  if (reading.result !== count) throw new Error(`${reading.result} rows of ${count}`);
  report(`binlog reader alone: ${what}`, count, reading, limit, 0.3);
  for (const kind of kinds) {
    const before = await m.end(topic(kind));
    const ours = await measure(async () => {
      await m.resumeConnector(kind);
      await m.reached(topic(kind), before + count, kind);
    });
    report(`mysql binlog: ${what}, ${kind}`, count, ours, limit, 0.3);
    await m.stopConnector(kind);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

await backlog("inserts", INSERTS, (from, to) => `CALL fill(${from}, ${to})`);
await backlog("updates", UPDATES, (from, to) => `CALL touch(${from}, ${to})`);
await m?.close();
await server.stop();
process.exit();
