// The Kafka listener: Apache's producer and consumer performance tools against `millrace start` and against Apache Kafka with the
// heap that its start script gives it (1 GB), both on this machine, the servers in turn. acks=all: ours syncs to disk, Kafka does not.
//   node bench/kafka-listener.mjs [rounds]      needs test/services/kafka.sh install .services/kafka
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cpuSeconds, median, newFolder, resident, spawnMillrace } from "./spawned.mjs";
import { freePort, report } from "./support.mjs";

const rounds = Number(process.argv[2] ?? 1);
const scale = Number(process.env.BENCH_SCALE ?? 1);
const home = fileURLToPath(new URL("../.services/kafka", import.meta.url));
const script = fileURLToPath(new URL("../test/services/kafka.sh", import.meta.url));
const workloads = [
  { size: 100, count: 1_000_000 * scale },
  { size: 1000, count: 100_000 * scale },
];

async function startKafka() {
  const port = await freePort();
  const call = (action) => {
    const env = { ...process.env, KAFKA_HEAP: "-Xms1g -Xmx1g" };
    const run = spawnSync("bash", [script, action, home, String(port)], { env, encoding: "utf8" });
    if (run.status !== 0) throw new Error(`kafka.sh ${action}: ${run.stderr}`);
  };
  call("start");
  process.once("exit", () => {
    call("stop");
    rmSync(`${home}/instances/${port}`, { recursive: true, force: true });
  });
  return { name: "Apache Kafka", port, pid: Number(readFileSync(`${home}/instances/${port}/pid`, "utf8")) };
}

/** Standard output of a tool of Apache's. */
function tool(name, args) {
  const run = spawn("java", [
    "-Xmx512m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
    "-cp",
    `${home}/lib/*`,
    `org.apache.kafka.tools.${name}`,
    ...args,
  ]);
  let out = "";
  let errors = "";
  run.stdout.on("data", (part) => (out += part));
  run.stderr.on("data", (part) => (errors += part));
  return new Promise((resolve, reject) =>
    run.on("close", (status) => (status === 0 ? resolve(out) : reject(new Error(`${name}: ${errors || out}`)))),
  );
}

/** Seconds that the tool counts. */
async function produce({ port }, topic, { size, count }) {
  const args = `--topic ${topic} --num-records ${count} --record-size ${size} --throughput -1 --producer-props bootstrap.servers=127.0.0.1:${port} acks=all`;
  const out = await tool("ProducerPerformance", args.split(" "));
  return count / Number(/^\d+ records sent, ([\d.]+) records\/sec/m.exec(out.trim().split("\n").at(-1))[1]);
}

async function consume({ port }, topic, { count }) {
  const out = await tool(
    "ConsumerPerformance",
    `--bootstrap-server 127.0.0.1:${port} --topic ${topic} --messages ${count} --timeout 60000`.split(" "),
  );
  const values = out.trim().split("\n").at(-1).split(", ");
  return Number(values[4]) / Number(values[9]);
}

// ended by a signal, it takes its servers with it
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
const folder = newFolder();
const kafka = await startKafka();
const millrace = { name: "millrace", ...(await spawnMillrace(folder.dir)) };
millrace.port = millrace.ports.kafka;
process.once("exit", () => {
  try {
    process.kill(millrace.pid);
  } catch {
    // it has ended by itself
  }
});
try {
  for (const workload of workloads) {
    const seconds = new Map();
    const cpu = new Map();
    for (let round = 0; round < rounds; round++)
      for (const [what, run] of [
        ["produced", produce],
        ["consumed", consume],
      ])
        for (const server of [kafka, millrace]) {
          const before = cpuSeconds(server.pid);
          const key = `${what} ${server.name}`;
          const took = await run(server, `bench-${workload.size}-${round}`, workload);
          seconds.set(key, [...(seconds.get(key) ?? []), took]);
          cpu.set(key, [...(cpu.get(key) ?? []), cpuSeconds(server.pid) - before]);
        }
    for (const what of ["produced", "consumed"]) {
      const of = (map, server) => median(map.get(`${what} ${server.name}`));
      const megabytes = (server) => ((workload.count * workload.size) / 2 ** 20 / of(seconds, server)).toFixed(0);
      const limit = `Apache Kafka, ${megabytes(kafka)} MB/s and ${of(cpu, kafka).toFixed(1)} CPU s`;
      const name = `kafka listener, ${workload.count} × ${workload.size} B ${what}, ${megabytes(millrace)} MB/s`;
      report(
        name,
        workload.count,
        { seconds: of(seconds, millrace), cpu: of(cpu, millrace), peak: resident(millrace.pid, "VmHWM") },
        { seconds: of(seconds, kafka), limit },
        0.8,
      );
    }
  }
  const share = resident(millrace.pid, "VmHWM") / resident(kafka.pid, "VmHWM");
  const peaks = [millrace, kafka].map((s) => `${s.name} ${Math.round(resident(s.pid, "VmHWM") / 1e6)} MB`).join(", ");
  console.log(`kafka listener, peak memory: ${share.toFixed(3)} of Apache Kafka's (${peaks}), at most 0.2: ${share <= 0.2 ? "yes" : "NO"}`);
} finally {
  await millrace.stop();
  await folder.remove();
}
