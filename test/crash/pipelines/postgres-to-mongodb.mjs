// Postgres → MongoDB by the managed connectors' names: a copy by key with updates, deletes and changed keys, and an append-only log
// whose ids the sink makes, each exactly once in the end.
import { MongoClient } from "mongodb";
import { connectPostgres } from "../../../examples/common/postgres.mjs";
import { Reconnecting } from "../reconnecting.mjs";
import { PostgresServer, packageBin } from "../servers/postgres.mjs";
import { serviceServer } from "../servers/service.mjs";

const rows = {
  copy: "select id, balance::text, name from customers order by id",
  log: "select id, amount from events order by id",
};

export async function open({ folder, random }) {
  const [mongo, postgres] = [await serviceServer("mongodb"), await PostgresServer.create("main", folder, await packageBin())];
  const sql = () =>
    new Reconnecting(
      () => connectPostgres({ host: "127.0.0.1", port: postgres.port }),
      (client) => client.end(),
      () => false,
    );
  const own = sql();
  const writer = sql();
  const target = new Reconnecting(
    () => new MongoClient(`mongodb://127.0.0.1:${mongo.direct.port}/`, { serverSelectionTimeoutMS: 5000 }).connect(),
    (client) => client.close(),
    () => false,
  );
  await own.use((c) =>
    c.query(`create table customers (id int primary key, balance bigint not null, name text);
      create table events (id serial primary key, amount int not null);
      insert into customers select i, i * 9007199254740993, 'n' || i % 7 from generate_series(1, 500) i;
      insert into events (amount) values (1), (2), (3)`),
  );
  return {
    hosts: { postgres: `127.0.0.1:${postgres.port}`, "cluster0.crash.mongodb.net": `127.0.0.1:${mongo.port}` },
    sources: [postgres],
    targets: [mongo],
    writers: [() => write(writer, random)],
    create,
    expected: () =>
      own.use(async (c) => {
        const out = {};
        for (const [name, text] of Object.entries(rows)) out[name] = (await c.query(text)).rows.map((row) => JSON.stringify(row));
        return out;
      }),
    actual: () =>
      target.use(async (client) => {
        const db = client.db("shop");
        const copy = await db
          .collection("customers")
          .find({}, { sort: { _id: 1 }, promoteLongs: false })
          .toArray();
        const log = await db
          .collection("events")
          .find({}, { sort: { id: 1 } })
          .toArray();
        return {
          copy: copy.map(({ _id, balance, name }) => JSON.stringify({ id: _id, balance: balance.toString(), name })),
          log: log.map(({ id, amount }) => JSON.stringify({ id, amount })),
        };
      }),
    async stop() {
      for (const connection of [own, writer, target]) await connection.drop();
      await Promise.allSettled([mongo.stop(), postgres.halt(false)]);
    },
  };
}

async function create(millrace) {
  await millrace.connector("source", {
    "connector.class": "PostgresCdcSourceV2",
    "database.hostname": "postgres",
    "database.port": "5432",
    "database.user": "postgres",
    "database.password": "postgres",
    "database.dbname": "postgres",
    "topic.prefix": "crash",
    "table.include.list": "public.customers,public.events",
    "slot.name": "crash",
    "output.data.format": "AVRO",
    "output.key.format": "AVRO",
    "after.state.only": "true",
  });
  await millrace.topics("source", ["crash.public.customers", "crash.public.events"]);
  const atlas = {
    "connector.class": "MongoDbAtlasSink",
    "connection.host": "cluster0.crash.mongodb.net",
    database: "shop",
    "input.data.format": "AVRO",
    "input.key.format": "AVRO",
  };
  await millrace.connector("copy", {
    ...atlas,
    topics: "crash.public.customers",
    collection: "customers",
    "doc.id.strategy": "ProvidedInKeyStrategy",
    "delete.on.null.values": "true",
    transforms: "id,hoist",
    "transforms.id.type": "org.apache.kafka.connect.transforms.ExtractField$Key",
    "transforms.id.field": "id",
    "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Key",
    "transforms.hoist.field": "_id",
  });
  await millrace.connector("log", {
    ...atlas,
    topics: "crash.public.events",
    collection: "events",
    "write.strategy": "InsertOneDefaultStrategy",
  });
}

/** A random transaction over a few hundred keys, now and then rolled back. */
function write(connection, random) {
  const n = (limit) => Math.floor(random() * limit);
  const statements = Array.from({ length: 1 + n(8) }, () => {
    const id = 1 + n(700);
    switch (n(5)) {
      case 0:
        return `insert into customers values (${id}, ${n(1000)}, 'n${n(9)}') on conflict (id) do update set balance = excluded.balance, name = null`;
      case 1:
        return `update customers set balance = balance + ${n(10)} where id between ${id} and ${id + n(20)}`;
      case 2:
        return `delete from customers where id = ${id}`;
      case 3:
        return `update customers set id = ${id + 700} where id = ${id} and not exists (select from customers where id = ${id + 700})`;
      default:
        return `insert into events (amount) select (random() * 1000)::int from generate_series(1, ${1 + n(4)})`;
    }
  });
  const end = random() < 0.1 ? "rollback" : "commit";
  return connection.use(async (client) => {
    await client.query("begin");
    for (const statement of statements) await client.query(statement);
    await client.query(end);
    return end === "commit" ? statements.length : 0;
  });
}
