import { formatSqlType } from "../data/sql-type.js";
import { type DataSource, rowSchemaOf } from "../sql/metastore/data-source.js";
import type { Metastore } from "../sql/metastore/metastore.js";
import type { Column, ExecutionStep, QueryPlan } from "../sql/plan/step.js";
import { type FieldInfo, schemaInfo } from "./entities.js";
import type { PersistentQuery } from "./persistent/persistent-query.js";

/** A column as DESCRIBE and EXPLAIN list it. */
export function fieldInfo(column: Column, role: "KEY" | "HEADER" | null = null): FieldInfo {
  return { name: column.name, schema: schemaInfo(column.type), ...(role ? { type: role } : {}) };
}

/** Key columns first, then the others in the order of their declaration. */
export function sourceFields(source: DataSource): FieldInfo[] {
  const of = (role: DataSource["columns"][number]["role"]) => source.columns.filter((c) => c.role === role);
  return [
    ...of("key").map((c) => fieldInfo(c, "KEY")),
    ...source.columns
      .filter((c) => c.role !== "key")
      .map((c) =>
        c.role === "headers" ? { ...fieldInfo(c, "HEADER"), ...(c.headerKey ? { headerKey: c.headerKey } : {}) } : fieldInfo(c),
      ),
  ];
}

/** A query as the lists of SHOW QUERIES and of DESCRIBE show it. */
export function runningQuery(query: PersistentQuery, metastore: Metastore): Record<string, unknown> {
  const sink = query.plan.sink === null ? undefined : metastore.source(query.plan.sink);
  return {
    queryString: query.statement,
    sinks: query.plan.sink === null ? [] : [query.plan.sink],
    sinkKafkaTopics: sink ? [sink.topic] : [],
    id: query.id,
    statusCount: { [query.state]: 1 },
    queryType: "PERSISTENT",
    state: query.state,
  };
}

export function runningPushQuery(id: string, sql: string): Record<string, unknown> {
  return { queryString: sql, sinks: [], sinkKafkaTopics: [], id, statusCount: { RUNNING: 1 }, queryType: "PUSH", state: "RUNNING" };
}

export interface Extended {
  readonly partitions: number;
  readonly replication: number;
  readonly statistics: string;
  readonly errorStats: string;
  readonly queryOffsetSummaries: readonly unknown[];
}

export function sourceDescription(
  source: DataSource,
  metastore: Metastore,
  query: (id: string) => PersistentQuery | undefined,
  extended: Extended | null,
): Record<string, unknown> {
  const shown = (ids: readonly string[]) => ids.flatMap((id) => query(id) ?? []).map((q) => runningQuery(q, metastore));
  const readers = metastore.queriesReading(source.name);
  return {
    name: source.name,
    windowType: source.window?.type ?? null,
    readQueries: shown(readers),
    writeQueries: shown(metastore.queriesWriting(source.name)),
    fields: sourceFields(source),
    type: source.kind === "stream" ? "STREAM" : "TABLE",
    timestamp: source.timestamp?.column ?? "",
    statistics: extended?.statistics ?? "",
    errorStats: extended?.errorStats ?? "",
    extended: extended !== null,
    keyFormat: source.formats.key.format,
    valueFormat: source.formats.value.format,
    topic: source.topic,
    partitions: extended?.partitions ?? 0,
    replication: extended?.replication ?? 0,
    statement: source.sql,
    queryOffsetSummaries: extended?.queryOffsetSummaries ?? [],
    sourceConstraints: readers.flatMap((id) => metastore.query(id)?.sink ?? []),
    clusterStatistics: [],
    clusterErrorStats: [],
  };
}

export function queryDescription(
  plan: QueryPlan,
  statementText: string,
  query: PersistentQuery | undefined,
  metastore: Metastore,
  host: string,
): Record<string, unknown> {
  const sink = plan.sink === null ? undefined : metastore.source(plan.sink);
  const schema = sink ? rowSchemaOf(sink) : plan.root.schema;
  return {
    id: plan.queryId,
    statementText,
    windowType: sink?.window?.type ?? null,
    fields: [...schema.key.map((c) => fieldInfo(c, "KEY")), ...schema.value.map((c) => fieldInfo(c))],
    sources: plan.sources,
    sinks: plan.sink === null ? [] : [plan.sink],
    topology: query?.running ? describeTopology(query) : "",
    executionPlan: describePlan(plan.root),
    overriddenProperties: query?.properties ?? {},
    ksqlHostQueryStatus: query ? { [host]: query.state } : {},
    queryType: query ? "PERSISTENT" : "PUSH",
    queryErrors: query?.failures ?? [],
    tasksMetadata: [],
    state: query?.state ?? null,
  };
}

/** The plan's steps, the last one first, indented by depth. */
export function describePlan(step: ExecutionStep, depth = 0): string {
  const schema = [
    ...step.schema.key.map((c) => `${c.name} ${formatSqlType(c.type)} KEY`),
    ...step.schema.value.map((c) => `${c.name} ${formatSqlType(c.type)}`),
  ];
  const lines = [`${"\t".repeat(depth)} > [ ${step.step.toUpperCase()} ] | Schema: ${schema.join(", ")} | Id: ${step.id}`];
  const below = "source" in step ? [step.source] : "left" in step ? [step.left, step.right] : [];
  for (const s of below) lines.push(describePlan(s as ExecutionStep, depth + 1));
  return lines.join("\n");
}

function describeTopology(query: PersistentQuery): string {
  const lines = ["Topologies:"];
  for (const sub of query.running!.topology.subTopologies()) {
    lines.push(`   Sub-topology: ${sub.id}`);
    for (const node of sub.order) {
      const detail =
        node.kind === "processor"
          ? `stores: [${node.stores.join(", ")}]`
          : `topic${node.kind === "source" ? "s" : ""}: ${node.kind === "source" ? `[${node.spec.topic}]` : node.spec.topic}`;
      lines.push(
        `    ${node.kind[0]!.toUpperCase()}${node.kind.slice(1)}: ${node.name} (${detail})`,
        `      --> ${node.children.length > 0 ? node.children.map((c) => c.name).join(", ") : "none"}`,
      );
    }
  }
  return lines.join("\n");
}
