// W3: a stream joined with a table of 100,000 rows.
//   node bench/sql/w3.mjs [orders]
import { fill, intKey, orders, orderText, orderTime, run, scattered, start } from "./workload.mjs";

const count = Number(process.argv[2] ?? 1_000_000);
const customers = 100_000;
await run({
  name: "W3: stream joined with a table of 100 k",
  sql: `${orders.replace("customer_id INT", "customer_id INT KEY")}
    CREATE TABLE customers (id INT PRIMARY KEY, name STRING, region STRING, tier STRING, credit DOUBLE, ts BIGINT)
      WITH (KAFKA_TOPIC='customers', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE STREAM w3 WITH (KAFKA_TOPIC='w3') AS
      SELECT o.customer_id, o.order_id, o.price * o.qty AS total, c.name, c.region FROM orders o JOIN customers c ON o.customer_id = c.id;`,
  topics: ["orders", "customers"],
  sink: "w3",
  records: count,
  async prepare(bench) {
    await fill(bench, "customers", customers, (i) => [
      intKey(i),
      `{"name":"customer ${i}","region":"region ${i % 50}","tier":"gold","credit":${i / 10},"ts":${start}}`,
      start - 1,
    ]);
    // keyed by customer, as the join needs it: the key stands in the record's key
    await fillKeyedOrders(bench);
  },
  mustReach: 0.4,
  mostCpu: 2.5,
});

async function fillKeyedOrders(bench) {
  await fill(bench, "orders", count, (i) => [intKey(scattered(i, customers)), orderText(i, customers), orderTime(i)]);
}
