import { MillraceError } from "../common/errors.js";
import { formatSqlType, type SqlType } from "../data/sql-type.js";
import type { SchemaClient } from "../schema-registry/client.js";
import { AvroRowSerde } from "./formats/avro/row-avro.js";
import { DelimitedRowSerde, delimiterOf } from "./formats/delimited/row-delimited.js";
import { JsonRowSerde } from "./formats/json/row-json.js";
import { JsonSchemaRowSerde } from "./formats/json-schema/row-json-schema.js";
import { KafkaRowSerde, NoneRowSerde } from "./formats/kafka/row-kafka.js";
import type { NullableRepresentation } from "./formats/protobuf/connect-to-proto.js";
import { PlainProtobufRowSerde, ProtobufRowSerde } from "./formats/protobuf/row-protobuf.js";
import type { RowSerde, RowSerdeRequest } from "./row-serde.js";

export interface SerdeServices {
  readonly registry: SchemaClient;
}

/** What `properties` may hold, by these names without case. */
const DELIMITER = ["delimiter", "value_delimiter", "key_delimiter"];
const RECORD_NAME = ["fullschemaname", "value_avro_schema_full_name"];
const NULLABLE = ["nullablerepresentation", "value_protobuf_nullable_representation", "key_protobuf_nullable_representation"];
const SCHEMA_ID = ["schemaid", "value_schema_id", "key_schema_id"];

/**
 * A format bound to columns, as ksqlDB's formats write and read them: AVRO, JSON, JSON_SR, PROTOBUF,
 * PROTOBUF_NOSR, KAFKA, DELIMITED, NONE. A single column is
 * bare with the feature UNWRAP_SINGLES, and in keys unless the feature is WRAP_SINGLES.
 * @throws UNSUPPORTED for a format that is not known or not built, DATA_INVALID for columns that the format cannot hold
 */
export function createRowSerde(request: RowSerdeRequest, services: SerdeServices): RowSerde {
  const { columns, isKey, features = [], properties = {} } = request;
  const needed = request.needed ?? columns.map((_, i) => i);
  const unwrapped = columns.length === 1 && (features.includes("UNWRAP_SINGLES") || (isKey && !features.includes("WRAP_SINGLES")));
  switch (request.format.toUpperCase()) {
    case "JSON":
      if (columns.some((c) => hasOddMap(c.type))) throw new MillraceError("DATA_INVALID", "JSON only supports MAP types with STRING keys");
      return columns.length === 0 ? new NoneRowSerde() : new JsonRowSerde(columns, needed, unwrapped);
    case "AVRO": {
      if (columns.length === 0) return new NoneRowSerde();
      if (columns.some((c) => hasOddMap(c.type))) throw new MillraceError("DATA_INVALID", "Avro only supports MAPs with STRING keys");
      const recordName = property(properties, RECORD_NAME);
      return new AvroRowSerde(services.registry, {
        columns,
        needed,
        isKey,
        unwrapped,
        ...(recordName === undefined ? {} : { recordName }),
        ...schemaIdOf(properties),
      });
    }
    case "KAFKA":
      return columns.length === 0 ? new NoneRowSerde() : new KafkaRowSerde(columns, described(request));
    case "DELIMITED":
      return columns.length === 0
        ? new NoneRowSerde()
        : new DelimitedRowSerde(columns, needed, delimiterOf(property(properties, DELIMITER)));
    case "NONE":
      if (columns.length)
        throw new MillraceError(
          "DATA_INVALID",
          `The 'NONE' format can only be used when no columns are defined. Got: [${described(request)}]`,
        );
      return new NoneRowSerde();
    case "JSON_SR": {
      if (columns.length === 0) return new NoneRowSerde();
      if (columns.some((c) => hasOddMap(c.type)))
        throw new MillraceError("DATA_INVALID", "JSON_SR only supports MAP types with STRING keys");
      return new JsonSchemaRowSerde(services.registry, { columns, needed, isKey, unwrapped, ...schemaIdOf(properties) });
    }
    case "PROTOBUF":
    case "PROTOBUF_NOSR": {
      const format = request.format.toUpperCase();
      if (columns.length === 0) return new NoneRowSerde();
      if (columns.some((c) => hasOddMap(c.type)))
        throw new MillraceError("DATA_INVALID", `${format} format only supports MAP types with STRING keys`);
      const messageName = property(properties, RECORD_NAME);
      const options = {
        columns,
        needed,
        nullable: nullableOf(properties),
        ...(messageName === undefined ? {} : { messageName }),
      };
      if (format === "PROTOBUF_NOSR") return new PlainProtobufRowSerde(options);
      return new ProtobufRowSerde(services.registry, { ...options, isKey, ...schemaIdOf(properties) });
    }
    default:
      throw new MillraceError("UNSUPPORTED", `Unknown format: ${request.format}`);
  }
}

/** What `{KEY,VALUE}_PROTOBUF_NULLABLE_REPRESENTATION` says. */
export function nullableOf(properties: Readonly<Record<string, string>>): NullableRepresentation {
  const given = property(properties, NULLABLE)?.toLowerCase();
  return given === "optional" || given === "wrapper" ? given : "none";
}

function schemaIdOf(properties: Readonly<Record<string, string>>): { schemaId?: number } {
  const id = property(properties, SCHEMA_ID);
  return id === undefined ? {} : { schemaId: Number(id) };
}

function described({ columns, isKey }: RowSerdeRequest): string {
  return columns.map((c) => `\`${c.name}\` ${formatSqlType(c.type)}${isKey ? " KEY" : ""}`).join(", ");
}

/** Whether there is a map, at any depth, whose keys are not strings. */
function hasOddMap(type: SqlType): boolean {
  switch (type.base) {
    case "MAP":
      return type.key.base !== "STRING" || hasOddMap(type.value);
    case "ARRAY":
      return hasOddMap(type.element);
    case "STRUCT":
      return type.fields.some((f) => hasOddMap(f.type));
    default:
      return false;
  }
}

function property(properties: Readonly<Record<string, string>>, names: readonly string[]): string | undefined {
  for (const [k, v] of Object.entries(properties)) if (names.includes(k.toLowerCase())) return v;
  return undefined;
}
