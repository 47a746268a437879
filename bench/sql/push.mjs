// From the produce request of a record to its row at the reader of a push query over HTTP, at 1,000 records a second, each durable
// (acks=all) by itself: first a push query of its own, then ten readers that share a persistent query's output (v2).
//   node bench/sql/push.mjs [seconds]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const rate = 1000;
const now = () => performance.timeOrigin + performance.now();

if (!isMainThread) await reader(workerData);
else await main(Number(process.argv[2] ?? 10));

async function main(seconds) {
  const { startSql } = await import("./server.mjs");
  const { RecordBatchBuilder } = await import("../../dist/protocol/record-batch-builder.js");
  const dir = mkdtempSync(join(tmpdir(), "bench-push-"));
  const server = await startSql(dir);
  try {
    await server.ksql(`CREATE STREAM orders (id INT, at DOUBLE) WITH (kafka_topic='orders', value_format='json', partitions=1);
      CREATE STREAM seen AS SELECT id, at FROM orders;`);
    const builder = new RecordBatchBuilder(1024);
    const produce = async (id) => {
      builder.append(Date.now(), null, Buffer.from(`{"ID":${id},"AT":${now()}}`));
      const [result] = await server.broker.produce({ acks: "all", batches: [{ topic: "orders", partition: 0, batch: builder.finish() }] });
      if (result.error) throw result.error;
    };
    const cases = [
      ["a push query", "SELECT id, at FROM orders EMIT CHANGES;", 1, {}],
      ["a push query over a persistent query", "SELECT id, at FROM seen EMIT CHANGES;", 1, {}],
      ["ten readers of a persistent query's output", "SELECT id, at FROM seen EMIT CHANGES;", 10, { "ksql.query.push.v2.enabled": "true" }],
    ];
    for (const [name, sql, readers, properties] of cases) {
      const worker = new Worker(new URL(import.meta.url), { workerData: { url: server.url, sql, readers, properties, seconds } });
      const ready = new Promise((resolve) => worker.once("message", resolve));
      await ready;
      const result = new Promise((resolve) => worker.once("message", resolve));
      const cpu = process.cpuUsage();
      const began = performance.now();
      for (let id = 0; id < rate * (seconds + 1); id++) {
        const wait = began + (id * 1000) / rate - performance.now();
        if (wait > 0.5) await sleep(Math.ceil(wait));
        void produce(id);
      }
      const { count, p50, p99, max } = await result;
      const used = process.cpuUsage(cpu);
      const share = (used.user + used.system) / 10 / (performance.now() - began);
      console.log(
        `${name}: ${count} rows, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, longest ${max.toFixed(1)} ms, at most 10: ${p99 <= 10 ? "yes" : "NO"}; ${share.toFixed(0)} % of a core`,
      );
      await worker.terminate();
      await sleep(200);
    }
  } finally {
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The first second warms up. */
async function reader({ url, sql, readers, properties, seconds }) {
  const times = [];
  const one = async () => {
    const response = await fetch(`${url}/query-stream`, {
      method: "POST",
      body: JSON.stringify({ sql, properties: { "auto.offset.reset": "latest", ...properties } }),
    });
    if (response.status !== 200) throw new Error(await response.text());
    return response.body;
  };
  const bodies = await Promise.all(Array.from({ length: readers }, one));
  setTimeout(() => parentPort.postMessage("ready"), 500);
  const read = async (body) => {
    let pending = "";
    let seen = 0;
    for await (const chunk of body) {
      const at = now();
      const lines = (pending + Buffer.from(chunk).latin1Slice()).split("\n");
      pending = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("[")) continue;
        if (++seen > rate) times.push(at - JSON.parse(line)[1]);
        if (seen === rate * (seconds + 1)) return;
      }
    }
  };
  await Promise.all(bodies.map(read));
  times.sort((a, b) => a - b);
  const at = (q) => times[Math.min(times.length - 1, Math.floor(times.length * q))];
  parentPort.postMessage({ count: times.length, p50: at(0.5), p99: at(0.99), max: times[times.length - 1] });
}
