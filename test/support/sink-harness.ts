import { silentLogger } from "../../src/common/logger.js";
import { Metrics } from "../../src/common/metrics.js";
import { systemClock } from "../../src/common/time.js";
import type { SinkRecord } from "../../src/connect/api/record.js";
import type { SinkConnector, SinkTask } from "../../src/connect/api/sink.js";
import { primitive, type Schema, Struct, structOf, type Value } from "../../src/data/schema.js";

export interface SinkHarnessOptions {
  readonly name?: string;
  readonly clusterId?: string;
  readonly topicId?: string;
  /** `name:port` of the config → the port on this machine */
  readonly hosts?: Readonly<Record<string, number>>;
}

/** Drives one sink task as the runtime does, and keeps what it reports. */
export class SinkHarness {
  readonly errors: { record: SinkRecord; error: unknown }[] = [];
  readonly seeks = new Map<string, number>();
  readonly controller = new AbortController();
  readonly metadata = new Map<string, string>();
  task!: SinkTask;
  /** as errors.tolerance=none: the record's error comes back */
  strict = false;

  constructor(
    readonly connector: SinkConnector,
    readonly config: Readonly<Record<string, string>>,
    readonly options: SinkHarnessOptions = {},
  ) {}

  async start(...topics: string[]): Promise<this> {
    const { name = "sink", clusterId = "cluster", topicId, hosts = {} } = this.options;
    this.task = await this.connector.createTask();
    await this.task.start(
      { topics: topics.join(","), ...this.config },
      {
        connector: name,
        taskId: 0,
        logger: silentLogger,
        metrics: new Metrics(),
        clock: systemClock,
        signal: this.controller.signal,
        clusterId,
        topicId: (topic) => topicId ?? `id-of-${topic}`,
        resolveHost(host, port) {
          const here = hosts[`${host}:${port}`];
          return here === undefined ? { host, port } : { host: "127.0.0.1", port: here };
        },
        seek: (tp, offset) => void this.seeks.set(`${tp.topic}-${tp.partition}`, offset),
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
