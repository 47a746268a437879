import { optionalInt64, optionalString, snapshotSchema } from "../../cdc/envelope.js";
import { structNode } from "../../cdc/nodes.js";
import type { Node } from "../../connect/api/shape.js";
import { primitive, structOf, type Value } from "../../data/schema.js";

/** The version that source blocks name: that of the events which these are equal to. */
export const sourceVersion = "3.7.0.Final";

const string = primitive("string");
const int64 = primitive("int64");

export const sourceSchema = structOf(
  [
    ["version", string],
    ["connector", string],
    ["name", string],
    ["ts_ms", int64],
    ["snapshot", snapshotSchema],
    ["db", string],
    ["sequence", optionalString],
    ["ts_us", optionalInt64],
    ["ts_ns", optionalInt64],
    ["schema", string],
    ["table", string],
    ["txId", optionalInt64],
    ["lsn", optionalInt64],
    ["xmin", optionalInt64],
    ["origin", optionalString],
    ["origin_lsn", optionalInt64],
  ],
  { name: "io.debezium.connector.postgresql.Source", version: 1 },
);

/** The source block as a node, from the parts that differ; the others are constants. */
export function sourceNode(prefix: string, db: string, schema: string, table: string, parts: Partial<Record<string, Node | Value>>): Node {
  return structNode(sourceSchema, { version: sourceVersion, connector: "postgresql", name: prefix, db, schema, table, ...parts });
}
