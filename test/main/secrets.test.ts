import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, startPostgres, type TestPostgres } from "../support/postgres.js";
import { MillraceProcess, type Ran, sinkConfig, sourceConfig, temporary, until, untilRows } from "./process.js";

const stored = "Zx9-stored-Passw0rd!7f31";
const fromEnvironment = "Qv4-env-Passw0rd!88c2";
const fromFile = "Wk2-file-Passw0rd!19ad";
const wrong = "Hb6-wrong-Passw0rd!52ee";
const secrets = [stored, fromEnvironment, fromFile, wrong];

const folder = temporary("secrets");
const data = join(folder.path, "data");
const answers: string[] = [];
const logs: string[] = [];
let postgres: TestPostgres;
let running: MillraceProcess;

/** As `call`, with its answer kept for the search at the end. */
async function call<T = Record<string, string>>(
  method: string,
  path: string,
  body?: unknown,
  surface: "connect" | "sql" | "console" = "connect",
) {
  const answer = await running.call<T>(surface, method, path, body);
  answers.push(`${method} ${path}: ${answer.text}`);
  return answer;
}

const start = () =>
  MillraceProcess.start(data, ["--log-level", "debug"], { env: { SINK_PASSWORD: fromEnvironment, CONNECT_TOPIC_CREATION_ENABLE: "true" } });

async function end(): Promise<void> {
  await running.stop();
  logs.push(running.output);
}

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.createDatabase("vault");
  const admin = await postgres.client("vault");
  for (const [role, password] of [
    ["reader", stored],
    ["writer", fromEnvironment],
    ["filed", fromFile],
  ])
    await admin.query(`CREATE ROLE ${role} SUPERUSER REPLICATION LOGIN PASSWORD '${password}'`);
  // trust would take any password: then nothing here would be tested
  await admin.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
  await admin.query("INSERT INTO t VALUES (1, 'a')");
  writeFileSync(join(folder.path, "secrets.properties"), `password=${fromFile}\n`);
  running = await start();
});
afterAll(async () => {
  await running?.kill();
  await postgres?.stop();
  folder.remove();
});

const source = () =>
  sourceConfig(postgres.port, "vault", { "table.include.list": "public.t", "database.user": "reader", "database.password": stored });
const sink = (more: Record<string, string> = {}) =>
  sinkConfig(postgres.port, "vault", "vault.public.t", {
    "connection.username": "writer",
    "connection.password": `\${env:SINK_PASSWORD}`,
    "collection.name.format": "copy",
    ...more,
  });

describe("a password", () => {
  it("works stored, from the environment, and after a PUT of what GET showed", async () => {
    expect((await call("POST", "/connectors", { name: "source", config: source() })).status).toBe(201);
    expect((await call("POST", "/connectors", { name: "sink", config: sink() })).status).toBe(201);
    const client = await postgres.client("vault");
    await untilRows(client, "SELECT id, v FROM copy ORDER BY id", [{ id: 1, v: "a" }]);

    const shown = (await call("GET", "/connectors/source/config")).json;
    expect(shown["database.password"]).toBe("********");
    expect((await call("GET", "/connectors/sink/config")).json["connection.password"]).toBe(`\${env:SINK_PASSWORD}`);
    expect((await call("PUT", "/connectors/source/config", { ...shown, "poll.interval.ms": "10" })).status).toBe(200);
    await client.query("INSERT INTO t VALUES (2, 'b')");
    await untilRows(client, "SELECT id, v FROM copy ORDER BY id", [
      { id: 1, v: "a" },
      { id: 2, v: "b" },
    ]);

    await end();
    running = await start();
    await client.query("INSERT INTO t VALUES (3, 'c')");
    await untilRows(client, "SELECT count(*)::int AS n FROM copy", [{ n: 3 }]);
  });

  it("is in no answer where the connection fails, is refused, or the target is away", async () => {
    const failing: [string, Record<string, string>][] = [
      ["wrong-source", { ...source(), "database.password": wrong, "slot.name": "other" }],
      ["wrong-sink", sink({ "connection.password": wrong })],
      ["url-sink", sink({ "connection.url": `jdbc:postgresql://127.0.0.1:${postgres.port}/vault?user=writer&password=${wrong}` })],
      [
        "away-sink",
        sink({ "connection.url": `jdbc:postgresql://127.0.0.1:${await freePort()}/vault?password=${wrong}`, "connection.password": wrong }),
      ],
      [
        "file-source",
        { ...source(), "database.dbname": "none", "database.password": `\${file:${folder.path}/secrets.properties:password}` },
      ],
      ["unset", sink({ "connection.password": `\${env:NO_SUCH_PASSWORD}` })],
      ["unknown-provider", sink({ "connection.password": `\${vault:x:y}`, "connection.username": "x" })],
    ];
    for (const [name, config] of failing) {
      await call("PUT", `/connector-plugins/${config["connector.class"]!.split(".").at(-1)}/config/validate`, config);
      await call("POST", "/connectors", { name, config });
    }
    // these were refused; the next ones fail later, when they run
    expect((await call<string[]>("GET", "/connectors")).json).toEqual(["sink", "source", "url-sink"]);
    const admin = await postgres.client("vault");
    for (const role of ["reader", "writer"]) await admin.query(`ALTER ROLE ${role} PASSWORD 'changed'`);
    for (const name of ["source", "sink"]) await call("POST", `/connectors/${name}/restart?includeTasks=true`);
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('reader', 'writer')");
    await admin.query("INSERT INTO t VALUES (4, 'd')");
    await until("the source says that its password is wrong", async () => {
      const { text } = await call("GET", "/connectors/source/status");
      return /authentication failed/.test(text) || /authentication failed/.test(running.output);
    });
    const names = (await call<string[]>("GET", "/connectors")).json;
    for (const name of names)
      for (const what of ["", "/config", "/status", "/tasks", "/tasks-config", "/tasks/0/status", "/topics", "/offsets"])
        await call("GET", `/connectors/${name}${what}`);
    await call("GET", "/connectors?expand=status&expand=info");
    await call("PATCH", "/connectors/sink/config", { "connection.username": "writer" });
    const create = Object.entries(sink({ "connection.password": wrong })).map(([k, v]) => `"${k}"='${v}'`);
    await call("POST", "/ksql", { ksql: `CREATE SINK CONNECTOR by_sql WITH (${create.join(", ")});` }, "sql");
    await call("POST", "/ksql", { ksql: `CREATE SINK CONNECTOR by_sql WITH (${create.join(", ")}, nonsense!);` }, "sql");
    for (const ksql of ["SHOW CONNECTORS;", "DESCRIBE CONNECTOR by_sql;", 'DESCRIBE CONNECTOR "sink";'])
      await call("POST", "/ksql", { ksql }, "sql");
    for (const path of ["/health", "/metrics", "/errors"]) await call("GET", path, undefined, "console");
    for (const args of [["connectors", "config", "source"], ["connectors"], ["connectors", "status", "sink"], ["errors", "list"]]) {
      const ran: Ran = await running.cli(args);
      answers.push(args.join(" ") + ran.stdout + ran.stderr);
    }
  });

  it("is found nowhere: not in an answer, a log line or the bytes of the data folder", async () => {
    await end();
    running = await start(); // a start with connectors that fail says things of its own
    await until("the source has failed again", () => /authentication failed/.test(running.output));
    await end();
    const searched: string[] = [];
    for (const secret of secrets) {
      for (const answer of answers)
        if (answer.includes(secret))
          throw new Error(
            `an answer shows ${secret}: ${answer.slice(0, 80)} … ${answer.slice(Math.max(0, answer.indexOf(secret) - 300)).slice(0, 400)}`,
          );
      for (const log of logs)
        if (log.includes(secret)) throw new Error(`the log shows ${secret}: ${log.split("\n").find((l) => l.includes(secret))}`);
      for (const form of [secret, Buffer.from(secret).toString("base64").slice(0, 24), encodeURIComponent(secret)])
        for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
          if (!entry.isFile()) continue;
          const path = join(entry.parentPath, entry.name);
          searched.push(path);
          if (readFileSync(path).includes(form)) throw new Error(`${path} holds ${form}`);
        }
    }
    expect(searched.length).toBeGreaterThan(50);
    expect(answers.length).toBeGreaterThan(40);
    expect(logs.join("")).toMatch(/authentication failed/);
  });
});
