import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SqlServer, streamLines } from "./support.js";

type Json = Record<string, unknown>;
let server: SqlServer;
const earliest = { "auto.offset.reset": "earliest" };
beforeAll(async () => {
  server = await SqlServer.start();
  await server.ksql(
    `CREATE STREAM orders (id INT KEY, item STRING, price DOUBLE) WITH (kafka_topic='orders', value_format='json', partitions=1);
     CREATE TABLE by_item AS SELECT item, SUM(price) AS total, COUNT(*) AS n FROM orders GROUP BY item EMIT CHANGES;`,
    { streamsProperties: earliest },
  );
});
afterAll(() => server.close());

const insert = (id: number, item: string, price: number) =>
  server.ksql(`INSERT INTO orders (id, item, price) VALUES (${id}, '${item}', ${price});`);

describe("queries", () => {
  test("INSERT VALUES goes through the serdes", async () => {
    await insert(1, "tea", 1.5);
    await insert(2, "milk", 2);
    await insert(3, "tea", 2.5);
    const records = await server.read("orders");
    expect(records.map((r) => JSON.parse(r.value!))).toEqual([
      { ITEM: "tea", PRICE: 1.5 },
      { ITEM: "milk", PRICE: 2 },
      { ITEM: "tea", PRICE: 2.5 },
    ]);
    expect(Buffer.from(records[0]!.key!, "utf8").readInt32BE(0)).toBe(1);
  });

  test("a pull query looks a key up, and scans", async () => {
    await server.eventually("SELECT * FROM by_item WHERE item='tea';", (rows) => JSON.stringify(rows) === '[["tea",4,2]]');
    expect((await server.rows("SELECT item, n FROM by_item WHERE item IN ('milk', 'none');")) as unknown).toEqual([["milk", 1]]);
    expect((await server.rows("SELECT item FROM by_item;")).flat().sort()).toEqual(["milk", "tea"]);
    expect((await server.rows("SELECT item FROM by_item WHERE n > 1;")).flat()).toEqual(["tea"]);
    expect(await server.rows("SELECT item FROM by_item LIMIT 1;")).toHaveLength(1);
    const items = await server.query("SELECT * FROM by_item WHERE item='tea';");
    expect(items[0]).toMatchObject({ header: { schema: "`ITEM` STRING KEY, `TOTAL` DOUBLE, `N` BIGINT" } });
    expect(JSON.stringify(items[1])).toBe('{"row":{"columns":["tea",4,2]}}');
  });

  test("a pull query that was asked before is answered for other values", async () => {
    const item = (name: string) => server.rows(`SELECT n FROM by_item WHERE item = '${name}' AND n < 100;`);
    expect([await item("tea"), await item("milk"), await item("it''s"), await item("tea")]).toEqual([[[2]], [[1]], [], [[2]]]);
    const above = (n: number) => server.rows(`SELECT item FROM by_item WHERE item IN ('tea', 'milk') AND n > ${n};`);
    expect([await above(0), await above(1), await above(-1), await above(9_000_000_000)]).toEqual([
      [["tea"], ["milk"]],
      [["tea"]],
      [["tea"], ["milk"]],
      [],
    ]);
    const plus = (n: number) => server.rows(`SELECT n + ${n}, total * ${n}.5, 'x${n}' FROM by_item WHERE item = 'tea';`);
    expect([await plus(1), await plus(2)]).toEqual([[[3, 6, "x1"]], [[4, 10, "x2"]]]);
  });

  test("a pull query on a stream reads what is there", async () => {
    const items = await server.query("SELECT id, price FROM orders WHERE price > 1.9;");
    expect(items).toMatchObject([
      { header: { schema: "`ID` INTEGER, `PRICE` DOUBLE" } },
      { row: { columns: [2, 2] } },
      { row: { columns: [3, 2.5] } },
      { finalMessage: "Query Completed" },
    ]);
  });

  test("rows come as Protobuf messages to who accepts them", async () => {
    const response = await fetch(`${server.url}/query-stream`, {
      method: "POST",
      headers: { accept: "application/vnd.ksql.v1+protobuf" },
      body: JSON.stringify({ sql: "SELECT id, AS_MAP(ARRAY[item], ARRAY[1]) AS m FROM orders LIMIT 1;" }),
    });
    expect(response.headers.get("content-type")).toBe("application/vnd.ksql.v1+protobuf");
    const [header, row, end] = (await response.json()) as [{ header: Json }, { row: { protobufBytes: string } }, Json];
    expect(header.header["protoSchema"]).toBe(
      [
        'syntax = "proto3";\n',
        "message ConnectDefault1 {",
        "  int32 ID = 1;",
        "  repeated ConnectDefault2Entry M = 2;\n",
        "  message ConnectDefault2Entry {",
        "    string key = 1;",
        "    int32 value = 2;",
        "  }",
        "}\n",
      ].join("\n"),
    );
    expect(Buffer.from(row.row.protobufBytes, "base64").toString("latin1")).toBe("\x08\x01\x12\x07\x0a\x03tea\x10\x01");
    expect(end).toEqual({ finalMessage: "Limit Reached" });
  });

  test("columns that Protobuf has no types for are refused to who accepts it", async () => {
    const response = await fetch(`${server.url}/query-stream`, {
      method: "POST",
      headers: { accept: "application/vnd.ksql.v1+protobuf" },
      body: JSON.stringify({ sql: "SELECT ARRAY[ARRAY[id]] AS a FROM orders LIMIT 1;" }),
    });
    expect([response.status, ((await response.json()) as Json)["message"]]).toEqual([400, "A: Protobuf has no array of arrays"]);
  });

  test("a push query from the beginning, with LIMIT", async () => {
    const items = await server.query("SELECT id, item FROM orders EMIT CHANGES LIMIT 2;", earliest);
    expect(items[0]).toMatchObject({ header: { schema: "`ID` INTEGER, `ITEM` STRING" } });
    expect(items.slice(1)).toEqual([
      { row: { columns: [1, "tea"] } },
      { row: { columns: [2, "milk"] } },
      { finalMessage: "Limit Reached" },
    ]);
  });

  test("a push query streams what comes, until it is closed", async () => {
    const abort = new AbortController();
    const lines = streamLines(
      server.url,
      "/query-stream",
      { sql: "SELECT id, price FROM orders WHERE item='coffee' EMIT CHANGES;" },
      abort.signal,
    );
    const header = JSON.parse((await lines.next()).value!) as Json;
    expect(header).toMatchObject({ columnNames: ["ID", "PRICE"], columnTypes: ["INTEGER", "DOUBLE"] });
    const [listed] = await server.ksql("SHOW QUERIES;");
    expect((listed!["queries"] as Json[]).find((q) => q["id"] === header["queryId"])).toMatchObject({
      queryType: "PUSH",
      state: "RUNNING",
      sinks: [],
    });
    await insert(4, "coffee", 3);
    await insert(5, "tea", 3);
    await insert(6, "coffee", 4.25);
    expect([(await lines.next()).value, (await lines.next()).value]).toEqual(["[4,3.0]", "[6,4.25]"]);
    expect((await server.post("/close-query", { queryId: header["queryId"] })).status).toBe(200);
    expect((await lines.next()).done).toBe(true);
    expect((await server.post("/close-query", { queryId: header["queryId"] })).status).toBe(400);
  });

  test("a push query over a table shows each change", async () => {
    const abort = new AbortController();
    const lines = streamLines(
      server.url,
      "/query-stream",
      { sql: "SELECT item, n FROM by_item WHERE item='juice' EMIT CHANGES;" },
      abort.signal,
    );
    await lines.next();
    await insert(7, "juice", 1);
    expect((await lines.next()).value).toBe('["juice",1]');
    await insert(8, "juice", 1);
    expect((await lines.next()).value).toBe('["juice",2]');
    abort.abort();
    await lines.next().catch(() => {});
  });

  test("a closed connection ends its query and leaves nothing behind", async () => {
    const abort = new AbortController();
    const lines = streamLines(
      server.url,
      "/query-stream",
      { sql: "SELECT item, COUNT(*) FROM orders GROUP BY item EMIT CHANGES;" },
      abort.signal,
    );
    await lines.next();
    abort.abort();
    await lines.next().catch(() => {});
    for (let i = 0; i < 200; i++) {
      const names = (await server.broker.describeTopics()).map((t) => t.name);
      const groups = (await server.broker.listGroups()).map((g) => g.groupId);
      if (![...names, ...groups].some((n) => n.includes("transient"))) return;
      await new Promise((r) => setTimeout(r, 20));
    }
    throw new Error("something of the push query is left");
  });

  test("a slow reader holds back its own query alone, and misses nothing", async () => {
    const rows = 60_000;
    await server.ksql("CREATE STREAM big (n INT, pad STRING) WITH (kafka_topic='big', value_format='json', partitions=1);");
    const pad = "x".repeat(200);
    for (let at = 0; at < rows; at += 3000)
      await server.produce(
        "big",
        Array.from({ length: 3000 }, (_, i) => ({ value: `{"N":${at + i},"PAD":"${pad}"}` })),
      );
    const slow = await fetch(`${server.url}/query-stream`, {
      method: "POST",
      body: JSON.stringify({ sql: `SELECT n, pad FROM big EMIT CHANGES LIMIT ${rows};`, properties: earliest }),
    });
    const reader = slow.body!.getReader();
    await reader.read();
    const items = await server.query("SELECT n FROM big EMIT CHANGES LIMIT 20000;", earliest);
    expect(items).toHaveLength(20_002);
    let text = "";
    const decoder = new TextDecoder();
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoder.decode(part.value, { stream: true });
    const seen = text.split("\n").filter((l) => l.startsWith("["));
    const last = JSON.parse(seen.at(-1)!) as [number];
    expect([seen.length >= rows - 2000, last[0]]).toEqual([true, rows - 1]);
  });

  test("/inserts-stream acknowledges each row and names what is wrong", async () => {
    const body = '{"target":"orders"}\n{"id":9,"item":"bread","price":1}\n{"ID":10,"nope":1}\n';
    const { text } = await server.post("/inserts-stream", body, { "content-type": "application/vnd.ksqlapi.delimited.v1" });
    const acks = text
      .trim()
      .split("\n")
      .map((l) => JSON.parse(l) as Json);
    expect(acks[0]).toEqual({ status: "ok", seq: 0 });
    expect(acks[1]).toMatchObject({ status: "error", seq: 1, message: "Column name `NOPE` does not exist." });
    await server.eventually("SELECT n FROM by_item WHERE item='bread';", (rows) => rows.length === 1);
  });

  test("/query-stream as one JSON array", async () => {
    const { body } = await server.post(
      "/query-stream",
      { sql: "SELECT item, n FROM by_item WHERE item='bread';" },
      { accept: "application/json" },
    );
    expect(body).toEqual([{ queryId: null, columnNames: ["ITEM", "N"], columnTypes: ["STRING", "BIGINT"] }, ["bread", 1]]);
  });
});

describe("persistent queries", () => {
  test("a source that is read cannot be dropped; TERMINATE lets go of it", async () => {
    const wrong = await server.refused("DROP STREAM orders;");
    expect(wrong["message"]).toContain("read from this source: [BY_ITEM]");
    const [listed] = await server.ksql("SHOW QUERIES;");
    expect(listed!["queries"]).toMatchObject([
      {
        id: "CTAS_BY_ITEM_1",
        sinks: ["BY_ITEM"],
        sinkKafkaTopics: ["BY_ITEM"],
        queryType: "PERSISTENT",
        state: "RUNNING",
        statusCount: { RUNNING: 1 },
      },
    ]);
  });

  test("a table's topic is compacted, a stream's is not", async () => {
    await server.ksql("CREATE STREAM dear AS SELECT * FROM orders WHERE price > 3;");
    const policy = async (topic: string) =>
      (await server.broker.describeTopicConfig(topic)).find((c) => c.name === "cleanup.policy")!.value;
    expect([await policy("BY_ITEM"), await policy("DEAR")]).toEqual(["compact", "delete"]);
  });

  test("PAUSE holds a query, RESUME lets it catch up", async () => {
    await server.ksql("PAUSE CTAS_BY_ITEM_1;");
    await insert(20, "paused", 1);
    await new Promise((r) => setTimeout(r, 150));
    expect(await server.rows("SELECT n FROM by_item WHERE item='paused';")).toEqual([]);
    const [listed] = await server.ksql("SHOW QUERIES;");
    expect((listed!["queries"] as Json[])[0]).toMatchObject({ state: "PAUSED" });
    await server.ksql("RESUME CTAS_BY_ITEM_1;");
    await server.eventually("SELECT n FROM by_item WHERE item='paused';", (rows) => rows.length === 1);
  });

  test("INSERT INTO … SELECT is a query of its own", async () => {
    const [answer] = await server.ksql("INSERT INTO dear SELECT * FROM orders WHERE item='cheap';");
    expect((answer!["commandStatus"] as Json)["queryId"]).toMatch(/^INSERTQUERY_\d+$/);
    await insert(21, "cheap", 0.5);
    await server.eventually("SELECT item FROM dear;", (rows) => rows.flat().includes("cheap"));
    await server.ksql(`TERMINATE ${(answer!["commandStatus"] as Json)["queryId"] as string};`);
  });

  test("EXPLAIN and DESCRIBE EXTENDED", async () => {
    const [explained, described] = await server.ksql("EXPLAIN CTAS_BY_ITEM_1; DESCRIBE by_item EXTENDED;");
    expect(explained!["queryDescription"]).toMatchObject({
      id: "CTAS_BY_ITEM_1",
      sources: ["ORDERS"],
      sinks: ["BY_ITEM"],
      state: "RUNNING",
    });
    expect((explained!["queryDescription"] as Json)["executionPlan"]).toContain("AGGREGATE");
    expect(described!["sourceDescription"]).toMatchObject({
      name: "BY_ITEM",
      type: "TABLE",
      extended: true,
      partitions: 1,
      writeQueries: [{ id: "CTAS_BY_ITEM_1" }],
    });
  });

  test("a record that does not decode is set aside and the query goes on", async () => {
    await server.produce("orders", [{ key: "\0\0\0\x63", value: "{broken" }]);
    await insert(22, "after", 1);
    await server.eventually("SELECT n FROM by_item WHERE item='after';", (rows) => rows.length === 1);
    const [set] = await server.errors.list({ query: "CTAS_BY_ITEM_1" });
    expect(set).toMatchObject({ topic: "orders", stage: "deserialize" });
  });

  test("TERMINATE, DROP and a restart leave what is left", async () => {
    await server.restart();
    await server.eventually("SELECT n FROM by_item WHERE item='tea';", (rows) => rows.length === 1);
    const [listed] = await server.ksql("SHOW QUERIES;");
    expect((listed!["queries"] as Json[]).map((q) => q["id"])).toEqual(["CTAS_BY_ITEM_1", expect.stringMatching(/^CSAS_DEAR_/)]);
    await insert(30, "tea", 1);
    await server.eventually("SELECT n FROM by_item WHERE item='tea';", (rows) => rows[0]?.[0] === 4);
    await server.ksql("DROP TABLE by_item DELETE TOPIC;");
    const names = (await server.broker.describeTopics()).map((t) => t.name);
    expect(names.filter((n) => n.includes("BY_ITEM"))).toEqual([]);
    await server.restart();
    const [after] = await server.ksql("SHOW QUERIES;");
    expect((after!["queries"] as Json[]).map((q) => q["id"])).toEqual([expect.stringMatching(/^CSAS_DEAR_/)]);
  });
});
