import { fieldNamed, primitive, type Schema } from "../../data/schema.js";
import { parseValue } from "../../data/value-text.js";
import type { ConnectHeader, ConnectRecord } from "../api/record.js";
import type { RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import {
  fieldValue,
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
import { applyEdit, convertNode, edit, editNode, kept, type StructEdit } from "./struct-edit.js";

class InsertHeader implements Transformation {
  private readonly header: ConnectHeader;

  constructor(config: ConnectorConfig) {
    const text = (config["value.literal"] ?? "").trim();
    this.header = { key: (config["header"] ?? "").trim(), ...(parseValue(text) ?? { schema: primitive("string"), value: text }) };
  }
  apply<R extends ConnectRecord>(record: R): R {
    return { ...record, headers: [...record.headers, this.header] };
  }
  compile(shape: RecordShape): RecordShape | undefined {
    const { key, schema, value } = this.header;
    if (schema === null) return undefined;
    return { ...shape, headers: [...shape.headers, { key, node: { kind: "const", schema, value } }] };
  }
}

class DropHeaders implements Transformation {
  constructor(private readonly names: ReadonlySet<string>) {}
  apply<R extends ConnectRecord>(record: R): R {
    return { ...record, headers: record.headers.filter((h) => !this.names.has(h.key)) };
  }
  compile(shape: RecordShape): RecordShape {
    return { ...shape, headers: shape.headers.filter((h) => !this.names.has(h.key)) };
  }
}

class HeaderFrom implements Transformation {
  private readonly fields: readonly string[];
  private readonly headers: readonly string[];
  private readonly move: boolean;
  private readonly nullToDefault: boolean;
  private readonly edits = new WeakMap<Schema, StructEdit>();

  constructor(
    config: ConnectorConfig,
    private readonly side: Side,
  ) {
    this.fields = listOf(config["fields"]);
    this.headers = listOf(config["headers"]);
    this.move = config["operation"]?.trim().toLowerCase() === "move";
    this.nullToDefault = replacesNull(config);
  }

  apply<R extends ConnectRecord>(record: R): R {
    const { side } = this;
    const schema = side.schema(record);
    const value = side.value(record);
    const purpose = `header ${this.move ? "move" : "copy"}`;
    if (schema === null) {
      const map = new Map(requireMap(value, purpose));
      const added = this.fields.map((f, i) => ({ key: this.headers[i]!, schema: null, value: map.get(f) ?? null }));
      if (this.move) for (const f of this.fields) map.delete(f);
      return { ...side.with(record, null, map), headers: [...record.headers, ...added] };
    }
    const struct = requireStruct(value, schema, purpose);
    const added = this.fields.map((name, i) => {
      const field = fieldNamed(schema, name);
      if (!field) throw refused(`Unknown field: ${name}`);
      return { key: this.headers[i]!, schema: field.schema, value: fieldValue(struct, field, this.nullToDefault) };
    });
    const headers = [...record.headers, ...added];
    if (!this.move) return { ...record, headers };
    const less = this.lessOf(schema);
    return { ...side.with(record, less.schema, applyEdit(less, struct)), headers };
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node?.kind !== "struct") return undefined;
    const headers = [...shape.headers];
    for (const [i, name] of this.fields.entries()) {
      const field = fieldNamed(node.schema, name);
      const value =
        field &&
        convertNode(node.fields[field.index]!, field.schema, undefined, this.nullToDefault ? (field.schema.default ?? null) : null);
      if (!value) return undefined;
      headers.push({ key: this.headers[i]!, node: value });
    }
    if (!this.move) return { ...shape, headers };
    const less = editNode(this.lessOf(node.schema), node);
    return less && { ...this.side.withNode(shape, less), headers };
  }

  private lessOf(schema: Schema): StructEdit {
    let less = this.edits.get(schema);
    if (!less) {
      const stay = schema.fields!.filter((f) => !this.fields.includes(f.name));
      this.edits.set(
        schema,
        (less = edit(
          schema,
          stay.map((f) => kept(f, this.nullToDefault)),
        )),
      );
    }
    return less;
  }
}

/** Drops every record; a predicate says which. */
class Filter implements Transformation {
  apply(): null {
    return null;
  }
  compile(): "drop" {
    return "drop";
  }
}

const emptyProblem = (value: unknown) => ((value as readonly string[]).length === 0 ? "Empty list" : undefined);

export const headerTransforms: readonly TransformPlugin[] = [
  plain(
    "InsertHeader",
    [
      setting("header", "The name of the header."),
      setting("value.literal", "The literal value that is to be set as the header value on all records."),
    ],
    (c) => new InsertHeader(c),
  ),
  plain(
    "DropHeaders",
    [setting("headers", "The name of the headers to be removed.", { type: "LIST" })],
    (c) => new DropHeaders(new Set(listOf(c["headers"]))),
  ),
  ...sided(
    "HeaderFrom",
    [
      setting("fields", "Field names in the record whose values are to be copied or moved to headers.", {
        type: "LIST",
        importance: "HIGH",
        check: emptyProblem,
      }),
      setting("headers", "Header names, in the same order as the field names.", {
        type: "LIST",
        importance: "HIGH",
        check: (v, config) =>
          emptyProblem(v) ??
          ((v as readonly string[]).length === listOf(config["fields"]).length
            ? undefined
            : "'fields' config must have the same number of elements as 'headers' config."),
      }),
      setting("operation", "Whether the fields stay in the record (copy) or not (move).", { values: ["move", "copy"], importance: "HIGH" }),
      replaceNull,
    ],
    (c, side) => new HeaderFrom(c, side),
  ),
  plain("Filter", [], () => new Filter()),
];
