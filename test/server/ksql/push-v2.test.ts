import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SqlServer, streamLines } from "./support.js";

let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start();
  await server.ksql(
    `CREATE STREAM orders (id INT, item STRING, price DOUBLE) WITH (kafka_topic='orders', value_format='json', partitions=1);
     CREATE STREAM seen AS SELECT id, item, price FROM orders;
     CREATE TABLE by_item AS SELECT item, SUM(price) AS total FROM orders GROUP BY item;`,
    { streamsProperties: { "auto.offset.reset": "earliest" } },
  );
});
afterAll(() => server.close());

const insert = (id: number, item: string, price: number) => server.ksql(`INSERT INTO orders VALUES (${id}, '${item}', ${price});`);

/** Until the query's records are there: a reader that comes later must not get them. */
const written = (topic: string, records: number) =>
  expect.poll(async () => (await server.read(topic)).length, { timeout: 30_000 }).toBe(records);

/** A reader whose header has come: from then on it gets what is written. */
async function follow(sql: string) {
  const abort = new AbortController();
  const properties = { "ksql.query.push.v2.enabled": "true", "auto.offset.reset": "latest" };
  const lines = streamLines(server.url, "/query-stream", { sql, properties }, abort.signal);
  const header = JSON.parse((await lines.next()).value!) as { queryId: string };
  const take = async (n: number) => {
    const rows: unknown[] = [];
    while (rows.length < n) rows.push(JSON.parse((await lines.next()).value!));
    return rows;
  };
  return { queryId: header.queryId, take, stop: () => abort.abort() };
}

describe("push queries that share a persistent query's output", () => {
  test("get what it writes from now on, each its own part, without a reader of the topic", async () => {
    await insert(1, "tea", 1);
    await written("SEEN", 1);
    const all = await follow("SELECT * FROM seen EMIT CHANGES;");
    const dear = await follow("SELECT item, price * 2 AS twice FROM seen WHERE price > 5 EMIT CHANGES LIMIT 2;");
    expect(all.queryId).toMatch(/^SCALABLE_PUSH_QUERY_/);
    expect((await server.broker.listGroups()).filter((g) => /SCALABLE|transient/.test(g.groupId))).toEqual([]);
    await insert(2, "milk", 3);
    await insert(3, "cake", 7);
    await insert(4, "wine", 9);
    expect(await all.take(3)).toEqual([
      [2, "milk", 3],
      [3, "cake", 7],
      [4, "wine", 9],
    ]);
    expect(await dear.take(2)).toEqual([
      ["cake", 14],
      ["wine", 18],
    ]);
    all.stop();
  });

  test("of a table get its changes, and let go of rows that pass no more", async () => {
    await written("BY_ITEM", 4);
    const cheap = await follow("SELECT item, total FROM by_item WHERE total < 10 EMIT CHANGES;");
    await insert(5, "rice", 4);
    expect(await cheap.take(1)).toEqual([["rice", 4]]);
    await insert(6, "rice", 8);
    await insert(7, "salt", 2);
    expect(await cheap.take(2)).toEqual([
      ["rice", null],
      ["salt", 2],
    ]);
    cheap.stop();
  });

  test("are queries of their own where they do more, or begin earlier", async () => {
    for (const [sql, properties] of [
      ["SELECT item, COUNT(*) FROM seen GROUP BY item EMIT CHANGES LIMIT 1;", { "auto.offset.reset": "latest" }],
      ["SELECT item FROM seen EMIT CHANGES LIMIT 1;", { "auto.offset.reset": "earliest" }],
      ["SELECT item FROM orders EMIT CHANGES LIMIT 1;", { "auto.offset.reset": "latest" }],
    ] as const) {
      const abort = new AbortController();
      const body = { sql, properties: { "ksql.query.push.v2.enabled": "true", ...properties } };
      const lines = streamLines(server.url, "/query-stream", body, abort.signal);
      expect((await lines.next()).value).toMatch(/"queryId":"transient_/);
      abort.abort();
    }
  });

  test("end with a message when the query that they follow ends", async () => {
    await server.ksql("CREATE STREAM gone AS SELECT id FROM orders;");
    const reader = await follow("SELECT id FROM gone EMIT CHANGES;");
    const [query] = server.engine.persistentQueries.all().filter((q) => q.plan.sink === "GONE");
    await server.ksql(`TERMINATE ${query!.id};`);
    expect(await reader.take(1)).toMatchObject([{ status: "error", message: expect.stringContaining("was terminated or replaced") }]);
  });
});
