import { ConfigDef } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { arrayOf, Decimal, fieldNamed, primitive, type Schema, Struct, type Value } from "../../data/schema.js";
import type { ConnectHeader, ConnectRecord } from "../api/record.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { isEnvelope } from "./envelope.js";
import { listOf, refused, setting } from "./side.js";
import { withFields } from "./struct-edit.js";

/**
 * Lists, in headers, which of a row's columns an update changed and which not.
 * https://debezium.io/documentation/reference/stable/transformations/event-changes.html
 */
class ExtractChangedRecordState implements Transformation {
  private readonly changed: { name: string; schema: Schema } | undefined;
  private readonly unchanged: { name: string; schema: Schema } | undefined;

  constructor(config: ConnectorConfig) {
    const header = (text: string | undefined) =>
      text?.trim() ? { name: text.trim(), schema: arrayOf(primitive("string"), { name: text.trim() }) } : undefined;
    this.changed = header(config["header.changed.name"]);
    this.unchanged = header(config["header.unchanged.name"]);
  }

  apply<R extends ConnectRecord>(record: R): R {
    const event = record.value;
    if (!(event instanceof Struct) || !isEnvelope(event.schema)) return record;
    const before = event.get("before");
    const after = event.get("after");
    if (!(before instanceof Struct) || !(after instanceof Struct)) return record;
    const same: string[] = [];
    const other: string[] = [];
    for (const { name, index } of after.schema.fields!) {
      const was = fieldNamed(before.schema, name);
      (was && equal(before.values[was.index]!, after.values[index]!) ? same : other).push(name);
    }
    const headers: ConnectHeader[] = [...record.headers];
    if (this.changed) headers.push({ key: this.changed.name, schema: this.changed.schema, value: other });
    if (this.unchanged) headers.push({ key: this.unchanged.name, schema: this.unchanged.schema, value: same });
    return { ...record, headers };
  }
}

function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (a instanceof Decimal && b instanceof Decimal) return a.scale === b.scale && a.unscaled === b.unscaled;
  if (a instanceof Struct && b instanceof Struct) return a.values.every((v, i) => equal(v, b.values[i]!));
  if (a instanceof Map && b instanceof Map) return a.size === b.size && [...a].every(([k, v]) => b.has(k) && equal(v, b.get(k)!));
  return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((v: Value, i) => equal(v, b[i]!));
}

/**
 * Copies or moves headers into the value: `field`, or `struct.field` one level down.
 * https://debezium.io/documentation/reference/stable/transformations/header-to-value.html
 */
class HeaderToValue implements Transformation {
  private readonly headers: readonly string[];
  private readonly paths: readonly (readonly string[])[];
  private readonly move: boolean;
  /** by the value's schema, then by the headers' */
  private readonly schemas = new WeakMap<Schema, Map<string, Schema>>();

  constructor(config: ConnectorConfig) {
    this.headers = listOf(config["headers"]);
    this.paths = listOf(config["fields"]).map((f) => f.split("."));
    this.move = config["operation"]?.trim().toLowerCase() === "move";
    if (this.headers.length !== this.paths.length)
      throw new MillraceError("CONFIG_INVALID", "'headers' config must have the same number of elements as 'fields' config.");
  }

  apply<R extends ConnectRecord>(record: R): R {
    if (!(record.value instanceof Struct)) return record;
    const added = this.headers.flatMap((name, i) => {
      const header = record.headers.findLast((h) => h.key === name);
      return header ? [{ path: this.paths[i]!, header }] : [];
    });
    if (added.length === 0) return record;
    const { value } = record;
    const schema = this.schemaOf(
      value.schema,
      added.map(({ path, header }) => ({ path, schema: header.schema })),
    );
    const values = schema.fields!.map((f): Value => {
      const own = added.find(({ path }) => path.length === 1 && path[0] === f.name);
      if (own) return own.header.value;
      const inner = value.get(f.name) ?? null;
      if (!(inner instanceof Struct) || inner.schema === f.schema) return inner;
      const nested = added.filter(({ path }) => path.length === 2 && path[0] === f.name);
      return nested.length === 0 ? inner : new Struct(f.schema, [...inner.values, ...nested.map((n) => n.header.value)]);
    });
    const headers = this.move ? record.headers.filter((h) => !this.headers.includes(h.key)) : record.headers;
    return { ...record, valueSchema: schema, value: new Struct(schema, values), headers };
  }

  private schemaOf(schema: Schema, added: readonly { path: readonly string[]; schema: Schema | null }[]): Schema {
    const text = JSON.stringify(added);
    let known = this.schemas.get(schema);
    if (!known) this.schemas.set(schema, (known = new Map()));
    let made = known.get(text);
    if (made) return made;
    const headerSchema = (s: Schema | null) => s ?? primitive("string", { optional: true });
    const at = (name: string) => added.filter(({ path }) => path.length === 2 && path[0] === name);
    const fields = schema.fields!.map((f): [string, Schema] => {
      const nested = at(f.name);
      if (nested.length === 0) return [f.name, f.schema];
      if (!f.schema.fields) throw refused(`${f.name} is not a struct: a header cannot be put into it`);
      const inner = [
        ...f.schema.fields.map((x): [string, Schema] => [x.name, x.schema]),
        ...nested.map((n): [string, Schema] => [n.path[1]!, headerSchema(n.schema)]),
      ];
      return [f.name, withFields(f.schema, inner, { optional: f.schema.optional })];
    });
    for (const { path, schema: s } of added) {
      if (path.length === 1) fields.push([path[0]!, headerSchema(s)]);
      else if (path.length > 2 || !fieldNamed(schema, path[0]!)) throw refused(`${path.join(".")} is not a place in the value`);
    }
    made = withFields(schema, fields, { optional: schema.optional });
    known.set(text, made);
    return made;
  }
}

export const changeHeaderTransforms: readonly TransformPlugin[] = [
  {
    classes: ["io.debezium.transforms.ExtractChangedRecordState"],
    version: "3.7.0.Final",
    config: new ConfigDef([
      setting("header.changed.name", "The header that lists the columns that have changed.", { default: null }),
      setting("header.unchanged.name", "The header that lists the columns that have not.", { default: null }),
    ]),
    create: (config) => new ExtractChangedRecordState(config),
  },
  {
    classes: ["io.debezium.transforms.HeaderToValue"],
    version: "3.7.0.Final",
    config: new ConfigDef([
      setting("headers", "The headers to take.", { type: "LIST", importance: "HIGH" }),
      setting("fields", "Where each goes: FIELD, or STRUCT.FIELD.", { type: "LIST", importance: "HIGH" }),
      setting("operation", "Whether the headers stay (copy) or not (move).", { values: ["move", "copy"], importance: "HIGH" }),
    ]),
    create: (config) => new HeaderToValue(config),
  },
];
