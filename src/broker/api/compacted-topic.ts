import type { RecordHeader } from "../../data/headers.js";
import { baseOffset, isControl, isTransactional, lastOffset, producerId } from "../../protocol/record-batch.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { Broker, FetchResult } from "./broker.js";
import { BrokerError } from "./errors.js";
import { partitionFor } from "./partitioner.js";

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
    for (let partition = 0; partition < partitions; partition++) await readToEnd(broker, topic, partition, options.onRecord);
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
    const byPartition = new Map<number, typeof records>();
    for (const r of records) {
      const p = this.partitionOf(r.key);
      byPartition.set(p, [...(byPartition.get(p) ?? []), r]);
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
    const [result] = await this.options.broker.fetch({ partitions: [{ topic: this.topic, partition, offset, maxBytes: 1 }], maxWaitMs: 0 });
    if (!result || result.error) return undefined;
    let found: StoredRecord | undefined;
    eachRecord(result, offset, (r) => {
      if (r.offset === offset) found = r;
    });
    return found;
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

/** Every committed record of a partition from its start (or `from`) to what is its end now. Returns the offset after it. */
export async function readToEnd(
  broker: Broker,
  topic: string,
  partition: number,
  onRecord: (record: StoredRecord) => void,
  from?: number,
): Promise<number> {
  const [ends] = await broker.listOffsets({ partitions: [{ topic, partition, timestamp: "latest" }], isolation: "read_committed" });
  if (ends?.error) throw ends.error;
  const [starts] = await broker.listOffsets({ partitions: [{ topic, partition, timestamp: "earliest" }] });
  const end = ends?.offset ?? 0;
  let offset = Math.max(from ?? 0, starts?.offset ?? 0);
  while (offset < end) {
    const [result] = await broker.fetch({ partitions: [{ topic, partition, offset }], maxWaitMs: 500, isolation: "read_committed" });
    if (!result) break;
    if (result.error) throw result.error;
    const next = eachRecord(result, offset, onRecord);
    if (next === offset) break;
    offset = next;
  }
  return offset;
}

/** Calls back for every record at or after `from` that is data and was not aborted; returns the offset after what was there. */
export function eachRecord(result: FetchResult, from: number, onRecord: (record: StoredRecord) => void): number {
  const cursor = new RecordCursor();
  const aborted = new Set<number>();
  const aborts = [...result.abortedTransactions].sort((a, b) => a.firstOffset - b.firstOffset);
  let next = from;
  for (let at = 0; at < result.batches.length; ) {
    const end = cursor.open(result.batches, at);
    if (end < 0) break;
    const base = baseOffset(result.batches, at);
    const last = lastOffset(result.batches, at);
    while (aborts.length && aborts[0]!.firstOffset <= last) aborted.add(aborts.shift()!.producerId);
    const producer = producerId(result.batches, at);
    const skip = isControl(result.batches, at) || (isTransactional(result.batches, at) && aborted.has(producer));
    if (isControl(result.batches, at) && cursor.next() && cursor.keyStart >= 0) {
      // A control record's key is version i16, type i16; an abort marker (0) ends the aborted run of its producer.
      if (cursor.bytes.readInt16BE(cursor.keyStart + 2) === 0) aborted.delete(producer);
    }
    if (!skip)
      while (cursor.next())
        if (cursor.offset >= from)
          onRecord({
            partition: result.partition,
            offset: cursor.offset,
            timestamp: cursor.timestamp,
            key: slice(cursor.bytes, cursor.keyStart, cursor.keyEnd),
            value: slice(cursor.bytes, cursor.valueStart, cursor.valueEnd),
            headers: cursor.headers().map((h) => ({ key: h.key, value: h.value === null ? null : Buffer.from(h.value) })),
          });
    next = Math.max(next, last + 1, base + 1);
    at = end;
  }
  return next;
}

function slice(bytes: Buffer, start: number, end: number): Buffer | null {
  return start < 0 ? null : Buffer.from(bytes.subarray(start, end));
}
