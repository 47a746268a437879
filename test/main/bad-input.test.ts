import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLogger } from "../../src/common/logger.js";
import { Millrace } from "../../src/embed/millrace.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { startPostgres, type TestPostgres } from "../support/postgres.js";
import { MillraceProcess, sinkConfig, sourceConfig, temporary, until, untilRows } from "./process.js";

const folder = temporary("bad-input");
let postgres: TestPostgres;
let running: MillraceProcess;

beforeAll(async () => {
  postgres = await startPostgres();
  for (const name of ["origin", "target"]) await postgres.createDatabase(name);
  running = await MillraceProcess.start(join(folder.path, "data"));
});
afterAll(async () => {
  await running?.kill();
  await postgres?.stop();
  folder.remove();
});

describe("SQL that is wrong", () => {
  const good = "CREATE STREAM fine (id INT KEY, v STRING) WITH (KAFKA_TOPIC='fine', VALUE_FORMAT='JSON', PARTITIONS=1);";
  it.each([
    ["CREATE STREAM x (id INT KEY, v STRING WITH (KAFKA_TOPIC='f');", /line 2:39: .*expecting.*WITH/is],
    ["SELEC * FROM fine;", /line 2:1: .*expecting.*SELEC/is],
    ["SHOW STREAMS;\n\n  CREATE STREAM x AS SELECT FROM fine;", /line 4:29: .*at or near .FROM.*expecting/is],
    ["CREATE STREAM x AS SELECT nope FROM fine;", /^Line: 2, Col: 27: .*'NOPE' cannot be resolved/],
    ["CREATE STREAM x (id INT KEY, v WIBBLE) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON', PARTITIONS=1);", /WIBBLE/],
    ["CREATE STREAM x AS SELECT id, UCASE(id) FROM fine;", /UCASE.*INT/is],
    ["CREATE STREAM x AS SELECT * FROM missing;", /^Line: 2, Col: 34: Source `MISSING` does not exist/],
    ["CREATE STREAM x AS SELECT id, NO_SUCH_FUNCTION(v) FROM fine;", /NO_SUCH_FUNCTION/],
  ])("is answered with where and what, and nothing of its request is done: %s", async (wrong, words) => {
    const answer = await running.call<{ error_code: number; message: string }>("sql", "POST", "/ksql", { ksql: `${good}\n${wrong}` });
    expect(answer.status).toBe(400);
    expect(answer.json.error_code).toBe(40001);
    expect(answer.json.message).toMatch(words);
    expect(answer.text).not.toMatch(/\.js:\d+|\\n\s+at /);
    expect((await running.ksql("SHOW STREAMS;"))[0]!["streams"]).toEqual([]);
  });
});

describe("a connector's JSON that is wrong", () => {
  it("names each setting in the validation's answer and in the refusal", async () => {
    const config: Record<string, string> = {
      ...sourceConfig(postgres.port, "origin"),
      "snapshot.mode": "sometimes",
      "max.batch.size": "many",
      "tabel.include.list": "public.t",
      "transforms.unwrap.type": "no.such.Transform",
    };
    delete config["topic.prefix"];
    const answer = await running.call<{
      error_count: number;
      configs: { definition: { documentation: string }; value: { name: string; errors: string[] } }[];
    }>("connect", "PUT", `/connector-plugins/${config["connector.class"]}/config/validate`, { name: "wrong", ...config });
    expect(answer.status).toBe(200);
    const errors = new Map(answer.json.configs.map((c) => [c.value.name, c.value.errors.join("; ")]));
    expect(errors.get("topic.prefix")).toMatch(/Missing required configuration/);
    expect(errors.get("snapshot.mode")).toMatch(/sometimes.*initial/s);
    expect(errors.get("max.batch.size")).toMatch(/many/);
    expect(errors.get("transforms.unwrap.type")).toMatch(/no\.such\.Transform/);
    const unknown = answer.json.configs.find((c) => c.value.name === "tabel.include.list")!;
    expect(unknown.definition.documentation).toMatch(/is not a setting of/);
    const created = await running.call<{ error_code: number; message: string }>("connect", "POST", "/connectors", {
      name: "wrong",
      config,
    });
    expect(created.status).toBe(400);
    for (const name of ["topic.prefix", "snapshot.mode", "max.batch.size", "transforms.unwrap.type"])
      expect(created.json.message).toContain(name);
    expect((await running.call("connect", "GET", "/connectors/wrong")).status).toBe(404);
  });

  it.each([
    ['{"name": "x", "config": {', 400, /not JSON/],
    ['{"name": "x", "config": {"connector.class": "com.example.Nothing"}}', 400, /com\.example\.Nothing/],
    ['{"name": "x", "config": {}}', 400, /no connector type/],
    ['{"config": {"connector.class": "JdbcSinkConnector"}}', 400, /name/],
    ['{"name": "x", "config": {"connector.class": ["a"]}}', 400, /connector\.class/],
    ["[]", 400, /JSON object/],
  ])("is refused: %s", async (body, status, words) => {
    const answer = await running.call<{ message: string }>("connect", "POST", "/connectors", body);
    expect({ status: answer.status, message: answer.json.message }).toEqual({ status, message: expect.stringMatching(words) });
  });
});

describe("a record that goes wrong", () => {
  it("is set aside where the target refuses it, with its cause, and replays once the cause is mended", async () => {
    const origin = await postgres.client("origin");
    const target = await postgres.client("target");
    await origin.query("CREATE TABLE item (id int PRIMARY KEY, price int)");
    await target.query("CREATE TABLE item (id int PRIMARY KEY, price int CONSTRAINT cheap CHECK (price < 100))");
    await running.createConnector({ name: "items", config: sourceConfig(postgres.port, "origin") });
    await running.createConnector({
      name: "items-sink",
      config: sinkConfig(postgres.port, "target", "origin.public.item", { "collection.name.format": "item" }),
    });
    await running.running("items");
    await origin.query("INSERT INTO item VALUES (1, 10), (2, 200), (3, 30)");
    const cheap = [
      { id: 1, price: 10 },
      { id: 3, price: 30 },
    ];
    await untilRows(target, "SELECT * FROM item ORDER BY id", cheap);
    await until("the refused row is in the error store", async () => (await errors()).total === 1);
    const [entry] = (await errors()).errors;
    expect(entry).toMatchObject({ stage: "sink", topic: "origin.public.item", owner: { kind: "connector", name: "items-sink" } });
    expect(entry!.message).toMatch(/cheap/);
    const list = await running.cli(["errors", "list", "--connector", "items-sink"]);
    expect(list.stdout).toContain(entry!.id);
    expect(list.stdout).toMatch(/cheap/);
    expect((await running.cli(["errors", "show", entry!.id])).stdout).toContain('"base64"');

    const early = await running.cli(["errors", "replay", entry!.id]);
    expect(early.code).toBe(1);
    expect(early.stderr).toMatch(/cheap/);
    expect((await errors()).total).toBe(1);
    await target.query("ALTER TABLE item DROP CONSTRAINT cheap");
    expect(await running.cli(["errors", "replay", entry!.id])).toMatchObject({ code: 0, stderr: "" });
    await untilRows(target, "SELECT * FROM item ORDER BY id", [cheap[0], { id: 2, price: 200 }, cheap[1]]);
    expect((await running.cli(["errors", "list"])).stdout).toContain("Nothing was set aside.");
  });

  it("is set aside where it does not decode, by the sink and by the query, and the others go on", async () => {
    await running.stop();
    // the log itself takes any bytes, as a Kafka client would send them
    const inProcess = await Millrace.start({
      dir: join(folder.path, "data"),
      ports: { kafka: 0, registry: 0, restProxy: 0, connect: 0, sql: 0, console: 0 },
      logger: silentLogger,
    });
    try {
      const schema = `{"type":"struct","fields":[{"field":"id","type":"int32"},{"field":"v","type":"string"}]}`;
      const rows = ['{"id":1,"v":"one"}', "this is not JSON", '{"id":3,"v":"three"}'];
      const described = rows.map((row) => (row.startsWith("{") ? `{"schema":${schema},"payload":${row}}` : row));
      const avro = [Buffer.from([0, 0, 0, 3, 231, 2]), Buffer.alloc(0), Buffer.from([0, 0])]; // an unknown schema, nothing, too short
      for (const [topic, values] of Object.entries({ mixed: rows, described, avro })) {
        await inProcess.broker.createTopics([{ name: topic, partitions: 1 }]);
        const batch = new RecordBatchBuilder();
        for (const [i, value] of values.entries()) batch.append(Date.now(), Buffer.from(`k${i}`), Buffer.from(value as string));
        const [result] = await inProcess.broker.produce({ acks: "all", batches: [{ topic, partition: 0, batch: batch.finish() }] });
        expect(result!.error).toBeUndefined();
      }
    } finally {
      await inProcess.close();
    }
    running = await MillraceProcess.start(join(folder.path, "data"));
    await running.ksql(
      `CREATE STREAM mixed (k STRING KEY, id INT, v STRING) WITH (KAFKA_TOPIC='mixed', VALUE_FORMAT='JSON');
       CREATE TABLE by_id WITH (KAFKA_TOPIC='by_id', FORMAT='AVRO') AS SELECT id, COUNT(*) AS n FROM mixed GROUP BY id;`,
      { "auto.offset.reset": "earliest" },
    );
    await until("the query set the record aside", async () => (await errors()).total === 1);
    await until("the others are counted", async () => (await running.rows("SELECT id, n FROM by_id WHERE id IN (1, 3);")).length === 2);
    const [entry] = (await errors()).errors;
    expect(entry).toMatchObject({ topic: "mixed", partition: 0, offset: 1, owner: { kind: "query" } });
    expect(entry!.message).toMatch(/JSON|deserialize/i);

    const target = await postgres.client("target");
    await running.createConnector({
      name: "described-sink",
      config: sinkConfig(postgres.port, "target", "described", {
        "primary.key.mode": "record_value",
        "delete.enabled": "false",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
      }),
    });
    await untilRows(target, "SELECT id, v FROM described ORDER BY id", [
      { id: 1, v: "one" },
      { id: 3, v: "three" },
    ]);
    await until("the sink set the record aside", async () => (await errors()).total === 2);
    const list = (await running.cli(["errors", "list", "--connector", "described-sink"])).stdout;
    expect(list).toContain("described-0@1");
    expect(list).not.toContain("described-0@0");
    expect((await running.cli(["errors", "show", "connector.described-sink.described-0@1"])).stdout).toContain(
      '"text": "this is not JSON"',
    );
    expect((await running.cli(["errors", "delete", "--connector", "described-sink"])).stdout).toContain("1 deleted");

    await running.ksql(
      `CREATE STREAM avro (k STRING KEY, v STRING, w INT) WITH (KAFKA_TOPIC='avro', VALUE_FORMAT='AVRO');
       CREATE STREAM avro_copy AS SELECT * FROM avro;`,
      { "auto.offset.reset": "earliest" },
    );
    await running.createConnector({
      name: "avro-sink",
      config: sinkConfig(postgres.port, "target", "avro", { "key.converter": "org.apache.kafka.connect.storage.StringConverter" }),
    });
    await until("both set all three aside", async () => (await errors()).total === 1 + 3 + 3);
    for (const owner of ["connector.avro-sink", "query.CSAS_AVRO_COPY"])
      expect((await errors()).errors.filter((e) => e.id.startsWith(owner)).map((e) => e.message)).toEqual(
        expect.arrayContaining([expect.stringContaining("Schema 999 not found"), expect.stringContaining("Unknown magic byte!")]),
      );
    expect((await running.call("console", "GET", "/health")).status).toBe(200);
  });
});

interface Errors {
  readonly total: number;
  readonly errors: readonly { readonly id: string; readonly message: string; readonly stage: string }[];
}

async function errors(): Promise<Errors> {
  return (await running.call<Errors>("console", "GET", "/errors")).json;
}
