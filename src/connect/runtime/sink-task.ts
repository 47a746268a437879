import type { Isolation } from "../../broker/api/broker.js";
import { BrokerError } from "../../broker/api/errors.js";
import { PartitionReader, type PolledPartition } from "../../broker/api/reader.js";
import { describeError, MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import type { Counter } from "../../common/metrics.js";
import { formatTopicPartition, type TopicPartition } from "../../data/topic-partition.js";
import type { ErrorEntry } from "../../errors/entry.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import type { SinkRecord } from "../api/record.js";
import type { SinkConnector, SinkTask, SinkTaskContext } from "../api/sink.js";
import type { ConnectorConfig } from "../api/source.js";
import { consumerOverrides } from "./client-overrides.js";
import { Delivery } from "./delivery.js";
import { ErrorPolicy, isRetriable } from "./error-policy.js";
import { resolveHost } from "./hosts.js";
import { SinkDecoder } from "./sink-decoder.js";
import { SinkInput } from "./sink-input.js";
import { configToRun, converterNames, convertersOf } from "./task-config.js";
import { TaskRunner } from "./task-runner.js";
import { TransformChain, withPrefix } from "./transform-chain.js";

const maxBytesInFlight = 16 * 1024 * 1024;
const idleWaitMs = 500;

/** Topic ids and the cluster's, for sinks that keep offsets in their target. */
export interface SinkAssignment {
  readonly partitions: readonly TopicPartition[];
  readonly topicIds: ReadonlyMap<string, string>;
}

interface Running {
  readonly task: SinkTask;
  readonly reader: PartitionReader;
  readonly input: SinkInput;
  readonly delivery: Delivery;
  readonly chain: TransformChain;
  readonly policy: ErrorPolicy;
  readonly logger: Logger;
  readonly records: Counter;
  readonly signal: AbortSignal;
  /** Asked for by the task; carried out between polls. */
  readonly seeks: Map<string, TopicPartition & { offset: number }>;
  /** What the task gave with the offset that a partition starts from. */
  readonly metadata: Map<string, string | null>;
}

/** read → decode → transforms → put, flush, and only then the group's offsets. */
export class SinkTaskRunner extends TaskRunner {
  plugin!: SinkConnector;
  assignment: SinkAssignment = { partitions: [], topicIds: new Map() };
  private readonly jobs: (() => Promise<void>)[] = [];
  private current: Running | undefined;
  /** What a task refuses of a record that is being replayed goes to whoever asked for the replay. */
  private replayRefused: unknown[] | undefined;
  /** The task keeps its offsets in its target: it would pass over a record that comes again by `put`. */
  private ownsOffsets = false;

  has(tp: TopicPartition): boolean {
    return this.assignment.partitions.some((p) => p.topic === tp.topic && p.partition === tp.partition);
  }

  /** Sends one record that was set aside through this task again. @throws what fails again; CONFLICT where the task does not run */
  replay(entry: ErrorEntry): Promise<void> {
    if (!this.current || this.state !== "RUNNING")
      return Promise.reject(new MillraceError("CONFLICT", `task ${this.setup.connector}-${this.setup.id} does not run`));
    return new Promise((resolve, reject) => {
      this.jobs.push(() => this.replayNow(this.current!, entry).then(resolve, reject));
    });
  }

  protected async run(signal: AbortSignal): Promise<void> {
    const { connector, id, secrets } = this.setup;
    const { services } = this;
    const { broker, metrics, clock } = services;
    const { config, secrets: values } = configToRun(this.setup.config, secrets, services.providers);
    this.holdSecrets(values);
    const logger = services.logger.child({ connector, task: id, logger: this.plugin.classes[0] });
    const policy = new ErrorPolicy({ ...services, connector, task: id, config, store: services.errorStore, logger });
    const chain = TransformChain.of(config, services.plugins);
    const overrides = consumerOverrides.parse(withPrefix(config, "consumer.override."));
    const group = groupOf(connector, config);
    const task = await this.plugin.createTask();
    const decoder = new SinkDecoder(
      convertersOf(config, services.plugins, services.hosts),
      (stage, error, record, doing) => policy.refuse(stage, error, record, doing),
      converterNames(config),
    );
    const running: Running = {
      task,
      reader: new PartitionReader({
        broker,
        isolation: overrides.string("isolation.level") as Isolation,
        maxBytes: overrides.number("fetch.max.bytes"),
        maxPartitionBytes: overrides.number("max.partition.fetch.bytes"),
      }),
      input: new SinkInput({ broker, decoder, chain, policy, signal }),
      delivery: new Delivery({ broker, group, connector, metrics, clock }),
      chain,
      policy,
      logger,
      records: metrics.counter("millrace_connector_records_total", "Records written by a source or delivered by a sink", { connector }),
      signal,
      seeks: new Map(),
      metadata: new Map(),
    };
    const { partitions } = this.assignment;
    let opened = false;
    try {
      await task.start(config, this.context(running));
      for (const [tp, offset, metadata] of await this.startOffsets(group, overrides.string("auto.offset.reset") as "earliest" | "latest")) {
        running.reader.seek(tp.topic, tp.partition, offset);
        running.delivery.assign(tp, offset);
        running.metadata.set(formatTopicPartition(tp), metadata);
      }
      opened = true;
      await task.open(partitions);
      this.ownsOffsets = running.seeks.size > 0;
      await this.keepInLog(running);
      this.applySeeks(running);
      for (const topic of new Set(partitions.map((p) => p.topic))) services.onTopic(connector, id, topic);
      this.current = running;
      this.running();
      await this.pump(running);
    } finally {
      this.current = undefined;
      for (const job of this.jobs.splice(0)) await job().catch(() => undefined);
      chain.close();
      const quiet = (error: unknown) => logger.warn("the task did not stop cleanly", { error: services.scrub(String(error)) });
      if (opened) await task.close(partitions).catch(quiet);
      await task.stop().catch(quiet);
    }
  }

  private async pump(r: Running): Promise<void> {
    const { delivery, reader, signal, task } = r;
    const overlaps = task.overlapsFlush === true;
    let flushing: Promise<void> | undefined;
    let failure: unknown;
    const startFlush = () => {
      flushing = this.flush(r)
        .catch((error) => {
          failure = error;
        })
        .finally(() => {
          flushing = undefined;
        });
    };
    try {
      while (!signal.aborted) {
        if (failure !== undefined) throw failure;
        if (this.paused) {
          await flushing;
          await this.flush(r);
          await delivery.commit(true);
          await this.whilePaused(signal);
          continue;
        }
        for (const job of this.jobs.splice(0)) {
          await flushing;
          await job();
        }
        this.applySeeks(r);
        const polled = await reader.poll(delivery.idle || flushing ? idleWaitMs : 0, signal).catch((error) => {
          if (signal.aborted) return [];
          if (error instanceof BrokerError && error.kafka === "OFFSET_OUT_OF_RANGE")
            throw new MillraceError("SOURCE_RETRIABLE", "the topic no longer has the next record; the task starts again from what it has", {
              cause: error,
            });
          throw error;
        });
        for (const p of polled) {
          if (r.seeks.size) break; // what was polled lies ahead of where the task wants to go on
          await this.deliver(r, p);
        }
        if (delivery.idle) {
          if (polled.length === 0) await delivery.commit(false);
          continue;
        }
        if (overlaps) {
          if (!flushing) startFlush();
          while (flushing && delivery.bytes > maxBytesInFlight) await flushing;
        } else if (polled.length === 0 || delivery.bytes > maxBytesInFlight / 2) await this.flush(r);
      }
    } finally {
      await flushing;
    }
    if (failure !== undefined) throw failure;
    await this.flush(r);
    await delivery.commit(true);
  }

  private async flush(r: Running): Promise<void> {
    r.delivery.durable(await r.task.flush());
    this.worked = true;
    await r.delivery.commit(false);
  }

  private async deliver(r: Running, polled: PolledPartition): Promise<void> {
    const { task, delivery, input } = r;
    let bytes = 0;
    let count = 0;
    let last = -1;
    const times: Float64Array[] = [];
    for (const item of await input.take(polled, task.putRows !== undefined)) {
      if ("rows" in item) {
        const { rows } = item;
        await this.put(r, () => task.putRows!(rows));
        count += rows.count;
        last = rows.offsets[rows.count - 1]!;
        times.push(rows.sourceTimes);
      } else if (item.records.length > 0) {
        const { records } = item;
        await this.put(r, () => task.put(records));
        count += records.length;
        last = records[records.length - 1]!.offset;
        times.push(Float64Array.from(records, (x) => x.sourceTimeUs ?? Number.NaN));
      }
    }
    r.records.add(count);
    if (count > 0) for (const batch of polled.batches) bytes += batch.length;
    delivery.took(polled, last, bytes, times.length === 1 ? times[0]! : joined(times), task.offsetMetadata?.(polled));
  }

  /** Puts, and puts the same again while the error may pass. */
  private async put(r: Running, put: () => Promise<void>): Promise<void> {
    const { clock } = this.services;
    for (let delay = 250; ; delay = Math.min(delay * 2, 10_000)) {
      try {
        await put();
        if (delay > 250) this.running();
        return;
      } catch (error) {
        if (!isRetriable(error) || r.signal.aborted) throw error;
        // A task that asked to go back does not want the same records: they come again by themselves.
        if (r.seeks.size) return;
        const trouble = this.services.scrub(describeError(error));
        r.logger.warn(`the target refused in passing; tried again in ${delay} ms`, { error: trouble });
        this.running(`${trouble}\nThe target refused in passing; the same records are tried again in ${delay} ms.`);
        await clock.sleep(delay, r.signal);
      }
    }
  }

  /** A target may be behind what the topic still has (records were deleted): nothing earlier than that can be read. */
  private async keepInLog(r: Running): Promise<void> {
    const wanted = [...r.seeks.values()];
    if (wanted.length === 0) return;
    const starts = await this.services.broker.listOffsets({
      partitions: wanted.map(({ topic, partition }) => ({ topic, partition, timestamp: "earliest" as const })),
    });
    for (const [i, seek] of wanted.entries()) {
      const start = starts[i]!.offset;
      if (seek.offset >= start) continue;
      r.logger.warn(
        `the target is at offset ${seek.offset} of ${formatTopicPartition(seek)}, which begins at ${start}: the records between are gone`,
      );
      seek.offset = start;
    }
  }

  private applySeeks(r: Running): void {
    for (const { topic, partition, offset } of r.seeks.values()) {
      r.reader.seek(topic, partition, offset);
      r.delivery.rewind({ topic, partition }, offset);
    }
    r.seeks.clear();
  }

  /** The group's offsets, each with the sink's text; where it has none, the beginning or the end by `consumer.override.auto.offset.reset`. */
  private async startOffsets(group: string, reset: "earliest" | "latest"): Promise<[TopicPartition, number, string | null][]> {
    const { broker } = this.services;
    const { partitions } = this.assignment;
    if (partitions.length === 0) return [];
    const committed = await broker.offsetFetch(group, partitions);
    const [starts, ends] = await Promise.all([
      broker.listOffsets({ partitions: partitions.map((p) => ({ ...p, timestamp: "earliest" as const })) }),
      broker.listOffsets({ partitions: partitions.map((p) => ({ ...p, timestamp: "latest" as const })) }),
    ]);
    return partitions.map((tp, i) => {
      const found = committed.find((c) => c.topic === tp.topic && c.partition === tp.partition);
      const offset = found?.offset ?? -1;
      const start = starts[i]!.offset;
      const end = ends[i]!.offset;
      // Outside the log (the topic was made anew, or its start has moved on) nothing could be read there.
      if (offset >= start && offset <= end) return [tp, offset, found?.metadata ?? null];
      return [tp, reset === "latest" && offset < 0 ? end : start, null];
    });
  }

  private context(r: Running): SinkTaskContext {
    const { connector, id } = this.setup;
    const { services } = this;
    return {
      connector,
      taskId: id,
      logger: r.logger,
      metrics: services.metrics,
      clock: services.clock,
      signal: r.signal,
      clusterId: services.broker.clusterId,
      resolveHost: (host, port) => resolveHost(services.hosts, host, port),
      topicId: (topic) => {
        const found = this.assignment.topicIds.get(topic);
        if (found === undefined) throw new MillraceError("NOT_FOUND", `topic ${topic} is not one that this task reads`);
        return found;
      },
      seek: (tp, offset) => void r.seeks.set(formatTopicPartition(tp), { topic: tp.topic, partition: tp.partition, offset }),
      reportError: async (record, error) => {
        if (this.replayRefused) this.replayRefused.push(error);
        else {
          await r.policy.refuse("sink", error, await r.input.rawOf(record));
          await r.policy.settled();
        }
      },
      committedMetadata: (tp) => r.metadata.get(formatTopicPartition(tp)) ?? null,
      pause: (tps) => {
        for (const tp of tps) r.reader.pause(tp.topic, tp.partition);
      },
      resume: (tps) => {
        for (const tp of tps) r.reader.pause(tp.topic, tp.partition, false);
      },
    };
  }

  private async replayNow(r: Running, entry: ErrorEntry): Promise<void> {
    const builder = new RecordBatchBuilder(1024);
    builder.append(entry.timestamp, entry.key, entry.value, entry.headers);
    const { topic, partition, offset } = entry;
    const { config } = configToRun(this.setup.config, this.setup.secrets, this.services.providers);
    const decoder = new SinkDecoder(
      convertersOf(config, this.services.plugins, this.services.hosts),
      (_stage, error) => Promise.reject(error),
      converterNames(config),
    );
    const [read] = await decoder.records({
      topic,
      partition,
      batches: [builder.finish()],
      from: 0,
      next: 1,
      highWatermark: 1,
      lastStableOffset: 1,
    });
    const changed: SinkRecord | null = read ? r.chain.apply({ ...read, offset }) : null;
    if (!changed) return;
    const record = changed.topic === topic ? changed : { ...changed, originalTopic: topic };
    this.replayRefused = [];
    try {
      if (r.task.replay) await r.task.replay([record]);
      else if (this.ownsOffsets)
        throw new MillraceError("UNSUPPORTED", `${this.plugin.classes[0]} keeps its offsets in the target and cannot take a record again`);
      else {
        await r.task.put([record]);
        r.delivery.durable(await r.task.flush());
      }
      if (this.replayRefused.length) throw this.replayRefused[0];
    } finally {
      this.replayRefused = undefined;
    }
  }
}

export function groupOf(connector: string, config: ConnectorConfig): string {
  return config["consumer.override.group.id"]?.trim() || `connect-${connector}`;
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
