import type { TopicDescription } from "../../broker/api/broker.js";
import { MillraceError } from "../../common/errors.js";
import { JavaPattern } from "../../common/regex/java-pattern.js";
import type { TopicPartition } from "../../data/topic-partition.js";
import type { TaskState } from "../api/admin.js";
import type { ConnectorConfig } from "../api/source.js";
import type { TargetState } from "./config-store.js";
import type { ConnectorPlugin } from "./plugins.js";
import { SinkTaskRunner } from "./sink-task.js";
import { SourceTaskRunner } from "./source-task.js";
import type { StatusStore } from "./status-store.js";
import { configToRun } from "./task-config.js";
import { type TaskRunner, type TaskServices, traceOf } from "./task-runner.js";
import { listOf } from "./transform-chain.js";

export interface ConnectorSetup {
  readonly name: string;
  /** With the worker's converters where it names none. */
  readonly config: ConnectorConfig;
  readonly secrets: ReadonlySet<string>;
  readonly plugin: ConnectorPlugin;
  readonly target: TargetState;
}

/** While a topic that a sink names is missing it is looked for this often; otherwise new topics and partitions are. */
const missingTopicMs = 250;
const newTopicMs = 1000;

/** One connector: its tasks, their states, and for a sink which partitions each of them has. */
export class ConnectorRunner {
  state: TaskState = "UNASSIGNED";
  trace: string | undefined;
  tasks: TaskRunner[] = [];
  private target: TargetState;
  private readonly stopping = new AbortController();
  private watching: Promise<void> | undefined;

  constructor(
    readonly setup: ConnectorSetup,
    private readonly services: TaskServices,
    private readonly statuses: StatusStore,
    private readonly workerId: string,
  ) {
    this.target = setup.target;
  }

  /** Starts the tasks unless the target state is STOPPED. A failure is the connector's state and is not thrown. */
  async start(): Promise<void> {
    if (this.target === "STOPPED") {
      this.change("STOPPED");
      return;
    }
    try {
      const configs = this.taskConfigs();
      if (this.setup.plugin.type === "source") this.startTasks(configs, undefined);
      else {
        this.startTasks(configs, await this.assign(configs.length));
        this.watching = this.watchTopics(configs.length);
      }
      this.change(this.target === "PAUSED" ? "PAUSED" : "RUNNING");
    } catch (error) {
      const trace = this.services.scrub(traceOf(error));
      this.services.logger.error(`connector ${this.setup.name} did not start`, { connector: this.setup.name, error: trace });
      this.change("FAILED", trace);
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([this.watching, ...this.tasks.map((t) => t.stop())]);
    this.tasks = [];
  }

  pause(): void {
    this.target = "PAUSED";
    for (const t of this.tasks) t.pause();
    if (this.state === "RUNNING") this.change("PAUSED");
  }

  resume(): void {
    this.target = "STARTED";
    for (const t of this.tasks) t.resume();
    if (this.state === "PAUSED") this.change("RUNNING");
  }

  /** @throws NOT_FOUND */
  async restartTask(id: number): Promise<void> {
    const old = this.tasks[id];
    if (!old) throw new MillraceError("NOT_FOUND", `Unknown task: ${this.setup.name}-${id}`);
    await old.stop();
    const fresh = this.makeTask(id, this.taskConfigs()[id]!);
    if (fresh instanceof SinkTaskRunner && old instanceof SinkTaskRunner) fresh.assignment = old.assignment;
    this.tasks[id] = fresh;
    fresh.start(this.target === "PAUSED");
  }

  /** The task that reads this partition, for replays. */
  taskOf(tp: TopicPartition): SinkTaskRunner | undefined {
    return this.tasks.find((t): t is SinkTaskRunner => t instanceof SinkTaskRunner && t.has(tp));
  }

  /** Any task of a source, for replays: its records know no task. */
  sourceTask(): SourceTaskRunner | undefined {
    return this.tasks.find((t): t is SourceTaskRunner => t instanceof SourceTaskRunner);
  }

  private taskConfigs(): ConnectorConfig[] {
    const { plugin, config, secrets } = this.setup;
    const resolved = configToRun(config, secrets, this.services.providers).config;
    const max = Math.max(1, Number(resolved["tasks.max"] ?? 1));
    const configs = plugin.taskConfigs(resolved, max);
    if (configs.length > max && resolved["tasks.max.enforce"]?.trim().toLowerCase() !== "false")
      throw new MillraceError(
        "CONFIG_INVALID",
        `The connector ${this.setup.name} has generated ${configs.length} tasks, which is greater than ${max}, the maximum number of tasks it is configured to create. The 'tasks.max.enforce' property can be set to false to let it`,
      );
    // References go back in: they are resolved when each task starts, and what they stood for is kept nowhere.
    return configs.map((c) => Object.fromEntries(Object.entries(c).map(([k, v]) => [k, v === resolved[k] ? config[k]! : v])));
  }

  private startTasks(configs: readonly ConnectorConfig[], assignments: readonly SinkTaskRunner["assignment"][] | undefined): void {
    this.tasks = configs.map((config, id) => this.makeTask(id, config));
    this.tasks.forEach((t, id) => {
      if (t instanceof SinkTaskRunner) t.assignment = assignments![id]!;
    });
    for (const t of this.tasks) t.start(this.target === "PAUSED");
  }

  private makeTask(id: number, config: ConnectorConfig): TaskRunner {
    const { name, secrets, plugin } = this.setup;
    const setup = {
      connector: name,
      id,
      config,
      secrets,
      onState: (state: TaskState, trace: string | undefined) => this.taskChanged(id, state, trace),
    };
    if (plugin.type === "source") {
      const task = new SourceTaskRunner(setup, this.services);
      task.plugin = plugin;
      return task;
    }
    const task = new SinkTaskRunner(setup, this.services);
    task.plugin = plugin;
    return task;
  }

  private taskChanged(id: number, state: TaskState, trace: string | undefined): void {
    this.statuses.task(this.setup.name, id, { state, trace: trace ?? null, worker_id: this.workerId, generation: 1 });
  }

  private change(state: TaskState, trace?: string): void {
    this.state = state;
    this.trace = trace;
    this.statuses.connector(this.setup.name, { state, trace: trace ?? null, worker_id: this.workerId, generation: 1 });
  }

  /** Partitions of the topics that there are, dealt out to the tasks in turn. */
  private async assign(tasks: number): Promise<SinkTaskRunner["assignment"][]> {
    const found = await this.findTopics();
    const topicIds = new Map(found.map((t) => [t.name, t.topicId]));
    const all = found.flatMap((t) => Array.from({ length: t.partitions }, (_, partition) => ({ topic: t.name, partition })));
    return Array.from({ length: tasks }, (_, id) => ({ partitions: all.filter((_p, i) => i % tasks === id), topicIds }));
  }

  private async findTopics(): Promise<TopicDescription[]> {
    const named = this.topicNames();
    const { broker } = this.services;
    if (named.length) return sorted(await broker.describeTopics(named));
    const pattern = new JavaPattern(this.setup.config["topics.regex"]?.trim() ?? "");
    return sorted((await broker.describeTopics()).filter((t) => !t.internal && pattern.matches(t.name)));
  }

  private topicNames(): string[] {
    return listOf(this.setup.config["topics"]);
  }

  /** A topic that appears, is made anew or gets more partitions: the tasks that it concerns start again with it. */
  private async watchTopics(tasks: number): Promise<void> {
    const { signal } = this.stopping;
    const { clock, logger } = this.services;
    while (!signal.aborted) {
      const missing =
        this.topicNames().length >
        new Set(this.tasks.flatMap((t) => (t instanceof SinkTaskRunner ? [...t.assignment.topicIds.keys()] : []))).size;
      await clock.sleep(missing ? missingTopicMs : newTopicMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        const assignments = await this.assign(tasks);
        const changed = assignments.flatMap((assignment, id) => {
          const task = this.tasks[id];
          return task instanceof SinkTaskRunner && !same(task.assignment, assignment) ? [{ id, task, assignment }] : [];
        });
        // all of them, before one starts: a partition must not be read by its old task and its new one at once
        await Promise.all(changed.map(({ task }) => task.stop()));
        if (signal.aborted) return;
        const configs = this.taskConfigs();
        for (const { id, assignment } of changed) {
          const fresh = this.makeTask(id, configs[id]!) as SinkTaskRunner;
          fresh.assignment = assignment;
          this.tasks[id] = fresh;
          fresh.start(this.target === "PAUSED");
        }
      } catch (error) {
        logger.warn(`the topics of connector ${this.setup.name} could not be looked up`, { error: String(error) });
      }
    }
  }
}

function sorted(topics: readonly TopicDescription[]): TopicDescription[] {
  return [...topics].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function same(a: SinkTaskRunner["assignment"], b: SinkTaskRunner["assignment"]): boolean {
  const text = (x: SinkTaskRunner["assignment"]) => x.partitions.map((p) => `${p.topic}-${p.partition}-${x.topicIds.get(p.topic)}`).join();
  return text(a) === text(b);
}
