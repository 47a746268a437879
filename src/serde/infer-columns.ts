import { MillraceError } from "../common/errors.js";
import type { SqlField } from "../data/sql-type.js";
import { parseAvro } from "../schema-registry/avro/parse.js";
import { avroToConnect } from "./formats/avro/avro-to-connect.js";
import { defaultAvroData } from "./formats/avro/connect-names.js";
import { connectToSql } from "./formats/avro/sql-connect.js";

/**
 * The columns of a schema text for a CREATE without columns. One that is no record gives a single column, named by ksqlDB's
 * rule: ROWKEY for a key, ROWVAL for a value.
 * @throws UNSUPPORTED where the format has no schema inference, SCHEMA_INVALID where a field has no SQL type
 */
export function inferColumns(
  format: string,
  schemaText: string,
  options: { isKey?: boolean; references?: readonly string[] } = {},
): SqlField[] {
  if (format.toUpperCase() !== "AVRO") throw new MillraceError("UNSUPPORTED", `${format} has no schema inference`);
  const schema = avroToConnect(parseAvro(schemaText, options.references), defaultAvroData);
  if (schema.type !== "struct") return [{ name: options.isKey ? "ROWKEY" : "ROWVAL", type: connectToSql(schema, "$") }];
  return schema.fields!.map((f) => ({ name: f.name.toUpperCase(), type: connectToSql(f.schema, f.name) }));
}
