// Bets over HTTP → sums and odds → Postgres: examples/tote-pool as it is, with its files. There is no source but the clients, who do not
// know what became of a bet whose answer was lost: what must be in Postgres is recomputed from the topic, which must hold every bet that
// was answered, and none twice.
//   npm run test:crash -- tote-pool --chaos kill,target-kill
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { post, runners } from "../../../examples/tote-pool/bets.mjs";
import { history, sums } from "../../../examples/tote-pool/check.mjs";
import { PostgresServer, packageBin } from "../servers/postgres.mjs";

const file = (name) => readFileSync(new URL(`../../../examples/tote-pool/${name}`, import.meta.url), "utf8");

export async function open({ folder, random }) {
  const postgres = await PostgresServer.create("tote", folder, await packageBin());
  const target = postgres.connection();
  const opening = runners.map((r) => ({ ...r, amount: 1 }));
  let count = 0;
  const answered = [];
  let millrace;
  let expectedBets = [];

  const write = async () => {
    const bets = Array.from({ length: 1 + Math.floor(random() * 20) }, () => ({
      ...runners[Math.floor(random() * runners.length)],
      amount: 2 + count++ * 0.25, // another one each time, so that a bet is known by it; all sums are exact
    }));
    await post(millrace.url("rest-proxy", ""), bets);
    answered.push(...bets);
    return bets.length;
  };

  return {
    hosts: { postgres: `127.0.0.1:${postgres.port}` },
    environment: parse(file("docker-compose.yml")).services.connect.environment,
    sources: [],
    targets: [postgres],
    writers: [write, write],
    async create(process) {
      millrace = process;
      for (const statement of file("sql/pipeline.sql")
        .split(/(?<=;)/)
        .filter((s) => s.trim()))
        await millrace.ksql(statement);
      await post(millrace.url("rest-proxy", ""), opening);
      answered.push(...opening);
      // An inner join drops a bet whose runner or race has no sum yet: from here on every bet has odds.
      for (const table of ["runners", "races"]) await settled(millrace, table, table === "runners" ? runners.length : 3);
      await write(); // the first with odds: the sink makes their table
      for (const name of ["pools-sink", "odds-sink"]) await millrace.connector(name, JSON.parse(file(`connectors/${name}.json`)).config);
    },
    async expected() {
      expectedBets = await betsOfTopic(millrace);
      const known = new Set(expectedBets.map(text));
      if (known.size !== expectedBets.length) throw new Error("a bet is in the topic twice");
      const lost = answered.filter((bet) => !known.has(text(bet)));
      if (lost.length)
        throw new Error(`${lost.length} bets were answered and are not in the topic: ${lost.slice(0, 5).map(text).join("; ")}`);
      const rows = (by) => [...sums(expectedBets, by)].map(([id, { total, bets }]) => `${id}: ${total} of ${bets}`).sort();
      return { runners: rows("runner"), races: rows("race"), odds: expectedBets.slice(opening.length).map(text).sort() };
    },
    async actual() {
      const query = async (sql) => (await target.use((client) => client.query(sql))).rows;
      const was = { runner: history(expectedBets, "runner"), race: history(expectedBets, "race") };
      const odds = (await query("SELECT * FROM odds")).filter((row) => row.AMOUNT !== 1);
      return {
        runners: newest(await query("SELECT * FROM runners"), "RUNNER"),
        races: newest(await query("SELECT * FROM races"), "RACE"),
        odds: odds
          .map((row) => {
            const bet = text({ runner: row.RUNNER, race: row.RACE, amount: row.AMOUNT });
            const right =
              row.ODDS === row.RACE_TOTAL / row.RUNNER_TOTAL &&
              was.runner.get(row.RUNNER)?.has(row.RUNNER_TOTAL) &&
              was.race.get(row.RACE)?.has(row.RACE_TOTAL);
            return right ? bet : `${bet} with odds ${row.ODDS} of ${row.RACE_TOTAL} and ${row.RUNNER_TOTAL}`;
          })
          .sort(),
      };
    },
    async stop() {
      await target.drop();
      await postgres.halt(false);
    },
  };
}

const text = ({ runner, race, amount }) => `${amount} on runner ${runner} of race ${race}`;

/** The sum after the most bets, of each; a row that is there twice comes out as such. */
function newest(rows, column) {
  const latest = new Map();
  const twice = [];
  const seen = new Set();
  for (const row of rows) {
    const version = `${row[column]} after ${row.BETS}`;
    if (seen.has(version)) twice.push(`${version} twice`);
    seen.add(version);
    if (Number(row.BETS) >= Number(latest.get(row[column])?.BETS ?? 0)) latest.set(row[column], row);
  }
  return [...[...latest.values()].map((row) => `${row[column]}: ${row.TOTAL} of ${row.BETS}`), ...twice].sort();
}

async function settled(millrace, table, count) {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
    const lines = await millrace.call("sql", "POST", "/query", { ksql: `SELECT * FROM ${table};`, streamsProperties: {} });
    if (lines.filter((line) => line.row).length === count) return;
  }
  throw new Error(`${table} has no sums after 30 s`);
}

/** All bets, read with a consumer of the REST Proxy. */
async function betsOfTopic(millrace) {
  const name = `reader-${Date.now()}`;
  const base = `/consumers/${name}/instances/${name}`;
  await millrace.call("rest-proxy", "POST", `/consumers/${name}`, { name, format: "avro", "auto.offset.reset": "earliest" });
  await millrace.call("rest-proxy", "POST", `${base}/assignments`, { partitions: [{ topic: "bets", partition: 0 }] });
  const bets = [];
  for (;;) {
    const records = await millrace.call("rest-proxy", "GET", `${base}/records?timeout=200`);
    if (records.length === 0) break;
    for (const { value } of records) bets.push({ runner: value.RUNNER_ID.int, race: value.RACE_ID.int, amount: value.AMOUNT.double });
  }
  await millrace.call("rest-proxy", "DELETE", base);
  return bets;
}
