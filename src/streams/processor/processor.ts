import type { RecordHeader } from "../../data/headers.js";
import type { Row } from "../../serde/row-serde.js";
import type { StateStore } from "../state/store.js";

/**
 * One node of a task's graph. Synchronous: only poll, fetch, produce and commit await.
 *
 * A row is `[...key columns, ...value columns, ...pseudo columns]`. `key` is any array whose first positions hold the key
 * columns; where there is a row it may be the row itself. `row` is null for a table's delete and for a stream's null value.
 * `old` is a table's row before this change, null where there was none and for streams. Arrays that were handed on are never
 * changed again.
 */
export interface Processor {
  /** Called once, children first. */
  init?(context: ProcessorContext): void;
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void;
  /** Ahead of every commit, upstream first: hands on up to `limit` rows of what was held back. False while more is left. */
  flush?(limit: number): boolean;
}

export type PunctuationType = "stream-time" | "wall-clock";

/** What a processor sees of its task. */
export interface ProcessorContext {
  /** `<sub-topology>_<partition>` */
  readonly taskId: string;
  readonly partition: number;
  /** The children, as one processor. */
  readonly next: Processor;
  /** Largest record timestamp so far, -1 before the first. */
  readonly streamTime: number;
  /** Nothing of the inputs is left to be read now. */
  readonly idle: boolean;
  /** ms since the epoch on the query's clock */
  now(): number;
  /** The input record that is being processed. */
  readonly record: RecordContext;
  /**
   * The source's commit time of what is being handed on, µs since the epoch, -1 unknown. A processor that combines inputs
   * sets it to the latest of theirs before it forwards.
   */
  sourceTime: number;
  store<S extends StateStore>(name: string): S;
  /** Calls back every `intervalMs` of stream time or wall clock, between records. Returns how to cancel. */
  schedule(intervalMs: number, type: PunctuationType, punctuate: (timestamp: number) => void): () => void;
  /** Sets the input record aside, with why. */
  reportBad(stage: string, cause: unknown): void;
  /** An expression failed on this record: it went on with null, or was dropped. For the processing log. */
  logError(error: ProcessingError): void;
}

export interface RecordContext {
  topic: string;
  partition: number;
  offset: number;
  timestamp: number;
  /** without the reserved header */
  headers: readonly RecordHeader[];
}

export interface ProcessingError {
  /** the step's id */
  readonly stage: string;
  readonly message: string;
  readonly cause?: unknown;
}
