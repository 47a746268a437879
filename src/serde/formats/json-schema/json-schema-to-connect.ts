import { MillraceError } from "../../../common/errors.js";
import { arrayOf, mapOf, primitive, type Schema, structOf } from "../../../data/schema.js";

type Json = Record<string, unknown>;
type Extra = Parameters<typeof structOf>[1];

/**
 * The Connect schema of a JSON Schema, as Confluent's converter reads it: `connect.type`, titles and parameters where they are,
 * else integer → int64, number → float64; a property that is not required, or may be null, is optional.
 * @throws SCHEMA_INVALID naming the place
 */
export function jsonSchemaToConnect(json: unknown): Schema {
  return new Reader(json).schema(json, "$", []);
}

class Reader {
  constructor(private readonly root: unknown) {}

  schema(given: unknown, path: string, around: readonly unknown[]): Schema {
    const { json, optional } = this.unwrap(given, path);
    if (around.includes(json)) throw invalid(path, "it holds itself, which a record's schema cannot");
    const inside = [...around, json];
    const parameters = json["connect.parameters"] as Record<string, string> | undefined;
    const extra: Extra = {
      optional,
      ...(typeof json["title"] === "string" ? { name: json["title"] } : {}),
      ...(typeof json["connect.version"] === "number" ? { version: json["connect.version"] } : {}),
      ...(parameters ? { parameters } : {}),
    };
    const connect = json["connect.type"];
    switch (json["type"]) {
      case "boolean":
        return primitive("boolean", extra);
      case "integer":
        return primitive(connect === "int8" || connect === "int16" || connect === "int32" ? connect : "int64", extra);
      case "number":
        return connect === "bytes" ? primitive("bytes", extra) : primitive(connect === "float32" ? "float32" : "float64", extra);
      case "string":
        return primitive(connect === "bytes" ? "bytes" : "string", extra);
      case "array": {
        const items = json["items"] as Json | undefined;
        if (items === undefined) throw invalid(path, "an array without items");
        if (connect !== "map") return arrayOf(this.schema(items, `${path}[]`, inside), extra);
        const { key, value } = (items["properties"] ?? {}) as Json;
        return mapOf(this.schema(key, `${path}.key`, inside), this.schema(value, `${path}.value`, inside), extra);
      }
      case "object":
        return this.object(json, path, inside, extra);
      default:
        throw invalid(path, `${JSON.stringify(json["type"] ?? json)} has no type of Connect`);
    }
  }

  private object(json: Json, path: string, inside: readonly unknown[], extra: Extra): Schema {
    const values = json["additionalProperties"];
    const properties = Object.entries((json["properties"] ?? {}) as Json);
    if (json["connect.type"] === "map" || (properties.length === 0 && typeof values === "object" && values !== null))
      return mapOf(primitive("string"), this.schema(values, `${path}.*`, inside), extra);
    const required = (json["required"] ?? []) as string[];
    const placed = properties.map(([name, property], i) => {
      const schema = this.schema(property, `${path}.${name}`, inside);
      const place = (property as Json)["connect.index"];
      return {
        name,
        place: typeof place === "number" ? place : i,
        schema: required.includes(name) ? schema : { ...schema, optional: true },
      };
    });
    placed.sort((a, b) => a.place - b.place);
    return structOf(
      placed.map(({ name, schema }) => [name, schema] as const),
      extra,
    );
  }

  /** Follows references, takes null out of a choice, and merges what `allOf` puts together. */
  private unwrap(given: unknown, path: string, depth = 0): { json: Json; optional: boolean } {
    if (typeof given !== "object" || given === null || Array.isArray(given)) throw invalid(path, "it is no object");
    if (depth > 100) throw invalid(path, "its references go in a circle");
    const json = given as Json;
    if (typeof json["$ref"] === "string") return this.unwrap(this.find(json["$ref"], path), path, depth + 1);
    if (Array.isArray(json["allOf"])) {
      const parts = (json["allOf"] as unknown[]).map((part) => this.unwrap(part, path, depth + 1).json);
      const properties = Object.assign({}, ...parts.map((p) => p["properties"] ?? {})) as Json;
      const required = parts.flatMap((p) => (p["required"] as string[] | undefined) ?? []);
      return {
        json: { ...Object.assign({}, ...parts), ...(Object.keys(properties).length ? { properties } : {}), required },
        optional: false,
      };
    }
    const choices = (json["oneOf"] ?? json["anyOf"]) as Json[] | undefined;
    if (choices) {
      const others = choices.filter((c) => c["type"] !== "null");
      if (others.length !== 1) throw invalid(path, "a choice of several types has no SQL type");
      return { json: this.unwrap(others[0], path, depth + 1).json, optional: others.length < choices.length };
    }
    if (Array.isArray(json["type"])) {
      const others = (json["type"] as unknown[]).filter((t) => t !== "null");
      if (others.length !== 1) throw invalid(path, "a choice of several types has no SQL type");
      return { json: { ...json, type: others[0] }, optional: others.length < (json["type"] as unknown[]).length };
    }
    if (json["type"] === undefined && Array.isArray(json["enum"])) return { json: { ...json, type: "string" }, optional: false };
    if (json["type"] === undefined && json["properties"] !== undefined) return { json: { ...json, type: "object" }, optional: false };
    return { json, optional: false };
  }

  private find(reference: string, path: string): unknown {
    if (!reference.startsWith("#")) throw invalid(path, `the reference ${reference} leads outside of the schema`);
    let at: unknown = this.root;
    for (const part of reference.slice(1).split("/").filter(Boolean))
      at = (at as Json | undefined)?.[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")];
    if (at === undefined) throw invalid(path, `the reference ${reference} leads nowhere`);
    return at;
  }
}

function invalid(path: string, what: string): MillraceError {
  return new MillraceError("SCHEMA_INVALID", `JSON schema at ${path}: ${what}`);
}
