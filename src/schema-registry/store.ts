import type { Broker } from "../broker/api/broker.js";
import { readToEnd } from "../broker/api/reader.js";
import { RecordBatchBuilder } from "../protocol/record-batch-builder.js";
import { RecordCursor } from "../protocol/record-cursor.js";

/** One record of `_schemas`; both are JSON, a null value deletes the key. */
export interface StoreRecord {
  readonly key: string;
  readonly value: string | null;
}

/** Where the registry keeps its state. */
export interface SchemaStore {
  /** Everything there is, in order. */
  load(): Promise<StoreRecord[]>;
  /** Resolves once all are durable, none of them before. */
  append(records: readonly StoreRecord[]): Promise<void>;
}

/** For tests and for engines that run without a log. */
export class MemorySchemaStore implements SchemaStore {
  readonly records: StoreRecord[] = [];
  async load(): Promise<StoreRecord[]> {
    return [...this.records];
  }
  async append(records: readonly StoreRecord[]): Promise<void> {
    this.records.push(...records);
  }
}

/** The compacted topic, one partition, that Confluent's registry uses too. */
export class TopicSchemaStore implements SchemaStore {
  constructor(
    private readonly broker: Broker,
    private readonly topic = "_schemas",
  ) {}

  async load(): Promise<StoreRecord[]> {
    const [there] = await this.broker.describeTopics([this.topic]);
    if (!there) {
      const [made] = await this.broker.createTopics([{ name: this.topic, partitions: 1, configs: { "cleanup.policy": "compact" } }]);
      if (made?.error && made.error.code !== "ALREADY_EXISTS") throw made.error;
    }
    const records: StoreRecord[] = [];
    await readToEnd(this.broker, this.topic, "read_committed", (batch, _partition, from) => {
      const cursor = new RecordCursor();
      cursor.open(batch);
      while (cursor.next()) {
        if (cursor.offset < from) continue;
        if (cursor.keyStart < 0) continue;
        const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
        records.push({
          key: bytes.toString("utf8", keyStart, keyEnd),
          value: valueStart < 0 ? null : bytes.toString("utf8", valueStart, valueEnd),
        });
      }
    });
    return records;
  }

  async append(records: readonly StoreRecord[]): Promise<void> {
    const builder = new RecordBatchBuilder(4096);
    const now = Date.now();
    for (const { key, value } of records) builder.append(now, Buffer.from(key), value === null ? null : Buffer.from(value));
    const [result] = await this.broker.produce({ acks: "all", batches: [{ topic: this.topic, partition: 0, batch: builder.finish() }] });
    if (result?.error) throw result.error;
  }
}
