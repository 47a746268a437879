import { type Field, type Schema, Struct, structOf, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { Transformation } from "../api/transform.js";
import { fieldsOf, refused, requireMap, requireStruct, type Side } from "./side.js";

/** Where a field of the new struct comes from. */
export type FieldSource =
  | {
      readonly from: number;
      /** what stands for null */
      readonly ifNull?: Value | undefined;
      readonly convert?: ((value: Value) => Value) | undefined;
    }
  | { readonly constant: Value };

/** A struct schema's change, the same for all its values: what a transform does, stated once for `apply` and `compile`. */
export interface StructEdit {
  readonly schema: Schema;
  readonly fields: readonly FieldSource[];
}

export interface NewField {
  readonly name: string;
  readonly schema: Schema;
  readonly source: FieldSource;
}

/** A schema of the same name, version, doc and parameters with other fields; whether it is optional is the caller's to say. */
export function withFields(schema: Schema, fields: readonly (readonly [string, Schema])[], extra: Partial<Schema> = {}): Schema {
  const names = new Set<string>();
  for (const [name] of fields) {
    if (names.has(name)) throw refused(`Cannot create field because of field name duplication ${name}`);
    names.add(name);
  }
  const { name, version, doc, parameters } = schema;
  const kept = Object.fromEntries(Object.entries({ name, version, doc, parameters, ...extra }).filter(([, v]) => v !== undefined));
  return structOf(fields, kept);
}

export function edit(schema: Schema, fields: readonly NewField[], extra: Partial<Schema> = {}): StructEdit {
  return {
    schema: withFields(
      schema,
      fields.map((f) => [f.name, f.schema] as const),
      extra,
    ),
    fields: fields.map((f) => f.source),
  };
}

/** A field as it is, but that null gives way to the default where the transform's setting says so. */
export function kept(field: Field, nullToDefault = false): NewField {
  return { name: field.name, schema: field.schema, source: sourceOf(field, nullToDefault) };
}

export function sourceOf(field: Field, nullToDefault: boolean): { from: number; ifNull?: Value } {
  const fallback = nullToDefault ? (field.schema.default ?? null) : null;
  return fallback === null ? { from: field.index } : { from: field.index, ifNull: fallback };
}

export function applyEdit(change: StructEdit, struct: Struct): Struct {
  const values = change.fields.map((f) => {
    if ("constant" in f) return f.constant;
    const value = struct.values[f.from] ?? f.ifNull ?? null;
    return f.convert ? f.convert(value) : value;
  });
  return new Struct(change.schema, values);
}

/** The edited node; undefined where the shape does not tell a field that must be converted. */
export function editNode(change: StructEdit, node: Node): Node | undefined {
  if (node.kind !== "struct") return undefined;
  const fields: Node[] = [];
  for (const [i, f] of change.fields.entries()) {
    const schema = change.schema.fields![i]!.schema;
    const next =
      "constant" in f
        ? ({ kind: "const", schema, value: f.constant } as const)
        : convertNode(node.fields[f.from]!, schema, f.convert, f.ifNull ?? null);
    if (next === undefined) return undefined;
    fields.push(next);
  }
  return { kind: "struct", schema: change.schema, fields };
}

/** A node whose values go through `convert`, null first giving way to `ifNull`; a converted column is always decoded. */
export function convertNode(
  node: Node,
  schema: Schema,
  convert: ((value: Value) => Value) | undefined,
  ifNull: Value = null,
): Node | undefined {
  if (node.kind === "const") {
    const value = node.value ?? ifNull;
    try {
      return { kind: "const", schema, value: convert ? convert(value) : value };
    } catch {
      return undefined;
    }
  }
  if (!convert && ifNull === null) return node.schema === schema ? node : ({ ...node, schema } as Node);
  if (node.kind !== "column") return undefined;
  const absent = node.ifNull ?? ifNull;
  if (!convert) return { ...node, schema, ifNull: absent };
  try {
    const { decode, column } = node;
    // the text is not that of the new value any more, so the fast encoders may not read it
    return {
      kind: "column",
      schema,
      column,
      text: { as: "other" },
      decode: (b, s, e) => convert(decode(b, s, e)),
      ifNull: convert(absent),
    };
  } catch {
    // a null is refused, row by row
    return undefined;
  }
}

/** A transform that edits one side's struct by its schema alone, or a schemaless map. Null passes through. */
export abstract class StructTransform implements Transformation {
  private readonly edits = new WeakMap<Schema, StructEdit>();

  constructor(
    protected readonly side: Side,
    private readonly purpose: string,
    /** whether null goes through as it is */
    private readonly passesNull = true,
  ) {}

  protected abstract plan(schema: Schema, fields: readonly Field[]): StructEdit;
  protected abstract schemaless(map: Map<Value, Value>): Map<Value, Value>;

  apply<R extends ConnectRecord>(record: R): R | null {
    const { side } = this;
    const value = side.value(record);
    const schema = side.schema(record);
    if (value === null && this.passesNull) return record;
    if (schema === null) return side.with(record, null, this.schemaless(requireMap(value, this.purpose)));
    const struct = requireStruct(value, schema, this.purpose);
    const change = this.editOf(schema);
    return side.with(record, change.schema, applyEdit(change, struct));
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const { side } = this;
    const node = side.node(shape);
    if (node === null || (node.kind === "const" && node.value === null)) return this.passesNull ? shape : undefined;
    if (node.kind !== "struct") return undefined;
    try {
      const next = editNode(this.editOf(node.schema), node);
      return next && side.withNode(shape, next);
    } catch {
      return undefined;
    }
  }

  private editOf(schema: Schema): StructEdit {
    let change = this.edits.get(schema);
    if (!change) this.edits.set(schema, (change = this.plan(schema, fieldsOf(schema))));
    return change;
  }
}
