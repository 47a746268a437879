import { Decimal, type Field, fieldNamed, type Schema, type SchemaType, Struct, structOf, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { isJavaDate } from "./dates.js";
import { FieldPath } from "./field-path.js";
import {
  fieldValue,
  javaClass,
  listOf,
  plain,
  refused,
  replaceNull,
  replacesNull,
  requireMap,
  requireStruct,
  type Side,
  setting,
  sided,
} from "./side.js";
import { convertNode, edit, type NewField, type StructEdit, StructTransform, sourceOf } from "./struct-edit.js";

class ExtractField implements Transformation {
  private readonly path: FieldPath;
  private readonly nullToDefault: boolean;

  constructor(
    config: ConnectorConfig,
    private readonly side: Side,
  ) {
    this.path = new FieldPath((config["field"] ?? "").trim(), config["field.syntax.version"]?.trim().toUpperCase() === "V2" ? "V2" : "V1");
    this.nullToDefault = replacesNull(config);
  }

  apply<R extends ConnectRecord>(record: R): R {
    const { side, path } = this;
    const value = side.value(record);
    const schema = side.schema(record);
    if (schema === null) return side.with(record, null, value === null ? null : path.valueInMap(requireMap(value, "field extraction")));
    const struct = value === null ? null : requireStruct(value, schema, "field extraction");
    const field = path.fieldIn(schema);
    if (!field) throw refused(`Unknown field: ${path.text}`);
    return side.with(record, field.schema, struct && path.valueIn(struct, this.nullToDefault));
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node === null) return shape;
    let at = node;
    for (const step of this.path.steps) {
      const field = at.schema.fields && fieldNamed(at.schema, step);
      if (!field) return undefined;
      const fallback = this.nullToDefault ? (field.schema.default ?? null) : null;
      const next =
        at.kind === "struct"
          ? convertNode(at.fields[field.index]!, field.schema, undefined, fallback)
          : isNull(at)
            ? ({ kind: "const", schema: field.schema, value: null } as const)
            : undefined;
      if (!next) return undefined;
      at = next;
    }
    return this.side.withNode(shape, at);
  }
}

const isNull = (node: Node) => node.kind === "const" && node.value === null;

class HoistField implements Transformation {
  private readonly schemas = new WeakMap<Schema, Schema>();

  constructor(
    private readonly field: string,
    private readonly side: Side,
  ) {}

  apply<R extends ConnectRecord>(record: R): R {
    const schema = this.side.schema(record);
    const value = this.side.value(record);
    if (schema === null) return this.side.with(record, null, new Map([[this.field, value]]));
    const hoisted = this.schemaOf(schema);
    return this.side.with(record, hoisted, new Struct(hoisted, [value]));
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node === null) return undefined;
    return this.side.withNode(shape, { kind: "struct", schema: this.schemaOf(node.schema), fields: [node] });
  }

  private schemaOf(schema: Schema): Schema {
    let hoisted = this.schemas.get(schema);
    if (!hoisted) this.schemas.set(schema, (hoisted = structOf([[this.field, schema]])));
    return hoisted;
  }
}

class ValueToKey implements Transformation {
  private readonly keys = new WeakMap<Schema, { schema: Schema; fields: readonly Field[] }>();
  private readonly nullToDefault: boolean;
  private readonly names: readonly string[];

  constructor(config: ConnectorConfig) {
    this.names = listOf(config["fields"]);
    this.nullToDefault = replacesNull(config);
  }

  apply<R extends ConnectRecord>(record: R): R {
    if (record.valueSchema === null) {
      const map = requireMap(record.value, "copying fields from value to key");
      return { ...record, keySchema: null, key: new Map(this.names.map((f) => [f, map.get(f) ?? null])) };
    }
    const struct = requireStruct(record.value, record.valueSchema, "copying fields from value to key");
    const { schema, fields } = this.keyOf(record.valueSchema);
    const key = new Struct(
      schema,
      fields.map((f) => fieldValue(struct, f, this.nullToDefault)),
    );
    return { ...record, keySchema: schema, key };
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const { value } = shape;
    if (value?.kind !== "struct") return undefined;
    try {
      const { schema, fields } = this.keyOf(value.schema);
      const nodes: Node[] = [];
      for (const field of fields) {
        const { ifNull } = sourceOf(field, this.nullToDefault);
        const node = convertNode(value.fields[field.index]!, field.schema, undefined, ifNull);
        if (!node) return undefined;
        nodes.push(node);
      }
      return { ...shape, key: { kind: "struct", schema, fields: nodes } };
    } catch {
      return undefined;
    }
  }

  private keyOf(schema: Schema) {
    let key = this.keys.get(schema);
    if (!key) {
      const fields = this.names.map((name) => {
        const field = fieldNamed(schema, name);
        if (!field) throw refused(`Field does not exist: ${name}`);
        return field;
      });
      key = { schema: structOf(fields.map((f) => [f.name, f.schema])), fields };
      this.keys.set(schema, key);
    }
    return key;
  }
}

class ReplaceField extends StructTransform {
  private readonly include: ReadonlySet<string>;
  private readonly exclude: ReadonlySet<string>;
  private readonly renames: ReadonlyMap<string, string>;
  private readonly originals: ReadonlyMap<string, string>;
  private readonly nullToDefault: boolean;

  constructor(config: ConnectorConfig, side: Side) {
    super(side, "field replacement");
    this.include = new Set(listOf(config["include"] ?? config["whitelist"]));
    this.exclude = new Set(listOf(config["exclude"] ?? config["blacklist"]));
    this.renames = new Map(listOf(config["renames"]).map((r) => r.split(":", 2).map((s) => s.trim()) as [string, string]));
    this.originals = new Map([...this.renames].map(([from, to]) => [to, from]));
    this.nullToDefault = replacesNull(config);
  }

  protected plan(schema: Schema, fields: readonly Field[]): StructEdit {
    return edit(
      schema,
      fields
        .filter((f) => this.keeps(f.name))
        .map((f): NewField => {
          const name = this.renames.get(f.name) ?? f.name;
          // a value is looked up by what its field was renamed from, be it this field or not
          const original = this.originals.get(name) ?? name;
          const from = fieldNamed(schema, original);
          if (!from) throw refused(`${original} is not a valid field name`);
          return { name, schema: f.schema, source: sourceOf(from, this.nullToDefault) };
        }),
    );
  }

  protected schemaless(map: Map<Value, Value>): Map<Value, Value> {
    const out = new Map<Value, Value>();
    for (const [name, value] of map) if (this.keeps(String(name))) out.set(this.renames.get(String(name)) ?? name, value);
    return out;
  }

  private keeps(name: string): boolean {
    return !this.exclude.has(name) && (this.include.size === 0 || this.include.has(name));
  }
}

const zeros: Partial<Record<SchemaType, Value>> = {
  int8: 0,
  int16: 0,
  int32: 0,
  int64: 0,
  float32: 0,
  float64: 0,
  boolean: false,
  string: "",
};
const bits: Partial<Record<SchemaType, number>> = { int8: 8, int16: 16, int32: 32, int64: 64 };

class MaskField extends StructTransform {
  private readonly fields: ReadonlySet<string>;
  private readonly replacement: string | undefined;
  private readonly nullToDefault: boolean;

  constructor(config: ConnectorConfig, side: Side) {
    super(side, "mask fields", false);
    this.fields = new Set(listOf(config["fields"]));
    this.replacement = config["replacement"]?.trim() || undefined;
    this.nullToDefault = replacesNull(config);
  }

  protected plan(schema: Schema, fields: readonly Field[]): StructEdit {
    return {
      schema,
      fields: fields.map((f) => {
        const source = sourceOf(f, this.nullToDefault);
        if (!this.fields.has(f.name)) return source;
        // null stays null, so only a field that cannot be null is the same in every row
        return f.schema.optional || f.schema.default !== undefined
          ? { ...source, convert: (v: Value) => (v === null ? null : this.masked(v, f.schema)) }
          : this.constant(f);
      }),
    };
  }

  protected schemaless(map: Map<Value, Value>): Map<Value, Value> {
    const out = new Map(map);
    for (const name of this.fields) {
      const value = map.get(name) ?? null;
      out.set(name, value === null ? null : this.masked(value, null));
    }
    return out;
  }

  private constant(f: Field): { constant: Value } | { from: number; convert: (value: Value) => Value } {
    try {
      return { constant: this.masked(sample(f.schema), f.schema) };
    } catch {
      // refused row by row, in the words for what the row has
      return { from: f.index, convert: (v) => (v === null ? null : this.masked(v, f.schema)) };
    }
  }

  private masked(value: Value, schema: Schema | null): Value {
    const type = schema?.type ?? (typeof value === "string" ? "string" : typeof value === "boolean" ? "boolean" : undefined);
    if (this.replacement !== undefined) return this.replaced(value, schema);
    if (value instanceof Decimal) return new Decimal(0n, 0);
    const zero = type === undefined ? (typeof value === "number" || typeof value === "bigint" ? 0 : undefined) : zeros[type];
    if (zero !== undefined) return zero;
    if (Array.isArray(value)) return [];
    if (value instanceof Map) return new Map();
    throw refused(`Cannot mask value of type: class ${javaClass(value, schema)}`);
  }

  private replaced(value: Value, schema: Schema | null): Value {
    const text = this.replacement!;
    if (typeof value === "string") return text;
    const number = typeof value === "number" || typeof value === "bigint" || value instanceof Decimal;
    if (!number || isJavaDate(schema))
      throw refused(`Cannot mask value of type class ${javaClass(value, schema)} with custom replacement.`);
    const wrong = () => refused(`Unable to convert ${text} (class java.lang.String) to a number`);
    if (value instanceof Decimal) {
      const decimal = Decimal.parse(text);
      if (!decimal) throw wrong();
      return decimal;
    }
    const width = schema ? bits[schema.type] : typeof value === "bigint" || Number.isInteger(value) ? 64 : undefined;
    if (width === undefined) {
      if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw wrong();
      return schema?.type === "float32" ? Math.fround(Number(text)) : Number(text);
    }
    if (!/^[+-]?\d+$/.test(text) || BigInt.asIntN(width, BigInt(text.replace(/^\+/, ""))) !== BigInt(text.replace(/^\+/, "")))
      throw wrong();
    return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text.replace(/^\+/, ""));
  }
}

/** Any value of the schema. */
function sample(schema: Schema): Value {
  if (schema.name?.endsWith(".Decimal")) return new Decimal(0n, 0);
  if (schema.type === "bytes") return Buffer.alloc(0);
  if (schema.type === "struct") return new Struct(schema);
  return zeros[schema.type] ?? (schema.type === "map" ? new Map() : []);
}

export const fieldTransforms: readonly TransformPlugin[] = [
  ...sided(
    "ExtractField",
    [
      setting("field", "Field name to extract; with field.syntax.version=V2 a path."),
      replaceNull,
      setting(
        "field.syntax.version",
        "V1: a name as it stands. V2: names of nested fields with dots between; backticks around a name with dots.",
        {
          default: "V1",
          values: ["V1", "V2"],
          importance: "HIGH",
        },
      ),
    ],
    (c, side) => new ExtractField(c, side),
  ),
  ...sided(
    "HoistField",
    [setting("field", "Field name for the single field that will be created.")],
    (c, side) => new HoistField((c["field"] ?? "").trim(), side),
  ),
  plain(
    "ValueToKey",
    [setting("fields", "Field names on the record value to extract as the record key.", { type: "LIST", importance: "HIGH" }), replaceNull],
    (c) => new ValueToKey(c),
  ),
  ...sided(
    "ReplaceField",
    [
      setting("exclude", "Fields to exclude.", { type: "LIST", default: [], aliases: ["blacklist"] }),
      setting("include", "Fields to include; the others are excluded.", { type: "LIST", default: [], aliases: ["whitelist"] }),
      setting("renames", "Field rename mappings: OLD:NEW,…", {
        type: "LIST",
        default: [],
        check: (v) => {
          const bad = (v as readonly string[]).find((r) => !/^[^:]+:[^:]+$/.test(r));
          return bad === undefined ? undefined : `Invalid rename mapping: ${bad}`;
        },
      }),
      replaceNull,
    ],
    (c, side) => new ReplaceField(c, side),
  ),
  ...sided(
    "MaskField",
    [
      setting("fields", "Names of fields to mask.", { type: "LIST", importance: "HIGH" }),
      setting("replacement", "Replacement of string and number fields; else their empty value or zero.", {
        default: null,
        importance: "LOW",
      }),
      replaceNull,
    ],
    (c, side) => new MaskField(c, side),
  ),
];
