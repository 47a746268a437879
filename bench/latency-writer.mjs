// The process beside bench/latency.mjs: commits at a steady rate and listens for the sink's rows. Arguments: port, rate, seconds, and
// seconds before them whose times are left out: the code is compiled in them.
import pg from "pg";

const [port, rate, seconds, warmUp] = process.argv.slice(2).map(Number);
const first = warmUp * rate;
const connect = async (database) => {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", password: "postgres", database });
  await client.connect();
  return client;
};
const committed = new Map();
const early = new Set();
const latencies = [];
const target = await connect("target");
target.on("notification", ({ payload }) => {
  if (Number(payload) <= first) return;
  const at = committed.get(payload);
  if (at !== undefined) latencies.push(performance.now() - at);
  else early.add(payload);
});
await target.query("LISTEN seen");
const writers = await Promise.all(Array.from({ length: 4 }, () => connect("postgres")));
const begun = performance.now();
const total = seconds * rate;
const last = first + total;
let next = 1;
await Promise.all(
  writers.map(async (client) => {
    for (;;) {
      const id = next++;
      if (id > last) return;
      const wait = begun + (id / rate) * 1000 - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      await client.query({ name: "insert", text: "INSERT INTO live VALUES ($1, 1, 'text', 1.5, now(), true, 'v')", values: [id] });
      // a notification that came before this process saw the commit's answer counts as no time at all
      if (early.delete(String(id))) latencies.push(0);
      else committed.set(String(id), performance.now());
    }
  }),
);
for (const end = performance.now() + 10_000; latencies.length < total && performance.now() < end; )
  await new Promise((resolve) => setTimeout(resolve, 20));
latencies.sort((a, b) => a - b);
const at = (q) => Number((latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? Number.NaN).toFixed(2));
process.send({ seen: latencies.length, total, p50: at(0.5), p99: at(0.99), max: at(1) }, () => process.exit());
