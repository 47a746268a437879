import http2 from "node:http2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SqlServer } from "./support.js";

let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start();
  await server.ksql("CREATE STREAM s (id INT, name STRING) WITH (kafka_topic='s', value_format='json', partitions=1);");
});
afterAll(() => server.close());

/** One request over HTTP/2 with prior knowledge; the body is sent in the pieces given. */
function request(
  path: string,
  pieces: readonly string[],
  headers: Record<string, string> = {},
): Promise<{ status: number; type: string; text: string }> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(server.url);
    session.on("error", reject);
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/json", ...headers });
    let text = "";
    let status = 0;
    let type = "";
    stream.on("response", (h) => {
      status = Number(h[":status"]);
      type = String(h["content-type"]);
    });
    stream.setEncoding("utf8").on("data", (d) => (text += d));
    stream.on("error", reject);
    stream.on("end", () => {
      session.close();
      resolve({ status, type, text });
    });
    for (const piece of pieces) stream.write(piece);
    stream.end();
  });
}

test("the streaming endpoints answer over HTTP/2 without TLS", async () => {
  const inserted = await request("/inserts-stream", ['{"target":"s"}\n{"id":1,"na', 'me":"a"}\n', '{"id":2,"name":"b"}']);
  expect(inserted).toEqual({
    status: 200,
    type: "application/vnd.ksqlapi.delimited.v1",
    text: '{"status":"ok","seq":0}\n{"status":"ok","seq":1}\n',
  });
  const queried = await request("/query-stream", [JSON.stringify({ sql: "SELECT name FROM s WHERE id = 2;" })]);
  expect(queried.status).toBe(200);
  const [header, ...rows] = queried.text
    .trim()
    .split("\n")
    .map((l) => JSON.parse(l));
  expect(header).toMatchObject({ columnNames: ["NAME"], columnTypes: ["STRING"] });
  expect(rows).toEqual([["b"]]);
  const wrong = await request("/query-stream", [JSON.stringify({ sql: "SELECT nope FROM s;" })]);
  expect([wrong.status, JSON.parse(wrong.text).error_code]).toEqual([400, 40001]);
});
