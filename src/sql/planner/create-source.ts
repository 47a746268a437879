import { MillraceError } from "../../common/errors.js";
import { javaTimeFormat } from "../../common/java-time-format.js";
import { formatSqlType, type SqlField, type SqlType } from "../../data/sql-type.js";
import { isPseudo } from "../analyzer/scope.js";
import { resolveType } from "../analyzer/types.js";
import type { DataSource, SourceColumn } from "../metastore/data-source.js";
import type { ColumnDefinition, CreateSource } from "../parser/ast.js";
import type { TopicRequest } from "../plan/command.js";
import type { FormatInfo, QueryPlan } from "../plan/step.js";
import { PLAN_VERSION } from "../plan/step.js";
import { canUnwrap, checkColumns, checkFormat, checkKeyTypes, hasRegistrySchema, keyFormat, valueFormat, withKeyName } from "./formats.js";
import { planSource } from "./from.js";
import type { PlanContext, SchemaNeed, SchemaSide } from "./plan-statement.js";
import { defaults } from "./settings.js";
import { WithProperties } from "./with-properties.js";

export interface PlannedSource {
  readonly source: DataSource;
  readonly topic: TopicRequest;
  readonly warnings: readonly string[];
  readonly plan?: QueryPlan;
}

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

export function sourceSchemaNeed(statement: CreateSource, context: PlanContext): SchemaNeed | null {
  const properties = new WithProperties(statement.properties, "source", defaults(context.properties).extensions);
  const { keyInfo, valueInfo } = formatsOf(properties, context);
  const hasKey = statement.columns.some((c) => c.role === "KEY" || c.role === "PRIMARY KEY");
  const hasValue = statement.columns.some((c) => c.role === "VALUE");
  const need = ({ format, properties = {} }: FormatInfo, present: boolean): SchemaSide | null => {
    const { schemaId, fullSchemaName } = properties;
    if (!hasRegistrySchema(format) || (present && schemaId === undefined)) return null;
    return {
      format,
      ...(schemaId === undefined ? {} : { schemaId: Number(schemaId) }),
      ...(fullSchemaName === undefined ? {} : { fullSchemaName }),
    };
  };
  const key = need(keyInfo, hasKey);
  const value = need(valueInfo, hasValue);
  const topic = properties.text("KAFKA_TOPIC");
  return topic !== undefined && (key || value) ? { topic, key, value } : null;
}

function formatsOf(properties: WithProperties, context: PlanContext) {
  const set = defaults(context.properties);
  const info = (format: string, extra: Record<string, string>): FormatInfo => ({
    format,
    ...(Object.keys(extra).length > 0 ? { properties: extra } : {}),
  });
  const value = properties.format("VALUE") ?? set.valueFormat;
  if (value === undefined)
    throw refused(
      "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. Either provide one or set a default via the 'ksql.persistence.default.format.value' config.",
    );
  for (const [side, format] of [
    ["KEY", properties.format("KEY") ?? set.keyFormat],
    ["VALUE", value],
  ] as const)
    if (properties.has(`${side}_SCHEMA_ID`) && !hasRegistrySchema(format))
      throw refused(`${side}_FORMAT should support schema inference when ${side}_SCHEMA_ID is provided. Current format is ${format}.`);
  const keyInfo = checkFormat(info(properties.format("KEY") ?? set.keyFormat, properties.formatProperties("KEY")));
  return { keyInfo, valueInfo: checkFormat(info(value, properties.formatProperties("VALUE"))) };
}

/** CREATE STREAM/TABLE (…) WITH (…) */
export function planCreateSource(statement: CreateSource, text: string, context: PlanContext): PlannedSource {
  const properties = new WithProperties(statement.properties, "source", defaults(context.properties).extensions);
  const topicName = properties.text("KAFKA_TOPIC");
  if (topicName === undefined) throw refused('Missing required property "KAFKA_TOPIC" which has no default value.');
  if (topicName === "") throw refused("Invalid value for property KAFKA_TOPIC: the topic's name is empty");
  const { keyInfo, valueInfo } = formatsOf(properties, context);
  for (const [side, info, roles] of [
    ["KEY", keyInfo, ["KEY", "PRIMARY KEY"]],
    ["VALUE", valueInfo, ["VALUE"]],
  ] as const)
    if (info.properties?.["schemaId"] !== undefined && statement.columns.some((c) => (roles as readonly string[]).includes(c.role)))
      throw refused(`Table elements and ${side}_SCHEMA_ID cannot both exist for create statement.`);
  const warnings: string[] = [];
  const older = olderKey(statement, properties.text("KEY"), warnings);
  const columns = withInferred(
    older.columns.map((c) => column(c, statement, context)),
    { key: keyInfo, value: valueInfo },
    properties.boolean("WRAP_SINGLE_VALUE") ?? defaults(context.properties).wrapSingles,
    context,
  );
  if (columns.length === 0) throw refused("No columns supplied.");
  if (statement.source === "table" && !columns.some((c) => c.role === "key"))
    throw refused("Tables require a PRIMARY KEY. Please define the PRIMARY KEY.");
  columns.forEach((c, i) => {
    if (columns.findIndex((d) => d.name === c.name) !== i) throw refused(`Duplicate column names: ${c.name}`);
    if (isPseudo(c.name)) throw refused(`'${c.name}' is a reserved column name. You cannot use it as a name for a column.`);
  });
  const headers = columns.filter((c) => c.role === "headers").map((c) => (c.headerKey == null ? "HEADERS" : `HEADER('${c.headerKey}')`));
  headers.forEach((h, i) => {
    if (headers.indexOf(h) !== i) throw refused(`Schema already contains a ${h} column.`);
  });
  const plain = (c: SourceColumn) => ({ name: c.name, type: c.type });
  const keys = columns.filter((c) => c.role === "key").map(plain);
  const values = columns.filter((c) => c.role === "value").map(plain);
  checkKeyTypes(keys);
  const wrap = properties.boolean("WRAP_SINGLE_VALUE");
  const plainFormats = {
    key: keyFormat(keyInfo, keys),
    value: valueFormat(valueInfo, values, wrap ?? defaults(context.properties).wrapSingles, wrap === undefined),
  };
  const formats = withKeyName(plainFormats, keys, statement.name);
  checkColumns(formats.key, keys, true);
  checkColumns(formats.value, values, false);
  const window = properties.window();
  if (window && keys.length === 0) throw refused("Windowed sources require a key column.");
  const timestamp = properties.timestamp();
  if (timestamp) checkTimestamp(timestamp, columns);
  const source: DataSource = {
    kind: statement.source,
    name: statement.name,
    columns,
    topic: topicName,
    formats,
    ...(window ? { window } : {}),
    ...(timestamp ? { timestamp } : {}),
    ...(older.keyInValue ? { keyInValue: true } : {}),
    ...properties.ttl(statement.source, window !== undefined),
    ...(statement.isSource ? { isSource: true } : {}),
    sql: text,
  };
  const topic: TopicRequest = { name: topicName, ...properties.topicRequest(), create: properties.has("PARTITIONS") };
  if (!topic.create && context.topicPartitions && context.topicPartitions(topicName) === undefined)
    throw refused(
      `Topic '${topicName}' does not exist. If you want to create a new topic for the ${statement.source} please re-run the statement providing the required 'PARTITIONS' configuration in the WITH clause (and optionally 'REPLICAS'). For example: CREATE ${statement.source.toUpperCase()} ${statement.name} (...) WITH (KAFKA_TOPIC='${topicName}', PARTITIONS=...);`,
    );
  if (!(statement.isSource && statement.source === "table")) return { source, topic, warnings };
  const plan: QueryPlan = {
    version: PLAN_VERSION,
    queryId: context.nextQueryId(`CST_${statement.name}`),
    sources: [statement.name],
    sink: null,
    root: planSource({ alias: statement.name, source }, "").step,
  };
  return { source, topic, warnings, plan };
}

/** `KEY='column'` of older KSQL: of a table without PRIMARY KEY it names the key, elsewhere it says nothing. */
function olderKey(
  statement: CreateSource,
  key: string | undefined,
  warnings: string[],
): { columns: readonly ColumnDefinition[]; keyInValue: boolean } {
  const { columns } = statement;
  if (key === undefined) return { columns, keyInValue: false };
  if (statement.source === "stream" || columns.some((c) => c.role === "PRIMARY KEY")) {
    warnings.push(`The KEY property of ${statement.name} is ignored: a key column is declared with KEY or PRIMARY KEY.`);
    return { columns, keyInValue: false };
  }
  const named = columns.find((c) => c.name === key.replaceAll("`", "")) ?? columns.find((c) => c.name === key.toUpperCase());
  if (!named) throw refused(`The KEY column set in the WITH clause does not exist in the schema: '${key.toUpperCase()}'`);
  warnings.push(
    `KEY='${key}' is of an older dialect: ${named.name} is taken as the PRIMARY KEY, and stands in the serialized value too. Declare it as ${named.name} ${formatParsed(named)} PRIMARY KEY instead.`,
  );
  const keyed = { ...named, role: "PRIMARY KEY" as const };
  return { columns: [keyed, ...columns.filter((c) => c !== named)], keyInValue: true };
}

function formatParsed(c: ColumnDefinition): string {
  return c.type.base === "NAMED" ? c.type.name : c.type.base;
}

const headersType = "ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>>";

function column(c: ColumnDefinition, statement: CreateSource, context: PlanContext): SourceColumn {
  const { line, column: at } = c.at;
  if (statement.source === "stream" && c.role === "PRIMARY KEY")
    throw refused(
      `Line: ${line}, Col: ${at}: Column \`${c.name}\` is a 'PRIMARY KEY' column: please use 'KEY' for streams.\nTables have PRIMARY KEYs, which are unique and NON NULL.\nStreams have KEYs, which have no uniqueness or NON NULL constraints.`,
    );
  if (statement.source === "table" && c.role === "KEY")
    throw refused(
      `Line: ${line}, Col: ${at}: Column \`${c.name}\` is a 'KEY' column: please use 'PRIMARY KEY' for tables.\nTables have PRIMARY KEYs, which are unique and NON NULL.\nStreams have KEYs, which have no uniqueness or NON NULL constraints.`,
    );
  const type = resolveType(c.type, (name) => context.metastore.type(name));
  if (c.role !== "HEADERS") return { name: c.name, type, role: c.role === "VALUE" ? "value" : "key" };
  if (c.headerKey === undefined && formatSqlType(type) !== headersType)
    throw refused(`Invalid type for HEADERS column: expected ${headersType}, got ${formatSqlType(type)}`);
  if (c.headerKey !== undefined && type.base !== "BYTES")
    throw refused(`Invalid type for HEADER('${c.headerKey}') column: expected BYTES, got ${formatSqlType(type)}`);
  return { name: c.name, type, role: "headers", headerKey: c.headerKey ?? null };
}

/**
 * Columns that the statement leaves to the registry. A key that stands bare is one column, ROWKEY, whatever its schema; so is a value
 * that is not wrapped: ROWVAL.
 */
function withInferred(
  columns: SourceColumn[],
  formats: { readonly key: FormatInfo; readonly value: FormatInfo },
  wrap: boolean | undefined,
  context: PlanContext,
): SourceColumn[] {
  const { inferred } = context;
  if (!inferred) return columns;
  const declared = (role: SourceColumn["role"]) => columns.filter((c) => c.role === role);
  const from = (role: "key" | "value", fields: readonly { name: string; type: SqlType }[]) =>
    fields.map((f) => ({ name: f.name, type: f.type, role }));
  const useKey = inferred.key && declared("key").length === 0 && formats.key.format !== "NONE";
  const useValue = inferred.value && declared("value").length === 0;
  return [
    ...(useKey ? from("key", canUnwrap.has(formats.key.format) ? bare(inferred.key!, "ROWKEY") : inferred.key!) : declared("key")),
    ...(useValue ? from("value", wrap === false ? bare(inferred.value!, "ROWVAL") : inferred.value!) : declared("value")),
    ...declared("headers"),
  ];
}

/** The one column that a schema stands for where nothing is wrapped: a record's fields are a struct's. */
export function bare(fields: readonly SqlField[], name: string): readonly SqlField[] {
  return fields.length === 1 && fields[0]!.name === name ? fields : [{ name, type: { base: "STRUCT", fields } }];
}

export function missingTimestamp(column: string): MillraceError {
  return refused(`The TIMESTAMP column set in the WITH clause does not exist in the schema: '${column}'`);
}

export function checkTimestamp(timestamp: NonNullable<DataSource["timestamp"]>, columns: readonly { name: string; type: SqlType }[]): void {
  const found = columns.find((c) => c.name === timestamp.column);
  if (!found) throw missingTimestamp(timestamp.column);
  const { base } = found.type;
  if (base === "STRING") {
    if (timestamp.format === undefined)
      throw refused(`A String timestamp field has been specified without also specifying the timestamp_format`);
    try {
      javaTimeFormat(timestamp.format);
    } catch (error) {
      throw refused(`Invalid timestamp_format '${timestamp.format}': ${(error as Error).message}`);
    }
    return;
  }
  if (base !== "BIGINT" && base !== "TIMESTAMP")
    throw refused(
      `Timestamp column, ${timestamp.column}, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format specified.`,
    );
  if (timestamp.format !== undefined)
    throw refused(`TIMESTAMP_FORMAT is set, but the timestamp column ${timestamp.column} is not a STRING.`);
}
