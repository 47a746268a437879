// Runs recorded configs of a CDC connector on a real server, through the worker and the JSON converter, and writes what came.
//   npm run golden -- postgres|mysql DIR --out OUT [CONFIG…]
// DIR holds zoo.sql, ops.sql, further .sql files and configs/NAME.json; OUT/NAME.jsonl gets one record a line, topic by topic:
// {"topic", "key", "value", "headers"}. The server is of the major version that the events were recorded on.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readToEnd } from "../dist/broker/api/reader.js";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { createLogger } from "../dist/common/logger.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { ConnectWorker } from "../dist/connect/runtime/worker.js";
import { mariadbSource, mysqlSource } from "../dist/connectors/mysql/connector.js";
import { postgresSource } from "../dist/connectors/postgres/connector.js";
import { RecordCursor } from "../dist/protocol/record-cursor.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { freePort } from "../examples/common/free-port.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function usage(problem) {
  console.error(`${problem ? `${problem}\n` : ""}usage: npm run golden -- postgres|mysql DIR --out OUT [CONFIG…]`);
  process.exit(2);
}

const words = process.argv.slice(2);
const outAt = words.indexOf("--out");
if (outAt < 0 || outAt + 1 >= words.length) usage();
const out = resolve(words.splice(outAt, 2)[1]);
const [kind, folder, ...wanted] = words;
if (!["postgres", "mysql"].includes(kind) || !folder) usage(kind && folder ? `there is no runner for ${kind}` : "");
const dir = resolve(folder);
const names = readdirSync(join(dir, "configs"))
  .filter((f) => f.endsWith(".json"))
  .map((f) => f.slice(0, -5))
  .filter((n) => wanted.length === 0 || wanted.includes(n));
const unknown = wanted.filter((n) => !names.includes(n));
if (unknown.length) usage(`no such config: ${unknown.join(", ")}`);

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
async function until(what, test, ms) {
  for (const end = Date.now() + ms; ; await sleep(50)) {
    const result = await test();
    if (result) return result;
    if (Date.now() > end) throw new Error(`timed out after ${ms} ms: ${what}`);
  }
}

mkdirSync(out, { recursive: true });
const bed = kind === "postgres" ? await postgresBed() : await mysqlBed();
// also where a test's time runs out and it ends this process: the server must not stay behind
process.on("exit", () => bed.stop());
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

let failures = 0;
for (const name of names) {
  try {
    const count = await record(name);
    console.log(`${name}: ${count} records`);
  } catch (e) {
    failures++;
    console.error(`${name}: ${e.stack ?? e}`);
  }
}
process.exit(failures ? 1 : 0);

/** A real server and what the runner does with it; each kind has the same. */
async function postgresBed() {
  const service = join(root, "test/services/postgres.sh");
  const home = mkdtempSync(join(tmpdir(), "millrace-golden-"));
  execFileSync("chmod", ["a+rx", home]);
  const port = await freePort();
  execFileSync(service, ["install", home], { stdio: ["ignore", "ignore", "inherit"] });
  execFileSync(service, ["start", home, String(port)], { stdio: ["ignore", "ignore", "inherit"] });
  const psql = (database, ...args) =>
    execFileSync("psql", ["-qXtA", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", String(port), "-U", "postgres", ...args, database], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
  const sql = (text, database = "zoo") => psql(database, "-c", text).trim();
  const special = (name, config) => name.startsWith("special") || /t_special/.test(config["table.include.list"] ?? "");
  return {
    fill: (text) => text.replaceAll("${PG_PORT}", String(port)),
    async prepare(name, config) {
      for (const [slot] of [...psql("postgres", "-c", "SELECT slot_name FROM pg_replication_slots").split("\n")].map((l) => [l.trim()]))
        if (slot) psql("postgres", "-c", `SELECT pg_drop_replication_slot('${slot}')`);
      psql("postgres", "-c", "DROP DATABASE IF EXISTS zoo WITH (FORCE)");
      psql("postgres", "-c", "CREATE DATABASE zoo");
      psql("zoo", "-f", join(dir, "zoo.sql"));
      if (special(name, config)) psql("zoo", "-v", "base=0", "-f", join(dir, "special.sql"));
      const signals = config["signal.data.collection"];
      if (signals) sql(`CREATE TABLE IF NOT EXISTS ${signals} (id text PRIMARY KEY, type text, data text)`);
    },
    streams: async () => sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "postgres") === "1",
    sql: async (text) => sql(text),
    async operate(name, config) {
      if (special(name, config)) psql("zoo", "-v", "base=100", "-f", join(dir, "special.sql"));
      else psql("zoo", "-f", join(dir, "ops.sql"));
    },
    end: async () => sql("INSERT INTO sentinel VALUES ('end') ON CONFLICT DO NOTHING"),
    stop() {
      execFileSync(service, ["stop", home, String(port)], { stdio: "ignore" });
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function mysqlBed() {
  const service = join(root, "test/services/mysql.sh");
  const home = join(root, ".services/mysql");
  const port = await freePort();
  const env = { ...process.env, MYSQL_OPTIONS: "--server-id=1" };
  execFileSync(service, ["start", home, String(port)], { env, stdio: ["ignore", "ignore", "inherit"] });
  const { createConnection } = await import("mysql2/promise");
  let db = await createConnection({ host: "127.0.0.1", port, user: "root", charset: "utf8mb4" });
  await db.query("CREATE USER 'dbz'@'%' IDENTIFIED BY 'dbz'");
  await db.query("GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT, LOCK TABLES ON *.* TO 'dbz'@'%'");
  /** Statement by statement, as the client program sends a file. */
  const file = async (name, base) => {
    const text = readFileSync(join(dir, name), "utf8").replace(/^\s*--.*$/gm, "");
    for (const m of text.matchAll(/(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|`[^`]*`|--[^\n]*|[^;'"`-]|-)+/g)) {
      const statement = m[0].trim();
      const source = /^SOURCE\s+(\S+)$/i.exec(statement);
      if (source) await file(source[1], base);
      else if (statement && !/^--/.test(statement)) await db.query(statement);
    }
  };
  return {
    fill: (text) => text.replaceAll("${MYSQL_PORT}", String(port)).replaceAll("${RUN}", "golden"),
    async prepare() {
      await db.end();
      db = await createConnection({ host: "127.0.0.1", port, user: "root", charset: "utf8mb4" });
      for (const name of ["zoo", "zoo2", "zoo3"]) await db.query(`DROP DATABASE IF EXISTS ${name}`);
      await db.query("RESET BINARY LOGS AND GTIDS");
      for (const name of ["zoo", "zoo2"]) await db.query(`CREATE DATABASE ${name}`);
      await db.query("USE zoo");
      await file("zoo.sql");
      await db.query("SET @base = 0");
      await file("rows.sql");
    },
    async streams() {
      const [rows] = await db.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'");
      return rows.length === 1;
    },
    sql: async (text) => void (await db.query(text)),
    operate: () => file("ops.sql"),
    end: async () => void (await db.query("INSERT IGNORE INTO sentinel VALUES ('end')")),
    stop() {
      execFileSync(service, ["stop", home, String(port)], { stdio: "ignore" });
      for (const folder of [join(home, "instances", String(port)), join(home, "root/instances", String(port))])
        rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function record(name) {
  const { config } = JSON.parse(bed.fill(readFileSync(join(dir, "configs", `${name}.json`), "utf8")));
  const quiet = Number(config["heartbeat.interval.ms"] ?? 0) > 0;
  const signals = config["signal.data.collection"];
  await bed.prepare(name, config);

  const data = mkdtempSync(join(tmpdir(), "millrace-golden-data-"));
  const broker = await EmbeddedBroker.open({ dir: join(data, "log") });
  const registry = await SchemaRegistry.open({ broker, logger: createLogger({ level: "error" }) });
  const worker = await ConnectWorker.open({
    broker,
    sources: [postgresSource, mysqlSource, mariadbSource],
    sinks: [],
    converters: createConverterPlugins({ registry }),
    dataDir: data,
    logger: createLogger({ level: process.env.GOLDEN_LOG ?? "error" }),
  });
  try {
    await worker.create("golden", config);
    const healthy = async () => {
      const { tasks, connector } = await worker.status("golden");
      const failed = [connector, ...tasks].find((t) => t.state === "FAILED");
      if (failed) throw new Error(failed.trace);
    };
    const streams = config["snapshot.mode"] !== "initial_only";
    if (streams)
      await until(
        "the connector streams",
        async () => {
          await healthy();
          return bed.streams();
        },
        60_000,
      );
    // what was read so far is committed before the operations begin
    await settled(broker, worker, healthy);
    if (streams) {
      if (signals) {
        const collections = JSON.stringify({ "data-collections": ["public.o_basic", "public.o_composite"], type: "incremental" })
          .replaceAll('":', '": ')
          .replaceAll(",", ", ");
        await bed.sql(`INSERT INTO ${signals} VALUES ('s1', 'execute-snapshot', '${collections}')`);
        await sleep(5000);
      }
      // Operations come faster than the original looks at the catalogue: it sees the tables as the last of them left them.
      await worker.pause("golden");
      if (quiet) {
        await worker.resume("golden");
        await sleep(4000);
      } else await bed.operate(name, config);
      await bed.end();
      await worker.resume("golden");
      await until(
        "the sentinel arrives",
        async () => {
          await healthy();
          return (await records(broker, worker)).some((r) => /sentinel/.test(r.topic) && /"end"/.test(JSON.stringify(r.value)));
        },
        60_000,
      );
      await settled(broker, worker, healthy);
    }
    const all = await records(broker, worker);
    writeFileSync(
      join(out, `${name}.jsonl`),
      all
        .map((r) => `${JSON.stringify(r.line)}\n`)
        .join("")
        .replaceAll(/"\uE000([^"]*)"/g, "$1"),
    );
    return all.length;
  } finally {
    await worker.delete("golden").catch(() => {});
    await worker.close();
    await broker.close();
    rmSync(data, { recursive: true, force: true });
  }
}

async function settled(broker, worker, healthy) {
  for (let last = -1, same = 0; same < 4; await sleep(100)) {
    await healthy();
    const n = (await records(broker, worker)).length;
    same = n === last ? same + 1 : 0;
    last = n;
    if (same === 0 && last > 0) continue;
  }
}

async function records(broker, worker) {
  const topics = [...(await worker.topics("golden"))].sort();
  const list = [];
  const cursor = new RecordCursor();
  for (const topic of topics)
    await readToEnd(broker, topic, "read_committed", (batch, _partition, from) => {
      cursor.open(batch);
      while (cursor.next()) {
        if (cursor.offset < from) continue;
        const side = (start, end) => (start < 0 ? null : parse(cursor.bytes.toString("utf8", start, end)));
        const key = side(cursor.keyStart, cursor.keyEnd);
        const value = side(cursor.valueStart, cursor.valueEnd);
        const headers = {};
        for (const h of cursor.headers())
          if (!h.key.startsWith("__mr.")) headers[h.key] = h.value === null ? null : Buffer.from(h.value).toString("utf8");
        list.push({ topic, value, line: { topic, key, value, headers } });
      }
    });
  return list;
}

/** Numbers beyond a double's digits keep theirs: they travel as marked strings and are unmarked when written. */
function parse(text) {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|(?<![.\d])-?\d{16,}(?![\d.eE])/g, (m) => (m[0] === '"' ? m : `"\uE000${m}"`));
  return JSON.parse(marked);
}
