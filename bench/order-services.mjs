// Order produced → its customer's total, through both services of examples/order-services inside of one `millrace start`: 200 orders/s for
// 60 s. The time runs from the order's produce call (not its answer) until the total that counts it is in its topic for read_committed,
// and until a find in MongoDB shows it (where .services/mongodb is installed; one order in ten is looked for, as the looking costs the
// server as much as the writing). The first 10 s compile the code. Printed beside: when the produce call was answered, and what the disk alone
// took meanwhile. No limit but milliseconds: p99 50.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { MongoClient } from "mongodb";
import { PartitionReader } from "../dist/broker/api/reader.js";
import { serdes, TopicProducer } from "../dist/embed/streams.js";
import { KafkaBroker } from "../dist/kafka/kafka-broker.js";
import { RecordCursor } from "../dist/protocol/record-cursor.js";
import { HttpSchemaClient } from "../dist/schema-registry/http-client.js";
import { installed, startService } from "../examples/common/services.mjs";
import { customerSerde, orderSerde, orderTotalSerde, productSerde } from "../examples/order-services/dist/types.js";
import { quantiles, startFloor } from "./latency-support.mjs";
import { bound, cpuSeconds, newFolder, pause, resident, spawnMillrace } from "./spawned.mjs";

const RATE = 200;
const SECONDS = Math.max(5, Math.round(60 * Number(process.env.BENCH_SCALE ?? 1)));
const WARM_UP = 10;
const CUSTOMERS = 200;
const example = fileURLToPath(new URL("../examples/order-services/", import.meta.url));

const folder = newFolder();
const mongo = installed("mongodb") ? await startService("mongodb") : undefined;
if (!mongo) console.log("order-services: MongoDB is not in .services/mongodb, its half is not measured");
const millrace = await spawnMillrace(`${folder.dir}/millrace`, {
  ...(process.env.BENCH_PROFILE ? { node: ["--cpu-prof", `--cpu-prof-dir=${process.env.BENCH_PROFILE}`] } : {}),
  flags: ["--services", `${example}dist/services`, ...(mongo ? ["--host", `mongodb=127.0.0.1:${mongo.port}`] : [])],
});
try {
  await run();
} finally {
  await millrace.stop();
  await mongo?.stop();
  await folder.remove();
}
process.exit();

async function run() {
  const { ports } = millrace;
  const connection = {
    "bootstrap.servers": `127.0.0.1:${ports.kafka}`,
    "schema.registry.url": `http://127.0.0.1:${ports.registry}`,
  };
  const fill = async (topic, value, rows) => {
    const producer = await TopicProducer.open({ ...connection, topic, key: serdes.string, value });
    for (const row of rows) await producer.send(String(row.id), row);
    await producer.close();
  };
  const range = (count) => Array.from({ length: count }, (_, i) => i + 1);
  const person = (id) => ({ id, name: `customer ${id}`, email: "e", address: "a", card_number: "x", level: "GOLD" });
  await fill("crm.ecommerce.customers", customerSerde, range(CUSTOMERS).map(person));
  await fill(
    "shop.ecommerce.products",
    productSerde,
    range(100).map((id) => ({ id, product_name: `p${id}`, product_cost: id })),
  );
  const orders = await TopicProducer.open({ ...connection, topic: "orders", key: serdes.string, value: orderSerde, partitions: 3 });
  const { broker, totals } = await totalsReader(connection);
  let collection;
  let client;
  if (mongo) {
    const put = spawnSync(`${example}connectors/put`, ["totals-sink"], {
      env: { ...process.env, CONNECT_URL: `http://127.0.0.1:${ports.connect}` },
    });
    if (put.status !== 0) throw new Error(String(put.stderr));
    client = await new MongoClient(`mongodb://127.0.0.1:${mongo.port}/?directConnection=true`).connect();
    collection = client.db("ecommerce").collection("totals");
  }

  /** by customer: when its nth order was produced */
  const sent = range(CUSTOMERS).map(() => []);
  const waits = { topic: [], mongodb: [] };
  const answered = [];
  let warm = 0;
  const timed = (kind, at, now) => {
    if (at >= warm) waits[kind].push(now - at);
  };
  const counted = new Array(CUSTOMERS).fill(0);
  totals((customer, count) => {
    const now = performance.now();
    while (counted[customer - 1] < count) timed("topic", sent[customer - 1][counted[customer - 1]++], now);
  });
  let producing = true;
  /** `[customer, nth order, when]` of those that are looked for, one after the other */
  const looked = [];
  const looking = (async () => {
    while (collection && (producing || looked.length)) {
      const [customer, count, at] = looked.shift() ?? [];
      if (customer === undefined) await pause(1);
      else {
        while (Number((await collection.findOne({ _id: String(customer) }, { projection: { orders: 1 } }))?.orders ?? 0) < count)
          await pause(1);
        timed("mongodb", at, performance.now());
        looked.length = 0; // those that were produced meanwhile would show the looking's time
      }
    }
  })();

  const floor = await startFloor(folder.dir);
  const total = RATE * (SECONDS + WARM_UP);
  const begun = performance.now();
  warm = begun + WARM_UP * 1000;
  let cpu = 0;
  for (let i = 0; i < total; i++) {
    const due = begun + (i * 1000) / RATE;
    if (due > performance.now()) await pause(due - performance.now());
    if (i === RATE * WARM_UP) cpu = cpuSeconds(millrace.pid);
    const customer = 1 + ((i * 7919) % CUSTOMERS);
    const now = performance.now();
    sent[customer - 1].push(now);
    if (i % 10 === 0) looked.push([customer, sent[customer - 1].length, now]);
    await orders.send(`o${i}`, {
      id: `o${i}`,
      customer_id: customer,
      product_id: 1 + (i % 100),
      quantity: 1 + (i % 9),
      placed: Date.now(),
    });
    void orders.flush().then(() => {
      if (now >= warm) answered.push(performance.now() - now);
    });
  }
  await orders.flush();
  while (counted.reduce((a, b) => a + b) < total) await pause(10);
  producing = false;
  await looking;
  const used = cpuSeconds(millrace.pid) - cpu;
  const extra = { peakMB: Math.round(resident(millrace.pid, "VmHWM") / 1e6) };
  for (const [kind, list] of Object.entries(waits)) {
    if (list.length === 0) continue;
    list.sort((a, b) => a - b);
    const at = (q) => Number(list[Math.min(list.length - 1, Math.floor(list.length * q))].toFixed(1));
    console.log(`order-services, order → total in ${kind}: ${list.length} orders, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`);
    bound(`order-services: order → total in ${kind}, p99`, at(0.99), 50, "ms", extra);
  }
  console.log(`  order → answered by the Kafka port: ${quantiles(answered)}`);
  await floor.end();
  console.log(
    `order-services: ${((used / SECONDS) * 100).toFixed(0)} % of a core, ${((used / (RATE * SECONDS)) * 1e6).toFixed(0)} CPU s per million orders, peak ${extra.peakMB} MB`,
  );
  await client?.close();
  await orders.close();
  await broker.close();
}

/** Calls back for each committed total, from the client's own connection to the Kafka port. */
async function totalsReader(connection) {
  const broker = await KafkaBroker.open({ bootstrapServers: [connection["bootstrap.servers"]] });
  const registry = new HttpSchemaClient(connection["schema.registry.url"]);
  const open = orderTotalSerde.open({ topic: "orders-totals", isKey: false, registry });
  for (;;) {
    const [found] = await broker.describeTopics(["orders-totals"]);
    if (found) break;
    await pause(50);
  }
  const reader = new PartitionReader({ broker });
  reader.seek("orders-totals", 0, 0);
  const totals = async (each) => {
    const cursor = new RecordCursor();
    for (;;) {
      const polled = await reader.poll(500).catch(() => undefined);
      if (!polled) return; // closed
      for (const { batches } of polled)
        for (const batch of batches) {
          cursor.open(batch);
          while (cursor.next()) {
            await open.prepareRead(cursor.bytes, cursor.valueStart, cursor.valueEnd);
            const { customer_id, orders } = open.deserialize(cursor.bytes, cursor.valueStart, cursor.valueEnd);
            each(customer_id, orders);
          }
        }
    }
  };
  return { broker, totals };
}
