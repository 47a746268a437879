// What a record costs by how many keys there are: count, sum and max of the same orders, of ten thousand customers and of ten
// million (or as many as told). The records of the first pass make the keys; the second pass is measured.
//   node bench/sql/keys.mjs [keys] [records]
import { loopDelay, openBench, parseLimit } from "../query-support.mjs";
import { measure, profiled, report } from "../support.mjs";
import { fill, orders, orderText, orderTime } from "./workload.mjs";

const most = Number(process.argv[2] ?? 10_000_000);
const measured = Number(process.argv[3] ?? 1_000_000);
const costs = [];
for (const keys of [10_000, most]) {
  const bench = await openBench();
  try {
    const plan = bench.plan(`${orders} CREATE TABLE spent WITH (KAFKA_TOPIC='spent', KEY_FORMAT='KAFKA') AS
      SELECT customer_id, COUNT(*) AS n, SUM(price * qty) AS total, MAX(ts) AS latest FROM orders GROUP BY customer_id;`);
    await bench.broker.createTopics(["orders", "spent"].map((name) => ({ name, partitions: 1 })));
    // Every change is handed on, of few keys as of many: else updates of few keys coalesce, and there is less to do for each record.
    const query = await bench.start(plan, { "cache.max.bytes.buffering": "0" });
    // In parts, so that neither the log nor the queue holds more than it has to.
    for (let done = 0; done < keys; done += 500_000) {
      await fill(bench, "orders", Math.min(500_000, keys - done), (i) => [null, orderText(done + i, keys), orderTime(i)]);
      await query.drained();
      await bench.broker.deleteRecords({ topic: "orders", partition: 0 }, done);
    }
    await query.pause();
    await fill(bench, "orders", measured, (i) => [null, orderText((i * 7919) % keys, keys), orderTime(i)]);
    global.gc?.();
    const limit = await parseLimit();
    const ours = await measure(() =>
      loopDelay(() =>
        profiled(async () => {
          query.resume();
          await query.drained();
        }),
      ),
    );
    const row = report(`count, sum, max by ${keys} keys`, measured, ours, limit, 0.2);
    console.log(`  event loop p99 ${ours.result.p99.toFixed(1)} ms, longest ${ours.result.max.toFixed(1)} ms`);
    costs.push(row.cpuSecondsPerMillion);
    await query.close();
  } finally {
    await bench.close();
  }
}
const times = costs[1] / costs[0];
console.log(`cost per record by ${most} keys: ${times.toFixed(2)} times that of 10000, at most 1.5: ${times <= 1.5 ? "yes" : "NO"}`);
