// Postgres → joins and aggregates → Postgres: a join of two tables, an aggregate over it, a copy and an append-only log in the target.
import { setTimeout as sleep } from "node:timers/promises";
import { startProxy } from "../proxy.mjs";
import { PostgresServer, packageBin, run, systemBin } from "../servers/postgres.mjs";

const source = {
  by_region:
    "SELECT l.region, count(*)::text AS n, sum(o.amount)::text AS total FROM orders o JOIN labels l USING (id) WHERE l.region IS NOT NULL GROUP BY 1 ORDER BY 1",
  orders_copy: "SELECT id, amount FROM orders ORDER BY id",
  event_sums: "SELECT (amount % 7)::text AS bucket, count(*)::text AS n, sum(amount)::text AS total FROM events GROUP BY 1 ORDER BY 1",
  events_log: "SELECT id, amount FROM events ORDER BY id",
};
const target = {
  by_region: "SELECT region, n::text, total::text FROM by_region ORDER BY 1",
  orders_copy: "SELECT id, amount FROM orders_copy ORDER BY id",
  event_sums: "SELECT bucket::text, n::text, total::text FROM event_sums ORDER BY 1",
  events_log: "SELECT id, amount FROM events_log ORDER BY id",
};

export async function open({ folder, random, kinds }) {
  const standbys = kinds.includes("failover");
  const bin = standbys ? systemBin() : await packageBin(); // the package has no pg_basebackup
  const servers = {
    source: await PostgresServer.create("source", folder, bin),
    target: await PostgresServer.create("target", folder, bin),
  };
  const proxy = standbys ? await startProxy(() => servers.target.port) : undefined;
  await servers.source.query(`
    CREATE TABLE orders (id int PRIMARY KEY, amount int NOT NULL);
    CREATE TABLE labels (id int PRIMARY KEY, region text);
    CREATE TABLE events (id serial PRIMARY KEY, amount int NOT NULL);
    INSERT INTO orders SELECT i, i * 3 FROM generate_series(1, 500) i;
    INSERT INTO labels SELECT i, 'r' || i % 5 FROM generate_series(1, 400) i;
    INSERT INTO events (amount) SELECT i FROM generate_series(1, 100) i;`);
  const writer = servers.source.connection();
  return {
    hosts: { source: `127.0.0.1:${servers.source.port}`, target: `127.0.0.1:${proxy?.port ?? servers.target.port}` },
    sources: [servers.source],
    get targets() {
      return [servers.target];
    },
    writers: [() => write(writer, random)],
    create,
    expected: () => rows(servers.source, source),
    actual: () => rows(servers.target, target),
    ...(standbys ? { failover: () => failover(servers, folder, proxy) } : {}),
    async stop() {
      proxy?.close();
      await writer.drop();
      for (const server of Object.values(servers)) await server.halt(false).catch(() => {});
    },
  };
}

async function create(millrace) {
  await millrace.connector("source", {
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
  });
  await millrace.topics(
    "source",
    ["orders", "labels", "events"].map((table) => `crash.public.${table}`),
  );
  await millrace.ksql(`
    SET 'auto.offset.reset' = 'earliest';
    CREATE TABLE orders (id INT PRIMARY KEY, amount INT) WITH (KAFKA_TOPIC='crash.public.orders', VALUE_FORMAT='AVRO');
    CREATE TABLE labels (id INT PRIMARY KEY, region STRING) WITH (KAFKA_TOPIC='crash.public.labels', VALUE_FORMAT='AVRO');
    CREATE TABLE labelled AS SELECT o.id AS id, o.amount AS amount, l.region AS region FROM orders o LEFT JOIN labels l ON o.id = l.id;
    CREATE TABLE by_region WITH (KAFKA_TOPIC='by_region', VALUE_FORMAT='AVRO') AS SELECT region, COUNT(*) AS n, SUM(amount) AS total FROM labelled GROUP BY region;
    CREATE STREAM events (id INT KEY, amount INT) WITH (KAFKA_TOPIC='crash.public.events', VALUE_FORMAT='AVRO');
    CREATE TABLE event_sums WITH (KAFKA_TOPIC='event_sums', VALUE_FORMAT='AVRO') AS SELECT amount % 7 AS bucket, COUNT(*) AS n, SUM(amount) AS total FROM events GROUP BY amount % 7;`);
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
  const text = { "key.converter": "org.apache.kafka.connect.storage.StringConverter" };
  await millrace.connector("regions", { ...keyed, ...text, topics: "by_region", "pk.fields": "region" });
  await millrace.connector("copy", { ...keyed, topics: "crash.public.orders", "pk.fields": "id", "table.name.format": "orders_copy" });
  await millrace.connector("sums", { ...keyed, topics: "event_sums", "pk.fields": "bucket" });
  const log = { topics: "crash.public.events", "insert.mode": "insert", "pk.mode": "none", "table.name.format": "events_log" };
  await millrace.connector("log", { ...jdbc, ...log });
}

/** A random transaction: inserts, updates, deletes, changed keys over a few hundred keys, now and then rolled back. */
function write(connection, random) {
  const statements = Array.from({ length: 1 + Math.floor(random() * 12) }, () => statement(random));
  const end = random() < 0.1 ? "ROLLBACK" : "COMMIT";
  return connection.use(async (client) => {
    try {
      await client.query(`BEGIN; ${statements.join("; ")}; ${end}`);
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    }
    return end === "COMMIT" ? statements.length : 0;
  });
}

function statement(random) {
  const n = (limit) => Math.floor(random() * limit);
  const id = 1 + n(700);
  switch (n(8)) {
    case 0:
    case 1:
      return `INSERT INTO orders VALUES (${id}, ${n(1000)}) ON CONFLICT (id) DO UPDATE SET amount = EXCLUDED.amount`;
    case 2:
      return `UPDATE orders SET amount = amount + ${n(10)} WHERE id BETWEEN ${id} AND ${id + n(20)}`;
    case 3:
      return `DELETE FROM orders WHERE id = ${id}`;
    case 4:
      return `UPDATE orders SET id = ${id + 700} WHERE id = ${id} AND NOT EXISTS (SELECT 1 FROM orders WHERE id = ${id + 700})`;
    case 5:
      return `INSERT INTO labels VALUES (${id}, 'r${n(6)}') ON CONFLICT (id) DO UPDATE SET region = EXCLUDED.region`;
    case 6:
      return `DELETE FROM labels WHERE id = ${id}`;
    default:
      return `INSERT INTO events (amount) SELECT ${n(1000)} + i FROM generate_series(1, ${1 + n(5)}) i`;
  }
}

async function rows(server, queries) {
  const result = {};
  for (const [name, text] of Object.entries(queries)) result[name] = (await server.query(text)).rows.map((row) => JSON.stringify(row));
  return result;
}

/** A synchronous standby takes over in the middle of whatever runs; the old primary never comes back. */
async function failover(servers, folder, proxy) {
  const old = servers.target;
  const next = await PostgresServer.prepare(`standby-${old.port}`, folder, old.bin);
  next.name = "target";
  const from = ["-h", "127.0.0.1", "-p", String(old.port), "-U", "postgres"];
  run(old.bin, "pg_basebackup", [...from, "-D", next.folder, "-R", "-X", "stream", "-c", "fast"]);
  await next.start(["-c", "hot_standby=on"]);
  await old.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await old.query("SELECT pg_reload_conf()");
  await sleep(300);
  await old.halt(false);
  run(old.bin, "pg_ctl", ["promote", "-D", next.folder, "-w"]);
  servers.target = next;
  proxy.cut();
  await next.query("ALTER SYSTEM SET synchronous_standby_names = ''");
  await next.query("SELECT pg_reload_conf()");
}
