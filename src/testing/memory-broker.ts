import type { Broker, NewTopic, ProduceRequest, ProduceResult, TopicDescription, TopicResult } from "../broker/api/broker.js";
import { MillraceError } from "../common/errors.js";
import type { RecordHeader } from "../data/headers.js";
import { RecordCursor } from "../protocol/record-cursor.js";
import { readHeaders } from "../streams/runtime/source-time.js";

export interface StoredRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
}
export interface MemoryTopic {
  readonly name: string;
  partitions: number;
  readonly records: StoredRecord[];
}

/** Topics without a log: what planning and INSERT VALUES ask of a broker. Its records stand in one list a topic. */
export class MemoryBroker implements Pick<Broker, "clusterId" | "createTopics" | "deleteTopics" | "describeTopics" | "produce"> {
  readonly clusterId = "memory";
  readonly topics = new Map<string, MemoryTopic>();

  topic(name: string, partitions = 1): MemoryTopic {
    let topic = this.topics.get(name);
    if (!topic) this.topics.set(name, (topic = { name, partitions, records: [] }));
    return topic;
  }

  async createTopics(topics: readonly NewTopic[], options: { validateOnly?: boolean } = {}): Promise<TopicResult[]> {
    return topics.map(({ name, partitions }) => {
      if (this.topics.has(name)) return { name, error: new MillraceError("ALREADY_EXISTS", `Topic '${name}' already exists.`) };
      if (!options.validateOnly) this.topic(name, partitions);
      return { name, partitions };
    });
  }

  async deleteTopics(names: readonly string[]): Promise<TopicResult[]> {
    for (const name of names) this.topics.delete(name);
    return names.map((name) => ({ name }));
  }

  async describeTopics(names?: readonly string[]): Promise<TopicDescription[]> {
    return (names ?? [...this.topics.keys()]).flatMap((name) => {
      const topic = this.topics.get(name);
      return topic ? [{ name, topicId: name, internal: false, partitions: topic.partitions }] : [];
    });
  }

  async produce({ batches }: ProduceRequest): Promise<ProduceResult[]> {
    return batches.map(({ topic, partition, batch }) => {
      const { records } = this.topic(topic);
      const baseOffset = records.length;
      const cursor = new RecordCursor();
      cursor.open(batch);
      const part = (start: number, end: number) => (start < 0 ? null : Buffer.from(cursor.bytes.subarray(start, end)));
      while (cursor.next())
        records.push({
          key: part(cursor.keyStart, cursor.keyEnd),
          value: part(cursor.valueStart, cursor.valueEnd),
          timestamp: cursor.timestamp,
          headers: readHeaders(cursor),
        });
      return { topic, partition, baseOffset, logAppendTime: -1, logStartOffset: 0 };
    });
  }

  /** For where a whole Broker is asked for: everything else is refused. */
  asBroker(): Broker {
    return new Proxy(this, {
      get: (target, name) => {
        const found: unknown = Reflect.get(target, name);
        if (typeof found === "function") return found.bind(target);
        if (found !== undefined || name === "then") return found;
        return () => Promise.reject(new MillraceError("UNSUPPORTED", `${String(name)} needs a broker with a log`));
      },
    }) as unknown as Broker;
  }
}
