import type { Broker } from "../../broker/api/broker.js";
import { CompactedTopic, type StoredRecord } from "../../broker/api/compacted-topic.js";
import type { TaskState } from "../api/admin.js";
import { after } from "./config-store.js";

export interface StoredStatus {
  readonly state: TaskState;
  readonly trace: string | null;
  readonly worker_id: string;
  readonly generation: number;
}

/**
 * States and active topics on `connect-status`, in Kafka Connect's own records: `status-connector-NAME`,
 * `status-task-NAME-ID`, `status-topic-TOPIC:connector-NAME`.
 */
export class StatusStore {
  private readonly records = new Map<string, string>();
  private readonly topics = new Map<string, Set<string>>();
  private table!: CompactedTopic;
  private writing: Promise<void> = Promise.resolve();
  private loaded = false;

  static async open(broker: Broker, topic: string): Promise<StatusStore> {
    const store = new StatusStore();
    store.table = await CompactedTopic.open({ broker, topic, onRecord: (r) => store.apply(r) });
    store.loaded = true;
    return store;
  }

  connector(name: string, status: StoredStatus): void {
    this.write(`status-connector-${name}`, status);
  }

  task(name: string, id: number, status: StoredStatus): void {
    this.write(`status-task-${name}-${id}`, status);
  }

  /** A task of the connector has used this topic. */
  activeTopic(connector: string, task: number, topic: string): void {
    const known = this.topics.get(connector);
    if (known?.has(topic)) return;
    this.addTopic(connector, topic);
    this.write(`status-topic-${topic}:connector-${connector}`, {
      topic: { name: topic, connector, task, discoverTimestamp: Date.now() },
    });
  }

  activeTopics(connector: string): string[] {
    return [...(this.topics.get(connector) ?? [])].sort();
  }

  resetTopics(connector: string): void {
    for (const topic of this.activeTopics(connector)) this.write(`status-topic-${topic}:connector-${connector}`, null);
    this.topics.delete(connector);
  }

  delete(connector: string): void {
    this.resetTopics(connector);
    for (const key of [...this.records.keys()])
      if (
        key === `status-connector-${connector}` ||
        (key.startsWith(`status-task-${connector}-`) && /^\d+$/.test(key.slice(`status-task-${connector}-`.length)))
      )
        this.write(key, null);
  }

  /** Resolves when all that was written is on disk. */
  flush(): Promise<void> {
    return this.writing;
  }

  private write(key: string, value: unknown): void {
    const text = value === null ? null : JSON.stringify(value);
    if (text === null ? !this.records.has(key) : this.records.get(key) === text) return;
    if (text === null) this.records.delete(key);
    else this.records.set(key, text);
    // A status is news, not truth: a failed write is made good by the next one, and by the tasks' start.
    this.writing = this.writing
      .then(() => this.table.append([{ key: Buffer.from(key), value: text === null ? null : Buffer.from(text) }]))
      .catch(() => undefined);
  }

  private apply(record: StoredRecord): void {
    // What this process writes is in memory already, and a later change of it may be, too.
    if (this.loaded) return;
    const key = record.key?.toString() ?? "";
    if (record.value === null) this.records.delete(key);
    else this.records.set(key, record.value.toString());
    const topic = after(key, "status-topic-");
    const at = topic?.indexOf(":connector-") ?? -1;
    if (topic === undefined || at < 0) return;
    const connector = topic.slice(at + ":connector-".length);
    if (record.value === null) this.topics.get(connector)?.delete(topic.slice(0, at));
    else this.addTopic(connector, topic.slice(0, at));
  }

  private addTopic(connector: string, topic: string): void {
    let known = this.topics.get(connector);
    if (!known) this.topics.set(connector, (known = new Set()));
    known.add(topic);
  }
}
