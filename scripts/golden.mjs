// Runs recorded configs of a CDC connector on a real server, through the worker and the JSON converter, and writes what came.
//   npm run golden -- postgres DIR --out OUT [CONFIG…]
// DIR holds zoo.sql, ops.sql, special.sql and configs/NAME.json; OUT/NAME.jsonl gets one record a line, topic by topic:
// {"topic", "key", "value", "headers"}. The server is of the major version that the events were recorded on.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readToEnd } from "../dist/broker/api/reader.js";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { createLogger } from "../dist/common/logger.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { ConnectWorker } from "../dist/connect/runtime/worker.js";
import { postgresSource } from "../dist/connectors/postgres/connector.js";
import { RecordCursor } from "../dist/protocol/record-cursor.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function usage(problem) {
  console.error(`${problem ? `${problem}\n` : ""}usage: npm run golden -- postgres DIR --out OUT [CONFIG…]`);
  process.exit(2);
}

const words = process.argv.slice(2);
const outAt = words.indexOf("--out");
if (outAt < 0 || outAt + 1 >= words.length) usage();
const out = resolve(words.splice(outAt, 2)[1]);
const [kind, folder, ...wanted] = words;
if (kind !== "postgres" || !folder) usage(kind && kind !== "postgres" ? `there is no runner for ${kind}` : "");
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
function freePort() {
  return new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

const service = join(root, "test/services/postgres.sh");
const home = mkdtempSync(join(tmpdir(), "millrace-golden-"));
execFileSync("chmod", ["a+rx", home]);
const port = await freePort();
execFileSync(service, ["install", home], { stdio: ["ignore", "ignore", "inherit"] });
execFileSync(service, ["start", home, String(port)], { stdio: ["ignore", "ignore", "inherit"] });
mkdirSync(out, { recursive: true });

const psql = (database, ...args) =>
  execFileSync("psql", ["-qXtA", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", String(port), "-U", "postgres", ...args, database], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
const sql = (text, database = "zoo") => psql(database, "-c", text).trim();

// also where a test's time runs out and it ends this process: the server must not stay behind
process.on("exit", () => {
  execFileSync(service, ["stop", home, String(port)], { stdio: "ignore" });
  rmSync(home, { recursive: true, force: true });
});
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

async function record(name) {
  const text = readFileSync(join(dir, "configs", `${name}.json`), "utf8").replaceAll("${PG_PORT}", String(port));
  const { config } = JSON.parse(text);
  const special = name.startsWith("special") || /t_special/.test(config["table.include.list"] ?? "");
  const quiet = Number(config["heartbeat.interval.ms"] ?? 0) > 0;
  const signals = config["signal.data.collection"];

  for (const [slot] of [...psql("postgres", "-c", "SELECT slot_name FROM pg_replication_slots").split("\n")].map((l) => [l.trim()]))
    if (slot) psql("postgres", "-c", `SELECT pg_drop_replication_slot('${slot}')`);
  psql("postgres", "-c", "DROP DATABASE IF EXISTS zoo WITH (FORCE)");
  psql("postgres", "-c", "CREATE DATABASE zoo");
  psql("zoo", "-f", join(dir, "zoo.sql"));
  if (special) psql("zoo", "-v", "base=0", "-f", join(dir, "special.sql"));
  if (signals) sql(`CREATE TABLE IF NOT EXISTS ${signals} (id text PRIMARY KEY, type text, data text)`);

  const data = mkdtempSync(join(tmpdir(), "millrace-golden-data-"));
  const broker = await EmbeddedBroker.open({ dir: join(data, "log") });
  const registry = await SchemaRegistry.open({ broker, logger: createLogger({ level: "error" }) });
  const worker = await ConnectWorker.open({
    broker,
    sources: [postgresSource],
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
          return sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "postgres") === "1";
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
        sql(`INSERT INTO ${signals} VALUES ('s1', 'execute-snapshot', '${collections}')`);
        await sleep(5000);
      }
      // Operations come faster than the original looks at the catalogue: it sees the tables as the last of them left them.
      await worker.pause("golden");
      if (quiet) {
        await worker.resume("golden");
        await sleep(4000);
      } else if (special) psql("zoo", "-v", "base=100", "-f", join(dir, "special.sql"));
      else psql("zoo", "-f", join(dir, "ops.sql"));
      sql("INSERT INTO sentinel VALUES ('end') ON CONFLICT DO NOTHING");
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
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, (m) => (m[0] === '"' ? m : `"\uE000${m}"`));
  return JSON.parse(marked);
}
