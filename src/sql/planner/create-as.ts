import { MillraceError } from "../../common/errors.js";
import { formatSqlType, type SqlField, sameSqlType } from "../../data/sql-type.js";
import { coerce, fail } from "../analyzer/expression.js";
import { qualifyQuery } from "../analyzer/query.js";
import { wideningSteps } from "../analyzer/types.js";
import { type DataSource, rowSchemaOf, type SourceColumn } from "../metastore/data-source.js";
import type { CreateAs, Position, Properties, Query } from "../parser/ast.js";
import type { TopicRequest } from "../plan/command.js";
import type { ExecutionStep, FormatInfo, Formats, QueryPlan, SinkStep, TimestampColumn } from "../plan/step.js";
import { PLAN_VERSION } from "../plan/step.js";
import { bare, checkTimestamp, missingTimestamp } from "./create-source.js";
import { canUnwrap, checkColumns, checkFormat, hasRegistrySchema, keyFormat, valueFormat, withKeyName } from "./formats.js";
import type { PlanContext, SchemaNeed, SchemaSide } from "./plan-statement.js";
import { namesOf, type PlannedQuery, planQuery } from "./query.js";
import { valueColumns } from "./relation.js";
import { defaults } from "./settings.js";
import { withSubqueries } from "./subquery.js";
import { WithProperties } from "./with-properties.js";

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

export interface PlannedSink {
  readonly source: DataSource;
  readonly topic: TopicRequest;
  readonly plan: QueryPlan;
}

/** CREATE STREAM/TABLE … AS SELECT: the query, the sink's topic and formats, the source that it becomes. */
export function planCreateAs(statement: CreateAs, text: string, context: PlanContext, queryId?: string): PlannedSink {
  if (statement.query.limit !== null)
    throw refused(`CREATE ${statement.source.toUpperCase()} AS SELECT statements don't support LIMIT clause.`);
  const properties = new WithProperties(statement.properties, "sink", defaults(context.properties).extensions);
  const timestamp = properties.timestamp();
  const { query, planned } = planPersistent(statement.query, statement.name, context, timestamp);
  const { relation } = planned;
  if (statement.source === "stream" && relation.kind === "table")
    throw refused(`Invalid result type. Your SELECT query produces a TABLE. Please use CREATE TABLE AS SELECT statement instead.`);
  if (statement.source === "table" && relation.kind === "stream")
    throw refused("Invalid result type. Your SELECT query produces a STREAM. Please use CREATE STREAM AS SELECT statement instead.");
  const { schema } = planned.step;
  if (statement.source === "table" && schema.value.length === 0 && schema.key.length === 0)
    throw refused("The projection contains no columns.");
  if (schema.value.length === 0 && statement.query.distinct)
    throw fail(
      "SELECT DISTINCT of a table has key columns only, and a table needs a value: write SELECT a, COUNT(*) AS n … GROUP BY a HAVING COUNT(*) > 0.",
      statement.query.at,
    );
  if (schema.value.length === 0) throw refused("The projection contains no value columns.");
  const formats = withKeyName(sinkFormats(properties, relation.formats, schema, context), schema.key, statement.name);
  const { key, value } = context.inferred ?? {};
  checkRegistered(schema.key, key && canUnwrap.has(formats.key.format) ? bare(key, "ROWKEY") : key, true);
  checkRegistered(schema.value, value && properties.boolean("WRAP_SINGLE_VALUE") === false ? bare(value, "ROWVAL") : value, false);
  const { reads } = planned;
  if (timestamp) checkTimestamp(timestamp, [...schema.key, ...schema.value]);
  const keyInValue = schema.key.length > 0 && query.sources.some((s) => s.source.keyInValue);
  const topicName = properties.text("KAFKA_TOPIC") ?? `${defaults(context.properties).topicPrefix}${statement.name}`;
  const sink: SinkStep = {
    step: relation.kind === "stream" ? "stream-sink" : "table-sink",
    id: "Sink",
    source: planned.step,
    topic: topicName,
    formats,
    schema,
    ...(timestamp ? { timestamp } : {}),
    ...(keyInValue ? { keyInValue: true } : {}),
    ...properties.ttl(statement.source, relation.window !== undefined),
  };
  const columns: SourceColumn[] = [
    ...schema.key.map((c): SourceColumn => ({ ...c, role: "key" })),
    ...schema.value.map((c): SourceColumn => ({ ...c, role: "value" })),
  ];
  const source: DataSource = {
    kind: statement.source,
    name: statement.name,
    columns,
    topic: topicName,
    formats,
    ...(relation.window ? { window: relation.window } : {}),
    ...(timestamp ? { timestamp } : {}),
    ...(keyInValue ? { keyInValue: true } : {}),
    isCasTarget: true,
    sql: text,
  };
  const request = properties.topicRequest();
  const compacted = statement.source === "table" && !relation.window && request.configs["cleanup.policy"] === undefined;
  const configs = compacted ? { ...request.configs, "cleanup.policy": "compact" } : request.configs;
  const topic: TopicRequest = { name: topicName, ...request, configs, like: reads[0]!.name, create: true };
  const id = queryId ?? context.nextQueryId(`${statement.source === "table" ? "CTAS" : "CSAS"}_${statement.name}`);
  return {
    source,
    topic,
    plan: { version: PLAN_VERSION, queryId: id, sources: namesOf(reads), sink: statement.name, root: sink },
  };
}

/** The schemas that KEY_SCHEMA_ID and VALUE_SCHEMA_ID name: the query's columns must be among theirs. */
export function sinkSchemaNeed(statement: CreateAs, context: PlanContext): SchemaNeed | null {
  const properties = new WithProperties(statement.properties, "sink", defaults(context.properties).extensions);
  const from = context.metastore.source(statement.query.from.name)?.formats;
  const need = (side: "KEY" | "VALUE"): SchemaSide | null => {
    const { schemaId, fullSchemaName } = properties.formatProperties(side);
    const format = properties.format(side) ?? (side === "KEY" ? from?.key : from?.value)?.format;
    if (schemaId === undefined || format === undefined || !hasRegistrySchema(format)) return null;
    return { format, schemaId: Number(schemaId), ...(fullSchemaName === undefined ? {} : { fullSchemaName }) };
  };
  const [key, value] = [need("KEY"), need("VALUE")];
  return key || value ? { topic: properties.text("KAFKA_TOPIC") ?? statement.name, key, value } : null;
}

/** @throws SQL_STATEMENT where a column is not in the registered schema, or not in its place among the others */
function checkRegistered(columns: readonly SqlField[], registered: readonly SqlField[] | undefined, isKey: boolean): void {
  if (!registered) return;
  let next = 0;
  const wrong = columns.filter((c) => {
    const at = registered.findIndex((r, i) => i >= next && r.name === c.name && sameSqlType(r.type, c.type));
    if (at >= 0) next = at + 1;
    return at < 0;
  });
  if (wrong.length === 0) return;
  const shown = (list: readonly SqlField[]) => list.map((c) => `\`${c.name}\` ${formatSqlType(c.type)}${isKey ? " KEY" : ""}`).join(", ");
  throw refused(
    `The following ${isKey ? "key" : "value"} columns are changed, missing or reordered: [${shown(wrong)}]. Schema from schema registry is [${shown(registered)}]`,
  );
}

function planPersistent(query: Query, sink: string, context: PlanContext, timestamp?: TimestampColumn) {
  const { query: combined, find } = withSubqueries(query, context);
  const qualified = qualifyQuery(combined, find, false);
  const windowedTable = qualified.sources.find((s) => s.source.kind === "table" && s.source.window);
  if (windowedTable) throw refused("KSQL does not support persistent queries on windowed tables.");
  // Ahead of what is wrong with the select list otherwise, as ksqlDB looks at WITH first.
  if (timestamp && !qualified.select.some((s) => s.name === timestamp.column)) throw missingTimestamp(timestamp.column);
  const { keyFormat: defaultKeyFormat, keyMayGo, extensions } = defaults(context.properties);
  const tools = { functions: context.functions, types: (name: string) => context.metastore.type(name), keyMayGo, extensions, find };
  const planned: PlannedQuery = planQuery(qualified, tools, sink, defaultKeyFormat);
  checkCoPartitioned(planned.step, planned.reads, context);
  return { query: qualified, planned };
}

/** Topics that are joined as they lie must have as many partitions. */
function checkCoPartitioned(step: ExecutionStep, sources: readonly DataSource[], context: PlanContext): void {
  if (!context.topicPartitions) return;
  if ("left" in step) {
    if (step.step !== "union" && step.step !== "foreign-key-join") {
      const direct = new Map([...topicsAsTheyLie(step.left, context), ...topicsAsTheyLie(step.right, context)]);
      const nameOf = (topic: string) => sources.find((s) => s.topic === topic)?.name ?? topic;
      const [first, ...others] = [...direct];
      for (const other of others)
        if (first && other[1] !== first[1])
          throw refused(
            `Can't join \`${nameOf(first[0])}\` with \`${nameOf(other[0])}\` since the number of partitions don't match. \`${nameOf(first[0])}\` partitions = ${first[1]}; \`${nameOf(other[0])}\` partitions = ${other[1]}. Please repartition either one so that the number of partitions match.`,
          );
    }
    checkCoPartitioned(step.left, sources, context);
    checkCoPartitioned(step.right, sources, context);
  } else if ("source" in step) checkCoPartitioned(step.source, sources, context);
}

/** The partitions of each topic whose rows reach the step without passing through a topic of the query's own. */
function topicsAsTheyLie(step: ExecutionStep, context: PlanContext): [string, number][] {
  switch (step.step) {
    case "stream-source":
    case "table-source": {
      const count = context.topicPartitions!(step.topic);
      return count === undefined ? [] : [[step.topic, count]];
    }
    case "stream-stream-join":
    case "stream-table-join":
    case "table-table-join":
    case "union":
      return [...topicsAsTheyLie(step.left, context), ...topicsAsTheyLie(step.right, context)];
    case "foreign-key-join":
      return [];
    case "select-key":
    case "stream-group-by":
    case "table-group-by": {
      const moved = step.step === "select-key" ? step.repartition !== undefined : step.repartition.needed;
      return moved ? [] : topicsAsTheyLie(step.source, context);
    }
    default:
      return topicsAsTheyLie(step.source, context);
  }
}

function sinkFormats(properties: WithProperties, from: Formats, schema: SinkStep["schema"], context: PlanContext): Formats {
  const named = (side: "KEY" | "VALUE", inherited: FormatInfo): FormatInfo => {
    const format = properties.format(side) ?? inherited.format;
    const own = properties.formatProperties(side);
    // a source's schema name and id are its own; how a format is written is handed on
    const handed =
      format === inherited.format
        ? Object.entries(inherited.properties ?? {}).filter(([name]) => name === "delimiter" || name === "nullableRepresentation")
        : [];
    const all = { ...Object.fromEntries(handed), ...own };
    return checkFormat({ format, ...(Object.keys(all).length > 0 ? { properties: all } : {}) });
  };
  let keyInfo: FormatInfo;
  if (schema.key.length === 0) {
    if (properties.format("KEY") !== undefined && properties.text("FORMAT") === undefined && properties.format("KEY") !== "NONE")
      throw refused("Key format specified for stream without key columns.");
    keyInfo = { format: from.key.format === "NONE" ? "NONE" : from.key.format };
  } else {
    keyInfo = named("KEY", from.key.format === "NONE" ? { format: defaults(context.properties).keyFormat } : from.key);
  }
  const valueInfo = named("VALUE", from.value);
  const wrap = properties.boolean("WRAP_SINGLE_VALUE");
  const formats = {
    key: keyFormat(keyInfo, schema.key),
    value: valueFormat(valueInfo, schema.value, wrap ?? defaults(context.properties).wrapSingles, wrap === undefined),
  };
  checkColumns(formats.key, schema.key, true);
  checkColumns(formats.value, schema.value, false);
  return formats;
}

/** INSERT INTO target SELECT …: the same plan, into a source that is there. */
export function planInsertSelect(target: string, at: Position, properties: Properties, query: Query, context: PlanContext): QueryPlan {
  const sink = context.metastore.source(target);
  if (!sink) throw refused(`Line: ${at.line}, Col: ${at.column}: Source \`${target}\` does not exist.`);
  if (sink.kind !== "stream") throw refused(`INSERT INTO can only be used to insert into a stream. ${target} is a table.`);
  if (sink.isSource) throw refused(`Cannot insert into read-only stream: ${target}`);
  if (sink.columns.some((c) => c.role === "headers")) throw refused(`Cannot insert into ${sink.name} because it has header columns`);
  if (query.limit !== null) throw refused("INSERT INTO statements don't support LIMIT clause.");
  const wrong = Object.keys(properties).filter((name) => name !== "QUERY_ID");
  if (wrong.length > 0) throw refused(`Invalid config variable(s) in the WITH clause: ${wrong.join(",")}`);
  const { planned } = planPersistent(query, target, context);
  if (planned.relation.kind === "table")
    throw refused(`Incompatible data sink type. INSERT INTO needs a stream but the SELECT query produces a TABLE.`);
  const schema = rowSchemaOf(sink);
  const got = planned.step.schema;
  const fits = (from: typeof schema.key, to: typeof schema.key) =>
    from.length === to.length &&
    from.every(
      (c, i) => c.name === to[i]!.name && (sameSqlType(c.type, to[i]!.type) || wideningSteps(c.type, to[i]!.type.base) !== undefined),
    );
  if (!fits(got.key, schema.key) || !fits(got.value, schema.value) || got.key.some((c, i) => !sameSqlType(c.type, schema.key[i]!.type))) {
    const show = (s: typeof schema) =>
      [
        ...s.key.map((c) => `\`${c.name}\` ${formatSqlType(c.type)} KEY`),
        ...s.value.map((c) => `\`${c.name}\` ${formatSqlType(c.type)}`),
      ].join(", ");
    throw refused(`Incompatible schema between results and sink.\nResult schema is ${show(got)}\nSink schema is ${show(schema)}`);
  }
  // the target's types, where the query's are narrower
  const widened = got.value.every((c, i) => sameSqlType(c.type, schema.value[i]!.type))
    ? planned.step
    : ({
        step: "select",
        id: "Coerce",
        source: planned.step,
        columns: valueColumns(got).map((e, i) => coerce(e, schema.value[i]!.type)),
        schema,
      } as const);
  const given = properties["QUERY_ID"];
  const root: SinkStep = {
    step: "stream-sink",
    id: "Sink",
    source: widened,
    topic: sink.topic,
    formats: sink.formats,
    schema,
    ...(sink.timestamp ? { timestamp: sink.timestamp } : {}),
    ...(sink.keyInValue ? { keyInValue: true } : {}),
  };
  const queryId = typeof given === "string" ? given.toUpperCase() : context.nextQueryId("INSERTQUERY");
  return { version: PLAN_VERSION, queryId, sources: namesOf(planned.reads), sink: target, root };
}
