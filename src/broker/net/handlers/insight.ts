import type { TopicPartition } from "../../../data/topic-partition.js";
import { describeLogDirs } from "../../../protocol/messages/topics.js";
import { describeProducers, describeTransactions, listTransactions } from "../../../protocol/messages/transactions.js";
import { errorCodeOf, errorMessageOf, wireErrors } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";

/** Of a broker that cannot tell: it is a client of a cluster, which can. */
const notHere = wireErrors.UNSUPPORTED_VERSION;

const states: ReadonlySet<string> = new Set([
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "Dead",
]);

/** Partitions by topic, in the order of the topics' first. */
function byTopic<P extends TopicPartition>(partitions: readonly P[]): [topic: string, partitions: P[]][] {
  const topics = new Map<string, P[]>();
  for (const p of partitions) {
    const list = topics.get(p.topic);
    if (list) list.push(p);
    else topics.set(p.topic, [p]);
  }
  return [...topics];
}

export const insightHandlers: readonly Handler[] = [
  handler(listTransactions, async ({ stateFilters, producerIdFilters, durationFilter }, { broker }) => {
    if (!broker.insight) return { errorCode: notHere };
    const now = Date.now();
    const found = broker.insight
      .transactions()
      .filter(
        (t) =>
          (stateFilters.length === 0 || stateFilters.includes(t.state)) &&
          (producerIdFilters.length === 0 || producerIdFilters.includes(t.producerId)) &&
          (durationFilter < 0 || (t.startedAt >= 0 && now - t.startedAt > durationFilter)),
      );
    return {
      unknownStateFilters: stateFilters.filter((s) => !states.has(s)),
      transactionStates: found.map(({ transactionalId, producerId, state }) => ({ transactionalId, producerId, transactionState: state })),
    };
  }),

  handler(describeTransactions, async ({ transactionalIds }, { broker }) => {
    const known = new Map(broker.insight?.transactions().map((t) => [t.transactionalId, t]));
    return {
      transactionStates: transactionalIds.map((transactionalId) => {
        const t = known.get(transactionalId);
        if (!t) return { errorCode: broker.insight ? wireErrors.TRANSACTIONAL_ID_NOT_FOUND : notHere, transactionalId };
        return {
          transactionalId,
          transactionState: t.state,
          transactionTimeoutMs: t.timeoutMs,
          transactionStartTimeMs: t.startedAt,
          producerId: t.producerId,
          producerEpoch: t.producerEpoch,
          topics: byTopic(t.partitions).map(([topic, list]) => ({ topic, partitions: list.map((p) => p.partition) })),
        };
      }),
    };
  }),

  handler(describeProducers, async ({ topics }, { broker }) => {
    const described = async (topic: string, partition: number) => {
      if (!broker.insight) return { partitionIndex: partition, errorCode: notHere };
      try {
        const producers = await broker.insight.producers({ topic, partition });
        return {
          partitionIndex: partition,
          activeProducers: producers.map(({ openTransactionOffset, ...p }) => ({ ...p, currentTxnStartOffset: openTransactionOffset })),
        };
      } catch (error) {
        return { partitionIndex: partition, errorCode: errorCodeOf(error), errorMessage: errorMessageOf(error) };
      }
    };
    const answers = [];
    for (const { name, partitionIndexes } of topics) {
      const partitions = [];
      for (const partition of partitionIndexes) partitions.push(await described(name, partition));
      answers.push({ name, partitions });
    }
    return { topics: answers };
  }),

  handler(describeLogDirs, async ({ topics }, { broker }) => {
    if (!broker.insight) return { errorCode: notHere };
    const asked = topics && new Map(topics.map((t) => [t.topic, new Set(t.partitions)]));
    const folder = await broker.insight.logs(asked ? (p) => asked.get(p.topic)?.has(p.partition) === true : undefined);
    return {
      results: [
        {
          logDir: folder.path,
          totalBytes: folder.totalBytes,
          usableBytes: folder.usableBytes,
          topics: byTopic(folder.partitions).map(([name, list]) => ({
            name,
            partitions: list.map((p) => ({ partitionIndex: p.partition, partitionSize: p.bytes, offsetLag: 0, isFutureKey: false })),
          })),
        },
      ],
    };
  }),
];
