import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readToEnd } from "../../src/broker/api/reader.js";
import type { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { silentLogger } from "../../src/common/logger.js";
import { buildTopology } from "../../src/engine/physical/build-topology.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";
import { SchemaRegistry } from "../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../src/schema-registry/store.js";
import { builtInFunctions } from "../../src/sql/functions/built-in.js";
import { Metastore } from "../../src/sql/metastore/metastore.js";
import { parse } from "../../src/sql/parser/parse.js";
import type { QueryPlan } from "../../src/sql/plan/step.js";
import { planStatement } from "../../src/sql/planner/plan-statement.js";
import type { QueryHandle } from "../../src/streams/runtime/query.js";
import { startQuery } from "../../src/streams/runtime/start-query.js";
import { type Folder, openBroker, temporaryFolder } from "./on-broker.js";

const json = "VALUE_FORMAT='JSON', KEY_FORMAT='DELIMITED'";
const sources = `CREATE STREAM s (k STRING KEY, a INTEGER) WITH (KAFKA_TOPIC='s', ${json});
  CREATE STREAM s2 (k STRING KEY, b INTEGER) WITH (KAFKA_TOPIC='s2', ${json});
  CREATE TABLE t (k STRING PRIMARY KEY, b INTEGER) WITH (KAFKA_TOPIC='s2', ${json});`;

/** Every kind of operator; each runs straight through, and closed without a goodbye and resumed after each record. */
const cases: Record<string, string> = {
  "filter and project": "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT k, a + 1 AS b FROM s WHERE a > 2;",
  "re-key": "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT a, k FROM s PARTITION BY a;",
  "count and sum": "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n, SUM(a) AS total FROM s GROUP BY k;",
  "group by a column": "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;",
  "table aggregate": "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT b, COUNT(*) AS n FROM t GROUP BY b;",
  "stream with table": "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT s.k, s.a AS a, t.b AS b FROM s LEFT JOIN t ON s.k = t.k;",
  "two streams":
    "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT s.k, s.a AS a, s2.b AS b FROM s LEFT JOIN s2 WITHIN 3 SECONDS ON s.k = s2.k;",
  "tumbling windows":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 2 SECONDS, GRACE PERIOD 1 SECOND) GROUP BY k;",
  "hopping windows":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n FROM s WINDOW HOPPING (SIZE 4 SECONDS, ADVANCE BY 2 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY k;",
  sessions:
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n FROM s WINDOW SESSION (2 SECONDS, GRACE PERIOD 1 SECOND) GROUP BY k;",
};

/** Times go back and forth, so that some records are late. */
const inputs = Array.from({ length: 24 }, (_, i) => ({
  topic: i % 3 === 1 ? "s2" : "s",
  key: `k${(i * 5) % 3}`,
  value: i % 7 === 6 ? null : { [i % 3 === 1 ? "B" : "A"]: i % 5 },
  timestamp: 10_000 + i * 700 - (i % 4 === 3 ? 3_500 : 0),
}));

function plan(sql: string): QueryPlan {
  let metastore = Metastore.empty;
  let found: QueryPlan | undefined;
  for (const parsed of parse(`${sources}${sql}`)) {
    const planned = planStatement(parsed, {
      metastore,
      functions: builtInFunctions,
      properties: {},
      nextQueryId: (prefix) => prefix,
      topicPartitions: () => 1,
    });
    if (planned.kind !== "command") throw new Error(planned.kind);
    metastore = planned.metastore;
    if (planned.command && "plan" in planned.command && planned.command.plan) found = planned.command.plan;
  }
  return found!;
}

let folder: Folder;
let broker: EmbeddedBroker;
const open: QueryHandle[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  broker = await openBroker(folder.path);
});
afterEach(async () => {
  for (const query of open.splice(0)) await query.close();
  await broker.close();
  await folder.remove();
});

async function start(sql: string, application: string, throughTopics: boolean): Promise<QueryHandle> {
  const registry = await SchemaRegistry.open({ logger: silentLogger, store: new MemorySchemaStore() });
  const { topology } = buildTopology(plan(sql), {
    registry,
    functions: builtInFunctions,
    properties: { "cache.max.bytes.buffering": "0" },
    // Unknown partitions: repartition topics are made.
    ...(throughTopics ? {} : { partitionsOf: () => 1 }),
  });
  const query = await startQuery({ topology, applicationId: application, broker });
  open.push(query);
  return query;
}

async function produce({ topic, key, value, timestamp }: (typeof inputs)[number]): Promise<void> {
  const builder = new RecordBatchBuilder(256);
  builder.append(timestamp, Buffer.from(key), value === null ? null : Buffer.from(JSON.stringify(value)));
  const [result] = await broker.produce({ acks: "leader", batches: [{ topic, partition: 0, batch: builder.finish() }] });
  if (result!.error) throw result!.error;
}

async function output(): Promise<string[]> {
  const rows: string[] = [];
  const cursor = new RecordCursor();
  await readToEnd(broker, "o", "read_committed", (batch) => {
    cursor.open(batch);
    const text = (from: number, to: number, as: BufferEncoding) => (from < 0 ? "null" : cursor.bytes.toString(as, from, to));
    while (cursor.next())
      rows.push(`${text(cursor.keyStart, cursor.keyEnd, "hex")} ${text(cursor.valueStart, cursor.valueEnd, "utf8")} @${cursor.timestamp}`);
  });
  return rows;
}

/** One record after another, each processed before the next: then the output's order is fixed. */
async function run(sql: string, throughTopics: boolean, resumed: boolean): Promise<string[]> {
  const topics = ["s", "s2", "o"];
  await broker.createTopics(topics.map((name) => ({ name, partitions: 1 })));
  const application = resumed ? "resumed" : "straight";
  let query = await start(sql, application, throughTopics);
  for (const input of inputs) {
    await produce(input);
    await query.drained();
    if (resumed) query = await start(sql, application, throughTopics);
  }
  const rows = await output();
  await broker.deleteTopics(topics);
  return rows;
}

describe("every operator gives the same straight through and resumed after each record", () => {
  for (const [name, sql] of Object.entries(cases))
    for (const throughTopics of [false, true])
      it(`${name}${throughTopics ? ", through repartition topics" : ""}`, async () => {
        const straight = await run(sql, throughTopics, false);
        for (const query of open.splice(0)) await query.close();
        expect(straight.length).toBeGreaterThan(3);
        expect(await run(sql, throughTopics, true)).toEqual(straight);
      });
});
