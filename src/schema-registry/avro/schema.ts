/**
 * Avro schemas as a graph: names are full and resolved, a reused or recursive named type is the same object. Attributes that
 * the specification does not know are in `props`, in the order of the text. (Apache Avro specification 1.11.)
 */
export type AvroPrimitiveName = "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string";
export type Props = Readonly<Record<string, unknown>>;

export interface AvroPrimitive {
  readonly type: AvroPrimitiveName;
  readonly props: Props;
}
export interface AvroRecord {
  readonly type: "record";
  readonly name: string;
  readonly doc?: string;
  readonly aliases: readonly string[];
  /** filled after the record is made, so that a field may refer to it */
  readonly fields: AvroField[];
  readonly isError?: boolean;
  readonly props: Props;
}
export interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
  readonly doc?: string;
  /** present (even if null) only where the field declares one; JSON as the specification writes defaults */
  readonly default?: unknown;
  readonly order?: string;
  readonly aliases: readonly string[];
  readonly props: Props;
}
export interface AvroEnum {
  readonly type: "enum";
  readonly name: string;
  readonly doc?: string;
  readonly aliases: readonly string[];
  readonly symbols: readonly string[];
  readonly default?: string;
  readonly props: Props;
}
export interface AvroFixed {
  readonly type: "fixed";
  readonly name: string;
  readonly doc?: string;
  readonly aliases: readonly string[];
  readonly size: number;
  readonly props: Props;
}
export interface AvroArray {
  readonly type: "array";
  readonly items: AvroSchema;
  readonly props: Props;
}
export interface AvroMap {
  readonly type: "map";
  readonly values: AvroSchema;
  readonly props: Props;
}
export interface AvroUnion {
  readonly type: "union";
  readonly branches: readonly AvroSchema[];
  readonly props: Props;
}
export type AvroNamed = AvroRecord | AvroEnum | AvroFixed;
export type AvroSchema = AvroPrimitive | AvroNamed | AvroArray | AvroMap | AvroUnion;

export const avroPrimitives: ReadonlySet<string> = new Set(["null", "boolean", "int", "long", "float", "double", "bytes", "string"]);

export function isNamed(schema: AvroSchema): schema is AvroNamed {
  return schema.type === "record" || schema.type === "enum" || schema.type === "fixed";
}

export function simpleName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf(".") + 1);
}
export function namespaceOf(fullName: string): string {
  const dot = fullName.lastIndexOf(".");
  return dot < 0 ? "" : fullName.slice(0, dot);
}

/** The name of a union's branch: a named type's full name, else its type. */
export function branchName(schema: AvroSchema): string {
  return isNamed(schema) ? schema.name : schema.type;
}

const noProps: Props = Object.freeze({});
/** A primitive; one without attributes is always the same object. */
export function avroPrimitive(type: AvroPrimitiveName, props: Props = noProps): AvroPrimitive {
  if (props !== noProps && Object.keys(props).length) return { type, props };
  let shared = plain.get(type);
  if (!shared) plain.set(type, (shared = { type, props: noProps }));
  return shared;
}
const plain = new Map<string, AvroPrimitive>();

/**
 * The schema's text as Java's Avro library prints it (so that Confluent's registry and this one see the same text): no
 * spaces, a named type in full where it is first used and by name afterwards, relative to the enclosing namespace.
 */
export function formatAvro(schema: AvroSchema): string {
  return JSON.stringify(toJson(schema, "", new Map()));
}

type Json = Record<string, unknown>;

function toJson(schema: AvroSchema, space: string, seen: Map<string, AvroNamed>): unknown {
  switch (schema.type) {
    case "union":
      return schema.branches.map((b) => toJson(b, space, seen));
    case "array":
      return { type: "array", items: toJson(schema.items, space, seen), ...schema.props };
    case "map":
      return { type: "map", values: toJson(schema.values, space, seen), ...schema.props };
    case "record":
    case "enum":
    case "fixed":
      return named(schema, space, seen);
    default:
      return Object.keys(schema.props).length ? { type: schema.type, ...schema.props } : schema.type;
  }
}

function named(schema: AvroNamed, space: string, seen: Map<string, AvroNamed>): unknown {
  const own = namespaceOf(schema.name);
  if (seen.has(schema.name)) return own === space ? simpleName(schema.name) : own === "" ? `.${schema.name}` : schema.name;
  seen.set(schema.name, schema);
  const out: Json = { type: schema.type === "record" && schema.isError ? "error" : schema.type, name: simpleName(schema.name) };
  if (own !== space) out["namespace"] = own;
  if (schema.doc !== undefined) out["doc"] = schema.doc;
  if (schema.type === "record") out["fields"] = schema.fields.map((f) => fieldJson(f, own, seen));
  else if (schema.type === "enum") {
    out["symbols"] = schema.symbols;
    if (schema.default !== undefined) out["default"] = schema.default;
  } else out["size"] = schema.size;
  Object.assign(out, schema.props);
  if (schema.aliases.length) out["aliases"] = schema.aliases.map((a) => (namespaceOf(a) === own ? simpleName(a) : a));
  return out;
}

function fieldJson(field: AvroField, space: string, seen: Map<string, AvroNamed>): Json {
  const out: Json = { name: field.name, type: toJson(field.type, space, seen) };
  if (field.doc !== undefined) out["doc"] = field.doc;
  if ("default" in field) out["default"] = field.default;
  if (field.order !== undefined && field.order !== "ascending") out["order"] = field.order;
  if (field.aliases.length) out["aliases"] = field.aliases;
  Object.assign(out, field.props);
  return out;
}
