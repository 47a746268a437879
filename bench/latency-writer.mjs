// The process beside bench/latency.mjs: commits at a steady rate and listens for the sink's rows. Arguments: port, rate, seconds, and
// seconds before them whose times are left out: the code is compiled in them. Sends each row's times on the clock that processes share.
import pg from "pg";
import { monotonic } from "./latency-support.mjs";

const [port, rate, seconds, warmUp] = process.argv.slice(2).map(Number);
const first = warmUp * rate;
const connect = async (database) => {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", password: "postgres", database });
  await client.connect();
  return client;
};
/** by id */
const committed = [];
const arrived = [];
let seen = 0;
const target = await connect("target");
target.on("notification", ({ payload }) => {
  const id = Number(payload);
  if (id <= first || arrived[id] !== undefined) return;
  arrived[id] = monotonic();
  seen++;
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
      committed[id] = monotonic();
    }
  }),
);
for (const end = performance.now() + 10_000; seen < total && performance.now() < end; )
  await new Promise((resolve) => setTimeout(resolve, 20));
const commits = [];
for (let id = first + 1; id <= last; id++)
  if (arrived[id] !== undefined) commits.push({ id, committed: committed[id], arrived: arrived[id] });
process.send({ commits, total }, () => process.exit());
