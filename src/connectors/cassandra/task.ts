import type { Client } from "cassandra-driver";
import { describeError, MillraceError } from "../../common/errors.js";
import { nextTurn, sliceEnd } from "../../common/turn.js";
import type { SinkRecord } from "../../connect/api/record.js";
import type { SinkRows, SinkTask, SinkTaskContext } from "../../connect/api/sink.js";
import type { ConnectorConfig } from "../../connect/api/source.js";
import type {} from "../../data/buffer-text.js";
import type { Schema } from "../../data/schema.js";
import { formatTopicPartition, type TopicPartition } from "../../data/topic-partition.js";
import { connect } from "./connection.js";
import { Plan } from "./plan.js";
import { fromColumns, fromRecords, type RowSource } from "./rows.js";
import { type CassandraSettings, cassandraSettings } from "./settings.js";
import { openTarget, type Target, TargetProblem } from "./target.js";
import { type TopicSettings, topicSettings } from "./topic-settings.js";
import { WriteTimes } from "./write-time.js";
import { type Request, Writer } from "./writer.js";

/** Bytes that a batch of rows of one partition is closed at. */
const BATCH_BYTES = 128 * 1024;
/** Rows that batches are gathered from. */
const GATHER = 1024;
const LONGEST_PAUSE_MS = 1500;
/** How long the table is taken to be as it was read. */
const RECHECK_MS = 1000;

interface PartitionState {
  /** the offset after everything taken so far */
  through: number;
  readonly times: WriteTimes;
}

interface OpenTopic {
  readonly settings: TopicSettings;
  readonly targets: readonly Target[];
  readonly plans: Map<Schema | null, Map<Schema | null, Plan[]>>;
}

/** Upserts and deletes in parallel, each with a write time that a replay repeats: rows end as their last record says. */
export class CassandraSinkTask implements SinkTask {
  /** Requests go on while a flush waits for those before it. */
  readonly overlapsFlush = true;
  private settings!: CassandraSettings;
  private topicSettings!: ReadonlyMap<string, TopicSettings>;
  private context!: SinkTaskContext;
  private client!: Client;
  private writer!: Writer;
  private readonly topics = new Map<string, Promise<OpenTopic>>();
  private readonly partitions = new Map<string, PartitionState>();
  private readonly rechecks = new Map<Target, { readonly at: number; readonly done: Promise<void> }>();

  async start(config: ConnectorConfig, context: SinkTaskContext): Promise<void> {
    this.settings = cassandraSettings(config);
    const { topics, problems } = topicSettings(config);
    if (problems.length)
      throw new MillraceError("CONFIG_INVALID", problems.map((p) => `${p.setting}: ${p.message}`).join("; "), { context: { problems } });
    this.topicSettings = topics;
    this.context = context;
    this.client = await this.waiting(() => connect(this.settings, context));
    this.writer = new Writer({
      client: this.client,
      context,
      maxInFlight: this.settings.maxConcurrentRequests,
      timeoutMs: this.settings.timeoutMs,
      refuse: (rows, row, error, byDriver) => this.refuse(rows, row, error, byDriver),
      recheck: (target) => this.recheck(target),
    });
  }

  async open(partitions: readonly TopicPartition[]): Promise<void> {
    for (const tp of partitions) {
      const times = WriteTimes.restore(this.context.committedMetadata?.(tp));
      this.partitions.set(formatTopicPartition(tp), { through: 0, times });
    }
    // a topic that has no mapping may be given a name that has, by a transform
    for (const topic of new Set(partitions.map((p) => p.topic))) if (this.topicSettings.has(topic)) await this.topic(topic);
  }

  async put(records: readonly SinkRecord[]): Promise<void> {
    for (const rows of fromRecords(records)) await this.take(rows, this.stateOf(rows));
  }

  async putRows(rows: SinkRows): Promise<void> {
    const source = fromColumns(rows);
    await this.take(source, this.stateOf(source));
  }

  /** With write times after all that this partition wrote: whoever asks has made sure that no later record of the key is there. */
  async replay(records: readonly SinkRecord[]): Promise<void> {
    for (const rows of fromRecords(records)) await this.take(rows, { through: 0, times: this.stateOf(rows).times });
    await this.writer.settled();
  }

  async flush(): Promise<ReadonlyMap<string, number>> {
    const reached = new Map([...this.partitions].map(([name, state]) => [name, state.through] as const));
    await this.writer.settled();
    return reached;
  }

  offsetMetadata(tp: TopicPartition): string {
    return this.partitions.get(formatTopicPartition(tp))?.times.stored ?? "";
  }

  async close(partitions: readonly TopicPartition[]): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      this.context.logger.warn("closing without the last rows; they are read again", { error: describeError(error) });
    }
    for (const tp of partitions) this.partitions.delete(formatTopicPartition(tp));
  }

  async stop(): Promise<void> {
    this.writer?.stop();
    await this.client?.shutdown().catch(() => {});
  }

  private async take(rows: RowSource, state: PartitionState): Promise<void> {
    const { writer } = this;
    const topic = await this.topic(rows.topic);
    const plans = this.plansOf(topic, rows);
    const times = new Float64Array(rows.count);
    for (let r = 0; r < rows.count; r++) times[r] = state.times.next(rows.timestamps[r]!);
    const most = Math.max(2 * GATHER, 2 * this.settings.maxConcurrentRequests);
    for (const plan of plans) {
      plan.bind(rows);
      let until = sliceEnd();
      for (let from = 0; from < rows.count; from += GATHER) {
        await this.gather(plan, rows, times, from, Math.min(from + GATHER, rows.count));
        await writer.room(most);
        if (performance.now() < until) continue;
        await nextTurn();
        until = sliceEnd();
      }
    }
    state.through = rows.offsets[rows.count - 1]! + 1;
  }

  /** Submits the writes of some rows, those of one partition together. */
  private async gather(plan: Plan, rows: RowSource, times: Float64Array, from: number, to: number): Promise<void> {
    const { writer, settings } = this;
    const { target } = plan;
    const batched = target.batches && settings.maxRecordsInBatch > 1;
    const routed = batched || target.ordered || writer.senderOf(target).routes;
    const open = new Map<string, Request & { bytes: number }>();
    const refused: Promise<void>[] = [];
    for (let r = from; r < to; r++) {
      let write: ReturnType<Plan["write"]>;
      try {
        write = plan.write(r, rows.tombstone[r] === 1, times[r]!, routed, () => this.identity(rows, r));
      } catch (error) {
        if (!(error instanceof MillraceError) || error.code !== "RECORD_REFUSED") throw error;
        refused.push(this.refuse(rows, r, error, false));
        continue;
      }
      if (!batched && !target.ordered) {
        writer.submit({ target, rows, writes: [write], index: [r], order: null });
        continue;
      }
      const key = write.routingKey === null ? null : write.routingKey.latin1Slice();
      if (target.ordered) {
        writer.submit({ target, rows, writes: [write], index: [r], order: `${target.name} ${key ?? ""}` });
        continue;
      }
      if (key === null) {
        writer.submit({ target, rows, writes: [write], index: [r], order: null });
        continue;
      }
      let request = open.get(key);
      if (!request) open.set(key, (request = { target, rows, writes: [], index: [], order: null, bytes: 0 }));
      request.writes.push(write);
      request.index.push(r);
      request.bytes += write.values.length;
      if (request.writes.length < settings.maxRecordsInBatch && request.bytes < BATCH_BYTES) continue;
      open.delete(key);
      writer.submit(request);
    }
    for (const request of open.values()) writer.submit(request);
    await Promise.all(refused);
  }

  private identity(rows: RowSource, row: number): string {
    const { clusterId } = this.context;
    return `${clusterId}/${this.context.topicId(rows.originalTopic)}/${rows.partition}/${rows.offsets[row]}`;
  }

  private plansOf(topic: OpenTopic, rows: RowSource): Plan[] {
    let byValue = topic.plans.get(rows.keySchema);
    if (!byValue || byValue.size > 1000) topic.plans.set(rows.keySchema, (byValue = new Map()));
    let plans = byValue.get(rows.valueSchema);
    if (!plans) {
      const { formats } = topic.settings;
      plans = topic.targets.map((t) => new Plan(t, formats, rows.keySchema, rows.valueSchema));
      byValue.set(rows.valueSchema, plans);
      for (const plan of plans)
        if (plan.missing.length && rows.tombstone.some((t) => t === 0))
          this.context.logger.warn("records have no field that the mapping names; its column is left as it is", {
            topic: rows.topic,
            table: plan.target.name,
            fields: plan.missing.join(", "),
          });
    }
    return plans;
  }

  private topic(name: string): Promise<OpenTopic> {
    let topic = this.topics.get(name);
    if (!topic) {
      topic = this.openTopic(name);
      this.topics.set(name, topic);
      topic.catch(() => this.topics.delete(name));
    }
    return topic;
  }

  private async openTopic(name: string): Promise<OpenTopic> {
    const settings = this.topicSettings.get(name);
    if (!settings) throw new MillraceError("CONFIG_INVALID", `topic ${name} has no mapping: set topic.${name}.KEYSPACE.TABLE.mapping`);
    const targets: Target[] = [];
    for (const table of settings.tables) {
      const target = await this.waiting(() => this.opened(() => openTarget(this.client, table)));
      targets.push(target);
      if (target.ordered && target.writeTime)
        this.context.logger.info("a list that is not frozen is mapped: rows carry the time of their writing, not their record's", {
          table: target.name,
        });
    }
    return { settings, targets, plans: new Map() };
  }

  private async opened<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TargetProblem) throw new MillraceError("CONFIG_INVALID", `${error.setting}: ${error.message}`, { cause: error });
      if (error instanceof MillraceError) throw error;
      throw new MillraceError("CONNECT_FAILED", describeError(error), { cause: error });
    }
  }

  /** A statement was refused: by the row's fault if the table still is as the mapping needs it. Many at once ask once. */
  private recheck(target: Target): Promise<void> {
    const now = this.context.clock.now();
    let last = this.rechecks.get(target);
    if (!last || now - last.at > RECHECK_MS) {
      const done = this.waiting(() => this.opened(() => openTarget(this.client, target.settings))).then(() => undefined);
      this.rechecks.set(target, (last = { at: now, done }));
    }
    return last.done;
  }

  private async refuse(rows: RowSource, row: number, error: unknown, byDriver: boolean): Promise<void> {
    const { ignore } = this.settings;
    try {
      await this.context.reportError(rows.record(row), error);
    } catch (thrown) {
      // the runtime gives back the record's error itself where it is to stop the task
      if (thrown !== error || !(ignore === "all" || (ignore === "driver" && byDriver))) throw thrown;
    }
  }

  /** A target that is away is waited for. */
  private async waiting<T>(work: () => Promise<T>): Promise<T> {
    for (let pause = 250; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof MillraceError) || !error.retriable) throw error;
        if (pause === 250) this.context.logger.warn("Cassandra is away; waiting for it", { error: describeError(error) });
        await this.context.clock.sleep(pause, this.context.signal);
      }
    }
  }

  private stateOf({ originalTopic, partition }: RowSource): PartitionState {
    const state = this.partitions.get(formatTopicPartition({ topic: originalTopic, partition }));
    if (!state) throw new MillraceError("INTERNAL", `records of ${originalTopic}-${partition}, which this task was not given`);
    return state;
  }
}
