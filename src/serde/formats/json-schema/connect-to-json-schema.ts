import type { Schema } from "../../../data/schema.js";

type Json = Record<string, unknown>;

/** A Connect schema as Confluent's converter writes JSON Schema: Connect's own types, names and order stand in `connect.…`. */
export function connectToJsonSchema(schema: Schema, index?: number): Json {
  const own: Json = { ...typeOf(schema) };
  if (schema.name !== undefined) own["title"] = schema.name;
  if (schema.version !== undefined) own["connect.version"] = schema.version;
  if (schema.parameters && Object.keys(schema.parameters).length > 0) own["connect.parameters"] = schema.parameters;
  const place = index === undefined ? {} : { "connect.index": index };
  return schema.optional ? { ...place, oneOf: [{ type: "null" }, own] } : { ...own, ...place };
}

function typeOf(schema: Schema): Json {
  switch (schema.type) {
    case "boolean":
      return { type: "boolean" };
    case "string":
      return { type: "string" };
    case "bytes":
      return { type: schema.name === "org.apache.kafka.connect.data.Decimal" ? "number" : "string", "connect.type": "bytes" };
    case "float32":
    case "float64":
      return { type: "number", "connect.type": schema.type };
    case "array":
      return { type: "array", items: connectToJsonSchema(schema.valueSchema!) };
    case "map":
      if (schema.keySchema!.type === "string" && !schema.keySchema!.optional)
        return { type: "object", "connect.type": "map", additionalProperties: connectToJsonSchema(schema.valueSchema!) };
      return {
        type: "array",
        "connect.type": "map",
        items: {
          type: "object",
          properties: { key: connectToJsonSchema(schema.keySchema!, 0), value: connectToJsonSchema(schema.valueSchema!, 1) },
        },
      };
    case "struct":
      return {
        type: "object",
        properties: Object.fromEntries(schema.fields!.map((f) => [f.name, connectToJsonSchema(f.schema, f.index)])),
      };
    default:
      return { type: "integer", "connect.type": schema.type };
  }
}
