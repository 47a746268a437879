import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../support/postgres.js";
import { MillraceProcess, millrace, sourceConfig, temporary, until } from "./process.js";

const root = temporary("backup");
const at = (name: string) => join(root.path, name);
let postgres: TestPostgres;
let client: pg.Client;
let running: MillraceProcess;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.createDatabase("bank");
  client = await postgres.client("bank");
  await client.query("CREATE TABLE account (id int PRIMARY KEY, balance bigint)");
  await client.query("INSERT INTO account SELECT i, 1000 FROM generate_series(1, 100) i");
  running = await MillraceProcess.start(at("data"));
  await running.createConnector({ name: "bank", config: sourceConfig(postgres.port, "bank", { "topic.creation.enable": "true" }) });
  await running.running("bank");
  await until("the topic has its schema", async () =>
    (await running.call<string[]>("registry", "GET", "/subjects")).json.includes("bank.public.account-value"),
  );
  await running.ksql(
    `CREATE TABLE account (id INT PRIMARY KEY, balance BIGINT) WITH (KAFKA_TOPIC='bank.public.account', FORMAT='AVRO');
     CREATE TABLE bank AS SELECT 'all' AS name, SUM(balance) AS total, COUNT(*) AS accounts FROM account GROUP BY 'all';`,
    { "auto.offset.reset": "earliest" },
  );
  await until("the query has read the snapshot", async () => JSON.stringify(await totals(running)) === '[["all",100000,100]]');
});
afterAll(async () => {
  await running?.kill();
  await postgres?.stop();
  root.remove();
});

const totals = (process: MillraceProcess) => process.rows("SELECT name, total, accounts FROM bank WHERE name = 'all';");

/** Transfers between two accounts until told to stop: the total never changes at a transaction's end. */
function transfers(): { stop(): Promise<number> } {
  let stopping = false;
  let count = 0;
  const loop = (async () => {
    while (!stopping) {
      const [from, to] = [1 + Math.floor(Math.random() * 100), 1 + Math.floor(Math.random() * 100)];
      await client.query("BEGIN");
      await client.query("UPDATE account SET balance = balance - 10 WHERE id = $1", [from]);
      await client.query("UPDATE account SET balance = balance + 10 WHERE id = $1", [to]);
      await client.query("COMMIT");
      count++;
    }
    return count;
  })();
  return {
    stop() {
      stopping = true;
      return loop;
    },
  };
}

it("is one consistent cut of a running process under load, from which a fresh folder starts", async () => {
  const load = transfers();
  await until("transfers arrive", async () => recordsIn(await running.call("console", "GET", "/metrics")) > 300);
  const taken = await running.cli(["backup", at("cut")]);
  expect(taken).toMatchObject({ code: 0, stderr: "" });
  expect(taken.stdout).toMatch(/^\d+ files, [\d.]+ MB in .*cut\n$/);
  await until("transfers go on", async () => recordsIn(await running.call("console", "GET", "/metrics")) > 600);
  expect(await load.stop()).toBeGreaterThan(100);

  const restored = await millrace(["restore", at("cut"), "--dir", at("restored")]);
  expect(restored).toMatchObject({ code: 0, stderr: "" });
  await running.kill();
  // Without its database: the source cannot go on, so what is seen is the cut alone.
  await client.query("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots");
  await client.query("SELECT pg_drop_replication_slot('slot_bank')");
  const second = await MillraceProcess.start(at("restored"));
  try {
    expect((await second.call("connect", "GET", "/connectors")).json).toEqual(["bank"]);
    const config = await second.call<Record<string, string>>("connect", "GET", "/connectors/bank/config");
    expect(config.json).toMatchObject({ "database.dbname": "bank", "database.password": "********" });
    expect((await second.ksql("SHOW QUERIES;"))[0]!["queries"]).toHaveLength(1);
    // The aggregate over the restored input equals a recomputation from the same input by a new query.
    await second.ksql(
      "CREATE TABLE again AS SELECT 'all' AS name, SUM(balance) AS total, COUNT(*) AS accounts FROM account GROUP BY 'all';",
      {
        "auto.offset.reset": "earliest",
      },
    );
    await until("both queries agree", async () => {
      const again = await second.rows("SELECT name, total, accounts FROM again WHERE name = 'all';");
      return again.length === 1 && JSON.stringify(again) === JSON.stringify(await totals(second));
    });
    // The source commits what has arrived, so a transfer's two rows may come in two of the log's transactions, and the cut may fall
    // between those of the last one: at most that one transfer of 10 is half there.
    const [[name, total, accounts]] = (await totals(second)) as [[string, number, number]];
    expect([name, accounts]).toEqual(["all", 100]);
    expect([99_990, 100_000]).toContain(total);
    expect((await second.call<{ total: number }>("console", "GET", "/errors")).json.total).toBe(0);
  } finally {
    await second.kill();
  }
});

it("is refused where it is incomplete or damaged, and changes nothing", async () => {
  const refuse = async (name: string, words: RegExp, damage: (folder: string) => void) => {
    await cp(at("cut"), at(name), { recursive: true });
    damage(at(name));
    const ran = await millrace(["restore", at(name), "--dir", at(`from-${name}`)]);
    expect(ran.code).toBe(1);
    expect(ran.stderr.trim()).toMatch(words);
    expect(ran.stderr).not.toMatch(/^\s+at /m);
    expect(readdirSync(root.path)).not.toContain(`from-${name}`);
  };
  const largest = (folder: string) => {
    const { files } = JSON.parse(readFileSync(join(folder, "backup.json"), "utf8")) as { files: Record<string, number> };
    return join(folder, Object.entries(files).sort(([, a], [, b]) => b - a)[0]![0]);
  };
  await refuse("cut-short", /not a complete backup/, (folder) => rmSync(join(folder, "backup.json")));
  await refuse("no-json", /not a complete backup/, (folder) => writeFileSync(join(folder, "backup.json"), '{"version":1,"fil'));
  await refuse("truncated", /damaged: .* should have \d+ bytes and has 10/, (folder) => truncateSync(largest(folder), 10));
  await refuse("missing", /damaged: .* is missing/, (folder) => rmSync(largest(folder)));
  await refuse("altered", /damaged: .* (differs|checksum)/, (folder) => {
    const file = largest(folder);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 0xff;
    writeFileSync(file, bytes);
  });
  const onto = await millrace(["restore", at("cut"), "--dir", at("data")]);
  expect(onto).toMatchObject({ code: 1 });
  expect(onto.stderr).toMatch(/is not empty/);
});

it("takes a stopped one's folder with --dir, and refuses one in use or none at all", async () => {
  const offline = await millrace(["backup", at("offline"), "--dir", at("data")]);
  expect(offline).toMatchObject({ code: 0, stderr: "" });
  expect(await millrace(["restore", at("offline"), "--dir", at("third")])).toMatchObject({ code: 0 });
  const third = await MillraceProcess.start(at("third"));
  try {
    expect((await third.call("connect", "GET", "/connectors")).json).toEqual(["bank"]);
    const inUse = await millrace(["backup", at("in-use"), "--dir", at("third")]);
    expect(inUse).toMatchObject({ code: 1 });
    expect(inUse.stderr).toMatch(/in use by process \d+/);
    const within = await third.cli(["backup", at("third/within")]);
    expect(within).toMatchObject({ code: 1 });
    expect(within.stderr).toMatch(/must not lie in the data folder/);
    const occupied = await third.cli(["backup", at("cut")]);
    expect(occupied.stderr).toMatch(/is not empty/);
  } finally {
    await third.kill();
  }
  const none = await millrace(["backup", at("none"), "--dir", at("no-such-folder")]);
  expect(none).toMatchObject({ code: 1 });
  expect(none.stderr).toMatch(/is not a data folder/);
  expect(readdirSync(root.path)).not.toContain("no-such-folder");
});

function recordsIn(answer: { text: string }): number {
  return Number(/^millrace_topic_records_in_total\{topic="bank\.public\.account"\} (\d+)/m.exec(answer.text)?.[1] ?? 0);
}
