import type { Broker } from "../../broker/api/broker.js";
import { ensureTopic } from "../../broker/api/compacted-topic.js";
import { partitionFor } from "../../broker/api/partitioner.js";
import { asError, describeError, MillraceError } from "../../common/errors.js";
import type { Clock } from "../../common/time.js";
import type { RecordHeader } from "../../data/headers.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import type { ConnectorConfig } from "../api/source.js";
import type { BadRecord, Doing } from "./error-policy.js";

interface Options {
  readonly connector: string;
  readonly task: number;
  readonly config: ConnectorConfig;
  readonly broker: Broker;
  readonly clock: Clock;
}

interface Letter {
  readonly record: BadRecord;
  readonly error: unknown;
  readonly doing: Doing;
}

const batchBytes = 512 * 1024;

/** The dead letter queue of a connector, as Kafka Connect writes it: the record as it was, and headers that say what happened. */
export class DeadLetters {
  private readonly context: boolean;
  private partitions: Promise<number> | undefined;
  private rotation = 0;

  constructor(
    private readonly topic: string,
    private readonly options: Options,
  ) {
    this.context = options.config["errors.deadletterqueue.context.headers.enable"]?.trim().toLowerCase() === "true";
  }

  /** Resolves when all are on disk. */
  async send(letters: readonly Letter[]): Promise<void> {
    const { broker, config, clock } = this.options;
    const factor = Number(config["errors.deadletterqueue.topic.replication.factor"] ?? 3);
    this.partitions ??= ensureTopic(broker, this.topic, 1, {}, factor);
    const count = await this.partitions;
    this.rotation++;
    const open = new Map<number, RecordBatchBuilder>();
    const batches: { topic: string; partition: number; batch: Buffer }[] = [];
    for (const letter of letters) {
      const { key, value, headers, timestamp } = letter.record;
      const partition = partitionFor(key === null ? null : Buffer.from(key.buffer, key.byteOffset, key.length), count, this.rotation);
      let builder = open.get(partition);
      if (!builder) open.set(partition, (builder = new RecordBatchBuilder(4096)));
      const all = this.context ? [...headers, ...this.contextOf(letter)] : headers;
      builder.append(timestamp >= 0 ? timestamp : clock.now(), key, value, all);
      if (builder.size < batchBytes) continue;
      batches.push({ topic: this.topic, partition, batch: builder.finish() });
      open.delete(partition);
    }
    for (const [partition, builder] of open) batches.push({ topic: this.topic, partition, batch: builder.finish() });
    for (const { error } of await broker.produce({ acks: "all", batches })) if (error) throw error;
  }

  private contextOf({ record, error: thrown, doing }: Letter): RecordHeader[] {
    const { connector, task } = this.options;
    const error = asError(thrown);
    const header = (key: string, value: string): RecordHeader => ({ key: `__connect.errors.${key}`, value: Buffer.from(value) });
    return [
      header("topic", record.topic),
      header("partition", String(record.partition)),
      header("offset", String(record.offset)),
      header("connector.name", connector),
      header("task.id", String(task)),
      header("stage", doing.stage),
      header("class.name", doing.className),
      header("exception.class.name", error instanceof MillraceError ? "org.apache.kafka.connect.errors.DataException" : error.name),
      header("exception.message", describeError(error)),
      header("exception.stacktrace", error.stack ?? describeError(error)),
    ];
  }
}
