// A sink's input with transforms (RegexRouter, ReplaceField, InsertField, ExtractField$Key): from Avro batches to columns. Limit: the
// same batches without transforms. Beside it the way of records, which chains go whose effect depends on the row.
//   node bench/sink-transforms.mjs [rows]   (after npm run build)
import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { systemClock } from "../dist/common/time.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { predicatePlugins } from "../dist/connect/predicates/plugins.js";
import { ErrorPolicy } from "../dist/connect/runtime/error-policy.js";
import { Plugins } from "../dist/connect/runtime/plugins.js";
import { SinkDecoder } from "../dist/connect/runtime/sink-decoder.js";
import { SinkInput } from "../dist/connect/runtime/sink-input.js";
import { TransformChain } from "../dist/connect/runtime/transform-chain.js";
import { transformPlugins } from "../dist/connect/transforms/plugins.js";
import { optional, primitive, Struct, structOf } from "../dist/data/schema.js";
import { RecordBatchBuilder } from "../dist/protocol/record-batch-builder.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { MemorySchemaStore } from "../dist/schema-registry/store.js";
import { measure, report } from "./support.mjs";

const rows = Math.round(Number(process.argv[2] ?? 1_000_000) * Number(process.env.BENCH_SCALE ?? 1));
const perBatch = 4000;
const keySchema = structOf([["id", primitive("int32")]], { name: "k" });
const valueSchema = structOf(
  [
    ["id", primitive("int32")],
    ["name", optional(primitive("string"))],
    ["city", optional(primitive("string"))],
    ["amount", primitive("int64")],
    ["price", optional(primitive("float64"))],
  ],
  { name: "v" },
);
const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const plugins = new Plugins({
  sources: [],
  sinks: [],
  converters: createConverterPlugins({ registry }),
  transforms: transformPlugins,
  predicates: predicatePlugins,
});
const avro = (isKey) => plugins.converters.get("AvroConverter").create({}, isKey);
const [key, value] = [avro(true), avro(false)];
await key.prepareWrite("t", keySchema);
await value.prepareWrite("t", valueSchema);
const builder = new RecordBatchBuilder(1 << 20);
for (let i = 0; i < perBatch; i++) {
  const v = new Struct(valueSchema, [i, `customer number ${i}`, i % 7 ? `city ${i % 1000}` : null, i * 1_000_003, i / 8]);
  builder.append(
    1_700_000_000_000 + i,
    key.fromConnect("t", keySchema, new Struct(keySchema, [i])),
    value.fromConnect("t", valueSchema, v),
  );
}
const polled = { topic: "t", partition: 0, batches: [builder.finish()], from: 0, next: perBatch, highWatermark: 0, lastStableOffset: 0 };

const k = "org.apache.kafka.connect.transforms.";
const chain = {
  transforms: "route,fields,origin,key",
  "transforms.route.type": `${k}RegexRouter`,
  "transforms.route.regex": "(.*)",
  "transforms.route.replacement": "to_$1",
  "transforms.fields.type": `${k}ReplaceField$Value`,
  "transforms.fields.exclude": "price",
  "transforms.fields.renames": "name:customer",
  "transforms.origin.type": `${k}InsertField$Value`,
  "transforms.origin.static.field": "origin",
  "transforms.origin.static.value": "here",
  "transforms.key.type": `${k}ExtractField$Key`,
  "transforms.key.field": "id",
};

async function run(config, byColumn) {
  const policy = new ErrorPolicy({ connector: "s", task: 0, config: {}, logger: silentLogger, metrics: new Metrics(), clock: systemClock });
  const decoder = new SinkDecoder({ key: avro(true), value: avro(false), header: avro(false) }, (...refused) => policy.refuse(...refused));
  const input = new SinkInput({ decoder, chain: TransformChain.of(config, plugins), policy, signal: new AbortController().signal });
  let count = 0;
  while (count < rows)
    for (const item of await input.take(polled, byColumn)) count += "rows" in item ? item.rows.count : item.records.length;
}
await run(chain, true); // compiled by the time it counts
await run({}, true);
const limit = await measure(() => run({}, true));
const ours = await measure(() => run(chain, true));
const records = await measure(() => run(chain, false));
report("sink transforms by column", rows, ours, { ...limit, limit: "without transforms" }, 0.5);
console.log(`as records: ${Math.round(rows / records.seconds)} /s, ${(records.seconds / ours.seconds).toFixed(1)} times as long`);
