// Source commit → row in Cassandra through the joins of examples/orders: 200 orders/s for 60 s, half of them in MySQL, half in Postgres.
// The writers are a process of their own, and so is Millrace. The time runs from the commit's answer until a SELECT finds the row; one
// order in sixteen is looked for, every 2 ms, so that the looking costs Cassandra little; its own code is compiled by writes and reads
// before anything is timed. Its stages are printed by source, and beside them what the bare driver takes for one row at the same
// time (its write's answer, and until a SELECT finds it), and the disk. No limit but milliseconds: p99 50.
import { fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { KafkaBroker } from "../dist/kafka/kafka-broker.js";
import { connectPostgres } from "../examples/common/postgres.mjs";
import {
  connectCassandra,
  connectMysql,
  difference,
  hosts,
  loadMysql,
  loadPostgres,
  openDatabases,
  recompute,
  result,
  startDatabases,
} from "../examples/orders/databases.mjs";
import { insertMysql, insertPostgres, randomOrder } from "../examples/orders/generator.mjs";
import { monotonic, quantile, quantiles, startFloor, watchTopics } from "./latency-support.mjs";
import { bound, cpuSeconds, newFolder, pause, resident, spawnMillrace } from "./spawned.mjs";

const RATE = 200;
const SCALE = Number(process.env.BENCH_SCALE ?? 1);
const SECONDS = Math.max(5, Math.round(60 * SCALE));
const WARM_ROWS = 60_000;
const STAGES = ["committed", "topic", "enriched", "output", "found"];
const WARM_UP = 10; // seconds whose times are left out: the code is compiled in them

if (process.argv[2] === "write") await write(JSON.parse(process.argv[3]));
else await main();
process.exit();

async function main() {
  const file = (name) => readFileSync(new URL(`../examples/orders/${name}`, import.meta.url), "utf8");
  const folder = newFolder();
  chmodSync(folder.dir, 0o755); // Postgres runs as an account of its own when this runs as root
  const databases = await startDatabases(folder.dir, console.log);
  const clients = await openDatabases(databases);
  await warm(databases.cassandra);
  const millrace = await spawnMillrace(`${folder.dir}/millrace`, {
    flags: Object.entries(hosts(databases)).flatMap(([name, address]) => ["--host", `${name}=${address}`]),
  });
  try {
    const call = async (port, method, path, body) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { "content-type": "application/json" }, body });
      if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
      return response.json();
    };
    const { connect, sql } = millrace.ports;
    const put = async (...names) => {
      for (const name of names) await call(connect, "PUT", `/connectors/${name}/config`, file(`connectors/${name}.json`));
      for (const name of names)
        while (!(await call(connect, "GET", `/connectors/${name}/status`)).tasks.some((task) => task.state === "RUNNING")) await pause(20);
    };
    await loadPostgres(clients, [randomOrder(0)]);
    await put("mysql-source", "postgres-source");
    for (const name of ["mysql-source", "postgres-source"])
      while ((await call(connect, "GET", `/connectors/${name}/offsets`)).offsets.length === 0) await pause(20);
    await loadMysql(clients);
    await insertMysql(clients.mysql, randomOrder(1));
    for (const name of ["mysql", "postgres"])
      while (
        (await call(connect, "GET", `/connectors/${name}-source/topics`))[`${name}-source`].topics.filter((t) =>
          /\.(users|stores|orders)$/.test(t),
        ).length < 3
      )
        await pause(20);
    for (const name of readdirSync(new URL("../examples/orders/sql/", import.meta.url)).sort())
      await call(sql, "POST", "/ksql", JSON.stringify({ ksql: file(`sql/${name}`), streamsProperties: {} }));
    await put("cassandra-sink");

    const floor = await startFloor(folder.dir);
    const writer = fork(process.argv[1], ["write", JSON.stringify({ databases, kafka: millrace.ports.kafka })]);
    const cpu = cpuSeconds(millrace.pid);
    const begun = performance.now();
    const [{ orders, bare, count }] = await once(writer, "message");
    const seconds = (performance.now() - begun) / 1000;
    const busy = cpuSeconds(millrace.pid) - cpu;
    let wrong = "";
    for (const end = Date.now() + 30_000; Date.now() < end && wrong !== undefined; await pause(100))
      wrong = difference(await recompute(clients), await result(clients));
    if (wrong) throw new Error(`main.all_orders is not what the databases say: ${wrong}`);

    const latencies = orders.map(({ committed, found }) => found - committed);
    const at = (q) => quantile(latencies, q);
    const peakMB = Math.round(resident(millrace.pid, "VmHWM") / 1e6);
    console.log(
      `latency-cassandra: ${count} orders in ${seconds.toFixed(0)} s, all in main.all_orders; ${latencies.length} timed: p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms; Millrace used ${((busy / seconds) * 100).toFixed(0)} % of a core, peak ${peakMB} MB`,
    );
    for (const source of ["mysql", "postgres"])
      for (const [from, to] of STAGES.slice(1).map((stage, i) => [STAGES[i], stage])) {
        const times = orders.filter((o) => o.source === source).map((o) => Math.max(0, o[to] - o[from]));
        console.log(`  ${source}: ${from} → ${to}: ${quantiles(times)}`);
      }
    for (const [what, times] of Object.entries(bare)) console.log(`  the bare driver meanwhile: ${what} ${quantiles(times)}`);
    await floor.end();
    const cpuSecondsPerMillion = Math.round((busy / count) * 1e6);
    bound(`source commit → Cassandra p99 (${SECONDS} s at ${RATE}/s)`, at(0.99), 50, "ms", { cpuSecondsPerMillion, peakMB });
  } finally {
    await millrace.stop();
    await clients.end();
    for (const server of Object.values(databases)) await server.stop();
    await folder.remove();
  }
}

/** A JVM that has just started compiles for half a minute, with as much CPU as everything else here: that is not what is measured. */
async function warm(at) {
  const cassandra = await connectCassandra(at);
  await cassandra.execute("CREATE TABLE main.warm (a text, b text, c text, PRIMARY KEY (a, b))");
  const row = (n) => [`p${n % 2}`, `k${n}`, "some text"];
  let next = 0;
  const lane = async () => {
    while (next < WARM_ROWS) {
      const n = next++;
      await cassandra.execute("INSERT INTO main.warm (a, b, c) VALUES (?, ?, ?)", row(n), { prepare: true });
      await cassandra.execute("SELECT b FROM main.warm WHERE a = ? AND b = ?", row(n).slice(0, 2), { prepare: true });
    }
  };
  await Promise.all(Array.from({ length: 32 }, lane));
  await cassandra.shutdown();
}

/** The process of the writers: commits at a steady rate, looks for every fourth order, sends the milliseconds. */
async function write({ databases, kafka }) {
  const lanes = await Promise.all(
    Array.from({ length: 8 }, async (_, i) =>
      i % 2
        ? { source: "postgres", insert: insertPostgres, client: await connectPostgres(databases.postgres, "main") }
        : { source: "mysql", insert: insertMysql, client: await connectMysql(databases.mysql, "main") },
    ),
  );
  const cassandra = await connectCassandra(databases.cassandra);
  const find = "select order_id from main.all_orders where source_system = ? and order_id = ?";
  /** by id: ms of each stage */
  const orders = new Map();
  const broker = await KafkaBroker.open({ bootstrapServers: [`127.0.0.1:${kafka}`] });
  const topics = (await broker.describeTopics()).map(({ name }) => name);
  const stages = { ".orders": "topic", _ORDERS_ENRICHED: "enriched", ALL_ORDERS: "output" };
  const stageOf = (topic) => Object.entries(stages).find(([end]) => topic.endsWith(end))?.[1];
  const endWatch = await watchTopics(broker, topics.filter(stageOf), (topic, { bytes, keyStart, keyEnd }, now) => {
    const order = orders.get(bytes.toString("latin1", keyStart, keyEnd).split("|").pop());
    if (order) order[stageOf(topic)] = now;
  });
  const looking = new Set();
  const look = async (query, values, committed) => {
    for (;;) {
      const { rowLength } = await cassandra.execute(query, values, { prepare: true });
      const now = monotonic();
      if (rowLength > 0) return now;
      if (now - committed > 30_000) return Number.POSITIVE_INFINITY;
      // what is late is looked for less often, or the looking would take the CPU of what is waited for
      await pause(Math.max(2, (now - committed) / 20));
    }
  };
  const bare = { "write answered": [], "write to found": [] };
  const bareRow = async (n) => {
    const begun = monotonic();
    await cassandra.execute("INSERT INTO main.warm (a, b, c) VALUES (?, ?, ?)", ["bare", `k${n}`, "some text"], { prepare: true });
    bare["write answered"].push(monotonic() - begun);
    const found = await look("SELECT b FROM main.warm WHERE a = ? AND b = ?", ["bare", `k${n}`], begun);
    bare["write to found"].push(found - begun);
  };
  const total = (SECONDS + WARM_UP) * RATE;
  const begun = performance.now();
  let next = 2;
  await Promise.all(
    lanes.map(async ({ source, insert, client }) => {
      while (next < total) {
        const n = next++;
        const wait = begun + (n / RATE) * 1000 - performance.now();
        if (wait > 0) await pause(wait);
        const order = randomOrder(n);
        const timed = n % 16 === 0 && n >= WARM_UP * RATE;
        const times = { source };
        if (timed) orders.set(order[0], times);
        await insert(client, order);
        if (!timed) continue;
        times.committed = monotonic();
        const found = look(find, [source, order[0]], times.committed).then((now) => {
          times.found = now;
        });
        const done = Promise.all([found, bareRow(n)]).then(() => looking.delete(done));
        looking.add(done);
      }
    }),
  );
  await Promise.all(looking);
  await endWatch();
  await broker.close();
  process.send({ orders: [...orders.values()], bare, count: next });
  await pause(100);
}
