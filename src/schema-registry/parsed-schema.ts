import { MillraceError } from "../common/errors.js";
import { parseAvro } from "./avro/parse.js";
import { type AvroSchema, formatAvro } from "./avro/schema.js";
import type { SchemaKind } from "./client.js";
import { parseProtobuf } from "./protobuf/parse.js";
import type { ProtoFile } from "./protobuf/schema.js";

/** A schema of any of the registry's types, as compatibility is checked on it. */
export type ParsedSchema =
  | { readonly kind: "AVRO"; readonly avro: AvroSchema }
  | { readonly kind: "PROTOBUF"; readonly file: ProtoFile }
  | { readonly kind: "JSON"; readonly json: unknown };

/**
 * @param references texts of the schemas that it refers to, each before those that need it
 * @throws SCHEMA_INVALID
 */
export function parseSchema(kind: SchemaKind, text: string, references: readonly string[]): ParsedSchema {
  switch (kind) {
    case "AVRO":
      return { kind, avro: parseAvro(text, references) };
    case "PROTOBUF":
      return { kind, file: parseProtobuf(text, references) };
    case "JSON":
      return { kind, json: parseJsonSchema(text) };
  }
}

/** The text as it is kept, by which two schemas are the same. */
export function canonicalText(schema: ParsedSchema, text: string, hasReferences: boolean, normalize: boolean): string {
  if (schema.kind === "PROTOBUF") return text;
  if (schema.kind === "JSON" || (hasReferences && !normalize)) return JSON.stringify(JSON.parse(text));
  return formatAvro(schema.avro);
}

function parseJsonSchema(text: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MillraceError("SCHEMA_INVALID", `Invalid JSON schema: ${(cause as Error).message}`, { cause });
  }
  if (typeof json !== "boolean" && (typeof json !== "object" || json === null || Array.isArray(json)))
    throw new MillraceError("SCHEMA_INVALID", "Invalid JSON schema: it is an object or a boolean");
  return json;
}
