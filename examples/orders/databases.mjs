// The three databases of the pipeline: those that MYSQL, POSTGRES and CASSANDRA (host:port) name, or real ones of our own.
import { readFileSync } from "node:fs";
import cassandra from "cassandra-driver";
import mysql from "mysql2/promise";
import { connectPostgres, copyIn, startPostgres } from "../common/postgres.mjs";
import { install, installed, startService } from "../common/services.mjs";

const text = (name) => readFileSync(new URL(`schema/${name}`, import.meta.url), "utf8");
const statements = (name) =>
  text(name)
    .split(";")
    .map((s) => s.trim())
    .filter(Boolean);
const passwords = { mysql: process.env.MYSQL_PASSWORD ?? "mysql", postgres: process.env.POSTGRES_PASSWORD ?? "postgres" };

/** What the connector files call the databases, and the port that each file says. */
const names = { mysql: 3306, postgres: 5432, cassandra: 9042 };

/**
 * `{ mysql, postgres, cassandra }`, each `{ host, port, stop }`.
 * @param say gets a line where something takes long
 */
export async function startDatabases(folder, say) {
  const made = {};
  try {
    for (const name of Object.keys(names)) made[name] = given(name) ?? (await start(name, folder, say));
  } catch (error) {
    for (const server of Object.values(made)) await server.stop();
    throw error;
  }
  return made;
}

function given(name) {
  const address = process.env[name.toUpperCase()];
  if (!address) return undefined;
  const [host, port = names[name]] = address.split(":");
  return { host, port: Number(port), password: passwords[name], given: true, stop: async () => {} };
}

async function start(name, folder, say) {
  if (name === "postgres") return startPostgres(folder);
  if (!installed(name)) {
    say(`installing ${name} into .services (once, a minute or two)`);
    await install(name).catch((error) => {
      throw new Error(
        `${name} cannot be installed here (${error.message}). With Docker: docker compose -f examples/orders/compose.yaml up -d --wait, then MYSQL=localhost:3306 POSTGRES=localhost:5432 CASSANDRA=localhost:9042 npm run demo:orders`,
      );
    });
  }
  const server = await startService(name, { MYSQL_PASSWORD: passwords.mysql });
  return { ...server, password: passwords[name] };
}

/** For `--host`: the names in the connector files. */
export const hosts = (databases) =>
  Object.fromEntries(Object.entries(databases).map(([name, { host, port }]) => [name, `${host}:${port}`]));

export const connectMysql = ({ host, port, password = passwords.mysql }, database) =>
  mysql.createConnection({ host, port, user: "root", password, database, multipleStatements: true, dateStrings: true, timezone: "Z" });

export async function connectCassandra({ host, port }) {
  const client = new cassandra.Client({
    contactPoints: [`${host}:${port}`],
    localDataCenter: process.env.CASSANDRA_DC ?? "datacenter1",
    socketOptions: { readTimeout: 60_000 },
  });
  await client.connect();
  return client;
}

/** Clients of all three, with the tables made and empty. */
export async function openDatabases(databases) {
  const admin = await connectPostgres(databases.postgres);
  if ((await admin.query("SELECT 1 FROM pg_database WHERE datname = 'main'")).rows.length === 0) await admin.query("CREATE DATABASE main");
  await admin.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'main' AND NOT active");
  await admin.end();
  const clients = {
    postgres: await connectPostgres(databases.postgres, "main"),
    mysql: await connectMysql(databases.mysql),
    cassandra: await connectCassandra(databases.cassandra),
    async end() {
      await Promise.allSettled([this.postgres.end(), this.mysql.end(), this.cassandra.shutdown()]);
    },
  };
  await clients.postgres.query(text("postgres.sql"));
  await clients.mysql.query(text("mysql.sql"));
  for (const statement of statements("cassandra.cql")) await clients.cassandra.execute(statement);
  for (const table of ["orders", "users", "stores"]) {
    await clients.postgres.query(`truncate ${table}`);
    await clients.mysql.query(`truncate ${table}`);
  }
  await clients.cassandra.execute("truncate main.all_orders");
  return clients;
}

const first = ["Ada", "Bela", "Cem", "Dora", "Emil", "Femi", "Gita", "Hugo", "Ines", "Jun"];
const last = ["Abel", "Bauer", "Costa", "Diaz", "Eriksen", "Fofana", "Garcia", "Haas", "Ito", "Jansen"];
const cities = ["Aarhus", "Basel", "Cádiz", "Delft", "Évora", "Faro", "Genoa", "Herning", "Iași", "Jūrmala"];

/** The 1,000 users and 100 stores of a database; `tag` keeps those of the two apart. */
export const users = (tag) =>
  Array.from({ length: 1000 }, (_, i) => [`u${i}`, first[i % 10], `${last[Math.floor(i / 10) % 10]} ${tag}${Math.floor(i / 100)}`]);
export const stores = (tag) => Array.from({ length: 100 }, (_, i) => [`s${i}`, `${tag} ${i}`, cities[i % 10]]);

/** Loads the tills' tables as their owners do, with `truncate` and `COPY`; the snapshot reads them. */
export async function loadPostgres({ postgres }, orders) {
  for (const [table, rows] of Object.entries({ orders, stores: stores("till"), users: users("till") })) {
    await postgres.query(`truncate ${table}`);
    await copyIn(postgres, table, rows);
  }
}

/** Loads the shop's names. `snapshot.mode=schema_only` reads no rows: only what comes after its start is in the topics. */
export async function loadMysql({ mysql }) {
  await mysql.query("insert into users values ?", [users("web")]);
  await mysql.query("insert into stores values ?", [stores("web")]);
}

/** What `main.all_orders` must hold: every order of both databases with its names, as texts, sorted. */
export async function recompute({ postgres, mysql }) {
  const columns = "o.order_id, o.store_id, s.store_name, s.city, o.user_id, u.first_name, u.last_name, o.quantity";
  const joined = "orders o join users u on u.user_id = o.user_id join stores s on s.store_id = o.store_id";
  const tills = await postgres.query(`select ${columns}, (extract(epoch from o.ts) * 1000)::bigint::text as ordered from ${joined}`);
  const [web] = await mysql.query(
    `select ${columns}, cast(timestampdiff(microsecond, '1970-01-01', o.ts) / 1000 as signed) as ordered from ${joined}`,
  );
  return [...tills.rows.map((row) => rowText("postgres", row)), ...web.map((row) => rowText("mysql", row))].sort();
}

/** What it holds. */
export async function result({ cassandra: client }) {
  const rows = [];
  for await (const row of client.stream("select * from main.all_orders", [], { prepare: true, fetchSize: 5000 }))
    rows.push(rowText(row.source_system, { ...row, ordered: row.ordered?.getTime() }, row.ts));
  return rows.sort();
}

function rowText(source, row, ts) {
  if (ts !== undefined && Math.abs(Date.now() - (ts?.getTime() ?? 0)) > 86_400_000)
    throw new Error(`order ${row.order_id} of ${source} has the record time ${ts?.toISOString()}`);
  const fields = ["order_id", "store_id", "store_name", "city", "user_id", "first_name", "last_name", "quantity", "ordered"];
  return [source, ...fields.map((name) => String(row[name]))].join(" | ");
}

/** A sentence on what is missing and what is too much; undefined where the two are equal. */
export function difference(expected, actual) {
  const [e, a] = [new Set(expected), new Set(actual)];
  const missing = expected.filter((row) => !a.has(row));
  const extra = actual.filter((row) => !e.has(row));
  if (missing.length + extra.length === 0 && expected.length === actual.length) return undefined;
  const some = (rows) => `${rows.length}${rows.length ? ` (${rows.slice(0, 3).join("; ")}${rows.length > 3 ? "; …" : ""})` : ""}`;
  return `${expected.length} rows expected, ${actual.length} there; missing ${some(missing)}; not expected ${some(extra)}`;
}
