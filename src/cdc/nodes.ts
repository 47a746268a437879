import type { Node, RecordShape } from "../connect/api/shape.js";
import { primitive, type Schema, type Value } from "../data/schema.js";
import { optionalInt64 } from "./envelope.js";

const string = primitive("string");

export function constant(schema: Schema, value: Value): Node {
  return { kind: "const", schema, value };
}

/**
 * A number of up to 19 digits as the text of a column: nanoseconds since the epoch are beyond a double.
 * @param slot has the same in microseconds
 */
export function digits(column: number, slot: number): Node {
  return {
    kind: "column",
    schema: optionalInt64,
    column,
    text: { as: "int", with: slot },
    decode: (b, s, e) => {
      const big = BigInt(b.toString("latin1", s, e));
      return big <= 9007199254740991n ? Number(big) : big;
    },
  };
}

/** A struct's node from the parts that are given by name, nodes or constants; the others are null. */
export function structNode(schema: Schema, parts: Readonly<Record<string, Node | Value | undefined>>): Node {
  return {
    kind: "struct",
    schema,
    fields: schema.fields!.map((f) => {
      const part = parts[f.name] ?? null;
      return isNode(part) ? part : constant(f.schema, part);
    }),
  };
}

function isNode(part: Node | Value): part is Node {
  return part !== null && typeof part === "object" && "kind" in part;
}

/** The headers that every data record carries. */
export function contextHeaders(connector: string, prefix: string, taskId: number, runId: string): RecordShape["headers"] {
  const entry = (name: string, value: string) => ({ key: `__debezium.context.${name}`, node: constant(string, value) });
  return [entry("connectorLogicalName", prefix), entry("taskId", String(taskId)), entry("connectorName", connector), entry("runId", runId)];
}
