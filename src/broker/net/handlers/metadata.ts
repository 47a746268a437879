import { describeCluster, findCoordinator, metadata } from "../../../protocol/messages/metadata.js";
import type { TopicDescription } from "../../api/broker.js";
import { kafkaErrorCodes } from "../../api/errors.js";
import { nodeId, type RequestContext } from "../context.js";
import { errorCodeOf, wireErrors } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";
import { noTopicId } from "../topic-names.js";

const partitionsOf = (count: number) =>
  Array.from({ length: count }, (_, partitionIndex) => ({
    errorCode: 0,
    partitionIndex,
    leaderId: nodeId,
    leaderEpoch: 0,
    replicaNodes: [nodeId],
    isrNodes: [nodeId],
    offlineReplicas: [],
  }));

const known = (t: TopicDescription) => ({
  errorCode: 0,
  name: t.name,
  topicId: t.topicId,
  isInternal: t.internal,
  partitions: partitionsOf(t.partitions),
});

async function topicsNamed(names: readonly string[], create: boolean, { broker, autoCreateTopics, logger }: RequestContext) {
  const found = new Map((await broker.describeTopics(names)).map((t) => [t.name, t]));
  const failed = new Map<string, number>();
  if (create && autoCreateTopics) {
    const missing = names.filter((n) => !found.has(n));
    if (missing.length > 0) {
      const made = await broker.createTopics(missing.map((name) => ({ name, partitions: -1 })));
      for (const { name, error } of made)
        if (error && errorCodeOf(error) !== kafkaErrorCodes.TOPIC_ALREADY_EXISTS) failed.set(name, errorCodeOf(error));
        else if (!error) logger.info("topic created for a client that asked for it", { topic: name });
      for (const t of await broker.describeTopics(missing)) found.set(t.name, t);
    }
  }
  return names.map((name) => {
    const topic = found.get(name);
    return topic
      ? known(topic)
      : { errorCode: failed.get(name) ?? kafkaErrorCodes.UNKNOWN_TOPIC_OR_PARTITION, name, topicId: undefined, partitions: [] };
  });
}

export const metadataHandlers: readonly Handler[] = [
  handler(metadata, async (request, context) => {
    const { broker, advertised, version, topicNames } = context;
    // before version 1 there was no null: an empty list asked for all
    const all = request.topics === null || (version === 0 && request.topics.length === 0);
    let topics: Awaited<ReturnType<typeof topicsNamed>>;
    if (all) topics = (await broker.describeTopics()).map(known);
    else {
      const asked = request.topics!;
      // Java's client leaves the name empty where it asks by id
      const hasId = (t: (typeof asked)[number]) => t.name === null || (version >= 10 && t.topicId !== noTopicId);
      const byId = asked.filter(hasId);
      const names = await topicNames.resolve(byId.map((t) => t.topicId));
      const wanted = asked.flatMap((t) => (hasId(t) ? names.get(t.topicId) : t.name) ?? []);
      topics = await topicsNamed(wanted, request.allowAutoTopicCreation && byId.length === 0, context);
      for (const { topicId } of byId)
        if (!names.has(topicId))
          topics.push({
            errorCode: wireErrors.UNKNOWN_TOPIC_ID,
            name: version >= 12 ? (null as never) : "",
            topicId,
            partitions: [],
          } as never);
    }
    return {
      brokers: [{ nodeId, ...advertised }],
      clusterId: broker.clusterId,
      controllerId: nodeId,
      topics: topics as never,
    };
  }),

  handler(describeCluster, async (request, { broker, advertised }) => ({
    endpointType: request.endpointType,
    clusterId: broker.clusterId,
    controllerId: nodeId,
    brokers: [{ brokerId: nodeId, ...advertised }],
  })),

  handler(findCoordinator, async (request, { advertised, version }) => {
    // 0: a group, 1: a transactional id; share groups (2) are not kept here
    const errorCode = request.keyType > 1 ? kafkaErrorCodes.INVALID_REQUEST : 0;
    if (version < 4) return { errorCode, nodeId, ...advertised };
    return { coordinators: request.coordinatorKeys.map((key) => ({ key, nodeId, ...advertised, errorCode })) };
  }),
];
