// How fast the REST Proxy takes records as Avro's JSON, 100 a request on 8 connections, each answered when it is on disk; beside the
// same HTTP server echoing the same bodies. node bench/rest-proxy.mjs   (after npm run build)
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { silentLogger } from "../dist/common/logger.js";
import { systemClock } from "../dist/common/time.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { listen } from "../dist/server/listen.js";
import { registerRestProxyRoutes } from "../dist/server/rest-proxy/routes.js";
import { report } from "./support.mjs";

const connections = 8;
const perRequest = 100;
const seconds = 4 * Number(process.env.BENCH_SCALE ?? 1) + 0.5;
const schema = {
  type: "record",
  name: "Bet",
  fields: [
    { name: "RUNNER_ID", type: ["null", "int"], default: null },
    { name: "RACE_ID", type: ["null", "int"], default: null },
    { name: "AMOUNT", type: ["null", "double"], default: null },
  ],
};

if (process.send) await serve();
else await main();

/** The server alone in its process, so that its CPU is its own. */
async function serve() {
  const dir = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const broker = await EmbeddedBroker.open({ dir });
  const registry = await SchemaRegistry.open({ broker, logger: silentLogger });
  await registry.register("bets-value", { schema: JSON.stringify(schema) });
  const options = { port: 0, logger: silentLogger };
  const proxy = await listen(
    (app) =>
      registerRestProxyRoutes(app, { broker, registry, kafka: { host: "localhost", port: 0 }, logger: silentLogger, clock: systemClock }),
    options,
  );
  const echo = await listen((app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    app.post("/topics/bets", (request, reply) => reply.type("application/vnd.kafka.v2+json").send(request.body));
  }, options);
  let peak = 0;
  setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 50).unref();
  process.on("message", async (message) => {
    if (message === "usage") return process.send({ cpu: process.cpuUsage(), peak });
    const [end] = await broker.listOffsets({ partitions: [{ topic: "bets", partition: 0, timestamp: "latest" }] });
    await Promise.all([proxy.close(), echo.close()]);
    await broker.close();
    rmSync(dir, { recursive: true, force: true });
    process.send({ end: end.offset }, () => process.exit());
  });
  process.send({ proxy: proxy.port, echo: echo.port });
}

async function main() {
  const child = fork(fileURLToPath(import.meta.url), { execArgv: [] });
  const [ports] = await once(child, "message");
  const ask = async (what) => {
    child.send(what);
    return (await once(child, "message"))[0];
  };
  let sent = 0;
  const run = async (port, time) => {
    const before = await ask("usage");
    const start = performance.now();
    const end = start + time * 1000;
    const counts = await Promise.all(Array.from({ length: connections }, (_, i) => post(port, requestOf(port, i), end)));
    const wall = (performance.now() - start) / 1000;
    const after = await ask("usage");
    const used = (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1e6;
    return { requests: counts.reduce((a, b) => a + b), seconds: wall, cpu: used, peak: after.peak };
  };
  sent += (await run(ports.proxy, seconds / 2)).requests; // until the code is compiled
  await run(ports.echo, seconds / 2);
  // by turns, because the machine's other work comes and goes
  const total = { proxy: [], echo: [] };
  for (let i = 0; i < 3; i++) for (const name of ["proxy", "echo"]) total[name].push(await run(ports[name], seconds / 3));
  const sum = (runs) => ({
    count: runs.reduce((n, r) => n + r.requests * perRequest, 0),
    seconds: runs.reduce((n, r) => n + r.seconds, 0),
    cpu: runs.reduce((n, r) => n + r.cpu, 0),
    peak: Math.max(...runs.map((r) => r.peak)),
  });
  const ours = sum(total.proxy);
  const echo = sum(total.echo);
  report("REST Proxy, Avro records", ours.count, ours, { ...echo, limit: "the HTTP server echoing the bodies" }, 0.3);
  const ratio = (echo.cpu / echo.count / (ours.cpu / ours.count)).toFixed(3);
  console.log(`  by CPU seconds of the server: ${ratio} of the echo`);
  const { end } = await ask("stop");
  if (end !== sent * perRequest + ours.count) throw new Error(`${end} records in the log, ${sent * perRequest + ours.count} answered`);
}

function requestOf(port, seed) {
  const records = Array.from({ length: perRequest }, (_, i) => ({
    value: { RUNNER_ID: { int: (seed * 7 + i) % 40 }, RACE_ID: { int: i % 8 }, AMOUNT: { double: 0.25 * ((i * 31 + seed) % 1000) + 1 } },
  }));
  const body = JSON.stringify({ value_schema_id: 1, records });
  return Buffer.from(
    `POST /topics/bets HTTP/1.1\r\nhost: localhost:${port}\r\ncontent-type: application/vnd.kafka.avro.v2+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** One request after another on a connection of its own; returns how many were answered with 200. */
function post(port, request, end) {
  return new Promise((resolve, reject) => {
    let count = 0;
    let have = 0;
    let need = -1;
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.setNoDelay(true);
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      if (need < 0) {
        const head = chunk.indexOf("\r\n\r\n");
        const text = chunk.latin1Slice(0, head);
        if (!text.startsWith("HTTP/1.1 200")) return reject(new Error(chunk.toString()));
        need = head + 4 + Number(/content-length: (\d+)/i.exec(text)[1]);
        have = 0;
      }
      have += chunk.length;
      if (have < need) return;
      need = -1;
      count++;
      if (performance.now() < end) socket.write(request);
      else {
        socket.destroy();
        resolve(count);
      }
    });
  });
}
