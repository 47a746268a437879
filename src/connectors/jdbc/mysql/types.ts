import type { ValueKind } from "../../../cdc/value-kind.js";
import type { Schema, Value } from "../../../data/schema.js";
import type { SinkSettings } from "../settings.js";
import { literalWriter } from "./literals.js";
import type { Server } from "./server.js";
import { SqlBuffer } from "./sql-buffer.js";

/** InnoDB's longest key, and what one character may take of it. */
const KEY_BYTES = 3072;
const CHARACTER = 4;

/** The column that a created table gets for a field. @returns undefined where no column can hold it */
export function columnFor(
  server: Server,
  settings: SinkSettings,
  kind: ValueKind,
  schema: Schema,
  isKey: boolean,
  keyColumns: number,
): { type: string; default?: string } | undefined {
  const confluent = settings.columnTypes === "confluent";
  let type = sourceType(server, kind, schema, isKey) ?? named(server, schema) ?? plain(confluent, kind, schema);
  if (type === undefined) return undefined;
  if (isKey && /^(long)?text$|^json$/.test(type))
    type = `varchar(${Math.min(confluent ? 256 : 255, Math.floor(KEY_BYTES / CHARACTER / keyColumns))})`;
  if (isKey && type === "longblob") type = `varbinary(${Math.min(255, Math.floor(KEY_BYTES / keyColumns))})`;
  // keys that differ in case or in spaces at the end are different rows at the source
  if (isKey && /^(var)?char\(/.test(type)) type += ` CHARACTER SET utf8mb4 COLLATE ${server.exactCollation}`;
  const literal = defaultLiteral(server, kind, schema, type);
  return literal === undefined ? { type } : { type, default: literal };
}

/** By a logical type that only these databases have. */
function named(server: Server, schema: Schema): string | undefined {
  switch (schema.name) {
    case "io.debezium.time.Year":
      return "year";
    case "io.debezium.data.Enum":
      return listed("enum", schema);
    case "io.debezium.data.EnumSet":
      return listed("set", schema);
    case "io.debezium.data.FloatVector":
      return server.vectorFunction === null ? "json" : `vector(16383)`;
    default:
      return undefined;
  }
}

function listed(type: string, schema: Schema): string | undefined {
  const allowed = schema.parameters?.allowed;
  if (!allowed) return undefined;
  return `${type}(${allowed
    .split(/(?<!\\),/)
    .map((word) => `'${word.replaceAll("\\,", ",").replaceAll("'", "''")}'`)
    .join(",")})`;
}

/** The documented types of both classes; where a class has none of its own for Debezium's types, those that hold all values. */
function plain(confluent: boolean, kind: ValueKind, schema: Schema): string | undefined {
  switch (kind.kind) {
    case "int":
      if (schema.type === "int8") return "tinyint";
      return { 16: "smallint", 32: "int", 64: "bigint" }[kind.bits];
    case "float":
      return kind.bits === 32 ? "float" : "double";
    case "boolean":
      return confluent ? "tinyint" : "boolean";
    case "string":
      return confluent ? "text" : "longtext";
    case "bytes":
      return confluent ? "varbinary(1024)" : "longblob";
    case "decimal": {
      const scale = Math.max(0, Math.min(kind.scale, 30));
      const known = !confluent && kind.precision !== undefined && kind.precision <= 65 && kind.precision >= scale;
      return `decimal(${known ? kind.precision : 65},${scale})`;
    }
    case "variable-decimal":
      return "decimal(65,30)";
    case "date":
    case "iso-date":
      return "date";
    case "time":
      return confluent && kind.microsPerUnit === 1000 ? "time(3)" : "time(6)";
    case "iso-time":
    case "timetz":
      return "time(6)";
    case "timestamp":
      return confluent && kind.microsPerUnit === 1000 ? "datetime(3)" : "datetime(6)";
    case "iso-timestamp":
    case "timestamptz":
      return "datetime(6)";
    case "json":
    case "map":
    case "array":
    case "sparse-vector":
      return "json";
    case "uuid":
      return "char(36)";
    case "bits":
      return kind.length !== undefined && kind.length <= 64 ? `bit(${kind.length})` : "longblob";
    case "point":
    case "geometry":
      return kind.kind;
    case "interval-us":
      return "bigint";
    default:
      return "longtext";
  }
}

/** By kind, the types that a source's own type (`column.propagate.source.type`) may be, so that another database's word misleads nobody. */
const own: Partial<Record<ValueKind["kind"], RegExp>> = {
  int: /^(TINYINT|SMALLINT|MEDIUMINT|INT|INTEGER|BIGINT)( UNSIGNED)?( ZEROFILL)?$/,
  float: /^(FLOAT|DOUBLE)( UNSIGNED)?$/,
  decimal: /^(DECIMAL( UNSIGNED)?|BIGINT UNSIGNED)$/,
  boolean: /^BIT$/,
  string: /^(CHAR|VARCHAR|TINYTEXT|MEDIUMTEXT|LONGTEXT|UUID|INET4|INET6)$/,
  bytes: /^(BINARY|VARBINARY|TINYBLOB|MEDIUMBLOB|LONGBLOB)$/,
  time: /^TIME$/,
  timestamp: /^DATETIME$/,
  timestamptz: /^TIMESTAMP$/,
  geometry: /^(GEOMETRY|POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION)$/,
};

function sourceType(server: Server, kind: ValueKind, schema: Schema, isKey: boolean): string | undefined {
  const type = schema.parameters?.["__debezium.source.column.type"]?.toUpperCase();
  if (type === undefined || !own[kind.kind]?.test(type)) return undefined;
  const length = Number(schema.parameters?.["__debezium.source.column.length"] ?? Number.NaN);
  switch (type) {
    case "CHAR":
    case "BINARY":
      return length > 0 && length <= 255 ? `${type.toLowerCase()}(${length})` : undefined;
    case "VARCHAR":
    case "VARBINARY":
      return length > 0 && length <= (isKey ? 768 : 16383) ? `${type.toLowerCase()}(${length})` : undefined;
    case "BIT":
      return "bit(1)";
    case "TIME":
    case "DATETIME":
    case "TIMESTAMP":
      return `${type.toLowerCase()}(${length >= 0 && length <= 6 ? length : 6})`;
    case "DECIMAL":
    case "DECIMAL UNSIGNED": {
      const scale = kind.kind === "decimal" ? kind.scale : 0;
      return length >= scale && length <= 65 ? `decimal(${length},${scale})${type.slice(7).toLowerCase()}` : undefined;
    }
    case "UUID":
    case "INET4":
    case "INET6":
      return server.mariadb ? type.toLowerCase() : undefined;
    default:
      return type.toLowerCase();
  }
}

/** None for what cannot have one; an expression where a plain literal is not allowed. */
function defaultLiteral(server: Server, kind: ValueKind, schema: Schema, type: string): string | undefined {
  const value = schema.default;
  if (value === undefined || value === null || /^(vector|geometry|point)/.test(type)) return undefined;
  const out = new SqlBuffer(256);
  try {
    literalWriter({ kind, type: type.replace(/[( ].*$/, "") }, null, server.vectorFunction)(out, value as Exclude<Value, null>);
  } catch {
    return undefined; // rows carry their values in any case
  }
  const text = out.toString();
  if (!/text$|blob$|^json$/.test(type)) return text;
  // the server keeps an expression with backslash escapes, which it could not read again in our sessions
  return server.expressionDefaults && !/['\\]/.test(text.slice(1, -1)) ? `(${text})` : undefined;
}
