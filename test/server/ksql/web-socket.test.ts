import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { SqlServer } from "./support.js";

let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start();
  await server.ksql(
    "CREATE STREAM s (id STRING KEY, n INT, big BIGINT) WITH (kafka_topic='s', partitions=1, value_format='JSON'); CREATE TABLE t AS SELECT id, SUM(n) AS total FROM s GROUP BY id;",
  );
});
afterAll(() => server.close());

/** All messages, and how it was closed. */
function ask(request: unknown): { socket: WebSocket; messages: string[]; closed: Promise<{ code: number; reason: string }> } {
  const text = typeof request === "string" ? request : JSON.stringify(request);
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws/query?request=${encodeURIComponent(text)}`);
  const messages: string[] = [];
  socket.on("message", (m) => messages.push(String(m)));
  const closed = new Promise<{ code: number; reason: string }>((resolve, reject) => {
    socket.once("close", (code, reason) => resolve({ code, reason: String(reason) }));
    socket.once("error", reject);
  });
  return { socket, messages, closed };
}

describe("/ws/query", () => {
  test("a push query sends its schema, rows as they come, and says when its limit ends it", async () => {
    const { messages, closed } = ask({
      ksql: "SELECT * FROM s EMIT CHANGES LIMIT 2;",
      streamsProperties: { "auto.offset.reset": "earliest" },
    });
    await expect.poll(() => messages.length).toBe(1);
    await server.ksql("INSERT INTO s VALUES ('a', 1, 9007199254740993); INSERT INTO s VALUES ('b', NULL, 2);");
    expect(await closed).toEqual({ code: 1000, reason: "done" });
    expect(JSON.parse(messages[0]!)).toEqual([
      { name: "ID", schema: { type: "STRING", fields: null, memberSchema: null } },
      { name: "N", schema: { type: "INTEGER", fields: null, memberSchema: null } },
      { name: "BIG", schema: { type: "BIGINT", fields: null, memberSchema: null } },
    ]);
    expect(messages.slice(1)).toEqual([
      '{"row":{"columns":["a",1,9007199254740993]}}',
      '{"row":{"columns":["b",null,2]}}',
      '{"finalMessage":"Limit Reached"}',
    ]);
  });

  test("a pull query ends by itself", async () => {
    await server.eventually("SELECT total FROM t WHERE id='a';", (rows) => rows.length === 1);
    const { messages, closed } = ask({ ksql: "SELECT * FROM t WHERE id='a';" });
    expect((await closed).code).toBe(1000);
    expect(messages[1]).toBe('{"row":{"columns":["a",1]}}');
  });

  test("a socket that closes ends its query", async () => {
    const { socket, messages } = ask({ ksql: "SELECT * FROM s EMIT CHANGES;" });
    await expect.poll(() => messages.length).toBe(1);
    const push = async () => JSON.stringify(await server.ksql("SHOW QUERIES;")).includes("PUSH");
    expect(await push()).toBe(true);
    socket.close();
    await expect.poll(push).toBe(false);
  });

  test.each([
    ["no JSON", 'The parameter "request" is not JSON'],
    [{ sql: 5 }, 'The request has no "ksql" (string)'],
    [{ ksql: "SELECT * FROM nothing EMIT CHANGES;" }, "`NOTHING` does not exist"],
  ])("refuses %j", async (request, reason) => {
    const { messages, closed } = ask(request);
    expect(await closed).toMatchObject({ code: 1007, reason: expect.stringContaining(reason) });
    expect(messages).toEqual([]);
  });
});
