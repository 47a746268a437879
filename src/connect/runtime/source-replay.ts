import type { Broker } from "../../broker/api/broker.js";
import { PartitionReader } from "../../broker/api/reader.js";
import { MillraceError } from "../../common/errors.js";
import { SOURCE_TIME_HEADER } from "../../data/headers.js";
import type { ErrorEntry } from "../../errors/entry.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { SourceRecord } from "../api/record.js";
import { ErrorPolicy } from "./error-policy.js";
import { entryConverters, renderer } from "./render.js";
import { readMicros } from "./source-headers.js";
import { SourceWriter } from "./source-writer.js";
import { configToRun, convertersOf } from "./task-config.js";
import type { TaskServices, TaskSetup } from "./task-runner.js";
import { TopicCreation } from "./topic-creation.js";
import { TransformChain } from "./transform-chain.js";

/**
 * Sends a source's record that a transform or a converter refused through both again and into its topic. It is written at least
 * once: a crash ahead of the entry's removal lets it be sent again.
 * @throws CONFLICT where the topic has a record of the same key that is as new or newer and `force` is false; what fails again
 */
export async function replaySource(setup: TaskSetup, services: TaskServices, entry: ErrorEntry, force: boolean): Promise<void> {
  const { broker, plugins, clock } = services;
  const { config } = configToRun(setup.config, setup.secrets, services.providers);
  const chain = TransformChain.of(config, plugins);
  const out = new Map<string, { topic: string; partition: number; builder: RecordBatchBuilder }>();
  try {
    const writer = new SourceWriter({
      connector: setup.connector,
      producer: {
        batch(topic, partition) {
          const key = `${topic}-${partition}`;
          let to = out.get(key);
          if (!to) out.set(key, (to = { topic, partition, builder: new RecordBatchBuilder(1024) }));
          return to.builder;
        },
        partition: () => {
          throw new MillraceError("INTERNAL", "a replayed record is no chunk");
        },
        congested: false,
        room: async () => undefined,
      },
      chain,
      converters: convertersOf(config, plugins, services.hosts),
      topics: new TopicCreation(broker, config),
      // without a store and with nothing tolerated, what fails again is thrown
      policy: new ErrorPolicy({ ...services, connector: setup.connector, task: setup.id, config: {}, store: undefined }),
      offsets: services.offsets,
      clock,
      signal: new AbortController().signal,
      render: renderer(plugins),
      onTopic: (topic) => services.onTopic(setup.connector, setup.id, topic),
    });
    await writer.write([recordOf(entry, services)]);
  } finally {
    chain.close();
  }
  const batches = [...out.values()].map(({ topic, partition, builder }) => ({ topic, partition, batch: builder.finish() }));
  if (!force) for (const b of batches) await checkNewer(broker, b.topic, b.partition, b.batch, entry);
  if (batches.length === 0) return;
  for (const { error } of await broker.produce({ acks: "all", batches })) if (error) throw error;
}

/** @throws DESERIALIZATION where the store holds no more than a text of the record */
function recordOf(entry: ErrorEntry, services: TaskServices): SourceRecord {
  const { topic } = entry;
  const json = entryConverters(services.plugins);
  const key = json.key.toConnect(topic, entry.key);
  const value = json.value.toConnect(topic, entry.value);
  const time = entry.headers.find((h) => h.key === SOURCE_TIME_HEADER)?.value;
  return {
    topic,
    partition: null,
    keySchema: key.schema,
    key: key.value,
    valueSchema: value.schema,
    value: value.value,
    timestamp: entry.timestamp < 0 ? null : entry.timestamp,
    headers: entry.headers
      .filter((h) => h.key !== SOURCE_TIME_HEADER)
      .map((h) => ({ key: h.key, ...json.value.toConnect(topic, h.value) })),
    sourcePartition: {},
    sourceOffset: {},
    ...(time ? { sourceTimeUs: readMicros(Buffer.from(time), 0) } : {}),
  };
}

/** A record of the source was never in the topic, so its time is what tells it from later ones of its key. */
async function checkNewer(broker: Broker, topic: string, partition: number, batch: Buffer, entry: ErrorEntry): Promise<void> {
  const record = new RecordCursor();
  record.open(batch);
  if (!record.next() || record.keyStart < 0) return;
  const key = record.bytes.subarray(record.keyStart, record.keyEnd);
  const since = entry.timestamp >= 0 ? entry.timestamp : entry.time;
  const [from] = await broker.listOffsets({ partitions: [{ topic, partition, timestamp: since }] });
  const [end] = await broker.listOffsets({ partitions: [{ topic, partition, timestamp: "latest" }], isolation: "read_committed" });
  if (!from || from.offset < 0) return;
  const reader = new PartitionReader({ broker });
  reader.seek(topic, partition, from.offset);
  const cursor = new RecordCursor();
  for (let at = from.offset; at < (end?.offset ?? 0); ) {
    const [polled] = await reader.poll(500);
    if (!polled) return;
    for (const bytes of polled.batches) {
      cursor.open(bytes);
      while (cursor.next()) {
        if (cursor.offset < polled.from || cursor.keyStart < 0 || cursor.timestamp < since) continue;
        if (key.compare(cursor.bytes, cursor.keyStart, cursor.keyEnd) === 0)
          throw new MillraceError(
            "CONFLICT",
            `a record of the same key that is as new or newer is at ${topic}-${partition}@${cursor.offset}: a replay would put the older state over it (force it if that is wanted)`,
          );
      }
    }
    at = polled.next;
  }
}
