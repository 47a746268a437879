// W5: a foreign-key join of tables, orders with 10,000 products; then 1,000 updates that each touch as many orders as have the product.
//   node bench/sql/w5.mjs [orders]
import { fill, intKey, orderText, run, scattered, start } from "./workload.mjs";

const count = Number(process.argv[2] ?? 1_000_000);
const products = 10_000;
const product = (i, version) => `{"name":"product ${i}","weight":${i % 100},"version":${version}}`;
await run({
  name: "W5: foreign-key join of tables, orders with 10 k products",
  sql: `CREATE TABLE orders (order_id INT PRIMARY KEY, customer_id INT, product_id INT, qty INT, price DOUBLE, status STRING, note STRING, ts BIGINT)
      WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE products (product_id INT PRIMARY KEY, name STRING, weight INT, version INT)
      WITH (KAFKA_TOPIC='products', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE w5 WITH (KAFKA_TOPIC='w5') AS
      SELECT o.order_id, o.qty, o.price, p.name, p.version FROM orders o JOIN products p ON o.product_id = p.product_id;`,
  topics: ["orders", "products"],
  sink: "w5",
  records: count,
  async prepare(bench) {
    await fill(bench, "products", products, (i) => [intKey(i), product(i, 0), start - 1]);
    await fill(bench, "orders", count, (i) => [intKey(i), orderText(i, 10_000, products), start + i]);
  },
  mustReach: 0.08,
  mostCpu: 12,
  async after(bench, query) {
    const before = (await query.stats()).recordsOut;
    const began = performance.now();
    await fill(bench, "products", 1_000, (i) => [intKey(scattered(i, products)), product(scattered(i, products), 1), start + count + i]);
    await query.drained();
    const seconds = (performance.now() - began) / 1000;
    const out = (await query.stats()).recordsOut - before;
    console.log(`  1,000 products updated: ${out} rows out in ${seconds.toFixed(2)} s, must be 1 s: ${seconds <= 1 ? "yes" : "NO"}`);
  },
});
