import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SqlServer } from "./support.js";

type Json = Record<string, unknown>;
let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start({ "ksql.streams.auto.offset.reset": "earliest" });
  await server.ksql("CREATE STREAM s (id INT, v INT) WITH (kafka_topic='s', value_format='json', partitions=1);");
});
afterAll(() => server.close());

const states = async () => {
  const [listed] = await server.ksql("SHOW QUERIES;");
  return Object.fromEntries((listed!["queries"] as Json[]).map((q) => [q["id"], q["state"]]));
};
async function becomes(id: string, state: string | undefined): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if ((await states())[id] === state) return;
    await new Promise((r) => setTimeout(r, 20));
  }
  expect(await states()).toMatchObject({ [id]: state });
}

describe("a persistent query's life", () => {
  test("CREATE OR REPLACE keeps the query's id and its place", async () => {
    await server.ksql("CREATE STREAM big AS SELECT id, v FROM s WHERE v > 10;");
    await server.produce("s", [{ value: '{"ID":1,"V":11}' }, { value: '{"ID":2,"V":5}' }]);
    await server.eventually("SELECT id FROM big;", (rows) => rows.flat().join() === "1");
    const [answer] = await server.ksql("CREATE OR REPLACE STREAM big AS SELECT id, v FROM s WHERE v > 3;");
    expect((answer!["commandStatus"] as Json)["queryId"]).toBe("CSAS_BIG_1");
    await server.produce("s", [{ value: '{"ID":3,"V":4}' }]);
    await server.eventually("SELECT id FROM big;", (rows) => rows.flat().join() === "1,3");
    await server.restart();
    await server.produce("s", [{ value: '{"ID":4,"V":4}' }]);
    await server.eventually("SELECT id FROM big;", (rows) => rows.flat().join() === "1,3,4");
    expect(Object.keys(await states())).toEqual(["CSAS_BIG_1"]);
  });

  test("a query whose topic is taken away is in ERROR, says why, and RESUME starts it again", async () => {
    await server.ksql(
      "CREATE STREAM gone (id INT) WITH (kafka_topic='gone', value_format='json', partitions=1); CREATE STREAM after_gone AS SELECT * FROM gone;",
    );
    await server.broker.deleteTopics(["gone"]);
    const [{ id }] = ((await server.ksql("SHOW QUERIES;"))[0]!["queries"] as { id: string }[]).filter((q) => q.id.includes("GONE")) as [
      { id: string },
    ];
    await becomes(id, "ERROR");
    const [explained] = await server.ksql(`EXPLAIN ${id};`);
    const description = explained!["queryDescription"] as { state: string; queryErrors: { errorMessage: string }[] };
    expect(description.state).toBe("ERROR");
    expect(description.queryErrors[0]!.errorMessage).toContain("gone");
    await server.restart();
    await becomes(id, "ERROR");
    await server.broker.createTopics([{ name: "gone", partitions: 1 }]);
    await server.ksql(`RESUME ${id};`);
    await becomes(id, "RUNNING");
    await server.produce("gone", [{ value: '{"ID":7}' }]);
    await server.eventually("SELECT id FROM after_gone;", (rows) => rows.flat().join() === "7");
  });

  test("a pause holds through a restart", async () => {
    await server.ksql("PAUSE CSAS_BIG_1;");
    await server.produce("s", [{ value: '{"ID":5,"V":50}' }]);
    await server.restart();
    await becomes("CSAS_BIG_1", "PAUSED");
    await new Promise((r) => setTimeout(r, 200));
    expect((await server.rows("SELECT id FROM big;")).flat()).not.toContain(5);
    await server.ksql("RESUME ALL;");
    await server.eventually("SELECT id FROM big;", (rows) => rows.flat().includes(5));
  });

  test("a source table answers pull queries", async () => {
    await server.ksql(
      "CREATE SOURCE TABLE latest (id STRING PRIMARY KEY, n INT) WITH (kafka_topic='latest', value_format='json', partitions=1);",
    );
    await server.produce("latest", [
      { key: "a", value: '{"N":1}' },
      { key: "b", value: '{"N":1}' },
      { key: "a", value: '{"N":2}' },
      { key: "b", value: null },
    ]);
    await server.eventually("SELECT * FROM latest;", (rows) => JSON.stringify(rows) === '[["a",2]]');
    await server.ksql("DROP TABLE latest;");
  });

  test("a windowed table is looked up by key and window", async () => {
    await server.ksql(
      `CREATE STREAM w (id INT) WITH (kafka_topic='w', value_format='json', partitions=1);
       CREATE TABLE per AS SELECT id, COUNT(*) AS n FROM w WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY id;`,
    );
    await server.produce("w", [
      { value: '{"ID":90}', timestamp: 600_000 },
      { value: '{"ID":90}', timestamp: 601_000 },
      { value: '{"ID":90}', timestamp: 660_000 },
    ]);
    await server.eventually(
      "SELECT * FROM per WHERE id=90;",
      (rows) => JSON.stringify(rows) === "[[90,600000,660000,2],[90,660000,720000,1]]",
    );
    expect(await server.rows("SELECT n FROM per WHERE id=90 AND WINDOWSTART >= 660000;")).toEqual([[1]]);
    const [items] = await server.query("SELECT * FROM per WHERE id=90;");
    expect(items).toMatchObject({ header: { schema: "`ID` INTEGER KEY, `WINDOWSTART` BIGINT KEY, `WINDOWEND` BIGINT KEY, `N` BIGINT" } });
  });

  test("a deletion shows as a tombstone in a push query over a table", async () => {
    await server.ksql("CREATE TABLE t (id STRING PRIMARY KEY, n INT) WITH (kafka_topic='t', value_format='json', partitions=1);");
    await server.produce("t", [
      { key: "a", value: '{"N":1}' },
      { key: "a", value: null },
    ]);
    const items = await server.query("SELECT * FROM t EMIT CHANGES LIMIT 2;");
    expect(items.slice(1)).toEqual([
      { row: { columns: ["a", 1] } },
      { row: { columns: ["a", null], tombstone: true } },
      { finalMessage: "Limit Reached" },
    ]);
  });

  test("POST /ksql/terminate ends and forgets everything, and deletes what it is told to", async () => {
    const { status } = await server.post("/ksql/terminate", { deleteTopicList: ["PER", "AFTER_.*"] });
    expect(status).toBe(200);
    expect(await states()).toEqual({});
    const [streams] = await server.ksql("SHOW STREAMS;");
    expect(streams!["streams"]).toEqual([]);
    const names = (await server.broker.describeTopics()).map((t) => t.name);
    expect([names.includes("PER"), names.includes("AFTER_GONE"), names.includes("BIG"), names.includes("s")]).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(names.filter((n) => n.includes("query_"))).toEqual([]);
    await server.restart();
    expect(await states()).toEqual({});
  });
});
