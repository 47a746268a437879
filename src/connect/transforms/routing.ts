import { MillraceError } from "../../common/errors.js";
import { JavaPattern, patternProblem } from "../../common/regex/java-pattern.js";
import { type Schema, Struct, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { fieldValue, plain, refused, replaceNull, replacesNull, type Side, setting, sided } from "./side.js";
import { SimpleDateFormat } from "./simple-date-format.js";
import { convertNode } from "./struct-edit.js";

/** A topic whose whole name the pattern matches gets the name that the replacement gives. */
class RegexRouter implements Transformation {
  private readonly pattern: JavaPattern;
  private readonly replacement: string;
  /** by the name that came in */
  private readonly routed = new Map<string, string>();

  constructor(config: ConnectorConfig) {
    this.pattern = new JavaPattern(config["regex"] ?? "");
    this.replacement = config["replacement"] ?? "";
  }

  apply<R extends ConnectRecord>(record: R): R {
    const topic = this.route(record.topic);
    return topic === record.topic ? record : { ...record, topic };
  }

  compile(shape: RecordShape): RecordShape {
    return { ...shape, topic: this.route(shape.topic) };
  }

  private route(topic: string): string {
    let to = this.routed.get(topic);
    if (to === undefined) {
      to = this.pattern.matches(topic) ? this.pattern.replaceFirst(topic, this.replacement) : topic;
      if (this.routed.size >= 1000) this.routed.clear();
      this.routed.set(topic, to);
    }
    return to;
  }
}

/** `${topic}-${timestamp}` with a java.text.SimpleDateFormat pattern, in UTC. */
class TimestampRouter implements Transformation {
  private readonly format: SimpleDateFormat;

  constructor(
    private readonly topicFormat: string,
    timestampFormat: string,
  ) {
    this.format = new SimpleDateFormat(timestampFormat);
  }

  apply<R extends ConnectRecord>(record: R): R {
    if (record.timestamp === null) throw refused(`Timestamp missing on record: ${record.topic}`);
    const stamp = this.format.format(record.timestamp);
    const topic = this.topicFormat.replaceAll("${topic}", () => record.topic).replaceAll("${timestamp}", () => stamp);
    return { ...record, topic };
  }
}

/** Changes the name or version of the schema on one side. */
class SetSchemaMetadata implements Transformation {
  private readonly schemas = new WeakMap<Schema, Schema>();
  private readonly name: string | undefined;
  private readonly version: number | undefined;
  private readonly nullToDefault: boolean;

  constructor(
    config: ConnectorConfig,
    private readonly side: Side,
  ) {
    this.name = config["schema.name"]?.trim() || undefined;
    this.version = config["schema.version"]?.trim() ? Number(config["schema.version"]) : undefined;
    if (this.name === undefined && this.version === undefined)
      throw new MillraceError("CONFIG_INVALID", "Neither schema name nor version configured");
    this.nullToDefault = replacesNull(config);
  }

  apply<R extends ConnectRecord>(record: R): R {
    const value = this.side.value(record);
    const schema = this.side.schema(record);
    if (schema === null) {
      if (value === null) return record;
      throw refused("Schema required for [updating schema metadata]");
    }
    const next = this.renamed(schema);
    return this.side.with(record, next, this.moved(value, next));
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node === null) return shape;
    const schema = this.renamed(node.schema);
    if (node.kind === "const") return this.side.withNode(shape, { ...node, schema, value: this.moved(node.value, schema) });
    if (node.kind !== "struct") return this.side.withNode(shape, { ...node, schema } as Node);
    const fields: Node[] = [];
    for (const f of schema.fields!) {
      const field = convertNode(node.fields[f.index]!, f.schema, undefined, this.nullToDefault ? (f.schema.default ?? null) : null);
      if (!field) return undefined;
      fields.push(field);
    }
    return this.side.withNode(shape, { kind: "struct", schema, fields });
  }

  private moved(value: Value, schema: Schema): Value {
    if (!(value instanceof Struct)) return value;
    return new Struct(
      schema,
      schema.fields!.map((f) => fieldValue(value, f, this.nullToDefault)),
    );
  }

  private renamed(schema: Schema): Schema {
    let next = this.schemas.get(schema);
    if (!next) {
      next = Object.freeze({
        ...schema,
        ...(this.name ? { name: this.name } : {}),
        ...(this.version === undefined ? {} : { version: this.version }),
      });
      this.schemas.set(schema, next);
    }
    return next;
  }
}

export const routingTransforms: readonly TransformPlugin[] = [
  plain(
    "RegexRouter",
    [
      setting("regex", "Regular expression of the whole topic name, in Java's syntax.", { check: patternProblem, importance: "HIGH" }),
      setting("replacement", "Replacement string: $1 and ${name} are groups.", { importance: "HIGH" }),
    ],
    (c) => new RegexRouter(c),
  ),
  plain(
    "TimestampRouter",
    [
      setting("topic.format", "Format of the new topic: ${topic} and ${timestamp}.", {
        default: "${topic}-${timestamp}",
        importance: "HIGH",
      }),
      setting("timestamp.format", "Format of the timestamp, as java.text.SimpleDateFormat, in UTC.", {
        default: "yyyyMMdd",
        importance: "HIGH",
      }),
    ],
    (c) => new TimestampRouter(c["topic.format"] ?? "${topic}-${timestamp}", c["timestamp.format"] ?? "yyyyMMdd"),
  ),
  ...sided(
    "SetSchemaMetadata",
    [
      setting("schema.name", "Schema name to set.", { default: null, importance: "HIGH" }),
      setting("schema.version", "Schema version to set.", { type: "INT", default: null, importance: "HIGH" }),
      replaceNull,
    ],
    (c, side) => new SetSchemaMetadata(c, side),
  ),
];
