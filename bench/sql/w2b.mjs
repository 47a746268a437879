// W2B: count, sum and max by 1_000_000 keys.
//   node bench/sql/w2b.mjs [orders]
import { fillOrders, orders, run } from "./workload.mjs";

const count = Number(process.argv[2] ?? 1_000_000);
await run({
  name: "W2B: count, sum, max by 1_000_000 keys",
  sql: `${orders} CREATE TABLE w2b WITH (KAFKA_TOPIC='w2b', KEY_FORMAT='KAFKA') AS
    SELECT customer_id, COUNT(*) AS n, SUM(price * qty) AS total, MAX(ts) AS latest FROM orders GROUP BY customer_id;`,
  topics: ["orders"],
  sink: "w2b",
  records: count,
  prepare: (bench) => fillOrders(bench, count, 1_000_000),
  mustReach: 0.25,
  mostCpu: 4,
});
