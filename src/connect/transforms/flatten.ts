import { type Field, type Schema, Struct, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { fieldsOf, fieldValue, refused, requireMap, requireStruct, type Side, setting, sided } from "./side.js";
import { convertNode, withFields } from "./struct-edit.js";

interface Leaf {
  /** from the struct at the top to the one that has the field */
  readonly path: readonly Field[];
  readonly field: Field;
}
interface Plan {
  readonly schema: Schema;
  readonly leaves: readonly Leaf[];
}

/** Nested structs as fields of one level, named with a delimiter between. */
class Flatten implements Transformation {
  private readonly plans = new WeakMap<Schema, Plan>();

  constructor(
    private readonly delimiter: string,
    private readonly side: Side,
  ) {}

  apply<R extends ConnectRecord>(record: R): R {
    const { side } = this;
    const value = side.value(record);
    if (value === null) return record;
    const given = side.schema(record);
    if (given === null) return side.with(record, null, this.flatMap(requireMap(value, "flattening"), "", new Map()));
    const struct = requireStruct(value, given, "flattening");
    const { schema, leaves } = this.planOf(given);
    const values = leaves.map(({ path, field }) => {
      let at: Value = struct;
      for (const step of path) at = at instanceof Struct ? fieldValue(at, step, true) : null;
      return at instanceof Struct ? fieldValue(at, field, true) : null;
    });
    return side.with(record, schema, new Struct(schema, values));
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node === null || (node.kind === "const" && node.value === null)) return shape;
    if (node.kind !== "struct") return undefined;
    try {
      const { schema, leaves } = this.planOf(node.schema);
      const fields: Node[] = [];
      for (const [n, leaf] of leaves.entries()) {
        const next = leafNode(node, leaf, schema.fields![n]!.schema);
        if (!next) return undefined;
        fields.push(next);
      }
      return this.side.withNode(shape, { kind: "struct", schema, fields });
    } catch {
      return undefined;
    }
  }

  private planOf(schema: Schema): Plan {
    let plan = this.plans.get(schema);
    if (plan) return plan;
    const fields: [string, Schema][] = [];
    const leaves: Leaf[] = [];
    const walk = (s: Schema, prefix: string, path: readonly Field[], optionalAbove: boolean, fallback: Struct | null) => {
      for (const field of fieldsOf(s)) {
        const name = prefix ? `${prefix}${this.delimiter}${field.name}` : field.name;
        const optional = optionalAbove || field.schema.optional;
        const own = field.schema.default ?? (fallback ? fieldValue(fallback, field, true) : null);
        if (field.schema.type === "struct") {
          walk(field.schema, name, [...path, field], optional, own instanceof Struct ? own : null);
          continue;
        }
        if (field.schema.type === "map")
          throw refused(`Flatten transformation does not support MAP for record with schemas (for field ${name}).`);
        fields.push([name, Object.freeze({ ...field.schema, optional, ...(own === null ? {} : { default: own }) })]);
        leaves.push({ path, field });
      }
    };
    walk(schema, "", [], schema.optional, schema.default instanceof Struct ? schema.default : null);
    plan = { schema: withFields(schema, fields), leaves };
    this.plans.set(schema, plan);
    return plan;
  }

  private flatMap(map: Map<Value, Value>, prefix: string, out: Map<Value, Value>): Map<Value, Value> {
    for (const [key, value] of map) {
      const name = prefix ? `${prefix}${this.delimiter}${String(key)}` : String(key);
      if (value instanceof Map) this.flatMap(value as Map<Value, Value>, name, out);
      else out.set(name, value);
    }
    return out;
  }
}

function leafNode(node: Node, { path, field }: Leaf, schema: Schema): Node | undefined {
  let at: Node = node;
  for (const step of path) {
    if (at.kind === "struct") at = at.fields[step.index]!;
    else if (at.kind === "const") {
      const value: Value = at.value instanceof Struct ? fieldValue(at.value, step, true) : null;
      at = { kind: "const", schema: step.schema, value };
    } else return undefined;
  }
  if (at.kind === "const") return { kind: "const", schema, value: at.value instanceof Struct ? fieldValue(at.value, field, true) : null };
  return at.kind === "struct" ? convertNode(at.fields[field.index]!, schema, undefined, field.schema.default ?? null) : undefined;
}

export const flattenTransforms: readonly TransformPlugin[] = sided(
  "Flatten",
  [setting("delimiter", "Delimiter between the names of fields.", { default: "." })],
  (c, side) => new Flatten(c["delimiter"] ?? ".", side),
);
