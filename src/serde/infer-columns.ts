import { MillraceError } from "../common/errors.js";
import type { Schema } from "../data/schema.js";
import type { SqlField } from "../data/sql-type.js";
import { parseAvro } from "../schema-registry/avro/parse.js";
import { parseProtobuf } from "../schema-registry/protobuf/parse.js";
import { messagePath } from "../schema-registry/protobuf/schema.js";
import { avroToConnect } from "./formats/avro/avro-to-connect.js";
import { defaultAvroData } from "./formats/avro/connect-names.js";
import { connectToSql } from "./formats/avro/sql-connect.js";
import { jsonSchemaToConnect } from "./formats/json-schema/json-schema-to-connect.js";
import { protoToConnect } from "./formats/protobuf/proto-to-connect.js";

export interface SchemaTextOptions {
  readonly references?: readonly string[];
  /** which of a .proto file's messages, by its full name; the first by default */
  readonly messageName?: string;
}

/**
 * The columns of a schema text for a CREATE without columns. One that is no record gives a single column, named by ksqlDB's
 * rule: ROWKEY for a key, ROWVAL for a value.
 * @param options.asWritten names as they are, else in upper case
 * @throws UNSUPPORTED where the format has no schema inference, SCHEMA_INVALID where a field has no SQL type
 */
export function inferColumns(
  format: string,
  schemaText: string,
  options: SchemaTextOptions & { isKey?: boolean; asWritten?: boolean } = {},
): SqlField[] {
  const schema = connectSchema(format, schemaText, options);
  const { asWritten = false } = options;
  if (schema.type !== "struct") return [{ name: options.isKey ? "ROWKEY" : "ROWVAL", type: connectToSql(schema, "$", asWritten) }];
  return schema.fields!.map((f) => ({
    name: asWritten ? f.name : f.name.toUpperCase(),
    type: connectToSql(f.schema, f.name, asWritten),
  }));
}

/** What a schema text of the registry describes, in Connect's terms. @throws UNSUPPORTED, SCHEMA_INVALID */
export function connectSchema(format: string, text: string, { references = [], messageName }: SchemaTextOptions = {}): Schema {
  switch (format.toUpperCase()) {
    case "AVRO":
      return avroToConnect(parseAvro(text, references), defaultAvroData);
    case "PROTOBUF": {
      const found = messagePath(parseProtobuf(text, references), (m) => messageName === undefined || m.fullName === messageName);
      if (!found) throw new MillraceError("SCHEMA_INVALID", `The schema has no message ${messageName ?? "at all"}`);
      return protoToConnect(found.message);
    }
    case "JSON_SR":
      return jsonSchemaToConnect(JSON.parse(text));
    default:
      throw new MillraceError("UNSUPPORTED", `${format} has no schema inference`);
  }
}
