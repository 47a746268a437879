import type { TopicPartition } from "../../data/topic-partition.js";
import { batchEnd, isControl, isTransactional, producerId as producerIdOf } from "../../protocol/record-batch.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { OffsetCommit } from "../api/broker.js";
import { BrokerError } from "../api/errors.js";
import {
  decodeGroupValue,
  decodeKey,
  decodeOffsetValue,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
  type GroupValue,
  type OffsetValue,
} from "./coordinator-records.js";
import type { Partition } from "./partition.js";

type TopicOffsets = Map<string, Map<number, OffsetValue>>;
interface PendingOffset {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly value: OffsetValue;
}

const readBytes = 4 * 1024 * 1024;

/** Committed offsets of all groups: in memory for reading, in `__consumer_offsets` for keeping. */
export class Offsets {
  private readonly groups = new Map<string, TopicOffsets>();
  /** What open transactions have written, by producer id. */
  private readonly pending = new Map<number, PendingOffset[]>();
  private readonly builder = new RecordBatchBuilder(4096);

  /** @param partition open already */
  constructor(readonly partition: Partition) {}

  /** Reads the whole partition. `group` sees every record of a group's metadata, null for a deleted one. */
  load(group: (id: string, value: GroupValue | null) => void): void {
    const { log } = this.partition;
    const cursor = new RecordCursor();
    for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
      const bytes = log.read(offset, readBytes);
      if (bytes.length === 0) break;
      for (let at = 0; at < bytes.length; at = batchEnd(bytes, at)) {
        const producer = producerIdOf(bytes, at);
        const control = isControl(bytes, at);
        const transactional = isTransactional(bytes, at);
        cursor.open(bytes, at);
        while (cursor.next()) {
          offset = cursor.offset + 1;
          if (control) this.complete(producer, cursor.bytes.readInt16BE(cursor.keyStart + 2) === 1);
          else this.loadRecord(cursor, transactional ? producer : -1, group);
        }
        offset = Math.max(offset, Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + 23) + 1);
      }
    }
  }

  private loadRecord(cursor: RecordCursor, producer: number, group: (id: string, value: GroupValue | null) => void): void {
    if (cursor.keyStart < 0) return;
    const key = decodeKey(cursor.bytes.subarray(cursor.keyStart, cursor.keyEnd));
    const value = cursor.valueStart < 0 ? null : cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd);
    if (key === undefined) return;
    if (key.kind === "group") group(key.group, value && decodeGroupValue(value));
    else if (value === null) this.drop(key.group, key.topic, key.partition);
    else if (producer < 0) this.put(key.group, key.topic, key.partition, decodeOffsetValue(value));
    else this.addPending(producer, { group: key.group, topic: key.topic, partition: key.partition, value: decodeOffsetValue(value) });
  }

  /** Written and on disk when it resolves, and only then visible. */
  async commit(group: string, offsets: readonly OffsetCommit[], now: number): Promise<void> {
    if (offsets.length === 0) return;
    const values = this.encode(group, offsets, now);
    this.partition.append(this.builder.finish(), { origin: "coordinator" });
    // In the order of the appends, as a load would see them; durable before the caller is told.
    for (const v of values) this.put(v.group, v.topic, v.partition, v.value);
    await this.partition.flush();
  }

  /** Part of the producer's transaction: `complete` makes it visible or drops it. Returns the batch as it was written. */
  commitInTransaction(producerId: number, producerEpoch: number, group: string, offsets: readonly OffsetCommit[], now: number): Buffer {
    const values = this.encode(group, offsets, now);
    const batch = this.builder.finish({ producerId, producerEpoch, transactional: true });
    this.partition.append(batch, { origin: "coordinator" });
    for (const v of values) this.addPending(producerId, v);
    return batch;
  }

  /** The transaction's marker has been written. */
  complete(producerId: number, commit: boolean): void {
    const pending = this.pending.get(producerId);
    if (pending === undefined) return;
    this.pending.delete(producerId);
    if (commit) for (const p of pending) this.put(p.group, p.topic, p.partition, p.value);
  }

  async writeGroup(group: string, value: GroupValue | null, now: number): Promise<void> {
    this.builder.append(now, encodeGroupKey(group), value && encodeGroupValue(value));
    this.partition.append(this.builder.finish(), { origin: "coordinator" });
    await this.partition.flush();
  }

  /** Removes these offsets, or all of the group's. */
  async remove(group: string, partitions: readonly TopicPartition[] | undefined, now: number): Promise<void> {
    const gone = partitions ?? this.fetch(group);
    for (const { topic, partition } of gone) this.builder.append(now, encodeOffsetKey(group, topic, partition), null);
    if (this.builder.count > 0) this.partition.append(this.builder.finish(), { origin: "coordinator" });
    for (const { topic, partition } of gone) this.drop(group, topic, partition);
    await this.partition.flush();
  }

  /** @throws UNSTABLE_OFFSET_COMMIT with requireStable, where an open transaction holds offsets of what is asked */
  fetch(group: string, partitions?: readonly TopicPartition[], requireStable = false): OffsetCommit[] {
    const topics = this.groups.get(group);
    if (requireStable) this.checkStable(group, partitions);
    if (partitions !== undefined)
      return partitions.map(({ topic, partition }) => entry(topic, partition, topics?.get(topic)?.get(partition)));
    const all: OffsetCommit[] = [];
    if (topics) for (const [topic, values] of topics) for (const [partition, value] of values) all.push(entry(topic, partition, value));
    return all;
  }

  has(group: string): boolean {
    return this.groups.has(group);
  }
  groupIds(): IterableIterator<string> {
    return this.groups.keys();
  }

  private checkStable(group: string, partitions?: readonly TopicPartition[]): void {
    for (const list of this.pending.values())
      for (const p of list)
        if (p.group === group && (partitions === undefined || partitions.some((q) => q.topic === p.topic && q.partition === p.partition)))
          throw new BrokerError(
            "UNSTABLE_OFFSET_COMMIT",
            `an open transaction holds offsets of ${p.topic}-${p.partition} for group ${group}; try again once it has ended`,
          );
  }

  private encode(group: string, offsets: readonly OffsetCommit[], now: number): PendingOffset[] {
    this.builder.reset();
    return offsets.map(({ topic, partition, offset, leaderEpoch = -1, metadata }) => {
      const value = { offset, leaderEpoch, metadata: metadata ?? "", commitTimestamp: now };
      this.builder.append(now, encodeOffsetKey(group, topic, partition), encodeOffsetValue(value));
      return { group, topic, partition, value };
    });
  }

  private addPending(producer: number, offset: PendingOffset): void {
    const list = this.pending.get(producer);
    if (list) list.push(offset);
    else this.pending.set(producer, [offset]);
  }

  private put(group: string, topic: string, partition: number, value: OffsetValue): void {
    let topics = this.groups.get(group);
    if (!topics) this.groups.set(group, (topics = new Map()));
    let values = topics.get(topic);
    if (!values) topics.set(topic, (values = new Map()));
    values.set(partition, value);
  }

  private drop(group: string, topic: string, partition: number): void {
    const topics = this.groups.get(group);
    const values = topics?.get(topic);
    values?.delete(partition);
    if (values?.size === 0) topics?.delete(topic);
    if (topics?.size === 0) this.groups.delete(group);
  }
}

function entry(topic: string, partition: number, value: OffsetValue | undefined): OffsetCommit {
  return value === undefined
    ? { topic, partition, offset: -1, leaderEpoch: -1, metadata: "" }
    : { topic, partition, offset: value.offset, leaderEpoch: value.leaderEpoch, metadata: value.metadata };
}
