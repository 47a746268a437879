import type { Broker } from "../../broker/api/broker.js";
import { asError, describeError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import type { Metrics } from "../../common/metrics.js";
import type { Clock } from "../../common/time.js";
import type { ErrorStore } from "../../errors/error-store.js";
import type { TaskState } from "../api/admin.js";
import type { ConnectorConfig } from "../api/source.js";
import { isRetriable } from "./error-policy.js";
import type { HostMap } from "./hosts.js";
import type { OffsetStore } from "./offset-store.js";
import type { Plugins } from "./plugins.js";

/** What every task of a worker is given. */
export interface TaskServices {
  readonly broker: Broker;
  readonly plugins: Plugins;
  readonly offsets: OffsetStore;
  readonly errorStore: ErrorStore | undefined;
  readonly hosts: HostMap;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly scrub: (text: string) => string;
  /** Takes the secrets of a started task; the returned function forgets them. */
  readonly holdSecrets: (values: Iterable<string>) => () => void;
  readonly onTopic: (connector: string, task: number, topic: string) => void;
}

export interface TaskSetup {
  readonly connector: string;
  readonly id: number;
  /** As stored: references are resolved when the task starts. */
  readonly config: ConnectorConfig;
  /** settings whose values are secrets */
  readonly secrets: ReadonlySet<string>;
  readonly onState: (state: TaskState, trace: string | undefined) => void;
}

const firstBackoffMs = 250;
const lastBackoffMs = 10_000;
const stopTimeoutMs = 10_000;

/**
 * A task's life: it runs, fails and, where the fault may pass, starts again after a while that doubles up to 10 s. Subclasses
 * hold one run, from a fresh start of the task to its stop.
 */
export abstract class TaskRunner {
  state: TaskState = "UNASSIGNED";
  trace: string | undefined;
  private readonly stopping = new AbortController();
  private wake: (() => void) | undefined;
  private finished: Promise<void> | undefined;
  private forgetSecrets: (() => void) | undefined;
  protected paused = false;
  /** Set by a run once it has done some work: the next back-off begins anew. */
  protected worked = false;

  constructor(
    protected readonly setup: TaskSetup,
    protected readonly services: TaskServices,
  ) {}

  /** Runs until `signal` is aborted or an error. */
  protected abstract run(signal: AbortSignal): Promise<void>;

  get config(): ConnectorConfig {
    return this.setup.config;
  }

  start(paused: boolean): void {
    this.paused = paused;
    this.finished = this.live();
  }

  pause(): void {
    this.paused = true;
    this.wake?.();
    if (this.state === "RUNNING") this.change("PAUSED");
  }

  resume(): void {
    this.paused = false;
    this.wake?.();
    if (this.state === "PAUSED") this.change("RUNNING");
  }

  /**
   * Resolves when the task has stopped, or after 10 s: a target or source that hangs must not hold up the worker. What it had
   * not committed is read again by the next run, which fences this one.
   */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake?.();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, stopTimeoutMs, "late");
    });
    const outcome = await Promise.race([this.finished, late]);
    clearTimeout(timer);
    if (outcome === "late") {
      const { connector, id } = this.setup;
      this.services.logger.warn(`task ${connector}-${id} did not stop within ${stopTimeoutMs} ms and is left behind`, {
        connector,
        task: id,
      });
    }
  }

  /** Resolves when the task is to go on; at once where it is not paused. */
  protected async whilePaused(signal: AbortSignal): Promise<void> {
    while (this.paused && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.wake = undefined;
  }

  /** For this run, its trace included. */
  protected holdSecrets(values: Iterable<string>): void {
    this.forgetSecrets = this.services.holdSecrets(values);
  }

  protected running(): void {
    this.change(this.paused ? "PAUSED" : "RUNNING");
  }

  private async live(): Promise<void> {
    const { signal } = this.stopping;
    const { logger, clock } = this.services;
    const { connector, id } = this.setup;
    for (let backoff = firstBackoffMs; !signal.aborted; ) {
      this.worked = false;
      try {
        await this.run(signal);
        if (signal.aborted) return;
      } catch (error) {
        if (signal.aborted) return;
        const trace = this.services.scrub(traceOf(error));
        if (!isRetriable(error)) {
          logger.error(`task ${connector}-${id} failed and stays down until it is restarted`, { connector, task: id, error: trace });
          this.change("FAILED", trace);
          return;
        }
        if (this.worked) backoff = firstBackoffMs;
        logger.warn(`task ${connector}-${id} failed and starts again in ${backoff} ms`, { connector, task: id, error: trace });
        this.change("RESTARTING", trace);
        await clock.sleep(backoff, signal).catch(() => undefined);
        backoff = Math.min(backoff * 2, lastBackoffMs);
      } finally {
        this.forgetSecrets?.();
        this.forgetSecrets = undefined;
      }
    }
  }

  private change(state: TaskState, trace?: string): void {
    if (this.state === state && this.trace === trace) return;
    this.state = state;
    this.trace = trace;
    this.setup.onState(state, trace);
  }
}

/** The first line says what is wrong, the stack below where. */
export function traceOf(error: unknown): string {
  const stack =
    asError(error)
      .stack?.split("\n")
      .filter((line) => /^\s+at /.test(line)) ?? [];
  return [describeError(error), ...stack.slice(0, 12)].join("\n");
}
