import { hostname } from "node:os";
import { join } from "node:path";
import type { Broker } from "../broker/api/broker.js";
import { EmbeddedBroker } from "../broker/embedded/embedded-broker.js";
import type { BrokerDefaults } from "../broker/embedded/topics.js";
import { KafkaListener, type KafkaListenerOptions } from "../broker/net/listener.js";
import { MillraceError } from "../common/errors.js";
import { createLogger, type Level, type Logger } from "../common/logger.js";
import { Metrics } from "../common/metrics.js";
import { systemClock } from "../common/time.js";
import { createConverterPlugins } from "../connect/converters/plugins.js";
import { ConnectWorker } from "../connect/runtime/worker.js";
import { Engine } from "../engine/engine.js";
import { ErrorStore } from "../errors/error-store.js";
import { SchemaRegistry } from "../schema-registry/registry.js";
import { registerConnectRoutes } from "../server/connect/routes.js";
import { registerConsoleRoutes } from "../server/console/routes.js";
import { registerErrorRoutes } from "../server/errors/routes.js";
import { registerKsqlRoutes } from "../server/ksql/routes.js";
import { checkAddress, type Listener, listen } from "../server/listen.js";
import { registerRestProxyRoutes } from "../server/rest-proxy/routes.js";
import { registerSchemaRegistryRoutes } from "../server/schema-registry/routes.js";
import { builtInFunctions } from "../sql/functions/built-in.js";
import { type UserFunction, withUserFunctions } from "../sql/functions/user-function.js";
import { backup } from "./backup.js";
import { bootstrapServers, type ConnectionConfig, clusterOptions } from "./connection.js";
import { openDataFolder } from "./data-folder.js";
import { loadFunctions } from "./functions-folder.js";
import { loadPlugins } from "./plugin-folder.js";
import { sinks, sources } from "./plugins.js";
import { processMetrics } from "./process-metrics.js";
import type { Services } from "./services-folder.js";

export type ClusterConfig = ConnectionConfig & { readonly "bootstrap.servers": string };

export interface MillraceOptions {
  /** The data folder; made where it is missing. */
  readonly dir: string;
  /** An Apache Kafka cluster that holds topics, groups, transactions and changelogs instead of the data folder. */
  readonly cluster?: ClusterConfig | undefined;
  /** 0 picks a free one; by default the ports of the stack that this replaces. */
  readonly ports?: Partial<Ports>;
  /** Address to bind; loopback by default. Another needs `insecure`, as long as no credentials are configured. */
  readonly listen?: string;
  readonly insecure?: boolean;
  /** Where host names of connector configs are: `{ postgres: "127.0.0.1:5433" }`. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Further names that connector configs call this process's parts by, with the port of the old stack's part: `{ "my-registry": 8081 }`. */
  readonly serviceNames?: Readonly<Record<string, number>>;
  /** What holds for topics that do not say otherwise. */
  readonly brokerDefaults?: BrokerDefaults;
  readonly secretKey?: string | undefined;
  /** A Connect worker's own settings: default converters and theirs. */
  readonly workerConfig?: Readonly<Record<string, string>>;
  /** A folder with plug-ins of the user's own. */
  readonly plugins?: string | undefined;
  /** A folder with stream services: files that import `millrace/streams`. */
  readonly services?: string | undefined;
  /** SQL functions of one's own. */
  readonly functions?: readonly UserFunction[];
  /** A folder with files of such functions. */
  readonly functionsFolder?: string | undefined;
  /** `ksql.*` settings */
  readonly ksqlConfig?: Readonly<Record<string, string>>;
  readonly logLevel?: Level;
  readonly logger?: Logger;
}

export { aggregateFunction, scalarFunction, tableFunction, type UserFunction } from "../sql/functions/user-function.js";

export interface Ports {
  readonly kafka: number;
  readonly registry: number;
  readonly restProxy: number;
  readonly connect: number;
  readonly sql: number;
  readonly console: number;
}

export const standardPorts: Ports = { kafka: 9092, registry: 8081, restProxy: 8082, connect: 8083, sql: 8088, console: 9021 };

interface Closable {
  /** may return a promise */
  close(): unknown;
}

/** Everything in this process: log, registry, connectors, streaming SQL and their ports. */
export class Millrace {
  private constructor(
    readonly ports: Ports,
    /** The log with its topics, groups and transactions. */
    readonly broker: Broker,
    private readonly engine: Engine,
    private readonly parts: Closable[],
  ) {}

  /**
   * Resolves when every port answers.
   * @throws MillraceError DATA_FOLDER_LOCKED, DATA_FOLDER_VERSION, PORT_IN_USE, CONFIG_INVALID, DISK_FULL, DISK_FAILED
   */
  static async start(options: MillraceOptions): Promise<Millrace> {
    const logger = options.logger ?? createLogger({ level: options.logLevel ?? "info", format: process.stderr.isTTY ? "text" : "json" });
    const opened: Closable[] = [];
    const keep = <T extends Closable>(part: T): T => {
      opened.unshift(part); // closed in the opposite order: a part must not outlive what it stands on
      return part;
    };
    try {
      const folder = openDataFolder(options.dir);
      keep({ close: () => folder.release() });
      return await open(options, folder.path, logger, keep, (ports, broker, engine) => new Millrace(ports, broker, engine, opened));
    } catch (error) {
      await closeAll(opened);
      throw plain(error);
    }
  }

  /**
   * Gives statements that come from now on these functions too. A query is started again with the process: what it uses must be
   * given to `start` then.
   * @throws MillraceError CONFIG_INVALID where a name is taken
   */
  function(...functions: readonly UserFunction[]): void {
    this.engine.addFunctions(functions);
  }

  /** Ends the tasks and queries at a commit, closes the ports, flushes the log. */
  close(): Promise<void> {
    return closeAll(this.parts);
  }
}

async function open(
  options: MillraceOptions,
  dir: string,
  logger: Logger,
  keep: <T extends Closable>(part: T) => T,
  made: (ports: Ports, broker: Broker, engine: Engine) => Millrace,
): Promise<Millrace> {
  const wanted = { ...standardPorts, ...options.ports };
  const metrics = new Metrics();
  keep(processMetrics(metrics));
  const broker = keep(await openBroker(options, dir, logger, metrics));
  const registry = await SchemaRegistry.open({ broker, logger: logger.child({ part: "registry" }) });
  const errorStore = await ErrorStore.open({ broker, metrics });
  const surface = async (port: number, what: string, build: Parameters<typeof listen>[0], http2 = false): Promise<Listener> =>
    keep(
      await listen(build, {
        host: options.listen ?? "127.0.0.1",
        insecure: options.insecure ?? false,
        port,
        http2,
        logger: logger.child({ part: what }),
      }),
    );
  const own: Record<number, { host: string; port: number }> = {};
  const registryPort = (await surface(wanted.registry, "registry", (app) => registerSchemaRegistryRoutes(app, registry))).port;
  // known before the first connector starts, because its config may name the registry by the old stack's address
  own[standardPorts.registry] = { host: "127.0.0.1", port: registryPort };

  const connectLogger = logger.child({ part: "connect" });
  const ownPlugins = options.plugins === undefined ? undefined : await loadPlugins(options.plugins, connectLogger);
  const worker = keep(
    await ConnectWorker.prepare({
      broker,
      sources: [...sources, ...(ownPlugins?.sources ?? [])],
      sinks: [...sinks, ...(ownPlugins?.sinks ?? [])],
      converters: [...createConverterPlugins({ registry }), ...(ownPlugins?.converters ?? [])],
      transforms: ownPlugins?.transforms ?? [],
      predicates: ownPlugins?.predicates ?? [],
      brokenPlugins: ownPlugins?.broken ?? [],
      errorStore,
      secretKey: options.secretKey,
      dataDir: dir,
      hosts: { map: options.hosts ?? {}, own, names: options.serviceNames ?? {} },
      workerConfig: {
        "key.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        ...options.workerConfig,
      },
      logger: connectLogger,
      metrics,
      clock: systemClock,
    }),
  );
  const connectPort = (await surface(wanted.connect, "connect", (app) => registerConnectRoutes(app, worker))).port;
  await worker.start(advertised(options, connectPort));
  const functions = [
    ...(options.functions ?? []),
    ...(options.functionsFolder === undefined ? [] : await loadFunctions(options.functionsFolder, logger.child({ part: "sql" }))),
  ];
  const engine = keep(
    await Engine.open({
      broker,
      registry,
      functions: withUserFunctions(builtInFunctions, functions),
      connectorAdmin: worker,
      errors: errorStore,
      stateDir: join(dir, "state"),
      logger: logger.child({ part: "sql" }),
      metrics,
      ...(options.ksqlConfig ? { config: options.ksqlConfig } : {}),
      ...(options.ksqlConfig?.["ksql.service.id"] ? { serviceId: options.ksqlConfig["ksql.service.id"] } : {}),
    }),
  );
  const services =
    options.services === undefined
      ? undefined
      : keep(await openServices(options.services, dir, broker, registry, errorStore, logger, metrics));
  const sqlPort = (await surface(wanted.sql, "sql", (app) => registerKsqlRoutes(app, engine), true)).port;
  const consolePort = (
    await surface(wanted.console, "console", (app) => {
      registerConsoleRoutes(app, {
        metrics,
        health: () => health(worker, engine, services),
        backup: (directory) => backup(dir, directory),
      });
      registerErrorRoutes(app, errorStore);
    })
  ).port;
  const kafka =
    options.cluster === undefined
      ? {
          host: advertisedHost(options.listen ?? "127.0.0.1"),
          port: keep(await KafkaListener.open(kafkaOptions(options, wanted.kafka, broker, logger))).port,
        }
      : firstServer(options.cluster["bootstrap.servers"]);
  const restProxy = {
    broker,
    registry,
    kafka,
    logger: logger.child({ part: "rest-proxy" }),
    clock: systemClock,
  };
  const restProxyPort = (await surface(wanted.restProxy, "rest-proxy", (app) => registerRestProxyRoutes(app, restProxy))).port;
  return made(
    { kafka: kafka.port, registry: registryPort, restProxy: restProxyPort, connect: connectPort, sql: sqlPort, console: consolePort },
    broker,
    engine,
  );
}

/** The log of the data folder, or a cluster's client: everything above knows no difference. */
async function openBroker(options: MillraceOptions, dir: string, logger: Logger, metrics: Metrics): Promise<Broker> {
  if (options.cluster === undefined)
    return EmbeddedBroker.open({
      dir: join(dir, "log"),
      logger: logger.child({ part: "broker" }),
      metrics,
      ...(options.brokerDefaults ? { defaults: options.brokerDefaults } : {}),
    });
  const { KafkaBroker } = await import("../kafka/kafka-broker.js");
  const broker = await KafkaBroker.open(clusterOptions(options.cluster));
  logger.info("topics are on a cluster: the Kafka port is not opened", {
    cluster: broker.clusterId,
    servers: options.cluster["bootstrap.servers"],
  });
  return broker;
}

/** Where clients of the cluster begin. */
function firstServer(servers: string): { host: string; port: number } {
  const [first] = bootstrapServers(servers);
  const colon = first!.lastIndexOf(":");
  return { host: first!.slice(0, colon), port: Number(first!.slice(colon + 1)) };
}

function kafkaOptions(options: MillraceOptions, port: number, broker: Broker, logger: Logger): KafkaListenerOptions {
  const host = options.listen ?? "127.0.0.1";
  checkAddress(host, false, options.insecure ?? false);
  return {
    broker,
    logger: logger.child({ part: "kafka" }),
    host,
    port,
    advertised: { host: advertisedHost(host) },
    autoCreateTopics: options.brokerDefaults?.autoCreateTopics ?? true,
  };
}

/** Where other workers and the user find the Connect REST interface: what status calls the worker. */
function advertised({ listen: host = "127.0.0.1", workerConfig = {} }: MillraceOptions, port: number): string {
  const reached = advertisedHost(host);
  const name = workerConfig["rest.advertised.host.name"] ?? (reached.includes(":") ? `[${reached}]` : reached);
  return `${name}:${workerConfig["rest.advertised.port"] ?? port}`;
}

/** The address that others find a listener of this one at. */
function advertisedHost(host: string): string {
  return host === "0.0.0.0" || host === "::" ? hostname() : host;
}

async function openServices(
  folder: string,
  dir: string,
  broker: Broker,
  registry: SchemaRegistry,
  errorStore: ErrorStore,
  logger: Logger,
  metrics: Metrics,
): Promise<Services> {
  const { Services } = await import("./services-folder.js");
  return Services.open({
    folder,
    broker,
    registry,
    errorStore,
    stateDir: join(dir, "state"),
    logger: logger.child({ part: "services" }),
    metrics,
  });
}

async function health(worker: ConnectWorker, engine: Engine, services: Services | undefined) {
  const failed: string[] = [];
  for (const name of await worker.list()) {
    const status = await worker.status(name);
    if (status.connector.state === "FAILED") failed.push(name);
    for (const task of status.tasks) if (task.state === "FAILED") failed.push(`${name} task ${task.id}`);
  }
  const queries = engine.persistentQueries.all().filter((query) => query.state === "ERROR");
  return {
    connect: failed.length ? { healthy: false, detail: `failed: ${failed.join(", ")}` } : { healthy: true },
    ...(services
      ? { services: services.failed.length ? { healthy: false, detail: `failed: ${services.failed.join(", ")}` } : { healthy: true } }
      : {}),
    sql: queries.length ? { healthy: false, detail: `failed: ${queries.map((query) => query.id).join(", ")}` } : { healthy: true },
  };
}

async function closeAll(parts: Closable[]): Promise<void> {
  for (const part of parts.splice(0)) await part.close();
}

/** What the system says of ports, disks and rights as one sentence. */
function plain(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new MillraceError("DISK_FULL", "the disk of the data folder is full: free some space and start again", { cause: error });
  if (code === "EACCES" || code === "EROFS")
    return new MillraceError("DISK_FAILED", `the data folder cannot be written: ${(error as Error).message}`, { cause: error });
  return error;
}
