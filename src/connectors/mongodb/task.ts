import type { MongoClient } from "mongodb";
import { describeError, MillraceError } from "../../common/errors.js";
import { nextTurn, sliceEnd } from "../../common/turn.js";
import type { SinkRecord } from "../../connect/api/record.js";
import type { SinkRows, SinkTask, SinkTaskContext } from "../../connect/api/sink.js";
import type { ConnectorConfig } from "../../connect/api/source.js";
import { formatTopicPartition, type TopicPartition } from "../../data/topic-partition.js";
import { connect } from "./connection.js";
import { mongoConfig } from "./settings.js";
import { SinkDocument } from "./sink-document.js";
import { type DocumentSource, fromColumns, fromRecords } from "./source.js";
import { type TopicWrites, topicWrites } from "./topic-writes.js";
import { Writer } from "./writer.js";

const LONGEST_PAUSE_MS = 5000;
/** Writes that may wait: enough for one bulk under way and one that gathers. */
const MOST_WAITING = 2000;

/** Replaces, updates and deletes in bulks; a record that comes again after a crash is written again, with the same `_id`. */
export class MongoSinkTask implements SinkTask {
  /** Bulks go on while a flush waits for those before it. */
  readonly overlapsFlush = true;
  private config!: ConnectorConfig;
  private context!: SinkTaskContext;
  private client!: MongoClient;
  private writer!: Writer;
  private readonly topics = new Map<string, TopicWrites>();
  /** by partition: the offset after everything taken so far */
  private readonly through = new Map<string, number>();

  async start(config: ConnectorConfig, context: SinkTaskContext): Promise<void> {
    this.config = config;
    this.context = context;
    const parsed = mongoConfig.parse(config);
    this.client = await this.waiting(() => connect(config, context));
    this.writer = new Writer({
      client: this.client,
      context,
      maxRetries: parsed.number("max.num.retries"),
      firstPauseMs: Math.max(1, parsed.number("retries.defer.timeout")),
      refuse: (write, topic, error) => this.refuse(topic, write.source.record(write.row), error),
    });
  }

  async open(partitions: readonly TopicPartition[]): Promise<void> {
    for (const tp of partitions) this.through.set(formatTopicPartition(tp), 0);
    // a wrong setting of a topic is the task's error before the first record is read
    for (const { topic } of partitions) this.topic(topic);
  }

  async put(records: readonly SinkRecord[]): Promise<void> {
    for (const source of fromRecords(records)) await this.take(source);
  }

  putRows(rows: SinkRows): Promise<void> {
    return this.take(fromColumns(rows));
  }

  async flush(): Promise<ReadonlyMap<string, number>> {
    const reached = new Map(this.through);
    await this.writer.settled();
    return reached;
  }

  async close(partitions: readonly TopicPartition[]): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      this.context.logger.warn("closing without the last documents; they are read again", { error: describeError(error) });
    }
    for (const tp of partitions) this.through.delete(formatTopicPartition(tp));
  }

  async stop(): Promise<void> {
    this.writer?.stop();
    await this.client?.close().catch(() => {});
  }

  private async take(source: DocumentSource): Promise<void> {
    const { writer, context } = this;
    const topic = this.topic(source.topic);
    const topicId = context.topicId(source.originalTopic);
    const refused: Promise<void>[] = [];
    let until = sliceEnd();
    for (let row = 0; row < source.count; row++) {
      const document = new SinkDocument(source, row, context.clusterId, topicId);
      try {
        const model = topic.write(document);
        if (model) writer.submit(topic, model.namespace, { operation: model.operation, id: model.id, ownId: document.ownId, source, row });
      } catch (error) {
        if (!(error instanceof MillraceError) || error.code !== "RECORD_REFUSED") throw error;
        refused.push(this.refuse(topic, source.record(row), error));
      }
      if ((row & 63) !== 63) continue;
      if (writer.pending >= MOST_WAITING / 2) writer.go();
      if (writer.pending >= MOST_WAITING) {
        // above the half: with less, the next bulk would be sent half full before there is more
        await writer.room(MOST_WAITING * 0.75);
        until = sliceEnd();
      } else if (performance.now() >= until) {
        await nextTurn();
        until = sliceEnd();
      }
    }
    await Promise.all(refused);
    writer.go();
    if (source.count > 0)
      this.through.set(
        formatTopicPartition({ topic: source.originalTopic, partition: source.partition }),
        source.offset(source.count - 1) + 1,
      );
  }

  private topic(name: string): TopicWrites {
    let topic = this.topics.get(name);
    if (!topic) this.topics.set(name, (topic = topicWrites(this.config, name, this.context.clock)));
    return topic;
  }

  private async refuse(topic: TopicWrites, record: SinkRecord, error: MillraceError): Promise<void> {
    if (topic.logErrors)
      this.context.logger.error("a document is refused", {
        topic: record.topic,
        partition: record.partition,
        offset: record.offset,
        error: describeError(error),
      });
    if (topic.tolerate === false) throw error;
    try {
      await this.context.reportError(record, error);
    } catch (thrown) {
      // the runtime gives back the record's error itself where it is to stop the task
      if (thrown !== error || topic.tolerate !== true) throw thrown;
    }
  }

  /** A target that is away is waited for. */
  private async waiting<T>(work: () => Promise<T>): Promise<T> {
    for (let pause = 250; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof MillraceError) || !error.retriable) throw error;
        if (pause === 250) this.context.logger.warn("MongoDB is away; waiting for it", { error: describeError(error) });
        await this.context.clock.sleep(pause, this.context.signal);
      }
    }
  }
}
