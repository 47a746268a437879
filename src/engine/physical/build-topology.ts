import { MillraceError } from "../../common/errors.js";
import type { SchemaClient } from "../../schema-registry/client.js";
import type { Row } from "../../serde/row-serde.js";
import type { FunctionRegistry } from "../../sql/functions/registry.js";
import type { QueryPlan, RowSchema, WindowSpec } from "../../sql/plan/step.js";
import type { Topology } from "../../streams/topology/topology.js";

export interface BuildOptions {
  readonly registry: SchemaClient;
  readonly functions: FunctionRegistry;
  /** the query's properties, as `cache.max.bytes.buffering` */
  readonly properties?: Readonly<Record<string, string>>;
  /** partitions of a topic that the plan reads; decides whether a repartition topic is needed */
  readonly partitionsOf?: (topic: string) => number | undefined;
  /** Keeps the sink table's rows in a store for pull queries, where no aggregate's store does. Default true. */
  readonly materialize?: boolean;
}

/** Where a pull query finds the rows of the sink's table. */
export interface Materialization {
  /** for `QueryHandle.store` */
  readonly store: string;
  /** of the sink's rows, which `rowOf` returns */
  readonly schema: RowSchema;
  readonly window?: WindowSpec;
  /** A stored row as the sink's row `[...key, ...value]` (window start and end follow where windowed); null where a HAVING drops it. */
  readonly rowOf: (stored: Row, timestamp: number) => Row | null;
}

export interface PhysicalQuery {
  readonly topology: Topology;
  /** absent for streams */
  readonly materialization?: Materialization;
}

/** The executable form of a stored plan. Pure: opens nothing. @throws UNSUPPORTED for a step or version that this build does not know */
export function buildTopology(_plan: QueryPlan, _options: BuildOptions): PhysicalQuery {
  throw new MillraceError("UNSUPPORTED", "not built yet");
}
