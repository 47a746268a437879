import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectClients } from "../../support/connect-clients.js";
import { SqlServer } from "./support.js";

/** ksqlDB's REST as clients that others wrote speak it. */
const load = createRequire(import.meta.url);
// biome-ignore lint/suspicious/noExplicitAny: none of these has whole types
type Client = any;
const python = connectClients();

let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start();
});
afterAll(() => server.close());

test("ksqldb-client: statements, inserts, push and pull queries, lists", async () => {
  const KsqldbClient = load("ksqldb-client") as new (options: unknown) => Client;
  const client = new KsqldbClient({ host: "http://127.0.0.1", port: Number(new URL(server.url).port) });
  await client.connect();
  for (const statement of [
    "CREATE STREAM a (id STRING KEY, n INT) WITH (kafka_topic='a', partitions=1, value_format='JSON');",
    "CREATE TABLE a_sum AS SELECT id, SUM(n) AS total FROM a GROUP BY id;",
  ])
    expect((await client.executeStatement(statement)).status).toBe(200);
  type Seen = { rows?: unknown[]; metadata: { queryId: string } };
  const seen: Seen[] = [];
  const push = client.streamQuery("SELECT * FROM a EMIT CHANGES;", (data: Seen) => seen.push(data));
  await expect.poll(() => seen.length).toBe(1);
  expect((await client.insertInto("a", { id: "x", n: 2 })).status).toBe(200);
  expect((await client.insertInto("a", { id: "x", n: 3 })).status).toBe(200);
  await server.eventually("SELECT total FROM a_sum WHERE id='x';", (rows) => rows[0]?.[0] === 5);
  const pull = await client.query("SELECT * FROM a_sum WHERE id = 'x';");
  expect([pull.status, pull.data.rows]).toEqual([200, [{ ID: "x", TOTAL: 5 }]]);
  await expect
    .poll(() => seen.flatMap((s) => s.rows ?? []))
    .toEqual([
      { ID: "x", N: 2 },
      { ID: "x", N: 3 },
    ]);
  expect((await client.terminatePushQuery(seen[0]!.metadata.queryId)).status).toBe(200);
  expect((await push).status).toBe(200);
  expect((await client.listStreams()).map((s: { name: string }) => s.name)).toEqual(["A"]);
  expect((await client.listTables()).map((s: { name: string }) => s.name)).toEqual(["A_SUM"]);
  expect((await client.listTopics()).map((s: { name: string }) => s.name)).toContain("a");
  expect((await client.listQueries()).length).toBeGreaterThan(0);
  expect((await client.describeSource("A")).topic).toBe("a");
  const wrong = await client.executeStatement("CREATE STREAM;");
  expect([wrong.status, wrong.error.message]).toEqual([400, expect.stringContaining("line 1:")]);
  await client.disconnect();
});

test("ksqldb-js: streams, tables, inserts, pull and push, terminate, the server's own pages", async () => {
  const Ksqldb = load("ksqldb-js") as new (options: unknown) => Client;
  const client = new Ksqldb({ ksqldbURL: server.url });
  expect((await client.createStream("b", ["id STRING KEY", "n INT"], "b", "json", 1)).status).toBe(200);
  expect(await client.createTableAs("b_sum", "b", ["id", "SUM(n) AS total"], { value_format: "json" }, { GROUP_BY: "id" })).toBeDefined();
  const chunks: string[] = [];
  const queryId = await client.push("SELECT * FROM b EMIT CHANGES;", (chunk: string) => chunks.push(chunk));
  const acks = await client.insertStream("b", [{ id: "x", n: 7 }]);
  expect(acks).toEqual([{ status: "ok", seq: 0 }]);
  await expect.poll(() => chunks.length).toBe(2);
  expect(JSON.parse(chunks[1]!)).toEqual(["x", 7]);
  await server.eventually("SELECT total FROM b_sum WHERE id='x';", (rows) => rows.length === 1);
  const pulled = await client.pull("SELECT * FROM b_sum WHERE id = 'x';");
  expect(JSON.stringify(pulled)).toContain("TOTAL");
  expect((await client.terminate(queryId)).commandStatus.status).toBe("SUCCESS");
  expect((await client.inspectServerInfo()).data.KsqlServerInfo.serverStatus).toBe("RUNNING");
  expect((await client.inspectServerHealth()).data.isHealthy).toBe(true);
  expect((await client.inspectClusterStatus()).data.clusterStatus).toBeDefined();
  expect((await client.isValidProperty("ksql.streams.auto.offset.reset")).data).toBe(true);
  await expect(client.ksql("CREATE STREAM;")).rejects.toThrow(/line 1:/);
});

test("ksqldb-rx-client: statements, lists, a query as an observable", async () => {
  const { KsqlDBClient } = load("ksqldb-rx-client") as { KsqlDBClient: new (url: string) => Client };
  const client = new KsqlDBClient(server.url);
  await client.statement("CREATE STREAM c (id STRING KEY, n INT) WITH (kafka_topic='c', partitions=1, value_format='JSON');");
  expect((await client.listStreams()).streams.map((s: { name: string }) => s.name)).toContain("C");
  expect((await client.getInfo()).KsqlServerInfo.serverStatus).toBe("RUNNING");
  expect((await client.getHealthcheck()).isHealthy).toBe(true);
  await server.ksql("INSERT INTO c VALUES ('x', 1); INSERT INTO c VALUES ('y', 2);");
  const rows = await new Promise<unknown[]>((resolve, reject) => {
    const seen: unknown[] = [];
    client
      .queryStream({ sql: "SELECT * FROM c EMIT CHANGES LIMIT 2;", properties: { "auto.offset.reset": "earliest" } })
      .subscribe({ next: (row: unknown) => seen.push(row), error: reject, complete: () => resolve(seen) });
  });
  expect(JSON.stringify(rows)).toContain('"x"');
  expect(rows).toHaveLength(2);
  client.close();
});

describe.skipIf(python === undefined)("clients in Python (not run without Python 3 and the package registry)", () => {
  test("ksqldb: statements, inserts, pull and push, closing", { timeout: 60_000 }, async () => {
    const script = join(import.meta.dirname, "python/ksqldb_client.py");
    const { stdout } = await promisify(execFile)(join(python!, "ksqldb/bin/python"), [script, server.url]);
    expect(JSON.parse(stdout)).toEqual({
      created: "SUCCESS",
      acks: [
        { status: "ok", seq: 0 },
        { status: "ok", seq: 1 },
      ],
      pushed: [
        ["x", 1],
        ["y", 2],
      ],
      pulled: [["x", 1]],
      closed: true,
      property: true,
    });
  });
});
