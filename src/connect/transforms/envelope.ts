import { fieldNamed, type Schema, Struct, type Value } from "../../data/schema.js";
import type { Node } from "../api/shape.js";

/** Whether a schema is Debezium's change envelope. */
export function isEnvelope(schema: Schema | null): boolean {
  return schema?.type === "struct" && (schema.name?.endsWith(".Envelope") ?? false) && fieldNamed(schema, "op") !== undefined;
}

/** A node's field, through constant structs too. */
export function childOf(node: Node, name: string): Node | undefined {
  const field = node.schema.fields && fieldNamed(node.schema, name);
  if (!field) return undefined;
  if (node.kind === "struct") return node.fields[field.index];
  if (node.kind !== "const") return undefined;
  return { kind: "const", schema: field.schema, value: node.value instanceof Struct ? node.value.values[field.index]! : null };
}

/** What a field reference names: `op`, `source.ts_ms`, `transaction.id`; a bare name is the envelope's own, else the source's. */
export interface FieldReference {
  readonly path: readonly string[];
  readonly name: string;
}

/** `op,table,source.ts_ms:time` with a prefix: `__op`, `__table`, `__time`. */
export function fieldReferences(text: string | undefined, prefix: string): FieldReference[] {
  return (text ?? "")
    .split(",")
    .map((s) => s.trim())
    .filter(Boolean)
    .map((item) => {
      const [path, renamed] = item.split(":", 2).map((s) => s.trim());
      const parts = path!.split(".");
      return { path: parts, name: prefix + (renamed || parts.join("_")) };
    });
}

/** The path within this envelope's schema; undefined where there is no such field. */
export function resolvePath(schema: Schema, path: readonly string[]): readonly string[] | undefined {
  const has = (p: readonly string[]) => {
    let at: Schema | undefined = schema;
    for (const name of p) at = at?.fields ? fieldNamed(at, name)?.schema : undefined;
    return at !== undefined;
  };
  if (has(path)) return path;
  // Connect documents a bare name as the envelope's own field or its source's.
  return path.length === 1 && has(["source", ...path]) ? ["source", ...path] : undefined;
}

export function schemaAt(schema: Schema, path: readonly string[]): Schema {
  return path.reduce((at, name) => fieldNamed(at, name)!.schema, schema);
}

export function valueAt(struct: Struct, path: readonly string[]): Value {
  let at: Value = struct;
  for (const name of path) at = at instanceof Struct ? (at.get(name) ?? null) : null;
  return at;
}

export function nodeAt(node: Node, path: readonly string[]): Node | undefined {
  let at: Node | undefined = node;
  for (const name of path) at = at && childOf(at, name);
  return at;
}
