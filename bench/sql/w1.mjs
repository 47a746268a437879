// W1: filter and project.
//   node bench/sql/w1.mjs [orders]
import { fillOrders, orders, run } from "./workload.mjs";

const count = Number(process.argv[2] ?? 1_000_000);
await run({
  name: "W1: filter and project",
  sql: `${orders} CREATE STREAM w1 WITH (KAFKA_TOPIC='w1') AS SELECT order_id, UCASE(status) AS status, price * qty AS total FROM orders WHERE qty > 5;`,
  topics: ["orders"],
  sink: "w1",
  records: count,
  prepare: (bench) => fillOrders(bench, count),
  mustReach: 1,
  mostCpu: 1.1,
});
