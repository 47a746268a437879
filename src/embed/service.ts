import { tmpdir } from "node:os";
import { join } from "node:path";
import { IdempotentProducer } from "../broker/api/producer.js";
import { describeError, MillraceError } from "../common/errors.js";
import { createLogger, type Level, type Logger } from "../common/logger.js";
import type { StreamsBuilder } from "../streams/dsl/streams-builder.js";
import type { BadRecord, QueryHandle, QueryState } from "../streams/runtime/query.js";
import { startQuery } from "../streams/runtime/start-query.js";
import type { Topology } from "../streams/topology/topology.js";
import { type Connection, type ConnectionConfig, connect } from "./connection.js";
import { type ServiceHost, serviceHost } from "./service-host.js";
import { type ReadOnlyStore, ReadOnlyStoreView } from "./service-store.js";

/** A service's settings, by the names that Kafka Streams gives them. */
export interface ServiceConfig extends ConnectionConfig {
  /** Consumer group, transactional id, and the prefix of internal topics. One process at a time runs it. */
  readonly "application.id": string;
  readonly topology: StreamsBuilder;
  /** Folder of all services' snapshots; the system's temporary one if absent, which costs a restart the reading of changelogs. */
  readonly "state.dir"?: string;
  readonly "auto.offset.reset"?: "earliest" | "latest";
  /** 5 if absent */
  readonly "commit.interval.ms"?: number;
  /** 0 hands on every update of an aggregate, instead of the last of each key in a commit. */
  readonly "statestore.cache.max.bytes"?: number;
  /** What becomes of a record that the service's own functions throw on: it is set aside, or the service stops. */
  readonly "processing.exception.handler"?: "continue" | "fail";
  /** The same of a record that does not decode. */
  readonly "deserialization.exception.handler"?: "continue" | "fail";
  /** Of a process of its own: where records go that are set aside; without it they are logged. */
  readonly "errors.dead.letter.queue.topic.name"?: string;
  readonly "log.level"?: Level;
  /**
   * Called once when the service has stopped because of an error that trying again does not help with. By default a process of its own
   * lets go of everything and ends with exit code 1, for whoever supervises it; inside, `/health` shows it.
   */
  readonly onFailure?: (error: Error) => void;
}

export type ServiceState = "CREATED" | "WAITING" | Exclude<QueryState, "CREATED" | "PAUSED">;

const LOOK_AGAIN_MS = 250;
const LONGEST_WAIT_MS = 60_000;

/**
 * A stream service: a topology with the application id under which it goes on where it stopped, exactly once. The same file runs as a
 * process of its own (`node service.js`), on the brokers of `bootstrap.servers`, or inside of `millrace start --services DIR`.
 */
export class Service {
  state: ServiceState = "CREATED";
  error: Error | undefined;
  private connection: Connection | undefined;
  private handle: QueryHandle | undefined;
  private logger!: Logger;
  private readonly host: ServiceHost | undefined = serviceHost();
  private readonly stopping = new AbortController();
  private attempts = 0;
  private restarting: Promise<void> = Promise.resolve();
  private deadLetters: IdempotentProducer | undefined;
  private readonly topology: Topology;
  private readonly stop = () => void this.close();

  constructor(readonly config: ServiceConfig) {
    if (!config["application.id"]) throw new MillraceError("CONFIG_INVALID", "a service needs an application.id");
    this.topology = config.topology.build().topology;
  }

  get applicationId(): string {
    return this.config["application.id"];
  }

  /**
   * Connects, waits for the topics that are read, makes those that are written, restores state; resolves when records are processed.
   * @throws CONFIG_INVALID, CONFLICT where topics that are joined have not the same number of partitions, and what the brokers say
   */
  async start(): Promise<this> {
    if (this.state !== "CREATED") throw new MillraceError("CONFLICT", `service ${this.applicationId} was started before`);
    const { host, applicationId } = this;
    const level = this.config["log.level"] ?? "info";
    this.logger = (host?.logger ?? createLogger({ level, format: process.stderr.isTTY ? "text" : "json" })).child({
      service: applicationId,
    });
    this.state = "WAITING";
    if (host) host.started(this);
    else for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, this.stop);
    try {
      this.connection = host ? { ...host, close: async () => {} } : await connect({ "client.id": applicationId, ...this.config });
      await this.run();
    } catch (error) {
      if (this.stopping.signal.aborted) return this;
      await this.close();
      this.state = "ERROR";
      this.error = error as Error;
      throw error;
    }
    return this;
  }

  /** Commits what was processed and lets go of everything. Started again, under the same application id, it goes on from there. */
  async close(): Promise<void> {
    if (this.stopping.signal.aborted) return this.restarting;
    this.stopping.abort(new MillraceError("SHUTTING_DOWN", `service ${this.applicationId} is stopping`));
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, this.stop);
    await this.restarting.catch(() => {});
    this.restarting = (async () => {
      await this.handle?.close();
      await this.connection?.close();
      this.state = "CLOSED";
    })();
    return this.restarting;
  }

  /**
   * The committed state of a store by its name, of the partitions that this process has; it may be read at any time.
   * @throws NOT_FOUND; TIMEOUT while the service is not running yet
   */
  store<K, V>(name: string): ReadOnlyStore<K, V> {
    if (!this.handle) throw new MillraceError("TIMEOUT", `service ${this.applicationId} is not running yet, try again`);
    return new ReadOnlyStoreView<K, V>(this.handle.store(name));
  }

  /** Resolves when all that stood in the sources at the time of the call is processed and committed. */
  async drained(): Promise<void> {
    await this.handle?.drained();
  }

  /** Records read, written and set aside, the lag of each input, the latency from the sources' commit. */
  async stats() {
    return this.handle?.stats();
  }

  private async run(): Promise<void> {
    const { broker, registry } = this.connection!;
    const { config, host, applicationId, stopping } = this;
    await this.topicsReady();
    const cache = config["statestore.cache.max.bytes"];
    await config.topology.build().bind({ applicationId, services: { registry }, coalesce: cache !== 0 });
    stopping.signal.throwIfAborted();
    const properties: Record<string, string> = {};
    for (const name of ["auto.offset.reset", "commit.interval.ms"] as const)
      if (config[name] !== undefined) properties[name] = String(config[name]);
    const handle = await startQuery({
      topology: this.topology,
      applicationId,
      broker,
      stateDir: host?.stateDir ?? config["state.dir"] ?? join(tmpdir(), "millrace-services"),
      logger: this.logger,
      ...(host?.metrics ? { metrics: host.metrics } : {}),
      properties,
      setAsideFailures: config["processing.exception.handler"] !== "fail",
      onBadRecord: (records) => this.setAside(records),
    });
    this.handle = handle;
    // Closed meanwhile: nobody else would close what has just been started.
    if (stopping.signal.aborted) {
      await handle.close();
      return;
    }
    this.follow(handle.state, handle.error);
    handle.onStateChange((state, error) => this.follow(state, error));
  }

  private follow(state: QueryState, error: Error | undefined): void {
    this.state = state === "CREATED" || state === "PAUSED" ? "RUNNING" : state;
    if (state === "RUNNING") this.attempts = 0;
    if (state !== "ERROR" || this.stopping.signal.aborted) return;
    this.error = error;
    if (error instanceof MillraceError && error.retriable) this.restarting = this.restart();
    else this.failed(error!);
  }

  private failed(error: Error): void {
    if (this.config.onFailure) this.config.onFailure(error);
    else if (!this.host) {
      process.exitCode = 1;
      void this.close().then(() => {
        this.state = "ERROR";
      });
    }
  }

  private async restart(): Promise<void> {
    const wait = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** this.attempts++);
    this.logger.warn("the service starts again", { milliseconds: wait, error: describeError(this.error) });
    await sleep(wait, this.stopping.signal);
    if (this.stopping.signal.aborted) return;
    await this.handle?.close().catch(() => {});
    try {
      await this.run();
    } catch (error) {
      this.follow("ERROR", error as Error);
    }
  }

  /** Waits for what is read; what is written is made, as a producer's first record would have it made by the broker. */
  private async topicsReady(): Promise<void> {
    const { broker } = this.connection!;
    const subs = this.topology.subTopologies();
    const sinks = new Set(subs.flatMap((sub) => sub.sinks.flatMap(({ spec }) => (spec.internal ? [] : [spec.topic]))));
    const missing = async (names: readonly string[]) => {
      const there = new Set((await broker.describeTopics(names)).map(({ name }) => name));
      return names.filter((name) => !there.has(name));
    };
    const toMake = await missing([...sinks]);
    if (toMake.length)
      for (const made of await broker.createTopics(toMake.map((name) => ({ name, partitions: -1 }))))
        if (made.error && made.error.code !== "ALREADY_EXISTS") throw made.error;
    const sources = [
      ...subs.flatMap((sub) => sub.sources.flatMap(({ spec }) => (spec.internal ? [] : [spec.topic]))),
      ...[...this.topology.globalStores.values()].map(({ source }) => source.topic),
    ];
    for (let told = ""; ; ) {
      const absent = await missing([...new Set([...sources, ...sinks])]);
      if (absent.length === 0) return;
      if (absent.join() !== told) this.logger.info("waiting for topics", { topics: absent.join(", ") });
      told = absent.join();
      await sleep(LOOK_AGAIN_MS, this.stopping.signal);
      this.stopping.signal.throwIfAborted();
    }
  }

  private async setAside(records: readonly BadRecord[]): Promise<void> {
    const undecoded = records.find((r) => r.stage === "DESERIALIZATION");
    if (undecoded && this.config["deserialization.exception.handler"] === "fail") throw undecoded.cause;
    if (this.host) return this.host.setAside(this.applicationId, records);
    const topic = this.config["errors.dead.letter.queue.topic.name"];
    for (const { stage, topic: from, partition, offset, cause } of records)
      this.logger.error("a record was set aside", { stage, topic: from, partition, offset, error: describeError(cause) });
    if (topic !== undefined) await this.toDeadLetters(topic, records);
  }

  private async toDeadLetters(topic: string, records: readonly BadRecord[]): Promise<void> {
    const { broker } = this.connection!;
    if (!this.deadLetters) {
      const [made] = await broker.createTopics([{ name: topic, partitions: 1 }]);
      if (made?.error && made.error.code !== "ALREADY_EXISTS") throw made.error;
      this.deadLetters = new IdempotentProducer({ broker });
      await this.deadLetters.init();
    }
    for (const { key, value, timestamp, headers, stage, topic: from, partition, offset, cause } of records)
      this.deadLetters
        .batch(topic, 0)
        .append(Math.max(timestamp, 0), key, value, [
          ...headers,
          { key: "__streams.errors.topic", value: Buffer.from(from) },
          { key: "__streams.errors.partition", value: Buffer.from(String(partition)) },
          { key: "__streams.errors.offset", value: Buffer.from(String(offset)) },
          { key: "__streams.errors.stage", value: Buffer.from(stage) },
          { key: "__streams.errors.message", value: Buffer.from(describeError(cause)) },
        ]);
    await this.deadLetters.flush();
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
