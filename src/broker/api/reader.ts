import type { TopicPartition } from "../../data/topic-partition.js";
import * as batchHeader from "../../protocol/record-batch.js";
import type { Broker, FetchResult, Isolation } from "./broker.js";

export interface PartitionReaderOptions {
  readonly broker: Broker;
  /** "read_committed" by default */
  readonly isolation?: Isolation;
  /** Bytes of one poll over all partitions, 4 MB by default; one batch always fits. */
  readonly maxBytes?: number;
  /** Bytes of one poll of one partition, 1 MB by default; one batch always fits. */
  readonly maxPartitionBytes?: number;
}

/** What one poll brought of one partition. */
export interface PolledPartition extends TopicPartition {
  /** Whole data batches in offset order, without aborted ones and without control batches. Iterate each with the protocol's cursor. */
  readonly batches: readonly Buffer[];
  /** Skip records below it: the first batch may begin earlier. */
  readonly from: number;
  /** The position after this poll: past the last record, past markers, aborted batches and compacted gaps. Commit this one. */
  readonly next: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
}

interface Position extends TopicPartition {
  offset: number;
  paused: boolean;
}

/** Reads a set of partitions from given offsets on. One poll at a time. */
export class PartitionReader {
  private readonly broker: Broker;
  private readonly isolation: Isolation;
  private readonly maxBytes: number;
  private readonly maxPartitionBytes: number;
  private positions: Position[] = [];

  constructor(options: PartitionReaderOptions) {
    this.broker = options.broker;
    this.isolation = options.isolation ?? "read_committed";
    this.maxBytes = options.maxBytes ?? 4 * 1024 * 1024;
    this.maxPartitionBytes = options.maxPartitionBytes ?? 1024 * 1024;
  }

  /** Adds the partition or moves it: the next poll reads from `offset` on. */
  seek(topic: string, partition: number, offset: number): void {
    const there = this.find(topic, partition);
    if (there) there.offset = offset;
    else this.positions.push({ topic, partition, offset, paused: false });
  }

  remove(topic: string, partition: number): void {
    this.positions = this.positions.filter((p) => p.topic !== topic || p.partition !== partition);
  }

  /** A paused partition keeps its position and is left out of polls. */
  pause(topic: string, partition: number, paused = true): void {
    const there = this.find(topic, partition);
    if (there) there.paused = paused;
  }

  /** The offset that the next poll reads from; undefined where the partition is not read. */
  position(topic: string, partition: number): number | undefined {
    return this.find(topic, partition)?.offset;
  }

  /**
   * Waits up to maxWaitMs for anything new. Partitions with nothing new are left out; one whose position moved over markers or aborted
   * batches alone comes with an empty list, so that its new position can be committed.
   * @throws the first partition's error (OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION); the signal's reason when aborted
   */
  async poll(maxWaitMs: number, signal?: AbortSignal): Promise<PolledPartition[]> {
    const asked = this.positions.filter((p) => !p.paused);
    const results = await this.broker.fetch({
      partitions: asked.map(({ topic, partition, offset }) => ({ topic, partition, offset, maxBytes: this.maxPartitionBytes })),
      maxWaitMs,
      minBytes: 1,
      maxBytes: this.maxBytes,
      isolation: this.isolation,
      ...(signal ? { signal } : {}),
    });
    signal?.throwIfAborted();
    const polled: PolledPartition[] = [];
    for (const result of results) {
      if (result.error) throw result.error;
      const at = this.find(result.topic, result.partition);
      if (at === undefined || result.batches.length === 0) continue;
      const { batches, next } = dataBatches(result, at.offset, this.isolation === "read_committed");
      if (next === at.offset) continue;
      const { topic, partition, highWatermark, lastStableOffset } = result;
      polled.push({ topic, partition, batches, from: at.offset, next, highWatermark, lastStableOffset });
      at.offset = next;
    }
    // The partitions that brought something go to the end: a busy one cannot starve the others when the byte limit is reached.
    if (polled.length > 0 && polled.length < this.positions.length) this.rotate(polled);
    return polled;
  }

  private find(topic: string, partition: number): Position | undefined {
    for (const p of this.positions) if (p.partition === partition && p.topic === topic) return p;
    return undefined;
  }

  private rotate(polled: readonly PolledPartition[]): void {
    const served = (p: Position) => polled.some((r) => r.partition === p.partition && r.topic === p.topic);
    this.positions = [...this.positions.filter((p) => !served(p)), ...this.positions.filter(served)];
  }
}

/** Splits a fetch's bytes: data batches that a consumer may see from `from` on, and the position after all of them. */
export function dataBatches(result: FetchResult, from: number, committedOnly: boolean): { batches: Buffer[]; next: number } {
  const { batches: bytes, abortedTransactions } = result;
  const batches: Buffer[] = [];
  let next = from;
  // In the order of their first offset; each opens at its first offset and closes at its producer's abort marker.
  const aborted = committedOnly && abortedTransactions.length ? [...abortedTransactions].sort((a, b) => a.firstOffset - b.firstOffset) : [];
  const open = new Set<number>();
  let coming = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = batchHeader.batchEnd(bytes, at);
    if (end < 0) break;
    const last = batchHeader.lastOffset(bytes, at);
    if (last >= from) {
      const producerId = batchHeader.producerId(bytes, at);
      while (coming < aborted.length && aborted[coming]!.firstOffset <= last) open.add(aborted[coming++]!.producerId);
      if (batchHeader.isControl(bytes, at)) open.delete(producerId);
      else if (!(open.size > 0 && batchHeader.isTransactional(bytes, at) && open.has(producerId))) batches.push(bytes.subarray(at, end));
      next = last + 1;
    }
    at = end;
  }
  return { batches, next };
}

/**
 * Reads a topic from its beginning to its present end, partition by partition, and calls `visit` with each data batch.
 * For internal topics that hold state. Returns the position after the last record of each partition, to read on from.
 * @throws UNKNOWN_TOPIC_OR_PARTITION
 */
export async function readToEnd(
  broker: Broker,
  topic: string,
  isolation: Isolation,
  visit: (batch: Buffer, partition: number, from: number) => void,
  signal?: AbortSignal,
): Promise<number[]> {
  const [description] = await broker.describeTopics([topic]);
  const count = description?.partitions ?? 1;
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }));
  const [starts, ends] = await Promise.all([
    broker.listOffsets({ partitions: partitions.map((p) => ({ ...p, timestamp: "earliest" as const })), isolation }),
    broker.listOffsets({ partitions: partitions.map((p) => ({ ...p, timestamp: "latest" as const })), isolation }),
  ]);
  const next: number[] = [];
  for (const { partition, offset, error } of starts) {
    if (error) throw error;
    next[partition] = offset;
    const end = ends.find((e) => e.partition === partition)!;
    if (end.error) throw end.error;
    const reader = new PartitionReader({ broker, isolation });
    reader.seek(topic, partition, offset);
    while (next[partition]! < end.offset) {
      for (const polled of await reader.poll(1000, signal)) {
        for (const batch of polled.batches) visit(batch, partition, polled.from);
        next[partition] = polled.next;
      }
    }
  }
  return next;
}
