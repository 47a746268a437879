// What the benches of single sinks share: orders in the log as Avro, made before anything is measured, a part of them a turn; and the
// turns, in which a sink's task and the bare driver come one after the other, so that the server's moods are shared.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PartitionReader } from "../dist/broker/api/reader.js";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { silentLogger } from "../dist/common/logger.js";
import { Metrics } from "../dist/common/metrics.js";
import { systemClock } from "../dist/common/time.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { SinkDecoder } from "../dist/connect/runtime/sink-decoder.js";
import { RecordBatchBuilder } from "../dist/protocol/record-batch-builder.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { MemorySchemaStore } from "../dist/schema-registry/store.js";
import { measure } from "./support.mjs";

/**
 * @param share rows a turn
 * @param key `[schema, value of row i]`, @param value the same
 */
export async function sinkTurns({ turns, share, key: [keySchema, keyOf], value: [valueSchema, rowOf] }) {
  const dir = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const broker = await EmbeddedBroker.open({ dir });
  await broker.createTopics([{ name: "orders", partitions: turns }]);
  const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
  const avro = createConverterPlugins({ registry }).find((p) => p.classes[0].endsWith("AvroConverter"));
  const [key, value] = [avro.create({}, true), avro.create({}, false)];
  await key.prepareWrite("orders", keySchema);
  await value.prepareWrite("orders", valueSchema);
  for (let p = 0; p < turns; p++)
    for (let at = p * share; at < (p + 1) * share; at += 500) {
      const builder = new RecordBatchBuilder(1 << 16);
      for (let i = at; i < Math.min(at + 500, (p + 1) * share); i++)
        builder.append(
          1_700_000_000_000 + i,
          key.fromConnect("orders", keySchema, keyOf(i)),
          value.fromConnect("orders", valueSchema, rowOf(i)),
          [],
        );
      const [{ error }] = await broker.produce({ acks: "all", batches: [{ topic: "orders", partition: p, batch: builder.finish() }] });
      if (error) throw error;
    }

  /** A started task of the sink on all partitions. */
  async function start(sink, config) {
    const task = await sink.createTask();
    await task.start(
      { topics: "orders", ...config },
      {
        connector: "bench",
        taskId: 0,
        logger: silentLogger,
        metrics: new Metrics(),
        clock: systemClock,
        signal: new AbortController().signal,
        clusterId: "c",
        topicId: () => "t",
        resolveHost: (host, port) => ({ host, port }),
        seek() {},
        reportError: async (_, error) => {
          throw error;
        },
        pause() {},
        resume() {},
      },
    );
    await task.open(Array.from({ length: turns }, (_, partition) => ({ topic: "orders", partition })));
    return task;
  }

  const decoder = new SinkDecoder({ key, value, header: key }, async (_stage, error) => {
    throw error;
  });
  async function write(task, partition) {
    const reader = new PartitionReader({ broker });
    reader.seek("orders", partition, 0);
    for (let rows = 0; rows < share; )
      for (const polled of await reader.poll(100))
        for (const { rows: run } of await decoder.rows(polled)) {
          await task.putRows(run);
          rows += run.count;
        }
    await task.flush();
  }

  return {
    start,
    /** @param bare writes rows from `first` to `end` by the driver alone. Says what that cost; returns what `report` takes. */
    async run(task, bare) {
      const limit = [];
      const ours = [];
      for (let turn = 0; turn < turns; turn++) {
        const one = async () => limit.push(await measure(() => bare(turn * share, (turn + 1) * share)));
        const other = async () => ours.push(await measure(() => write(task, turn)));
        for (const work of turn % 2 ? [other, one] : [one, other]) await work();
      }
      await task.stop();
      console.log(`the bare driver: ${((sum(limit).cpu / (share * turns)) * 1e6).toFixed(2)} CPU s per million`);
      return { ours: sum(ours), limit: sum(limit) };
    },
    async close() {
      await broker.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const sum = (parts) =>
  parts.reduce((a, b) => ({ seconds: a.seconds + b.seconds, cpu: a.cpu + b.cpu, peak: Math.max(a.peak, b.peak) }), {
    seconds: 0,
    cpu: 0,
    peak: 0,
  });
