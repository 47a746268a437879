import type { Incompatibility } from "./incompatibility.js";

type Schema = boolean | { readonly [keyword: string]: unknown };
type Node = { readonly [keyword: string]: unknown };

/**
 * Why a document that is valid under `writer` may be invalid under `reader`; empty where it cannot be. Rules and error types are those
 * that Confluent's registry documents for JSON Schema, with its content models: an object without `additionalProperties` is open, so
 * that a property which is added to it may have been there before with any type.
 * @param readerIs how messages call the reader's schema, @param writerIs the writer's
 */
export function jsonSchemaProblems(reader: unknown, writer: unknown, readerIs: string, writerIs: string): Incompatibility[] {
  const check = new Check(reader as Schema, writer as Schema, readerIs, writerIs);
  check.compare(reader as Schema, writer as Schema, "#");
  return check.problems;
}

class Check {
  problems: Incompatibility[] = [];
  /** Pairs that are being compared or were: schemas may hold themselves. */
  private readonly seen = new Map<unknown, Set<unknown>>();

  constructor(
    private readonly readerRoot: Schema,
    private readonly writerRoot: Schema,
    private readonly readerIs: string,
    private readonly writerIs: string,
  ) {}

  compare(readerGiven: Schema, writerGiven: Schema, path: string): void {
    const reader = resolve(readerGiven, this.readerRoot);
    const writer = resolve(writerGiven, this.writerRoot);
    if (isAnything(reader) || writer === false) return;
    if (reader === false) {
      this.add("SCHEMA_REMOVED", path, `allows nothing, which the ${this.writerIs} schema does not say`);
      return;
    }
    const r = reader as Node;
    const w: Node = writer === true ? {} : (writer as Node);
    if (this.known(r, w)) return;
    if (typeof r["$ref"] === "string" || typeof w["$ref"] === "string") {
      if (r["$ref"] !== w["$ref"]) this.add("REFERENCE_CHANGED", path, "refers to another schema, which is not looked into");
      return;
    }
    this.combined(r, w, path);
    if (!this.types(r, w, path)) return;
    this.values(r, w, path);
    this.limits(r, w, path);
    if (holds(w, "object")) this.objects(r, w, path);
    if (holds(w, "array")) this.arrays(r, w, path);
  }

  // --- what a value is -------------------------------------------------------------------------------------------

  /** False where nothing more can be compared. */
  private types(r: Node, w: Node, path: string): boolean {
    const [reads, writes] = [typesOf(r), typesOf(w)];
    if (reads === undefined) return true;
    if (writes === undefined) {
      // a sum of types, or values, says which there are
      if (w["anyOf"] !== undefined || w["oneOf"] !== undefined || w["allOf"] !== undefined || w["enum"] !== undefined || "const" in w)
        return true;
      this.add("TYPE_NARROWED", path, `has a type (${reads.join(", ")}), which the ${this.writerIs} schema leaves open`);
      return false;
    }
    const missing = writes.filter((t) => !reads.includes(t) && !(t === "integer" && reads.includes("number")));
    if (missing.length === 0) return true;
    const all = missing.length === writes.length;
    this.add(
      all ? "TYPE_CHANGED" : "TYPE_NARROWED",
      path,
      `has type ${reads.join(", ")} and in the ${this.writerIs} schema ${writes.join(", ")}`,
    );
    return !all;
  }

  private values(r: Node, w: Node, path: string): void {
    const [reads, writes] = [enumOf(r), enumOf(w)];
    if (reads === undefined) return;
    if (writes === undefined) {
      this.add("ENUM_ARRAY_ADDED", path, `lists its values, which the ${this.writerIs} schema does not`);
      return;
    }
    const texts = new Set(reads.map((v) => JSON.stringify(v)));
    const missing = writes.filter((v) => !texts.has(JSON.stringify(v)));
    if (missing.length) this.add("ENUM_ARRAY_NARROWED", path, `does not list ${missing.map((v) => JSON.stringify(v)).join(", ")}`);
  }

  private limits(r: Node, w: Node, path: string): void {
    for (const [keyword, name] of upper) this.limit(r, w, path, keyword, name, (read, written) => read < written);
    for (const [keyword, name] of lower) this.limit(r, w, path, keyword, name, (read, written) => read > written);
    this.limit(r, w, path, "multipleOf", "MULTIPLE_OF", (read, written) => !Number.isInteger(written / read));
    if (typeof r["pattern"] === "string" && r["pattern"] !== w["pattern"])
      this.add(w["pattern"] === undefined ? "PATTERN_ADDED" : "PATTERN_CHANGED", path, "has another pattern");
    if (r["uniqueItems"] === true && w["uniqueItems"] !== true) this.add("UNIQUE_ITEMS_ADDED", path, "asks for items that differ");
    if (r["not"] !== undefined) {
      const apart = this.apart();
      if (w["not"] !== undefined) apart.compare(w["not"] as Schema, r["not"] as Schema, `${path}/not`);
      if (w["not"] === undefined || apart.problems.length) this.add("NOT_TYPE_EXTENDED", `${path}/not`, "excludes more");
    }
  }

  private limit(r: Node, w: Node, path: string, keyword: string, name: string, stricter: (read: number, written: number) => boolean): void {
    const [read, written] = [r[keyword], w[keyword]];
    if (typeof read !== "number") return;
    if (typeof written !== "number") this.add(`${name}_ADDED`, `${path}/${keyword}`, `has ${keyword} ${read}`);
    else if (stricter(read, written))
      this.add(
        `${name}_${upper.some(([k]) => k === keyword) ? "DECREASED" : keyword === "multipleOf" ? "CHANGED" : "INCREASED"}`,
        `${path}/${keyword}`,
        `has ${keyword} ${read}, the ${this.writerIs} schema ${written}`,
      );
  }

  // --- objects ---------------------------------------------------------------------------------------------------

  private objects(r: Node, w: Node, path: string): void {
    const [reads, writes] = [propertiesOf(r), propertiesOf(w)];
    const required = new Set(list(r["required"]));
    const wasRequired = new Set(list(w["required"]));
    for (const [name, schema] of Object.entries(writes)) {
      const at = `${path}/properties/${name}`;
      if (Object.hasOwn(reads, name)) this.compare(reads[name]!, schema, at);
      else this.removed(r, name, schema, at);
    }
    for (const [name, schema] of Object.entries(reads)) {
      const at = `${path}/properties/${name}`;
      if (Object.hasOwn(writes, name)) {
        if (required.has(name) && !wasRequired.has(name) && !hasDefault(schema))
          this.add("REQUIRED_ATTRIBUTE_ADDED", at, `is required, and not so in the ${this.writerIs} schema`);
      } else this.added(w, name, schema, required.has(name) && !wasRequired.has(name), at);
    }
    for (const name of required)
      if (!Object.hasOwn(reads, name) && !wasRequired.has(name))
        this.add("REQUIRED_ATTRIBUTE_ADDED", `${path}/required/${name}`, `is required, and not so in the ${this.writerIs} schema`);
    this.additional(r, w, path);
    const [needs, needed] = [dependencies(r), dependencies(w)];
    for (const [name, what] of Object.entries(needs))
      if (JSON.stringify(what) !== JSON.stringify(needed[name]))
        this.add("DEPENDENCY_ARRAY_CHANGED", `${path}/dependencies/${name}`, `depends on more or other properties`);
  }

  private removed(r: Node, name: string, schema: Schema, at: string): void {
    const cover = coverOf(r, name);
    if (isAnything(cover)) return;
    if (cover === false) {
      if (schema !== false)
        this.add("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", at, "is missing, and others than those named are not allowed");
      return;
    }
    const apart = this.apart();
    apart.compare(cover, schema, at);
    if (apart.problems.length)
      this.add(
        "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        at,
        "is missing, and is not allowed among the additional ones",
      );
  }

  private added(w: Node, name: string, schema: Schema, required: boolean, at: string): void {
    const cover = coverOf(w, name);
    if (cover === false) {
      if (required && !hasDefault(schema))
        this.add("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", at, `is new and required, without a default`);
      return;
    }
    if (isAnything(cover)) {
      if (!isAnything(schema))
        this.add("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", at, `is new, and the ${this.writerIs} schema allows it with any value`);
      else if (required) this.add("REQUIRED_ATTRIBUTE_ADDED", at, "is new and required");
      return;
    }
    const apart = this.apart();
    apart.compare(schema, cover, at);
    if (apart.problems.length)
      this.add(
        "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        at,
        `is new, and the ${this.writerIs} schema allows it with other values`,
      );
    else if (required && !hasDefault(schema))
      this.add("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", at, "is new and required, without a default");
  }

  private additional(r: Node, w: Node, path: string): void {
    const read = (r["additionalProperties"] ?? true) as Schema;
    const written = (w["additionalProperties"] ?? true) as Schema;
    const at = `${path}/additionalProperties`;
    if (isAnything(read) || written === false) return;
    if (read === false) this.add("ADDITIONAL_PROPERTIES_REMOVED", at, `allows no further properties, as the ${this.writerIs} schema does`);
    else if (isAnything(written)) this.add("ADDITIONAL_PROPERTIES_NARROWED", at, "allows fewer further properties");
    else this.compare(read, written, at);
  }

  // --- arrays ----------------------------------------------------------------------------------------------------

  private arrays(r: Node, w: Node, path: string): void {
    const [read, written] = [itemsOf(r), itemsOf(w)];
    const most = Math.max(read.first.length, written.first.length);
    for (let i = 0; i < most; i++) this.compare(read.first[i] ?? read.rest, written.first[i] ?? written.rest, `${path}/items/${i}`);
    const at = `${path}/${read.first.length ? "additionalItems" : "items"}`;
    if (read.rest === false && written.rest !== false) this.add("ADDITIONAL_ITEMS_REMOVED", at, "allows no further items");
    else this.compare(read.rest, written.rest, at);
  }

  // --- combinations ----------------------------------------------------------------------------------------------

  private combined(r: Node, w: Node, path: string): void {
    const fits = (reader: Schema, writer: Schema): boolean => {
      const apart = this.apart();
      apart.compare(reader, writer, path);
      return apart.problems.length === 0;
    };
    const written = sumOf(w) ?? [withoutSums(w)];
    const reads = sumOf(r);
    if (reads !== undefined) {
      const missing = written.filter((branch) => !reads.some((other) => fits(other, branch)));
      if (missing.length)
        this.add(
          sumOf(w) ? "SUM_TYPE_NARROWED" : "COMBINED_TYPE_SUBSCHEMAS_CHANGED",
          path,
          `has no alternative for ${missing.length} of the ${this.writerIs} schema`,
        );
    } else if (sumOf(w) !== undefined) {
      const alone = withoutSums(r);
      if (written.some((branch) => !fits(alone, typeof branch === "object" ? { ...withoutSums(w), ...branch } : branch)))
        this.add("TYPE_CHANGED", path, `does not take every alternative of the ${this.writerIs} schema`);
    }
    const products = list<Schema>(r["allOf"]);
    const has = list<Schema>(w["allOf"]);
    const missing = products.filter((part) => ![...has, withoutSums(w)].some((other) => fits(part, other)));
    if (missing.length)
      this.add("PRODUCT_TYPE_EXTENDED", `${path}/allOf`, `asks for ${missing.length} more than the ${this.writerIs} schema`);
  }

  /** For what may fail without being a problem yet. */
  private apart(): Check {
    const apart = new Check(this.readerRoot, this.writerRoot, this.readerIs, this.writerIs);
    for (const [reader, writers] of this.seen) apart.seen.set(reader, new Set(writers));
    return apart;
  }

  private known(r: Node, w: Node): boolean {
    const done = this.seen.get(r) ?? new Set();
    if (done.has(w)) return true;
    this.seen.set(r, done.add(w));
    return false;
  }

  private add(errorType: string, path: string, what: string): void {
    this.problems.push({ errorType, description: `The ${this.readerIs} schema at path '${path}' ${what}`, additionalInfo: "" });
  }
}

const upper = [
  ["maxLength", "MAX_LENGTH"],
  ["maximum", "MAXIMUM"],
  ["exclusiveMaximum", "EXCLUSIVE_MAXIMUM"],
  ["maxProperties", "MAX_PROPERTIES"],
  ["maxItems", "MAX_ITEMS"],
] as const;
const lower = [
  ["minLength", "MIN_LENGTH"],
  ["minimum", "MINIMUM"],
  ["exclusiveMinimum", "EXCLUSIVE_MINIMUM"],
  ["minProperties", "MIN_PROPERTIES"],
  ["minItems", "MIN_ITEMS"],
] as const;

/** Keywords that say nothing of which documents are valid. */
const silent = new Set(["$id", "id", "$schema", "$comment", "title", "description", "default", "examples", "definitions", "$defs"]);

function isAnything(schema: Schema): boolean {
  if (typeof schema === "boolean") return schema;
  return Object.keys(schema).every((keyword) => silent.has(keyword) || keyword.startsWith("connect."));
}

/** What a reference within the document points to; one to another document stays. */
function resolve(schema: Schema, root: Schema): Schema {
  let found = schema;
  for (
    let depth = 0;
    depth < 32 && typeof found === "object" && typeof found["$ref"] === "string" && found["$ref"].startsWith("#");
    depth++
  ) {
    let at: unknown = root;
    for (const part of found["$ref"].slice(1).split("/").filter(Boolean))
      at = (at as Node | undefined)?.[decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~")];
    if (typeof at !== "boolean" && (typeof at !== "object" || at === null)) return schema;
    found = at as Schema;
  }
  return found;
}

function typesOf(schema: Node): string[] | undefined {
  const { type } = schema;
  return typeof type === "string" ? [type] : Array.isArray(type) ? (type as string[]) : undefined;
}
function holds(schema: Node, type: string): boolean {
  return typesOf(schema)?.includes(type) ?? true;
}
function enumOf(schema: Node): unknown[] | undefined {
  if ("const" in schema) return [schema["const"]];
  return Array.isArray(schema["enum"]) ? schema["enum"] : undefined;
}
function propertiesOf(schema: Node): { readonly [name: string]: Schema } {
  return (schema["properties"] ?? {}) as { [name: string]: Schema };
}
function dependencies(schema: Node): { readonly [name: string]: unknown } {
  return (schema["dependentRequired"] ?? schema["dependencies"] ?? {}) as { [name: string]: unknown };
}
function hasDefault(schema: Schema): boolean {
  return typeof schema === "object" && "default" in schema;
}

/** What a property that is not named must be: by a pattern, or as an additional one. */
function coverOf(schema: Node, name: string): Schema {
  for (const [pattern, covered] of Object.entries((schema["patternProperties"] ?? {}) as { [p: string]: Schema })) {
    try {
      if (new RegExp(pattern).test(name)) return covered;
    } catch {
      // a pattern of another dialect covers nothing that could be told
    }
  }
  return (schema["additionalProperties"] ?? true) as Schema;
}

function itemsOf(schema: Node): { first: readonly Schema[]; rest: Schema } {
  const { items, prefixItems, additionalItems } = schema;
  if (Array.isArray(prefixItems)) return { first: prefixItems as Schema[], rest: (items ?? true) as Schema };
  if (Array.isArray(items)) return { first: items as Schema[], rest: (additionalItems ?? true) as Schema };
  return { first: [], rest: (items ?? true) as Schema };
}

function sumOf(schema: Node): readonly Schema[] | undefined {
  const sum = schema["oneOf"] ?? schema["anyOf"];
  return Array.isArray(sum) ? (sum as Schema[]) : undefined;
}
function withoutSums(schema: Node): Node {
  const { oneOf: _oneOf, anyOf: _anyOf, allOf: _allOf, ...rest } = schema;
  return rest;
}
function list<T = string>(value: unknown): readonly T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}
