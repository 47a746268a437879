import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MillraceProcess, sinkConfig, sourceConfig, temporary, until, untilRows } from "../main/process.js";
import { startPostgres, type TestPostgres } from "../support/postgres.js";

const ROWS = 50_000;
const folder = temporary("load");
let postgres: TestPostgres;
let running: MillraceProcess;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.createDatabase("load");
  running = await MillraceProcess.start(folder.path);
});
afterAll(async () => {
  await running?.kill();
  await postgres?.stop();
  folder.remove();
});

/** Milliseconds that a process's main thread ran, and that it waited for a core; the system tells on Linux alone. */
function scheduled(process: number | "thread-self"): { ran: number; waited: number } {
  try {
    const [ran, waited] = readFileSync(`/proc/${process}/schedstat`, "utf8").split(" ").map(Number);
    return { ran: ran! / 1e6, waited: waited! / 1e6 };
  } catch {
    return { ran: 1, waited: 0 };
  }
}

async function loopDelay(): Promise<number> {
  const { text } = await running.call("console", "GET", "/metrics");
  return Number(/^millrace_event_loop_delay_seconds (\S+)/m.exec(text)![1]) * 1000;
}

it("answers while a snapshot, a stream, a join with an average and two sinks run", async () => {
  const client = await postgres.client("load");
  await client.query("CREATE TABLE paid (id int PRIMARY KEY, amount int)");
  await client.query("CREATE TABLE placed (id int PRIMARY KEY, region int)");
  await client.query("CREATE TABLE archive (id int PRIMARY KEY, note text, amount numeric(12,2), at timestamptz)");
  await client.query(`INSERT INTO archive SELECT i, 'note ' || i, i / 100.0, now() FROM generate_series(1, ${ROWS}) i`);
  await client.query("INSERT INTO paid VALUES (0, 7)");
  await client.query("INSERT INTO placed VALUES (0, 0)");
  await running.createConnector({
    name: "live",
    config: sourceConfig(postgres.port, "load", { "table.include.list": "public.paid,public.placed" }),
  });
  await until("both topics have their schemas", async () => {
    const { json } = await running.call<string[]>("registry", "GET", "/subjects");
    return ["load.public.paid-value", "load.public.placed-value"].every((subject) => json.includes(subject));
  });
  await running.ksql(
    `CREATE TABLE paid (id INT PRIMARY KEY, amount INT) WITH (KAFKA_TOPIC='load.public.paid', FORMAT='AVRO');
     CREATE TABLE placed (id INT PRIMARY KEY, region INT) WITH (KAFKA_TOPIC='load.public.placed', FORMAT='AVRO');
     CREATE TABLE joined AS SELECT p.id AS id, p.amount AS amount, r.region AS region FROM paid p JOIN placed r ON p.id = r.id;
     CREATE TABLE averages WITH (KAFKA_TOPIC='averages', FORMAT='AVRO') AS
       SELECT region, SUM(amount) / COUNT(amount) AS average FROM joined GROUP BY region;`,
    { "auto.offset.reset": "earliest" },
  );
  const averages = sinkConfig(postgres.port, "load", "averages", { "primary.key.fields": "region" });
  await running.createConnector({ name: "averages-sink", config: averages });
  await untilRows(client, "SELECT region, average::int AS average FROM averages", [{ region: 0, average: 7 }]);

  let done = false;
  const answers: number[] = [];
  const asking = (async () => {
    while (!done) {
      const [began, here, there] = [performance.now(), scheduled("thread-self").waited, scheduled(running.pid).waited];
      expect((await running.call("sql", "GET", "/info")).status).toBe(200);
      // what other processes took from these two is not theirs to answer for
      const waited = scheduled("thread-self").waited - here + scheduled(running.pid).waited - there;
      answers.push(performance.now() - began - waited);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const before = scheduled(running.pid);
  await loopDelay(); // the percentile begins anew with each reading
  const snapshot = sourceConfig(postgres.port, "load", {
    "topic.prefix": "old",
    "slot.name": "old",
    "publication.name": "old",
    "table.include.list": "public.archive",
  });
  await running.createConnector({ name: "archive-source", config: snapshot });
  await client.query(`INSERT INTO paid SELECT i, 7 FROM generate_series(1, ${ROWS}) i`);
  await client.query(`INSERT INTO placed SELECT i, i % 2 FROM generate_series(1, ${ROWS}) i`);
  await until("the snapshot's topic is there", async () =>
    (await running.call<string[]>("registry", "GET", "/subjects")).json.includes("old.public.archive-value"),
  );
  const copy = sinkConfig(postgres.port, "load", "old.public.archive", { "table.name.format": "copied" });
  await running.createConnector({ name: "archive-sink", config: copy });
  await untilRows(client, "SELECT count(*)::int AS n FROM copied", [{ n: ROWS }], 120_000);
  await until("all rows are joined", async () => (await running.rows("SELECT id FROM joined WHERE id = 50000;")).length === 1, 120_000);
  await untilRows(client, "SELECT region, average::int AS average FROM averages ORDER BY 1", [
    { region: 0, average: 7 },
    { region: 1, average: 7 },
  ]);
  const p99 = await loopDelay();
  const after = scheduled(running.pid);
  done = true;
  await asking;

  const ran = after.ran - before.ran;
  const share = ran / (ran + after.waited - before.waited) || 1;
  console.log(
    `event loop delay p99 ${p99.toFixed(1)} ms with ${Math.round(share * 100)} % of a core where wanted; /info ${answers.length} times, slowest ${Math.max(...answers).toFixed(0)} ms`,
  );
  expect(p99 * share).toBeLessThan(200);
  expect(Math.max(...answers)).toBeLessThan(500);
}, 300_000);
