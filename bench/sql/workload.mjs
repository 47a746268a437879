// What the workloads share: JSON orders of 166 bytes in a log, a query planned from SQL over them, exactly once on the default
// store with fdatasync, timed from its start to the commit of its last output. Limit: JSON.parse of the same orders on one thread.
import { RecordBatchBuilder } from "../../dist/protocol/record-batch-builder.js";
import { loopDelay, openBench, parseLimit } from "../query-support.mjs";
import { measure, profiled, report } from "../support.mjs";

export const orders = `CREATE STREAM orders (order_id INT, customer_id INT, product_id INT, qty INT, price DOUBLE, status STRING, note STRING, ts BIGINT)
  WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);`;
const words = ["NEW", "PAID", "SENT", "DONE", "BACK"];
const note = "n".repeat(40);
/** ms between two orders: five million a day, however many there are */
const apart = 86_400_000 / 5_000_000;
export const start = 1_700_006_400_000;

/** Keys in no order: i times a prime that divides none of the counts used. */
export const scattered = (i, n) => (i * 7_368_787) % n;

/** ms since the epoch */
export const orderTime = (i) => start + Math.floor(i * apart);

export function orderText(i, customers = 10_000, products = 1_000) {
  const price = ((i * 7919) % 10_000) / 100;
  return `{"order_id":${i},"customer_id":${scattered(i, customers)},"product_id":${scattered(i, products)},"qty":${(i % 10) + 1},"price":${price},"status":"${words[i % 5]}","note":"${note}","ts":${orderTime(i)}}`;
}

export function intKey(value) {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** `record(i)` gives `[key bytes or null, value text, timestamp]`; 5,000 a batch. */
export async function fill({ broker }, topic, count, record) {
  const builder = new RecordBatchBuilder(1 << 20);
  for (let i = 0; i < count; i++) {
    const [key, value, timestamp] = record(i);
    builder.append(timestamp, key, value === null ? null : Buffer.from(value));
    if (builder.count < 5000 && i + 1 < count) continue;
    const [result] = await broker.produce({ acks: "leader", batches: [{ topic, partition: 0, batch: builder.finish() }] });
    if (result.error) throw result.error;
  }
}

export const fillOrders = (bench, count, customers, products) =>
  fill(bench, "orders", count, (i) => [null, orderText(i, customers, products), orderTime(i)]);

/**
 * Runs one workload.
 * @param sql CREATE statements; the last one is the query
 * @param records what the rate counts
 * @param topics besides the sink's
 */
export async function run({ name, sql, topics, sink, records, prepare, mustReach, mostCpu, after }) {
  const bench = await openBench();
  try {
    const planned = performance.now();
    const plan = bench.plan(sql);
    const planning = performance.now() - planned;
    await bench.broker.createTopics([...topics, sink].map((topic) => ({ name: topic, partitions: 1 })));
    await prepare(bench);
    global.gc?.();
    const limit = await parseLimit();
    const ours = await measure(async () => {
      const { result, p99, max } = await loopDelay(() =>
        profiled(async () => {
          const query = await bench.start(plan);
          await query.drained();
          return query;
        }),
      );
      return { query: result, p99, max };
    });
    const row = report(name, records, ours, limit, mustReach);
    const { query, p99, max } = ours.result;
    const { commits, recordsOut } = await query.stats();
    console.log(
      `  limit ${((limit.cpu / limit.count) * 1e6).toFixed(2)} CPU s per million; ours at most ${mostCpu}: ${row.cpuSecondsPerMillion <= mostCpu ? "yes" : "NO"}; ${commits} transactions, ${recordsOut} records out, planned in ${planning.toFixed(1)} ms, event loop p99 ${p99.toFixed(1)} ms, longest ${max.toFixed(1)} ms`,
    );
    await after?.(bench, query, plan);
    await query.close();
  } finally {
    await bench.close();
  }
}
