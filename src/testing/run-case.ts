import { asError, type MillraceError } from "../common/errors.js";
import { formatSqlType } from "../data/sql-type.js";
import { registerSchemas } from "../engine/schemas.js";
import type { FunctionRegistry } from "../sql/functions/registry.js";
import type { DataSource } from "../sql/metastore/data-source.js";
import { parse } from "../sql/parser/parse.js";
import type { FormatInfo } from "../sql/plan/step.js";
import { changelogName, topicName } from "../streams/runtime/layout.js";
import { TopologyTestDriver } from "../streams/test-driver.js";
import { windowSize } from "../streams/topology/key-window.js";
import type { StoredRecord } from "./memory-broker.js";
import { type PayloadCodec, payloadCodec } from "./payload.js";
import { StatementHost } from "./statement-host.js";
import type { CaseRecord, CaseSide, CaseTopic, TestCase } from "./test-case.js";

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
export interface ReportedRecord {
  /** JSON text */
  readonly key: string | null;
  readonly value: string | null;
  readonly timestamp: number;
  readonly headers: readonly { readonly KEY: string; readonly VALUE: string | null }[];
  readonly window: { readonly start: number; readonly end: number | null; readonly type: "TIME" | "SESSION" } | null;
}
export interface CaseReport {
  readonly error: CaseError | null;
  readonly topics: Readonly<
    Record<string, { readonly keyFormat: string; readonly valueFormat: string; readonly records: readonly ReportedRecord[] }>
  >;
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
  await addTopics(test.topics, host);
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
    const fed = await writeInputs(test.inputs, host, codecs);
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
  return {
    error: null,
    topics: await reportTopics(test.outputTopics, host, codecs),
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

async function addTopics(topics: readonly CaseTopic[], host: StatementHost): Promise<void> {
  for (const t of topics) {
    host.broker.topic(t.name, t.partitions ?? 1);
    for (const [suffix, side] of [
      ["key", t.key],
      ["value", t.value],
    ] as const)
      if (side.schema !== undefined) await register(`${t.name}-${suffix}`, side, host);
  }
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

async function register(subject: string, side: CaseSide, { registry }: StatementHost): Promise<void> {
  const schemaType = side.format?.startsWith("PROTOBUF") ? "PROTOBUF" : side.format?.startsWith("JSON") ? "JSON" : "AVRO";
  const references: { name: string; subject: string; version: number }[] = [];
  for (const r of side.references) {
    // the ids of these are nobody's business, and take none from the others
    await registry.setMode(r.name, "IMPORT", true);
    await registry.register(r.name, { schema: r.schema, schemaType }, { id: FIRST_REFERENCE_ID + references.length });
    await registry.setMode(r.name, null);
    references.push({ name: r.name, subject: r.name, version: (await registry.latest(r.name)).version });
  }
  const input = { schema: side.schema!, schemaType, references } as const;
  const id = side.schemaId ?? (references.length > 0 ? 1 + registered(registry) : undefined);
  if (id === undefined) return void (await registry.register(subject, input));
  await registry.setMode(subject, "IMPORT", true);
  await registry.register(subject, input, { id });
  await registry.setMode(subject, null);
}

const FIRST_REFERENCE_ID = 1_000_000;
/** The highest id given out, those of references aside. */
function registered(registry: StatementHost["registry"]): number {
  let id = 0;
  while (registry.cached(id + 1)) id++;
  return id;
}

/** Both sides of a topic's records. */
class TopicCodecs {
  private readonly known = new Map<string, { key: PayloadCodec; value: PayloadCodec; source: DataSource | undefined }>();

  constructor(
    private readonly topics: readonly CaseTopic[],
    private readonly host: StatementHost,
  ) {}

  source(topic: string): DataSource | undefined {
    return this.host.seen.find((s) => s.topic === topic);
  }
  format(topic: string, side: "key" | "value"): FormatInfo {
    const given = this.topics.find((t) => t.name === topic)?.[side].format;
    const otherwise = given ?? (side === "key" ? "KAFKA" : "JSON");
    return this.source(topic)?.formats[side] ?? { format: otherwise };
  }

  of(topic: string) {
    let codecs = this.known.get(topic);
    if (codecs) return codecs;
    const source = this.source(topic);
    const columns = (side: "key" | "value") =>
      (source?.columns ?? []).filter((c) => c.role === side).map(({ name, type }) => ({ name, type }));
    const bind = (side: "key" | "value") =>
      payloadCodec({
        topic,
        isKey: side === "key",
        format: this.format(topic, side),
        columns: columns(side),
        registry: this.host.registry,
      });
    codecs = { key: bind("key"), value: bind("value"), source };
    this.known.set(topic, codecs);
    return codecs;
  }
}

async function writeInputs(inputs: readonly CaseRecord[], host: StatementHost, codecs: TopicCodecs) {
  const fed: { topic: string; record: StoredRecord }[] = [];
  for (const input of inputs) {
    const { key, value } = codecs.of(input.topic);
    const bytes = await key.encode(input.key);
    const record: StoredRecord = {
      key: bytes && input.window ? Buffer.concat([bytes, windowBytes(input.window)]) : bytes,
      value: await value.encode(input.value),
      timestamp: input.timestamp,
      headers: input.headers as StoredRecord["headers"],
    };
    host.broker.topic(input.topic).records.push(record);
    fed.push({ topic: input.topic, record });
  }
  return fed;
}

function windowBytes({ start, end, session }: NonNullable<CaseRecord["window"]>): Buffer {
  const out = Buffer.alloc(session ? 16 : 8);
  if (session) out.writeBigInt64BE(BigInt(end), 0);
  out.writeBigInt64BE(BigInt(start), session ? 8 : 0);
  return out;
}

async function reportTopics(names: readonly string[], host: StatementHost, codecs: TopicCodecs): Promise<CaseReport["topics"]> {
  const topics: Record<string, CaseReport["topics"][string]> = {};
  for (const name of names) {
    const { key, value, source } = codecs.of(name);
    const size = windowSize(source?.window);
    const records: ReportedRecord[] = [];
    for (const r of host.broker.topic(name).records) {
      const end = r.key ? r.key.length - size : 0;
      records.push({
        key: r.key && (await key.decode(r.key.subarray(0, end))),
        value: r.value && (await value.decode(r.value)),
        timestamp: r.timestamp,
        headers: r.headers.map((h) => ({ KEY: h.key, VALUE: h.value === null ? null : Buffer.from(h.value).toString("base64") })),
        window: r.key && source?.window ? windowOf(source.window, r.key, end) : null,
      });
    }
    topics[name] = { keyFormat: codecs.format(name, "key").format, valueFormat: codecs.format(name, "value").format, records };
  }
  return topics;
}

function windowOf(window: NonNullable<DataSource["window"]>, key: Buffer, end: number): ReportedRecord["window"] {
  const start = Number(key.readBigInt64BE(key.length - 8));
  if (window.type === "SESSION") return { start, end: Number(key.readBigInt64BE(end)), type: "SESSION" };
  return { start, end: window.size === undefined ? null : start + window.size, type: "TIME" };
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
