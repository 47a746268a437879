// 400 queries that have nothing to do: their memory, and what a statement costs to plan.
//   node --expose-gc bench/sql/idle.mjs [queries]
import { openBench } from "../query-support.mjs";
import { fill, fillOrders, orders } from "./workload.mjs";

const count = Number(process.argv[2] ?? 400);
const bench = await openBench();
try {
  bench.plan(orders);
  const names = Array.from({ length: count }, (_, i) => `q${i}`);
  await bench.broker.createTopics(["orders", ...names].map((name) => ({ name, partitions: 1 })));
  await fillOrders(bench, 100);
  const began = performance.now();
  const plans = names.map((name) =>
    bench.plan(
      `CREATE TABLE ${name} WITH (KAFKA_TOPIC='${name}', KEY_FORMAT='KAFKA') AS SELECT customer_id, COUNT(*) AS n, SUM(price * qty) AS total FROM orders WHERE qty > 1 GROUP BY customer_id;`,
    ),
  );
  const planning = (performance.now() - began) / count;
  const queries = [];
  for (const plan of plans) queries.push(await bench.start(plan));
  for (const query of queries) await query.drained();
  await fill(bench, "orders", 1, () => [null, "{}", 1_700_006_500_000]);
  for (const query of queries) await query.drained();
  global.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const cpu = process.cpuUsage();
  const since = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const used = process.cpuUsage(cpu);
  const share = (used.user + used.system) / 10 / (performance.now() - since);
  const rss = Math.round(process.memoryUsage().rss / 1e6);
  console.log(
    `${count} idle queries: ${rss} MB, at most 400: ${rss <= 400 ? "yes" : "NO"}; ${share.toFixed(1)} % of a core; a statement planned in ${planning.toFixed(2)} ms, at most 5: ${planning <= 5 ? "yes" : "NO"}`,
  );
  for (const query of queries) await query.close();
} finally {
  await bench.close();
}
