import type { Broker } from "../../broker/api/broker.js";
import { describeError, MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import type { Counter, Metrics } from "../../common/metrics.js";
import type { Clock } from "../../common/time.js";
import type { RecordHeader } from "../../data/headers.js";
import type { ErrorStage } from "../../errors/entry.js";
import type { ErrorStore } from "../../errors/error-store.js";
import type { ConnectorConfig } from "../api/source.js";
import { DeadLetters } from "./dead-letters.js";

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

/** What was being done when a record failed, beyond its stage. */
export interface Doing {
  /** Connect's name of it: KEY_CONVERTER, TRANSFORMATION … */
  readonly stage: string;
  /** the class that did it */
  readonly className: string;
}

interface Refused {
  readonly stage: ErrorStage;
  readonly error: unknown;
  readonly record: BadRecord;
  readonly doing: Doing | undefined;
}

/** So much may wait to be written together; more waits for what there is. */
const maxWaiting = 4096;
const maxWaitingBytes = 2 * 1024 * 1024;

/** What becomes of bad records, by `errors.*`. One a run of a task. */
export class ErrorPolicy {
  /** store: nothing is set, so set aside and go on; all: tolerated; none: the task fails */
  readonly mode: "store" | "all" | "none";
  private readonly log: boolean;
  private readonly logMessages: boolean;
  private readonly deadLetters: DeadLetters | undefined;
  private readonly retryTimeout: number;
  private readonly retryDelayMax: number;
  private readonly counter: Counter;
  private waiting: Refused[] = [];
  private waitingBytes = 0;
  private writing: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;

  constructor(private readonly options: ErrorPolicyOptions) {
    const { config, metrics, connector } = options;
    const flag = (key: string) => config[key]?.trim().toLowerCase() === "true";
    const anySet = Object.keys(config).some((key) => key.startsWith("errors."));
    this.mode = !anySet ? (options.store ? "store" : "none") : config["errors.tolerance"]?.trim().toLowerCase() === "all" ? "all" : "none";
    this.log = flag("errors.log.enable");
    this.logMessages = flag("errors.log.include.messages");
    const queue = config["errors.deadletterqueue.topic.name"]?.trim();
    this.deadLetters = queue ? new DeadLetters(queue, options) : undefined;
    this.retryTimeout = Number(config["errors.retry.timeout"] ?? 0);
    this.retryDelayMax = Number(config["errors.retry.delay.max.ms"] ?? 60_000);
    this.counter = metrics.counter("millrace_connector_errors_total", "Records that failed", { connector });
  }

  /**
   * Takes a bad record to be set aside. It is durable once `settled` resolves: only then may its offset be committed.
   * @throws the error, where the config says that it stops the task
   */
  async refuse(stage: ErrorStage, error: unknown, record: BadRecord, doing?: Doing): Promise<void> {
    this.counter.add();
    if (this.log || this.mode === "none") this.logError(stage, error, record, doing);
    if (this.mode === "none") throw error;
    this.waiting.push({ stage, error, record, doing });
    this.waitingBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    if (this.waiting.length >= maxWaiting || this.waitingBytes >= maxWaitingBytes) await this.settled();
  }

  /** Resolves when all that was refused is set aside durably: many at once cost one write, and keep their order. */
  settled(): Promise<void> {
    if (this.waiting.length === 0) return this.writing;
    this.next ??= this.writing.then(() => {
      this.next = undefined;
      const taken = this.waiting;
      this.waiting = [];
      this.waitingBytes = 0;
      return this.write(taken);
    });
    this.writing = this.next;
    this.writing.catch(() => undefined); // whoever waits for it hears of it
    return this.writing;
  }

  private async write(refused: readonly Refused[]): Promise<void> {
    const { connector, task, logger, store } = this.options;
    const owner = { kind: "connector", name: connector, task } as const;
    await this.deadLetters?.send(refused.map((r) => ({ ...r, doing: r.doing ?? this.doingOf(r.stage) })));
    if (store) await store.setAside(refused.map(({ stage, error, record }) => ({ owner, stage, ...record, error })));
    else logger.debug(`${refused.length} bad records were dropped`, { connector, task });
  }

  private doingOf(stage: ErrorStage): Doing {
    const { config } = this.options;
    const converter = config["value.converter"] ?? "";
    const className = { deserialize: converter, convert: converter, transform: "" }[stage as string] ?? config["connector.class"] ?? "";
    return { stage: connectStages[stage], className };
  }

  /**
   * Tries again what failed in passing, for up to `errors.retry.timeout`, waiting 300 ms and then twice as long each time.
   * @param failed how it failed already; absent: it was not tried yet
   */
  async retried<T>(operation: () => T | Promise<T>, signal: AbortSignal, failed?: unknown): Promise<T> {
    const { clock } = this.options;
    const started = clock.now();
    let error = failed;
    for (let delay = Math.min(300, this.retryDelayMax); ; delay = Math.min(delay * 2, this.retryDelayMax)) {
      if (error !== undefined) {
        const over = this.retryTimeout >= 0 && clock.now() + delay - started > this.retryTimeout;
        if (!isRetriable(error) || over || signal.aborted) throw error;
        await clock.sleep(delay, signal);
      }
      try {
        return await operation();
      } catch (e) {
        error = e;
      }
    }
  }

  private logError(stage: ErrorStage, error: unknown, record: BadRecord, doing = this.doingOf(stage)): void {
    const { connector, task, logger } = this.options;
    const where = this.logMessages
      ? { topic: record.topic, partition: record.partition, offset: record.offset, timestamp: record.timestamp }
      : {};
    logger.error(`Error encountered in task ${connector}-${task}. Executing stage '${doing.stage}' with class '${doing.className}'`, {
      ...where,
      error: describeError(error),
    });
  }
}

export function isRetriable(error: unknown): boolean {
  return error instanceof MillraceError && error.retriable;
}
