// Bad rows of a source: every row is refused by a transform and set aside, each with its content, cause and place, durably before its
// offset. Limit: the same rows without that transform, written to their topic by the same worker.
//   node bench/bad-rows.mjs [rows]   (after npm run build)
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { ConfigDef } from "../dist/common/config-def.js";
import { silentLogger } from "../dist/common/logger.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { ConnectWorker } from "../dist/connect/runtime/worker.js";
import { primitive, Struct, structOf } from "../dist/data/schema.js";
import { ErrorStore } from "../dist/errors/error-store.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { measure, report } from "./support.mjs";

const rows = Math.round(Number(process.argv[2] ?? 100_000) * Number(process.env.BENCH_SCALE ?? 1));
const perPoll = 1000;
const key = structOf([["id", primitive("int32")]], { name: "k" });
const value = structOf(
  [
    ["id", primitive("int32")],
    ["name", primitive("string")],
    ["city", primitive("string")],
    ["amount", primitive("int64")],
  ],
  { name: "v" },
);

const source = {
  type: "source",
  classes: ["bench.Source"],
  version: "1",
  config: new ConfigDef([{ name: "topic", type: "STRING", doc: "" }]),
  taskConfigs: (config) => [config],
  createTask() {
    let at = 0;
    let topic;
    return {
      async start(config) {
        topic = config.topic;
      },
      async poll() {
        if (at >= rows) return new Promise((resolve) => setTimeout(resolve, 50, []));
        const records = [];
        for (const end = Math.min(rows, at + perPoll); at < end; at++)
          records.push({
            topic,
            partition: null,
            keySchema: key,
            key: new Struct(key, [at]),
            valueSchema: value,
            value: new Struct(value, [at, `customer number ${at}`, `city ${at % 1000}`, at * 1_000_003]),
            timestamp: 1_700_000_000_000 + at,
            headers: [],
            sourcePartition: { p: 0 },
            sourceOffset: { at: at + 1 },
          });
        return records;
      },
      committed() {},
      async stop() {},
    };
  },
};

const dir = mkdtempSync(join(tmpdir(), "millrace-bad-rows-"));
const broker = await EmbeddedBroker.open({ dir: join(dir, "log") });
const registry = await SchemaRegistry.open({ broker, logger: silentLogger });
const errorStore = await ErrorStore.open({ broker });
const worker = await ConnectWorker.open({
  broker,
  sources: [source],
  sinks: [],
  converters: createConverterPlugins({ registry }),
  errorStore,
  dataDir: dir,
  workerConfig: { "key.converter": "AvroConverter", "value.converter": "AvroConverter" },
});

async function through(name, config) {
  await worker.create(name, { "connector.class": "bench.Source", topic: name, ...config });
  while ((await worker.offsets(name))[0]?.offset?.at !== rows) await new Promise((resolve) => setTimeout(resolve, 5));
}
const limit = await measure(() => through("good", {}));
const ours = await measure(() =>
  through("bad", {
    transforms: "cast",
    "transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value",
    "transforms.cast.spec": "name:int32",
  }),
);
const set = errorStore.count();
await worker.close();
await broker.close();
const again = await EmbeddedBroker.open({ dir: join(dir, "log") });
const kept = (await ErrorStore.open({ broker: again })).count();
await again.close();
rmSync(dir, { recursive: true });
if (set !== rows || kept !== rows) throw new Error(`of ${rows} bad rows ${set} were set aside and ${kept} kept`);
report(`${rows} bad rows set aside`, rows, ours, { ...limit, limit: "the same rows written to their topic" }, 0.05);
console.log(`all ${rows} in ${ours.seconds.toFixed(1)} s`);
