import { optionalInt64, optionalString, snapshotSchema } from "../../cdc/envelope.js";
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

export function constant(schema: Node["schema"], value: Value): Node {
  return { kind: "const", schema, value };
}

/** The source block as a node, from the parts that differ; the others are constants. */
export function sourceNode(prefix: string, db: string, schema: string, table: string, parts: Partial<Record<string, Node | Value>>): Node {
  const all: Record<string, Node | Value> = {
    version: sourceVersion,
    connector: "postgresql",
    name: prefix,
    db,
    schema,
    table,
    sequence: null,
    txId: null,
    lsn: null,
    xmin: null,
    origin: null,
    origin_lsn: null,
    ...(parts as Record<string, Node | Value>),
  };
  return {
    kind: "struct",
    schema: sourceSchema,
    fields: sourceSchema.fields!.map((f) => {
      const part = all[f.name] as Node | Value;
      return isNode(part) ? part : constant(f.schema, part);
    }),
  };
}

function isNode(part: Node | Value): part is Node {
  return part !== null && typeof part === "object" && "kind" in part;
}
