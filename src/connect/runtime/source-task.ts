import { current, ensureTopic } from "../../broker/api/compacted-topic.js";
import { TransactionalProducer } from "../../broker/api/producer.js";
import { readToEnd } from "../../broker/api/reader.js";
import { nextTurn } from "../../common/turn.js";
import type { ErrorEntry } from "../../errors/entry.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { ConnectorConfig, ConnectorTopic, SourceConnector, SourceItem, SourceTask, SourceTaskContext } from "../api/source.js";
import { type codecs, producerOverrides } from "./client-overrides.js";
import { ErrorPolicy } from "./error-policy.js";
import { resolveHost } from "./hosts.js";
import { renderer } from "./render.js";
import { replaySource } from "./source-replay.js";
import { SourceWriter } from "./source-writer.js";
import { configToRun, convertersOf } from "./task-config.js";
import { TaskRunner } from "./task-runner.js";
import { TopicCreation } from "./topic-creation.js";
import { TransformChain, withPrefix } from "./transform-chain.js";

/**
 * poll → transforms → converters → one transaction with the source's offsets. The next poll runs while the transaction is
 * being made durable. A run that ends without committing leaves the offsets where they were, so nothing is lost or doubled.
 */
export class SourceTaskRunner extends TaskRunner {
  plugin!: SourceConnector;

  /** Sends one record that was set aside into its topic, beside the task's own transactions. @throws as `replaySource` */
  replay(entry: ErrorEntry, force: boolean): Promise<void> {
    return replaySource(this.setup, this.services, entry, force);
  }

  protected async run(signal: AbortSignal): Promise<void> {
    const { connector, id, secrets } = this.setup;
    const { services } = this;
    const { config, secrets: values } = configToRun(this.setup.config, secrets, services.providers);
    this.holdSecrets(values);
    const logger = services.logger.child({ connector, task: id, logger: this.plugin.classes[0] });
    const chain = TransformChain.of(config, services.plugins);
    const policy = new ErrorPolicy({ ...services, connector, task: id, config, store: services.errorStore, logger });
    const producer = new TransactionalProducer({
      broker: services.broker,
      transactionalId: `connect-source-${connector}-${id}`,
      ...producerOptions(config),
    });
    const task = this.plugin.createTask();
    let started = false;
    try {
      // Ahead of the offsets: it ends an open transaction of an earlier run, whose offsets must not come to count afterwards.
      await producer.init();
      await services.offsets.catchUp();
      const writer = new SourceWriter({
        connector,
        producer,
        chain,
        converters: convertersOf(config, services.plugins, services.hosts),
        topics: new TopicCreation(services.broker, config),
        policy,
        offsets: services.offsets,
        clock: services.clock,
        signal,
        render: renderer(services.plugins),
        onTopic: (topic) => services.onTopic(connector, id, topic),
      });
      started = true;
      await task.start(config, this.context(config, logger, policy, signal));
      this.running();
      await this.pump(task, writer, producer, policy, signal);
    } finally {
      chain.close();
      if (started)
        await task.stop().catch((error) => logger.warn("the task did not stop cleanly", { error: services.scrub(String(error)) }));
    }
  }

  private async pump(
    task: SourceTask,
    writer: SourceWriter,
    producer: TransactionalProducer,
    policy: ErrorPolicy,
    signal: AbortSignal,
  ): Promise<void> {
    const { connector } = this.setup;
    const { metrics, clock, offsets } = this.services;
    const labels = { connector };
    const records = metrics.counter("millrace_connector_records_total", "Records written by a source or delivered by a sink", labels);
    const lag = metrics.histogram("millrace_connector_source_seconds", "From the source's commit to durable in the topic", labels);
    let next: Promise<readonly SourceItem[]> | undefined;
    try {
      while (!signal.aborted) {
        if (this.paused) await this.whilePaused(signal);
        next ??= task.poll();
        let items = await next;
        next = undefined;
        if (items.length === 0) {
          await policy.settled(); // bad records alone wait for no good ones
          continue;
        }
        if (!this.paused && !signal.aborted) {
          // What came while the last transaction was being made durable goes with this one instead of waiting for the next.
          next = task.poll();
          next.catch(() => undefined);
          const more = await Promise.race([next, nextTurn()]);
          if (more) {
            next = undefined;
            items = [...items, ...more];
          }
        }
        producer.begin();
        let done = false;
        try {
          const written = await writer.write(items);
          const { oldestTime, newestTime } = writer;
          const taken = writer.takeOffsets();
          const commit = producer.commit();
          if (!next && !this.paused && !signal.aborted) {
            next = task.poll();
            next.catch(() => undefined);
          }
          await commit;
          done = true;
          offsets.committed(connector, taken);
          task.committed(
            taken as { partition: (typeof taken)[number]["partition"]; offset: NonNullable<(typeof taken)[number]["offset"]> }[],
          );
          this.worked = true;
          records.add(written);
          if (written > 0 && newestTime > 0) {
            const now = clock.now() * 1000;
            lag.observe(Math.max(0, now - oldestTime) / 1e6, written / 2);
            lag.observe(Math.max(0, now - newestTime) / 1e6, written / 2);
          }
        } finally {
          if (!done) await producer.abort().catch(() => undefined);
        }
      }
    } finally {
      // The signal has told a poll under way to return; stopping the task below it would pull its connection away.
      await next?.catch(() => undefined);
    }
  }

  private context(
    config: ConnectorConfig,
    logger: SourceTaskContext["logger"],
    policy: ErrorPolicy,
    signal: AbortSignal,
  ): SourceTaskContext {
    const { connector, id } = this.setup;
    const { services } = this;
    return {
      connector,
      taskId: id,
      logger,
      metrics: services.metrics,
      clock: services.clock,
      signal,
      resolveHost: (host, port) => resolveHost(services.hosts, host, port),
      offset: (partition) => services.offsets.get(connector, partition),
      topic: (name) => this.topic(name, config),
      setAside: (error, { topic, position, raw }) =>
        policy.refuse("source", error, {
          topic: topic ?? connector,
          partition: -1,
          offset: -1,
          position,
          key: null,
          value: raw ?? null,
          headers: [],
          timestamp: services.clock.now(),
        }),
    };
  }

  /** A topic of the connector's own: one partition, kept for good. */
  private topic(name: string, _config: ConnectorConfig): ConnectorTopic {
    const { broker, clock } = this.services;
    const ready = ensureTopic(broker, name, 1, { "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1" });
    ready.catch(() => undefined);
    return {
      append: async (key, value) => {
        await ready;
        const builder = new RecordBatchBuilder(1024);
        builder.append(clock.now(), key === null ? null : Buffer.from(key), value === null ? null : Buffer.from(value));
        const [result] = await broker.produce({ acks: "all", batches: [{ topic: name, partition: 0, batch: builder.finish() }] });
        if (result?.error) throw result.error;
      },
      readAll: async () => {
        await ready;
        const out: { key: string | null; value: string | null; offset: number }[] = [];
        const cursor = new RecordCursor();
        await readToEnd(broker, name, "read_committed", (batch, partition, from) => {
          cursor.open(batch);
          while (cursor.next()) {
            if (cursor.offset < from) continue;
            const r = current(cursor, partition);
            out.push({ key: r.key?.toString() ?? null, value: r.value?.toString() ?? null, offset: r.offset });
          }
        });
        return out;
      },
    };
  }
}

function producerOptions(config: ConnectorConfig) {
  const overrides = producerOverrides.parse(withPrefix(config, "producer.override."));
  return {
    compression: overrides.string("compression.type") as (typeof codecs)[number],
    transactionTimeoutMs: overrides.number("transaction.timeout.ms"),
  };
}
