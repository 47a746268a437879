// A live pipeline between two real Postgres databases: student records are captured, joined and averaged in streaming SQL, and
// kept up to date in another database. Everything runs in this process; the files beside this one go in through the HTTP ports.
//   npm run demo [-- --keep] [-- --up] [-- --sink debezium|confluent]
import { readFileSync } from "node:fs";
import { atEnd, bold, demo, flags, folder, ksql, openMillrace, post, running, say, topics, untilInterrupted } from "../common/demo.mjs";
import { connectPostgres, startPostgres } from "../common/postgres.mjs";

const options = flags({
  sink: { type: "string", default: "debezium" },
});
const here = (name) => new URL(name, import.meta.url);
const text = (name) => readFileSync(here(name), "utf8");
const csv = (name) =>
  text(name)
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(","));
const expected = { first: averages(["1"]), second: averages(["1", "2"]) };

async function main() {
  if (!["debezium", "confluent"].includes(options.sink)) throw new Error(`--sink is debezium or confluent, not ${options.sink}`);
  const { port, students, report } = await startDatabases();
  say(`Postgres is up on port ${port}, with the databases students and report`);
  await students.query(text("schema.sql"));
  await load(students, "admission", "data/admit_1.csv");
  await load(students, "research", "data/research_1.csv");
  say("students holds 300 rows in admission and 300 in research");

  const millrace = await openMillrace(options, { postgres: `127.0.0.1:${port}` }, import.meta.url);
  const connect = `http://127.0.0.1:${millrace.ports.connect}`;
  await post(`${connect}/connectors`, text("source.json"));
  await running(connect, "admissions-source");
  await topics(connect, "admissions-source", 2);
  say("source connector: dbserver1.public.admission and dbserver1.public.research follow the tables");

  const statements = await ksql(millrace, text("pipeline.sql"));
  say(
    `SQL: ${statements.length} statements in one request, ${statements.filter((s) => s["@type"] === "warning_entity" || s.warnings?.length).length} with a note on older dialect`,
  );

  await post(`${connect}/connectors`, text(`sink-${options.sink}.json`));
  say(`sink connector (${options.sink}): the result goes to report.research_ave_boost`);
  await until(report, expected.first);
  say(bold("the averages of the first 300 students are in the sink's table"));

  let commit = await load(students, "admission", "data/admit_2.csv");
  commit = await load(students, "research", "data/research_2.csv");
  say("committed 200 more students at the source");
  const seen = await until(report, expected.second);
  for (const [research, at] of Object.entries(seen))
    say(
      `research = ${research}: ${expected.first[research]} → ${bold(expected.second[research])}, ${(at - commit).toFixed(0)} ms after the commit at the source`,
    );

  const chance = await students.query("SELECT admit_chance FROM admission WHERE student_id = 1");
  const one = performance.now();
  await students.query("UPDATE admission SET admit_chance = 0.5 WHERE student_id = 1");
  await change(report, 1, expected.second[1]);
  say(`one UPDATE at the source: in the sink's table after ${(performance.now() - one).toFixed(0)} ms`);
  await students.query("UPDATE admission SET admit_chance = $1 WHERE student_id = 1", [chance.rows[0].admit_chance]);

  console.log(`
What to do next
  the files of this pipeline      examples/admissions/{source.json,pipeline.sql,sink-debezium.json}
  leave it all running            npm run demo -- --keep
  start an empty Millrace         npm start           (millrace start --help)
  ask the running one             npx millrace sql -e "SELECT * FROM RESEARCH_AVE_BOOST;"
  the guide                       docs/guide/getting-started.md`);
  if (!options.keep) return;
  console.log(`
Everything keeps running until Ctrl-C. The databases:
  psql postgresql://postgres:postgres@127.0.0.1:${port}/students
  psql postgresql://postgres:postgres@127.0.0.1:${port}/report`);
  await untilInterrupted();
}

/** What the sink must show, computed from the files: average chance by research, to five decimals. */
function averages(parts) {
  const research = new Map(parts.flatMap((part) => csv(`data/research_${part}.csv`)).map(([id, , research]) => [id, research]));
  const groups = {};
  for (const row of parts.flatMap((part) => csv(`data/admit_${part}.csv`))) {
    const group = (groups[research.get(row[0])] ??= { sum: 0, count: 0 });
    group.sum += Number(row[4]);
    group.count++;
  }
  return Object.fromEntries(Object.entries(groups).map(([key, { sum, count }]) => [key, (sum / count).toFixed(5)]));
}

async function startDatabases() {
  const server = await startPostgres(folder);
  atEnd(() => server.stop());
  const admin = await connectPostgres(server);
  const make = async (database) => {
    await admin.query(`CREATE DATABASE ${database}`);
    const client = await connectPostgres(server, database);
    atEnd(() => client.end());
    return client;
  };
  const databases = { port: server.port, students: await make("students"), report: await make("report") };
  await admin.end();
  return databases;
}

/** Inserts a CSV file's rows in one transaction; returns when it was committed. */
async function load(client, table, file) {
  const rows = csv(file);
  const columns = rows[0].map((_, i) => rows.map((row) => row[i]));
  const types = table === "admission" ? ["int", "int", "int", "float8", "float8"] : ["int", "int", "int"];
  await client.query(`INSERT INTO ${table} SELECT * FROM unnest(${types.map((type, i) => `$${i + 1}::${type}[]`).join(", ")})`, columns);
  return performance.now();
}

/** Shows the sink's table whenever it changes, until it holds these averages; returns when each was there. */
async function until(client, averages) {
  const reached = {};
  let shown = "";
  for (const deadline = performance.now() + 60_000; ; ) {
    const rows = await averagesNow(client);
    const line = rows.map((r) => `research = ${r.research}: ${r.average}`).join("   ");
    for (const r of rows) if (r.average === averages[r.research]) reached[r.research] ??= performance.now();
    if (line && line !== shown) say(`  ${(shown = line)}`);
    if (Object.keys(averages).every((k) => rows.some((r) => String(r.research) === k && r.average === averages[k]))) return reached;
    if (performance.now() > deadline)
      throw new Error(`the averages did not become ${JSON.stringify(averages)} within a minute; they are: ${line || "no rows"}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function change(client, research, from) {
  for (const deadline = performance.now() + 30_000; performance.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 1))) {
    const row = (await averagesNow(client)).find((r) => r.research === research);
    if (row && row.average !== from) return;
  }
  throw new Error("the update did not reach the sink within 30 s");
}

async function averagesNow(client) {
  try {
    const { rows } = await client.query(
      "SELECT CAST(research AS INT) AS research, round(ave_chance::numeric, 5)::text AS average FROM research_ave_boost ORDER BY 1",
    );
    return rows;
  } catch (error) {
    if (error.code === "42P01") return []; // the sink has not made its table yet
    throw error;
  }
}

await demo(main);
