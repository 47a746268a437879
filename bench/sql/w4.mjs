// W4: a count by 1,000 products in tumbling minutes of one day.
//   node bench/sql/w4.mjs [orders]
import { fillOrders, orders, run } from "./workload.mjs";

const count = Number(process.argv[2] ?? 1_000_000);
await run({
  name: "W4: tumbling minute, count by 1,000 products",
  sql: `${orders} CREATE TABLE w4 WITH (KAFKA_TOPIC='w4', KEY_FORMAT='KAFKA') AS
    SELECT product_id, COUNT(*) AS n FROM orders WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 1 MINUTE) GROUP BY product_id;`,
  topics: ["orders"],
  sink: "w4",
  records: count,
  prepare: (bench) => fillOrders(bench, count),
  mustReach: 0.5,
  mostCpu: 2,
});
