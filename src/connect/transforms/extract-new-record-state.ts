import { ConfigDef, type Setting } from "../../common/config-def.js";
import { optional, primitive, type Schema, Struct, type Value } from "../../data/schema.js";
import type { ConnectHeader, ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { childOf, type FieldReference, fieldReferences, isEnvelope, nodeAt, resolvePath, schemaAt, valueAt } from "./envelope.js";
import { refused } from "./side.js";
import { convertNode, withFields } from "./struct-edit.js";

type Deletes = "drop" | "tombstone" | "rewrite" | "rewrite-with-tombstone" | "delete-to-tombstone";
interface Modes {
  /** what a delete's event becomes */
  readonly event: "drop" | "tombstone" | "rewrite";
  /** whether the tombstone behind a delete goes on */
  readonly keepTombstones: boolean;
  /** whether __deleted is added to every record */
  readonly mark: boolean;
}
const deletedField = "__deleted";
const deletedSchema = primitive("string", { optional: true });

function modesOf(config: ConnectorConfig): Modes {
  const mode = config["delete.tombstone.handling.mode"]?.trim().toLowerCase() as Deletes | undefined;
  const older = config["delete.handling.mode"]?.trim().toLowerCase();
  const dropTombstones = config["drop.tombstones"]?.trim().toLowerCase();
  if (mode === undefined && (older !== undefined || dropTombstones !== undefined)) {
    // The two settings before 2.5: drop.tombstones (true) and delete.handling.mode (drop).
    const event = older === "rewrite" ? "rewrite" : older === "none" ? "tombstone" : "drop";
    return { event, keepTombstones: dropTombstones === "false", mark: event === "rewrite" };
  }
  switch (mode) {
    case "drop":
      return { event: "drop", keepTombstones: false, mark: false };
    case "rewrite":
      return { event: "rewrite", keepTombstones: false, mark: true };
    case "rewrite-with-tombstone":
      return { event: "rewrite", keepTombstones: true, mark: true };
    default:
      // The event itself becomes the tombstone, with the row's schema, and the one behind it goes: a table without a key gets one as well.
      return { event: "tombstone", keepTombstones: false, mark: false };
  }
}

/** How a row of one schema is given its added fields. */
interface Layout {
  readonly schema: Schema;
  /** of the row's own fields that stay */
  readonly from: readonly number[];
  readonly added: readonly (readonly string[])[];
  readonly rebuilt: boolean;
}

/**
 * Debezium's event flattening: the row after the change in place of the envelope.
 * https://debezium.io/documentation/reference/stable/transformations/event-flattening.html
 */
class ExtractNewRecordState implements Transformation {
  private readonly modes: Modes;
  private readonly fields: readonly FieldReference[];
  private readonly headers: readonly FieldReference[];
  private readonly routeBy: string | undefined;
  private readonly dropHeader: string | undefined;
  private readonly dropFromKey: boolean;
  private readonly dropOptionalOnly: boolean;
  private readonly nullToDefault: boolean;
  /** by envelope schema, then by row schema */
  private readonly layouts = new WeakMap<Schema, WeakMap<Schema, Layout>>();
  private readonly required = new WeakMap<Schema, Schema>();
  private readonly tombstones = new WeakMap<Schema, Schema>();

  constructor(config: ConnectorConfig) {
    this.modes = modesOf(config);
    const older = config["add.source.fields"]
      ?.split(",")
      .map((f) => `source.${f.trim()}:${f.trim()}`)
      .join(",");
    this.fields = fieldReferences([config["add.fields"], older].filter(Boolean).join(","), config["add.fields.prefix"] ?? "__");
    const headers = [config["add.headers"], config["operation.header"]?.trim().toLowerCase() === "true" ? "op" : ""];
    this.headers = fieldReferences(headers.filter(Boolean).join(","), config["add.headers.prefix"] ?? "__");
    this.routeBy = config["route.by.field"]?.trim() || undefined;
    this.dropHeader = config["drop.fields.header.name"]?.trim() || undefined;
    this.dropFromKey = config["drop.fields.from.key"]?.trim().toLowerCase() === "true";
    this.dropOptionalOnly = config["drop.fields.keep.schema.compatible"]?.trim().toLowerCase() !== "false";
    this.nullToDefault = config["replace.null.with.default"]?.trim().toLowerCase() !== "false";
  }

  apply<R extends ConnectRecord>(record: R): R | null {
    const { modes } = this;
    if (record.value === null) return modes.keepTombstones ? record : null;
    const envelope = record.value;
    if (!(envelope instanceof Struct) || !isEnvelope(envelope.schema)) return record;
    const op = envelope.get("op");
    if (op === "t") return null;
    const after = envelope.get("after") ?? null;
    const before = envelope.get("before") ?? null;
    const deleted = !(after instanceof Struct);
    if (deleted && modes.event === "drop") return null;
    const row = deleted ? before : after;
    const headers = this.headers.length ? [...record.headers, ...this.headersOf(envelope)] : record.headers;
    const topic = this.routeBy ? this.topicOf(row) : record.topic;
    if (deleted && (modes.event === "tombstone" || !(row instanceof Struct))) {
      return this.dropFields({ ...record, topic, headers, valueSchema: this.tombstoneSchema(envelope.schema), value: null });
    }
    const struct = row as Struct;
    const layout = this.layoutOf(envelope.schema, struct.schema);
    let values: Value[] = struct.values;
    if (layout.rebuilt) {
      values = layout.from.map((i) => this.orDefault(struct.values[i]!, struct.schema.fields![i]!.schema));
      for (const path of layout.added) values.push(valueAt(envelope, path));
      if (modes.mark) values.push(deleted ? "true" : "false");
    }
    return this.dropFields({ ...record, topic, headers, valueSchema: layout.schema, value: new Struct(layout.schema, values) });
  }

  compile(shape: RecordShape): RecordShape | "drop" | undefined {
    const { modes } = this;
    const { value } = shape;
    if (value === null || (value.kind === "const" && value.value === null)) return modes.keepTombstones ? shape : "drop";
    if (!isEnvelope(value.schema)) return value.schema.type === "struct" || value.kind !== "const" ? shape : undefined;
    if (this.routeBy) return undefined;
    if (this.dropHeader && shape.headers.some((h) => h.key === this.dropHeader)) return undefined;
    const op = childOf(value, "op");
    const after = childOf(value, "after");
    const before = childOf(value, "before");
    if (op?.kind !== "const" || !after || !before) return undefined;
    if (op.value === "t") return "drop";
    const absent = (n: Node) => n.kind === "const" && n.value === null;
    const deleted = absent(after);
    if (!deleted && after.kind !== "struct") return undefined;
    if (deleted && modes.event === "drop") return "drop";
    try {
      const headers = [...shape.headers, ...this.headerNodes(value)];
      if (deleted && (modes.event === "tombstone" || absent(before)))
        return { ...shape, headers, value: { kind: "const", schema: this.tombstoneSchema(value.schema), value: null } };
      const row = deleted ? before : after;
      if (row.kind !== "struct") return undefined;
      const layout = this.layoutOf(value.schema, row.schema);
      if (!layout.rebuilt) return { ...shape, headers, value: { ...row, schema: layout.schema } };
      const fields: Node[] = [];
      for (const i of layout.from) {
        const { schema } = row.schema.fields![i]!;
        const node = convertNode(row.fields[i]!, schema, undefined, this.nullToDefault ? (schema.default ?? null) : null);
        if (!node) return undefined;
        fields.push(node);
      }
      for (const [i, path] of layout.added.entries()) {
        const node = nodeAt(value, path);
        if (!node) return undefined;
        fields.push({ ...node, schema: layout.schema.fields![layout.from.length + i]!.schema } as Node);
      }
      if (modes.mark) fields.push({ kind: "const", schema: deletedSchema, value: deleted ? "true" : "false" });
      return { ...shape, headers, value: { kind: "struct", schema: layout.schema, fields } };
    } catch {
      return undefined;
    }
  }

  private layoutOf(envelope: Schema, row: Schema): Layout {
    let byRow = this.layouts.get(envelope);
    if (!byRow) this.layouts.set(envelope, (byRow = new WeakMap()));
    let layout = byRow.get(row);
    if (!layout) byRow.set(row, (layout = this.makeLayout(envelope, row)));
    return layout;
  }

  private makeLayout(envelope: Schema, row: Schema): Layout {
    const from = row.fields!.map((f) => f.index);
    if (this.fields.length === 0 && !this.modes.mark) return { schema: this.requiredSchema(row), from, added: [], rebuilt: false };
    const fields: (readonly [string, Schema])[] = row.fields!.map((f) => [f.name, f.schema] as const);
    const added: (readonly string[])[] = [];
    for (const ref of this.fields) {
      const path = this.pathOf(envelope, ref);
      added.push(path);
      fields.push([ref.name, optional(schemaAt(envelope, path))]);
    }
    if (this.modes.mark) fields.push([deletedField, deletedSchema]);
    return { schema: withFields(row, fields, { optional: false }), from, added, rebuilt: true };
  }

  private pathOf(envelope: Schema, ref: FieldReference): readonly string[] {
    const path = resolvePath(envelope, ref.path);
    if (!path) throw refused(`Unable to find field '${ref.path.join(".")}' in the envelope ${envelope.name} or its source`);
    return path;
  }

  private headersOf(envelope: Struct): ConnectHeader[] {
    return this.headers.map((ref) => {
      const path = this.pathOf(envelope.schema, ref);
      return { key: ref.name, schema: optional(schemaAt(envelope.schema, path)), value: valueAt(envelope, path) };
    });
  }

  private headerNodes(envelope: Node): { key: string; node: Node }[] {
    return this.headers.map((ref) => {
      const path = this.pathOf(envelope.schema, ref);
      const node = nodeAt(envelope, path);
      if (!node) throw refused(`field ${ref.name} is not the same in all rows`);
      return { key: ref.name, node: { ...node, schema: optional(node.schema) } as Node };
    });
  }

  private topicOf(row: Value): string {
    const topic = row instanceof Struct ? row.get(this.routeBy!) : undefined;
    if (typeof topic !== "string") throw refused(`route.by.field: the row has no text in field ${this.routeBy}`);
    return topic;
  }

  private orDefault(value: Value, schema: Schema): Value {
    return value === null && this.nullToDefault ? (schema.default ?? null) : value;
  }

  /** The row's own schema where it is required; the envelope's `after` is optional. */
  private requiredSchema(row: Schema): Schema {
    if (!row.optional) return row;
    let schema = this.required.get(row);
    if (!schema) this.required.set(row, (schema = Object.freeze({ ...row, optional: false })));
    return schema;
  }

  private tombstoneSchema(envelope: Schema): Schema {
    let schema = this.tombstones.get(envelope);
    if (!schema) this.tombstones.set(envelope, (schema = optional(schemaAt(envelope, ["after"]))));
    return schema;
  }

  /** Takes away the fields that the record's own header lists. */
  private dropFields<R extends ConnectRecord>(record: R): R {
    const header = this.dropHeader && record.headers.find((h) => h.key === this.dropHeader);
    if (!header || !Array.isArray(header.value)) return record;
    const names = new Set(header.value as readonly string[]);
    const without = (schema: Schema | null, value: Value): { schema: Schema | null; value: Value } => {
      if (!(value instanceof Struct)) return { schema, value };
      const stay = value.schema.fields!.filter((f) => !names.has(f.name) || (this.dropOptionalOnly && !f.schema.optional));
      const less = withFields(
        value.schema,
        stay.map((f) => [f.name, f.schema] as const),
        { optional: value.schema.optional },
      );
      return {
        schema: less,
        value: new Struct(
          less,
          stay.map((f) => value.values[f.index]!),
        ),
      };
    };
    const { schema: valueSchema, value } = without(record.valueSchema, record.value);
    if (!this.dropFromKey) return { ...record, valueSchema, value };
    const { schema: keySchema, value: key } = without(record.keySchema, record.key);
    return { ...record, keySchema, key, valueSchema, value };
  }
}

const text = (name: string, doc: string, fallback: string | null = null): Setting => ({
  name,
  type: "STRING",
  default: fallback,
  importance: "MEDIUM",
  doc,
});

export const extractNewRecordState: TransformPlugin = {
  classes: ["io.debezium.transforms.ExtractNewRecordState", "io.debezium.transforms.UnwrapFromEnvelope"],
  version: "3.7.0.Final",
  config: new ConfigDef([
    {
      name: "delete.tombstone.handling.mode",
      type: "STRING",
      default: "tombstone",
      values: ["drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone"],
      importance: "MEDIUM",
      doc: "What becomes of a delete: dropped, made a tombstone, or the row before it with __deleted; the tombstone behind it goes on only with rewrite-with-tombstone.",
    },
    { name: "drop.tombstones", type: "BOOLEAN", default: null, importance: "LOW", doc: "Before 2.5; see delete.tombstone.handling.mode." },
    {
      name: "delete.handling.mode",
      type: "STRING",
      default: null,
      values: ["drop", "rewrite", "none"],
      importance: "LOW",
      doc: "Before 2.5; see delete.tombstone.handling.mode.",
    },
    {
      name: "add.fields",
      type: "LIST",
      default: [],
      importance: "LOW",
      doc: "Fields of the envelope to add to the row: op,table,source.ts_ms; NAME:NEW renames.",
    },
    text("add.fields.prefix", "Prefix of added fields.", "__"),
    { name: "add.headers", type: "LIST", default: [], importance: "LOW", doc: "Fields of the envelope to add as headers." },
    text("add.headers.prefix", "Prefix of added headers.", "__"),
    text("route.by.field", "Field of the row that names the topic."),
    text("drop.fields.header.name", "Header that lists fields to take out of the row."),
    { name: "drop.fields.from.key", type: "BOOLEAN", default: false, importance: "LOW", doc: "Whether they are taken out of the key too." },
    {
      name: "drop.fields.keep.schema.compatible",
      type: "BOOLEAN",
      default: true,
      importance: "LOW",
      doc: "Whether only optional fields are taken out.",
    },
    {
      name: "replace.null.with.default",
      type: "BOOLEAN",
      default: true,
      importance: "LOW",
      doc: "Whether a null field is given its schema's default where the row is built anew.",
    },
    { name: "add.source.fields", type: "LIST", default: [], importance: "LOW", doc: "Before 1.1; see add.fields." },
    { name: "operation.header", type: "BOOLEAN", default: false, importance: "LOW", doc: "Before 1.1; see add.headers=op." },
  ]),
  create: (config) => new ExtractNewRecordState(config),
};
