// Sink into MySQL: 400 k new rows upserted into a keyed table, exactly once; then 400 k updates. The rows lie in the log as Avro before
// the clock starts. Limit: the better of LOAD DATA LOCAL … REPLACE and multi-row INSERT … ON DUPLICATE KEY UPDATE, 20,000 rows a
// batch, one connection, the same rows, made ready before. Needs `bash test/services/mysql.sh install .services/mysql`.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import mysql from "mysql2/promise";
import { COLUMNS, openBed, row } from "./sink-support.mjs";
import { freePort, measure, report } from "./support.mjs";

const COUNT = Math.round(400_000 * Number(process.env.BENCH_SCALE ?? 1));
const BATCH = 20_000;
const flavor = process.env.BENCH_MARIADB ? "mariadb" : "mysql";
const services = fileURLToPath(new URL(`../.services/${flavor}`, import.meta.url));
if (!existsSync(flavor === "mysql" ? `${services}/root/usr/sbin/mysqld` : "/usr/sbin/mariadbd")) {
  console.log(`sink-mysql: not run, because ${flavor} is not installed (bash test/services/${flavor}.sh install .services/${flavor})`);
  process.exit(0);
}
const port = await freePort();
const script = fileURLToPath(new URL(`../test/services/${flavor}.sh`, import.meta.url));
const redo = flavor === "mysql" ? "--innodb-redo-log-capacity=2G" : "--innodb-log-file-size=2G";
const options = `--innodb-buffer-pool-size=512M ${redo} --local-infile=1`;
const service = (action) => {
  const env = { ...process.env, MYSQL_OPTIONS: options, MARIADB_OPTIONS: options };
  const run = spawnSync("bash", [script, action, services, String(port)], { env, stdio: ["ignore", "ignore", "inherit"] });
  if (run.status !== 0) throw new Error(`${flavor} did not ${action}`);
};
service("start");
try {
  await run();
} finally {
  service("stop");
  rmSync(`${services}/instances/${port}`, { recursive: true, force: true });
  rmSync(`${services}/root/instances/${port}`, { recursive: true, force: true });
}

async function run() {
  let file;
  const db = await mysql.createConnection({
    host: "127.0.0.1",
    port,
    user: "root",
    multipleStatements: true,
    charset: "utf8mb4",
    flags: ["+LOCAL_FILES"],
    infileStreamFactory: () => Readable.from([file], { objectMode: true }),
  });
  await db.query("CREATE DATABASE bench; USE bench; SET time_zone = '+00:00'");
  const table = (name) =>
    db.query(
      `CREATE TABLE ${name} (id bigint PRIMARY KEY, a int, t text, n numeric(12,2), ts datetime(6), b boolean, v varchar(20)) CHARACTER SET utf8mb4`,
    );
  const texts = (i, salt) => {
    const r = row(i, salt);
    r[5] = r[5] === "t" ? "1" : "0";
    return r;
  };
  const starts = Array.from({ length: Math.ceil(COUNT / BATCH) }, (_, i) => i * BATCH);
  const rowsOf = (from, salt) => Array.from({ length: Math.min(BATCH, COUNT - from) }, (_, i) => texts(from + i, salt));

  /** One of the plain ways over new rows and over updates, its batches made ready before. */
  const plain = async (name, ready, write) => {
    await table(name);
    const times = [];
    for (const salt of [1, 2]) {
      const batches = starts.map((from) => ready(rowsOf(from, salt)));
      times.push(
        await measure(async () => {
          for (const batch of batches) await write(batch);
        }),
      );
    }
    return times;
  };
  const update = COLUMNS.slice(1)
    .map((c) => `${c}=VALUES(${c})`)
    .join(",");
  const inserted = await plain(
    "limit_insert",
    (rows) =>
      `BEGIN;INSERT INTO limit_insert (${COLUMNS}) VALUES ${rows.map((r) => `(${r[0]},${r[1]},'${r[2]}',${r[3]},'${r[4]}',${r[5]},'${r[6]}')`)} ON DUPLICATE KEY UPDATE ${update};COMMIT`,
    (sql) => db.query(sql),
  );
  const loaded = await plain(
    "limit_load",
    (rows) => Buffer.from(rows.map((r) => `${r.join("\t")}\n`).join("")),
    (bytes) => {
      file = bytes;
      return db.query(`LOAD DATA LOCAL INFILE 'rows' REPLACE INTO TABLE limit_load CHARACTER SET utf8mb4 (${COLUMNS})`);
    },
  );
  const better = (i) =>
    inserted[i].seconds < loaded[i].seconds
      ? { limit: "multi-row INSERT of 20,000", ...inserted[i] }
      : { limit: "LOAD DATA LOCAL REPLACE", ...loaded[i] };
  await db.query("DROP TABLE limit_insert, limit_load");

  const bed = await openBed(COUNT, { created: 2, updated: 3 });
  await table("bench");
  const target = { "connection.url": `jdbc:${flavor}://127.0.0.1:${port}/bench`, "connection.user": "root" };
  const reached = (topic, salt) => async () => {
    const [[there]] = await db.query("SELECT count(*) AS n FROM information_schema.tables WHERE table_name = 'millrace_offsets'");
    if (!there.n) return false;
    const [[offsets]] = await db.query("SELECT max(next_offset) AS n FROM millrace_offsets WHERE topic = ?", [topic]);
    if (!(offsets.n >= COUNT)) return false;
    const [[rows]] = await db.query("SELECT count(*) AS n FROM bench WHERE t LIKE ?", [`% ${salt}`]);
    return rows.n === COUNT;
  };
  const created = await bed.run("created", target, reached("created", 2));
  const updated = await bed.run("updated", target, reached("updated", 3));
  report(`sink-${flavor}: new rows`, COUNT, created, better(0), 0.85);
  report(`sink-${flavor}: updates`, COUNT, updated, better(0), 0.6);
  console.log(`(updates against the same way's updates: ${(better(1).seconds / updated.seconds).toFixed(2)} of ${better(1).limit})`);
  await bed.close();
  await db.end();
}
