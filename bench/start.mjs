// Cold start of `millrace start`, from the spawn until each port has answered over HTTP, into a fresh folder and into one that
// holds 50 topics; then its resident memory with no pipeline. Beside it a bare HTTP server of Node, started the same way.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { RecordBatchBuilder } from "../dist/protocol/record-batch-builder.js";
import { answered, bound, cpuSeconds, median, newFolder, pause, resident, spawnMillrace } from "./spawned.mjs";
import { freePort } from "./support.mjs";

const RUNS = 7;
const IDLE_MS = 5000;

async function bareServer() {
  const port = await freePort();
  const code = `require("node:http").createServer((q, r) => r.end("{}")).listen(${port}, "127.0.0.1")`;
  const child = spawn(process.execPath, ["-e", code], { stdio: "ignore" });
  const milliseconds = await answered({ console: port }, child);
  return {
    pid: child.pid,
    milliseconds,
    async stop() {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}

/** 50 topics of 2,000 records each, closed as a process closes them. */
async function fillFolder(dir) {
  const broker = await EmbeddedBroker.open({ dir: `${dir}/log` });
  const names = Array.from({ length: 50 }, (_, i) => `topic-${i}`);
  await broker.createTopics(names.map((name) => ({ name, partitions: 1 })));
  const builder = new RecordBatchBuilder(1 << 20);
  for (const topic of names) {
    for (let i = 0; i < 2000; i++) builder.append(1_700_000_000_000 + i, Buffer.from(`key ${i}`), Buffer.alloc(200, i));
    const [result] = await broker.produce({ acks: "all", batches: [{ topic, partition: 0, batch: builder.finish() }] });
    if (result.error) throw result.error;
  }
  await broker.close();
}

async function runs(start) {
  const times = [];
  const cpu = [];
  for (let i = 0; i < RUNS; i++) {
    const started = await start();
    times.push(started.milliseconds);
    cpu.push(cpuSeconds(started.pid) * 1000);
    await started.stop();
  }
  return { median: Math.round(median(times)), max: Math.round(Math.max(...times)), cpu: Math.round(median(cpu)) };
}

const bare = await runs(bareServer);
console.log(`a bare HTTP server of Node: median ${bare.median} ms, most ${bare.max} ms, ${bare.cpu} ms of CPU`);
const results = [];
async function startTimes(name, start) {
  const ours = await runs(start);
  console.log(
    `${name}: median ${ours.median} ms, most ${ours.max} ms of ${RUNS} runs; ${ours.cpu} ms of CPU; ${(ours.median / bare.median).toFixed(1)} bare servers`,
  );
  results.push(bound(`cold start, ${name}`, ours.median, 1500, "ms"));
}
await startTimes("fresh folder", async () => {
  const folder = newFolder();
  const started = await spawnMillrace(folder.dir);
  const { stop } = started;
  return { ...started, stop: () => stop().then(folder.remove) };
});
const old = newFolder();
await fillFolder(old.dir);
await startTimes("folder of 50 topics", () => spawnMillrace(old.dir));
await startTimes("folder of 50 topics after kill -9", async () => {
  const started = await spawnMillrace(old.dir);
  return { ...started, stop: () => started.stop("SIGKILL") };
});

const plain = await bareServer();
const idle = await spawnMillrace(old.dir);
await pause(IDLE_MS);
const megabytes = (pid) => Math.round(resident(pid) / 1e6);
const [plainMB, peakMB] = [megabytes(plain.pid), megabytes(idle.pid)];
results.push(bound(`resident with no pipeline (a bare HTTP server: ${plainMB} MB)`, peakMB, 120, "MB", { peakMB }));
await Promise.all([plain.stop(), idle.stop()]);
await old.remove();
process.exit(results.every(Boolean) ? 0 : 1);
