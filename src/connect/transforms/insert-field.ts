import { optional, primitive, type Schema, Struct, type Value } from "../../data/schema.js";
import type { ConnectRecord, SinkRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { dateNames } from "./dates.js";
import { fieldsOf, refused, replaceNull, replacesNull, requireMap, requireStruct, type Side, setting, sided } from "./side.js";
import { edit, editNode, kept, type NewField, type StructEdit } from "./struct-edit.js";

const timestamp = primitive("int64", { name: dateNames.Timestamp, version: 1 });

/** `!` at the end of a name asks for a required field, `?` (the default) for an optional one. */
function fieldSpec(text: string | undefined): { name: string; optional: boolean } | undefined {
  const t = text?.trim();
  return t ? { name: t.replace(/[!?]$/, ""), optional: !t.endsWith("!") } : undefined;
}

interface Inserted {
  readonly name: string;
  readonly schema: Schema;
  /** null: the record has none */
  readonly of: (record: ConnectRecord) => Value;
  readonly node: (shape: RecordShape) => Node | undefined;
}

/** Fields about the record itself: its topic, partition, offset and timestamp, and a constant. */
class InsertField implements Transformation {
  private readonly inserted: readonly Inserted[];
  private readonly edits = new WeakMap<Schema, StructEdit>();
  private readonly nullToDefault: boolean;

  constructor(
    config: ConnectorConfig,
    private readonly side: Side,
  ) {
    const constant = config["static.value"]?.trim();
    const all = [
      field(
        config["topic.field"],
        primitive("string"),
        (r) => r.topic,
        (shape, schema) => ({ kind: "const", schema, value: shape.topic }),
      ),
      field(
        config["partition.field"],
        primitive("int32"),
        (r) => r.partition,
        // a source's records have none and a sink's each have one: the shape does not tell them apart
        () => undefined,
      ),
      field(config["offset.field"], primitive("int64"), offsetOf, () => undefined),
      field(
        config["timestamp.field"],
        timestamp,
        (r) => r.timestamp,
        (shape, schema) => (shape.timestampSlot === null ? undefined : { kind: "slot", schema, slot: shape.timestampSlot }),
      ),
      constant === undefined
        ? undefined
        : field(
            config["static.field"],
            primitive("string"),
            () => constant,
            (_shape, schema) => ({ kind: "const", schema, value: constant }),
          ),
    ];
    this.inserted = all.filter((f) => f !== undefined);
    this.nullToDefault = replacesNull(config);
  }

  apply<R extends ConnectRecord>(record: R): R {
    const { side, inserted } = this;
    const value = side.value(record);
    // a tombstone stays one
    if (value === null) return record;
    const schema = side.schema(record);
    if (schema === null) {
      const map = new Map(requireMap(value, "field insertion"));
      for (const f of inserted) {
        const v = f.of(record);
        if (v !== null) map.set(f.name, v);
      }
      return side.with(record, null, map);
    }
    const { values } = requireStruct(value, schema, "field insertion");
    const change = this.editOf(schema);
    const made = change.fields.map((f, i) =>
      "from" in f ? (values[f.from] ?? f.ifNull ?? null) : inserted[i - (change.fields.length - inserted.length)]!.of(record),
    );
    return side.with(record, change.schema, new Struct(change.schema, made));
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node === null || (node.kind === "const" && node.value === null)) return shape;
    if (node.kind !== "struct") return undefined;
    try {
      const change = this.editOf(node.schema);
      const edited = editNode(change, node);
      if (edited?.kind !== "struct") return undefined;
      const own = edited.fields.slice(0, edited.fields.length - this.inserted.length);
      const added: Node[] = [];
      for (const f of this.inserted) {
        const next = f.node(shape);
        if (!next) return undefined;
        added.push(next);
      }
      return this.side.withNode(shape, { ...edited, fields: [...own, ...added] });
    } catch {
      return undefined;
    }
  }

  private editOf(schema: Schema): StructEdit {
    let change = this.edits.get(schema);
    if (!change) {
      const own = fieldsOf(schema).map((f) => kept(f, this.nullToDefault));
      const added = this.inserted.map((f): NewField => ({ name: f.name, schema: f.schema, source: { constant: null } }));
      this.edits.set(schema, (change = edit(schema, [...own, ...added])));
    }
    return change;
  }
}

function field(
  text: string | undefined,
  schema: Schema,
  of: (record: ConnectRecord) => Value,
  node: (shape: RecordShape, schema: Schema) => Node | undefined,
): Inserted | undefined {
  const spec = fieldSpec(text);
  if (!spec) return undefined;
  const s = spec.optional ? optional(schema) : schema;
  return { name: spec.name, schema: s, of, node: (shape) => node(shape, s) };
}

function offsetOf(record: ConnectRecord): Value {
  const { offset } = record as Partial<SinkRecord>;
  if (offset !== undefined) return offset;
  throw refused("Only SinkRecord supported for [field insertion], found: org.apache.kafka.connect.source.SourceRecord");
}

export const insertFieldTransforms: readonly TransformPlugin[] = sided(
  "InsertField",
  [
    setting(
      "topic.field",
      "Field name for Kafka topic. Suffix with ! to make this a required field, or ? to keep it optional (the default).",
      {
        default: null,
      },
    ),
    setting("partition.field", "Field name for Kafka partition.", { default: null }),
    setting("offset.field", "Field name for Kafka offset, only in sinks.", { default: null }),
    setting("timestamp.field", "Field name for record timestamp.", { default: null }),
    setting("static.field", "Field name for static data field.", { default: null }),
    setting("static.value", "Static field value, if field name configured.", { default: null }),
    replaceNull,
  ],
  (c, side) => new InsertField(c, side),
);
