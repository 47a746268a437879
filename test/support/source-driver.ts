import { type Logger, silentLogger } from "../../src/common/logger.js";
import { Metrics } from "../../src/common/metrics.js";
import { systemClock } from "../../src/common/time.js";
import { materializeRecord } from "../../src/connect/api/materialize.js";
import type { SourceOffset, SourceRecord } from "../../src/connect/api/record.js";
import type { RowChunk } from "../../src/connect/api/shape.js";
import type { ConnectorConfig, ConnectorTopic, SourceConnector, SourceItem, SourceTask } from "../../src/connect/api/source.js";
import { Decimal, Struct, type Value } from "../../src/data/schema.js";

export interface Seen {
  readonly topic: string;
  readonly key: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: events are looked into freely by tests
  readonly value: any;
  readonly headers: Record<string, unknown>;
  readonly record: SourceRecord;
}

/** Drives a source's task as the worker does, and keeps what came; `stored` is the offset that a later driver goes on from. */
export class SourceDriver {
  readonly seen: Seen[] = [];
  stored: SourceOffset | undefined;
  /** the connector's own topics; give them to a later driver that goes on with them */
  topics = new Map<string, { key: string | null; value: string | null; offset: number }[]>();
  readonly aside: { error: unknown; position: string }[] = [];
  /** the chunks that came, kept where wanted; with `commits` false their bytes stay as they are */
  chunks: RowChunk[] | null = null;
  /** while false, what is polled is not said to be durable */
  commits = true;
  polls = 0;
  private task!: SourceTask;
  private readonly abort = new AbortController();

  constructor(
    private readonly connector: SourceConnector,
    private readonly config: ConnectorConfig,
    stored?: SourceOffset,
    private readonly logger: Logger = silentLogger,
  ) {
    this.stored = stored;
  }

  async start(): Promise<this> {
    this.task = this.connector.createTask();
    await this.task.start(this.connector.taskConfigs(this.config, 1)[0]!, {
      connector: "test",
      taskId: 0,
      logger: this.logger,
      metrics: new Metrics(),
      clock: systemClock,
      signal: this.abort.signal,
      resolveHost: (host, port) => ({ host, port }),
      offset: () => this.stored,
      topic: (name) => this.topic(name),
      setAside: async (error, { position }) => void this.aside.push({ error, position }),
    });
    return this;
  }

  /** One poll, its items taken as written and durable. */
  async poll(): Promise<readonly SourceItem[]> {
    const items = await this.task.poll();
    this.polls++;
    for (const item of items)
      if ("shape" in item) {
        this.chunks?.push(item);
        for (let row = 0; row < item.count; row++) this.see(materializeRecord(item, row));
      } else if (!("progress" in item)) this.see(item);
    const last = items[items.length - 1];
    if (last && this.commits) {
      this.stored = JSON.parse(JSON.stringify(last.sourceOffset)) as SourceOffset;
      this.task.committed([{ partition: last.sourcePartition, offset: last.sourceOffset }]);
    }
    return items;
  }

  async until(what: string, test: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
    for (const end = Date.now() + ms; !(await test()); ) {
      if (Date.now() > end) throw new Error(`timed out waiting until ${what}; ${this.seen.length} records seen`);
      await this.poll();
    }
  }

  /** The records of a topic, or of all. */
  of(topic: string): Seen[] {
    return this.seen.filter((s) => s.topic === topic);
  }

  /** Ends without a word, as a killed process: nothing is confirmed or dropped. */
  async kill(): Promise<void> {
    this.abort.abort();
    (this.task as unknown as { closeAll(): void }).closeAll();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.task.stop();
  }

  private topic(name: string): ConnectorTopic {
    let records = this.topics.get(name);
    if (!records) this.topics.set(name, (records = []));
    return {
      append: async (key, value) => void records.push({ key, value, offset: records.length }),
      readAll: async () => records.slice(),
    };
  }

  private see(record: SourceRecord): void {
    this.seen.push({
      topic: record.topic,
      key: plain(record.key),
      value: plain(record.value),
      headers: Object.fromEntries(record.headers.map((h) => [h.key, plain(h.value)])),
      record,
    });
  }
}

/** Structs as objects, decimals as text. */
export function plain(value: Value): unknown {
  if (value instanceof Struct) return Object.fromEntries(value.schema.fields!.map((f) => [f.name, plain(value.values[f.index]!)]));
  if (value instanceof Decimal) return value.toString();
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [String(k), plain(v)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return value;
}
