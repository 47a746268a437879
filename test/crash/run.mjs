// npm run test:crash -- --kills N --seed S [--chaos kill,source-restart,target-restart,cut-source,cut-target,failover]
// A random write load at the source with a join, an aggregate, a copy and an append-only log in the target; `kill -9` (or another
// disaster) at random moments; after each, the target equals a recomputation from the source: nothing lost, nothing doubled.
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Disasters } from "./disasters.mjs";
import { Load } from "./load.mjs";
import { pairOfServers, Target } from "./servers.mjs";

const { values: options } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    chaos: { type: "string", default: "kill" },
    verbose: { type: "boolean" },
  },
});
const rounds = Number(options.kills);
const kinds = options.chaos.split(",");
const random = generator(Number(options.seed));
const between = (low, high) => low + Math.floor(random() * (high - low));

const servers = await pairOfServers(kinds.includes("failover"));
const load = new Load(servers, random);
let millrace;
try {
  await load.prepare();
  millrace = await start();
  await pipeline();
  const target = new Target(servers);
  await target.equals(servers.source, "before the first disaster");
  const disasters = new Disasters(servers, { kill: restart });
  const counts = {};
  for (let round = 1; round <= rounds; round++) {
    const kind = kinds[between(0, kinds.length)];
    load.start();
    await sleep(between(20, 1200));
    await disasters.strike(kind, random);
    await sleep(between(0, 300));
    await load.stop();
    const waited = await target.equals(servers.source, `after disaster ${round} (${kind})`);
    counts[kind] = (counts[kind] ?? 0) + 1;
    console.log(`${round}/${rounds} ${kind}: ${load.writes} writes so far, the target equals the source ${waited} ms after the load ended`);
  }
  console.log(
    `${rounds} passed, 0 failed (${Object.entries(counts)
      .map(([kind, n]) => `${n} × ${kind}`)
      .join(", ")}; seed ${options.seed}, ${load.writes} writes)`,
  );
} catch (error) {
  console.error(error.stack ?? error);
  console.error((millrace?.log ?? []).slice(-40).join(""));
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
} finally {
  await load.stop().catch(() => {});
  millrace?.process.kill("SIGKILL");
  await servers.stop();
  if (!process.exitCode) rmSync(servers.folder, { recursive: true, force: true });
  else console.error(`the data folder is kept: ${join(servers.folder, "millrace")}`);
}
process.exit();

/** A Millrace process of its own on fixed ports, so that a restart is where it was. */
async function start() {
  const child = spawn(
    process.execPath,
    [
      new URL("../../dist/main.js", import.meta.url).pathname,
      "start",
      "--dir",
      join(servers.folder, "millrace"),
      "--log-format",
      "json",
      ...["registry", "connect", "sql", "console"].flatMap((name) => [`--${name}-port`, String(servers.ports[name])]),
      "--host",
      `source=127.0.0.1:${servers.source.port}`,
      "--host",
      `target=127.0.0.1:${servers.targetPort}`,
    ],
    { stdio: ["ignore", "inherit", "pipe"] },
  );
  const log = [];
  const ready = new Promise((resolve, reject) => {
    child.stderr.on("data", (chunk) => {
      log.push(String(chunk));
      if (log.length > 400) log.splice(0, 200);
      if (options.verbose) process.stderr.write(chunk);
      if (String(chunk).includes('"ready"')) resolve();
    });
    child.once("exit", (code, signal) => reject(new Error(`millrace ended with ${code ?? signal}:\n${log.slice(-20).join("")}`)));
  });
  await ready;
  child.removeAllListeners("exit");
  return { process: child, log };
}

async function restart() {
  const gone = new Promise((resolve) => millrace.process.once("exit", resolve));
  millrace.process.kill("SIGKILL");
  await gone;
  millrace = await start();
}

async function pipeline() {
  const connect = `http://127.0.0.1:${servers.ports.connect}/connectors`;
  await post(connect, {
    name: "source",
    config: {
      "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
      "database.hostname": "source",
      "database.port": "5432",
      "database.user": "postgres",
      "database.password": "postgres",
      "database.dbname": "source",
      "topic.prefix": "crash",
      "table.include.list": "public.orders,public.labels,public.events",
      "slot.name": "crash",
      "publication.name": "crash",
      "publication.autocreate.mode": "filtered",
      transforms: "unwrap,key",
      "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
      "transforms.unwrap.delete.tombstone.handling.mode": "tombstone",
      "transforms.key.type": "org.apache.kafka.connect.transforms.ExtractField$Key",
      "transforms.key.field": "id",
      "key.converter": "org.apache.kafka.connect.converters.IntegerConverter",
      "value.converter": "io.confluent.connect.avro.AvroConverter",
      "value.converter.schema.registry.url": "http://schema-registry:8081",
    },
  });
  await load.wait(async () => (await (await fetch(`${connect}/source/topics`)).json()).source.topics.length >= 3, "the source's topics");
  const ksql = `
    SET 'auto.offset.reset' = 'earliest';
    CREATE TABLE orders (id INT PRIMARY KEY, amount INT) WITH (KAFKA_TOPIC='crash.public.orders', VALUE_FORMAT='AVRO');
    CREATE TABLE labels (id INT PRIMARY KEY, region STRING) WITH (KAFKA_TOPIC='crash.public.labels', VALUE_FORMAT='AVRO');
    CREATE TABLE labelled AS SELECT o.id AS id, o.amount AS amount, l.region AS region FROM orders o LEFT JOIN labels l ON o.id = l.id;
    CREATE TABLE by_region WITH (KAFKA_TOPIC='by_region', VALUE_FORMAT='AVRO') AS SELECT region, COUNT(*) AS n, SUM(amount) AS total FROM labelled GROUP BY region;
    CREATE STREAM events (id INT KEY, amount INT) WITH (KAFKA_TOPIC='crash.public.events', VALUE_FORMAT='AVRO');
    CREATE TABLE event_sums WITH (KAFKA_TOPIC='event_sums', VALUE_FORMAT='AVRO') AS SELECT amount % 7 AS bucket, COUNT(*) AS n, SUM(amount) AS total FROM events GROUP BY amount % 7;`;
  await post(`http://127.0.0.1:${servers.ports.sql}/ksql`, { ksql, streamsProperties: {} });
  const jdbc = {
    "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
    "connection.url": "jdbc:postgresql://target:5432/target",
    "connection.user": "postgres",
    "connection.password": "postgres",
    "auto.create": "true",
    "value.converter": "io.confluent.connect.avro.AvroConverter",
    "value.converter.schema.registry.url": "http://schema-registry:8081",
    "key.converter": "org.apache.kafka.connect.converters.IntegerConverter",
    "quote.sql.identifiers": "never",
    "retry.backoff.ms": "100",
  };
  const keyed = { ...jdbc, "insert.mode": "upsert", "pk.mode": "record_key", "delete.enabled": "true" };
  await post(connect, {
    name: "regions",
    config: { ...keyed, topics: "by_region", "pk.fields": "region", "key.converter": "org.apache.kafka.connect.storage.StringConverter" },
  });
  await post(connect, {
    name: "copy",
    config: { ...keyed, topics: "crash.public.orders", "pk.fields": "id", "table.name.format": "orders_copy" },
  });
  await post(connect, { name: "sums", config: { ...keyed, topics: "event_sums", "pk.fields": "bucket" } });
  await post(connect, {
    name: "log",
    config: { ...jdbc, topics: "crash.public.events", "insert.mode": "insert", "pk.mode": "none", "table.name.format": "events_log" },
  });
}

async function post(url, body) {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** mulberry32: the same disasters for the same seed. */
function generator(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
