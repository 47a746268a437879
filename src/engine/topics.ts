import type { Broker } from "../broker/api/broker.js";
import { MillraceError } from "../common/errors.js";
import type { Metastore } from "../sql/metastore/metastore.js";
import type { TopicRequest } from "../sql/plan/command.js";

/** The partitions of each topic, with those that a request is about to create: the sandbox's view, and afterwards the real one. */
export class TopicView {
  private constructor(
    private readonly partitions: Map<string, number>,
    private readonly created = new Map<string, number>(),
  ) {}

  static async load(broker: Broker): Promise<TopicView> {
    return new TopicView(new Map((await broker.describeTopics()).map((t) => [t.name, t.partitions])));
  }

  partitionsOf(topic: string): number | undefined {
    return this.created.get(topic) ?? this.partitions.get(topic);
  }

  /** Marks as there what the request creates. */
  add(topic: string, partitions: number): void {
    this.created.set(topic, partitions);
  }

  remove(topic: string): void {
    this.created.delete(topic);
    this.partitions.delete(topic);
  }
}

/** A topic request with everything decided; `create` is false where the topic is there. */
export interface ResolvedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly create: boolean;
  readonly configs: Readonly<Record<string, string>>;
}

/**
 * What has to be done for a source's topic.
 * @throws SQL_STATEMENT where it is missing and not to be created, or is there with another number of partitions
 */
export function resolveTopic(request: TopicRequest, metastore: Metastore, topics: TopicView): ResolvedTopic {
  const { name, configs } = request;
  const there = topics.partitionsOf(name);
  if (there !== undefined) {
    if (request.partitions !== undefined && request.partitions !== there)
      throw new MillraceError(
        "SQL_STATEMENT",
        `A Kafka topic with the name '${name}' already exists, with different partition/replica configuration than required. KSQL expects ${request.partitions} partitions (topic has ${there}), and ${request.replicas ?? 1} replication factor (topic has 1).`,
        { context: { topic: name } },
      );
    return { name, partitions: there, create: false, configs };
  }
  if (!request.create) throw new MillraceError("SQL_STATEMENT", `Kafka topic does not exist: ${name}`, { context: { topic: name } });
  const like = request.like === undefined ? undefined : metastore.source(request.like)?.topic;
  const partitions = request.partitions ?? (like === undefined ? undefined : topics.partitionsOf(like)) ?? 1;
  return { name, partitions, create: true, configs };
}

/**
 * Creates the topic where that is what was decided, or only asks the broker whether it would.
 * @throws what the broker says where the topic cannot be made; one that came to be meanwhile is taken as it is
 */
export async function createTopic(broker: Broker, topic: ResolvedTopic, options: { readonly validateOnly?: boolean } = {}): Promise<void> {
  if (!topic.create) return;
  const [result] = await broker.createTopics(
    [{ name: topic.name, partitions: topic.partitions, replicationFactor: 1, configs: topic.configs }],
    options,
  );
  if (result?.error && result.error.code !== "ALREADY_EXISTS") throw result.error;
}
