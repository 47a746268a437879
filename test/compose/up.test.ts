import { mkdirSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { MillraceProcess, millrace, temporary } from "../main/process.js";
import { freePort } from "../support/postgres.js";

let folder: string;
let remove: () => void;
beforeEach(() => {
  ({ path: folder, remove } = temporary("up"));
});
afterEach(() => remove());

const compose = (sql: number, extra: number) => `
services:
  broker:
    image: confluentinc/cp-kafka:7.5.0
    environment: { KAFKA_NUM_PARTITIONS: 5, KAFKA_LOG_RETENTION_MS: 123456789 }
  init:
    image: confluentinc/cp-kafka:7.5.0
    command: kafka-topics --bootstrap-server broker:9092 --create --topic bets --partitions 2
  my-registry:
    image: confluentinc/cp-schema-registry:7.5.0
    environment: { SCHEMA_REGISTRY_SCHEMA_COMPATIBILITY_LEVEL: full }
  sql-server:
    image: confluentinc/ksqldb-server:0.29.0
    ports: ["${sql}:8088", "${extra}:8088"]
    volumes: ["./sql:/sql"]
    environment: { KSQL_KSQL_SERVICE_ID: mine_, KSQL_KSQL_QUERIES_FILE: /sql/queries.sql }
  postgres: { image: "postgres:15", ports: ["5432:5432"] }
`;

it("starts from a compose file: ports, topics, settings and queries, done once", async () => {
  const [sql, extra] = [await freePort(), await freePort()];
  writeFileSync(join(folder, "docker-compose.yml"), compose(sql, extra));
  mkdirSync(join(folder, "sql"));
  const queries = join(folder, "sql", "queries.sql");
  writeFileSync(
    queries,
    "CREATE STREAM bets (k VARCHAR KEY, n INT) WITH (KAFKA_TOPIC='bets', VALUE_FORMAT='JSON');\nCREATE TABLE sums AS SELECT k, SUM(n) AS n FROM bets GROUP BY k;\n",
  );
  const start = () =>
    MillraceProcess.start(undefined, ["--console-port", "0", "--dir", join(folder, "data")], {
      command: ["up", "docker-compose.yml"],
      cwd: folder,
    });
  let process = await start();
  try {
    expect(process.ports.sql).toBe(sql);
    expect(process.output).toContain(`sql-server (confluentinc/ksqldb-server:0.29.0): streaming SQL on 127.0.0.1:${sql}`);
    expect(process.output).toContain("postgres (postgres:15): postgres:5432 is 127.0.0.1:5432");
    expect((await process.call("registry", "GET", "/config")).json).toEqual({ compatibilityLevel: "FULL" });
    const topic = await process.call<{ partitions: unknown[]; configs: { name: string; value: string }[] }>(
      "sql",
      "GET",
      "/millrace/topics/bets",
    );
    expect(topic.json.partitions).toHaveLength(2);
    expect(topic.json.configs).toContainEqual(expect.objectContaining({ name: "retention.ms", value: "123456789" }));
    expect(JSON.stringify(await process.ksql("SHOW QUERIES;"))).toContain("CTAS_SUMS");
    const info = await (await fetch(`http://127.0.0.1:${extra}/info`)).json();
    expect(info).toMatchObject({ KsqlServerInfo: { ksqlServiceId: "mine_" } });
    await process.call("registry", "PUT", "/config", { compatibility: "NONE" });
    await process.stop();
    process = await start();
    expect((await process.call("registry", "GET", "/config")).json).toEqual({ compatibilityLevel: "NONE" });
    expect(process.output).not.toContain("cannot be run");
    await new Promise<void>((resolve, reject) => createConnection(extra, "127.0.0.1", resolve).once("error", reject).unref());
  } finally {
    await process.stop();
  }
}, 60_000);

it("says what it would do, and what is wrong with the file, without starting", async () => {
  writeFileSync(join(folder, "docker-compose.yml"), "services: { kafka: { image: 'apache/kafka:4.0.0', ports: ['9094:9092'] } }");
  const dry = await millrace(["up", "--dry-run"], { cwd: folder });
  expect([dry.code, dry.stderr]).toEqual([0, ""]);
  expect(dry.stdout).toContain("kafka (apache/kafka:4.0.0): the Kafka protocol on 127.0.0.1:9094");
  expect(dry.stdout).toContain("streaming SQL on a free port");
  const none = await millrace(["up", "none.yml"], { cwd: folder });
  expect([none.code, none.stderr.trim()]).toEqual([1, "millrace: there is no file none.yml"]);
});
