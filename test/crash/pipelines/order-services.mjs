// Orders on Kafka, tables from MySQL → two services on millrace/streams → totals in MongoDB: examples/order-services as it is, its
// services inside of the process that is killed. Who sends an order does not know what became of it if the answer was lost: what must be
// in MongoDB is recomputed from the topic, which must hold every order that was answered, and none twice.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MongoClient } from "mongodb";
import mysql from "mysql2/promise";
import { PartitionReader } from "../../../dist/broker/api/reader.js";
import { connect } from "../../../dist/embed/connection.js";
import { serdes, TopicProducer } from "../../../dist/embed/streams.js";
import { RecordCursor } from "../../../dist/protocol/record-cursor.js";
import { loadDatabases, password } from "../../../examples/order-services/databases.mjs";
import { until } from "../millrace.mjs";
import { Reconnecting } from "../reconnecting.mjs";
import { serviceServer } from "../servers/service.mjs";

const example = fileURLToPath(new URL("../../../examples/order-services/", import.meta.url));
const run = promisify(execFile);

export async function open({ random }) {
  await run(process.execPath, [fileURLToPath(new URL("../../../node_modules/typescript/bin/tsc", import.meta.url)), "-p", example]);
  const { customerSerde, orderSerde } = await import(`${example}dist/types.js`);
  const [source, target] = [await serviceServer("mysql", { MYSQL_PASSWORD: password }), await serviceServer("mongodb")];
  const clients = await loadDatabases({ mysql: source.direct, mongodb: target.direct });
  const [products] = await clients.sql.query("SELECT id, product_cost FROM ecommerce.products");
  const [customers] = await clients.sql.query("SELECT id, name FROM ecommerce.customers");
  await clients.end();
  const cost = new Map(products.map((row) => [row.id, row.product_cost]));
  const name = new Map(customers.map((row) => [row.id, row.name]));

  let millrace;
  const n = (limit) => Math.floor(random() * limit);
  const of = (open, close) => new Reconnecting(open, close, () => false);
  const address = () => ({ "bootstrap.servers": `127.0.0.1:${millrace.ports.kafka}`, "schema.registry.url": millrace.url("registry", "") });
  const producer = () =>
    of(
      () => TopicProducer.open({ ...address(), topic: "orders", key: serdes.string, value: orderSerde, partitions: 3 }),
      (p) => p.close(),
    );
  const sql = () =>
    of(
      async () => {
        const client = await mysql.createConnection({ host: "127.0.0.1", port: source.direct.port, user: "root", password });
        client.on("error", () => {}); // a lost connection is the next statement's error, not the process's
        return client;
      },
      (client) => client.end(),
    );
  const kafka = of(
    () => connect(address()),
    (c) => c.close(),
  );
  const mongo = of(
    () => new MongoClient(`mongodb://127.0.0.1:${target.direct.port}/?directConnection=true`, { serverSelectionTimeoutMS: 5000 }).connect(),
    (client) => client.close(),
  );
  const producers = [producer(), producer()];
  const [reading, changing] = [sql(), sql()];

  let count = 0;
  const answered = new Set();
  const produce = (connection) => () =>
    connection.use(async (orders) => {
      const list = Array.from({ length: 1 + n(20) }, () => ({
        id: `o${count++}`, // another one each time, so that an order is known by it
        customer_id: customers[n(customers.length)].id,
        product_id: products[n(products.length)].id,
        quantity: 1 + n(9),
        placed: Date.now(),
      }));
      for (const order of list) await orders.send(order.id, order);
      await orders.flush();
      for (const { id } of list) answered.add(id);
      return list.length;
    });
  /**
   * What no total depends on: when an order meets a customer's new address is not known. Nothing is deleted: the connector's ValueToKey
   * has no value then, and the record is set aside.
   */
  const change = () =>
    changing.use(async (client) => {
      const [id, late] = [1 + n(customers.length), 1001 + n(200)];
      const row = `(${late}, 'late ${late}', 'e${n(1e6)}', 'a', '1234', 'GOLD')`;
      const statements = [
        `UPDATE ecommerce.customers SET email = 'e${n(1e6)}', address = 'a${n(1e6)}' WHERE id = ${id}`,
        `INSERT INTO ecommerce.customers VALUES ${row} ON DUPLICATE KEY UPDATE email = VALUES(email)`,
      ];
      const [result] = await client.query(statements[n(2)]);
      return result.affectedRows;
    });

  const orders = new TopicFollower("orders", "read_uncommitted");
  const table = new TopicFollower("crm.ecommerce.customers", "read_committed");
  const ids = new Set();
  const totals = new Map();
  const latest = new Map();
  /** What has come into the topics since the last call is added to what they held. */
  const follow = () =>
    kafka.use(async ({ broker, registry }) => {
      await orders.read(broker, registry, orderSerde, (_key, { id, customer_id, product_id, quantity }) => {
        if (ids.has(id)) throw new Error(`order ${id} is in the topic twice`);
        ids.add(id);
        const total = totals.get(customer_id) ?? { orders: 0, sum: 0 };
        totals.set(customer_id, { orders: total.orders + 1, sum: total.sum + quantity * cost.get(product_id) });
      });
      await table.read(broker, registry, customerSerde, (key, row) => (row ? latest.set(key, row) : latest.delete(key)));
    });

  return {
    hosts: { mysql: `127.0.0.1:${source.port}`, mongodb: `127.0.0.1:${target.port}` },
    flags: ["--services", `${example}dist/services`],
    sources: [source],
    targets: [target],
    writers: [...producers.map(produce), change],
    async create(process) {
      millrace = process;
      const put = (...names) =>
        run(`${example}connectors/put`, names, { env: { ...globalThis.process.env, CONNECT_URL: millrace.url("connect", "") } });
      await put("products-source", "customers-source");
      await millrace.topics("products-source", ["shop.ecommerce.products"]);
      await millrace.topics("customers-source", ["crm.ecommerce.customers"]);
      // an order whose customer or product is not known yet would be in no total
      for (const [topic, rows] of [
        ["shop.ecommerce.products", products.length],
        ["crm.ecommerce.customers", customers.length],
      ])
        await until(`${rows} rows in ${topic}`, () =>
          kafka.use(async ({ broker }) => {
            const [{ offset }] = await broker.listOffsets({
              partitions: [{ topic, partition: 0, timestamp: "latest" }],
              isolation: "read_committed",
            });
            return offset >= rows || `${offset} are there`;
          }),
        );
      await produce(producers[0])();
      await put("totals-sink");
    },
    async expected() {
      await follow();
      const lost = [...answered].filter((id) => !ids.has(id));
      if (lost.length) throw new Error(`${lost.length} orders were answered and are not in the topic: ${lost.slice(0, 5).join(", ")}`);
      const [rows] = await reading.use((client) => client.query("SELECT id, name, email, address FROM ecommerce.customers"));
      return {
        totals: [...totals].map(([id, { orders, sum }]) => `${id} ${name.get(id)}: ${orders} orders, ${sum.toFixed(2)}`).sort(),
        customers: rows.map(asText).sort(),
      };
    },
    async actual() {
      await follow();
      const documents = await mongo.use((client) => client.db("ecommerce").collection("totals").find().toArray());
      return {
        totals: documents.map((d) => `${d._id} ${d.customer_name}: ${d.orders} orders, ${d.total.toFixed(2)}`).sort(),
        customers: [...latest.values()].map(asText).sort(),
      };
    },
    async stop() {
      for (const connection of [...producers, reading, changing, kafka, mongo]) await connection.drop();
      await Promise.allSettled([source.stop(), target.stop()]);
    },
  };
}

const asText = ({ id, name, email, address }) => `${id} ${name} ${email} ${address}`;

/** Reads a topic to its end, each time from where it was. */
class TopicFollower {
  #next = [];
  constructor(topic, isolation) {
    Object.assign(this, { topic, isolation });
  }

  async read(broker, registry, serde, each) {
    const { topic, isolation } = this;
    const open = serde.open({ topic, isKey: false, registry });
    const [{ partitions }] = await broker.describeTopics([topic]);
    const asked = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, timestamp: "latest" }));
    const reader = new PartitionReader({ broker, isolation });
    const cursor = new RecordCursor();
    for (const { partition, offset: end } of await broker.listOffsets({ partitions: asked, isolation })) {
      reader.seek(topic, partition, (this.#next[partition] ??= 0));
      while (this.#next[partition] < end)
        for (const { batches, from, next } of await reader.poll(1000)) {
          const records = [];
          for (const batch of batches) {
            cursor.open(batch);
            while (cursor.next()) {
              if (cursor.offset < from) continue;
              const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
              const key = bytes.toString("utf8", keyStart, keyEnd);
              if (valueStart >= 0) await open.prepareRead(bytes, valueStart, valueEnd);
              records.push([key, valueStart < 0 ? undefined : open.deserialize(bytes, valueStart, valueEnd)]);
            }
          }
          // together: what fails before it is read again, what fails after it must not be
          this.#next[partition] = next;
          for (const [key, value] of records) each(key, value);
        }
      reader.remove(topic, partition);
    }
  }
}
