import { ConfigDef, type Setting } from "../../common/config-def.js";
import { JavaPattern, patternProblem } from "../../common/regex/java-pattern.js";
import { type AdjustmentMode, adjustmentModes, adjustSchemaName } from "../../common/schema-names.js";
import { primitive, type Schema, Struct, structOf } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { isEnvelope } from "./envelope.js";
import { refused, setting } from "./side.js";
import { withFields } from "./struct-edit.js";

/** Debezium's topic routing: many tables' topics into one, with the table in the key. */
class ByLogicalTableRouter implements Transformation {
  private readonly topicPattern: JavaPattern;
  private readonly topicReplacement: string;
  private readonly keyPattern: JavaPattern | undefined;
  private readonly keyReplacement: string;
  private readonly keyField: string;
  private readonly unique: boolean;
  private readonly adjustment: AdjustmentMode;
  private readonly keys = new Map<string, WeakMap<Schema, Schema>>();
  private readonly values = new Map<string, WeakMap<Schema, Schema>>();

  constructor(config: ConnectorConfig) {
    this.topicPattern = new JavaPattern(config["topic.regex"] ?? "");
    this.topicReplacement = config["topic.replacement"] ?? "";
    this.keyPattern = config["key.field.regex"] ? new JavaPattern(config["key.field.regex"]) : undefined;
    this.keyReplacement = config["key.field.replacement"] ?? "";
    this.keyField = config["key.field.name"]?.trim() || "__dbz__physicalTableIdentifier";
    this.adjustment = (config["schema.name.adjustment.mode"]?.trim().toLowerCase() as AdjustmentMode | undefined) ?? "none";
    this.unique = config["key.enforce.uniqueness"]?.trim().toLowerCase() !== "false";
  }

  apply<R extends ConnectRecord>(record: R): R {
    if (!this.topicPattern.matches(record.topic)) return record;
    const topic = this.routed(record.topic);
    const out = { ...record, topic };
    if (record.key instanceof Struct) {
      const schema = this.keySchema(topic, record.key.schema);
      const values = this.unique ? [...record.key.values, this.table(record.topic)] : record.key.values;
      Object.assign(out, { keySchema: schema, key: new Struct(schema, values) });
    }
    if (record.value instanceof Struct && isEnvelope(record.value.schema)) {
      const schema = this.valueSchema(topic, record.value.schema);
      const values = record.value.values.map((v, i) => (v instanceof Struct ? new Struct(schema.fields![i]!.schema, v.values) : v));
      Object.assign(out, { valueSchema: schema, value: new Struct(schema, values) });
    }
    return out;
  }

  compile(shape: RecordShape): RecordShape | undefined {
    if (!this.topicPattern.matches(shape.topic)) return shape;
    const topic = this.routed(shape.topic);
    let { key, value } = shape;
    if (key?.kind === "struct") {
      const schema = this.keySchema(topic, key.schema);
      const table: Node = { kind: "const", schema: primitive("string"), value: this.table(shape.topic) };
      key = { kind: "struct", schema, fields: this.unique ? [...key.fields, table] : key.fields };
    } else if (key !== null) return undefined;
    if (value?.kind === "struct" && isEnvelope(value.schema)) {
      const schema = this.valueSchema(topic, value.schema);
      const fields = value.fields.map((n, i): Node => {
        const s = schema.fields![i]!.schema;
        if (n.schema === s) return n;
        return (
          n.kind === "const" && n.value instanceof Struct ? { ...n, schema: s, value: new Struct(s, n.value.values) } : { ...n, schema: s }
        ) as Node;
      });
      value = { kind: "struct", schema, fields };
    } else if (value !== null && isEnvelope(value.schema)) return undefined;
    return { ...shape, topic, key, value };
  }

  private routed(topic: string): string {
    const to = this.topicPattern.replaceFirst(topic, this.topicReplacement);
    if (to === "") throw refused(`Routing of topic ${topic} gives an empty name`);
    return to;
  }

  private table(topic: string): string {
    return this.keyPattern?.matches(topic) ? this.keyPattern.replaceFirst(topic, this.keyReplacement) : topic;
  }

  private keySchema(topic: string, schema: Schema): Schema {
    return remembered(this.keys, topic, schema, () => {
      const fields = schema.fields!.map((f) => [f.name, f.schema] as const);
      if (this.unique) fields.push([this.keyField, primitive("string")]);
      return withFields(schema, fields, { optional: schema.optional, name: `${adjustSchemaName(topic, this.adjustment)}.Key` });
    });
  }

  private valueSchema(topic: string, schema: Schema): Schema {
    return remembered(this.values, topic, schema, () => {
      const name = `${adjustSchemaName(topic, this.adjustment)}.Value`;
      const rows = new Map<Schema, Schema>();
      const fields = schema.fields!.map((f) => {
        if (f.name !== "before" && f.name !== "after") return [f.name, f.schema] as const;
        let row = rows.get(f.schema);
        if (!row)
          rows.set(
            f.schema,
            (row = structOf(
              f.schema.fields!.map((x) => [x.name, x.schema] as const),
              { ...extraOf(f.schema), name },
            )),
          );
        return [f.name, row] as const;
      });
      return withFields(schema, fields, { optional: schema.optional, name: `${adjustSchemaName(topic, this.adjustment)}.Envelope` });
    });
  }
}

function extraOf(s: Schema): Partial<Schema> {
  const { version, doc, parameters, optional } = s;
  return Object.fromEntries(Object.entries({ version, doc, parameters, optional }).filter(([, v]) => v !== undefined));
}

function remembered(known: Map<string, WeakMap<Schema, Schema>>, topic: string, schema: Schema, make: () => Schema): Schema {
  let ofTopic = known.get(topic);
  if (!ofTopic) known.set(topic, (ofTopic = new WeakMap()));
  let made = ofTopic.get(schema);
  if (!made) ofTopic.set(schema, (made = make()));
  return made;
}

const regex = (name: string, doc: string, more: Partial<Setting> = {}) =>
  setting(name, doc, { check: patternProblem, importance: "HIGH", ...more });

export const byLogicalTableRouter: TransformPlugin = {
  classes: ["io.debezium.transforms.ByLogicalTableRouter"],
  version: "3.7.0.Final",
  config: new ConfigDef([
    regex("topic.regex", "Regular expression of the topics to route."),
    setting("topic.replacement", "The new topic's name.", {
      importance: "HIGH",
      check: (v) => (String(v).trim() === "" ? "String must be non-empty" : undefined),
    }),
    setting("key.enforce.uniqueness", "Whether a field that names the table is added to the key.", { type: "BOOLEAN", default: true }),
    setting("key.field.name", "That field's name.", { default: "__dbz__physicalTableIdentifier" }),
    regex("key.field.regex", "Regular expression of the topic that gives that field's value.", { default: null, importance: "MEDIUM" }),
    setting("key.field.replacement", "That field's value.", { default: null }),
    setting("schema.name.adjustment.mode", "How schema names are made to fit.", {
      default: "none",
      values: adjustmentModes,
    }),
    setting("logical.table.cache.size", "Accepted; nothing is cached by count.", { type: "INT", default: 16 }),
  ]),
  create: (c) => new ByLogicalTableRouter(c),
};
