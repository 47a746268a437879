import { fetch } from "../../../protocol/messages/fetch.js";
import type { FetchResult } from "../../api/broker.js";
import type { RequestContext } from "../context.js";
import { errorCodeOf, wireErrors } from "../error-codes.js";
import { FetchSession, type SessionPartition, type Wanted } from "../fetch-session.js";
import { type Handler, handler } from "../handler.js";

/** bytes of records in one answer, as Kafka's own `fetch.max.bytes` of a broker */
const mostBytes = 55 * 1024 * 1024;

type Request = ReturnType<ReturnType<typeof fetch.request>["read"]>;

const idle: Pick<FetchResult, "highWatermark" | "lastStableOffset" | "logStartOffset"> = {
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
};

/** Partitions of the request; those of a topic id that no topic has are answered by themselves. */
async function wantedOf(request: Request, { version, topicNames }: RequestContext) {
  const names = version >= 13 ? await topicNames.resolve(request.topics.map((t) => t.topicId)) : undefined;
  const wanted: Wanted[] = [];
  for (const { topic, topicId, partitions } of request.topics) {
    const name = names ? names.get(topicId) : topic;
    for (const p of partitions)
      wanted.push({ topic: name, topicId, partition: p.partition, offset: p.fetchOffset, maxBytes: p.partitionMaxBytes });
  }
  return wanted;
}

async function forgottenOf(request: Request, { version, topicNames }: RequestContext) {
  if (request.forgottenTopicsData.length === 0) return [];
  const names = version >= 13 ? await topicNames.resolve(request.forgottenTopicsData.map((t) => t.topicId)) : undefined;
  return request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition) => ({ topic: names ? names.get(topicId) : topic, topicId, partition })),
  );
}

export const fetchHandlers: readonly Handler[] = [
  handler(fetch, async (request, context) => {
    const { broker, connection, signal, version } = context;
    const sessions = connection.fetchSessions as Map<number, FetchSession>;
    let session: FetchSession | undefined;
    const asked = await wantedOf(request, context);
    let partitions: readonly SessionPartition[];
    if (request.sessionEpoch <= 0 || version < 7) {
      if (request.sessionId !== 0) sessions.delete(request.sessionId);
      // epoch 0 opens a session, -1 wants none
      if (version >= 7 && request.sessionEpoch === 0) {
        session = new FetchSession(asked);
        // a connection has one fetcher: an older session of it is not asked for again
        sessions.clear();
        sessions.set(session.id, session);
      }
      partitions = session?.partitions() ?? new FetchSession(asked).partitions();
    } else {
      session = sessions.get(request.sessionId);
      if (!session) return { errorCode: wireErrors.FETCH_SESSION_ID_NOT_FOUND };
      if (session.epoch !== request.sessionEpoch) return { errorCode: wireErrors.INVALID_FETCH_SESSION_EPOCH };
      session.change(asked, await forgottenOf(request, context));
      partitions = session.partitions();
    }
    const known = partitions.filter((p) => p.topic !== undefined);
    const results =
      known.length === 0
        ? []
        : await broker.fetch({
            partitions: known.map((p) => ({ topic: p.topic!, partition: p.partition, offset: p.offset, maxBytes: p.maxBytes })),
            maxWaitMs: request.maxWaitMs,
            minBytes: request.minBytes,
            maxBytes: Math.min(request.maxBytes, mostBytes),
            isolation: request.isolationLevel === 1 ? "read_committed" : "read_uncommitted",
            signal,
          });
    const byPartition = new Map(known.map((p, i) => [p, results[i]!]));
    const incremental = session !== undefined && request.sessionEpoch > 0;
    const topics = new Map<string, { topic: string; topicId: string; partitions: unknown[] }>();
    for (const p of partitions) {
      const result = byPartition.get(p);
      const errorCode = result ? errorCodeOf(result.error) : wireErrors.UNKNOWN_TOPIC_ID;
      if (incremental && result && !p.changed(result, errorCode)) continue;
      if (result) p.answered(result, errorCode);
      const key = p.topic ?? p.topicId;
      let topic = topics.get(key);
      if (!topic) topics.set(key, (topic = { topic: p.topic ?? "", topicId: p.topicId, partitions: [] }));
      const { highWatermark, lastStableOffset, logStartOffset } = result ?? idle;
      topic.partitions.push({
        partitionIndex: p.partition,
        errorCode,
        highWatermark,
        lastStableOffset,
        logStartOffset,
        abortedTransactions: request.isolationLevel === 1 ? (result?.abortedTransactions ?? []) : null,
        records: result?.batches ?? Buffer.alloc(0),
      });
    }
    session?.served([...byPartition].filter(([, r]) => r.batches.length > 0).map(([p]) => p));
    return { sessionId: session?.id ?? 0, responses: [...topics.values()] as never };
  }),
];
