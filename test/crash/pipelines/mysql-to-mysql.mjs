// MySQL → MySQL: a copy with inserts, updates, deletes and changed keys, and an append-only log, each exactly once.
import { connectMysql } from "../../../examples/orders/databases.mjs";
import { Reconnecting } from "../reconnecting.mjs";
import { serviceServer } from "../servers/service.mjs";

const source = { copy: "select id, amount, note from items order by id", log: "select id, amount from events order by id" };
const target = { copy: "select id, amount, note from items_copy order by id", log: "select id, amount from events_log order by id" };

export async function open({ random }) {
  const servers = { source: await serviceServer("mysql"), target: await serviceServer("mysql") };
  const connection = (name, database) =>
    new Reconnecting(
      async () => {
        const client = await connectMysql({ ...servers[name].direct, password: "" }, database);
        client.on("error", () => {});
        return client;
      },
      (client) => client.end(),
      (error) => error.sqlState !== undefined && !error.fatal,
    );
  const own = { source: connection("source"), target: connection("target") };
  await own.source.use((c) =>
    c.query(`create database shop; use shop;
      create table items (id int primary key, amount int not null, note varchar(50));
      create table events (id int auto_increment primary key, amount int not null);
      insert into items values ${Array.from({ length: 500 }, (_, i) => `(${i + 1}, ${i * 3}, 'n${i % 7}')`).join(",")};
      insert into events (amount) values (1), (2), (3);`),
  );
  await own.target.use((c) => c.query("create database shop; use shop"));
  await own.source.drop();
  await own.target.drop();
  own.source = connection("source", "shop");
  own.target = connection("target", "shop");
  const writer = connection("source", "shop");
  const rows = async (connection, queries) => {
    const result = {};
    for (const [name, text] of Object.entries(queries))
      result[name] = (await connection.use((c) => c.query(text)))[0].map((row) => JSON.stringify(row));
    return result;
  };
  return {
    hosts: { source: `127.0.0.1:${servers.source.port}`, target: `127.0.0.1:${servers.target.port}` },
    sources: [servers.source],
    targets: [servers.target],
    writers: [() => write(writer, random)],
    create,
    expected: () => rows(own.source, source),
    actual: () => rows(own.target, target),
    async stop() {
      for (const connection of [...Object.values(own), writer]) await connection.drop();
      await Promise.allSettled(Object.values(servers).map((server) => server.stop()));
    },
  };
}

async function create(millrace) {
  await millrace.connector("source", {
    "connector.class": "io.debezium.connector.mysql.MySqlConnector",
    "database.hostname": "source",
    "database.port": "3306",
    "database.user": "root",
    "database.password": "",
    "database.server.id": "7001",
    "topic.prefix": "crash",
    "database.include.list": "shop",
    "schema.history.internal.kafka.topic": "crash.history",
    "schema.history.internal.kafka.bootstrap.servers": "broker:9092",
    transforms: "unwrap,key",
    "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
    "transforms.unwrap.delete.tombstone.handling.mode": "tombstone",
    "transforms.key.type": "org.apache.kafka.connect.transforms.ExtractField$Key",
    "transforms.key.field": "id",
    // the schema changes' key is no row's
    "transforms.key.predicate": "row",
    predicates: "row",
    "predicates.row.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
    "predicates.row.pattern": "crash\\.shop\\..*",
    "key.converter": "org.apache.kafka.connect.converters.IntegerConverter",
    "value.converter": "io.confluent.connect.avro.AvroConverter",
    "value.converter.schema.registry.url": "http://schema-registry:8081",
    "include.schema.changes": "false",
  });
  await millrace.topics("source", ["crash.shop.items", "crash.shop.events"]);
  const jdbc = {
    "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
    "connection.url": "jdbc:mysql://target:3306/shop",
    "connection.user": "root",
    "connection.password": "",
    "auto.create": "true",
    "value.converter": "io.confluent.connect.avro.AvroConverter",
    "value.converter.schema.registry.url": "http://schema-registry:8081",
    "key.converter": "org.apache.kafka.connect.converters.IntegerConverter",
    "retry.backoff.ms": "100",
  };
  const keyed = { "insert.mode": "upsert", "pk.mode": "record_key", "pk.fields": "id", "delete.enabled": "true" };
  await millrace.connector("copy", { ...jdbc, ...keyed, topics: "crash.shop.items", "table.name.format": "items_copy" });
  const log = { topics: "crash.shop.events", "insert.mode": "insert", "pk.mode": "none", "table.name.format": "events_log" };
  await millrace.connector("log", { ...jdbc, ...log });
}

/** A random transaction over a few hundred keys, now and then rolled back. */
function write(connection, random) {
  const n = (limit) => Math.floor(random() * limit);
  const statements = Array.from({ length: 1 + n(8) }, () => {
    const id = 1 + n(700);
    switch (n(5)) {
      case 0:
        return `insert into items values (${id}, ${n(1000)}, 'n${n(9)}') on duplicate key update amount = values(amount), note = null`;
      case 1:
        return `update items set amount = amount + ${n(10)} where id between ${id} and ${id + n(20)}`;
      case 2:
        return `delete from items where id = ${id}`;
      case 3:
        return `update ignore items set id = ${id + 700} where id = ${id}`;
      default:
        return `insert into events (amount) values ${Array.from({ length: 1 + n(4) }, () => `(${n(1000)})`).join(",")}`;
    }
  });
  const end = random() < 0.1 ? "rollback" : "commit";
  return connection.use(async (client) => {
    try {
      await client.query(`begin; ${statements.join("; ")}; ${end}`);
    } catch (error) {
      await client.query("rollback").catch(() => {});
      throw error;
    }
    return end === "commit" ? statements.length : 0;
  });
}
