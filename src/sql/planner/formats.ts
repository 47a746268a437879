import { MillraceError } from "../../common/errors.js";
import { formatSqlType, type SqlType } from "../../data/sql-type.js";
import type { Column, FormatInfo, Formats } from "../plan/step.js";

const known = new Set(["AVRO", "JSON", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR", "KAFKA", "DELIMITED", "NONE"]);
export const canUnwrap: ReadonlySet<string> = new Set(["AVRO", "JSON", "JSON_SR"]);
const properties: Readonly<Record<string, readonly string[]>> = {
  AVRO: ["fullSchemaName", "schemaId"],
  JSON_SR: ["fullSchemaName", "schemaId"],
  PROTOBUF: ["fullSchemaName", "schemaId", "nullableRepresentation", "unwrapPrimitives"],
  PROTOBUF_NOSR: ["nullableRepresentation"],
  DELIMITED: ["delimiter"],
};
/** formats whose schemas stand in the registry */
export function hasRegistrySchema(format: string): boolean {
  return format === "AVRO" || format === "JSON_SR" || format === "PROTOBUF";
}

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

/** @throws SQL_STATEMENT on a format or property that is not known */
export function checkFormat(info: FormatInfo): FormatInfo {
  if (!known.has(info.format)) throw refused(`Unknown format: ${info.format}`);
  const wrong = Object.keys(info.properties ?? {}).filter((p) => !(properties[info.format] ?? []).includes(p));
  if (wrong.length > 0) throw refused(`${info.format} does not support the following configs: [${wrong.join(", ")}]`);
  // ksqlDB reads wrapper messages as their values, and says so among the format's properties
  return info.format === "PROTOBUF" ? { ...info, properties: { ...info.properties, unwrapPrimitives: "true" } } : info;
}

/** The key's format with the features that its columns call for: a single key column stands bare where the format can. */
export function keyFormat(info: FormatInfo, columns: readonly Column[]): FormatInfo {
  const { features: _, ...rest } = info;
  return columns.length === 1 && canUnwrap.has(info.format) ? { ...rest, features: ["UNWRAP_SINGLES"] } : rest;
}

/** @param wrap WRAP_SINGLE_VALUE, undefined where not set */
export function valueFormat(info: FormatInfo, columns: readonly Column[], wrap: boolean | undefined, fromDefault = false): FormatInfo {
  const { features: _, ...rest } = info;
  if (wrap === undefined) return rest;
  if (columns.length !== 1) {
    if (fromDefault) return rest;
    throw refused("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas");
  }
  const supported =
    canUnwrap.has(info.format) || (wrap ? info.format.startsWith("PROTOBUF") : info.format === "KAFKA" || info.format === "DELIMITED");
  if (!supported) {
    if (fromDefault) return rest;
    throw refused(`Format '${info.format}' does not support 'WRAP_SINGLE_VALUE' set to '${wrap}'.`);
  }
  return canUnwrap.has(info.format) ? { ...rest, features: [wrap ? "WRAP_SINGLES" : "UNWRAP_SINGLES"] } : rest;
}

/** A key's Avro record is named after its source, unless the statement names it. */
export function withKeyName(formats: Formats, columns: readonly Column[], source: string): Formats {
  const { key } = formats;
  if (key.format !== "AVRO" || columns.length === 0 || key.properties?.["fullSchemaName"] || key.properties?.["schemaId"]) return formats;
  const name = source
    .split("_")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join("");
  const properties = { ...key.properties, fullSchemaName: `io.confluent.ksql.avro_schemas.${name}Key` };
  return { ...formats, key: { ...key, properties } };
}

export function withKeyFormat(formats: Formats, key: FormatInfo, columns: readonly Column[]): Formats {
  return { key: keyFormat(key, columns), value: formats.value };
}

/** @throws SQL_STATEMENT where the format cannot hold the columns */
export function checkColumns(info: FormatInfo, columns: readonly Column[], isKey: boolean): void {
  const bad = problem(info.format, columns, isKey);
  if (bad === undefined) return;
  const shown = columns.map((c) => `\`${c.name}\` ${formatSqlType(c.type)}${isKey ? " KEY" : ""}`).join(", ");
  const features = (info.features ?? []).join(", ");
  throw refused(
    `${isKey ? "Key" : "Value"} format does not support schema.\nformat: ${info.format}\nschema: Persistence{columns=[${shown}], features=[${features}]}\nreason: ${bad}`,
  );
}

/** Whether the format can hold the columns as a key. */
export function holdsKey(info: FormatInfo, columns: readonly Column[]): boolean {
  return problem(info.format, columns, true) === undefined;
}

function problem(format: string, columns: readonly Column[], isKey: boolean): string | undefined {
  const list = () => `[${columns.map((c) => `\`${c.name}\` ${formatSqlType(c.type)}${isKey ? " KEY" : ""}`).join(", ")}]`;
  switch (format) {
    case "NONE":
      return columns.length > 0 ? `The 'NONE' format can only be used when no columns are defined. Got: ${list()}` : undefined;
    case "KAFKA": {
      if (columns.length > 1) return `The 'KAFKA' format only supports a single field. Got: ${list()}`;
      const base = columns[0]?.type.base;
      if (base === undefined || ["INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES"].includes(base)) return undefined;
      return `The 'KAFKA' format does not support type '${base}'`;
    }
    case "DELIMITED": {
      const nested = columns.find((c) => c.type.base === "ARRAY" || c.type.base === "MAP" || c.type.base === "STRUCT");
      return nested && `The 'DELIMITED' format does not support type '${nested.type.base}', column: \`${nested.name}\``;
    }
    case "AVRO":
    case "JSON":
    case "JSON_SR":
    case "PROTOBUF":
    case "PROTOBUF_NOSR": {
      if (!columns.some((c) => hasOddMap(c.type))) return undefined;
      if (format === "AVRO") return "Avro only supports MAPs with STRING keys";
      return `${format.startsWith("PROTOBUF") ? "PROTOBUF format" : "JSON"} only supports MAP types with STRING keys`;
    }
    default:
      return undefined;
  }
}

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

function containsMap(type: SqlType): boolean {
  if (type.base === "MAP") return true;
  if (type.base === "ARRAY") return containsMap(type.element);
  return type.base === "STRUCT" && type.fields.some((f) => containsMap(f.type));
}

/** @throws SQL_STATEMENT on a key with a MAP in it: its bytes would have no fixed order */
export function checkKeyTypes(columns: readonly Column[]): void {
  const bad = columns.find((c) => containsMap(c.type));
  if (bad)
    throw refused(
      `Map keys, including types that contain maps, are not supported as they may lead to unexpected behavior due to inconsistent serialization. Key column name: \`${bad.name}\`. Column type: ${formatSqlType(bad.type)}. See https://github.com/confluentinc/ksql/issues/6621 for more.`,
    );
}
