import type { SchemaClient } from "../../schema-registry/client.js";
import type { Row } from "../../serde/row-serde.js";
import type { FunctionRegistry } from "../../sql/functions/registry.js";
import type { WindowSpec } from "../../sql/plan/step.js";
import type { TableGetterSupplier } from "../../streams/processor/table.js";
import type { KeyWindow } from "../../streams/topology/record-format.js";
import type { Topology } from "../../streams/topology/topology.js";

export interface BuildContext {
  readonly topology: Topology;
  readonly registry: SchemaClient;
  readonly functions: FunctionRegistry;
  readonly needed: ReadonlyMap<string, ReadonlySet<number>>;
  readonly coalesce: boolean;
  readonly timestampRequired: boolean;
  /** every input topic has one partition, so records need no topic to come together by key */
  readonly onePartition: boolean;
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
}
