// Two queries over random changes, to be killed at any moment: as a program it runs until it is killed; `check` compares what is
// left with a computation from the input topics alone.   node crash-pipeline.mjs DIR SEED
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { partitionFor } from "../../dist/broker/api/partitioner.js";
import { readToEnd } from "../../dist/broker/api/reader.js";
import { EmbeddedBroker } from "../../dist/broker/embedded/embedded-broker.js";
import { silentLogger } from "../../dist/common/logger.js";
import { buildTopology } from "../../dist/engine/physical/build-topology.js";
import { RecordBatchBuilder } from "../../dist/protocol/record-batch-builder.js";
import { RecordCursor } from "../../dist/protocol/record-cursor.js";
import { SchemaRegistry } from "../../dist/schema-registry/registry.js";
import { createRowSerde } from "../../dist/serde/create.js";
import { builtInFunctions } from "../../dist/sql/functions/built-in.js";
import { Metastore } from "../../dist/sql/metastore/metastore.js";
import { parse } from "../../dist/sql/parser/parse.js";
import { planStatement } from "../../dist/sql/planner/plan-statement.js";
import { startQuery } from "../../dist/streams/runtime/start-query.js";

const partitions = 3;
const int = { base: "INTEGER" };
const idField = [{ name: "ID", type: int }];
const bigints = [
  { name: "N", type: { base: "BIGINT" } },
  { name: "TOTAL", type: { base: "BIGINT" } },
];
const sql = `
  CREATE TABLE left_t (id INTEGER PRIMARY KEY, a INTEGER) WITH (KAFKA_TOPIC='left', VALUE_FORMAT='JSON', KEY_FORMAT='KAFKA');
  CREATE TABLE right_t (id INTEGER PRIMARY KEY, g INTEGER) WITH (KAFKA_TOPIC='right', VALUE_FORMAT='JSON', KEY_FORMAT='KAFKA');
  CREATE STREAM events (id INTEGER KEY, a INTEGER) WITH (KAFKA_TOPIC='left', VALUE_FORMAT='JSON', KEY_FORMAT='KAFKA');
  CREATE TABLE sums WITH (KAFKA_TOPIC='sums', KEY_FORMAT='KAFKA') AS
    SELECT r.g AS g, COUNT(*) AS n, SUM(l.a) AS total FROM left_t l JOIN right_t r ON l.id = r.id GROUP BY r.g;
  CREATE TABLE counts WITH (KAFKA_TOPIC='counts', KEY_FORMAT='KAFKA') AS
    SELECT a % 7 AS g, COUNT(*) AS n, SUM(id) AS total FROM events WHERE a IS NOT NULL GROUP BY a % 7;`;

export async function open(dir) {
  const broker = await EmbeddedBroker.open({ dir: join(dir, "broker") });
  const registry = await SchemaRegistry.open({ logger: silentLogger, broker });
  await broker.createTopics(["left", "right", "sums", "counts"].map((name) => ({ name, partitions })));
  let metastore = Metastore.empty;
  const queries = [];
  for (const parsed of parse(sql)) {
    const planned = planStatement(parsed, {
      metastore,
      functions: builtInFunctions,
      properties: {},
      nextQueryId: (p) => p,
      topicPartitions: () => partitions,
    });
    metastore = planned.metastore;
    const { plan } = planned.command;
    if (!plan) continue;
    const { topology } = buildTopology(plan, { registry, functions: builtInFunctions, partitionsOf: () => partitions });
    const properties = { "state.snapshot.bytes": "1" };
    queries.push(await startQuery({ topology, applicationId: plan.queryId, broker, stateDir: join(dir, "state"), properties }));
  }
  const value = (columns) => createRowSerde({ format: "JSON", isKey: false, columns }, { registry });
  const key = createRowSerde({ format: "KAFKA", isKey: true, columns: idField }, { registry });
  return { broker, queries, key, value };
}

async function run(dir, seed) {
  const { broker, key, value } = await open(dir);
  let state = seed;
  const random = (n) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % n;
  };
  const serdes = { left: value([{ name: "A", type: int }]), right: value([{ name: "G", type: int }]) };
  process.stdout.write("running\n");
  for (;;) {
    const batches = [];
    for (const topic of ["left", "right"]) {
      const builders = Array.from({ length: partitions }, () => new RecordBatchBuilder(1024));
      for (let i = random(40); i >= 0; i--) {
        const id = random(200);
        const keyBytes = key.serialize(topic, [id]);
        const row = random(6) === 0 ? null : [topic === "left" ? random(1000) : random(5)];
        builders[partitionFor(keyBytes, partitions)].append(Date.now(), keyBytes, serdes[topic].serialize(topic, row));
      }
      builders.forEach((b, partition) => {
        if (b.count) batches.push({ topic, partition, batch: b.finish() });
      });
    }
    await broker.produce({ acks: "leader", batches });
    await new Promise((resolve) => setTimeout(resolve, random(4)));
  }
}

/** What is wrong with the outputs, and how many inputs there were. */
export async function check(dir) {
  const { broker, queries, key, value } = await open(dir);
  try {
    await Promise.all(queries.map((q) => q.drained()));
    const inputs = { left: value([{ name: "A", type: int }]), right: value([{ name: "G", type: int }]) };
    const tables = { left: new Map(), right: new Map() };
    const counts = new Map();
    let records = 0;
    const add = (map, g, by) => {
      const [n, total] = map.get(g) ?? [0, 0];
      map.set(g, [n + 1, total + by]);
    };
    for (const topic of ["left", "right"])
      for (const { k, v } of await read(broker, topic, key, inputs[topic])) {
        records++;
        if (v === null) tables[topic].delete(k);
        else tables[topic].set(k, v[0]);
        if (topic === "left" && v !== null) add(counts, v[0] % 7, k);
      }
    const sums = new Map();
    for (const [id, a] of tables.left) if (tables.right.has(id)) add(sums, tables.right.get(id), a);
    const wrong = [];
    for (const [topic, expected] of Object.entries({ sums, counts })) {
      const got = new Map();
      for (const { k, v } of await read(broker, topic, key, value(bigints))) got.set(k, v);
      for (const [g, v] of got) if (v[0] === 0) got.delete(g);
      for (const g of new Set([...got.keys(), ...expected.keys()]))
        if (String(got.get(g)) !== String(expected.get(g))) wrong.push(`${topic}[${g}] is ${got.get(g)} and should be ${expected.get(g)}`);
    }
    return { records, wrong };
  } finally {
    for (const q of queries) await q.close();
    await broker.close();
  }
}

async function read(broker, topic, key, value) {
  const rows = [];
  const batches = [];
  await readToEnd(broker, topic, "read_committed", (batch) => batches.push(batch));
  const cursor = new RecordCursor();
  for (const batch of batches) {
    cursor.open(batch);
    while (cursor.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
      rows.push({
        k: key.deserialize(topic, bytes, keyStart, keyEnd)[0],
        v: valueStart < 0 ? null : value.deserialize(topic, bytes, valueStart, valueEnd),
      });
    }
  }
  return rows;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await run(process.argv[2], Number(process.argv[3]));
