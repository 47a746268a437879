import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../log/files.js";
import type { NewTopic, TopicConfigEntry, TopicDescription, TopicResult } from "../api/broker.js";
import { BrokerError } from "../api/errors.js";
import { type MetadataFile, type TopicMetadata, uuid } from "./metadata-file.js";
import { Partition, type PartitionContext } from "./partition.js";
import { asBrokerError } from "./storage-error.js";
import { checkTopicConfig, describeConfig, logConfigOf, type TopicConfig } from "./topic-config.js";

export const CONSUMER_OFFSETS = "__consumer_offsets";
const internalTopics = new Set([CONSUMER_OFFSETS, "__transaction_state"]);

export interface BrokerDefaults {
  /** Partitions of a topic that is created without saying how many; 1 by default. */
  readonly partitions?: number;
  /** Whether a produce to an unknown topic creates it; true by default. */
  readonly autoCreateTopics?: boolean;
  /** Topic settings (Kafka's names) that hold where a topic does not say otherwise. */
  readonly topicConfig?: TopicConfig;
  /** ms between two rounds of retention and compaction; 15,000 by default. */
  readonly cleanIntervalMs?: number;
  /** ms that the first members of an empty consumer group wait for others; 0 by default. */
  readonly initialRebalanceDelayMs?: number;
}

interface Topic {
  readonly metadata: TopicMetadata;
  readonly partitions: readonly Partition[];
}

const maxPartitions = 10_000;

/** The topics and their partitions in memory; every change is in the metadata file before it is here. */
export class Topics {
  private readonly topics = new Map<string, Topic>();
  private readonly byId = new Map<string, Topic>();
  private readonly config: TopicConfig;

  constructor(
    private readonly dir: string,
    private readonly file: MetadataFile,
    private readonly context: PartitionContext,
    readonly defaults: BrokerDefaults,
  ) {
    this.config = defaults.topicConfig ?? {};
    checkTopicConfig(this.config);
    for (const metadata of file.topics) this.put(metadata);
  }

  /** Folders of partitions that no topic names are leftovers of a deletion that a crash cut short. */
  async removeLeftovers(): Promise<void> {
    const known = new Set([...this.topics.values()].flatMap((t) => t.partitions.map((p) => p.name)));
    for (const entry of await readdir(this.dir, { withFileTypes: true }))
      if (entry.isDirectory() && !known.has(entry.name) && /-(\d+|delete)$/.test(entry.name)) await this.removeFolder(entry.name);
  }

  find(topic: string, partition: number): Partition | undefined {
    return this.topics.get(topic)?.partitions[partition];
  }
  findById(topicId: string, partition: number): Partition | undefined {
    return this.byId.get(topicId)?.partitions[partition];
  }
  /** @throws UNKNOWN_TOPIC_OR_PARTITION */
  get(topic: string, partition: number): Partition {
    const found = this.find(topic, partition);
    if (found === undefined) throw unknown(`${topic}-${partition}`);
    return found;
  }
  has(topic: string): boolean {
    return this.topics.has(topic);
  }
  *allPartitions(): Iterable<Partition> {
    for (const t of [...this.topics.values()]) yield* t.partitions;
  }

  describe(names?: readonly string[]): TopicDescription[] {
    const found = names === undefined ? [...this.topics.values()] : names.map((n) => this.topics.get(n)).filter((t) => t !== undefined);
    return found.map(({ metadata: m }) => ({
      name: m.name,
      topicId: m.topicId,
      internal: internalTopics.has(m.name),
      partitions: m.partitions,
    }));
  }

  describeConfig(topic: string): TopicConfigEntry[] {
    return describeConfig(this.config, this.metadata(topic).config);
  }

  create(wanted: readonly NewTopic[], validateOnly = false): Promise<TopicResult[]> {
    return this.file.update(async (save) => {
      const made: TopicMetadata[] = [];
      const results = wanted.map(({ name, partitions, replicationFactor = -1, configs = {} }): TopicResult => {
        try {
          checkName(name);
          if (this.has(name) || made.some((m) => m.name === name))
            throw new BrokerError("TOPIC_ALREADY_EXISTS", `Topic '${name}' already exists.`);
          const count = partitions === -1 ? (this.defaults.partitions ?? 1) : partitions;
          checkCount(count);
          if (replicationFactor !== -1 && !(replicationFactor >= 1))
            throw new BrokerError("INVALID_REPLICATION_FACTOR", "Replication factor must be larger than 0.");
          checkTopicConfig(configs);
          const metadata = { name, topicId: uuid(), partitions: count, config: configs };
          made.push(metadata);
          return { name, topicId: metadata.topicId, partitions: count };
        } catch (error) {
          return { name, error: asBrokerError(error, `cannot create topic ${name}`) };
        }
      });
      if (validateOnly || made.length === 0) return results;
      await this.save(save, [...this.file.topics, ...made]);
      for (const m of made) this.put(m);
      return results;
    });
  }

  delete(names: readonly string[]): Promise<TopicResult[]> {
    return this.file.update(async (save) => {
      const gone = [...new Set(names)].flatMap((n) => (internalTopics.has(n) ? [] : (this.topics.get(n) ?? [])));
      if (gone.length > 0) {
        const ids = new Set(gone.map((t) => t.metadata.topicId));
        // The file goes first: a crash after it leaves folders that the next start removes, never a topic without its folders.
        await this.save(
          save,
          this.file.topics.filter((t) => !ids.has(t.topicId)),
        );
      }
      const results = names.map((name): TopicResult => {
        const topicId = this.topics.get(name)?.metadata.topicId;
        if (internalTopics.has(name))
          return { name, error: new BrokerError("INVALID_TOPIC_EXCEPTION", `${name} is the broker's own and cannot be deleted`) };
        return topicId === undefined ? { name, error: unknown(name) } : { name, topicId };
      });
      for (const topic of gone) {
        this.topics.delete(topic.metadata.name);
        this.byId.delete(topic.metadata.topicId);
        for (const p of topic.partitions) p.markDeleted();
        this.context.metrics.forget(topic.metadata.name);
      }
      for (const topic of gone)
        for (const p of topic.partitions) {
          await p.close().catch((error) => this.context.logger.warn(`cannot close ${p.name} ahead of its deletion`, { error }));
          // Still inside the one queue of changes: a topic of the same name is not created before the old folders are away.
          await this.removeFolder(p.name);
        }
      return results;
    });
  }

  createPartitions(topic: string, count: number): Promise<void> {
    return this.change(topic, (m) => {
      checkCount(count);
      if (count <= m.partitions)
        throw new BrokerError(
          "INVALID_PARTITIONS",
          `The topic ${topic} currently has ${m.partitions} partition(s); ${count} would not be an increase.`,
        );
      return { ...m, partitions: count };
    });
  }

  alterConfig(topic: string, changes: Readonly<Record<string, string | null>>): Promise<void> {
    return this.change(topic, (m) => {
      const config: Record<string, string> = { ...m.config };
      for (const [name, value] of Object.entries(changes)) {
        if (value === null) delete config[name];
        else config[name] = value;
      }
      checkTopicConfig(config);
      return { ...m, config };
    });
  }

  private change(topic: string, make: (m: TopicMetadata) => TopicMetadata): Promise<void> {
    return this.file.update(async (save) => {
      const changed = make(this.metadata(topic));
      await this.save(
        save,
        this.file.topics.map((t) => (t.name === topic ? changed : t)),
      );
      this.put(changed);
    });
  }

  private async save(save: (topics: readonly TopicMetadata[]) => Promise<void>, topics: readonly TopicMetadata[]): Promise<void> {
    try {
      await save(topics);
    } catch (error) {
      throw asBrokerError(error, "cannot write metadata.json");
    }
  }

  private metadata(topic: string): TopicMetadata {
    const found = this.topics.get(topic);
    if (found === undefined) throw unknown(topic);
    return found.metadata;
  }

  /** Makes the topic as the metadata says, keeping the partitions that it has. */
  private put(metadata: TopicMetadata): void {
    const { name, topicId } = metadata;
    const config = logConfigOf(this.config, metadata.config);
    const before = this.topics.get(name)?.partitions ?? [];
    for (const p of before) p.setConfig(config);
    const metrics = this.context.metrics.topic(name);
    const partitions = Array.from(
      { length: metadata.partitions },
      (_, n) => before[n] ?? new Partition(name, topicId, n, join(this.dir, `${name}-${n}`), config, metrics, this.context),
    );
    const topic = { metadata, partitions };
    this.topics.set(name, topic);
    this.byId.set(topicId, topic);
  }

  /** Out of the way at once under another name; its files go while other work goes on. */
  private async removeFolder(name: string): Promise<void> {
    const away = join(this.dir, name.endsWith("-delete") ? name : `${name}.${uuid()}-delete`);
    try {
      if (!name.endsWith("-delete")) await rename(join(this.dir, name), away);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw asBrokerError(error, `cannot remove ${name}`);
    }
    await syncFolder(this.dir);
    rm(away, { recursive: true, force: true }).catch((error) => this.context.logger.warn(`cannot remove ${away}`, { error }));
  }
}

function unknown(name: string): BrokerError {
  return new BrokerError("UNKNOWN_TOPIC_OR_PARTITION", `This server does not host ${name}.`);
}

function checkName(name: string): void {
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(name) || name === "." || name === "..")
    throw new BrokerError(
      "INVALID_TOPIC_EXCEPTION",
      `Topic name ${JSON.stringify(name.slice(0, 260))} is invalid: 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-', and not '.' or '..'.`,
    );
}

function checkCount(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > maxPartitions)
    throw new BrokerError("INVALID_PARTITIONS", `The number of partitions must be between 1 and ${maxPartitions}, not ${count}.`);
}
