import type { ConfigDef } from "../../common/config-def.js";
import type { Logger } from "../../common/logger.js";
import type { Metrics } from "../../common/metrics.js";
import type { Clock } from "../../common/time.js";
import type { SourceOffset, SourcePartition, SourceRecord } from "./record.js";
import type { RowChunk } from "./shape.js";

export type ConnectorConfig = Readonly<Record<string, string>>;

/** A named plug-in as /connector-plugins lists it. */
export interface PluginInfo {
  /** The class names that configs use, the first being the one listed. */
  readonly classes: readonly string[];
  readonly version: string;
  readonly config: ConfigDef;
  /** Which keys pass `config` unchecked (e.g. `topic.*` mappings), beside those with a leading underscore. */
  readonly freeKeys?: readonly RegExp[];
  /** Rewrites the config of this class before anything reads it (a managed name's keys and converters). */
  readonly translate?: (config: ConnectorConfig) => ConnectorConfig;
}

export interface ConfigProblem {
  readonly setting: string;
  readonly message: string;
}

export interface SourceConnector extends PluginInfo {
  readonly type: "source";
  /** Checks that need the outside (can it connect, does the table exist); every problem names its setting. */
  check?(config: ConnectorConfig, context: CheckContext): Promise<ConfigProblem[]>;
  /** One config a task. */
  taskConfigs(config: ConnectorConfig, maxTasks: number): ConnectorConfig[];
  createTask(): SourceTask;
  /** For PATCH /offsets: refuses what the connector could not start from. */
  checkOffsets?(offsets: readonly { partition: SourcePartition; offset: SourceOffset | null }[]): void;
}

export interface CheckContext {
  /** Maps a host and port as a config names them to where they are (`hosts`, the stack's own names). */
  resolveHost(host: string, port: number): { host: string; port: number };
}

export interface TaskContext extends CheckContext {
  readonly connector: string;
  readonly taskId: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** aborted when the task is to stop; poll must return soon after */
  readonly signal: AbortSignal;
}

export interface SourceTaskContext extends TaskContext {
  /** The last committed offset of a source partition, or undefined. */
  offset(partition: SourcePartition): SourceOffset | undefined;
  /** A topic of the connector's own (schema history, signals): appended durably, read to its end. */
  topic(name: string): ConnectorTopic;
  /** Sets a bad record aside in the error store (stage `source`), durably, before the offset moves on. */
  setAside(error: unknown, record: { topic?: string; position: string; raw?: Buffer }): Promise<void>;
}

export interface ConnectorTopic {
  append(key: string | null, value: string | null): Promise<void>;
  readAll(): Promise<{ key: string | null; value: string | null; offset: number }[]>;
}

/** What poll yields, in order. A Progress moves the stored offset without a record (a quiet table holds back no log). */
export type SourceItem = SourceRecord | RowChunk | Progress;
export interface Progress {
  readonly progress: true;
  readonly sourcePartition: SourcePartition;
  readonly sourceOffset: SourceOffset;
}

export interface SourceTask {
  start(config: ConnectorConfig, context: SourceTaskContext): Promise<void>;
  /**
   * What is there now, else waits for up to about 500 ms and then returns an empty array. Everything of one call is
   * committed in one transaction together with the offsets in it, so keep a call within about 1 MB or 10 ms.
   */
  poll(): Promise<readonly SourceItem[]>;
  /** Called once the transaction with these offsets is durable, so that the database may trim its log. */
  committed(offsets: readonly { partition: SourcePartition; offset: SourceOffset }[]): void;
  stop(): Promise<void>;
}
