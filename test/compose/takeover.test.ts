import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readComposeFile, usualFiles } from "../../src/compose/compose-file.js";
import { imageName, roleOf } from "../../src/compose/images.js";
import { report } from "../../src/compose/report.js";
import { standardPorts, takeOver } from "../../src/compose/takeover.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-compose-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function read(yaml: string, environment: Record<string, string> = {}, files: Record<string, string> = {}) {
  for (const [name, text] of Object.entries({ ...files, "docker-compose.yml": yaml })) writeFileSync(join(folder, name), text);
  return takeOver(readComposeFile([join(folder, "docker-compose.yml")], environment));
}

it("knows the parts by their images, of every registry and version", () => {
  expect(imageName("quay.io/debezium/connect:2.7@sha256:abc")).toBe("debezium/connect");
  expect(imageName("localhost:5000/confluentinc/cp-kafka")).toBe("confluentinc/cp-kafka");
  const roles = {
    "confluentinc/cp-server:7.5.0": "kafka",
    "apache/kafka:3.9.0": "kafka",
    "bitnami/kafka:latest": "kafka",
    "docker.io/bitnamilegacy/kafka:3.8": "kafka",
    "zookeeper:3.9": "zookeeper",
    "confluentinc/cp-schema-registry": "registry",
    "confluentinc/cp-kafka-rest:7": "rest-proxy",
    "debezium/connect:1.9": "connect",
    "cnfldemos/cp-server-connect-datagen:0.6.4-7.5.0": "connect",
    "confluentinc/ksqldb-server:0.29.0": "sql",
    "confluentinc/cp-ksqldb-cli:7.5.0": "sql-cli",
    "postgres:15": undefined,
    "debezium/postgres:15": undefined,
    "provectuslabs/kafka-ui": undefined,
  };
  for (const [image, role] of Object.entries(roles)) expect([image, roleOf(image)]).toEqual([image, role]);
});

describe("Kafka", () => {
  it("is on the port that is advertised to the host, and further brokers' ports lead to it", () => {
    const t = read(`
services:
  broker:
    image: confluentinc/cp-kafka:7.5.0
    hostname: b1
    ports: ["29092:29092", "9101:9101", "19092:9092"]
    environment:
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://broker:29092,PLAINTEXT_HOST://localhost:19092
      KAFKA_JMX_PORT: 9101
      KAFKA_NUM_PARTITIONS: 3
      KAFKA_LOG_RETENTION_HOURS: 2
      KAFKA_LOG_RETENTION_MS: 5000
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false"
  second:
    image: confluentinc/cp-kafka:7.5.0
    ports: ["19093:9092"]
`);
    expect(t.ports).toEqual({ kafka: 19092 });
    expect(t.forwards.map((f) => [f.service, f.port])).toEqual([
      ["broker", 29092],
      ["second", 19093],
    ]);
    expect(t.serviceNames).toEqual({ broker: 9092, b1: 9092, second: 9092 });
    expect(t.broker).toMatchObject({ partitions: 3, autoCreateTopics: false, topicConfig: { "retention.ms": "5000" } });
    expect(t.open).toBe(true);
  });

  it("of Bitnami has its own variables, and no client on the controller's port", () => {
    const t = read(`
services:
  kafka:
    image: bitnami/kafka:3.8
    ports: ["127.0.0.1:9093:9093", "127.0.0.1:9094:9094"]
    environment:
      - KAFKA_CFG_LISTENERS=PLAINTEXT://:9092,CONTROLLER://:9093,EXTERNAL://:9094
      - KAFKA_CFG_CONTROLLER_LISTENER_NAMES=CONTROLLER
      - KAFKA_CFG_ADVERTISED_LISTENERS=PLAINTEXT://kafka:9092,EXTERNAL://localhost:9094
      - KAFKA_CFG_NUM_PARTITIONS=6
`);
    expect([t.ports.kafka, t.forwards, t.broker.partitions, t.open]).toEqual([9094, [], 6, false]);
  });

  it("gets the topics of init commands", () => {
    const t = read(`
services:
  kafka: { image: "confluentinc/cp-kafka:7.5.0", ports: ["9092:9092"] }
  init:
    image: confluentinc/cp-kafka:7.5.0
    entrypoint: ["/bin/sh", "-c"]
    command: |
      "cub kafka-ready -b kafka:29092 1 30 &&
      kafka-topics --create --if-not-exists --topic bets --partitions 2 --config cleanup.policy=compact --config retention.ms=1 \\
        --bootstrap-server kafka:29092
      kafka-topics --bootstrap-server kafka:29092 --list; kafka-topics --create --topic=races"
  old: { image: wurstmeister/kafka, ports: ["9093:9092"], environment: { KAFKA_CREATE_TOPICS: "a:3:1:compact,b:1:1" } }
`);
    expect(t.topics).toEqual([
      { name: "bets", partitions: 2, configs: { "cleanup.policy": "compact", "retention.ms": "1" } },
      { name: "races", partitions: undefined, configs: {} },
      { name: "a", partitions: 3, configs: { "cleanup.policy": "compact" } },
      { name: "b", partitions: 1, configs: {} },
    ]);
    expect(t.ignored.map((i) => i.why)).toEqual(["its topics are made here: bets, races"]);
  });
});

it("takes the workers' settings: containers' variables, Debezium's own names, Java options, a worker within the SQL server", () => {
  const t = read(
    `
services:
  connect:
    image: debezium/connect:2.7
    ports: ["8083:8083"]
    env_file: [connect.env, { path: none.env, required: false }]
    environment: { GROUP_ID: 1, VALUE_CONVERTER: my.Converter, CONNECT_CONSUMER_MAX__POLL___RECORDS: 5, CONNECT_PLUGIN_PATH: /plugins }
    volumes: ["./jars:/plugins"]
  ksqldb:
    image: confluentinc/ksqldb-server:0.29.0
    ports: ["8088:9999"]
    environment:
      KSQL_LISTENERS: http://0.0.0.0:9999
      KSQL_KSQL_SERVICE_ID: mine_
      KSQL_OPTS: '-Dksql.streams.num.stream.threads=2 -Dksql.queries.file=/q/a.sql'
      KSQL_CONNECT_GROUP_ID: x
      KSQL_CONNECT_KEY_CONVERTER: org.apache.kafka.connect.storage.StringConverter
    volumes: ["./sql:/q:ro"]
  registry:
    image: confluentinc/cp-schema-registry:7.5.0
    ports: [{ target: 8085, published: "18085", host_ip: 127.0.0.1 }]
    environment: { SCHEMA_REGISTRY_LISTENERS: "http://0.0.0.0:8085", SCHEMA_REGISTRY_SCHEMA_COMPATIBILITY_LEVEL: full }
`,
    {},
    { "connect.env": "CONNECT_OFFSET_FLUSH_INTERVAL_MS=1\nVALUE_CONVERTER=over.Ridden" },
  );
  expect(t.connect).toMatchObject({
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter": "my.Converter",
    "consumer.max-poll_records": "5",
    "offset.flush.interval.ms": "1",
  });
  expect(t.sql).toEqual({ "ksql.service.id": "mine_", "ksql.streams.num.stream.threads": "2" });
  expect(t.queries).toEqual([join(folder, "sql/a.sql")]);
  expect(t.ports).toEqual({ connect: 8083, sql: 8088, registry: 18085 });
  expect(t.compatibility).toBe("FULL");
  expect(t.taken.find((s) => s.part === "connect")!.notes.join()).toContain("Java plug-ins of its plugin.path are not loaded");
});

it("says where services that stay are, by all their names, and what no connector can reach", () => {
  const t = read(
    `
services:
  kafka: { image: "apache/kafka:4.0.0", ports: ["9092:9092"] }
  db:
    image: postgres:\${PG:-15}
    hostname: postgres
    ports: ["\${PG_PORT:-15432}:5432"]
    networks: { default: { aliases: [pg] } }
  app: { build: ., environment: ["BROKERS=kafka:29092", "HOME"] }
  tool: { image: x/tool, profiles: [tools] }
`,
    { PG_PORT: "25432" },
  );
  expect(t.hosts).toEqual({
    "host.docker.internal": "127.0.0.1",
    "db:5432": "127.0.0.1:25432",
    "postgres:5432": "127.0.0.1:25432",
    "pg:5432": "127.0.0.1:25432",
  });
  expect(t.stays.map((s) => [s.service.name, s.uses])).toEqual([
    ["db", []],
    ["app", ["kafka"]],
  ]);
  const said = report(t, { ...standardPorts, connect: 0 }, "127.0.0.1").join("\n");
  expect(said).toContain("kafka (apache/kafka:4.0.0): the Kafka protocol on 127.0.0.1:9092");
  expect(said).toContain("connectors on a free port");
  expect(said).toContain("db:5432 is 127.0.0.1:25432, postgres:5432 is 127.0.0.1:25432");
  expect(said).toContain("app (built from a folder): publishes no port");
  expect(said).toContain("it names kafka: from a container this process is host.docker.internal");
  expect(said).toContain("tool is only in the profile tools");
  expect(said).toContain("--insecure opens them without a login");
});

it("leaves brokers where topics are on a cluster", () => {
  const yaml = `
services:
  zookeeper: { image: "zookeeper:3.9" }
  broker: { image: "confluentinc/cp-kafka:7.5.0", ports: ["19092:9092"] }
  init: { image: "confluentinc/cp-kafka:7.5.0", command: "kafka-topics --create --topic bets" }
  connect: { image: "debezium/connect:2.7", ports: ["8083:8083"] }
`;
  const t = takeOver(read(yaml).file, true);
  expect(t.stays.map((s) => s.service.name)).toEqual(["zookeeper", "broker"]);
  expect([t.ports, t.hosts["broker:9092"], t.topics.length]).toEqual([{ connect: 8083 }, "127.0.0.1:19092", 1]);
  expect(report(t, standardPorts, "127.0.0.1").join("\n")).not.toContain("the Kafka protocol");
});

it("puts later files over earlier ones, and finds those that compose finds", () => {
  writeFileSync(
    join(folder, "docker-compose.yml"),
    "services: { kafka: { image: 'apache/kafka:4.0.0', ports: ['9092:9092'], environment: { KAFKA_NUM_PARTITIONS: 2, A: 1 } } }",
  );
  expect(usualFiles(folder)).toEqual(["docker-compose.yml"]);
  writeFileSync(
    join(folder, "docker-compose.override.yml"),
    "services: { kafka: { ports: ['9095:9095'], environment: ['KAFKA_NUM_PARTITIONS=7'] }, db: { image: 'postgres:18' } }",
  );
  const files = usualFiles(folder);
  expect(files).toEqual(["docker-compose.yml", "docker-compose.override.yml"]);
  const t = takeOver(
    readComposeFile(
      files.map((name) => join(folder, name)),
      {},
    ),
  );
  expect([t.broker.partitions, t.ports, t.forwards.map((f) => f.port)]).toEqual([7, { kafka: 9092 }, [9095]]);
  expect(t.stays.map((s) => s.service.name)).toEqual(["db"]);
  expect(() => usualFiles(join(folder, "none"))).toThrow(/there is no compose file here/);
});

it("follows extends and merge keys, and names what it cannot read", () => {
  const t = read(
    `
x-base: &base { image: "confluentinc/cp-kafka-connect:7.5.0", environment: { CONNECT_GROUP_ID: a } }
services:
  one: { <<: *base, ports: ["8083:8083"] }
  two: { extends: { service: one }, environment: { CONNECT_KEY_CONVERTER: b } }
  three: { extends: { file: other.yml, service: sr }, ports: ["8081"] }
`,
    {},
    { "other.yml": "services: { sr: { image: 'confluentinc/cp-schema-registry:7.5.0' } }" },
  );
  expect(t.taken.map((s) => [s.service.name, s.part, s.port])).toEqual([
    ["one", "connect", 8083],
    ["two", "connect", 8083],
    ["three", "registry", null],
  ]);
  expect(t.connect).toEqual({ "group.id": "a", "key.converter": "b" });
  expect(() => read("services: { a: { image: x, ports: ['x:y'] } }")).toThrow('service a: "x:y" is no port');
  expect(() => read("a: b")).toThrow("docker-compose.yml is not a compose file: it has no services");
  expect(() => read("services: [")).toThrow("is not YAML");
  expect(() => read("services: { a: { image: '${V:?set V}' } }")).toThrow(/service a: the variable V is required: set V/);
  expect(() => read("services: { a: { image: x, env_file: gone.env } }")).toThrow(/service a: the env_file .*gone\.env is not there/);
});

it.each([
  ["admissions", "kafka registry connect sql", "postgres"],
  ["orders", "kafka kafka kafka registry connect connect sql", "mysql postgres cassandra"],
  ["tote-pool", "kafka registry rest-proxy connect sql", "postgres"],
  ["order-services", "kafka registry connect", "mysql mongodb"],
  ["json-orders", "kafka registry rest-proxy connect sql", "postgres"],
])("takes over the stack of the example %s, and leaves its databases", (name, parts, databases) => {
  const file = fileURLToPath(new URL(`../../examples/${name}/docker-compose.yml`, import.meta.url));
  const t = takeOver(readComposeFile([file], {}));
  expect(t.taken.map((s) => s.part).join(" ")).toBe(parts);
  expect(t.stays.map((s) => s.service.name).join(" ")).toBe(databases);
  for (const [database, { reached }] of t.stays.map((s) => [s.service.name, s] as const))
    expect([database, reached.length]).toEqual([database, 1]);
  expect(t.file.notes).toEqual([]);
});

describe("include, secrets and configs", () => {
  const folders = (files: Record<string, string>) => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  };
  const connect = `
services:
  connect:
    image: debezium/connect:2.7
    ports: ["\${PORT}:8083"]
    env_file: settings.env
    environment: ["KEY_CONVERTER=\${CONVERTER:-org.apache.kafka.connect.json.JsonConverter}"]
`;

  it("reads included files with the variables and relative paths of their own folders", () => {
    folders({ "parts/connect.yml": connect, "parts/.env": "PORT=9083", "parts/settings.env": "CONNECT_TASKS_RESTART_MAX=3\n" });
    folders({ "over.yml": "services: { connect: { environment: { CONNECT_CONFIG_PROVIDERS: env } } }", "more.env": "PORT=9084" });
    const main = (include: string) => `include:\n  - ${include}\nservices: { db: { image: "postgres:15", ports: ["15432:5432"] } }`;
    const plain = read(main("parts/connect.yml"));
    expect([plain.ports.connect, plain.connect["tasks.restart.max"], Object.keys(plain.hosts)]).toEqual([
      9083,
      "3",
      ["host.docker.internal", "db:5432"],
    ]);
    const mapped = read(main("{ path: [parts/connect.yml, over.yml], env_file: more.env }"));
    expect([mapped.ports.connect, mapped.connect["config.providers"]]).toEqual([9084, "env"]);
    // the shell's variables go over both
    expect(read(main("parts/connect.yml"), { PORT: "9085" }).ports.connect).toBe(9085);
  });

  it("says what is wrong with an include", () => {
    folders({ "a.yml": "include: [docker-compose.yml]", "b.yml": "services: { s: { image: x } }" });
    expect(() => read("include: [a.yml]")).toThrow(/which includes it/);
    expect(() => read("include: [b.yml]\nservices: { s: { image: y } }")).toThrow(/the service s is also in a file that it includes/);
    expect(() => read("include: [missing.yml]")).toThrow(/there is no file/);
    expect(() => read("include: [{ path: b.yml, env_file: missing.env }]")).toThrow(/missing.env, which include names/);
  });

  it("says that secrets and configs are no files, and who names this process in a command", () => {
    const t = read(`
services:
  connect:
    image: debezium/connect:2.7
    secrets: [db, { source: other, target: x }]
  post:
    image: curlimages/curl
    command: curl -X POST http://connect:8083/connectors -d @/c.json
secrets:
  db: { file: ./db.properties }
  other: { external: true }
`);
    const lines = report(t, standardPorts, "127.0.0.1").join("\n");
    expect(lines).toContain(`secrets and configs are no files here (db, which is ${folder}/db.properties; other)`);
    expect(lines).toContain("it names connect: from a container this process is host.docker.internal");
  });
});
