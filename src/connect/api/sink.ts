import type { Schema } from "../../data/schema.js";
import type { TopicPartition } from "../../data/topic-partition.js";
import type { PackedColumn } from "./packed-column.js";
import type { SinkRecord } from "./record.js";
import type { CheckContext, ConfigProblem, ConnectorConfig, PluginInfo, TaskContext } from "./source.js";

export interface SinkConnector extends PluginInfo {
  readonly type: "sink";
  check?(config: ConnectorConfig, context: CheckContext): Promise<ConfigProblem[]>;
  taskConfigs(config: ConnectorConfig, maxTasks: number): ConnectorConfig[];
  /** A promise where the task's code, and a driver with it, is loaded only now. */
  createTask(): SinkTask | Promise<SinkTask>;
  /**
   * For PATCH and DELETE of /offsets, while the connector is stopped: a sink that keeps its offsets in its target changes
   * them there (null: forgets them). The group's offsets are changed afterwards.
   */
  alterOffsets?(config: ConnectorConfig, offsets: readonly SinkOffset[], context: SinkOffsetContext): Promise<void>;
}

export interface SinkOffset extends TopicPartition {
  readonly offset: number | null;
}
export interface SinkOffsetContext extends CheckContext {
  readonly connector: string;
  readonly clusterId: string;
  topicId(topic: string): string;
}

export interface SinkTaskContext extends TaskContext {
  readonly clusterId: string;
  /** The topic's id: a topic created anew under the same name has another. */
  topicId(topic: string): string;
  /**
   * The next offset to read, on assignment and afterwards (after a failed transaction). Used by a sink that keeps its
   * offsets in its target.
   */
  seek(tp: TopicPartition, offset: number): void;
  /**
   * Sets one refused record aside in the error store (and in the dead letter queue, by `errors.*`); rejects where the config
   * says that an error stops the task. Durable once it resolves, so before the record's offset is. Report many without waiting
   * for each: those under way at once are written together.
   */
  reportError(record: SinkRecord, error: unknown): Promise<void>;
  pause(tp: readonly TopicPartition[]): void;
  resume(tp: readonly TopicPartition[]): void;
  /** What this sink's `offsetMetadata` gave for the offset that the partition starts from; null where there is none. */
  committedMetadata?(tp: TopicPartition): string | null;
}

export interface SinkTask {
  start(config: ConnectorConfig, context: SinkTaskContext): Promise<void>;
  /** Partitions that this task now has; a task with offsets of its own calls `context.seek` here. */
  open(partitions: readonly TopicPartition[]): Promise<void>;
  /**
   * Takes the records of one poll, which may be many partitions'. Resolving means "taken", not "durable": the runtime keeps
   * polling while puts run, up to a bound in bytes, and asks `flush` before it commits. Throwing a retriable error makes the
   * runtime put the same records again.
   */
  put(records: readonly SinkRecord[]): Promise<void>;
  /**
   * Resolves once everything put before is durable in the target; returns the next offsets that are, by partition.
   */
  flush(): Promise<ReadonlyMap<string, number>>;
  /**
   * A text that is committed with the group's offset once everything put so far is durable; asked after each put. For a sink
   * that must go on, after a restart, from what it derived of the records before.
   */
  offsetMetadata?(tp: TopicPartition): string;
  /**
   * true: `put` may be called while `flush` runs, which then covers what was put before it was called. Otherwise the runtime
   * waits for one before it calls the other.
   */
  readonly overlapsFlush?: boolean;
  /**
   * Writes records that were set aside before, whatever offsets the target has; resolves once they are durable. Without it
   * the runtime uses `put` and `flush`, which a task that keeps offsets in its target would skip.
   */
  replay?(records: readonly SinkRecord[]): Promise<void>;
  close(partitions: readonly TopicPartition[]): Promise<void>;
  stop(): Promise<void>;
  /**
   * The fast way: takes batches of records that are still encoded, with decoders for the columns it asked for. Optional;
   * without it the runtime decodes to SinkRecords and calls `put`.
   */
  putRows?(batch: SinkRows): Promise<void>;
}

/**
 * Records of one partition with one key schema and one value schema, decoded column by column. `values[c][r]` is the value
 * of field c of row r: what Value says, strings and all. A tombstone's row has `tombstone[r] = 1` and undefined columns.
 */
export interface SinkRows {
  readonly topic: string;
  /** The topic that they were read from, where a transform has given them another name: offsets are that one's. */
  readonly originalTopic?: string;
  readonly partition: number;
  readonly keySchema: Schema | null;
  readonly valueSchema: Schema | null;
  readonly count: number;
  /** by field of the key's struct; a primitive key is one column */
  readonly keys: readonly (readonly unknown[])[];
  readonly values: readonly (readonly unknown[])[];
  /** The same columns for a sink that writes bytes: mostly without a JavaScript value for each. A tombstone's row is null in the values. */
  readonly packedKeys?: readonly PackedColumn[];
  readonly packedValues?: readonly PackedColumn[];
  readonly tombstone: Uint8Array;
  readonly offsets: Float64Array;
  readonly timestamps: Float64Array;
  /** µs, NaN where unknown */
  readonly sourceTimes: Float64Array;
  /** The bytes that these records take in the log, about. */
  readonly bytes?: number;
  /** The whole record of one row, for what the fast way cannot do. */
  record(row: number): SinkRecord;
}
