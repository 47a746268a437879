import type { SchemaClient } from "../../schema-registry/client.js";
import type { Row } from "../../serde/row-serde.js";
import type { FunctionRegistry } from "../../sql/functions/registry.js";
import type { WindowSpec } from "../../sql/plan/step.js";
import type { TableGetterSupplier } from "../../streams/processor/table.js";
import type { KeyWindow } from "../../streams/topology/record-format.js";
import type { Topology } from "../../streams/topology/topology.js";
import type { NeededColumns } from "./needed-columns.js";

export interface BuildContext {
  readonly topology: Topology;
  readonly registry: SchemaClient;
  readonly functions: FunctionRegistry;
  readonly needed: NeededColumns;
  /** what reads each topic, by `sourceKey`: a topic that a plan reads twice has one reader, as its position is committed once */
  readonly sources: Map<string, SharedSource>;
  readonly coalesce: boolean;
  readonly timestampRequired: boolean;
  /** every input topic has one partition, so records need no topic to come together by key */
  readonly onePartition: boolean;
}

export interface SharedSource {
  readonly id: string;
  /** of a table: its rows as they come, and with the row before each */
  plain?: Built;
  kept?: Built;
}

/** A step's part of the topology. */
export interface Built {
  /** nodes that hand on the step's rows */
  readonly parents: string[];
  readonly kind: "stream" | "table";
  /** changes carry the row before them */
  readonly knowsOld: boolean;
  /** PARTITION BY has made the key: its columns are there, if only as nulls */
  readonly keyIsRecord?: boolean;
  /** keys are windowed */
  readonly window?: KeyWindow;
  /** of tables that are kept: how to look a row up, and the stores that this needs */
  readonly getter?: TableGetterSupplier;
  readonly stores: readonly string[];
  /** where pull queries find the rows */
  readonly pull?: { readonly store: string; readonly rowOf: (stored: Row) => Row | null; readonly window?: WindowSpec };
  /** source nodes (repartition topics included) whose partitions the rows lie in */
  readonly sources: readonly string[];
}

export interface Wanted {
  /** downstream takes rows back, or looks them up */
  readonly old: boolean;
  /** of the table that is written, ms: passed on to where its rows are kept */
  readonly ttl?: number;
}
