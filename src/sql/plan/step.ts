import type { SqlType } from "../../data/sql-type.js";
import type { Expression } from "./expression.js";

/**
 * The physical plan of a persistent query: a tree of steps, frozen, JSON, versioned. The command topic stores it; a restart
 * or an upgrade builds the topology from it and never plans again, so a released step's meaning never changes: a new
 * meaning is a new `step` name or a new optional field whose absence means what it meant before.
 *
 * A step's row is `[...key columns, ...value columns]` in the order of its `schema`. Expressions see that row followed by the
 * pseudo columns ROWTIME, ROWPARTITION, ROWOFFSET and, for windowed sources, WINDOWSTART, WINDOWEND (in this order; all
 * present always, null where they make no sense).
 */
export const PLAN_VERSION = 1;

export interface QueryPlan {
  readonly version: typeof PLAN_VERSION;
  readonly queryId: string;
  /** names of the sources read, of the sink written */
  readonly sources: readonly string[];
  readonly sink: string | null;
  readonly root: ExecutionStep;
}

export interface Column {
  readonly name: string;
  readonly type: SqlType;
}
export interface RowSchema {
  readonly key: readonly Column[];
  readonly value: readonly Column[];
}
export interface FormatInfo {
  /** AVRO, JSON, KAFKA, DELIMITED, NONE, … */
  readonly format: string;
  /** as `VALUE_DELIMITER`, `fullSchemaName`, `schemaId`; each format knows its own */
  readonly properties?: Readonly<Record<string, string>>;
  /** WRAP_SINGLES, UNWRAP_SINGLES */
  readonly features?: readonly string[];
}
export interface Formats {
  readonly key: FormatInfo;
  readonly value: FormatInfo;
}
export type WindowType = "TUMBLING" | "HOPPING" | "SESSION";
/** ms; `size` is a session's inactivity gap */
export interface WindowSpec {
  readonly type: WindowType;
  readonly size: number;
  readonly advance?: number;
  readonly retention?: number;
  readonly grace?: number;
  readonly emit: "changes" | "final";
}
export interface TimestampColumn {
  readonly column: string;
  readonly format?: string;
}

interface StepBase {
  /** Unique in the plan, stable; names stores and internal topics: `Project`, `Aggregate-GroupBy`, … */
  readonly id: string;
  readonly schema: RowSchema;
}

export interface SourceStep extends StepBase {
  readonly step: "stream-source" | "table-source";
  readonly topic: string;
  readonly formats: Formats;
  readonly timestamp?: TimestampColumn;
  /** the topic's keys are windowed */
  readonly window?: { readonly type: WindowType; readonly size?: number };
  /** value columns whose content is taken from the record's headers: `HEADERS` or `HEADER('k')` */
  readonly headers?: readonly { readonly column: string; readonly key: string | null }[];
  /** the older dialect: these key columns stand in the serialized value too (`KEY=` tables) */
  readonly keyInValue?: boolean;
  /** of a table, ms: a row that is not changed for so long is gone */
  readonly ttl?: number;
}
export interface FilterStep extends StepBase {
  readonly step: "filter";
  readonly source: ExecutionStep;
  readonly predicate: Expression;
}
/** New value columns; key columns renamed at most. */
export interface SelectStep extends StepBase {
  readonly step: "select";
  readonly source: ExecutionStep;
  /** one a value column of `schema` */
  readonly columns: readonly Expression[];
}
/** PARTITION BY: a new key (one expression a key column); written through a repartition topic where `internalFormats` is there. */
export interface SelectKeyStep extends StepBase {
  readonly step: "select-key";
  readonly source: ExecutionStep;
  readonly key: readonly Expression[];
  /** value columns of `schema`, in terms of the source's row */
  readonly columns: readonly Expression[];
  /** set where the output must be co-partitioned for a later step (not where the sink's topic does it) */
  readonly repartition?: { readonly formats: Formats };
}
/** Table functions: each row becomes as many as the longest list; `columns` are the source's value columns and these. */
export interface FlatMapStep extends StepBase {
  readonly step: "flat-map";
  readonly source: ExecutionStep;
  readonly functions: readonly Expression[];
}
/** Re-keys by the group expressions, ahead of `aggregate`. Of a table: old and new rows with undo. */
export interface GroupByStep extends StepBase {
  readonly step: "stream-group-by" | "table-group-by";
  readonly source: ExecutionStep;
  readonly by: readonly Expression[];
  /** `keyed`: written with the key's own format, for a join further on to find the rows with what lies by such keys */
  readonly repartition: { readonly formats: Formats; readonly needed: boolean; readonly keyed?: boolean };
}
export interface AggregateStep extends StepBase {
  readonly step: "aggregate";
  readonly source: GroupByStep;
  /** value columns carried along unchanged (the group's expressions), by position of the source's value columns */
  readonly carried: readonly number[];
  /** after the carried ones, one value column each */
  readonly aggregates: readonly AggregateCall[];
  readonly window?: WindowSpec;
  readonly formats: Formats;
}
export interface AggregateCall {
  /** `SUM(DOUBLE)`: the aggregate's stable overload id */
  readonly overload: string;
  readonly args: readonly Expression[];
  /** its constant arguments, already evaluated */
  readonly constants: readonly (string | number | boolean | null)[];
  readonly type: SqlType;
}
export type JoinType = "INNER" | "LEFT" | "RIGHT" | "FULL";
/** The row is left's columns and right's columns (as `select` steps ahead of it have named them); the key is the join's. */
export interface JoinStep extends StepBase {
  readonly step: "stream-stream-join" | "stream-table-join" | "table-table-join" | "foreign-key-join";
  readonly join: JoinType;
  readonly left: ExecutionStep;
  readonly right: ExecutionStep;
  /** where each value column comes from */
  readonly columns: readonly { readonly side: "left" | "right"; readonly part: "key" | "value"; readonly index: number }[];
  /** stream-stream: ms */
  readonly within?: { readonly before: number; readonly after: number; readonly grace?: number };
  /** over the joined row: rows of the same key are a match only where it is true; where not, an outer join's rows stand alone */
  readonly residual?: Expression;
  /** foreign-key: the left expression that names the right's key */
  readonly foreignKey?: Expression;
  readonly formats: { readonly left: Formats; readonly right: Formats };
  /** The sides' keys are encoded each in its own way: both pass through topics of the query's own. */
  readonly apart?: boolean;
}
/**
 * Of a stream each different row once, when it first comes. Of a table, whose columns are its key: that a row came to be there or went,
 * and no other change.
 */
export interface DistinctStep extends StepBase {
  readonly step: "distinct";
  readonly source: ExecutionStep;
  /** of a stream: equal rows lie in several partitions, and are brought together first */
  readonly repartition?: boolean;
}
/** The rows of both streams, whose schemas are this one's. */
export interface UnionStep extends StepBase {
  readonly step: "union";
  readonly left: ExecutionStep;
  readonly right: ExecutionStep;
}
export interface SuppressStep extends StepBase {
  readonly step: "suppress";
  readonly source: ExecutionStep;
  readonly window: WindowSpec;
}
export interface SinkStep extends StepBase {
  readonly step: "stream-sink" | "table-sink";
  readonly source: ExecutionStep;
  readonly topic: string;
  readonly formats: Formats;
  readonly timestamp?: TimestampColumn;
  readonly keyInValue?: boolean;
  /** of a table, ms: a row that is not changed for so long is gone, and its tombstone written */
  readonly ttl?: number;
}
export type ExecutionStep =
  | SourceStep
  | FilterStep
  | SelectStep
  | SelectKeyStep
  | FlatMapStep
  | GroupByStep
  | AggregateStep
  | JoinStep
  | UnionStep
  | DistinctStep
  | SuppressStep
  | SinkStep;
