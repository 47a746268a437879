import type { Setting } from "../../common/config-def.js";
import { fieldNamed, optional, primitive, type Schema, Struct, structOf, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { plain, refused, requireMap, requireStruct, type Side, sided } from "./side.js";
import { edit, kept, type NewField, type StructEdit, StructTransform } from "./struct-edit.js";

const listOf = (text: string | undefined) =>
  (text ?? "")
    .split(",")
    .map((s) => s.trim())
    .filter(Boolean);
const isNull = (node: Node | null) => node === null || (node.kind === "const" && node.value === null);

class ExtractField implements Transformation {
  constructor(
    private readonly field: string,
    private readonly side: Side,
  ) {}

  apply<R extends ConnectRecord>(record: R): R {
    const { side, field } = this;
    const value = side.value(record);
    const schema = side.schema(record);
    if (schema === null) return side.with(record, null, value === null ? null : (requireMap(value, "field extraction").get(field) ?? null));
    const found =
      value === null ? schema.fields && fieldNamed(schema, field) : fieldNamed(requireStruct(value, "field extraction").schema, field);
    if (!found) throw refused(`Unknown field: ${field}`);
    return side.with(record, found.schema, value === null ? null : (value as Struct).values[found.index]!);
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node === null) return shape;
    const found = node.schema.fields && fieldNamed(node.schema, this.field);
    if (!found) return undefined;
    if (node.kind === "struct") return this.side.withNode(shape, node.fields[found.index]!);
    return isNull(node) ? this.side.withNode(shape, { kind: "const", schema: found.schema, value: null }) : undefined;
  }
}

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
  private readonly keys = new WeakMap<Schema, { schema: Schema; from: readonly number[] }>();

  constructor(private readonly fields: readonly string[]) {}

  apply<R extends ConnectRecord>(record: R): R {
    if (record.valueSchema === null) {
      const map = requireMap(record.value, "copying fields from value to key");
      return { ...record, keySchema: null, key: new Map(this.fields.map((f) => [f, map.get(f) ?? null])) };
    }
    const struct = requireStruct(record.value, "copying fields from value to key");
    const { schema, from } = this.keyOf(struct.schema);
    return {
      ...record,
      keySchema: schema,
      key: new Struct(
        schema,
        from.map((i) => struct.values[i]!),
      ),
    };
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const { value } = shape;
    if (value?.kind !== "struct") return undefined;
    try {
      const { schema, from } = this.keyOf(value.schema);
      return { ...shape, key: { kind: "struct", schema, fields: from.map((i) => value.fields[i]!) } };
    } catch {
      return undefined;
    }
  }

  private keyOf(schema: Schema) {
    let key = this.keys.get(schema);
    if (!key) {
      const found = this.fields.map((name) => {
        const field = fieldNamed(schema, name);
        if (!field) throw refused(`Field does not exist: ${name}`);
        return field;
      });
      key = { schema: structOf(found.map((f) => [f.name, f.schema])), from: found.map((f) => f.index) };
      this.keys.set(schema, key);
    }
    return key;
  }
}

class ReplaceField extends StructTransform {
  private readonly include: ReadonlySet<string>;
  private readonly exclude: ReadonlySet<string>;
  private readonly renames: ReadonlyMap<string, string>;

  constructor(config: ConnectorConfig, side: Side) {
    super(side, "field replacement");
    this.include = new Set(listOf(config["include"] ?? config["whitelist"]));
    this.exclude = new Set(listOf(config["exclude"] ?? config["blacklist"]));
    this.renames = new Map(listOf(config["renames"]).map((r) => r.split(":", 2).map((s) => s.trim()) as [string, string]));
  }

  protected plan(schema: Schema): StructEdit {
    const fields = schema.fields!.filter((f) => this.keeps(f.name)).map((f) => ({ ...kept(f), name: this.renames.get(f.name) ?? f.name }));
    return edit(schema, fields);
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

const zeros: Partial<Record<Schema["type"], Value>> = {
  int8: 0,
  int16: 0,
  int32: 0,
  int64: 0,
  float32: 0,
  float64: 0,
  boolean: false,
  string: "",
};

class MaskField extends StructTransform {
  private readonly fields: ReadonlySet<string>;
  private readonly replacement: string | undefined;

  constructor(config: ConnectorConfig, side: Side) {
    super(side, "mask fields");
    this.fields = new Set(listOf(config["fields"]));
    this.replacement = config["replacement"] || undefined;
  }

  protected plan(schema: Schema): StructEdit {
    return edit(
      schema,
      schema.fields!.map((f) => {
        if (!this.fields.has(f.name)) return kept(f);
        const mask = this.masked(f.schema);
        // Null stays null, so only a required field is the same in every row.
        const source = f.schema.optional ? { from: f.index, convert: (v: Value) => (v === null ? null : mask) } : { constant: mask };
        return { ...kept(f), source };
      }),
    );
  }

  protected schemaless(map: Map<Value, Value>): Map<Value, Value> {
    const out = new Map(map);
    for (const name of this.fields) if (map.has(name)) out.set(name, this.schemalessMask(map.get(name)!));
    return out;
  }

  private masked(schema: Schema): Value {
    if (this.replacement !== undefined) {
      const n = Number(this.replacement);
      if (schema.type === "string") return this.replacement;
      if (/^(int|float)/.test(schema.type) && this.replacement.trim() !== "" && !Number.isNaN(n)) return n;
      throw refused(`Cannot mask value of type ${schema.type} with custom replacement value`);
    }
    const zero = schema.name === undefined || schema.type !== "bytes" ? zeros[schema.type] : undefined;
    if (zero !== undefined) return zero;
    if (schema.type === "array") return [];
    if (schema.type === "map") return new Map();
    throw refused(`Cannot mask value of type: ${schema.type}`);
  }

  private schemalessMask(value: Value): Value {
    if (typeof value === "string") return this.replacement ?? "";
    if (typeof value === "number" || typeof value === "bigint") return this.replacement === undefined ? 0 : Number(this.replacement);
    if (typeof value === "boolean") return false;
    if (Array.isArray(value)) return [];
    return value instanceof Map ? new Map() : null;
  }
}

/** Java's `.optional()` of what InsertField inserts: `!` at the end of a name asks for a required field, `?` (the default) for an optional one. */
function fieldSpec(text: string | undefined): { name: string; optional: boolean } | undefined {
  if (!text?.trim()) return undefined;
  const t = text.trim();
  return { name: t.replace(/[!?]$/, ""), optional: !t.endsWith("!") };
}

class InsertField implements Transformation {
  private readonly schemas = new WeakMap<Schema, Schema>();
  private readonly inserted: {
    name: string;
    schema: Schema;
    of: (record: ConnectRecord) => Value;
    node?: (shape: RecordShape) => Node | undefined;
  }[] = [];

  constructor(
    config: ConnectorConfig,
    private readonly side: Side,
  ) {
    const add = (
      setting: string,
      schema: Schema,
      of: (record: ConnectRecord) => Value,
      node?: (shape: RecordShape, schema: Schema) => Node | undefined,
    ) => {
      const spec = fieldSpec(config[setting]);
      if (!spec) return;
      const s = spec.optional ? optional(schema) : schema;
      this.inserted.push({ name: spec.name, schema: s, of, ...(node ? { node: (shape: RecordShape) => node(shape, s) } : {}) });
    };
    const text = primitive("string");
    add(
      "topic.field",
      text,
      (r) => r.topic,
      (shape, schema) => ({ kind: "const", schema, value: shape.topic }),
    );
    add(
      "partition.field",
      primitive("int32"),
      (r) => r.partition,
      (_shape, schema) => (schema.optional ? { kind: "const", schema, value: null } : undefined),
    );
    add("offset.field", primitive("int64"), (r) => (r as { offset?: number }).offset ?? null);
    add(
      "timestamp.field",
      primitive("int64", { name: "org.apache.kafka.connect.data.Timestamp", version: 1 }),
      (r) => r.timestamp,
      (shape, schema) => (shape.timestampSlot === null ? undefined : { kind: "slot", schema, slot: shape.timestampSlot }),
    );
    const constant = config["static.value"] ?? "";
    add(
      "static.field",
      text,
      () => constant,
      (_shape, schema) => ({ kind: "const", schema, value: constant }),
    );
  }

  apply<R extends ConnectRecord>(record: R): R {
    const { side } = this;
    const value = side.value(record);
    if (value === null) return record;
    if (side.schema(record) === null) {
      const map = new Map(requireMap(value, "field insertion"));
      for (const f of this.inserted) map.set(f.name, f.of(record));
      return side.with(record, null, map);
    }
    const struct = requireStruct(value, "field insertion");
    const schema = this.schemaOf(struct.schema);
    return side.with(record, schema, new Struct(schema, [...struct.values, ...this.inserted.map((f) => f.of(record))]));
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (isNull(node)) return shape;
    if (node?.kind !== "struct") return undefined;
    const added: Node[] = [];
    for (const f of this.inserted) {
      const next = f.node?.(shape);
      if (!next) return undefined;
      added.push(next);
    }
    return this.side.withNode(shape, { kind: "struct", schema: this.schemaOf(node.schema), fields: [...node.fields, ...added] });
  }

  private schemaOf(schema: Schema): Schema {
    let known = this.schemas.get(schema);
    if (!known) {
      const fields: NewField[] = [...schema.fields!.map(kept), ...this.inserted.map((f) => ({ ...f, source: { constant: null } }))];
      this.schemas.set(schema, (known = edit(schema, fields).schema));
    }
    return known;
  }
}

const setting = (name: string, doc: string, more: Partial<Setting> = {}): Setting => ({
  name,
  type: "STRING",
  importance: "MEDIUM",
  doc,
  ...more,
});

export const fieldTransforms: readonly TransformPlugin[] = [
  ...sided(
    "ExtractField",
    [setting("field", "Field name to extract."), setting("field.syntax.version", "Only V1.", { default: "V1", values: ["V1"] })],
    (c, side) => new ExtractField((c["field"] ?? "").trim(), side),
  ),
  ...sided(
    "HoistField",
    [setting("field", "Field name for the single field that will be created.")],
    (c, side) => new HoistField((c["field"] ?? "").trim(), side),
  ),
  plain(
    "ValueToKey",
    [setting("fields", "Field names on the record value to extract as the record key.", { type: "LIST", importance: "HIGH" })],
    (c) => new ValueToKey(listOf(c["fields"])),
  ),
  ...sided(
    "ReplaceField",
    [
      setting("exclude", "Fields to exclude.", { type: "LIST", default: [], aliases: ["blacklist"] }),
      setting("include", "Fields to include; the others are excluded.", { type: "LIST", default: [], aliases: ["whitelist"] }),
      setting("renames", "Field rename mappings: OLD:NEW,…", {
        type: "LIST",
        default: [],
        check: (v) =>
          (v as readonly string[]).every((r) => /^[^:]+:[^:]+$/.test(r)) ? undefined : "Invalid rename mapping: it must be OLD:NEW",
      }),
      setting("replace.null.with.default", "Accepted; nulls stay null.", { type: "BOOLEAN", default: true }),
    ],
    (c, side) => new ReplaceField(c, side),
  ),
  ...sided(
    "MaskField",
    [
      setting("fields", "Names of fields to mask.", { type: "LIST", importance: "HIGH" }),
      setting("replacement", "Replacement of string and number fields.", { default: null, importance: "LOW" }),
      setting("replace.null.with.default", "Accepted; nulls stay null.", { type: "BOOLEAN", default: true }),
    ],
    (c, side) => new MaskField(c, side),
  ),
  ...sided(
    "InsertField",
    [
      setting(
        "topic.field",
        "Field name for Kafka topic. Suffix with ! to make this a required field, or ? to keep it optional (the default).",
        { default: null },
      ),
      setting("partition.field", "Field name for Kafka partition.", { default: null }),
      setting("offset.field", "Field name for Kafka offset, only in sinks.", { default: null }),
      setting("timestamp.field", "Field name for record timestamp.", { default: null }),
      setting("static.field", "Field name for static data field.", { default: null }),
      setting("static.value", "Static field value, if field name configured.", { default: null }),
      setting("replace.null.with.default", "Accepted; nulls stay null.", { type: "BOOLEAN", default: true }),
    ],
    (c, side) => new InsertField(c, side),
  ),
];
