import { ConfigDef, type Setting } from "../../common/config-def.js";
import { primitive, type Schema, Struct, structOf, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { isEnvelope } from "./envelope.js";
import { patternProblem, plain, refused, replacementOf, type Side, wholePattern } from "./side.js";
import { withFields } from "./struct-edit.js";

class RegexRouter implements Transformation {
  private readonly pattern: RegExp;
  private readonly replacement: string;

  constructor(config: ConnectorConfig) {
    this.pattern = wholePattern(config["regex"] ?? "");
    this.replacement = replacementOf(config["replacement"] ?? "");
  }
  apply<R extends ConnectRecord>(record: R): R {
    const topic = record.topic.replace(this.pattern, this.replacement);
    return topic === record.topic ? record : { ...record, topic };
  }
  compile(shape: RecordShape): RecordShape {
    return { ...shape, topic: shape.topic.replace(this.pattern, this.replacement) };
  }
}

/** `${topic}-${timestamp}` with a java.text.SimpleDateFormat pattern, in UTC. */
class TimestampRouter implements Transformation {
  constructor(
    private readonly topicFormat: string,
    private readonly timestampFormat: string,
  ) {}
  apply<R extends ConnectRecord>(record: R): R {
    if (record.timestamp === null) throw refused(`Timestamp missing on record: ${record.topic}`);
    const stamp = formatDate(record.timestamp, this.timestampFormat);
    const topic = this.topicFormat.replaceAll("${topic}", () => record.topic).replaceAll("${timestamp}", () => stamp);
    return { ...record, topic };
  }
}

/** The letters y M d H h m s S a of java.text.SimpleDateFormat, X for the zone (always UTC), '…' for text. @throws TRANSFORM */
export function formatDate(ms: number, pattern: string): string {
  const d = new Date(ms);
  if (Number.isNaN(d.getTime())) throw refused(`${ms} is not a time`);
  const pad = (n: number, width: number) => String(n).padStart(width, "0");
  return pattern.replace(/'((?:[^']|'')*)'|([A-Za-z])\2*/g, (run: string, quoted: string | undefined, letter: string) => {
    if (quoted !== undefined) return quoted === "" ? "'" : quoted.replaceAll("''", "'");
    const n = run.length;
    switch (letter) {
      case "y":
      case "Y":
        return n === 2 ? pad(d.getUTCFullYear() % 100, 2) : pad(d.getUTCFullYear(), n);
      case "M":
        return n >= 3 ? d.toLocaleString("en-US", { month: n === 3 ? "short" : "long", timeZone: "UTC" }) : pad(d.getUTCMonth() + 1, n);
      case "d":
        return pad(d.getUTCDate(), n);
      case "H":
        return pad(d.getUTCHours(), n);
      case "h":
        return pad(d.getUTCHours() % 12 || 12, n);
      case "a":
        return d.getUTCHours() < 12 ? "AM" : "PM";
      case "m":
        return pad(d.getUTCMinutes(), n);
      case "s":
        return pad(d.getUTCSeconds(), n);
      case "S":
        return pad(d.getUTCMilliseconds(), n);
      case "E":
        return d.toLocaleString("en-US", { weekday: n <= 3 ? "short" : "long", timeZone: "UTC" });
      case "X":
        return "Z";
      case "Z":
        return "+0000";
      case "z":
        return "UTC";
      default:
        throw refused(`the date pattern ${pattern} has a letter that is not supported: ${letter}`);
    }
  });
}

/** Java's epoch ms of a text by the same letters. @throws TRANSFORM */
export function parseDate(text: string, pattern: string): number {
  const letters: string[] = [];
  const source = pattern.replace(
    /'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']/g,
    (run: string, quoted: string | undefined, letter: string | undefined) => {
      if (letter === undefined) return (quoted === undefined ? run : quoted || "'").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      letters.push(letter);
      if (letter === "X" || letter === "Z" || letter === "z") return "(Z|UTC|GMT|[+-]\\d{2}(?::?\\d{2})?)";
      return letter === "M" && run.length >= 3
        ? "([A-Za-z]+)"
        : letter === "a"
          ? "(AM|PM|am|pm)"
          : letter === "E"
            ? "([A-Za-z]+)"
            : `(\\d{1,${Math.max(run.length, letter === "y" ? 4 : 2)}})`;
    },
  );
  const m = new RegExp(`^${source}`).exec(text);
  if (!m) throw refused(`Could not parse timestamp: value (${text}) does not match pattern (${pattern})`);
  const p: Record<string, string> = {};
  letters.forEach((l, i) => {
    p[l] = m[i + 1]!;
  });
  const number = (l: string, fallback: number) => (p[l] === undefined ? fallback : Number(p[l]));
  const month =
    p["M"] === undefined
      ? 0
      : /\d/.test(p["M"])
        ? Number(p["M"]) - 1
        : "JanFebMarAprMayJunJulAugSepOctNovDec".indexOf(p["M"].slice(0, 3)) / 3;
  let hour = number("H", p["h"] === undefined ? 0 : Number(p["h"]) % 12);
  if (p["a"]?.toUpperCase() === "PM") hour += 12;
  let year = number("y", number("Y", 1970));
  if ((p["y"] ?? p["Y"])?.length === 2) year += year < 80 ? 2000 : 1900;
  const zone = /^([+-])(\d{2}):?(\d{2})?$/.exec(p["X"] ?? p["Z"] ?? p["z"] ?? "");
  const shift = zone ? (zone[1] === "-" ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3] ?? 0)) : 0;
  return Date.UTC(year, month, number("d", 1), hour, number("m", 0), number("s", 0), number("S", 0)) - shift * 60_000;
}

/** Debezium's topic routing: many tables' topics into one, with the table in the key. */
class ByLogicalTableRouter implements Transformation {
  private readonly topicPattern: RegExp;
  private readonly topicReplacement: string;
  private readonly keyPattern: RegExp | undefined;
  private readonly keyReplacement: string;
  private readonly keyField: string;
  private readonly unique: boolean;
  private readonly keys = new Map<string, WeakMap<Schema, Schema>>();
  private readonly values = new Map<string, WeakMap<Schema, Schema>>();

  constructor(config: ConnectorConfig) {
    this.topicPattern = wholePattern(config["topic.regex"] ?? "");
    this.topicReplacement = replacementOf(config["topic.replacement"] ?? "");
    this.keyPattern = config["key.field.regex"] ? wholePattern(config["key.field.regex"]) : undefined;
    this.keyReplacement = replacementOf(config["key.field.replacement"] ?? "");
    this.keyField = config["key.field.name"]?.trim() || "__dbz__physicalTableIdentifier";
    this.unique = config["key.enforce.uniqueness"]?.trim().toLowerCase() !== "false";
  }

  apply<R extends ConnectRecord>(record: R): R {
    if (!this.topicPattern.test(record.topic)) return record;
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
    if (!this.topicPattern.test(shape.topic)) return shape;
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
    const to = topic.replace(this.topicPattern, this.topicReplacement);
    if (to === "") throw refused(`Routing of topic ${topic} gives an empty name`);
    return to;
  }

  private table(topic: string): string {
    if (!this.keyPattern) return topic;
    if (!this.keyPattern.test(topic)) throw refused(`key.field.regex does not match topic ${topic}`);
    return topic.replace(this.keyPattern, this.keyReplacement);
  }

  private keySchema(topic: string, schema: Schema): Schema {
    return remembered(this.keys, topic, schema, () => {
      const fields = schema.fields!.map((f) => [f.name, f.schema] as const);
      if (this.unique) fields.push([this.keyField, primitive("string")]);
      return withFields(schema, fields, { name: `${schemaName(topic)}.Key` });
    });
  }

  private valueSchema(topic: string, schema: Schema): Schema {
    return remembered(this.values, topic, schema, () => {
      const name = `${schemaName(topic)}.Value`;
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
      return withFields(schema, fields, { name: `${schemaName(topic)}.Envelope` });
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

/** Avro's names know no dash. */
function schemaName(topic: string): string {
  return topic.replace(/[^A-Za-z0-9_.]/g, "_");
}

/** Changes the name or version of the schema on one side. */
export class SetSchemaMetadata implements Transformation {
  private readonly schemas = new WeakMap<Schema, Schema>();
  private readonly name: string | undefined;
  private readonly version: number | undefined;

  constructor(
    config: ConnectorConfig,
    private readonly side: Side,
  ) {
    this.name = config["schema.name"]?.trim() || undefined;
    this.version = config["schema.version"]?.trim() ? Number(config["schema.version"]) : undefined;
  }

  apply<R extends ConnectRecord>(record: R): R {
    const value = this.side.value(record);
    const schema = this.side.schema(record);
    if (schema === null) {
      if (value === null) return record;
      throw refused("Schema required for [updating schema metadata]");
    }
    const next = this.renamed(schema);
    return this.side.with(record, next, value instanceof Struct ? new Struct(next, value.values) : value);
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node === null) return shape;
    const schema = this.renamed(node.schema);
    const value =
      node.kind === "const" && node.value instanceof Struct ? { value: new Struct(schema, (node.value as Struct).values as Value[]) } : {};
    return this.side.withNode(shape, { ...node, ...value, schema } as Node);
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

const setting = (name: string, doc: string, more: Partial<Setting> = {}): Setting => ({
  name,
  type: "STRING",
  importance: "MEDIUM",
  doc,
  ...more,
});
const regex = (name: string, doc: string, more: Partial<Setting> = {}) =>
  setting(name, doc, { check: patternProblem, importance: "HIGH", ...more });

export const routingTransforms: readonly TransformPlugin[] = [
  plain(
    "RegexRouter",
    [regex("regex", "Regular expression of the whole topic name."), setting("replacement", "Replacement string.", { importance: "HIGH" })],
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
  {
    classes: ["io.debezium.transforms.ByLogicalTableRouter"],
    version: "3.7.0.Final",
    config: new ConfigDef([
      regex("topic.regex", "Regular expression of the topics to route."),
      setting("topic.replacement", "The new topic's name.", { importance: "HIGH" }),
      setting("key.enforce.uniqueness", "Whether a field that names the table is added to the key.", { type: "BOOLEAN", default: true }),
      setting("key.field.name", "That field's name.", { default: "__dbz__physicalTableIdentifier" }),
      regex("key.field.regex", "Regular expression of the topic that gives that field's value.", { default: null, importance: "MEDIUM" }),
      setting("key.field.replacement", "That field's value.", { default: null }),
      setting("schema.name.adjustment.mode", "How schema names are made to fit.", {
        default: "none",
        values: ["none", "avro", "avro_unicode"],
      }),
      setting("logical.table.cache.size", "Accepted; nothing is cached by count.", { type: "INT", default: 16 }),
    ]),
    create: (c) => new ByLogicalTableRouter(c),
  },
];
