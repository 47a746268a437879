import { optionalInt64, optionalString, snapshotSchema } from "../../cdc/envelope.js";
import { structNode } from "../../cdc/nodes.js";
import type { Node } from "../../connect/api/shape.js";
import { primitive, type Schema, Struct, structOf, type Value } from "../../data/schema.js";

export type Flavor = "mysql" | "mariadb";

/** The version that source blocks name: that of the events which these are equal to. */
export const sourceVersion = "3.6.1.Final";

const string = primitive("string");
const int64 = primitive("int64");

function schemaOf(flavor: Flavor): Schema {
  return structOf(
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
      ["table", optionalString],
      ["server_id", int64],
      ["gtid", optionalString],
      ["file", string],
      ["pos", int64],
      ["row", primitive("int32")],
      ["thread", optionalInt64],
      ["query", optionalString],
    ],
    { name: `io.debezium.connector.${flavor}.Source`, version: 1 },
  );
}

export const sourceSchemas: Readonly<Record<Flavor, Schema>> = { mysql: schemaOf("mysql"), mariadb: schemaOf("mariadb") };

/** The source block as a node, from the parts that differ; what is not given is null. */
export function sourceNode(flavor: Flavor, prefix: string, db: string, table: string | null, parts: Record<string, Node | Value>): Node {
  return structNode(sourceSchemas[flavor], { version: sourceVersion, connector: flavor, name: prefix, db, table, ...parts });
}

/** The source block of a record that is made one at a time. */
export function sourceStruct(flavor: Flavor, prefix: string, db: string, table: string | null, parts: Record<string, Value>): Struct {
  const schema = sourceSchemas[flavor];
  const all: Record<string, Value> = { version: sourceVersion, connector: flavor, name: prefix, db, table, ...parts };
  return new Struct(
    schema,
    schema.fields!.map((f) => all[f.name] ?? null),
  );
}

export function nanos(us: number): number | bigint {
  const ns = BigInt(us) * 1000n;
  return ns <= 9007199254740991n ? Number(ns) : ns;
}
