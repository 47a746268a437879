// MySQL and Postgres → joins → Cassandra: examples/orders as it is, with its files.
import { readdirSync, readFileSync } from "node:fs";
import { connectPostgres } from "../../../examples/common/postgres.mjs";
import {
  connectCassandra,
  connectMysql,
  loadMysql,
  loadPostgres,
  openDatabases,
  recompute,
  result,
} from "../../../examples/orders/databases.mjs";
import { insertMysql, insertPostgres, randomOrder } from "../../../examples/orders/generator.mjs";
import { Reconnecting } from "../reconnecting.mjs";
import { PostgresServer, packageBin } from "../servers/postgres.mjs";
import { serviceServer } from "../servers/service.mjs";

const file = (name) => readFileSync(new URL(`../../../examples/orders/${name}`, import.meta.url), "utf8");

/** Orders in one database. */
const most = 3000;

export async function open({ folder, random }) {
  const [mysql, cassandra, postgres] = [
    await serviceServer("mysql", { MYSQL_PASSWORD: "mysql" }),
    await serviceServer("cassandra", { CASSANDRA_COMMITLOG_SYNC: "batch" }), // acknowledged is on disk: a kill -9 of Cassandra loses nothing
    await PostgresServer.create("main", folder, await packageBin()),
  ];
  const direct = { mysql: mysql.direct, cassandra: cassandra.direct, postgres: { host: "127.0.0.1", port: postgres.port } };
  const clients = await openDatabases(direct);
  const lost = () => false;
  const of = (close, open) => new Reconnecting(open, close, lost);
  const connections = {
    postgres: () =>
      of(
        (c) => c.end(),
        () => connectPostgres(direct.postgres, "main"),
      ),
    mysql: () =>
      of(
        (c) => c.end(),
        async () => quiet(await connectMysql(direct.mysql, "main")),
      ),
    cassandra: () =>
      of(
        (c) => c.shutdown(),
        () => connectCassandra(direct.cassandra),
      ),
  };
  const own = { postgres: connections.postgres(), mysql: connections.mysql(), cassandra: connections.cassandra() };
  const writing = { postgres: connections.postgres(), mysql: connections.mysql() };
  let count = 0;
  const numbers = { postgres: [], mysql: [] };
  const insert = { postgres: insertPostgres, mysql: insertMysql };
  /** A transaction of new orders and changes of earlier ones, now and then rolled back. */
  const write = (name) => () =>
    writing[name].use(async (client) => {
      // snapshot.mode=always: all of Postgres' is read and written again after each kill, so a long run only changes what is there
      const more = numbers[name].length < most ? 1 + Math.floor(random() * 5) : 0;
      const orders = Array.from({ length: more }, () => randomOrder(count++, random));
      const changed = Array.from({ length: Math.floor(random() * 3) }, () => numbers[name][Math.floor(random() * numbers[name].length)]);
      const rollback = random() < 0.1;
      await client.query("begin");
      for (const order of orders) await insert[name](client, order);
      for (const id of changed) if (id) await client.query(`update orders set quantity = quantity + 1 where order_id = '${id}'`);
      await client.query(rollback ? "rollback" : "commit");
      if (rollback) return 0;
      numbers[name].push(...orders.map(([id]) => id));
      return orders.length + changed.length;
    });
  return {
    hosts: { mysql: `127.0.0.1:${mysql.port}`, postgres: `127.0.0.1:${postgres.port}`, cassandra: `127.0.0.1:${cassandra.port}` },
    sources: [mysql, postgres],
    targets: [cassandra],
    writers: [write("postgres"), write("mysql")],
    async create(millrace) {
      const orders = Array.from({ length: 300 }, () => randomOrder(count++, random));
      await loadPostgres(clients, orders);
      for (const name of ["mysql-source", "postgres-source"]) await millrace.connector(name, file(`connectors/${name}.json`));
      await millrace.placed("postgres-source");
      await millrace.placed("mysql-source"); // schema_only: what was written before is in no topic
      await loadMysql(clients);
      for (const [name, schema, query] of [
        ["mysql", "main", insertMysql],
        ["postgres", "public", insertPostgres],
      ]) {
        await query(clients[name], randomOrder(count++, random));
        await millrace.topics(
          `${name}-source`,
          ["orders", "users", "stores"].map((table) => `_${name}_.${schema}.${table}`),
        );
      }
      await clients.end();
      for (const name of readdirSync(new URL("../../../examples/orders/sql/", import.meta.url)).sort())
        await millrace.ksql(file(`sql/${name}`));
      await millrace.connector("cassandra-sink", file("connectors/cassandra-sink.json"));
    },
    expected: () => own.postgres.use((p) => own.mysql.use(async (m) => ({ all_orders: await recompute({ postgres: p, mysql: m }) }))),
    actual: () => own.cassandra.use(async (c) => ({ all_orders: await result({ cassandra: c }) })),
    async stop() {
      await clients.end();
      for (const connection of [...Object.values(own), ...Object.values(writing)]) await connection.drop();
      await Promise.allSettled([mysql.stop(), cassandra.stop(), postgres.halt(false)]);
    },
  };
}

/** A lost connection is the next statement's error, not the process's. */
function quiet(client) {
  client.on("error", () => {});
  return client;
}
