import {
  alterPartitionReassignments,
  createPartitions,
  createTopics,
  deleteRecords,
  deleteTopics,
  electLeaders,
  listPartitionReassignments,
} from "../../../protocol/messages/topics.js";
import { BrokerError, kafkaErrorCodes } from "../../api/errors.js";
import { nodeId, type RequestContext } from "../context.js";
import { errorCodeOf, errorMessageOf, wireErrors } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";

interface Assigned {
  readonly brokerIds: readonly number[];
}

/** One node: an assignment can only name it, and each partition once. */
function assignmentError(assignments: readonly Assigned[] | null): string | undefined {
  return assignments?.some((a) => a.brokerIds.length !== 1 || a.brokerIds[0] !== nodeId)
    ? `the only broker is ${nodeId}: every partition is assigned to it alone`
    : undefined;
}

async function configsOf(topic: string, { broker }: RequestContext) {
  return (await broker.describeTopicConfig(topic)).map(({ name, value, source }) => ({
    name,
    value,
    readOnly: false,
    configSource: source === "topic" ? 1 : 5,
    isSensitive: false,
  }));
}

export const topicHandlers: readonly Handler[] = [
  handler(createTopics, async ({ topics, validateOnly }, context) => {
    const { broker } = context;
    const answers = [];
    const twice = new Set(topics.map((t) => t.name).filter((name, i, all) => all.indexOf(name) !== i));
    for (const { name, numPartitions, replicationFactor, assignments, configs } of topics) {
      const wrong = assignmentError(assignments);
      if (twice.has(name)) {
        answers.push({ name, errorCode: wireErrors.INVALID_REQUEST, errorMessage: `the request names ${name} twice` });
        continue;
      }
      if (wrong) {
        answers.push({ name, errorCode: wireErrors.INVALID_REPLICA_ASSIGNMENT, errorMessage: wrong });
        continue;
      }
      const given = configs.filter((c): c is { name: string; value: string } => c.value !== null);
      const [result] = await broker.createTopics(
        [
          {
            name,
            partitions: assignments.length > 0 ? assignments.length : numPartitions,
            replicationFactor: assignments.length > 0 ? 1 : replicationFactor,
            configs: Object.fromEntries(given.map((c) => [c.name, c.value])),
          },
        ],
        { validateOnly },
      );
      const { error, topicId, partitions } = result!;
      if (error) answers.push({ name, errorCode: errorCodeOf(error), errorMessage: errorMessageOf(error) });
      else
        answers.push({
          name,
          ...(topicId === undefined ? {} : { topicId }),
          numPartitions: partitions ?? numPartitions,
          replicationFactor: 1,
          configs: validateOnly ? [] : await configsOf(name, context),
        });
    }
    return { topics: answers };
  }),

  handler(deleteTopics, async ({ topics, topicNames }, { broker, topicNames: ids, version }) => {
    const asked = version >= 6 ? topics : topicNames.map((name) => ({ name, topicId: "" }));
    const found = await ids.resolve(asked.filter((t) => t.name === null).map((t) => t.topicId));
    const responses = [];
    for (const { name, topicId } of asked) {
      const topic = name ?? found.get(topicId);
      if (topic === undefined) {
        responses.push({ name: null as unknown as string, topicId, errorCode: wireErrors.UNKNOWN_TOPIC_ID });
        continue;
      }
      const [result] = await broker.deleteTopics([topic]);
      const { error, topicId: id } = result!;
      responses.push({
        name: topic,
        ...(id === undefined ? {} : { topicId: id }),
        errorCode: errorCodeOf(error),
        errorMessage: errorMessageOf(error),
      });
    }
    return { responses };
  }),

  handler(createPartitions, async ({ topics, validateOnly }, { broker }) => {
    const results = [];
    for (const { name, count, assignments } of topics) {
      const wrong = assignmentError(assignments);
      if (wrong) {
        results.push({ name, errorCode: wireErrors.INVALID_REPLICA_ASSIGNMENT, errorMessage: wrong });
        continue;
      }
      try {
        const [topic] = await broker.describeTopics([name]);
        if (!topic) throw new BrokerError("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic ${name}`);
        if (count <= topic.partitions)
          throw new BrokerError(
            "INVALID_PARTITIONS",
            `Topic ${name} has ${topic.partitions} partitions already: ${count} would not be more.`,
          );
        if (!validateOnly) await broker.createPartitions(name, count);
        results.push({ name });
      } catch (error) {
        results.push({ name, errorCode: errorCodeOf(error), errorMessage: errorMessageOf(error) });
      }
    }
    return { results };
  }),

  handler(deleteRecords, async ({ topics }, { broker }) => ({
    topics: await Promise.all(
      topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(async ({ partitionIndex, offset }) => {
            try {
              return { partitionIndex, lowWatermark: await broker.deleteRecords({ topic: name, partition: partitionIndex }, offset) };
            } catch (error) {
              return { partitionIndex, lowWatermark: -1, errorCode: errorCodeOf(error) };
            }
          }),
        ),
      })),
    ),
  })),

  handler(electLeaders, async ({ topicPartitions }, { broker }) => {
    const all =
      topicPartitions ??
      (await broker.describeTopics()).map((t) => ({ topic: t.name, partitions: Array.from({ length: t.partitions }, (_, i) => i) }));
    return {
      replicaElectionResults: all.map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => ({
          partitionId,
          errorCode: wireErrors.ELECTION_NOT_NEEDED,
          errorMessage: "Leader election not needed for topic partition.",
        })),
      })),
    };
  }),

  handler(alterPartitionReassignments, async ({ topics }, { broker }) => {
    const counts = new Map((await broker.describeTopics(topics.map((t) => t.name))).map((t) => [t.name, t.partitions]));
    const refusal = (topic: string, partition: number, replicas: readonly number[] | null) => {
      if (!(partition >= 0 && partition < (counts.get(topic) ?? 0)))
        return { errorCode: kafkaErrorCodes.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: "The partition does not exist." };
      if (replicas === null)
        return { errorCode: wireErrors.NO_REASSIGNMENT_IN_PROGRESS, errorMessage: "No partition is being reassigned." };
      const errorMessage = assignmentError([{ brokerIds: replicas }]);
      return errorMessage === undefined ? {} : { errorCode: wireErrors.INVALID_REPLICA_ASSIGNMENT, errorMessage };
    };
    return {
      responses: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((p) => ({ partitionIndex: p.partitionIndex, ...refusal(name, p.partitionIndex, p.replicas) })),
      })),
    };
  }),

  handler(listPartitionReassignments, async () => ({ topics: [] })),
];
