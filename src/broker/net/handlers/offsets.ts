import { listOffsets, offsetForLeaderEpoch } from "../../../protocol/messages/list-offsets.js";
import { offsetCommit, offsetDelete, offsetFetch } from "../../../protocol/messages/offsets.js";
import type { Broker, ListOffset, OffsetCommit } from "../../api/broker.js";
import { kafkaErrorCodes } from "../../api/errors.js";
import { errorCodeOf } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";

/** Special timestamps; -5, the latest offset in tiered storage, is nowhere: nothing is tiered. */
const timestamps: Readonly<Record<number, ListOffset["timestamp"]>> = {
  [-1]: "latest",
  [-2]: "earliest",
  [-3]: "max_timestamp",
  [-4]: "earliest",
};

interface NamedPartitions<P> {
  readonly name: string;
  readonly partitions: readonly P[];
}

/** Answers in the request's shape, one a partition, from results in the request's order. */
function shaped<P, R>(topics: readonly NamedPartitions<P>[], results: readonly R[]): { name: string; partitions: R[] }[] {
  let at = 0;
  return topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(() => results[at++]!) }));
}

interface CommittedPartition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

export function commitsOf(topics: readonly NamedPartitions<CommittedPartition>[]): OffsetCommit[] {
  return topics.flatMap(({ name, partitions }) =>
    partitions.map((p) => ({
      topic: name,
      partition: p.partitionIndex,
      offset: p.committedOffset,
      leaderEpoch: p.committedLeaderEpoch,
      metadata: p.committedMetadata,
    })),
  );
}

/** The same code for every partition: what a group answers holds for all of them. */
export function uniform(topics: readonly NamedPartitions<{ readonly partitionIndex: number }>[], errorCode: number) {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }));
}

async function fetched(
  broker: Broker,
  groupId: string,
  topics: readonly { name: string; partitionIndexes: readonly number[] }[] | null,
  requireStable: boolean,
) {
  try {
    const wanted = topics?.flatMap(({ name, partitionIndexes }) => partitionIndexes.map((partition) => ({ topic: name, partition })));
    const found = await broker.offsetFetch(groupId, wanted, { requireStable });
    const byTopic = new Map<string, { name: string; partitions: object[] }>();
    for (const { topic, partition, offset, leaderEpoch, metadata } of found) {
      let of = byTopic.get(topic);
      if (!of) byTopic.set(topic, (of = { name: topic, partitions: [] }));
      of.partitions.push({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch ?? -1,
        metadata: metadata ?? "",
        errorCode: 0,
      });
    }
    return { topics: [...byTopic.values()], errorCode: 0 };
  } catch (error) {
    const errorCode = errorCodeOf(error);
    const failed = (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, committedOffset: -1, metadata: "", errorCode })),
    }));
    return { topics: failed, errorCode };
  }
}

export const offsetHandlers: readonly Handler[] = [
  handler(listOffsets, async (request, { broker }) => {
    const partitions = request.topics.flatMap(({ name, partitions }) =>
      partitions.map((p) => ({
        topic: name,
        partition: p.partitionIndex,
        timestamp: p.timestamp < 0 ? timestamps[p.timestamp] : p.timestamp,
      })),
    );
    const asked = partitions.filter((p): p is typeof p & { timestamp: ListOffset["timestamp"] } => p.timestamp !== undefined);
    const results = await broker.listOffsets({
      partitions: asked,
      isolation: request.isolationLevel === 1 ? "read_committed" : "read_uncommitted",
    });
    const byPlace = new Map(asked.map((p, i) => [p, results[i]!]));
    const answers = partitions.map((p) => {
      const result = byPlace.get(p as (typeof asked)[number]);
      return {
        partitionIndex: p.partition,
        errorCode: errorCodeOf(result?.error),
        timestamp: result?.error || !result ? -1 : result.timestamp,
        offset: result?.error || !result ? -1 : result.offset,
        leaderEpoch: result && !result.error && result.offset >= 0 ? 0 : -1,
      };
    });
    return { topics: shaped(request.topics, answers) };
  }),

  handler(offsetForLeaderEpoch, async (request, { broker }) => {
    const partitions = request.topics.flatMap(({ topic, partitions }) =>
      partitions.map((p) => ({ topic, partition: p.partition, timestamp: "latest" as const })),
    );
    const ends = await broker.listOffsets({ partitions });
    let at = 0;
    return {
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        // one leader epoch has ever been: the log's end is its end
        partitions: partitions.map(({ partition, leaderEpoch }) => {
          const { error, offset } = ends[at++]!;
          if (error) return { partition, errorCode: errorCodeOf(error) };
          return leaderEpoch > 0 ? { partition, errorCode: 0 } : { partition, errorCode: 0, leaderEpoch: 0, endOffset: offset };
        }),
      })),
    };
  }),

  handler(offsetCommit, async (request, { broker }) => {
    const { groupId, memberId, generationIdOrMemberEpoch: generationId, groupInstanceId } = request;
    const member =
      generationId < 0 && memberId === ""
        ? undefined
        : { memberId, generationId, ...(groupInstanceId === null ? {} : { groupInstanceId }) };
    const failure = await broker.offsetCommit(groupId, commitsOf(request.topics), member).then(
      () => undefined,
      (error) => error,
    );
    return { topics: uniform(request.topics, errorCodeOf(failure)) };
  }),

  handler(offsetFetch, async (request, { broker, version }) => {
    const { requireStable } = request;
    if (version < 8) return (await fetched(broker, request.groupId, request.topics, requireStable)) as never;
    const groups = [];
    for (const { groupId, topics } of request.groups) groups.push({ groupId, ...(await fetched(broker, groupId, topics, requireStable)) });
    return { groups } as never;
  }),

  handler(offsetDelete, async (request, { broker }) => {
    const topics = [];
    for (const topic of request.topics) {
      const partitions = topic.partitions.map((p) => ({ topic: topic.name, partition: p.partitionIndex }));
      const code = await broker.offsetDelete(request.groupId, partitions).then(() => 0, errorCodeOf);
      // what is not about a topic is about the whole group
      if (code > 0 && code !== kafkaErrorCodes.GROUP_SUBSCRIBED_TO_TOPIC) return { errorCode: code };
      topics.push(...uniform([topic], code));
    }
    return { topics };
  }),
];
