import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Broker, FetchResult, OffsetCommit } from "../../broker/api/broker.js";
import { BrokerError } from "../../broker/api/errors.js";
import { TransactionalProducer } from "../../broker/api/producer.js";
import { dataBatches } from "../../broker/api/reader.js";
import { asError, describeError, MillraceError } from "../../common/errors.js";
import { type Logger, silentLogger } from "../../common/logger.js";
import { Histogram } from "../../common/metrics.js";
import { type Clock, systemClock } from "../../common/time.js";
import { nextTurn, sliceEnd } from "../../common/turn.js";
import type { ChangelogTarget } from "../state/keyed-store.js";
import type { StoreView } from "../state/store.js";
import type { StoreSpec, Topology } from "../topology/topology.js";
import { GlobalStore } from "./global-store.js";
import { changelogName, prepareTopics, type QueryLayout, topicName } from "./layout.js";
import type { BadRecord, OutputRow, QueryHandle, QueryOptions, QueryState, QueryStats } from "./query.js";
import { FetchedBytes, RecordQueue } from "./record-queue.js";
import { restoreStore } from "./restore.js";
import { Snapshots, type StorePart } from "./snapshots.js";
import { QueryStoreView } from "./store-view.js";
import { StreamTask, type TaskHost } from "./stream-task.js";

/** Raw bytes of one partition that may wait to be processed. */
const QUEUE_BYTES = 2 << 20;
const TURN_RECORDS = 5_000;
/** Rows of a commit between two looks at the time. */
const SLICE = 250;
const SLOW_COMMIT_MS = 50;
/** A query that is so many records behind commits more rarely: what changes often is then written and handed on once. */
const BEHIND_RECORDS = 20_000;
const BEHIND_COMMIT_MS = 100;
const PURGE_MS = 5_000;
/** Written to a store before its next snapshot, at least; and at least as much as the store holds. */
const SNAPSHOT_BYTES = 32 << 20;
const LONG_POLL_MS = 500;
const IDLE_MS = 2;

/**
 * One query in this process: its tasks in one loop, its transactions one after another. All tasks commit together, so that a
 * commit costs one flush of the disk however many there are, and what is committed is one cut through the whole query.
 */
export class QueryRuntime implements QueryHandle {
  readonly applicationId: string;
  readonly topology: Topology;
  state: QueryState = "CREATED";
  error: Error | undefined;
  atCommit = true;
  private readonly broker: Broker;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly commitInterval: number;
  private readonly snapshots: Snapshots;
  private readonly producer: TransactionalProducer;
  private layout!: QueryLayout;
  private tasks: StreamTask[] = [];
  private globals: GlobalStore[] = [];
  private queues: RecordQueue[] = [];
  private readonly queueByName = new Map<string, RecordQueue[]>();
  private parts: StorePart[] = [];
  private readonly committed = new Map<RecordQueue, number>();
  /** Of a query that writes nothing (a push query without state): where it stands, by `topic-partition`. It ends with its process. */
  private readonly positions: Map<string, number> | undefined;
  private bad: BadRecord[] = [];
  private abort = new AbortController();
  private polling: Promise<void> | undefined;
  private pollError: unknown;
  private loop: Promise<void> = Promise.resolve();
  private stopping = false;
  private pausing = false;
  private dirty = false;
  private transactionSince = 0;
  private commitCost = 0;
  private lastPurge = 0;
  private purging: Promise<void> = Promise.resolve();
  private wake: (() => void) | undefined;
  private readonly commitWaiters: (() => void)[] = [];
  private readonly stateListeners = new Set<(state: QueryState, error?: Error) => void>();
  private readonly outputListeners = new Map<(rows: readonly OutputRow[]) => void, string | undefined>();
  private recordsIn = 0;
  private recordsOut = 0;
  private badRecords = 0;
  private commits = 0;
  private lastRecordAt: number | null = null;
  private readonly latency: Histogram;

  constructor(private readonly options: QueryOptions) {
    this.applicationId = options.applicationId;
    this.topology = options.topology;
    this.broker = options.broker;
    this.clock = options.clock ?? systemClock;
    this.logger = (options.logger ?? silentLogger).child({ query: options.applicationId });
    const { stores, nodes } = options.topology;
    const writes = stores.size > 0 || [...nodes.values()].some((node) => node.kind === "sink" && !node.spec.subscribersOnly);
    this.positions = writes ? undefined : new Map();
    this.commitInterval = Number(property(options, "commit.interval.ms") ?? 5);
    this.producer = new TransactionalProducer({ broker: this.broker, transactionalId: this.applicationId });
    this.snapshots = new Snapshots({
      everyBytes: Number(property(options, "state.snapshot.bytes") ?? SNAPSHOT_BYTES),
      producer: this.producer,
      logger: this.logger,
      committed: (queue) => this.committed.get(queue)!,
    });
    const { metrics } = options;
    const labels = { query: this.applicationId };
    this.latency =
      metrics?.histogram("millrace_query_seconds", "From the source's commit to committed in the query's output", labels) ??
      new Histogram();
    if (metrics) {
      metrics.counter("millrace_query_records_in_total", "Records that the query has read", labels, () => this.recordsIn);
      metrics.counter("millrace_query_records_out_total", "Records that the query has written", labels, () => this.recordsOut);
      metrics.counter("millrace_query_bad_records_total", "Records that the query has set aside", labels, () => this.badRecords);
    }
  }

  async start(): Promise<void> {
    await this.open();
    this.loop = this.run();
  }

  onStateChange(listener: (state: QueryState, error?: Error) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  async pause(): Promise<void> {
    this.pausing = true;
    this.wake?.();
    while (this.state === "RUNNING") await new Promise<void>((resolve) => this.commitWaiters.push(resolve));
  }

  resume(): void {
    this.pausing = false;
    this.wake?.();
  }

  async close(): Promise<void> {
    this.stopping = true;
    this.wake?.();
    this.abort.abort(new MillraceError("SHUTTING_DOWN", "the query is stopping"));
    await this.loop;
    await this.polling?.catch(() => {});
    await this.purging;
    for (const global of this.globals) await global.close();
    await this.snapshots.stop();
    if (this.state !== "ERROR") await this.snapshots.writeAll(this.parts);
    this.options.metrics?.remove({ query: this.applicationId });
    this.setState("CLOSED");
  }

  async destroy(): Promise<void> {
    await this.close();
    const internal = [...(this.layout?.changelogs ?? []), ...(this.layout?.repartitions ?? [])];
    if (internal.length) await this.broker.deleteTopics(internal);
    await this.broker.deleteGroups([this.applicationId]).catch((error: unknown) => {
      if (!(error instanceof MillraceError) || error.code !== "NOT_FOUND") throw error;
    });
    if (this.options.stateDir !== undefined) await rm(join(this.options.stateDir, this.applicationId), { recursive: true, force: true });
  }

  async stats(): Promise<QueryStats> {
    const ends = await this.endOffsets(this.queues);
    return {
      recordsIn: this.recordsIn,
      recordsOut: this.recordsOut,
      badRecords: this.badRecords,
      commits: this.commits,
      lastRecordAt: this.lastRecordAt,
      inputs: this.queues.map((queue, i) => {
        const position = this.committed.get(queue) ?? queue.position;
        return { topic: queue.topic, partition: queue.partition, position, endOffset: ends[i]!, lag: Math.max(0, ends[i]! - position) };
      }),
      latencyP50: this.latency.quantile(0.5),
      latencyP99: this.latency.quantile(0.99),
    };
  }

  storeNames(): readonly string[] {
    return [...this.topology.stores.keys(), ...this.topology.globalStores.keys()];
  }

  store(name: string): StoreView {
    const global = this.topology.globalStores.get(name);
    if (global) {
      const shown: StoreSpec = { name, kind: "key-value", schema: global.schema, changelog: { type: "own" } };
      return new QueryStoreView(shown, () => this.globals.flatMap(({ spec, store }) => (spec.name === name ? [store] : [])));
    }
    const spec = this.topology.stores.get(name);
    if (!spec) throw new MillraceError("NOT_FOUND", `query ${this.applicationId} has no store ${name}`);
    return new QueryStoreView(spec, () => {
      if (this.state === "RESTORING" || this.state === "CREATED")
        throw new MillraceError("TIMEOUT", `the state of query ${this.applicationId} is being restored, try again`);
      return this.parts.flatMap((part) => (part.spec === spec ? [part.store] : []));
    });
  }

  subscribe(listener: (rows: readonly OutputRow[]) => void, sink?: string): () => void {
    this.outputListeners.set(listener, sink);
    this.collectOutputs();
    return () => {
      this.outputListeners.delete(listener);
      this.collectOutputs();
    };
  }

  async drained(): Promise<void> {
    const external = this.queues.filter((q) => !q.source.internal);
    const internal = this.queues.filter((q) => q.source.internal);
    const ends = await this.endOffsets(external);
    const past = (queues: readonly RecordQueue[], at: readonly number[]) => queues.every((q, i) => !this.dirty && q.position >= at[i]!);
    for (;;) {
      if (this.state === "ERROR") throw this.error!;
      if (this.state === "CLOSED") throw new MillraceError("SHUTTING_DOWN", `query ${this.applicationId} was closed`);
      if (past(external, ends)) {
        if (internal.length === 0) return;
        if (past(internal, await this.endOffsets(internal)) && past(external, ends)) return;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 10);
        this.commitWaiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Topics, the transactional id, tasks and their state: everything as of the last commit. */
  private async open(): Promise<void> {
    this.setState("RESTORING");
    const { broker, applicationId } = this;
    this.layout = await prepareTopics(this.topology, applicationId, broker);
    // Fences an older instance and aborts what it left open: only then do the changelogs' ends hold still.
    await this.producer.init();
    this.producer.begin();
    this.tasks = [];
    this.queues = [];
    this.parts = [];
    this.queueByName.clear();
    this.committed.clear();
    this.bad = [];
    this.dirty = false;
    const host = this.taskHost();
    for (const sub of this.layout.subTopologies) {
      for (const { spec } of sub.sinks)
        if (!spec.subscribersOnly) await spec.format.prepareWrite(topicName(applicationId, spec.topic, spec.internal));
      for (let partition = 0; partition < this.layout.tasks[sub.id]!; partition++) this.tasks.push(new StreamTask(sub, partition, host));
    }
    // Whole before the first record is joined with it. One that is there from before a reopening goes on.
    if (this.globals.length === 0)
      for (const spec of this.topology.globalStores.values()) this.globals.push(await GlobalStore.open(spec, broker, this.logger));
    for (const task of this.tasks) await this.openQueues(task);
    this.measureLag();
    for (const task of this.tasks) await this.restore(task);
    this.collectOutputs();
    this.setState("RUNNING");
  }

  private measureLag(): void {
    for (const topic of new Set(this.queues.map((q) => q.topic)))
      this.options.metrics?.gauge(
        "millrace_query_lag",
        "Records that the query has not committed yet",
        { query: this.applicationId, topic },
        () => this.queues.reduce((sum, q) => (q.topic === topic ? sum + Math.max(0, q.end - (this.committed.get(q) ?? q.end)) : sum), 0),
      );
  }

  private async openQueues(task: StreamTask): Promise<void> {
    for (const { spec } of task.sub.sources) {
      const topic = topicName(this.applicationId, spec.topic, spec.internal);
      if (task.partition >= this.layout.topics.get(topic)!.partitions) continue;
      const tp = { topic, partition: task.partition };
      const [stored] = this.positions ? [] : await this.broker.offsetFetch(this.applicationId, [tp]);
      const [time, topicId] = (stored?.metadata ?? "").split(" ");
      let offset = stored?.offset ?? this.positions?.get(`${topic}-${task.partition}`) ?? -1;
      // A topic of the same name made anew: what was committed is another topic's.
      if (topicId && topicId !== this.layout.topics.get(topic)!.topicId) offset = -1;
      const first = await this.offsetAt("earliest", tp);
      if (offset >= 0 && offset < first) {
        this.logger.warn("records were deleted before the query read them", { topic, partition: task.partition, from: offset, to: first });
        offset = first;
      }
      if (offset >= 0) task.streamTime = Math.max(task.streamTime, Number(time) || -1);
      else {
        const policy = spec.internal ? "earliest" : (spec.offsetReset ?? property(this.options, "auto.offset.reset"));
        offset = policy === "latest" ? await this.offsetAt("latest", tp) : first;
      }
      const queue = new RecordQueue(spec, topic, task.partition, offset);
      task.addQueue(queue);
      this.queues.push(queue);
      this.committed.set(queue, offset);
      const sameName = this.queueByName.get(`${topic}-${task.partition}`);
      if (sameName) sameName.push(queue);
      else this.queueByName.set(`${topic}-${task.partition}`, [queue]);
    }
  }

  private async offsetAt(timestamp: "earliest" | "latest", tp: { topic: string; partition: number }): Promise<number> {
    const [answer] = await this.broker.listOffsets({ partitions: [{ ...tp, timestamp }], isolation: "read_committed" });
    if (answer!.error) throw answer!.error;
    return answer!.offset;
  }

  private async restore(task: StreamTask): Promise<void> {
    for (const spec of task.sub.stores) {
      const { changelog } = spec;
      const node =
        changelog.type === "own" ? undefined : this.topology.nodes.get(changelog.type === "source" ? changelog.source : changelog.sink);
      if (node?.kind === "processor") throw new MillraceError("INTERNAL", `store ${spec.name} has no changelog`);
      const topic = node
        ? topicName(this.applicationId, node.spec.topic, node.spec.internal)
        : changelogName(this.applicationId, spec.name);
      const source = node?.kind === "source" ? task.queues.find((q) => q.source === node.spec) : undefined;
      const folder = this.folderOf(task);
      if (folder !== undefined) await mkdir(folder, { recursive: true });
      const target = { topic, topicId: this.layout.topics.get(topic)!.topicId, partition: task.partition };
      const { store, offset, replayed } = await restoreStore({
        broker: this.broker,
        spec,
        changelog: target,
        ...(node ? { format: node.spec.format } : {}),
        ...(node?.spec.timestampOf ? { timestampOf: node.spec.timestampOf } : {}),
        // What lies beyond the committed input offset was not processed yet: a table must not know it.
        ...(source ? { until: source.position } : {}),
        ...(folder === undefined ? {} : { folder }),
        signal: this.abort.signal,
      });
      if (replayed > 0) this.logger.info("restored a store", { store: spec.name, task: task.id, replayed, offset });
      task.useStore(spec.name, store);
      this.parts.push({ task, spec, store, changelog: target, snapshotAt: 0, ...(folder === undefined ? {} : { folder }) });
    }
    task.start();
  }

  private folderOf(task: StreamTask): string | undefined {
    const { stateDir } = this.options;
    return stateDir === undefined ? undefined : join(stateDir, this.applicationId, task.id);
  }

  private taskHost(): TaskHost {
    return {
      clock: this.clock,
      topicName: (topic, internal) => topicName(this.applicationId, topic, internal),
      partitionsOf: (name) => this.layout.topics.get(name)!.partitions,
      target: (topic, partition): ChangelogTarget => this.producer.partition(topic, partition),
      changelogName: (store) => changelogName(this.applicationId, store),
      setsAside: this.options.setAsideFailures ?? false,
      globalStore: (name) => this.globals.find((global) => global.spec.name === name)?.store,
      onBadRecord: (record) => {
        this.badRecords++;
        this.bad.push(record);
      },
      onProcessingError: (error) => this.options.onProcessingError?.(error),
    };
  }

  private async run(): Promise<void> {
    for (let failures = 0; ; ) {
      try {
        await this.work();
        return;
      } catch (thrown) {
        const error = asError(thrown);
        if (this.stopping && (error as { code?: string }).code === "SHUTTING_DOWN") return;
        // Opening anew moves over records that were deleted before they were read.
        const deleted = error instanceof BrokerError && error.kafka === "OFFSET_OUT_OF_RANGE";
        const retriable = error instanceof MillraceError && (error.retriable || deleted) && failures < 10;
        if (!retriable) {
          await this.fail(error);
          return;
        }
        failures++;
        this.logger.warn("the query goes back to its last commit", { error: describeError(error), failures });
        try {
          await this.reopen(failures);
          failures = 0;
        } catch (again) {
          const cause = asError(again);
          if (!(cause instanceof MillraceError && cause.retriable)) {
            await this.fail(cause);
            return;
          }
        }
      }
    }
  }

  private async reopen(failures: number): Promise<void> {
    this.abort.abort(new MillraceError("TIMEOUT", "reopening"));
    await this.polling?.catch(() => {});
    await this.snapshots.stop();
    this.abort = new AbortController();
    this.polling = undefined;
    this.pollError = undefined;
    await this.clock.sleep(Math.min(5_000, 50 * 2 ** failures));
    await this.open();
  }

  private async fail(error: Error): Promise<void> {
    this.error = error;
    this.logger.error("the query has failed", { error });
    this.abort.abort(error);
    await this.polling?.catch(() => {});
    // A fenced producer must not touch the transactional id again: aborting would fence the instance that took over.
    if (!(error instanceof MillraceError && error.code === "FENCED")) await this.producer.abort().catch(() => {});
    this.setState("ERROR");
  }

  private async work(): Promise<void> {
    let turn = 0;
    while (!this.stopping) {
      if (this.pausing) {
        await this.commit();
        this.setState("PAUSED");
        await this.sleepUntilWoken();
        if (!this.pausing && !this.stopping) this.setState("RUNNING");
        continue;
      }
      if (this.pollError !== undefined) throw this.pollError;
      this.poll();
      const begun = performance.now();
      const until = sliceEnd();
      let done = 0;
      // A different task begins each turn, so that a busy one cannot keep the others from theirs.
      for (let i = 0; i < this.tasks.length; i++) {
        const task = this.tasks[(turn + i) % this.tasks.length]!;
        if (task.punctuate(this.clock.now()) && !this.dirty) {
          this.transactionSince = begun;
          this.dirty = true;
        }
        if (task.waiting === undefined) done += task.run(TURN_RECORDS, until);
        if (task.waiting !== undefined) {
          await task.waiting;
          task.waiting = undefined;
          done++;
        }
      }
      turn++;
      if (done > 0) {
        if (!this.dirty) this.transactionSince = begun;
        this.dirty = true;
        this.recordsIn += done;
        this.lastRecordAt = this.clock.now();
      }
      if (this.producer.congested) await this.producer.room();
      const now = performance.now();
      const drained = done === 0 && this.queues.every((q) => !q.hasHead && q.caughtUp);
      // While commits are slow (a slow disk) they are made rarer, so that the query does not wait most of its time.
      if (this.dirty && (drained || now - this.transactionSince >= this.commitEvery())) {
        await this.commit();
      } else if (done === 0) await this.sleepUntilWoken(this.dirty ? this.commitInterval : this.untilPunctuation());
      else await nextTurn();
    }
    await this.commit();
  }

  /** ms */
  private commitEvery(): number {
    const behind = this.queues.some((q) => q.end - q.position > BEHIND_RECORDS);
    return Math.max(this.commitInterval, behind ? BEHIND_COMMIT_MS : Math.min(4 * this.commitCost, SLOW_COMMIT_MS));
  }

  private async commit(): Promise<void> {
    if (!this.dirty) return;
    const begun = performance.now();
    await this.sliced((task) => task.flush(SLICE));
    await this.sliced((task) => task.writeChangelogs(SLICE));
    const offsets: OffsetCommit[] = [];
    // Stream time goes with the offsets: after a restart the same records are late as without one.
    for (const { queues, streamTime } of this.tasks)
      for (const queue of queues)
        if (this.committed.get(queue) !== queue.position)
          offsets.push({
            topic: queue.topic,
            partition: queue.partition,
            offset: queue.position,
            metadata: `${streamTime} ${this.layout.topics.get(queue.topic)!.topicId}`,
          });
    // Of a query that writes nothing a transaction would be its offsets alone, a sync of the disk for each few records.
    if (this.positions) for (const { topic, partition, offset } of offsets) this.positions.set(`${topic}-${partition}`, offset);
    else this.producer.sendOffsets(this.applicationId, offsets);
    if (this.bad.length) {
      // Set aside before the offset moves past them: after a crash between the two they come again under the same identity.
      if (this.options.onBadRecord) await this.options.onBadRecord(this.bad);
      else
        for (const record of this.bad)
          this.logger.warn("skipped a bad record", {
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            error: describeError(record.cause),
          });
      this.bad = [];
    }
    await this.producer.commit();
    // Only now: a store that took the writes earlier would be ahead of its changelog if the commit failed.
    this.atCommit = false;
    await this.sliced((task) => task.applyCommit(SLICE));
    this.atCommit = true;
    for (const queue of this.queues) this.committed.set(queue, queue.position);
    this.producer.begin();
    this.dirty = false;
    this.commits++;
    this.afterCommit();
    this.commitCost = performance.now() - begun;
    for (const { task, spec, store } of this.parts) store.tidy(task.streamTime, spec.retention);
    this.snapshots.schedule(this.parts);
    if (this.layout.repartitions.length && this.clock.now() - this.lastPurge > PURGE_MS) this.purge();
    for (const resolve of this.commitWaiters.splice(0)) resolve();
  }

  /** A part of a commit for each task. Everybody else runs, and the broker catches up, between the slices of a large one. */
  private async sliced(step: (task: StreamTask) => boolean): Promise<void> {
    let until = sliceEnd();
    for (const task of this.tasks)
      while (!step(task)) {
        if (performance.now() < until && !this.producer.congested) continue;
        if (this.producer.congested) await this.producer.room();
        await nextTurn();
        until = sliceEnd();
      }
  }

  private afterCommit(): void {
    const now = this.clock.now();
    for (const task of this.tasks) {
      for (const sink of task.sinks) {
        this.recordsOut += sink.recordsOut;
        sink.recordsOut = 0;
        if (sink.lastSourceTime >= 0) this.latency.observe(Math.max(0, now / 1000 - sink.lastSourceTime / 1e6));
        sink.lastSourceTime = -1;
        const { outputs } = sink;
        if (outputs === undefined || outputs.length === 0) continue;
        sink.outputs = [];
        for (const [listener, name] of this.outputListeners) {
          if (name !== undefined && name !== sink.spec.name) continue;
          try {
            listener(outputs);
          } catch (error) {
            this.logger.warn("a subscriber failed", { error: describeError(error) });
          }
        }
      }
    }
  }

  private collectOutputs(): void {
    for (const task of this.tasks)
      for (const sink of task.sinks) {
        const wanted =
          !sink.spec.internal && [...this.outputListeners.values()].some((name) => name === undefined || name === sink.spec.name);
        sink.outputs = wanted ? (sink.outputs ?? []) : undefined;
      }
  }

  /** Keeps one fetch under way while records are processed. */
  private poll(): void {
    if (this.polling !== undefined) return;
    const asked = this.queues.filter((q) => q.bytes < QUEUE_BYTES);
    if (asked.length === 0) return;
    this.polling = this.broker
      .fetch({
        partitions: asked.map((q) => ({ topic: q.topic, partition: q.partition, offset: q.fetchPosition, maxBytes: 1 << 20 })),
        // Waiting for an input that has nothing would keep the one whose queue is full now from being read when it is empty.
        maxWaitMs: asked.length === this.queues.length ? LONG_POLL_MS : 0,
        minBytes: 1,
        maxBytes: 8 << 20,
        isolation: "read_committed",
        signal: this.abort.signal,
      })
      .then(
        async (results) => {
          if (!this.fetched(results, asked)) await this.clock.sleep(IDLE_MS);
        },
        (error: unknown) => {
          if (!this.abort.signal.aborted) this.pollError = error;
        },
      )
      .finally(() => {
        this.polling = undefined;
        this.wake?.();
      });
  }

  /** False where nothing came: a broker that answers at once with nothing (it is closing) must not be asked without a pause. */
  private fetched(results: readonly FetchResult[], asked: readonly RecordQueue[]): boolean {
    let any = false;
    for (const result of results) {
      if (result.error) {
        this.pollError = result.error;
        return true;
      }
      const queues = this.queueByName.get(`${result.topic}-${result.partition}`)!;
      const bytes = new FetchedBytes(result.batches, queues.length);
      for (const queue of queues) {
        if (!asked.includes(queue)) continue;
        const from = queue.fetchPosition;
        const { batches, next } = dataBatches(result, from, true);
        if (next > from) queue.add(batches, from, next, bytes);
        queue.end = result.lastStableOffset;
        queue.caughtUp = queue.fetchPosition >= queue.end;
        any ||= next > from;
      }
    }
    return any;
  }

  /** ms until the next wall-clock punctuation */
  private untilPunctuation(): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const task of this.tasks) next = Math.min(next, task.nextPunctuation);
    return next === Number.POSITIVE_INFINITY ? undefined : Math.max(1, next - this.clock.now());
  }

  private sleepUntilWoken(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(done, ms);
      const self = this;
      function done() {
        clearTimeout(timer);
        self.wake = undefined;
        resolve();
      }
      this.wake = done;
    });
  }

  /** Repartition topics keep what is not consumed yet. Beside the work, which has nothing to wait for here. */
  private purge(): void {
    this.lastPurge = this.clock.now();
    const deletions = this.queues
      .filter(({ source }) => source.internal)
      .map((queue) => this.broker.deleteRecords({ topic: queue.topic, partition: queue.partition }, this.committed.get(queue)!));
    this.purging = Promise.all(deletions).then(
      () => {},
      (error) => this.logger.warn("cannot delete what was read of repartition topics; tried again", { error: describeError(error) }),
    );
  }

  private async endOffsets(queues: readonly RecordQueue[]): Promise<number[]> {
    if (queues.length === 0) return [];
    const answers = await this.broker.listOffsets({
      partitions: queues.map(({ topic, partition }) => ({ topic, partition, timestamp: "latest" as const })),
      isolation: "read_committed",
    });
    return answers.map(({ offset, error }) => {
      if (error) throw error;
      return offset;
    });
  }

  private setState(state: QueryState): void {
    if (this.state === state) return;
    this.state = state;
    for (const resolve of this.commitWaiters.splice(0)) resolve();
    for (const listener of this.stateListeners) listener(state, this.error);
  }
}

/** A query's property with or without ksqlDB's prefix for Kafka Streams settings. */
export function property(options: Pick<QueryOptions, "properties">, name: string): string | undefined {
  return options.properties?.[`ksql.streams.${name}`] ?? options.properties?.[name];
}
