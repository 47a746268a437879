// W1: filter and project JSON orders. W2: count, sum, max by 10,000 customers. Log to log, exactly once with fdatasync.
//   node bench/query-w1-w2.mjs [orders]
import { fill, loopDelay, openBench, order, parseLimit } from "./query-support.mjs";
import { measure, report } from "./support.mjs";

const count = Number(process.argv[2] ?? 1_000_000);
const int = { base: "INTEGER" };
const text = { base: "STRING" };
const bigint = { base: "BIGINT" };
const fields = [
  ["ORDER_ID", int],
  ["CUSTOMER_ID", int],
  ["PRODUCT_ID", int],
  ["QTY", int],
  ["PRICE", { base: "DOUBLE" }],
  ["STATUS", text],
  ["NOTE", text],
  ["TS", bigint],
].map(([name, type]) => ({ name, type }));
const source = `CREATE STREAM orders (order_id INTEGER, customer_id INTEGER, product_id INTEGER, qty INTEGER, price DOUBLE, status STRING, note STRING, ts BIGINT)
  WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);`;
const bench = await openBench();
try {
  bench.plan(source);
  const plans = {
    "W1: filter and project": bench.plan(
      "CREATE STREAM w1 WITH (KAFKA_TOPIC='w1') AS SELECT order_id, UCASE(status) AS status, price * qty AS total FROM orders WHERE qty > 5;",
    ),
    "W2: count, sum, max by 10,000 keys": bench.plan(
      "CREATE TABLE w2 WITH (KAFKA_TOPIC='w2', KEY_FORMAT='KAFKA') AS SELECT customer_id, COUNT(*) AS n, SUM(price * qty) AS total, MAX(ts) AS latest FROM orders GROUP BY customer_id;",
    ),
  };
  await bench.broker.createTopics(["orders", "w1", "w2"].map((name) => ({ name, partitions: 1 })));
  await fill(bench, "orders", "JSON", [], fields, count, (i) => [null, Object.values(order(i)), 1_700_000_000_000 + i]);
  const limit = await parseLimit();
  for (const [name, plan] of Object.entries(plans)) {
    const ours = await measure(async () => {
      const { result, p99, max } = await loopDelay(async () => {
        const query = await bench.start(plan);
        await query.drained();
        return query;
      });
      return { query: result, p99, max };
    });
    report(name, count, ours, limit, 0.2);
    const { commits, recordsOut } = await ours.result.query.stats();
    console.log(
      `  ${commits} transactions, ${recordsOut} records out, event loop delay p99 ${ours.result.p99.toFixed(1)} ms, longest ${ours.result.max.toFixed(1)} ms`,
    );
    await ours.result.query.close();
  }
} finally {
  await bench.close();
}
