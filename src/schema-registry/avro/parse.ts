import { MillraceError } from "../../common/errors.js";
import {
  type AvroField,
  type AvroNamed,
  type AvroPrimitiveName,
  type AvroSchema,
  avroPrimitive,
  avroPrimitives,
  branchName,
  namespaceOf,
  type Props,
} from "./schema.js";

type Json = Record<string, unknown>;
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

const own: Record<string, ReadonlySet<string>> = {
  record: new Set(["type", "name", "namespace", "doc", "aliases", "fields"]),
  error: new Set(["type", "name", "namespace", "doc", "aliases", "fields"]),
  enum: new Set(["type", "name", "namespace", "doc", "aliases", "symbols", "default"]),
  fixed: new Set(["type", "name", "namespace", "doc", "aliases", "size"]),
  array: new Set(["type", "items"]),
  map: new Set(["type", "values"]),
};
const ofField = new Set(["name", "type", "doc", "default", "order", "aliases"]);
const ofPrimitive = new Set(["type"]);

/**
 * @param references texts of schemas that this one uses by name, each before those that need it
 * @throws SCHEMA_INVALID that names the place, as a path from the root
 */
export function parseAvro(text: string, references: readonly string[] = []): AvroSchema {
  const names = new Map<string, AvroNamed>();
  for (const reference of references) parseOne(reference, names);
  return parseOne(text, names);
}

function parseOne(text: string, names: Map<string, AvroNamed>): AvroSchema {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    // a bare name is allowed as a schema's text, as Java's parser does
    if (avroPrimitives.has(text.trim())) return avroPrimitive(text.trim() as AvroPrimitiveName);
    throw new MillraceError("SCHEMA_INVALID", `Invalid Avro schema: not JSON: ${(cause as Error).message}`, { cause });
  }
  return new Parser(names).schema(json, "", "$");
}

class Parser {
  constructor(private readonly names: Map<string, AvroNamed>) {}

  schema(json: unknown, space: string, at: string): AvroSchema {
    if (typeof json === "string") return this.byName(json, space, at);
    if (Array.isArray(json)) return this.union(json, space, at);
    if (typeof json !== "object" || json === null) throw invalid(at, `expected a schema, found ${JSON.stringify(json)}`);
    const object = json as Json;
    const type = object["type"];
    if (type === undefined) throw invalid(at, `"type" is missing`);
    if (typeof type !== "string") {
      // {"type": {...}}: the inner schema
      return this.schema(type, space, `${at}.type`);
    }
    switch (type) {
      case "record":
      case "error":
        return this.record(object, type, space, at);
      case "enum":
        return this.enumeration(object, space, at);
      case "fixed": {
        const size = object["size"];
        if (typeof size !== "number" || !Number.isInteger(size) || size < 0) throw invalid(at, `"size" of a fixed must be a whole number`);
        return this.define({ type: "fixed", ...this.head(object, space, at), size, props: propsOf(object, own["fixed"]!) }, at);
      }
      case "array":
        if (object["items"] === undefined) throw invalid(at, `"items" is missing`);
        return { type, items: this.schema(object["items"], space, `${at}.items`), props: propsOf(object, own["array"]!) };
      case "map":
        if (object["values"] === undefined) throw invalid(at, `"values" is missing`);
        return { type, values: this.schema(object["values"], space, `${at}.values`), props: propsOf(object, own["map"]!) };
      default:
        return avroPrimitives.has(type)
          ? avroPrimitive(type as AvroPrimitiveName, propsOf(object, ofPrimitive))
          : this.byName(type, space, at);
    }
  }

  private byName(name: string, space: string, at: string): AvroSchema {
    if (avroPrimitives.has(name)) return avroPrimitive(name as AvroPrimitiveName);
    const full = name.startsWith(".") ? name.slice(1) : name.includes(".") || space === "" ? name : `${space}.${name}`;
    const known = this.names.get(full) ?? this.names.get(name);
    if (!known)
      throw invalid(
        at,
        `"${name}" is not a defined name. The type of the "${name}" field must be a defined name or a {"type": ...} expression.`,
      );
    return known;
  }

  private union(json: unknown[], space: string, at: string): AvroSchema {
    const branches = json.map((b, i) => this.schema(b, space, `${at}[${i}]`));
    const seen = new Set<string>();
    for (const b of branches) {
      if (b.type === "union") throw invalid(at, "a union may not hold a union directly");
      const name = branchName(b);
      if (seen.has(name)) throw invalid(at, `Duplicate in union: ${name}`);
      seen.add(name);
    }
    return { type: "union", branches, props: {} };
  }

  private record(object: Json, type: "record" | "error", space: string, at: string): AvroSchema {
    const fields: AvroField[] = [];
    const head = this.head(object, space, at);
    const record = this.define(
      { type: "record", ...head, fields, ...(type === "error" ? { isError: true } : {}), props: propsOf(object, own["record"]!) },
      at,
    );
    const list = object["fields"];
    if (!Array.isArray(list)) throw invalid(at, `Record has no fields`);
    const inner = namespaceOf(head.name);
    const seen = new Set<string>();
    list.forEach((entry: unknown, i) => {
      const f = entry as Json;
      const name = f?.["name"];
      if (typeof name !== "string") throw invalid(`${at}.fields[${i}]`, "No field name");
      const where = `${at}.${name}`;
      if (!namePattern.test(name)) throw invalid(where, `Illegal character in: ${name}`);
      if (seen.has(name)) throw invalid(where, `Duplicate field ${name} in record ${head.name}`);
      seen.add(name);
      if (f["type"] === undefined) throw invalid(where, "No field type");
      const schema = this.schema(f["type"], inner, where);
      if ("default" in f && !defaultFits(schema, f["default"]))
        throw invalid(where, `Invalid default for field ${name}: ${JSON.stringify(f["default"])} not a ${branchName(firstBranch(schema))}`);
      fields.push({
        name,
        type: schema,
        ...(typeof f["doc"] === "string" ? { doc: f["doc"] } : {}),
        ...("default" in f ? { default: f["default"] } : {}),
        ...(typeof f["order"] === "string" ? { order: f["order"] } : {}),
        aliases: strings(f["aliases"]),
        props: propsOf(f, ofField),
      });
    });
    return record;
  }

  private enumeration(object: Json, space: string, at: string): AvroSchema {
    const symbols = object["symbols"];
    if (!Array.isArray(symbols)) throw invalid(at, "Enum has no symbols");
    const seen = new Set<string>();
    for (const s of symbols as unknown[]) {
      if (typeof s !== "string" || !namePattern.test(s)) throw invalid(at, `Illegal enum symbol ${JSON.stringify(s)}`);
      if (seen.has(s)) throw invalid(at, `Duplicate enum symbol: ${s}`);
      seen.add(s);
    }
    const fallback = object["default"];
    if (fallback !== undefined && !seen.has(fallback as string))
      throw invalid(at, `The Enum Default: ${JSON.stringify(fallback)} is not in the enum symbol set`);
    const head = this.head(object, space, at);
    return this.define(
      {
        type: "enum",
        ...head,
        symbols: symbols as string[],
        ...(fallback === undefined ? {} : { default: fallback as string }),
        props: propsOf(object, own["enum"]!),
      },
      at,
    );
  }

  private head(object: Json, space: string, at: string): { name: string; doc?: string; aliases: string[] } {
    const given = object["name"];
    if (typeof given !== "string" || given === "") throw invalid(at, "No name in schema");
    const dotted = given.includes(".");
    const namespace = dotted ? namespaceOf(given) : typeof object["namespace"] === "string" ? object["namespace"] : space;
    const simple = dotted ? given.slice(given.lastIndexOf(".") + 1) : given;
    const parts = namespace === "" ? [simple] : [...namespace.split("."), simple];
    for (const part of parts) if (!namePattern.test(part)) throw invalid(at, `Illegal character in name: ${parts.join(".")}`);
    if (avroPrimitives.has(simple) && namespace === "") throw invalid(at, `Schemas may not be named after primitives: ${simple}`);
    const aliases = strings(object["aliases"]).map((a) => (a.includes(".") || namespace === "" ? a : `${namespace}.${a}`));
    return { name: parts.join("."), ...(typeof object["doc"] === "string" ? { doc: object["doc"] } : {}), aliases };
  }

  private define<T extends AvroNamed>(schema: T, at: string): T {
    if (this.names.has(schema.name)) throw invalid(at, `Can't redefine: ${schema.name}`);
    this.names.set(schema.name, schema);
    return schema;
  }
}

function invalid(at: string, what: string): MillraceError {
  return new MillraceError("SCHEMA_INVALID", `Invalid Avro schema at ${at}: ${what}`, { context: { at } });
}

function propsOf(object: Json, known: ReadonlySet<string>): Props {
  const props: Json = {};
  for (const key of Object.keys(object)) if (!known.has(key)) props[key] = object[key];
  return props;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === "string") : [];
}

function firstBranch(schema: AvroSchema): AvroSchema {
  return schema.type === "union" ? (schema.branches[0] ?? schema) : schema;
}

/** Whether a default's JSON fits; of a union any branch may hold it (Avro 1.12 relaxed "the first"). */
function defaultFits(schema: AvroSchema, value: unknown): boolean {
  switch (schema.type) {
    case "null":
      return value === null;
    case "boolean":
      return typeof value === "boolean";
    case "int":
      return typeof value === "number" && Number.isInteger(value) && value >= -0x8000_0000 && value <= 0x7fff_ffff;
    case "long":
      return typeof value === "number" && Number.isInteger(value);
    case "float":
    case "double":
      return typeof value === "number";
    case "string":
    case "bytes":
    case "fixed":
    case "enum":
      return typeof value === "string";
    case "array":
      return Array.isArray(value) && value.every((v) => defaultFits(schema.items, v));
    case "map":
      return isObject(value) && Object.values(value).every((v) => defaultFits(schema.values, v));
    case "record":
      return isObject(value) && schema.fields.every((f) => (f.name in value ? defaultFits(f.type, value[f.name]) : "default" in f));
    case "union":
      return schema.branches.some((b) => defaultFits(b, value));
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
