import { describeError, MillraceError } from "../../common/errors.js";
import type { ErrorStage, SetAside } from "../../errors/entry.js";
import type { QueryPlan } from "../../sql/plan/step.js";
import type { BadRecord, OutputRow, QueryHandle } from "../../streams/runtime/query.js";
import { startQuery } from "../../streams/runtime/start-query.js";
import { buildTopology, type Materialization } from "../physical/build-topology.js";
import { type EngineServices, servicePrefix } from "../services.js";

/** As SHOW QUERIES shows it. */
export type PersistentState = "RUNNING" | "PAUSED" | "ERROR";

export interface QueryFailure {
  readonly timestamp: number;
  readonly errorMessage: string;
  /** who is to blame */
  readonly type: "SYSTEM" | "USER" | "UNKNOWN";
}

const keptFailures = 5;

/** Who takes part in a query's output, whatever becomes of the process that runs it. */
export interface Follower {
  /** as each transaction commits */
  rows(rows: readonly OutputRow[]): void;
  /** the query is no more */
  end(): void;
}

/**
 * One persistent query through its life: it is (re)started from its stored plan until it is stopped. A failure that may pass
 * is tried again after a growing pause; any other leaves the query in ERROR until RESUME.
 */
export class PersistentQuery {
  readonly id: string;
  private handle: QueryHandle | undefined;
  private found: Materialization | undefined;
  private paused: boolean;
  private stopped = false;
  private failed = false;
  private attempts = 0;
  private readonly waiting = new AbortController();
  /** Starts, pauses and stops one after the other; none may overtake another. */
  private turn: Promise<void> = Promise.resolve();
  readonly failures: QueryFailure[] = [];
  private readonly followers = new Set<Follower>();
  private unsubscribe: (() => void) | undefined;

  constructor(
    readonly plan: QueryPlan,
    /** the statement that made it */
    readonly statement: string,
    readonly properties: Readonly<Record<string, string>>,
    private readonly services: EngineServices,
    private readonly partitionsOf: (topic: string) => number | undefined,
    options: { readonly paused?: boolean } = {},
  ) {
    this.id = plan.queryId;
    this.paused = options.paused ?? false;
  }

  get applicationId(): string {
    return `${servicePrefix(this.services)}query_${this.id}`;
  }

  get state(): PersistentState {
    if (this.failed) return "ERROR";
    return this.paused ? "PAUSED" : "RUNNING";
  }

  /** What runs, where it runs. */
  get running(): QueryHandle | undefined {
    return this.handle;
  }

  /** Where its table's rows are; undefined for a stream, or while it is not running. */
  get materialization(): Materialization | undefined {
    return this.handle ? this.found : undefined;
  }

  /** The rows that it writes from now on; the returned function ends that. */
  follow(follower: Follower): () => void {
    this.followers.add(follower);
    this.subscribe();
    return () => {
      this.followers.delete(follower);
      if (this.followers.size > 0) return;
      this.unsubscribe?.();
      this.unsubscribe = undefined;
    };
  }

  /** Once for all followers: their number costs the query nothing. */
  private subscribe(): void {
    if (this.followers.size === 0 || this.unsubscribe) return;
    this.unsubscribe = this.handle?.subscribe((rows) => {
      for (const follower of this.followers) follower.rows(rows);
    });
  }

  /** Resolves once it runs, or has failed for the first time; never rejects. */
  start(): Promise<void> {
    return this.then(() => this.tryStart());
  }

  pause(): Promise<void> {
    this.paused = true;
    return this.then(async () => this.handle?.pause());
  }

  /** Also takes a query out of ERROR. */
  resume(): Promise<void> {
    this.paused = false;
    return this.then(async () => {
      if (this.handle && !this.failed) this.handle.resume();
      else await this.tryStart();
    });
  }

  /** Keeps its state for the next start. */
  close(): Promise<void> {
    this.stopped = true;
    this.waiting.abort(new MillraceError("SHUTTING_DOWN", `query ${this.id} is stopped`));
    for (const follower of this.followers) follower.end();
    return this.then(async () => {
      await this.handle?.close();
    });
  }

  /** Ends it for good: internal topics, offsets and state go too. */
  async destroy(): Promise<void> {
    await this.close();
    await this.then(async () => {
      await this.handle?.destroy();
      this.handle = undefined;
    });
    this.services.metrics.remove({ query: this.id });
  }

  private then(step: () => Promise<void> | undefined): Promise<void> {
    const next = this.turn.then(step).catch((error: unknown) => {
      this.services.logger.error("query step failed", { query: this.id, error });
    });
    this.turn = next;
    return next;
  }

  private async tryStart(): Promise<void> {
    if (this.stopped) return;
    const { broker, clock, functions, logger, metrics, registry, stateDir } = this.services;
    try {
      await this.handle?.close().catch(() => {});
      this.handle = undefined;
      const options = { registry, functions, properties: this.properties, partitionsOf: this.partitionsOf };
      const { topology, materialization } = buildTopology(this.plan, options);
      const handle = await startQuery({
        topology,
        applicationId: this.applicationId,
        broker,
        stateDir,
        clock,
        logger: logger.child({ query: this.id }),
        metrics,
        properties: this.properties,
        onBadRecord: (records) => this.setAside(records),
        onProcessingError: (error) =>
          logger.warn("expression failed, its result is null", {
            query: this.id,
            topic: error.topic,
            partition: error.partition,
            offset: error.offset,
            error: describeError(error),
          }),
      });
      this.handle = handle;
      this.unsubscribe = undefined;
      this.subscribe();
      this.found = materialization;
      this.failed = false;
      handle.onStateChange((state, error) => {
        if (state === "RUNNING") this.attempts = 0;
        if (state === "ERROR") this.onFailure(error ?? handle.error);
      });
      if (handle.state === "ERROR") this.onFailure(handle.error);
      else if (this.paused) await handle.pause();
    } catch (error) {
      this.onFailure(error);
    }
  }

  private onFailure(thrown: unknown): void {
    if (this.stopped) return;
    const { clock, logger } = this.services;
    this.failed = true;
    const kind = thrown instanceof MillraceError ? thrown.domain : "internal";
    this.failures.push({
      timestamp: clock.now(),
      errorMessage: describeError(thrown),
      type: kind === "user" ? "USER" : kind === "external" ? "SYSTEM" : "UNKNOWN",
    });
    if (this.failures.length > keptFailures) this.failures.splice(0, 1);
    const retriable = thrown instanceof MillraceError && thrown.retriable;
    logger.error("query failed", { query: this.id, retriable, error: thrown });
    if (!retriable) return;
    const first = Number(this.properties["ksql.query.retry.backoff.initial.ms"] ?? 1000);
    const longest = Number(this.properties["ksql.query.retry.backoff.max.ms"] ?? 60_000);
    const wait = Math.min(longest, first * 2 ** this.attempts++);
    clock.sleep(wait, this.waiting.signal).then(
      () => (this.failed ? this.start() : undefined),
      () => {},
    );
  }

  private async setAside(records: readonly BadRecord[]): Promise<void> {
    const { errors, logger } = this.services;
    if (!errors) {
      for (const r of records)
        logger.warn("record skipped", {
          query: this.id,
          topic: r.topic,
          partition: r.partition,
          offset: r.offset,
          error: describeError(r.cause),
        });
      return;
    }
    await errors.setAside(
      records.map((r): SetAside => {
        const stage: ErrorStage = r.stage === "DESERIALIZATION" ? "deserialize" : "query";
        return {
          owner: { kind: "query", name: this.id },
          stage,
          topic: r.topic,
          partition: r.partition,
          offset: r.offset,
          key: r.key,
          value: r.value,
          headers: r.headers,
          timestamp: r.timestamp,
          error: r.cause,
        };
      }),
    );
  }
}
