// W2: count, sum and max by 10_000 keys.
//   node bench/sql/w2.mjs [orders]
import { fillOrders, orders, run } from "./workload.mjs";

const count = Number(process.argv[2] ?? 1_000_000);
await run({
  name: "W2: count, sum, max by 10_000 keys",
  sql: `${orders} CREATE TABLE w2 WITH (KAFKA_TOPIC='w2', KEY_FORMAT='KAFKA') AS
    SELECT customer_id, COUNT(*) AS n, SUM(price * qty) AS total, MAX(ts) AS latest FROM orders GROUP BY customer_id;`,
  topics: ["orders"],
  sink: "w2",
  records: count,
  prepare: (bench) => fillOrders(bench, count, 10_000),
  mustReach: 0.6,
  mostCpu: 1.7,
});
