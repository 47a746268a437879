import type { Client } from "cassandra-driver";
import { silentLogger } from "../../../src/common/logger.js";
import { Metrics } from "../../../src/common/metrics.js";
import { systemClock } from "../../../src/common/time.js";
import type { SinkRecord } from "../../../src/connect/api/record.js";
import type { SinkTask } from "../../../src/connect/api/sink.js";
import { cassandraSink } from "../../../src/connectors/cassandra/connector.js";
import { primitive, type Schema, Struct, structOf, type Value } from "../../../src/data/schema.js";

/** Drives one sink task as the runtime does, and keeps what it reports. */
export class CassandraHarness {
  readonly errors: { record: SinkRecord; error: unknown }[] = [];
  readonly controller = new AbortController();
  task!: SinkTask;
  metadata = new Map<string, string>();
  /** as errors.tolerance=none: the record's error comes back */
  strict = false;

  constructor(
    readonly port: number,
    readonly config: Record<string, string>,
  ) {}

  async start(...topics: string[]): Promise<this> {
    this.task = await cassandraSink.createTask();
    const base = { contactPoints: "cassandra", port: "9042", "loadBalancing.localDc": "datacenter1", topics: topics.join(",") };
    await this.task.start(
      { ...base, ...this.config },
      {
        connector: "sink",
        taskId: 0,
        logger: silentLogger,
        metrics: new Metrics(),
        clock: systemClock,
        signal: this.controller.signal,
        clusterId: "cluster",
        topicId: (topic) => `id-of-${topic}`,
        resolveHost: (host, port) => (host === "cassandra" && port === 9042 ? { host: "127.0.0.1", port: this.port } : { host, port }),
        seek() {},
        reportError: async (record, error) => {
          this.errors.push({ record, error });
          if (this.strict) throw error;
        },
        pause() {},
        resume() {},
        committedMetadata: (tp) => this.metadata.get(`${tp.topic}-${tp.partition}`) ?? null,
      },
    );
    await this.task.open(topics.map((topic) => ({ topic, partition: 0 })));
    return this;
  }

  async put(...records: SinkRecord[]): Promise<void> {
    await this.task.put(records);
    await this.task.flush();
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

let next = 0;
/** A keyspace of its own, so that test files share a server. */
export async function newKeyspace(client: Client): Promise<string> {
  const name = `k${process.pid}_${Date.now().toString(36)}_${next++}`;
  await client.execute(`CREATE KEYSPACE ${name} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`);
  return name;
}
