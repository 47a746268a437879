import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SqlServer } from "./support.js";

type Json = Record<string, unknown>;
let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start();
  await server.broker.createTopics([{ name: "orders", partitions: 2 }]);
});
afterAll(() => server.close());

describe("a request of statements", () => {
  test("CREATE STREAM over a topic, with ksqlDB's answer", async () => {
    const sql = "CREATE STREAM orders (id INT KEY, item STRING, price DOUBLE) WITH (kafka_topic='orders', value_format='json');";
    const [entity] = await server.ksql(sql);
    expect(entity).toEqual({
      "@type": "currentStatus",
      statementText: sql,
      commandId: "stream/`ORDERS`/create",
      commandStatus: { status: "SUCCESS", message: "Stream created", queryId: null },
      commandSequenceNumber: 0,
      warnings: [],
    });
    const status = await fetch(`${server.url}/status/stream/${encodeURIComponent("`ORDERS`")}/create`);
    expect(await status.json()).toMatchObject({ status: "SUCCESS", message: "Stream created" });
  });

  test("SHOW STREAMS and DESCRIBE", async () => {
    const [streams, described] = await server.ksql("SHOW STREAMS; DESCRIBE orders;");
    expect(streams).toMatchObject({
      "@type": "streams",
      streams: [{ type: "STREAM", name: "ORDERS", topic: "orders", keyFormat: "KAFKA", valueFormat: "JSON", isWindowed: false }],
    });
    expect((described!["sourceDescription"] as Json)["fields"]).toEqual([
      { name: "ID", schema: { type: "INTEGER", fields: null, memberSchema: null }, type: "KEY" },
      { name: "ITEM", schema: { type: "STRING", fields: null, memberSchema: null } },
      { name: "PRICE", schema: { type: "DOUBLE", fields: null, memberSchema: null } },
    ]);
  });

  test("nothing runs if one statement is wrong; the answer names it", async () => {
    const wrong = await server.refused(
      "CREATE STREAM a (id INT) WITH (kafka_topic='a', value_format='json', partitions=1);\nCREATE STREAM b AS SELECT nope FROM orders;",
    );
    expect(wrong).toMatchObject({
      status: 400,
      "@type": "statement_error",
      error_code: 40001,
      statementText: "CREATE STREAM b AS SELECT nope FROM orders;",
      entities: [],
    });
    expect(wrong["message"]).toContain("NOPE");
    const [streams, topics] = await server.ksql("SHOW STREAMS; SHOW TOPICS;");
    expect((streams!["streams"] as Json[]).map((s) => s["name"])).toEqual(["ORDERS"]);
    expect((topics!["topics"] as Json[]).map((t) => t["name"])).toEqual(["orders"]);
  });

  test("malformed SQL gives line and column", async () => {
    const wrong = await server.refused("SHOW STREAMS;\n  SELEC * FROM orders;");
    expect(wrong).toMatchObject({ status: 400, "@type": "statement_error", error_code: 40001 });
    expect(wrong["message"]).toMatch(/^line 2:3:/);
  });

  test("a topic that is not there is an error, unless PARTITIONS says to make it", async () => {
    const wrong = await server.refused("CREATE STREAM n (id INT) WITH (kafka_topic='nope', value_format='json');");
    expect(wrong["message"]).toContain("Topic 'nope' does not exist. If you want to create a new topic");
    await server.ksql("CREATE STREAM n (id INT) WITH (kafka_topic='nope', value_format='json', partitions=3);");
    const [t] = await server.broker.describeTopics(["nope"]);
    expect(t!.partitions).toBe(3);
    await server.ksql("DROP STREAM n DELETE TOPIC;");
    expect(await server.broker.describeTopics(["nope"])).toEqual([]);
  });

  test("what the broker or the registry would refuse is refused before anything runs", async () => {
    const wrong = await server.refused(
      "CREATE TYPE before AS INT; CREATE STREAM bad (id INT) WITH (kafka_topic='no/such name', value_format='json', partitions=1);",
    );
    expect(wrong).toMatchObject({ status: 400, entities: [] });
    const [types] = await server.ksql("SHOW TYPES;");
    expect(types!["types"]).toEqual({});
  });

  test("a failure while executing leaves the statements before it, and says which", async () => {
    await server.registry.register("clash-value", { schema: '{"type":"record","name":"R","fields":[{"name":"ID","type":"string"}]}' });
    const wrong = await server.refused(
      `CREATE STREAM early (id INT) WITH (kafka_topic='early', value_format='json', partitions=1);
       CREATE STREAM clash WITH (kafka_topic='clash', value_format='avro') AS SELECT * FROM early;`,
    );
    expect(wrong["statementText"]).toMatch(/^CREATE STREAM clash/);
    expect((wrong["entities"] as Json[]).map((e) => e["commandId"])).toEqual(["stream/`EARLY`/create"]);
    const [streams] = await server.ksql("SHOW STREAMS;");
    expect((streams!["streams"] as Json[]).map((s) => s["name"])).toEqual(["EARLY", "ORDERS"]);
    await server.ksql("DROP STREAM early;");
  });

  test("IF NOT EXISTS and IF EXISTS answer with a warning", async () => {
    const [a, b] = await server.ksql(
      "CREATE STREAM IF NOT EXISTS orders (id INT KEY) WITH (kafka_topic='orders', value_format='json'); DROP STREAM IF EXISTS unknown_one;",
    );
    expect([a!["@type"], b!["@type"]]).toEqual(["warning_entity", "warning_entity"]);
  });

  test("SELECT belongs to /query", async () => {
    expect(await server.refused("SELECT * FROM orders EMIT CHANGES;")).toMatchObject({ status: 400, error_code: 40002 });
  });

  test("SET holds within the request, DEFINE substitutes", async () => {
    const [properties, streams] = await server.ksql(
      "DEFINE what = 'STREAMS'; SET 'auto.offset.reset'='earliest'; SHOW PROPERTIES; SHOW ${what}; SHOW VARIABLES;",
    );
    const value = (e: Json) => (e["properties"] as Json[]).find((p) => p["name"] === "ksql.streams.auto.offset.reset")!["value"];
    expect(value(properties!)).toBe("earliest");
    expect(streams!["@type"]).toBe("streams");
    expect(value((await server.ksql("SHOW PROPERTIES;"))[0]!)).toBe("latest");
    expect((await server.refused("SET 'no.such.thing'='1';"))["message"]).toContain("Not recognizable");
    const [variables] = await server.ksql("SHOW VARIABLES;", { sessionVariables: { a: "b" } });
    expect(variables!["variables"]).toEqual([{ name: "a", value: "b" }]);
  });

  test("types, functions and properties are listed", async () => {
    await server.ksql("CREATE TYPE address AS STRUCT<street STRING, no INT>;");
    const [types, functions, described] = await server.ksql("SHOW TYPES; SHOW FUNCTIONS; DESCRIBE FUNCTION sum;");
    expect(Object.keys(types!["types"] as Json)).toEqual(["ADDRESS"]);
    expect((functions!["functions"] as Json[]).map((f) => f["name"])).toContain("SUM");
    expect(described).toMatchObject({ "@type": "describe_function", name: "SUM", type: "AGGREGATE" });
    await server.ksql("DROP TYPE address;");
  });

  test("ASSERT TOPIC", async () => {
    const [there] = await server.ksql("ASSERT TOPIC orders WITH (PARTITIONS=2);");
    expect(there).toMatchObject({ "@type": "assert_topic", topicName: "orders", exists: true });
    expect((await server.refused("ASSERT TOPIC orders WITH (PARTITIONS=5) TIMEOUT 100 MILLISECONDS;"))["message"]).toContain(
      "expected 5 got 2",
    );
  });

  test("a source's schemas are registered at CREATE, and found by a CREATE without columns", async () => {
    await server.ksql("CREATE STREAM av (id INT, name STRING) WITH (kafka_topic='av', value_format='avro', partitions=1);");
    expect(JSON.parse((await server.registry.latest("av-value")).schema)).toMatchObject({ type: "record" });
    const [, described] = await server.ksql("CREATE STREAM av2 WITH (kafka_topic='av', value_format='avro'); DESCRIBE av2;");
    expect(((described!["sourceDescription"] as Json)["fields"] as Json[]).map((f) => f["name"])).toEqual(["ID", "NAME"]);
    const wrong = await server.refused("CREATE STREAM x WITH (kafka_topic='orders', value_format='avro');");
    expect(wrong["message"]).toContain("does not exist in the Schema Registry");
    await server.ksql("DROP STREAM av2; DROP STREAM av DELETE TOPIC;");
  });
});
