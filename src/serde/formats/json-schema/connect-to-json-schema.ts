import type { Schema } from "../../../data/schema.js";

type Json = Record<string, unknown>;

/**
 * A Connect schema as Confluent's converter writes JSON Schema: Connect's own types, names and order stand in `connect.…`.
 * @param numericDecimals decimals are numbers, else base64 text
 */
export function connectToJsonSchema(schema: Schema, index?: number, numericDecimals = true): Json {
  const own: Json = { ...typeOf(schema, (s, i) => connectToJsonSchema(s, i, numericDecimals), numericDecimals) };
  if (schema.name !== undefined) own["title"] = schema.name;
  if (schema.version !== undefined) own["connect.version"] = schema.version;
  if (schema.parameters && Object.keys(schema.parameters).length > 0) own["connect.parameters"] = schema.parameters;
  const place = index === undefined ? {} : { "connect.index": index };
  return schema.optional ? { ...place, oneOf: [{ type: "null" }, own] } : { ...own, ...place };
}

function typeOf(schema: Schema, inner: (schema: Schema, index?: number) => Json, numericDecimals: boolean): Json {
  switch (schema.type) {
    case "boolean":
      return { type: "boolean" };
    case "string":
      return { type: "string" };
    case "bytes":
      return {
        type: schema.name === "org.apache.kafka.connect.data.Decimal" && numericDecimals ? "number" : "string",
        "connect.type": "bytes",
      };
    case "float32":
    case "float64":
      return { type: "number", "connect.type": schema.type };
    case "array":
      return { type: "array", items: inner(schema.valueSchema!) };
    case "map":
      if (schema.keySchema!.type === "string" && !schema.keySchema!.optional)
        return { type: "object", "connect.type": "map", additionalProperties: inner(schema.valueSchema!) };
      return {
        type: "array",
        "connect.type": "map",
        items: {
          type: "object",
          properties: { key: inner(schema.keySchema!, 0), value: inner(schema.valueSchema!, 1) },
        },
      };
    case "struct":
      return {
        type: "object",
        properties: Object.fromEntries(schema.fields!.map((f) => [f.name, inner(f.schema, f.index)])),
      };
    default:
      return { type: "integer", "connect.type": schema.type };
  }
}
