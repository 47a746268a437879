import type { RecordHeader } from "../../data/headers.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { Broker } from "./broker.js";
import { BrokerError } from "./errors.js";
import { partitionFor } from "./partitioner.js";
import { dataBatches, readToEnd } from "./reader.js";

export interface StoredRecord {
  readonly partition: number;
  readonly offset: number;
  /** ms */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

export interface CompactedTopicOptions {
  readonly broker: Broker;
  readonly topic: string;
  /** where the topic does not exist yet; 1 if absent */
  readonly partitions?: number;
  /** besides cleanup.policy=compact */
  readonly configs?: Readonly<Record<string, string>>;
  /** Every record in the order of its partition, first the stored ones and then those that `append` has written. */
  readonly onRecord: (record: StoredRecord) => void;
}

/**
 * A compacted topic as a durable table with this process as its one writer: read to its end at the start, then appended to.
 * What transactions of others add (source offsets) is not seen; their writer tells the table's owner.
 */
export class CompactedTopic {
  private constructor(
    private readonly options: CompactedTopicOptions,
    readonly partitions: number,
  ) {}

  /** @throws the broker's error where the topic can neither be found nor made */
  static async open(options: CompactedTopicOptions): Promise<CompactedTopic> {
    const { broker, topic } = options;
    const partitions = await ensureTopic(broker, topic, options.partitions ?? 1, { "cleanup.policy": "compact", ...options.configs });
    const cursor = new RecordCursor();
    await readToEnd(broker, topic, "read_committed", (batch, partition, from) => {
      cursor.open(batch);
      while (cursor.next()) if (cursor.offset >= from) options.onRecord(current(cursor, partition));
    });
    return new CompactedTopic(options, partitions);
  }

  get topic(): string {
    return this.options.topic;
  }

  /** Where a record with this key goes. */
  partitionOf(key: Uint8Array): number {
    return partitionFor(key, this.partitions);
  }

  /** Resolves when all are on disk and have been applied by `onRecord`. */
  async append(records: readonly { key: Uint8Array; value: Uint8Array | null; headers?: readonly RecordHeader[] }[]): Promise<void> {
    if (records.length === 0) return;
    const now = Date.now();
    const byPartition = new Map<number, (typeof records)[number][]>();
    for (const r of records) {
      const p = this.partitionOf(r.key);
      const there = byPartition.get(p);
      if (there) there.push(r);
      else byPartition.set(p, [r]);
    }
    const batches = [...byPartition].map(([partition, list]) => {
      const builder = new RecordBatchBuilder(4096);
      for (const r of list) builder.append(now, r.key, r.value, r.headers);
      return { topic: this.topic, partition, batch: builder.finish() };
    });
    const results = await this.options.broker.produce({ acks: "all", batches });
    results.forEach((result, i) => {
      if (result.error) throw result.error;
      byPartition.get(batches[i]!.partition)!.forEach((r, n) => {
        this.options.onRecord({
          partition: result.partition,
          offset: result.baseOffset + n,
          timestamp: now,
          key: Buffer.from(r.key),
          value: r.value === null ? null : Buffer.from(r.value),
          headers: r.headers ?? [],
        });
      });
    });
  }

  /** The record at this offset, or undefined where compaction has taken it. */
  async readAt(partition: number, offset: number): Promise<StoredRecord | undefined> {
    const [result] = await this.options.broker.fetch({
      partitions: [{ topic: this.topic, partition, offset, maxBytes: 1 }],
      maxWaitMs: 0,
      isolation: "read_committed",
    });
    if (!result || result.error) return undefined;
    const cursor = new RecordCursor();
    for (const batch of dataBatches(result, offset, true).batches) {
      cursor.open(batch);
      while (cursor.next()) if (cursor.offset === offset) return current(cursor, partition);
    }
    return undefined;
  }
}

/** Makes the topic where it is missing; returns how many partitions it has. */
export async function ensureTopic(
  broker: Broker,
  name: string,
  partitions: number,
  configs: Readonly<Record<string, string>>,
  replicationFactor = -1,
): Promise<number> {
  const [known] = await broker.describeTopics([name]);
  if (known) return known.partitions;
  const [made] = await broker.createTopics([{ name, partitions, configs, replicationFactor }]);
  if (made?.error && !(made.error instanceof BrokerError && made.error.kafka === "TOPIC_ALREADY_EXISTS")) throw made.error;
  return made?.partitions ?? (await broker.describeTopics([name]))[0]?.partitions ?? partitions;
}

/** The cursor's record, copied. */
export function current(cursor: RecordCursor, partition: number): StoredRecord {
  const { bytes } = cursor;
  return {
    partition,
    offset: cursor.offset,
    timestamp: cursor.timestamp,
    key: slice(bytes, cursor.keyStart, cursor.keyEnd),
    value: slice(bytes, cursor.valueStart, cursor.valueEnd),
    headers: cursor.headers().map((h) => ({ key: h.key, value: h.value === null ? null : Buffer.from(h.value) })),
  };
}

function slice(bytes: Buffer, start: number, end: number): Buffer | null {
  return start < 0 ? null : Buffer.from(bytes.subarray(start, end));
}
