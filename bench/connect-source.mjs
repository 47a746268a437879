// Connect's source path without a database: rows as a Postgres source gives them (chunks of text columns) through transforms,
// converter, transaction and log. Limit: the same bytes written to a file in pieces of a transaction, fdatasync after each.
//   node bench/connect-source.mjs [rows]
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { ConfigDef } from "../dist/common/config-def.js";
import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { ConnectWorker } from "../dist/connect/runtime/worker.js";
import { optional, primitive, structOf } from "../dist/data/schema.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { report } from "./support.mjs";

const total = Number(process.argv[2] ?? 1_000_000);
const perChunk = 5000;

const columns = [
  ["id", primitive("int32"), "int", (i) => String(i)],
  ["name", primitive("string", { optional: true }), "utf8", (i) => `customer number ${i}`],
  ["amount", primitive("int64", { optional: true }), "int", (i) => String(i * 1_000_003)],
  ["price", primitive("float64", { optional: true }), "float", (i) => String(i / 8)],
  ["active", primitive("boolean", { optional: true }), "bool", (i) => (i % 3 ? "t" : "f")],
  ["city", primitive("string", { optional: true }), "utf8", (i) => (i % 7 ? `city ${i % 1000}` : null)],
  [
    "created",
    primitive("int64", { optional: true, name: "io.debezium.time.MicroTimestamp", version: 1 }),
    "timestamp",
    (i) => `2024-03-${String((i % 27) + 1).padStart(2, "0")} 12:34:56.${String(i % 1_000_000).padStart(6, "0")}`,
  ],
];
const decoders = {
  int: (t) => Number(t),
  utf8: (t) => t,
  float: (t) => Number(t),
  bool: (t) => t === "t",
  timestamp: (t) => Date.parse(`${t.slice(0, 23).replace(" ", "T")}Z`) * 1000 + Number(t.slice(23)),
};
const nodes = columns.map(([, schema, as], column) => ({
  kind: "column",
  schema,
  column,
  text: as === "timestamp" ? { as, unit: "us" } : { as },
  decode: (b, s, e) => decoders[as](b.toString("utf8", s, e)),
}));
const row = structOf(
  columns.map(([n, s]) => [n, s]),
  { name: "bench.public.t.Value", optional: true },
);
const keySchema = structOf([["id", columns[0][1]]], { name: "bench.public.t.Key" });
const text = primitive("string");
const int64 = primitive("int64", { optional: true });
const sourceSchema = structOf(
  [
    ["version", text],
    ["connector", text],
    ["name", text],
    ["ts_ms", primitive("int64")],
    ["snapshot", primitive("string", { optional: true })],
    ["db", text],
    ["schema", text],
    ["table", text],
    ["txId", int64],
    ["lsn", int64],
    ["xmin", int64],
  ],
  { name: "io.debezium.connector.postgresql.Source", version: 1 },
);
const envelope = structOf(
  [
    ["before", row],
    ["after", row],
    ["source", sourceSchema],
    ["op", text],
    ["ts_ms", int64],
  ],
  { name: "bench.public.t.Envelope", version: 2 },
);
const c = (schema, value) => ({ kind: "const", schema, value });
const slot = (schema, n) => ({ kind: "slot", schema, slot: n });
const shape = {
  topic: "bench.public.t",
  key: { kind: "struct", schema: keySchema, fields: [nodes[0]] },
  value: {
    kind: "struct",
    schema: envelope,
    fields: [
      c(row, null),
      { kind: "struct", schema: row, fields: nodes },
      {
        kind: "struct",
        schema: sourceSchema,
        fields: [
          c(text, "1"),
          c(text, "postgresql"),
          c(text, "bench"),
          slot(primitive("int64"), 0),
          c(optional(text), "false"),
          c(text, "db"),
          c(text, "public"),
          c(text, "t"),
          slot(int64, 2),
          slot(int64, 2),
          c(int64, null),
        ],
      },
      c(text, "c"),
      slot(int64, 0),
    ],
  },
  headers: ["connectorLogicalName", "connectorName", "taskId", "runId"].map((h) => ({
    key: `__debezium.context.${h}`,
    node: c(text, "bench"),
  })),
  timestampSlot: 0,
  sourceTimeSlot: 1,
  columnCount: columns.length,
  slotCount: 3,
};
const offsets = new Int32Array(perChunk * columns.length * 2);
const slots = new Float64Array(perChunk * 3);
const parts = [];
let at = 0;
for (let i = 0; i < perChunk; i++) {
  columns.forEach(([, , , make], col) => {
    const value = make(i);
    const o = (i * columns.length + col) * 2;
    if (value === null) offsets[o] = -1;
    else {
      parts.push(Buffer.from(value));
      offsets[o] = at;
      at += parts[parts.length - 1].length;
      offsets[o + 1] = at;
    }
  });
  slots.set([Date.now(), Date.now() * 1000, 123456789 + i], i * 3);
}
const buffer = Buffer.concat(parts);

const source = {
  type: "source",
  classes: ["bench.Source"],
  version: "1",
  config: new ConfigDef([]),
  taskConfigs: (config) => [config],
  createTask() {
    let sent = 0;
    let context;
    return {
      async start(_config, ctx) {
        context = ctx;
        started = { at: performance.now(), cpu: process.cpuUsage() };
      },
      async poll() {
        if (sent >= total) {
          await context.clock.sleep(50, context.signal).catch(() => {});
          return [];
        }
        sent += perChunk;
        return [{ shape, count: perChunk, buffer, offsets, slots, sourcePartition: { s: 1 }, sourceOffset: { at: sent } }];
      },
      committed(list) {
        if (list[0].offset.at >= total) finished();
      },
      async stop() {},
    };
  },
};
let started;
let finished;

async function run(name, config) {
  const dir = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "millrace-bench-"));
  const broker = await EmbeddedBroker.open({ dir: join(dir, "log"), metrics: new Metrics() });
  const registry = await SchemaRegistry.open({ broker, logger: silentLogger });
  const worker = await ConnectWorker.open({
    broker,
    sources: [source],
    sinks: [],
    converters: createConverterPlugins({ registry }),
    dataDir: dir,
    workerConfig: config,
  });
  const done = new Promise((resolve) => {
    finished = resolve;
  });
  await worker.create("bench", { "connector.class": "bench.Source", ...config });
  const status = setInterval(async () => {
    const s = (await worker.status("bench")).tasks[0];
    if (s?.state === "FAILED") {
      console.error(s.trace);
      process.exit(1);
    }
  }, 500);
  await done;
  clearInterval(status);
  const seconds = (performance.now() - started.at) / 1000;
  const peak = process.memoryUsage.rss();
  const cpu = process.cpuUsage(started.cpu);
  await worker.close();
  await broker.close();
  let bytes = 0;
  const walk = (d) => {
    for (const f of readdirSync(d, { withFileTypes: true })) {
      if (f.isDirectory()) walk(join(d, f.name));
      else if (f.name.endsWith(".log")) bytes += statSync(join(d, f.name)).size;
    }
  };
  walk(join(dir, "log"));
  const limit = write(join(dir, "limit"), bytes);
  rmSync(dir, { recursive: true, force: true });
  report(
    `source path: ${name} (${(bytes / total).toFixed(0)} B a row)`,
    total,
    { seconds, cpu: (cpu.user + cpu.system) / 1e6, peak },
    { seconds: limit, limit: "writing the same bytes, fdatasync a transaction" },
    0.2,
  );
}

/** Seconds to write as many bytes, with fdatasync after as many as a transaction has. */
function write(path, bytes) {
  const piece = Buffer.alloc(Math.ceil(bytes / (total / perChunk)), 7);
  const fd = openSync(path, "w");
  const from = performance.now();
  for (let n = 0; n < bytes; n += piece.length) {
    writeSync(fd, piece);
    fdatasyncSync(fd);
  }
  closeSync(fd);
  return (performance.now() - from) / 1000;
}

const avro = { "key.converter": "io.confluent.connect.avro.AvroConverter", "value.converter": "io.confluent.connect.avro.AvroConverter" };
const json = {
  "key.converter": "org.apache.kafka.connect.json.JsonConverter",
  "key.converter.schemas.enable": "false",
  "value.converter": "org.apache.kafka.connect.json.JsonConverter",
  "value.converter.schemas.enable": "false",
};
const unwrap = {
  transforms: "unwrap,key",
  "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
  "transforms.key.type": "org.apache.kafka.connect.transforms.ValueToKey",
  "transforms.key.fields": "id",
};
await run("envelope, Avro", avro);
await run("unwrapped, ValueToKey, Avro", { ...avro, ...unwrap });
await run("envelope, JSON without schemas", json);
await run("unwrapped, ValueToKey, JSON", { ...json, ...unwrap });
