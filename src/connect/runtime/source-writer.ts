import { partitionFor } from "../../broker/api/partitioner.js";
import type { BatchProducer } from "../../broker/api/producer.js";
import type { Clock } from "../../common/time.js";
import { nextTurn, sliceEnd } from "../../common/turn.js";
import type { RecordHeader } from "../../data/headers.js";
import type { Schema } from "../../data/schema.js";
import type { ErrorStage } from "../../errors/entry.js";
import type { Converter } from "../api/converter.js";
import { materializeRecord } from "../api/materialize.js";
import type { SourceRecord } from "../api/record.js";
import type { Node, RecordShape, RowChunk } from "../api/shape.js";
import type { SourceItem } from "../api/source.js";
import { type BadRecord, type ErrorPolicy, isRetriable } from "./error-policy.js";
import { canonical, type OffsetStore, type PartitionOffset } from "./offset-store.js";
import { type Converters, type RowEncoder, rowEncoder } from "./row-encoder.js";
import { sourceTimeHeader } from "./source-headers.js";
import type { TopicCreation } from "./topic-creation.js";
import type { TransformChain } from "./transform-chain.js";

export interface SourceWriterOptions {
  readonly connector: string;
  readonly producer: Pick<BatchProducer, "batch" | "partition" | "congested" | "room">;
  readonly chain: TransformChain;
  readonly converters: Converters;
  readonly topics: TopicCreation;
  readonly policy: ErrorPolicy;
  readonly offsets: OffsetStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A record as JSON, for the error store. */
  readonly render: (record: SourceRecord) => Pick<BadRecord, "key" | "value" | "headers">;
  readonly onTopic: (topic: string) => void;
}

/** How a shape's rows are written: not at all, by a generated encoder, or as records one by one. */
type Plan = "drop" | "records" | { readonly encoder: RowEncoder; readonly partitions: number };

/** Puts what a poll gave into the producer's open batches, and the offsets with it. */
export class SourceWriter {
  private readonly plans = new WeakMap<RecordShape, Plan>();
  private readonly prepared = new Map<Converter, Map<string, WeakSet<Schema>>>();
  private readonly topics = new Set<string>();
  private readonly pending = new Map<string, PartitionOffset>();
  private lastPartition: unknown;
  private lastKey = "";
  private rotation = 0;
  private until = 0;
  /** Source commit times of the records since `takeOffsets`, for latency: least and greatest, µs. */
  oldestTime = Number.POSITIVE_INFINITY;
  newestTime = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: SourceWriterOptions) {}

  /** Returns how many records it wrote. @throws what the error policy lets stop the task */
  async write(items: readonly SourceItem[]): Promise<number> {
    const { producer } = this.options;
    this.rotation++;
    this.until = sliceEnd();
    let written = 0;
    for (const item of items) {
      if ("shape" in item) written += await this.chunk(item);
      else if (!("progress" in item) && (await this.record(item, -1))) written++;
      if (performance.now() >= this.until) await this.rest();
      this.note(item.sourcePartition, item.sourceOffset);
      if (producer.congested) await producer.room();
    }
    // ahead of the offsets, which the caller commits next: what they pass over must be durable
    await this.options.policy.settled();
    return written;
  }

  /** Writes the offsets since the last call into the open batches and returns them. */
  takeOffsets(): PartitionOffset[] {
    const { producer, offsets, connector, clock } = this.options;
    const taken = [...this.pending.values()];
    const now = clock.now();
    for (const o of taken) {
      const { partition, key, value } = offsets.record(connector, o);
      producer.batch(offsets.topic, partition).append(now, key, value);
    }
    this.pending.clear();
    this.lastPartition = undefined;
    this.oldestTime = Number.POSITIVE_INFINITY;
    this.newestTime = Number.NEGATIVE_INFINITY;
    return taken;
  }

  private note(partition: PartitionOffset["partition"], offset: NonNullable<PartitionOffset["offset"]>): void {
    if (partition !== this.lastPartition) {
      this.lastPartition = partition;
      this.lastKey = canonical(partition);
    }
    this.pending.set(this.lastKey, { partition, offset });
  }

  private async chunk(chunk: RowChunk): Promise<number> {
    const { clock } = this.options;
    const plan = this.plans.get(chunk.shape) ?? (await this.plan(chunk.shape));
    if (plan === "drop") return 0;
    let written = 0;
    if (plan === "records") {
      for (let row = 0; row < chunk.count; row++) {
        if (await this.record(materializeRecord(chunk, row), row)) written++;
        if (performance.now() >= this.until) await this.rest();
      }
      return written;
    }
    const now = chunk.timestamp ?? clock.now();
    for (let row = 0; row < chunk.count; ) {
      const reached = this.encode(plan, chunk, row, now);
      const failed = reached < 0;
      const end = failed ? ~reached : reached;
      written += end - row;
      row = end;
      // The general way finds out what is wrong with this row, by stage, and the policy what becomes of it.
      if (failed && (await this.record(materializeRecord(chunk, row), row++))) written++;
      if (row < chunk.count && performance.now() >= this.until) await this.rest();
    }
    this.times(chunk);
    return written;
  }

  /** Returns the row it came to when the slice ended or the chunk did; `~row` where one could not be written. Synchronous, to be compiled well. */
  private encode({ encoder, partitions }: Exclude<Plan, string>, chunk: RowChunk, from: number, now: number): number {
    const { producer } = this.options;
    const { topic } = encoder.shape;
    const only = partitions === 1 ? producer.partition(topic, 0) : undefined;
    for (let row = from; row < chunk.count; row++) {
      try {
        const to = only ?? producer.partition(topic, partitionFor(encoder.key(chunk, row), partitions, this.rotation));
        encoder.append(to.open(), chunk, row, now);
      } catch {
        return ~row;
      }
      if ((row & 63) === 63 && performance.now() >= this.until) return row + 1;
    }
    return chunk.count;
  }

  private async rest(): Promise<void> {
    await nextTurn();
    this.until = sliceEnd();
  }

  /** The chunk's first and last commit times: rows are in the order of the source's log. */
  private times(chunk: RowChunk): void {
    const { sourceTimeSlot, slotCount } = chunk.shape;
    if (sourceTimeSlot === null || chunk.count === 0) return;
    this.time(chunk.slots[sourceTimeSlot]!);
    this.time(chunk.slots[(chunk.count - 1) * slotCount + sourceTimeSlot]!);
  }

  private time(us: number): void {
    if (us < this.oldestTime) this.oldestTime = us;
    if (us > this.newestTime) this.newestTime = us;
  }

  private async plan(shape: RecordShape): Promise<Plan> {
    const plan = await this.compile(shape);
    this.plans.set(shape, plan);
    return plan;
  }

  private async compile(shape: RecordShape): Promise<Plan> {
    const { chain, converters, topics } = this.options;
    const compiled = chain.compile(shape);
    if (compiled === "drop") return "drop";
    if (compiled === undefined) return "records";
    try {
      const partitions = await topics.ensure(compiled.topic, compiled.key !== null);
      await this.prepareNode(converters.key, compiled.topic, compiled.key);
      await this.prepareNode(converters.value, compiled.topic, compiled.value);
      const encoder = rowEncoder(compiled, converters);
      if (!encoder) return "records";
      this.used(compiled.topic);
      return { encoder, partitions };
    } catch (error) {
      if (isBroker(error) || isRetriable(error)) throw error;
      // A schema that is refused is each record's own error, with its place in the error store.
      return "records";
    }
  }

  private async prepareNode(converter: Converter, topic: string, node: Node | null): Promise<void> {
    if (node !== null && !(node.kind === "const" && node.value === null)) await this.prepare(converter, topic, node.schema);
  }

  private prepare(converter: Converter, topic: string, schema: Schema | null): Promise<void> | undefined {
    if (!converter.prepareWrite || schema === null) return undefined;
    let byTopic = this.prepared.get(converter);
    if (!byTopic) this.prepared.set(converter, (byTopic = new Map()));
    let known = byTopic.get(topic);
    if (!known) byTopic.set(topic, (known = new WeakSet()));
    if (known.has(schema)) return undefined;
    const { policy, signal } = this.options;
    const schemas = known;
    return policy.retried(() => converter.prepareWrite!(topic, schema), signal).then(() => void schemas.add(schema));
  }

  /** @param row its row in a chunk, -1 for a record of its own */
  private async record(record: SourceRecord, row: number): Promise<boolean> {
    const { chain, policy, clock } = this.options;
    const time = record.sourceTimeUs;
    if (time !== undefined) this.time(time);
    let stage: ErrorStage = "transform";
    try {
      const out = chain.empty ? record : await this.transformed(record);
      if (out === null) return false;
      stage = "convert";
      await this.append(out, clock.now());
      return true;
    } catch (error) {
      if (isBroker(error) || isRetriable(error)) throw error;
      const position = `${canonical(record.sourcePartition)}${canonical(record.sourceOffset)}${row >= 0 ? `#${row}` : ""}`;
      const rendered = this.options.render(record);
      await policy.refuse(stage, error, {
        topic: record.topic,
        partition: -1,
        offset: -1,
        position,
        timestamp: record.timestamp ?? -1,
        ...rendered,
      });
      return false;
    }
  }

  /** Synchronous unless a transform fails in passing. */
  private transformed(record: SourceRecord): SourceRecord | null | Promise<SourceRecord | null> {
    const { chain, policy, signal } = this.options;
    try {
      return chain.apply(record);
    } catch (error) {
      if (!isRetriable(error)) throw error;
      return policy.retried(() => chain.apply(record), signal, error);
    }
  }

  private async append(record: SourceRecord, now: number): Promise<void> {
    const { converters, topics, producer } = this.options;
    const { topic } = record;
    const count = topics.partitions(topic) ?? (await topics.ensure(topic, record.key !== null));
    const preparing = record.key === null ? undefined : this.prepare(converters.key, topic, record.keySchema);
    if (preparing) await preparing;
    const preparingValue = record.value === null ? undefined : this.prepare(converters.value, topic, record.valueSchema);
    if (preparingValue) await preparingValue;
    const headers: RecordHeader[] = record.headers.map((h) => ({
      key: h.key,
      value: converters.header.fromConnect(topic, h.schema, h.value),
    }));
    const key = converters.key.fromConnect(topic, record.keySchema, record.key, headers);
    const value = converters.value.fromConnect(topic, record.valueSchema, record.value, headers);
    if (record.sourceTimeUs !== undefined) headers.push(sourceTimeHeader(record.sourceTimeUs));
    const partition = record.partition ?? partitionFor(key, count, this.rotation);
    producer.batch(topic, partition).append(record.timestamp ?? now, key, value, headers);
    this.used(topic);
  }

  private used(topic: string): void {
    if (this.topics.has(topic)) return;
    this.topics.add(topic);
    this.options.onTopic(topic);
  }
}

/** The broker's own failures are the task's, not one record's. */
function isBroker(error: unknown): boolean {
  return error instanceof Error && error.name === "BrokerError";
}
