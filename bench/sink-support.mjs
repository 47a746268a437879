// What the sink benches share: a million rows in the log as Avro, made before anything is measured, and the worker that takes
// them from there through decoder and sink into the target.
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { ConfigDef } from "../dist/common/config-def.js";
import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { ConnectWorker } from "../dist/connect/runtime/worker.js";
import { confluentJdbcSink } from "../dist/connectors/jdbc/connectors.js";
import { Decimal, logical, optional, primitive, structOf } from "../dist/data/schema.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { measure } from "./support.mjs";

const CHUNK = 5000;
export const COLUMNS = ["id", "a", "t", "n", "ts", "b", "v"];

/** The row of an id as texts, in the order of COLUMNS; two salts are two versions of it. */
export function row(i, salt) {
  const cents = i * 3 + salt;
  return [
    String(i),
    String((i * 7 + salt) | 0),
    `text of row ${i} ${salt}`,
    `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`,
    `2026-01-0${(i % 9) + 1} 12:34:${10 + (i % 50)}.123456`,
    i % 2 === 0 ? "t" : "f",
    `v${i % 1000}`,
  ];
}

const read = (b, s, e) => b.toString("utf8", s, e);
const fields = [
  ["id", primitive("int64"), { as: "int" }, (t) => Number(t)],
  ["a", optional(primitive("int32")), { as: "int" }, (t) => Number(t)],
  ["t", optional(primitive("string")), { as: "utf8" }, (t) => t],
  ["n", optional(logical.decimal(2)), { as: "decimal" }, (t) => Decimal.parse(t)],
  [
    "ts",
    optional(primitive("string", { name: "io.debezium.time.ZonedTimestamp", version: 1 })),
    { as: "timestamptz-utc" },
    (t) => `${t.slice(0, 26).replace(" ", "T")}Z`,
  ],
  ["b", optional(primitive("boolean")), { as: "bool" }, (t) => t === "t"],
  ["v", optional(primitive("string")), { as: "utf8" }, (t) => t],
];
const nodes = fields.map(([, schema, text, of], column) => ({
  kind: "column",
  schema,
  column,
  text,
  decode: (b, s, e) => of(read(b, s, e)),
}));
const key = structOf([["id", fields[0][1]]], { name: "bench.Key" });
const value = structOf(
  fields.map(([n, s]) => [n, s]),
  { name: "bench.Value" },
);

function shape(topic) {
  return {
    topic,
    key: { kind: "struct", schema: key, fields: [nodes[0]] },
    value: { kind: "struct", schema: value, fields: nodes },
    headers: [],
    timestampSlot: 0,
    sourceTimeSlot: 1,
    columnCount: fields.length,
    slotCount: 2,
  };
}

function chunk(of, from, salt) {
  const parts = [];
  const offsets = new Int32Array(CHUNK * fields.length * 2);
  let at = 0;
  for (let i = 0; i < CHUNK; i++) {
    const texts = row(from + i, salt);
    texts[4] = `${texts[4]}+00`;
    for (const [c, text] of texts.entries()) {
      const o = (i * fields.length + c) * 2;
      parts.push(text);
      offsets[o] = at;
      at += text.length;
      offsets[o + 1] = at;
    }
  }
  const slots = new Float64Array(CHUNK * 2).fill(Date.now());
  const sourceOffset = { at: from + CHUNK };
  return { shape: of, count: CHUNK, buffer: Buffer.from(parts.join("")), offsets, slots, sourcePartition: { s: 1 }, sourceOffset };
}

function source(count) {
  return {
    type: "source",
    classes: ["bench.Source"],
    version: "1",
    config: new ConfigDef([]),
    freeKeys: [/./],
    taskConfigs: (config) => [config],
    createTask() {
      let at = 0;
      let context;
      let of;
      let salt;
      return {
        async start(config, given) {
          context = given;
          of = shape(config.topic);
          salt = Number(config.salt);
        },
        async poll() {
          if (at >= count) {
            await context.clock.sleep(50, context.signal).catch(() => {});
            return [];
          }
          const made = chunk(of, at, salt);
          at += CHUNK;
          return [made];
        },
        committed([last]) {
          if (last.offset.at >= count) waiting.get(context.connector)();
        },
        async stop() {},
      };
    },
  };
}
const waiting = new Map();

/** A worker whose log holds `topics`, each `count` rows of its salt. */
export async function openBed(count, topics) {
  const dir = mkdtempSync(join(tmpdir(), "millrace-bench-sink-"));
  const metrics = new Metrics();
  const broker = await EmbeddedBroker.open({ dir: join(dir, "log"), metrics });
  const registry = await SchemaRegistry.open({ broker, logger: silentLogger });
  const worker = await ConnectWorker.open({
    broker,
    sources: [source(count)],
    sinks: [confluentJdbcSink],
    converters: createConverterPlugins({ registry }),
    dataDir: dir,
    workerConfig: {
      "key.converter": "io.confluent.connect.avro.AvroConverter",
      "value.converter": "io.confluent.connect.avro.AvroConverter",
    },
    metrics,
  });
  for (const [topic, salt] of Object.entries(topics)) {
    const name = `fill-${topic}`;
    const filled = new Promise((resolve) => waiting.set(name, resolve));
    await worker.create(name, { "connector.class": "bench.Source", topic, salt: String(salt) });
    await filled;
    await worker.delete(name);
  }
  return {
    /** The sink from its creation until `done` says that the last row is there, its CPU and its memory. */
    async run(topic, config, done) {
      globalThis.gc?.();
      const name = `sink-${topic}`;
      const measured = await measure(async () => {
        await worker.create(name, {
          "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
          topics: topic,
          "insert.mode": "upsert",
          "pk.mode": "record_key",
          "table.name.format": "bench",
          ...config,
        });
        while (!(await done())) {
          const status = await worker.status(name);
          const failed = status.tasks.find((t) => t.state === "FAILED");
          if (failed) throw new Error(failed.trace);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });
      await worker.delete(name);
      return measured;
    },
    async close() {
      await worker.close();
      await broker.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
