import { asError, type MillraceError } from "../common/errors.js";
import { formatSqlType } from "../data/sql-type.js";
import { registerSchemas } from "../engine/schemas.js";
import type { FunctionRegistry } from "../sql/functions/registry.js";
import type { DataSource } from "../sql/metastore/data-source.js";
import { parse } from "../sql/parser/parse.js";
import { changelogName, topicName } from "../streams/runtime/layout.js";
import { TopologyTestDriver } from "../streams/test-driver.js";
import { encodeRecord, type ReportedTopic, reportTopic, TopicCodecs } from "./case-records.js";
import { registerTopicSchemas } from "./case-schemas.js";
import type { StoredRecord } from "./memory-broker.js";
import { StatementHost } from "./statement-host.js";
import type { CaseTopic, TestCase } from "./test-case.js";

export interface RunOptions {
  readonly functions: FunctionRegistry;
  readonly properties: Readonly<Record<string, string>>;
  readonly serviceId: string;
}
export interface CaseError {
  /** index of the statement; null at run time */
  readonly statement: number | null;
  readonly type: "parse" | "statement" | "engine" | "runtime";
  readonly message: string;
}
export interface CaseReport {
  readonly error: CaseError | null;
  readonly topics: Readonly<Record<string, ReportedTopic>>;
  readonly sources: readonly Record<string, unknown>[];
  readonly topicMetadata: readonly Record<string, unknown>[];
}

const nothing = { topics: {}, sources: [], topicMetadata: [] };

/**
 * Runs a case's statements and then its queries, one after the other in the order of their creation: each is fed the case's
 * inputs of its topics, record by record, and then what other queries wrote to its topics. Compares nothing.
 */
export async function runCase(test: TestCase, options: RunOptions): Promise<CaseReport> {
  const settings = { ...options, properties: { ...options.properties, ...test.properties } };
  const host = await StatementHost.open(settings);
  // schemas have their ids in this order: those of columns that statements declare, then those of topics
  if (test.statements.some((s) => /schema_id/i.test(s))) await declareSchemas(test, host, await StatementHost.open(settings));
  for (const t of test.topics) host.broker.topic(t.name, t.partitions ?? 1);
  await registerTopicSchemas(test.topics, host.registry);
  // positions in messages are those of the file that the statements make up
  let lines = "";
  for (const [index, statement] of test.statements.entries()) {
    try {
      declareTopics(lines + statement, host, test.topics);
      await host.run(lines + statement);
      lines += "\n".repeat(statement.split("\n").length);
    } catch (error) {
      return { error: { statement: index, type: errorType(error), message: asError(error).message }, ...nothing };
    }
  }
  const codecs = new TopicCodecs(test.topics, host);
  const internal: string[] = [];
  try {
    const fed: { topic: string; record: StoredRecord }[] = [];
    for (const input of test.inputs) fed.push({ topic: input.topic, record: await encodeRecord(input, codecs) });
    for (const { topic, record } of fed) host.broker.topic(topic).records.push(record);
    for (const query of host.queries) {
      const { topology } = query.build();
      const driver = new TopologyTestDriver(topology, { applicationId: query.applicationId, startTime: Date.now() });
      for (const node of topology.nodes.values())
        if (node.kind === "source" && node.spec.internal) internal.push(topicName(query.applicationId, node.spec.topic, true));
      for (const store of topology.stores.values())
        if (store.changelog.type === "own") internal.push(changelogName(query.applicationId, store.name));
      const sources = new Set<string>();
      const sinks = new Set<string>();
      for (const node of topology.nodes.values()) {
        if (node.kind === "source" && !node.spec.internal) sources.add(node.spec.topic);
        if (node.kind === "sink" && !node.spec.internal && !node.spec.subscribersOnly) sinks.add(node.spec.topic);
      }
      const pipe = (topic: string, r: StoredRecord) => driver.pipe(topic, r.key, r.value, r.timestamp, r.headers);
      for (const { topic, record } of fed) if (sources.has(topic)) await pipe(topic, record);
      for (const topic of sources)
        if (!fed.some((f) => f.topic === topic)) for (const record of host.broker.topic(topic).records) await pipe(topic, record);
      for (const topic of sinks) host.broker.topic(topic).records.push(...driver.read(topic));
    }
  } catch (error) {
    return { error: { statement: null, type: "runtime", message: `Exception caught in process: ${messages(error)}` }, ...nothing };
  }
  const topics: Record<string, ReportedTopic> = {};
  for (const name of test.outputTopics) topics[name] = await reportTopic(name, host.broker.topic(name).records, codecs);
  return {
    error: null,
    topics,
    sources: host.metastore.sources().map(reportSource),
    topicMetadata: await reportMetadata(host, codecs, internal),
  };
}

/** With those of its causes: users see them all. */
function messages(error: unknown): string {
  const texts: string[] = [];
  for (let e: unknown = error; e instanceof Error; e = e.cause) texts.push(e.message);
  return texts.join("\n");
}

function errorType(error: unknown): CaseError["type"] {
  const { code } = asError(error) as MillraceError;
  return code === "SQL_PARSE" ? "parse" : code === "SQL_STATEMENT" ? "statement" : "engine";
}

/** Registers what the CREATE statements with columns will, ahead of them; `apart` is where they run for it. */
async function declareSchemas(test: TestCase, host: StatementHost, apart: StatementHost): Promise<void> {
  for (const sql of test.statements) {
    try {
      if (!parse(sql).every(({ statement: s }) => s.kind === "create-type" || (s.kind === "create-source" && s.columns.length > 0)))
        continue;
      declareTopics(sql, apart, test.topics);
      await apart.run(sql);
    } catch {
      // it says so again where it counts
    }
  }
  const given = (s: DataSource) => test.topics.some((t) => t.name === s.topic && (t.key.schema ?? t.value.schema) !== undefined);
  for (const source of apart.seen) if (!given(source)) await registerSchemas(source, host.registry, false);
}

/** What a CREATE names is there before it, in four partitions, unless it says how many it wants. */
function declareTopics(sql: string, host: StatementHost, topics: readonly CaseTopic[]): void {
  for (const { statement } of parse(sql)) {
    if (statement.kind !== "create-source") continue;
    const { KAFKA_TOPIC, PARTITIONS } = statement.properties;
    if (typeof KAFKA_TOPIC !== "string") continue;
    if (PARTITIONS == null) host.broker.topic(KAFKA_TOPIC, 4);
    else if (topics.some((t) => t.name === KAFKA_TOPIC && t.partitions === undefined))
      host.broker.topic(KAFKA_TOPIC).partitions = Number(PARTITIONS);
  }
}

function reportSource(source: DataSource): Record<string, unknown> {
  const { key, value } = source.formats;
  const role = { key: " KEY", value: "", headers: " HEADERS" };
  return {
    name: source.name,
    type: source.kind,
    schema: source.columns
      .map((c) => `\`${c.name}\` ${formatSqlType(c.type)}${c.headerKey == null ? role[c.role] : ` HEADER('${c.headerKey}')`}`)
      .join(", "),
    isSource: source.isSource ?? false,
    keyFormat: { format: key.format, windowType: source.window?.type ?? null, windowSize: source.window?.size ?? null },
    valueFormat: value.format,
    keyFeatures: key.features ?? [],
    valueFeatures: value.features ?? [],
  };
}

async function reportMetadata(host: StatementHost, codecs: TopicCodecs, internal: readonly string[]): Promise<Record<string, unknown>[]> {
  const list: Record<string, unknown>[] = [];
  for (const { name, partitions } of host.broker.topics.values()) {
    const shown = (side: "key" | "value") => {
      const { format, features = [], properties = {} } = codecs.format(name, side);
      const { nullableRepresentation: nullable, ...others } = properties;
      return {
        format,
        features,
        properties: {
          ...others,
          ...(nullable === undefined ? {} : { nullableRepresentation: nullable.toLowerCase() }),
          // a field of a wrapper message is the wrapped value, always
          ...(format === "PROTOBUF" ? { unwrapPrimitives: "true" } : {}),
        },
      };
    };
    const schema = async (side: "key" | "value") => {
      const stored = await host.registry.latest(`${name}-${side}`).catch(() => undefined);
      return stored && (stored.schemaType === "PROTOBUF" ? stored.schema : (JSON.parse(stored.schema) as unknown));
    };
    list.push({
      name,
      partitions,
      keyFormat: shown("key"),
      valueFormat: shown("value"),
      keySchema: (await schema("key")) ?? null,
      valueSchema: (await schema("value")) ?? null,
    });
  }
  for (const name of internal) list.push({ name });
  return list;
}
