import type { Broker } from "../../broker/api/broker.js";
import { ensureTopic } from "../../broker/api/compacted-topic.js";
import { asError, describeError, MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import type { Counter, Metrics } from "../../common/metrics.js";
import type { Clock } from "../../common/time.js";
import type { RecordHeader } from "../../data/headers.js";
import type { ErrorStage } from "../../errors/entry.js";
import type { ErrorStore } from "../../errors/error-store.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import type { ConnectorConfig } from "../api/source.js";

/** A record that failed, as its bytes; for a source record, as JSON of its content. */
export interface BadRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly position?: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  readonly timestamp: number;
}

export interface ErrorPolicyOptions {
  readonly connector: string;
  readonly task: number;
  readonly config: ConnectorConfig;
  readonly broker: Broker;
  readonly store: ErrorStore | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Connect's names of the stages, as its `__connect.errors.stage` header writes them. */
const connectStages: Readonly<Record<ErrorStage, string>> = {
  source: "TASK_POLL",
  deserialize: "VALUE_CONVERTER",
  transform: "TRANSFORMATION",
  convert: "VALUE_CONVERTER",
  sink: "TASK_PUT",
  query: "TASK_PUT",
};

/** What becomes of a bad record, by `errors.*`. */
export class ErrorPolicy {
  /** store: nothing is set, so set aside and go on; all: tolerated; none: the task fails */
  readonly mode: "store" | "all" | "none";
  private readonly log: boolean;
  private readonly logMessages: boolean;
  private readonly queue: string;
  private readonly retryTimeout: number;
  private readonly retryDelayMax: number;
  private readonly counter: Counter;
  private queueReady = false;

  constructor(private readonly options: ErrorPolicyOptions) {
    const { config, metrics, connector } = options;
    const flag = (key: string) => config[key]?.trim().toLowerCase() === "true";
    const anySet = Object.keys(config).some((key) => key.startsWith("errors."));
    this.mode = !anySet ? (options.store ? "store" : "none") : config["errors.tolerance"]?.trim().toLowerCase() === "all" ? "all" : "none";
    this.log = flag("errors.log.enable");
    this.logMessages = flag("errors.log.include.messages");
    this.queue = config["errors.deadletterqueue.topic.name"]?.trim() ?? "";
    this.retryTimeout = Number(config["errors.retry.timeout"] ?? 0);
    this.retryDelayMax = Number(config["errors.retry.delay.max.ms"] ?? 60_000);
    this.counter = metrics.counter("millrace_connector_errors_total", "Records that failed", { connector });
  }

  /**
   * Resolves once the record is set aside durably, so that its offset may be committed.
   * @throws the error, where the config says that it stops the task
   */
  async refuse(stage: ErrorStage, error: unknown, record: BadRecord): Promise<void> {
    const { connector, task, logger, store } = this.options;
    this.counter.add();
    if (this.log || this.mode === "none") this.logError(stage, error, record);
    if (this.mode === "none") throw error;
    if (this.queue) await this.toQueue(stage, error, record);
    if (store) await store.setAside([{ owner: { kind: "connector", name: connector, task }, stage, ...record, error }]);
    else logger.debug("a bad record was dropped", { connector, task, stage });
  }

  /** Tries again what failed in passing, for up to `errors.retry.timeout`, waiting 300 ms and then twice as long each time. */
  async retried<T>(operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock } = this.options;
    const started = clock.now();
    for (let delay = 300; ; delay = Math.min(delay * 2, this.retryDelayMax)) {
      try {
        return await operation();
      } catch (error) {
        const over = this.retryTimeout >= 0 && clock.now() + delay - started > this.retryTimeout;
        if (!isRetriable(error) || over || signal.aborted) throw error;
        await clock.sleep(delay, signal);
      }
    }
  }

  private logError(stage: ErrorStage, error: unknown, record: BadRecord): void {
    const { connector, task, logger } = this.options;
    const where = this.logMessages
      ? { topic: record.topic, partition: record.partition, offset: record.offset, timestamp: record.timestamp }
      : {};
    logger.error(`Error encountered in task ${connector}-${task}. Executing stage '${connectStages[stage]}'`, {
      ...where,
      error: describeError(error),
    });
  }

  private async toQueue(stage: ErrorStage, error: unknown, record: BadRecord): Promise<void> {
    const { broker, config } = this.options;
    if (!this.queueReady) {
      const factor = Number(config["errors.deadletterqueue.topic.replication.factor"] ?? 3);
      await ensureTopic(broker, this.queue, 1, {}, factor);
      this.queueReady = true;
    }
    const builder = new RecordBatchBuilder(4096);
    const context = config["errors.deadletterqueue.context.headers.enable"]?.trim().toLowerCase() === "true";
    const headers = context ? [...record.headers, ...this.contextHeaders(stage, error, record)] : record.headers;
    builder.append(record.timestamp >= 0 ? record.timestamp : this.options.clock.now(), record.key, record.value, headers);
    const [result] = await broker.produce({ acks: "all", batches: [{ topic: this.queue, partition: 0, batch: builder.finish() }] });
    if (result?.error) throw result.error;
  }

  private contextHeaders(stage: ErrorStage, thrown: unknown, record: BadRecord): RecordHeader[] {
    const { connector, task } = this.options;
    const error = asError(thrown);
    const header = (key: string, value: string): RecordHeader => ({ key: `__connect.errors.${key}`, value: Buffer.from(value) });
    return [
      header("topic", record.topic),
      header("partition", String(record.partition)),
      header("offset", String(record.offset)),
      header("connector.name", connector),
      header("task.id", String(task)),
      header("stage", connectStages[stage]),
      header("class.name", error.name),
      header("exception.class.name", error instanceof MillraceError ? `org.apache.kafka.connect.errors.DataException` : error.name),
      header("exception.message", describeError(error)),
      header("exception.stacktrace", error.stack ?? describeError(error)),
    ];
  }
}

export function isRetriable(error: unknown): boolean {
  return error instanceof MillraceError && error.retriable;
}
