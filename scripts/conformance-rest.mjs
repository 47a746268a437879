// Runs one case of ksqlDB's REST tests through an engine on the embedded log and its REST listener, and says what was answered.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { partitionFor } from "../dist/broker/api/partitioner.js";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { Struct } from "../dist/data/schema.js";
import { Engine } from "../dist/engine/engine.js";
import { RecordBatchBuilder } from "../dist/protocol/record-batch-builder.js";
import { parseProtobuf } from "../dist/schema-registry/protobuf/parse.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { MemorySchemaStore } from "../dist/schema-registry/store.js";
import { compileProtoDecoder } from "../dist/serde/formats/protobuf/decoder.js";
import { protoToConnect } from "../dist/serde/formats/protobuf/proto-to-connect.js";
import { registerKsqlRoutes } from "../dist/server/ksql/routes.js";
import { listen } from "../dist/server/listen.js";
import { parse } from "../dist/sql/parser/parse.js";
import { encodeRecord, reportTopic, TopicCodecs } from "../dist/testing/case-records.js";
import { registerTopicSchemas } from "../dist/testing/case-schemas.js";
import { formatExact, parseExact, plainJson } from "../dist/testing/exact-json.js";
import { MemoryBroker } from "../dist/testing/memory-broker.js";

/** A push query that has not ended by then is closed, and what it said is reported. */
const patienceMs = 5000;

/** The report's members as JSON text: numbers in answers stay as they were written. */
export async function runRestCase(test, { functions, properties }) {
  const dir = await mkdtemp(join(tmpdir(), "conformance-"));
  const metrics = new Metrics();
  const broker = await EmbeddedBroker.open({ dir: join(dir, "log"), logger: silentLogger, metrics });
  const registry = await SchemaRegistry.open({ logger: silentLogger, store: new MemorySchemaStore() });
  await registry.setCompatibility("", "NONE");
  const engine = await Engine.open({
    broker,
    registry,
    stateDir: join(dir, "state"),
    logger: silentLogger,
    metrics,
    config: properties,
    functions,
  });
  const listener = await listen((app) => registerKsqlRoutes(app, engine), { port: 0, logger: silentLogger, http2: true });
  try {
    return await run(test, { broker, registry, engine, url: listener.url });
  } finally {
    await listener.close(0);
    await engine.close();
    await broker.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function run(test, { broker, registry, engine, url }) {
  const seen = [];
  const note = () => seen.push(...engine.sources.sources().filter((s) => !seen.some((o) => o.name === s.name)));
  await createTopics(test, broker);
  await registerTopicSchemas(test.topics, registry);
  const first = test.statements.findIndex((s) => s.trimStart().toUpperCase().startsWith("SELECT "));
  const admin = first < 0 ? test.statements : test.statements.slice(0, first);
  const selects = first < 0 ? [] : test.statements.slice(first);
  const streamsProperties = { "auto.offset.reset": "earliest", ...overrides(test) };
  const responses = [];
  const done = (error) => ({ error, responses: `[${responses.join(",")}]` });

  if (admin.length > 0) {
    const { status, text } = await post(`${url}/ksql`, { ksql: admin.join("\n"), streamsProperties });
    if (status !== 200) return done(errorOf(status, text, null));
    for (const entity of parseExact(text)) responses.push(`{"admin":${formatExact(entity)}}`);
  }
  note();
  const codecs = new TopicCodecs(test.topics, { seen, registry });
  const inputs = async () => {
    await produce(test.inputs, codecs, broker);
    await settled(engine);
  };
  const late = test.json.get("inputConditions")?.get("waitForActivePushQuery") === true;
  if (!late) await inputs();
  const asProtobuf = [];
  for (const [index, sql] of selects.entries()) {
    const answer = await query(`${url}/query`, { ksql: sql, streamsProperties }, late && index === 0 ? inputs : undefined);
    if (answer.error) return done({ ...answer.error, statement: admin.length + index });
    responses.push(`{"query":${answer.items}}`);
    if (test.json.get("testPullWithProtoFormat") === true)
      asProtobuf.push(`{"queryProto":${await protobufQuery(`${url}/query-stream`, { sql, properties: streamsProperties })}}`);
  }
  responses.push(...asProtobuf);
  const topics = {};
  for (const name of test.outputTopics) topics[name] = await reportTopic(name, await records(name, broker), codecs);
  return { ...done(null), topics: JSON.stringify(topics) };
}

function overrides(test) {
  const properties = test.json.get("properties");
  return properties instanceof Map ? plainJson(properties) : {};
}

/** Those that the case lists and those that its CREATE statements take for granted; a partition each, so that rows have one order. */
async function createTopics(test, broker) {
  const wanted = new Map(test.topics.map((t) => [t.name, t.partitions ?? 1]));
  for (const sql of test.statements)
    try {
      for (const { statement } of parse(sql)) {
        if (statement.kind !== "create-source") continue;
        const { KAFKA_TOPIC, PARTITIONS } = statement.properties;
        if (typeof KAFKA_TOPIC === "string" && PARTITIONS == null && !wanted.has(KAFKA_TOPIC)) wanted.set(KAFKA_TOPIC, 1);
      }
    } catch {
      // the engine says what is wrong
    }
  await broker.createTopics([...wanted].map(([name, partitions]) => ({ name, partitions })));
}

async function produce(inputs, codecs, broker) {
  const counts = new Map();
  for (const input of inputs) {
    if (!counts.has(input.topic)) {
      await broker.createTopics([{ name: input.topic, partitions: 1 }]);
      counts.set(input.topic, (await broker.describeTopics([input.topic]))[0].partitions);
    }
    const { key, value, timestamp, headers } = await encodeRecord(input, codecs);
    const builder = new RecordBatchBuilder(1024);
    builder.append(timestamp, key, value, headers);
    const partition = partitionFor(key, counts.get(input.topic), 0);
    await broker.produce({ acks: "all", batches: [{ topic: input.topic, partition, batch: builder.finish() }] });
  }
}

/** What one query writes the next one reads: as many rounds as there are queries. */
async function settled(engine) {
  const queries = engine.persistentQueries.all();
  for (let round = 0; round <= queries.length; round++) for (const q of queries) await q.running?.drained();
}

async function post(url, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/vnd.ksql.v1+json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

function errorOf(status, text, statement) {
  let message = text;
  try {
    message = JSON.parse(text).message ?? text;
  } catch {
    // no JSON: the text itself
  }
  return { statement, type: "statement", message, status };
}

/** @param started called once the query runs and before its answer is read to its end */
async function query(url, body, started) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), patienceMs);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/vnd.ksql.v1+json" },
      body: JSON.stringify(body),
      signal: stop.signal,
    });
    if (response.status !== 200) return { error: errorOf(response.status, await response.text(), null) };
    let text = "";
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += decoder.decode(value, { stream: true });
        if (started && text.includes("header")) {
          const begin = started;
          started = undefined;
          await begin();
        }
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
    return { items: arrayOf(text) };
  } finally {
    clearTimeout(timer);
  }
}

/** The items of an array that may have been cut off. */
function arrayOf(text) {
  const lines = text.trim().replace(/^\[/, "").replace(/\]$/, "").split("\n");
  return `[${lines
    .map((line) => line.trim().replace(/,$/, ""))
    .filter((line) => line !== "")
    .join(",")}]`;
}

async function protobufQuery(url, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/vnd.ksql.v1+protobuf" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== 200) return "[]";
  const items = JSON.parse(arrayOf(text));
  const file = items[0]?.header && parseProtobuf(items[0].header.protoSchema);
  const [message] = file?.messages ?? [];
  const decode = message && compileProtoDecoder(message, protoToConnect(message));
  const shown = items.map((item) => {
    if (!item.row) return item;
    const bytes = Buffer.from(item.row.protobufBytes, "base64");
    return { row: textOfMessage(message, decode(bytes, 0, bytes.length), "") };
  });
  return JSON.stringify(shown);
}

/** Protobuf's text format, in which fields that have their default are left out. */
function textOfMessage(message, struct, indent) {
  let text = "";
  for (const field of message.fields) {
    const value = struct.values[struct.schema.fields.find((f) => f.name === field.name).index];
    const values = value == null ? [] : Array.isArray(value) ? value : [value];
    for (const v of values) {
      if (v instanceof Struct) text += `${indent}${field.name} {\n${textOfMessage(field.type.message(), v, `${indent}  `)}${indent}}\n`;
      else if (field.repeated || !isDefault(v)) text += `${indent}${field.name}: ${textOfScalar(v)}\n`;
    }
  }
  return text;
}

const isDefault = (v) => v === "" || v === 0 || v === 0n || v === false || (v instanceof Uint8Array && v.length === 0);
const textOfScalar = (v) =>
  typeof v === "string" ? JSON.stringify(v) : v instanceof Uint8Array ? JSON.stringify(Buffer.from(v).toString("latin1")) : String(v);

async function records(name, broker) {
  const memory = new MemoryBroker();
  const [topic] = await broker.describeTopics([name]);
  for (let partition = 0; partition < (topic?.partitions ?? 0); partition++)
    for (let offset = 0; ; ) {
      const [part] = await broker.fetch({ partitions: [{ topic: name, partition, offset }], maxWaitMs: 0, isolation: "read_committed" });
      const next = await append(memory, name, part.batches, offset);
      if (next === offset) break;
      offset = next;
    }
  return memory.topic(name).records;
}

/** Batch by batch; the offset after the last. */
async function append(memory, topic, bytes, from) {
  let offset = from;
  for (let at = 0; at + 61 <= bytes.length; ) {
    const size = 12 + bytes.readInt32BE(at + 8);
    const batch = bytes.subarray(at, at + size);
    const control = (batch.readInt16BE(21) & 0x20) !== 0;
    offset = Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23) + 1;
    if (!control) await memory.produce({ acks: "all", batches: [{ topic, partition: 0, batch }] });
    at += size;
  }
  return offset;
}
