import type pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { exampleFile, MillraceProcess, temporary, until, untilRows } from "../main/process.js";
import { startPostgres, type TestPostgres } from "../support/postgres.js";

const averages =
  "SELECT CAST(research AS INT) AS research, round(ave_chance::numeric, 5)::text AS average FROM research_ave_boost ORDER BY 1";
const first = [
  { research: 0, average: "0.65194" },
  { research: 1, average: "0.79512" },
];
const both = [
  { research: 0, average: "0.63491" },
  { research: 1, average: "0.78996" },
];

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

async function load(client: pg.Client, table: string, file: string): Promise<void> {
  const rows = exampleFile(`data/${file}`).trim().split("\n").slice(1);
  await client.query(`INSERT INTO ${table} VALUES ${rows.map((row) => `(${row})`).join(", ")}`);
}

/** The example's files name the databases `students` and `report`: they are made anew for each test. */
async function databases(): Promise<{ students: pg.Client; report: pg.Client }> {
  const admin = await postgres.client();
  for (const { slot_name } of (await admin.query("SELECT slot_name FROM pg_replication_slots")).rows)
    await admin.query("SELECT pg_drop_replication_slot($1)", [slot_name]);
  for (const name of ["students", "report"]) {
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await postgres.createDatabase(name);
  }
  const students = await postgres.client("students");
  await students.query(exampleFile("schema.sql"));
  await load(students, "admission", "admit_1.csv");
  await load(students, "research", "research_1.csv");
  return { students, report: await postgres.client("report") };
}

async function createPipeline(process: MillraceProcess, sink: string): Promise<void> {
  await process.createConnector(exampleFile("source.json"));
  await process.running("admissions-source");
  await until("both topics have their schemas", async () => {
    const { json } = await process.call<string[]>("registry", "GET", "/subjects");
    return ["admission", "research"].every((table) => json.includes(`dbserver1.public.${table}-value`));
  });
  const statements = await process.ksql(exampleFile("pipeline.sql"));
  expect(statements.map((s) => (s["commandStatus"] as { status: string }).status)).toEqual(Array(8).fill("SUCCESS"));
  await process.createConnector(exampleFile(sink));
}

it.each([
  ["sink-debezium.json", "SIGTERM"],
  ["sink-confluent.json", "SIGKILL"],
])("the example's files with %s run unchanged and go on after %s where they were", async (sink, signal) => {
  const { students, report } = await databases();
  const folder = temporary("example");
  const start = () => MillraceProcess.start(folder.path, ["--host", `postgres=127.0.0.1:${postgres.port}`]);
  let process = await start();
  try {
    await createPipeline(process, sink);
    await untilRows(report, averages, first);
    if (signal === "SIGTERM") expect(await process.stop()).toBe(0);
    else await process.kill();
    await load(students, "admission", "admit_2.csv");
    await load(students, "research", "research_2.csv");
    process = await start();
    await untilRows(report, averages, both);

    const { rows } = await report.query("SELECT ave_chance FROM research_ave_boost WHERE CAST(research AS INT)=0");
    expect(rows[0].ave_chance).toBeCloseTo(0.6349090909, 9);
    expect((await process.rows("SELECT AVE_CHANCE FROM RESEARCH_AVE_BOOST WHERE RESEARCH = 1;"))[0]![0]).toBeCloseTo(0.7899642857, 9);
    await commandLine(process);
  } finally {
    await process.kill();
    folder.remove();
  }
});

async function commandLine(process: MillraceProcess): Promise<void> {
  const says = async (...args: string[]) => {
    const ran = await process.cli(args);
    expect({ args, ...ran }).toMatchObject({ code: 0, stderr: "" });
    return ran.stdout;
  };
  expect(await says("sql", "-e", "SELECT RESEARCH, AVE_CHANCE FROM RESEARCH_AVE_BOOST WHERE RESEARCH = 0;")).toMatch(
    /0\s*\|\s*0\.63490909/,
  );
  const topics = await says("topics", "list");
  for (const topic of ["dbserver1.public.admission", "ADMISSION_SRC_REKEY", "research_ave_boost"]) expect(topics).toContain(topic);
  expect(await says("topics", "describe", "dbserver1.public.admission")).toContain("cleanup.policy");
  // every row of the two loads once: a snapshot taken again, or a change written twice, would put another record in between
  const tail = (await says("topics", "tail", "dbserver1.public.admission", "--from-beginning", "--limit", "500")).trim().split("\n");
  const students = tail.map((line) => Number(/"STUDENT_ID"\s*:\s*(\d+)/i.exec(line.split("value:")[1] ?? "")?.[1])).filter(Number.isFinite);
  expect(students).toHaveLength(500);
  expect(new Set(students).size).toBe(500);
  const connectors = await says("connectors", "list");
  expect(connectors).toMatch(/admissions-source\s*\|\s*source\s*\|\s*RUNNING\s*\|\s*1/);
  expect(connectors).toMatch(/admissions-sink\s*\|\s*sink\s*\|\s*RUNNING\s*\|\s*1/);
  expect(await says("connectors", "status", "admissions-sink")).toContain("task 0: RUNNING");
  expect(await says("errors", "list")).toContain("Nothing was set aside.");
}
