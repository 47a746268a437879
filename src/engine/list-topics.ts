import { MillraceError } from "../common/errors.js";
import type { Statement } from "../sql/parser/ast.js";
import { type Entity, entity } from "./entities.js";
import type { EngineServices } from "./services.js";

/** Names that SHOW TOPICS leaves out: ours and the broker's own. */
const internal = /^(__|_schemas$|_millrace|_confluent)/;

export async function listTopics(text: string, statement: Extract<Statement, { kind: "list" }>, services: EngineServices): Promise<Entity> {
  const { broker } = services;
  const all = (await broker.describeTopics())
    .filter((t) => statement.all || !(t.internal || internal.test(t.name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const replicas = (partitions: number) => new Array<number>(partitions).fill(1);
  if (!statement.extended)
    return entity("kafka_topics", text, { topics: all.map((t) => ({ name: t.name, replicaInfo: replicas(t.partitions) })) });
  const groups = await broker.listGroups();
  const readers = new Map<string, Set<string>>();
  for (const { groupId } of groups)
    for (const { topic } of await broker.offsetFetch(groupId)) {
      const set = readers.get(topic) ?? new Set();
      readers.set(topic, set.add(groupId));
    }
  return entity("kafka_topics_extended", text, {
    topics: all.map((t) => ({
      name: t.name,
      replicaInfo: replicas(t.partitions),
      consumerCount: readers.get(t.name)?.size ?? 0,
      consumerGroupCount: readers.get(t.name)?.size ?? 0,
    })),
  });
}

export interface TopicDetails {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly { readonly partition: number; readonly earliest: number; readonly latest: number }[];
  readonly configs: readonly { readonly name: string; readonly value: string; readonly source: string }[];
}

/** @throws NOT_FOUND */
export async function topicDetails(name: string, services: EngineServices): Promise<TopicDetails> {
  const { broker } = services;
  const [description] = await broker.describeTopics([name]);
  if (!description) throw new MillraceError("NOT_FOUND", `Topic ${name} does not exist`);
  const partitions = Array.from({ length: description.partitions }, (_, partition) => ({ topic: name, partition }));
  const offsets = async (timestamp: "earliest" | "latest") =>
    (await broker.listOffsets({ partitions: partitions.map((p) => ({ ...p, timestamp })) })).map((r) => r.offset);
  const [earliest, latest] = await Promise.all([offsets("earliest"), offsets("latest")]);
  return {
    name,
    topicId: description.topicId,
    partitions: partitions.map(({ partition }) => ({ partition, earliest: earliest[partition]!, latest: latest[partition]! })),
    configs: (await broker.describeTopicConfig(name)).map(({ name: setting, value, source }) => ({ name: setting, value, source })),
  };
}
