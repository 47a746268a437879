import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRowSerde } from "../../../src/serde/create.js";
import { SqlServer, streamLines } from "./support.js";

let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start();
});
afterAll(() => server.close());

const print = async (sql: string) => (await server.post("/query", { ksql: sql })).text;

describe("PRINT", () => {
  test("shows JSON values and text keys with their formats", async () => {
    await server.broker.createTopics([{ name: "orders", partitions: 1 }]);
    await server.produce("orders", [
      { key: "a", value: '{"id":1}', timestamp: 1651109119170 },
      { key: null, value: null, timestamp: 1651109119171 },
    ]);
    expect(await print("PRINT 'orders' FROM BEGINNING LIMIT 2;")).toBe(
      [
        "Key format: KAFKA_STRING",
        "Value format: JSON or KAFKA_STRING",
        'rowtime: 2022/04/28 01:25:19.170 Z, key: a, value: {"id":1}, partition: 0',
        "rowtime: 2022/04/28 01:25:19.171 Z, key: <null>, value: <null>, partition: 0",
        "",
      ].join("\n"),
    );
  });

  test("reads Avro by the registry, and numbers", async () => {
    await server.broker.createTopics([{ name: "typed", partitions: 1 }]);
    const columns = [
      { name: "ID", type: { base: "INTEGER" } as const },
      { name: "NAME", type: { base: "STRING" } as const },
    ];
    const serde = createRowSerde({ format: "AVRO", isKey: false, columns }, { registry: server.registry });
    await serde.prepareWrite("typed");
    const key = Buffer.alloc(4);
    key.writeInt32BE(7);
    const { RecordBatchBuilder } = await import("../../../src/protocol/record-batch-builder.js");
    const builder = new RecordBatchBuilder();
    builder.append(0, key, serde.serialize("typed", [1, "x"]));
    await server.broker.produce({ acks: "all", batches: [{ topic: "typed", partition: 0, batch: builder.finish() }] });
    expect(await print("PRINT 'typed' FROM BEGINNING LIMIT 1;")).toBe(
      'Key format: KAFKA_INT\nValue format: AVRO\nrowtime: 1970/01/01 00:00:00.000 Z, key: 7, value: {"ID": 1, "NAME": "x"}, partition: 0\n',
    );
  });

  test("follows a topic until the connection is closed", async () => {
    await server.broker.createTopics([{ name: "live", partitions: 1 }]);
    const abort = new AbortController();
    const lines = streamLines(server.url, "/query", { ksql: "PRINT live;" }, abort.signal);
    const first = lines.next();
    await new Promise((r) => setTimeout(r, 100));
    await server.produce("live", [{ key: "k", value: "v" }]);
    expect((await first).value).toBe("Key format: KAFKA_STRING");
    expect((await lines.next()).value).toBe("Value format: KAFKA_STRING");
    expect((await lines.next()).value).toMatch(/^rowtime: .* Z, key: k, value: v, partition: 0$/);
    abort.abort();
    await lines.next().catch(() => {});
  });

  test("names a topic that is not there, and the one that was meant", async () => {
    const { status, body } = await server.post("/query", { ksql: "PRINT 'ORDERS';" });
    expect(status).toBe(400);
    expect(body).toMatchObject({ "@type": "statement_error", error_code: 40001, statementText: "PRINT 'ORDERS';" });
    expect((body as { message: string }).message).toContain("Did you mean:\n\tprint orders;");
  });
});
