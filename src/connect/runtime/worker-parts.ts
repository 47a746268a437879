import { configProviders } from "../../common/config-providers.js";
import { scrubbedLogger, silentLogger } from "../../common/logger.js";
import { Metrics } from "../../common/metrics.js";
import { Scrubber, SecretKey } from "../../common/secrets.js";
import { systemClock } from "../../common/time.js";
import { predicatePlugins } from "../predicates/plugins.js";
import { transformPlugins } from "../transforms/plugins.js";
import { ConfigChecks } from "./config-checks.js";
import { ConfigStore } from "./config-store.js";
import { OffsetStore } from "./offset-store.js";
import { Plugins } from "./plugins.js";
import { StatusStore } from "./status-store.js";
import type { TaskServices } from "./task-runner.js";
import type { ConnectWorkerOptions } from "./worker-options.js";

/** What a worker stands on. */
export interface WorkerParts {
  readonly configs: ConfigStore;
  readonly statuses: StatusStore;
  readonly services: TaskServices;
  readonly checks: ConfigChecks;
  readonly scrubber: Scrubber;
}

/** Reads the three topics and puts together what tasks are given. */
export async function openParts(options: ConnectWorkerOptions): Promise<WorkerParts> {
  const { broker, workerConfig = {}, hosts = {} } = options;
  const providers = configProviders(workerConfig);
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
    broken: options.brokenPlugins ?? [],
  });
  const services: TaskServices = {
    broker,
    plugins,
    offsets,
    errorStore: options.errorStore,
    hosts,
    providers,
    logger: scrubbedLogger(options.logger ?? silentLogger, (text) => scrubber.scrub(text)),
    metrics: options.metrics ?? new Metrics(),
    clock: options.clock ?? systemClock,
    scrub: (text) => scrubber.scrub(text),
    holdSecrets: (values) => scrubber.add(values),
    onTopic: (connector, task, topic) => statuses.activeTopic(connector, task, topic),
  };
  options.errorStore?.scrubbers.push(services.scrub);
  const checks = new ConfigChecks({ plugins, scrubber, hosts, providers, worker: workerConfig });
  return { configs, statuses, services, checks, scrubber };
}
