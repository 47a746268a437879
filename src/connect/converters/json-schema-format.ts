import type { Schema } from "../../data/schema.js";
import { hasDecimal, valueFromJson, valueToJson } from "../../serde/formats/json/connect-json.js";
import { parseJson } from "../../serde/formats/json/json-text.js";
import { connectToJsonSchema } from "../../serde/formats/json-schema/connect-to-json-schema.js";
import { jsonSchemaToConnect } from "../../serde/formats/json-schema/json-schema-to-connect.js";
import type { ConnectorConfig } from "../api/source.js";
import type { RegistryFormat } from "./registry-converter.js";
import { registryConfig } from "./registry-settings.js";

export const jsonSchemaConverterConfig = registryConfig.with([
  { name: "decimal.format", type: "STRING", default: "BASE64", values: ["BASE64", "NUMERIC"], doc: "How decimals are written" },
]);

/** @throws CONFIG_INVALID */
export function jsonSchemaFormat(config: ConnectorConfig): RegistryFormat {
  const numericDecimals = jsonSchemaConverterConfig.parse(config).string("decimal.format") === "NUMERIC";
  const options = { numericDecimals, nullToDefault: true };
  return {
    kind: "JSON",
    converter: "JsonSchemaConverter",
    textOf: (schema) => ({ text: JSON.stringify(connectToJsonSchema(schema, undefined, numericDecimals)), name: schema.name }),
    writer: (schema: Schema) => (out, value) => out.utf8(valueToJson(schema, value, options)),
    reader: (text) => {
      const schema = jsonSchemaToConnect(JSON.parse(text));
      const exact = hasDecimal(schema);
      return (bytes, start, end) => ({ schema, value: valueFromJson(schema, parseJson(bytes.utf8Slice(start, end), exact), options) });
    },
  };
}
