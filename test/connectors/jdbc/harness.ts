import { silentLogger } from "../../../src/common/logger.js";
import { Metrics } from "../../../src/common/metrics.js";
import { systemClock } from "../../../src/common/time.js";
import type { SinkRecord } from "../../../src/connect/api/record.js";
import type { SinkConnector, SinkTask } from "../../../src/connect/api/sink.js";
import type { Schema, Value } from "../../../src/data/schema.js";

/** Drives one sink task as the runtime does, and keeps what it reports. */
export class SinkHarness {
  readonly errors: { record: SinkRecord; error: unknown }[] = [];
  readonly seeks = new Map<string, number>();
  readonly controller = new AbortController();
  task!: SinkTask;

  constructor(
    readonly connector: SinkConnector,
    readonly config: Record<string, string>,
    readonly options: { name?: string; clusterId?: string; topicId?: string } = {},
  ) {}

  async start(...topics: string[]): Promise<this> {
    this.task = await this.connector.createTask();
    await this.task.start(this.config, {
      connector: this.options.name ?? "sink",
      taskId: 0,
      logger: silentLogger,
      metrics: new Metrics(),
      clock: systemClock,
      signal: this.controller.signal,
      clusterId: this.options.clusterId ?? "cluster",
      topicId: (topic) => this.options.topicId ?? `id-of-${topic}`,
      resolveHost: (host, port) => ({ host, port }),
      seek: (tp, offset) => void this.seeks.set(`${tp.topic}-${tp.partition}`, offset),
      reportError: async (record, error) => void this.errors.push({ record, error }),
      pause() {},
      resume() {},
    });
    await this.task.open(topics.map((topic) => ({ topic, partition: 0 })));
    return this;
  }

  async stop(): Promise<void> {
    this.controller.abort(new Error("stopped"));
    await this.task.stop();
  }
}

export function record(
  topic: string,
  offset: number,
  key: [Schema, Value] | null,
  value: [Schema, Value] | null,
  partition = 0,
): SinkRecord {
  return {
    topic,
    partition,
    offset,
    keySchema: key?.[0] ?? null,
    key: key?.[1] ?? null,
    valueSchema: value?.[0] ?? null,
    value: value?.[1] ?? null,
    timestamp: 1_700_000_000_000 + offset,
    headers: [],
  };
}
