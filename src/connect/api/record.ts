import type { Schema, Value } from "../../data/schema.js";

/** Connect's header: a value with its schema. */
export interface ConnectHeader {
  readonly key: string;
  readonly schema: Schema | null;
  readonly value: Value;
}

export interface ConnectRecord {
  readonly topic: string;
  /** null: the partitioner of the producer decides (murmur2 of the key's bytes, as Kafka's default) */
  readonly partition: number | null;
  readonly keySchema: Schema | null;
  readonly key: Value;
  readonly valueSchema: Schema | null;
  readonly value: Value;
  /** ms */
  readonly timestamp: number | null;
  readonly headers: readonly ConnectHeader[];
}

export type SourcePartition = Readonly<Record<string, unknown>>;
export type SourceOffset = Readonly<Record<string, unknown>>;

export interface SourceRecord extends ConnectRecord {
  readonly sourcePartition: SourcePartition;
  readonly sourceOffset: SourceOffset;
  /** µs since the epoch when the source's transaction committed, if known; travels in the reserved header */
  readonly sourceTimeUs?: number;
}

export interface SinkRecord extends ConnectRecord {
  readonly partition: number;
  readonly offset: number;
  readonly sourceTimeUs?: number;
  /** The topic that it was read from, where a transform has given it another name: offsets are that one's. */
  readonly originalTopic?: string;
}
