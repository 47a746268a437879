import { silentLogger } from "../../../src/common/logger.js";
import { Metrics } from "../../../src/common/metrics.js";
import { systemClock } from "../../../src/common/time.js";
import type { SinkRecord } from "../../../src/connect/api/record.js";
import type { SinkTask } from "../../../src/connect/api/sink.js";
import { mongoSink } from "../../../src/connectors/mongodb/connector.js";
import { primitive, type Schema, Struct, structOf, type Value } from "../../../src/data/schema.js";

/** Drives one sink task as the runtime does, and keeps what it reports. */
export class MongoHarness {
  readonly errors: { record: SinkRecord; error: unknown }[] = [];
  readonly controller = new AbortController();
  task!: SinkTask;
  /** as errors.tolerance=none: the record's error comes back */
  strict = false;

  constructor(
    readonly port: number,
    readonly config: Record<string, string>,
  ) {}

  async start(...topics: string[]): Promise<this> {
    this.task = await mongoSink.createTask();
    await this.task.start(
      { "connection.uri": "mongodb://mongo:27017/?retryWrites=false", topics: topics.join(","), ...this.config },
      {
        connector: "sink",
        taskId: 0,
        logger: silentLogger,
        metrics: new Metrics(),
        clock: systemClock,
        signal: this.controller.signal,
        clusterId: "cluster",
        topicId: (topic) => `id-of-${topic}`,
        resolveHost: (host, port) => (host === "mongo" && port === 27017 ? { host: "127.0.0.1", port: this.port } : { host, port }),
        seek() {},
        reportError: async (record, error) => {
          this.errors.push({ record, error });
          if (this.strict) throw error;
        },
        pause() {},
        resume() {},
      },
    );
    await this.task.open(topics.map((topic) => ({ topic, partition: 0 })));
    return this;
  }

  async put(...records: SinkRecord[]): Promise<ReadonlyMap<string, number>> {
    await this.task.put(records);
    return this.task.flush();
  }

  messages(): string[] {
    return this.errors.map((e) => (e.error as Error).message);
  }

  async stop(): Promise<void> {
    this.controller.abort(new Error("stopped"));
    await this.task.stop();
  }
}

export function record(
  topic: string,
  offset: number,
  key: [Schema | null, Value] | null,
  value: [Schema | null, Value] | null,
  extra: Partial<SinkRecord> = {},
): SinkRecord {
  return {
    topic,
    partition: 0,
    offset,
    keySchema: key?.[0] ?? null,
    key: key?.[1] ?? null,
    valueSchema: value?.[0] ?? null,
    value: value?.[1] ?? null,
    timestamp: 1_700_000_000_000 + offset,
    headers: [],
    ...extra,
  };
}

export const text = primitive("string", { optional: true });
export const int = primitive("int32", { optional: true });

/** A struct of fields of these schemas. */
export function struct(fields: Record<string, [Schema, Value]>): [Schema, Struct] {
  const schema = structOf(Object.entries(fields).map(([name, [s]]) => [name, s] as const));
  return [
    schema,
    new Struct(
      schema,
      Object.values(fields).map(([, v]) => v),
    ),
  ];
}

/** A record's key or value as the schemaless JSON converter gives it. */
export function json(value: unknown): [null, Value] {
  return [null, asMap(value)];
}

/** As JSON text, which the string converter gives. */
export const jsonText = (value: unknown): [Schema, Value] => [text, JSON.stringify(value)];

function asMap(value: unknown): Value {
  if (Array.isArray(value)) return value.map(asMap);
  if (value !== null && typeof value === "object") return new Map(Object.entries(value).map(([k, v]) => [k, asMap(v)] as const));
  return value as Value;
}
