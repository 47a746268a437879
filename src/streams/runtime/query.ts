import type { Broker } from "../../broker/api/broker.js";
import type { Logger } from "../../common/logger.js";
import type { Metrics } from "../../common/metrics.js";
import type { Clock } from "../../common/time.js";
import type { RecordHeader } from "../../data/headers.js";
import type { Row } from "../../serde/row-serde.js";
import type { ProcessingError } from "../processor/processor.js";
import type { StoreView } from "../state/store.js";
import type { Topology } from "../topology/topology.js";

/** A record that was set aside. Made durable by the callback before the input offset commits. */
export interface BadRecord {
  /** `DESERIALIZATION`, or the id of the step that refused it */
  readonly stage: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
  readonly cause: unknown;
}

export interface QueryOptions {
  readonly topology: Topology;
  /** Consumer group, transactional id, prefix of internal topics and of the state folder. */
  readonly applicationId: string;
  readonly broker: Broker;
  /** Folder of all queries' snapshots; absent: state lives in memory and is restored from the changelog. */
  readonly stateDir?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** `auto.offset.reset` (earliest), `commit.interval.ms` (5), `cache.max.bytes.buffering` (10 MB), … with or without `ksql.streams.` */
  readonly properties?: Readonly<Record<string, string>>;
  /** Collected while records run, awaited ahead of the commit. Without it a bad record is logged and skipped. */
  readonly onBadRecord?: (records: readonly BadRecord[]) => Promise<void>;
  /** What a processor throws sets the record aside, instead of ending the query: of code that is not ours. */
  readonly setAsideFailures?: boolean;
  readonly onProcessingError?: (error: ProcessingError & { topic: string; partition: number; offset: number }) => void;
}

export type QueryState = "CREATED" | "RESTORING" | "RUNNING" | "PAUSED" | "ERROR" | "CLOSED";

export interface InputLag {
  readonly topic: string;
  readonly partition: number;
  /** next offset to be read, as committed */
  readonly position: number;
  readonly endOffset: number;
  readonly lag: number;
}

export interface QueryStats {
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly badRecords: number;
  readonly commits: number;
  /** ms since the epoch of the last input record's processing, null before the first */
  readonly lastRecordAt: number | null;
  readonly inputs: readonly InputLag[];
  /** seconds from the source's commit time to our commit; NaN where unknown */
  readonly latencyP50: number;
  readonly latencyP99: number;
}

/** A row that a sink wrote, after its transaction committed. `row` null: deleted. */
export interface OutputRow {
  /** `[...key, ...value]` of the sink's schema; of a delete the key columns alone */
  readonly key: Row;
  readonly row: Row | null;
  readonly timestamp: number;
  readonly windowStart: number | null;
  readonly windowEnd: number | null;
}

/** A running persistent query. */
export interface QueryHandle {
  readonly applicationId: string;
  readonly state: QueryState;
  /** why `state` is ERROR */
  readonly error: Error | undefined;
  readonly topology: Topology;
  onStateChange(listener: (state: QueryState, error?: Error) => void): () => void;
  /** Commits, then stops reading. */
  pause(): Promise<void>;
  resume(): void;
  /** Commits what was processed, writes snapshots, releases everything. Stays resumable by the same applicationId. */
  close(): Promise<void>;
  /** After `close`: deletes internal topics, the group's offsets and the state folder (TERMINATE / DROP). */
  destroy(): Promise<void>;
  stats(): Promise<QueryStats>;
  /** Committed state by store name. @throws NOT_FOUND; TIMEOUT-like retriable while restoring */
  store(name: string): StoreView;
  storeNames(): readonly string[];
  /** Whether its stores are between two commits at this moment, not on the way from one to the next. */
  readonly atCommit: boolean;
  /** Rows of sink `sink` (the only one if absent) as each transaction commits. */
  subscribe(listener: (rows: readonly OutputRow[]) => void, sink?: string): () => void;
  /** Resolves when all that stood in the inputs at the time of the call is processed and committed. */
  drained(): Promise<void>;
}
