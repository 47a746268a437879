import { MillraceError } from "../../common/errors.js";
import { type Logger, scrubbedLogger, silentLogger } from "../../common/logger.js";
import { Metrics } from "../../common/metrics.js";
import { HIDDEN, Scrubber, SecretKey, secretsInUrls } from "../../common/secrets.js";
import { systemClock } from "../../common/time.js";
import type { ErrorEntry } from "../../errors/entry.js";
import type { ConnectorAdmin, ConnectorStatus } from "../api/admin.js";
import type { ConnectorConfig } from "../api/source.js";
import { predicatePlugins } from "../predicates/plugins.js";
import { transformPlugins } from "../transforms/plugins.js";
import { ConfigStore, type TargetState } from "./config-store.js";
import { type AlteredOffset, ConnectorOffsets, type OffsetView } from "./connector-offsets.js";
import { ConnectorRunner } from "./connector-runner.js";
import { sinkDef, sourceDef } from "./connector-settings.js";
import { resolveHost } from "./hosts.js";
import { OffsetStore } from "./offset-store.js";
import { type ConnectorPlugin, type PluginListing, Plugins } from "./plugins.js";
import { checkReplay } from "./replay.js";
import { StatusStore } from "./status-store.js";
import { configToRun } from "./task-config.js";
import type { TaskServices } from "./task-runner.js";
import {
  type ConfigInfos,
  type ConfigKeyInfo,
  definitionOf,
  keepStoredSecrets,
  maskConfig,
  secretSettings,
  type Validation,
  validate,
} from "./validate.js";
import type { ConnectWorkerOptions } from "./worker-options.js";

export interface ConnectorInfo {
  readonly name: string;
  /** Secrets are `********`. */
  readonly config: Readonly<Record<string, string>>;
  readonly tasks: readonly { readonly connector: string; readonly task: number }[];
  readonly type: "source" | "sink";
}

const converterSettings = ["key.converter", "value.converter", "header.converter"] as const;

/**
 * A Kafka Connect worker. Configs, offsets and states are on `connect-configs`, `connect-offsets` and `connect-status`;
 * connectors resume where they were. Every method that takes a name throws NOT_FOUND where there is no such connector.
 */
export class ConnectWorker implements ConnectorAdmin {
  readonly scrubber: Scrubber;
  readonly logger: Logger;
  readonly workerId: string;
  readonly clusterId: string;
  private readonly runners = new Map<string, ConnectorRunner>();
  /** Changes to one connector come one after another. */
  private readonly turns = new Map<string, Promise<unknown>>();
  /** Why a stored connector could not even be set up when this worker opened. */
  private readonly notLaunched = new Map<string, string>();
  private readonly detach = new Map<string, () => void>();

  private constructor(
    private readonly options: ConnectWorkerOptions,
    private readonly configs: ConfigStore,
    private readonly offsetStore: OffsetStore,
    private readonly statuses: StatusStore,
    private readonly services: TaskServices,
    private readonly pluginSet: Plugins,
    scrubber: Scrubber,
  ) {
    this.scrubber = scrubber;
    this.logger = services.logger;
    this.workerId = options.workerId ?? "127.0.0.1:8083";
    this.clusterId = options.broker.clusterId;
  }

  /** Reads the three topics and starts the connectors that are to run. */
  static async open(options: ConnectWorkerOptions): Promise<ConnectWorker> {
    const { broker, workerConfig = {} } = options;
    const scrubber = new Scrubber();
    const key = SecretKey.open({ secretKey: options.secretKey, dataDir: options.dataDir });
    const [configs, offsets, statuses] = await Promise.all([
      ConfigStore.open(broker, workerConfig["config.storage.topic"] ?? "connect-configs", key),
      OffsetStore.open(broker, workerConfig["offset.storage.topic"] ?? "connect-offsets"),
      StatusStore.open(broker, workerConfig["status.storage.topic"] ?? "connect-status"),
    ]);
    const plugins = new Plugins({
      ...options,
      transforms: [...transformPlugins, ...(options.transforms ?? [])],
      predicates: [...predicatePlugins, ...(options.predicates ?? [])],
    });
    const services: TaskServices = {
      broker,
      plugins,
      offsets,
      errorStore: options.errorStore,
      hosts: options.hosts ?? {},
      logger: scrubbedLogger(options.logger ?? silentLogger, (text) => scrubber.scrub(text)),
      metrics: options.metrics ?? new Metrics(),
      clock: options.clock ?? systemClock,
      scrub: (text) => scrubber.scrub(text),
      holdSecrets: (values) => scrubber.add(values),
      onTopic: (connector, task, topic) => statuses.activeTopic(connector, task, topic),
    };
    options.errorStore?.scrubbers.push(services.scrub);
    const worker = new ConnectWorker(options, configs, offsets, statuses, services, plugins, scrubber);
    await Promise.all(
      configs.names().map((name) =>
        worker.launch(name).catch((error) => {
          // One connector whose secrets no key opens must not keep the others from starting.
          worker.notLaunched.set(name, (error as Error).message);
          worker.logger.error(`connector ${name} cannot be started: ${(error as Error).message}`, { connector: name });
        }),
      ),
    );
    return worker;
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
    await this.turn(name, async () => {
      if (this.configs.get(name)) throw new MillraceError("ALREADY_EXISTS", `Connector ${name} already exists`);
      await this.store(name, config, initial);
    });
  }

  /** Creates the connector or gives it a new config. Returns whether it is new. @throws CONFIG_INVALID */
  async putConfig(name: string, config: ConnectorConfig): Promise<boolean> {
    return this.turn(name, async () => {
      const there = this.configs.shown(name);
      const kept = there ? keepStoredSecrets(config, there.config, this.secretsOf(there.config)) : config;
      if (Object.values(kept).includes(HIDDEN)) this.configs.get(name); // throws where it stands for what no key opens
      await this.store(name, kept, there ? undefined : "STARTED");
      return !there;
    });
  }

  /** Changes the given keys alone; null takes one away. @throws CONFIG_INVALID */
  async patchConfig(name: string, patch: Readonly<Record<string, string | null>>): Promise<void> {
    await this.turn(name, async () => {
      const { config } = this.stored(name);
      const merged: Record<string, string> = { ...config };
      for (const [key, value] of Object.entries(patch)) {
        if (value === null) delete merged[key];
        else merged[key] = value;
      }
      await this.store(name, keepStoredSecrets(merged, config, this.secretsOf(config)), undefined);
    });
  }

  async delete(name: string): Promise<void> {
    await this.turn(name, async () => {
      if (!this.configs.has(name)) throw new MillraceError("NOT_FOUND", `Connector ${name} not found`);
      await this.halt(name);
      await this.configs.delete(name);
      this.statuses.delete(name);
      this.notLaunched.delete(name);
      this.services.metrics.remove({ connector: name });
    });
  }

  async config(name: string): Promise<ConnectorConfig> {
    const { config } = this.shown(name);
    return maskConfig(config, this.secretsOf(config));
  }

  info(name: string): ConnectorInfo {
    const { config } = this.shown(name);
    const tasks = (this.runners.get(name)?.tasks ?? []).map((_, task) => ({ connector: name, task }));
    return { name, config: maskConfig(config, this.secretsOf(config)), tasks, type: this.pluginOf(config)?.type ?? "source" };
  }

  async status(name: string): Promise<ConnectorStatus> {
    const { config } = this.shown(name);
    const runner = this.runners.get(name);
    const worker_id = this.workerId;
    const trace = runner ? runner.trace : this.notLaunched.get(name);
    return {
      name,
      connector: { state: runner?.state ?? (trace ? "FAILED" : "UNASSIGNED"), worker_id, ...(trace ? { trace } : {}) },
      tasks: (runner?.tasks ?? []).map((t, id) => ({ id, state: t.state, worker_id, ...(t.trace ? { trace: t.trace } : {}) })),
      type: this.pluginOf(config)?.type ?? "source",
    };
  }

  /** Each task's config, secrets masked. */
  tasks(name: string): { id: { connector: string; task: number }; config: Readonly<Record<string, string>> }[] {
    const { config } = this.shown(name);
    const secrets = this.secretsOf(config);
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
    await this.turn(name, async () => {
      this.stored(name);
      await this.configs.setTarget(name, "STOPPED");
      await this.halt(name);
      await this.launch(name);
    });
  }

  /** Restarts the connector, and of its tasks those asked for. */
  async restart(name: string, options: { includeTasks?: boolean; onlyFailed?: boolean } = {}): Promise<ConnectorStatus> {
    await this.turn(name, async () => {
      const { target } = this.stored(name);
      const runner = this.runners.get(name);
      if (target === "STOPPED") return;
      const wanted = (state: string) => !options.onlyFailed || state === "FAILED";
      if (!runner || (runner.state === "FAILED" && wanted(runner.state))) {
        await this.halt(name);
        await this.launch(name);
      } else if (options.includeTasks) for (const [id, t] of runner.tasks.entries()) if (wanted(t.state)) await runner.restartTask(id);
    });
    return this.status(name);
  }

  async restartTask(name: string, id: number): Promise<void> {
    await this.turn(name, async () => {
      this.stored(name);
      const runner = this.runners.get(name);
      if (!runner) throw new MillraceError("NOT_FOUND", `Unknown task: ${name}-${id}`);
      await runner.restartTask(id);
    });
  }

  async topics(name: string): Promise<string[]> {
    this.stored(name);
    return this.statuses.activeTopics(name);
  }

  resetTopics(name: string): void {
    this.stored(name);
    this.statuses.resetTopics(name);
  }

  async offsets(name: string): Promise<OffsetView[]> {
    return (await this.offsetsOf(name)).list();
  }

  /** @throws CONFLICT unless the connector is stopped; CONFIG_INVALID for offsets that it could not start from */
  async alterOffsets(name: string, offsets: readonly AlteredOffset[]): Promise<void> {
    await this.turn(name, async () => (await this.offsetsOf(name, true)).alter(offsets));
  }

  /** @throws CONFLICT unless the connector is stopped */
  async resetOffsets(name: string): Promise<void> {
    await this.turn(name, async () => (await this.offsetsOf(name, true)).reset());
  }

  plugins(connectorsOnly = false): PluginListing[] {
    return this.pluginSet.list(connectorsOnly);
  }

  /** The settings of any plug-in, as `/connector-plugins/CLASS/config` gives them. @throws NOT_FOUND */
  pluginConfig(name: string): ConfigKeyInfo[] {
    const { connectors, converters, transforms, predicates } = this.pluginSet;
    const connector = connectors.find(name);
    const def = connector
      ? (connector.type === "source" ? sourceDef : sinkDef).with([...connector.config.settings.values()])
      : (converters.find(name) ?? transforms.find(name) ?? predicates.find(name))?.config;
    if (!def) throw new MillraceError("NOT_FOUND", `Unknown plugin ${name}.`);
    return [...def.settings.values()].map((s, i) => definitionOf("", s, i));
  }

  /** @throws NOT_FOUND for the class; CONFIG_INVALID where the config names another one */
  async validate(name: string, config: ConnectorConfig): Promise<ConfigInfos> {
    const named = config["connector.class"];
    const bare = (className: string) => className.replace(/Connector$/, "");
    // Two plug-ins may share the simple name that the path gives: the config's full one then decides, as in Connect.
    const plugin = this.pluginSet.connectors.get(named !== undefined && bare(named).endsWith(bare(name)) ? named : name);
    if (named !== undefined && this.pluginSet.connectors.find(named) !== plugin)
      throw new MillraceError("CONFIG_INVALID", `Included connector type ${named} does not match request type ${name}`);
    return (await this.checked({ "connector.class": name, ...config }, plugin)).infos;
  }

  /** The config's own secrets stay out of what is said about it. */
  private async checked(config: ConnectorConfig, plugin: ConnectorPlugin): Promise<Validation> {
    const secrets = [...secretSettings(config, plugin, this.pluginSet)].map((key) => config[key] ?? "");
    const release = this.scrubber.add([...secrets, ...Object.values(config).flatMap(secretsInUrls)]);
    try {
      const { infos, errors, warnings } = await validate(config, plugin, this.pluginSet, this.outside());
      const clean = (text: string) => this.scrubber.scrub(text);
      const configs = infos.configs.map((c) =>
        c.value.errors.length ? { ...c, value: { ...c.value, errors: c.value.errors.map(clean) } } : c,
      );
      return { infos: { ...infos, configs }, errors: errors.map(clean), warnings: warnings.map(clean) };
    } finally {
      release();
    }
  }

  private outside() {
    const { hosts = {} } = this.options;
    return {
      context: { resolveHost: (host: string, port: number) => resolveHost(hosts, host, port) },
      resolve: (config: ConnectorConfig) => configToRun(config, new Set()).config,
    };
  }

  /** Checks, stores and (re)starts. */
  private async store(name: string, given: ConnectorConfig, initial: TargetState | undefined): Promise<void> {
    if (given["name"] !== undefined && given["name"] !== name)
      throw new MillraceError(
        "CONFIG_INVALID",
        `Connector name configuration (${given["name"]}) doesn't match connector name in the URL (${name})`,
      );
    const config: Record<string, string> = { ...given, name };
    if (!config["connector.class"])
      throw new MillraceError("CONFIG_INVALID", `Connector config ${JSON.stringify(Object.keys(config))} contains no connector type`);
    const plugin = this.pluginSet.connectors.find(config["connector.class"]);
    if (!plugin) {
      const there = this.pluginSet.connectors.all.map((p) => p.classes[0]).join(", ");
      throw new MillraceError(
        "CONFIG_INVALID",
        `Failed to find any class that implements Connector and which name matches ${config["connector.class"]}, available connectors are: ${there}`,
      );
    }
    const { errors, warnings } = await this.checked(config, plugin);
    if (errors.length) {
      const list = errors.join("\n");
      throw new MillraceError(
        "CONFIG_INVALID",
        `Connector configuration is invalid and contains the following ${errors.length} error(s):\n${list}\nYou can also find the above list of errors at the endpoint \`/connector-plugins/${config["connector.class"]}/config/validate\``,
        { context: { errors } },
      );
    }
    for (const warning of warnings) this.logger.warn(`connector ${name}: ${warning}`, { connector: name });
    await this.halt(name);
    await this.configs.put(name, config, this.secretsOf(config), initial);
    await this.launch(name);
  }

  private async launch(name: string): Promise<void> {
    const { config, target } = this.stored(name);
    const plugin = this.pluginOf(config);
    if (!plugin) {
      this.logger.error(`connector ${name} names a class that there is no more: ${config["connector.class"]}`, { connector: name });
      return;
    }
    const secrets = this.secretsOf(config);
    const runner = new ConnectorRunner(
      { name, config: this.withWorkerConverters(config), secrets, plugin, target },
      this.services,
      this.statuses,
      this.workerId,
    );
    this.runners.set(name, runner);
    this.notLaunched.delete(name);
    const off = this.options.errorStore?.attach(
      { kind: "connector", name },
      { replay: (entry, { force }) => this.replay(name, entry, force) },
    );
    if (off) this.detach.set(name, off);
    await runner.start();
  }

  private async halt(name: string): Promise<void> {
    this.detach.get(name)?.();
    this.detach.delete(name);
    await this.runners.get(name)?.stop();
    this.runners.delete(name);
  }

  private async replay(name: string, entry: ErrorEntry, force: boolean): Promise<void> {
    const runner = this.runners.get(name);
    const task = entry.offset >= 0 ? runner?.taskOf(entry) : undefined;
    if (!task)
      throw new MillraceError(
        entry.offset >= 0 ? "CONFLICT" : "UNSUPPORTED",
        entry.offset >= 0
          ? `connector ${name} does not read ${entry.topic}-${entry.partition} now, so the record cannot be sent back to it`
          : `a record of stage ${entry.stage} was never in a topic: correct it in the source, or delete the entry`,
      );
    if (!force) await checkReplay(this.options.broker, this.options.errorStore!, entry);
    await task.replay(entry);
  }

  private withWorkerConverters(config: ConnectorConfig): ConnectorConfig {
    const worker = this.options.workerConfig ?? {};
    const out: Record<string, string> = { ...config };
    for (const setting of converterSettings) {
      if (config[setting]) continue;
      out[setting] = worker[setting] ?? (setting === "header.converter" ? "org.apache.kafka.connect.storage.SimpleHeaderConverter" : "");
      // A converter of the worker's comes with the worker's settings for it, as in Connect.
      for (const [key, value] of Object.entries(worker)) if (key.startsWith(`${setting}.`)) out[key] ??= value;
    }
    return out;
  }

  private async target(name: string, target: TargetState, apply: (runner: ConnectorRunner) => void): Promise<void> {
    await this.turn(name, async () => {
      const before = this.stored(name).target;
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
        "CONFLICT",
        "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/{connector}/stop' endpoint.",
      );
    const plugin = this.pluginOf(config);
    if (!plugin) throw new MillraceError("NOT_FOUND", `there is no class ${config["connector.class"]}`);
    const resolved = configToRun(config, new Set()).config;
    return new ConnectorOffsets({
      name,
      config: plugin.translate?.(resolved) ?? resolved,
      plugin,
      broker: this.options.broker,
      store: this.offsetStore,
      hosts: this.options.hosts ?? {},
    });
  }

  private shown(name: string) {
    const there = this.configs.shown(name);
    if (!there) throw new MillraceError("NOT_FOUND", `Connector ${name} not found`);
    return there;
  }

  private stored(name: string) {
    const there = this.configs.get(name);
    if (!there) throw new MillraceError("NOT_FOUND", `Connector ${name} not found`);
    return there;
  }

  private pluginOf(config: ConnectorConfig): ConnectorPlugin | undefined {
    return this.pluginSet.connectors.find(config["connector.class"] ?? "");
  }

  private secretsOf(config: ConnectorConfig): Set<string> {
    return secretSettings(config, this.pluginOf(config), this.pluginSet);
  }

  private turn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.turns.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    const done = mine.catch(() => undefined);
    this.turns.set(name, done);
    done.then(() => {
      if (this.turns.get(name) === done) this.turns.delete(name);
    });
    return mine;
  }
}
