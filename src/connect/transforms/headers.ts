import type { Setting } from "../../common/config-def.js";
import { fieldNamed, primitive, Struct, type Value } from "../../data/schema.js";
import type { ConnectHeader, ConnectRecord } from "../api/record.js";
import type { RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { plain, refused, requireMap, requireStruct, type Side, sided } from "./side.js";
import { edit, kept } from "./struct-edit.js";

const listOf = (text: string | undefined) =>
  (text ?? "")
    .split(",")
    .map((s) => s.trim())
    .filter(Boolean);

/** A literal as Connect reads one: true, 12, 1.5, "text", text. */
function literal(text: string): { schema: ReturnType<typeof primitive>; value: Value } {
  if (text === "true" || text === "false") return { schema: primitive("boolean"), value: text === "true" };
  if (/^[+-]?\d+$/.test(text)) {
    const n = BigInt(text);
    for (const [type, bits] of [
      ["int8", 8],
      ["int16", 16],
      ["int32", 32],
      ["int64", 64],
    ] as const)
      if (BigInt.asIntN(bits, n) === n) return { schema: primitive(type), value: Number.isSafeInteger(Number(n)) ? Number(n) : n };
  }
  if (/^[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return { schema: primitive("float64"), value: Number(text) };
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(text);
  return { schema: primitive("string"), value: quoted ? quoted[1]!.replace(/\\(.)/g, "$1") : text };
}

class InsertHeader implements Transformation {
  private readonly header: ConnectHeader;

  constructor(config: ConnectorConfig) {
    this.header = { key: (config["header"] ?? "").trim(), ...literal(config["value.literal"] ?? "") };
  }
  apply<R extends ConnectRecord>(record: R): R {
    return { ...record, headers: [...record.headers, this.header] };
  }
  compile(shape: RecordShape): RecordShape {
    const { key, schema, value } = this.header;
    return { ...shape, headers: [...shape.headers, { key, node: { kind: "const", schema: schema!, value } }] };
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

  constructor(
    config: ConnectorConfig,
    private readonly side: Side,
  ) {
    this.fields = listOf(config["fields"]);
    this.headers = listOf(config["headers"]);
    this.move = config["operation"]?.trim().toLowerCase() === "move";
  }

  apply<R extends ConnectRecord>(record: R): R {
    const { side } = this;
    const schema = side.schema(record);
    const value = side.value(record);
    if (schema === null) {
      const map = new Map(requireMap(value, "header from"));
      const added = this.fields.map((f, i) => ({ key: this.headers[i]!, schema: null, value: map.get(f) ?? null }));
      if (this.move) for (const f of this.fields) map.delete(f);
      return { ...side.with(record, null, map), headers: [...record.headers, ...added] };
    }
    const struct = requireStruct(value, "header from");
    const added = this.fields.map((name, i) => {
      const field = fieldNamed(struct.schema, name);
      if (!field) throw refused(`Unknown field: ${name}`);
      return { key: this.headers[i]!, schema: field.schema, value: struct.values[field.index]! };
    });
    const headers = [...record.headers, ...added];
    if (!this.move) return { ...record, headers };
    const stay = struct.schema.fields!.filter((f) => !this.fields.includes(f.name));
    const less = edit(struct.schema, stay.map(kept)).schema;
    return {
      ...side.with(
        record,
        less,
        new Struct(
          less,
          stay.map((f) => struct.values[f.index]!),
        ),
      ),
      headers,
    };
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node?.kind !== "struct") return undefined;
    const headers = [...shape.headers];
    for (const [i, name] of this.fields.entries()) {
      const field = fieldNamed(node.schema, name);
      if (!field) return undefined;
      headers.push({ key: this.headers[i]!, node: node.fields[field.index]! });
    }
    if (!this.move) return { ...shape, headers };
    const stay = node.schema.fields!.filter((f) => !this.fields.includes(f.name));
    const schema = edit(node.schema, stay.map(kept)).schema;
    return { ...this.side.withNode(shape, { kind: "struct", schema, fields: stay.map((f) => node.fields[f.index]!) }), headers };
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

const setting = (name: string, doc: string, more: Partial<Setting> = {}): Setting => ({
  name,
  type: "STRING",
  importance: "HIGH",
  doc,
  ...more,
});

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
      setting("fields", "Field names in the record whose values are to be copied or moved to headers.", { type: "LIST" }),
      setting("headers", "Header names, in the same order as the field names.", {
        type: "LIST",
        check: (v, config) =>
          (v as readonly string[]).length === listOf(config["fields"]).length ? undefined : "there must be as many headers as fields",
      }),
      setting("operation", "Whether the fields stay in the record (copy) or not (move).", { values: ["move", "copy"] }),
    ],
    (c, side) => new HeaderFrom(c, side),
  ),
  plain("Filter", [], () => new Filter()),
];
