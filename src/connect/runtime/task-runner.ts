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
import type { Providers } from "./task-config.js";

/** What every task of a worker is given. */
export interface TaskServices {
  readonly broker: Broker;
  readonly plugins: Plugins;
  readonly offsets: OffsetStore;
  readonly errorStore: ErrorStore | undefined;
  readonly hosts: HostMap;
  readonly providers: Providers;
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
const longestBackoffMs = 10_000;
const stopTimeoutMs = 10_000;

/**
 * A task's life: it runs, fails and, where the fault may pass, starts again after a while that doubles, by
 * `tasks.restart.max` and `tasks.restart.delay.max.ms`. Subclasses hold one run, from a fresh start of the task to its stop.
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

  /** @param trouble what a task that goes on has met, as its trace; none: all is well */
  protected running(trouble?: string): void {
    this.change(this.paused ? "PAUSED" : "RUNNING", trouble);
  }

  private async live(): Promise<void> {
    const { signal } = this.stopping;
    const { logger, clock, metrics, scrub } = this.services;
    const { connector, id } = this.setup;
    const most = this.number("tasks.restart.max", -1);
    const longest = this.number("tasks.restart.delay.max.ms", longestBackoffMs);
    const counter = metrics.counter("millrace_connector_restarts_total", "Tasks that started again by themselves", { connector });
    let restarts = 0;
    for (let backoff = firstBackoffMs; !signal.aborted; ) {
      this.worked = false;
      try {
        await this.run(signal);
        if (signal.aborted) return;
      } catch (error) {
        if (signal.aborted) return;
        const trace = scrub(traceOf(error));
        const passing = isRetriable(error);
        if (this.worked) {
          backoff = firstBackoffMs;
          restarts = 0;
        }
        if (!passing || (most >= 0 && restarts >= most)) {
          const tried = passing ? `The task has started again ${restarts} times in a row, as often as tasks.restart.max lets it.` : "";
          logger.error(`task ${connector}-${id} failed and stays down until it is restarted`, { connector, task: id, error: trace, tried });
          this.change("FAILED", withSecondLine(trace, tried));
          return;
        }
        restarts++;
        const delay = Math.min(backoff, longest);
        const again = `The task starts again by itself in ${delay} ms (restart ${restarts} in a row${most >= 0 ? ` of at most ${most}` : ""}).`;
        logger.warn(`task ${connector}-${id} failed and starts again in ${delay} ms`, { connector, task: id, restarts, error: trace });
        this.change("RESTARTING", withSecondLine(trace, again));
        await clock.sleep(delay, signal).catch(() => undefined);
        if (!signal.aborted) counter.add();
        backoff = delay * 2;
      } finally {
        this.forgetSecrets?.();
        this.forgetSecrets = undefined;
      }
    }
  }

  private number(setting: string, fallback: number): number {
    const n = Number(this.setup.config[setting] ?? fallback);
    return Number.isNaN(n) ? fallback : n;
  }

  private change(state: TaskState, trace?: string): void {
    if (this.state === state && this.trace === trace) return;
    this.state = state;
    this.trace = trace;
    this.setup.onState(state, trace);
  }
}

function withSecondLine(trace: string, line: string): string {
  if (line === "") return trace;
  const end = trace.indexOf("\n    at ");
  return end < 0 ? `${trace}\n${line}` : `${trace.slice(0, end)}\n${line}${trace.slice(end)}`;
}

/** The first line says what is wrong, the stack below where. */
export function traceOf(error: unknown): string {
  const stack =
    asError(error)
      .stack?.split("\n")
      .filter((line) => /^\s+at /.test(line)) ?? [];
  return [describeError(error), ...stack.slice(0, 12)].join("\n");
}
