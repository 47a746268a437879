import { MillraceError } from "../../common/errors.js";
import type { SqlType } from "../../data/sql-type.js";
import type { SchemaClient } from "../../schema-registry/client.js";
import type { Row } from "../../serde/row-serde.js";
import type { FunctionRegistry } from "../../sql/functions/registry.js";
import { sourceSteps } from "../../sql/plan/source-steps.js";
import { type ExecutionStep, PLAN_VERSION, type QueryPlan, type RowSchema, type SinkStep, type WindowSpec } from "../../sql/plan/step.js";
import { MaterializeSink } from "../../streams/processor/table.js";
import { internalFormat } from "../../streams/topology/internal-format.js";
import { Topology } from "../../streams/topology/topology.js";
import type { BuildContext, Built } from "./built.js";
import { neededColumns } from "./needed-columns.js";
import { buildStep } from "./steps.js";
import { sinkFormat, timestampReader } from "./topic-formats.js";

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
  /** A stored row as the sink's row `[...key, ...value, ...pseudo]`; null where a HAVING drops it. */
  readonly rowOf: (stored: Row, timestamp: number) => Row | null;
}

export interface PhysicalQuery {
  readonly topology: Topology;
  /** absent for streams */
  readonly materialization?: Materialization;
}

/** The executable form of a stored plan. Pure: opens nothing. @throws UNSUPPORTED for a step or version that this build does not know */
export function buildTopology(plan: QueryPlan, options: BuildOptions): PhysicalQuery {
  if (plan.version !== PLAN_VERSION) throw new MillraceError("UNSUPPORTED", `plan version ${plan.version} is not known to this version`);
  const { root } = plan;
  const topology = new Topology();
  const context: BuildContext = {
    topology,
    registry: options.registry,
    functions: options.functions.configured(options.properties ?? {}),
    needed: neededColumns(root),
    sources: new Map(),
    coalesce: coalesces(options.properties),
    timestampRequired: options.properties?.["ksql.timestamp.throw.on.invalid"] === "true",
    onePartition: sourceSteps(root).every(({ topic }) => options.partitionsOf?.(topic) === 1),
  };
  const isSink = root.step === "stream-sink" || root.step === "table-sink";
  const sourceTable = root.step === "table-source" && options.materialize !== false;
  const ttl = root.step === "table-sink" && root.ttl !== undefined ? { ttl: root.ttl } : {};
  const built = buildStep(isSink ? root.source : root, context, { old: sourceTable, ...ttl });
  // CREATE SOURCE TABLE: the source's own store answers pull queries, and nothing is written.
  if (sourceTable)
    return { topology, materialization: { store: `${root.id}-Materialize`, schema: root.schema, rowOf: (stored) => stored } };
  return isSink ? addSink(root, built, context, options) : addSubscribers(root, built, context);
}

function addSink(root: SinkStep, built: Built, context: BuildContext, options: BuildOptions): PhysicalQuery {
  const { topology } = context;
  const format = sinkFormat(root, built.window, context.registry, built.keyIsRecord);
  const timestampOf = timestampReader(root.timestamp, root.schema);
  let { parents } = built;
  let materialization: Materialization | undefined;
  if (root.step === "table-sink") {
    if (built.pull) {
      const { store, rowOf, window } = built.pull;
      materialization = { store, schema: root.schema, rowOf: (stored) => rowOf(stored), ...(window ? { window } : {}) };
    } else if ((options.materialize !== false || root.ttl !== undefined) && built.window === undefined) {
      const store = "Sink-Materialize";
      topology.addStore({ name: store, kind: "key-value", schema: root.schema, changelog: { type: "sink", sink: root.id } });
      topology.addProcessor(store, () => new MaterializeSink(store, context.coalesce, root.ttl), parents, [store]);
      parents = [store];
      materialization = { store, schema: root.schema, rowOf: asWritten(root) };
    }
  }
  topology.addSink({ name: root.id, topic: root.topic, format, ...(timestampOf ? { timestampOf } : {}) }, parents);
  return { topology, ...(materialization ? { materialization } : {}) };
}

/** A row as the sink's topic has it: Protobuf by itself has no nulls, they become its defaults. */
function asWritten({ formats, schema }: SinkStep): (stored: Row) => Row {
  const { format, properties } = formats.value;
  if (!format.startsWith("PROTOBUF") || properties?.["nullableRepresentation"] !== undefined) return (stored) => stored;
  const first = schema.key.length;
  const defaults = schema.value.map(({ type }) => protobufDefault(type));
  return (stored) => {
    const row = stored.slice();
    defaults.forEach((value, i) => {
      row[first + i] ??= value;
    });
    return row;
  };
}

function protobufDefault({ base }: SqlType): unknown {
  switch (base) {
    case "INTEGER":
    case "BIGINT":
    case "DOUBLE":
      return 0;
    case "BOOLEAN":
      return false;
    case "STRING":
      return "";
    case "BYTES":
      return Buffer.alloc(0);
    case "ARRAY":
      return [];
    case "MAP":
      return new Map();
    default:
      return null;
  }
}

/** A push query: what reaches the root goes to whoever subscribes. */
function addSubscribers(root: ExecutionStep, built: Built, { topology }: BuildContext): PhysicalQuery {
  const format = { ...internalFormat(root.schema), ...(built.window ? { window: built.window } : {}) };
  topology.addSink({ name: "Subscribers", topic: "", subscribersOnly: true, format }, built.parents);
  return { topology };
}

/** `cache.max.bytes.buffering` (or its newer name) of 0 turns coalescing off. */
function coalesces(properties: Readonly<Record<string, string>> = {}): boolean {
  for (const name of ["cache.max.bytes.buffering", "statestore.cache.max.bytes"])
    for (const key of [`ksql.streams.${name}`, name]) if (properties[key] !== undefined) return Number(properties[key]) > 0;
  return true;
}
