// A tote's bets through the REST Proxy, summed and turned into odds in streaming SQL, into Postgres. The files beside this one go in
// through the ports with curl, as their users send them.
//   npm run demo:tote-pool [-- --keep] [-- --seconds 10] [-- --rate 200]
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atEnd, bold, demo, flags, folder, get, pause, poll, running, say, untilInterrupted, upMillrace } from "../common/demo.mjs";
import { connectPostgres, startPostgres } from "../common/postgres.mjs";
import { generate, post, runners } from "./bets.mjs";
import { sums, wrongOdds, wrongSums } from "./check.mjs";

const options = flags({
  seconds: { type: "string", default: "10" },
  rate: { type: "string", default: "200" },
});
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

async function main() {
  const [host, port = 5432] = (process.env.POSTGRES ?? "").split(":");
  const server = host ? { host, port: Number(port), stop() {} } : await startPostgres(folder);
  atEnd(() => server.stop());
  server.password = process.env.POSTGRES_PASSWORD ?? "postgres";
  const postgres = await openDatabase(server);
  atEnd(() => postgres.end());
  say(`postgres on ${server.host}:${server.port}`);

  const { ports } = await upMillrace(path("docker-compose.yml"), { postgres: `${server.host}:${server.port}` }, options["free-ports"]);
  const url = (name) => `http://127.0.0.1:${ports[name]}`;
  const call = (file, ...args) =>
    promisify(execFile)(path(file), args, {
      env: { ...process.env, KSQL_URL: url("sql"), CONNECT_URL: url("connect"), REST_PROXY_URL: url("restProxy") },
    });

  await call("sql/post");
  const { id, subject } = await get(`${url("registry")}/subjects/bets-value/versions/latest`);
  if (id !== 1) throw new Error(`the schema of ${subject} has id ${id}, expected 1`);
  say("sql/post: two re-keyed streams, two sums, the odds; the schema of bets-value has id 1");
  const opening = runners.map((r) => ({ ...r, amount: 1 }));
  for (const { runner, race, amount } of opening) await call("bet", String(runner), String(race), String(amount));
  // An inner join drops a bet whose runner or race has no sum yet: from here on every bet has odds.
  await poll("the sums of the opening bets", () => settled(url("sql"), opening));
  await call("connectors/post", "pools-sink", "odds-sink");
  await running(url("connect"), "pools-sink");
  await running(url("connect"), "odds-sink");
  say(`bet, ${opening.length} times; connectors/post pools-sink odds-sink: runners, races and odds go to Postgres`);

  const pushed = push(url("sql"));
  atEnd(() => pushed.close());
  const generator = generate(url("restProxy"), Number(options.rate));
  atEnd(() => generator.stop());
  say(`${options.rate} bets a second from now on`);
  const end = performance.now() + Number(options.seconds) * 1000;
  for (let last = ""; performance.now() < end; await pause(500)) {
    const line = await counts(postgres);
    if (line !== last) say(`  ${(last = line)}`);
  }
  await generator.stop();
  const bets = [...opening, ...generator.bets];
  await poll("the sums of all bets", () => settled(url("sql"), bets), 60);
  const closing = runners.map((r) => ({ ...r, amount: 0 }));
  await post(url("restProxy"), closing);

  let wrong;
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await pause(50)) {
    const rows = async (table) => (await postgres.query(`SELECT * FROM ${table}`)).rows;
    const all = [...bets, ...closing];
    wrong =
      wrongSums(await rows("runners"), all, "runner") ??
      wrongSums(await rows("races"), all, "race") ??
      wrongOdds(await rows("odds"), opening, generator.bets, closing);
    if (!wrong) break;
  }
  if (wrong) throw new Error(`Postgres is not what the bets say: ${wrong}`);
  await poll("the odds of race 0 in the push query", () => pushed.rows.filter((row) => row[3] === 0).length === 4);
  say(
    bold(
      `${generator.bets.length} bets: the sums of ${runners.length} runners and 3 races and all odds are in Postgres, equal to a recomputation`,
    ),
  );

  console.log(`
What to do next
  the files of this pipeline      examples/tote-pool/{sql,connectors,bet,docker-compose.yml}
  leave it all running            npm run demo:tote-pool -- --keep
  the guide                       docs/guide/tote-pool.md`);
  if (!options.keep) return;
  const again = generate(url("restProxy"), Number(options.rate));
  atEnd(() => again.stop());
  console.log(`
Everything keeps running until Ctrl-C, with ${options.rate} bets a second. To look into it:
  curl ${url("sql")}/query -d '{"ksql": "SELECT * FROM odds WHERE race_id = 0 EMIT CHANGES;"}'
  curl ${url("sql")}/query -d '{"ksql": "SELECT * FROM races WHERE race_id = 0;"}'
  REST_PROXY_URL=${url("restProxy")} examples/tote-pool/bet 1 0 25.0
  postgres   ${server.host}:${server.port}, database tote`);
  await untilInterrupted();
}

async function openDatabase(server) {
  const admin = await connectPostgres(server);
  if ((await admin.query("SELECT 1 FROM pg_database WHERE datname = 'tote'")).rows.length === 0) await admin.query("CREATE DATABASE tote");
  await admin.end();
  const client = await connectPostgres(server, "tote");
  await client.query("DROP TABLE IF EXISTS runners, races, odds, millrace_offsets");
  return client;
}

/** Whether the two tables hold the sums of these bets, asked with pull queries. */
async function settled(sql, bets) {
  for (const by of ["runner", "race"]) {
    const rows = await pull(sql, `SELECT * FROM ${by}s;`);
    const expected = sums(bets, by);
    if (rows.length !== expected.size || rows.some(([id, , total]) => expected.get(id)?.total !== total)) return false;
  }
  const [[race, , total]] = await pull(sql, "SELECT * FROM races WHERE race_id = 0;");
  return race === 0 && total === sums(bets, "race").get(0).total;
}

async function pull(sql, ksql) {
  const response = await fetch(`${sql}/query`, { method: "POST", body: JSON.stringify({ ksql, streamsProperties: {} }) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer.flatMap((line) => (line.row ? [line.row.columns] : []));
}

/** Follows the odds of race 0: `rows` grows until `close()`. */
function push(sql) {
  const stop = new AbortController();
  const rows = [];
  const read = async () => {
    const body = JSON.stringify({ ksql: "SELECT * FROM odds WHERE race_id = 0 EMIT CHANGES;", streamsProperties: {} });
    const response = await fetch(`${sql}/query`, { method: "POST", body, signal: stop.signal });
    let text = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (text + chunk).split("\n");
      text = lines.pop();
      for (const line of lines) {
        const row = /"row":(\{.*\})\}/.exec(line)?.[1];
        if (row) rows.push(JSON.parse(row).columns);
      }
    }
  };
  read().catch(() => {});
  return { rows, close: () => stop.abort() };
}

async function counts(postgres) {
  const count = async (table) => {
    const { rows } = await postgres.query("SELECT to_regclass($1) AS there", [table]);
    return rows[0].there ? (await postgres.query(`SELECT count(*)::int AS n FROM ${table}`)).rows[0].n : 0;
  };
  return `rows in Postgres: ${await count("odds")} of odds, ${await count("runners")} of runners, ${await count("races")} of races`;
}

await demo(main);
