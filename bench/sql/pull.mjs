// Pull queries by key over HTTP: as many as 16 connections get one after another, then 10,000 a second at a steady pace with the
// time of each from when it was due. Limit: a bare node:http server that answers the same bytes to the same client.
//   node bench/sql/pull.mjs [seconds]
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const keys = 100_000;
const connections = 16;

if (!isMainThread) client(workerData);
else await main(Number(process.argv[2] ?? 5));

async function main(seconds) {
  const { startSql, insertRows } = await import("./server.mjs");
  const { profiled, report } = await import("../support.mjs");
  const dir = mkdtempSync(join(tmpdir(), "bench-pull-"));
  const server = await startSql(dir);
  let bare;
  try {
    await server.ksql(`CREATE STREAM orders (customer INT, price DOUBLE) WITH (kafka_topic='orders', value_format='json', partitions=1);
      CREATE TABLE spent AS SELECT customer, SUM(price) AS total, COUNT(*) AS n FROM orders GROUP BY customer;`);
    await insertRows(server, "orders", keys, (i) => `{"CUSTOMER":${i},"PRICE":${(i % 1000) + 0.25}}`);
    const example = await fetch(`${server.url}/query-stream`, { method: "POST", body: body(keys - 1) });
    const answer = Buffer.from(await example.text());
    bare = createServer((request, response) => {
      request.resume();
      request.on("end", () => {
        response.writeHead(200, { "content-type": "application/vnd.ksqlapi.delimited.v1", "content-length": answer.length });
        response.end(answer);
      });
    });
    await new Promise((resolve) => bare.listen(0, "127.0.0.1", resolve));
    const barePort = bare.address().port;
    const port = Number(new URL(server.url).port);
    await load(port, 1, 0);
    await load(barePort, 1, 0);
    const limit = await load(barePort, seconds / 2, 0);
    const cpu = process.cpuUsage();
    const most = await profiled(() => load(port, seconds, 0));
    const used = process.cpuUsage(cpu);
    const ours = { ...most, cpu: (used.user + used.system) / 1e6, peak: process.memoryUsage.rss() };
    report("pull query by key over HTTP", most.count, ours, { ...limit, limit: "bare node:http, the same bytes" }, 0.3);
    console.log(
      `  with ${connections} connections at once: p50 ${most.p50.toFixed(2)} ms, p99 ${most.p99.toFixed(2)} ms (client included in the CPU)`,
    );
    const paced = await load(port, seconds, 10_000);
    const rate = paced.count / paced.seconds;
    console.log(
      `  at 10,000 a second: ${Math.round(rate)} /s, p50 ${paced.p50.toFixed(2)} ms, p99 ${paced.p99.toFixed(2)} ms, longest ${paced.max.toFixed(1)} ms; 10 k/s with p99 5 ms: ${rate >= 9_900 && paced.p99 <= 5 ? "yes" : "NO"}`,
    );
  } finally {
    bare?.close();
    bare?.closeAllConnections();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function body(key) {
  return JSON.stringify({ sql: `SELECT customer, total, n FROM spent WHERE customer = ${key};`, properties: {} });
}

function load(port, seconds, rate) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { port, seconds, rate } });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

/** Each connection asks again as soon as it is answered, or (rate) when its next request is due. */
function client({ port, seconds, rate }) {
  const requests = Array.from({ length: 1000 }, (_, i) => {
    const text = body((i * 7919) % keys);
    return Buffer.from(
      `POST /query-stream HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
    );
  });
  const times = [];
  const began = performance.now();
  const stop = began + seconds * 1000;
  let next = 0;
  let open = connections;
  const finish = () => {
    if (--open > 0) return;
    const took = (performance.now() - began) / 1000;
    times.sort((a, b) => a - b);
    const at = (q) => times[Math.min(times.length - 1, Math.floor(times.length * q))];
    parentPort.postMessage({ count: times.length, seconds: took, p50: at(0.5), p99: at(0.99), max: times[times.length - 1] });
  };
  // Paced: request i is due at i / rate, whichever connection is free takes it.
  let due = 0;
  const idle = [];
  const dueAt = () => began + (due * 1000) / rate;
  const pump = () => {
    while (idle.length > 0 && dueAt() <= performance.now()) {
      const send = idle.pop();
      send(dueAt());
      due++;
    }
    if (performance.now() < stop) setTimeout(pump, 1);
    else while (idle.length > 0) idle.pop()(undefined);
  };
  for (let c = 0; c < connections; c++) {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    let since = 0;
    let pending = "";
    const send = (at) => {
      if (at === undefined) {
        socket.destroy();
        finish();
        return;
      }
      since = at;
      socket.write(requests[next++ % requests.length]);
    };
    socket.on("connect", () => (rate ? idle.push(send) : send(performance.now())));
    socket.on("data", (chunk) => {
      pending += chunk.latin1Slice();
      if (!whole(pending)) return;
      if (!pending.startsWith("HTTP/1.1 200")) throw new Error(pending);
      pending = "";
      const now = performance.now();
      times.push(now - since);
      if (now >= stop) send(undefined);
      else if (rate) idle.push(send);
      else send(now);
    });
  }
  if (rate) pump();
}

function whole(text) {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /content-length: (\d+)/i.exec(text);
  return length && length.index < head ? text.length >= head + 4 + Number(length[1]) : text.endsWith("0\r\n\r\n");
}
