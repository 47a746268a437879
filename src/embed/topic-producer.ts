import { ensureTopic } from "../broker/api/compacted-topic.js";
import { partitionFor } from "../broker/api/partitioner.js";
import { IdempotentProducer } from "../broker/api/producer.js";
import type { RecordHeader } from "../data/headers.js";
import { ByteWriter } from "../serde/byte-writer.js";
import type { OpenSerde, Serde } from "../serde/serde.js";
import { type Connection, type ConnectionConfig, connect } from "./connection.js";
import { serviceHost } from "./service-host.js";

export interface TopicProducerConfig<K, V> extends ConnectionConfig {
  readonly topic: string;
  readonly key: Serde<K>;
  readonly value: Serde<V>;
  /** where the topic does not exist yet; the brokers' default if absent */
  readonly partitions?: number;
}

/** Writes typed records to one topic, each once and in order. */
export class TopicProducer<K, V> {
  private readonly out = new ByteWriter(256);

  private constructor(
    private readonly topic: string,
    private readonly connection: Connection,
    private readonly producer: IdempotentProducer,
    private readonly partitions: number,
    private readonly key: OpenSerde<K>,
    private readonly value: OpenSerde<V>,
  ) {}

  /** Makes the topic where it is missing and registers the schemas. */
  static async open<K, V>(config: TopicProducerConfig<K, V>): Promise<TopicProducer<K, V>> {
    const host = serviceHost();
    const connection = host ? { ...host, close: async () => {} } : await connect(config);
    try {
      const { broker, registry } = connection;
      const { topic } = config;
      const partitions = await ensureTopic(broker, topic, config.partitions ?? -1, {});
      const key = config.key.open({ topic, isKey: true, registry });
      const value = config.value.open({ topic, isKey: false, registry });
      await key.prepareWrite?.();
      await value.prepareWrite?.();
      const producer = new IdempotentProducer({ broker });
      await producer.init();
      return new TopicProducer(topic, connection, producer, partitions, key, value);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** Puts a record into the open batch; it is on its way at the latest with `flush`. Resolves at once unless too much is under way. */
  async send(key: K | null, value: V | null, options: { timestamp?: number; headers?: readonly RecordHeader[] } = {}): Promise<void> {
    const keyBytes = key === null ? null : this.encode(this.key, key);
    const valueBytes = value === null ? null : this.encode(this.value, value);
    const partition = partitionFor(keyBytes, this.partitions);
    this.producer.batch(this.topic, partition).append(options.timestamp ?? Date.now(), keyBytes, valueBytes, options.headers);
    if (this.producer.congested) await this.producer.room();
  }

  /** Resolves when all records so far are on disk. */
  flush(): Promise<void> {
    return this.producer.flush();
  }

  async close(): Promise<void> {
    try {
      await this.producer.flush();
    } finally {
      await this.connection.close();
    }
  }

  private encode<T>(serde: OpenSerde<T>, value: T): Buffer {
    this.out.position = 0;
    serde.serialize(value, this.out);
    return this.out.take();
  }
}
