import { MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import { HIDDEN, type Scrubber } from "../../common/secrets.js";
import type { ConnectorAdmin, ConnectorStatus } from "../api/admin.js";
import type { ConnectorConfig } from "../api/source.js";
import type { ConfigChecks } from "./config-checks.js";
import { keepStoredSecrets, maskConfig } from "./config-masks.js";
import type { ConfigStore, TargetState } from "./config-store.js";
import { type AlteredOffset, ConnectorOffsets, type OffsetView } from "./connector-offsets.js";
import { ConnectorRunner } from "./connector-runner.js";
import type { PluginListing } from "./plugins.js";
import { replayInto } from "./replay.js";
import type { StatusStore } from "./status-store.js";
import { configToRun } from "./task-config.js";
import type { TaskServices } from "./task-runner.js";
import { Turns } from "./turns.js";
import type { ConfigInfos, ConfigKeyInfo } from "./validate.js";
import { withWorkerDefaults } from "./worker-defaults.js";
import type { ConnectWorkerOptions } from "./worker-options.js";
import { openParts, type WorkerParts } from "./worker-parts.js";

export interface ConnectorInfo {
  readonly name: string;
  /** Secrets are `********`. */
  readonly config: Readonly<Record<string, string>>;
  readonly tasks: readonly { readonly connector: string; readonly task: number }[];
  readonly type: "source" | "sink";
}

/**
 * A Kafka Connect worker. Configs, offsets and states are on `connect-configs`, `connect-offsets` and `connect-status`;
 * connectors resume where they were. Every method that takes a name throws NOT_FOUND where there is no such connector.
 */
export class ConnectWorker implements ConnectorAdmin {
  readonly scrubber: Scrubber;
  readonly logger: Logger;
  readonly clusterId: string;
  workerId: string;
  private readonly configs: ConfigStore;
  private readonly statuses: StatusStore;
  private readonly services: TaskServices;
  private readonly checks: ConfigChecks;
  private readonly runners = new Map<string, ConnectorRunner>();
  /** Changes to one connector come one after another. */
  private readonly turns = new Turns();
  /** Why a stored connector could not even be set up when this worker opened. */
  private readonly notLaunched = new Map<string, string>();
  private readonly detach = new Map<string, () => void>();

  private constructor(
    private readonly options: ConnectWorkerOptions,
    parts: WorkerParts,
  ) {
    this.configs = parts.configs;
    this.statuses = parts.statuses;
    this.services = parts.services;
    this.checks = parts.checks;
    this.scrubber = parts.scrubber;
    this.logger = parts.services.logger;
    this.workerId = options.workerId ?? "127.0.0.1:8083";
    this.clusterId = options.broker.clusterId;
  }

  /** Reads the three topics and starts the connectors that are to run. */
  static async open(options: ConnectWorkerOptions): Promise<ConnectWorker> {
    const worker = await ConnectWorker.prepare(options);
    await worker.start();
    return worker;
  }

  /** Reads the three topics. Connectors are UNASSIGNED until `start`. */
  static async prepare(options: ConnectWorkerOptions): Promise<ConnectWorker> {
    return new ConnectWorker(options, await openParts(options));
  }

  /** Starts the connectors that are to run. @param workerId where the REST interface answers, as `host:port` */
  async start(workerId = this.workerId): Promise<void> {
    this.workerId = workerId;
    await Promise.all(
      this.configs.names().map((name) =>
        this.turns.take(name, async () => {
          if (this.configs.has(name) && !this.runners.has(name)) await this.launchStored(name);
        }),
      ),
    );
  }

  /** Stops every task; nothing is changed in what is stored. */
  async close(): Promise<void> {
    for (const off of this.detach.values()) off();
    await Promise.all([...this.runners.values()].map((r) => r.stop()));
    this.runners.clear();
    await this.statuses.flush();
  }

  async list(): Promise<string[]> {
    return this.configs.names();
  }

  /** @throws CONFIG_INVALID naming each setting, ALREADY_EXISTS */
  async create(name: string, config: ConnectorConfig, initial: TargetState = "STARTED"): Promise<void> {
    await this.turns.take(name, async () => {
      if (this.configs.has(name)) throw new MillraceError("ALREADY_EXISTS", `Connector ${name} already exists`);
      await this.store(name, config, initial);
    });
  }

  /** Creates the connector or gives it a new config. Returns whether it is new. @throws CONFIG_INVALID */
  async putConfig(name: string, config: ConnectorConfig): Promise<boolean> {
    return this.turns.take(name, async () => {
      const there = this.configs.shown(name);
      const kept = there ? keepStoredSecrets(config, there.config, this.checks.secretsOf(there.config)) : config;
      if (Object.values(kept).includes(HIDDEN)) this.configs.get(name); // throws where it stands for what no key opens
      await this.store(name, kept, there ? undefined : "STARTED");
      return !there;
    });
  }

  /** Changes the given keys alone; null takes one away. @throws CONFIG_INVALID */
  async patchConfig(name: string, patch: Readonly<Record<string, string | null>>): Promise<void> {
    await this.turns.take(name, async () => {
      const { config } = this.stored(name);
      const merged: Record<string, string> = { ...config };
      for (const [key, value] of Object.entries(patch)) {
        if (value === null) delete merged[key];
        else merged[key] = value;
      }
      await this.store(name, keepStoredSecrets(merged, config, this.checks.secretsOf(config)), undefined);
    });
  }

  async delete(name: string): Promise<void> {
    await this.turns.take(name, async () => {
      if (!this.configs.has(name)) throw notFound(name);
      await this.halt(name);
      await this.configs.delete(name);
      this.statuses.delete(name);
      this.notLaunched.delete(name);
      this.services.metrics.remove({ connector: name });
    });
  }

  async config(name: string): Promise<ConnectorConfig> {
    return this.masked(this.shown(name).config);
  }

  info(name: string): ConnectorInfo {
    const { config } = this.shown(name);
    const tasks = (this.runners.get(name)?.tasks ?? []).map((_, task) => ({ connector: name, task }));
    return { name, config: this.masked(config), tasks, type: this.checks.pluginOf(config)?.type ?? "source" };
  }

  async status(name: string): Promise<ConnectorStatus> {
    const { config } = this.shown(name, `No status found for connector ${name}`);
    const runner = this.runners.get(name);
    const worker_id = this.workerId;
    const trace = runner ? runner.trace : this.notLaunched.get(name);
    return {
      name,
      connector: { state: runner?.state ?? (trace ? "FAILED" : "UNASSIGNED"), worker_id, ...(trace ? { trace } : {}) },
      tasks: (runner?.tasks ?? []).map((t, id) => ({ id, state: t.state, worker_id, ...(t.trace ? { trace: t.trace } : {}) })),
      type: this.checks.pluginOf(config)?.type ?? "source",
    };
  }

  /** Each task's config, secrets masked. */
  tasks(name: string): { id: { connector: string; task: number }; config: Readonly<Record<string, string>> }[] {
    const secrets = this.checks.secretsOf(this.shown(name).config);
    return (this.runners.get(name)?.tasks ?? []).map((t, task) => ({
      id: { connector: name, task },
      config: maskConfig(t.config, secrets),
    }));
  }

  async pause(name: string): Promise<void> {
    await this.target(name, "PAUSED", (runner) => runner.pause());
  }

  async resume(name: string): Promise<void> {
    await this.target(name, "STARTED", (runner) => runner.resume());
  }

  /** Stops the tasks for good (until resumed); only then may offsets be changed. */
  async stop(name: string): Promise<void> {
    await this.turns.take(name, async () => {
      this.stored(name, `Unknown connector ${name}`);
      await this.configs.setTarget(name, "STOPPED");
      await this.halt(name);
      await this.launch(name);
    });
  }

  /** Restarts the connector, and of its tasks those asked for. Returns the states with RESTARTING for what it restarts. */
  async restart(name: string, options: { includeTasks?: boolean; onlyFailed?: boolean } = {}): Promise<ConnectorStatus> {
    return this.turns.take(name, async () => {
      const { target } = this.stored(name, `Unknown connector: ${name}`);
      const before = await this.status(name);
      if (target === "STOPPED") return before;
      const wanted = (state: string) => !options.onlyFailed || state === "FAILED";
      const runner = this.runners.get(name);
      const whole = !runner || (runner.state === "FAILED" && wanted(runner.state));
      const tasks = options.includeTasks ? before.tasks.filter((t) => wanted(t.state)).map((t) => t.id) : [];
      if (whole) {
        await this.halt(name);
        await this.launch(name);
      } else for (const id of tasks) await runner.restartTask(id);
      const restarting = ({ trace: _, ...state }: ConnectorStatus["connector"]) => ({ ...state, state: "RESTARTING" as const });
      return {
        ...before,
        connector: whole || wanted(before.connector.state) ? restarting(before.connector) : before.connector,
        tasks: before.tasks.map((t) => (tasks.includes(t.id) ? { id: t.id, ...restarting(t) } : t)),
      };
    });
  }

  async restartTask(name: string, id: number): Promise<void> {
    await this.turns.take(name, async () => {
      this.stored(name, `Unknown connector: ${name}`);
      const runner = this.runners.get(name);
      if (!runner) throw new MillraceError("NOT_FOUND", `Unknown task: ${name}-${id}`);
      await runner.restartTask(id);
    });
  }

  async topics(name: string): Promise<string[]> {
    this.shown(name);
    return this.statuses.activeTopics(name);
  }

  resetTopics(name: string): void {
    this.shown(name);
    this.statuses.resetTopics(name);
  }

  async offsets(name: string): Promise<OffsetView[]> {
    return (await this.offsetsOf(name)).list();
  }

  /**
   * Returns whether the connector itself has taken note, or Connect's own offsets alone are changed.
   * @throws DATA_INVALID unless the connector is stopped, and for offsets that it could not start from
   */
  async alterOffsets(name: string, offsets: readonly AlteredOffset[]): Promise<boolean> {
    return this.turns.take(name, async () => (await this.offsetsOf(name, true)).alter(offsets));
  }

  /** @throws DATA_INVALID unless the connector is stopped */
  async resetOffsets(name: string): Promise<boolean> {
    return this.turns.take(name, async () => (await this.offsetsOf(name, true)).reset());
  }

  plugins(connectorsOnly = false): PluginListing[] {
    return this.services.plugins.list(connectorsOnly);
  }

  /** The settings of any plug-in, as `/connector-plugins/CLASS/config` gives them. @throws NOT_FOUND */
  pluginConfig(name: string): ConfigKeyInfo[] {
    return this.checks.pluginConfig(name);
  }

  /** @throws NOT_FOUND for the class; CONFIG_INVALID where the config names another one */
  validate(name: string, config: ConnectorConfig): Promise<ConfigInfos> {
    return this.checks.validate(name, config);
  }

  /** Checks, stores and (re)starts. */
  private async store(name: string, given: ConnectorConfig, initial: TargetState | undefined): Promise<void> {
    if (given["name"] !== undefined && given["name"] !== name)
      throw new MillraceError(
        "CONFIG_INVALID",
        `Connector name configuration (${given["name"]}) doesn't match connector name in the URL (${name})`,
      );
    const config: Record<string, string> = { ...given, name };
    for (const warning of await this.checks.require(config)) this.logger.warn(`connector ${name}: ${warning}`, { connector: name });
    await this.halt(name);
    await this.configs.put(name, config, this.checks.secretsOf(config), initial);
    await this.launch(name);
  }

  /** One connector whose secrets no key opens must not keep the others from starting. */
  private async launchStored(name: string): Promise<void> {
    try {
      await this.launch(name);
    } catch (error) {
      this.notLaunched.set(name, (error as Error).message);
      this.logger.error(`connector ${name} cannot be started: ${(error as Error).message}`, { connector: name });
    }
  }

  private async launch(name: string): Promise<void> {
    const { config, target } = this.stored(name);
    const plugin = this.checks.pluginOf(config);
    // The class was there when the connector was stored: its plug-in is gone, or can no longer be loaded.
    if (!plugin) {
      const missing = this.services.plugins.connectors.missing(config["connector.class"] ?? "");
      this.notLaunched.set(name, missing);
      this.logger.error(`connector ${name} cannot be started: ${missing}`, { connector: name });
      return;
    }
    const runner = new ConnectorRunner(
      {
        name,
        // first what the class makes of its own words: the worker's converters stand only for what neither names
        config: withWorkerDefaults(plugin.translate?.(config) ?? config, this.options.workerConfig ?? {}),
        secrets: this.checks.secretsOf(config),
        plugin,
        target,
      },
      this.services,
      this.statuses,
      this.workerId,
    );
    this.runners.set(name, runner);
    this.notLaunched.delete(name);
    const { errorStore, broker } = this.options;
    if (errorStore) {
      const replayer = {
        replay: (entry: Parameters<typeof replayInto>[3], { force }: { force: boolean }) =>
          replayInto(this.runners.get(name), broker, errorStore, entry, force),
      };
      this.detach.set(name, errorStore.attach({ kind: "connector", name }, replayer));
    }
    await runner.start();
  }

  private async halt(name: string): Promise<void> {
    this.detach.get(name)?.();
    this.detach.delete(name);
    await this.runners.get(name)?.stop();
    this.runners.delete(name);
  }

  private async target(name: string, target: TargetState, apply: (runner: ConnectorRunner) => void): Promise<void> {
    await this.turns.take(name, async () => {
      const before = this.stored(name, `Unknown connector ${name}`).target;
      await this.configs.setTarget(name, target);
      const runner = this.runners.get(name);
      if (before === "STOPPED" || !runner) {
        await this.halt(name);
        await this.launch(name);
      } else apply(runner);
    });
  }

  private async offsetsOf(name: string, change = false): Promise<ConnectorOffsets> {
    const { config, target } = this.stored(name);
    if (change && target !== "STOPPED")
      throw new MillraceError(
        "DATA_INVALID",
        `Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/${name}/stop' endpoint`,
      );
    const plugin = this.checks.pluginOf(config);
    if (!plugin) throw new MillraceError("NOT_FOUND", `there is no class ${config["connector.class"]}`);
    const resolved = configToRun(config, new Set(), this.services.providers).config;
    return new ConnectorOffsets({
      name,
      config: plugin.translate?.(resolved) ?? resolved,
      plugin,
      broker: this.options.broker,
      store: this.services.offsets,
      hosts: this.options.hosts ?? {},
    });
  }

  private masked(config: ConnectorConfig): Record<string, string> {
    return maskConfig(config, this.checks.secretsOf(config));
  }

  private shown(name: string, missing?: string) {
    const there = this.configs.shown(name);
    if (!there) throw notFound(name, missing);
    return there;
  }

  private stored(name: string, missing?: string) {
    const there = this.configs.get(name);
    if (!there) throw notFound(name, missing);
    return there;
  }
}

function notFound(name: string, message = `Connector ${name} not found`): MillraceError {
  return new MillraceError("NOT_FOUND", message);
}
