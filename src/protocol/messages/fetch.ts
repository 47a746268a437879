import { api } from "../wire/api.js";
import { array, bytes, int8, int16, int32, int64, string, struct, uuid } from "../wire/types.js";

export const fetch = api(
  1,
  "Fetch",
  [4, 17],
  12,
  {
    replicaId: int32.or(-1).until(14),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32,
    isolationLevel: int8,
    sessionId: int32.since(7),
    sessionEpoch: int32.or(-1).since(7),
    topics: array(
      struct({
        topic: string.until(12),
        topicId: uuid.since(13),
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: int32.or(-1).since(9),
            fetchOffset: int64,
            lastFetchedEpoch: int32.or(-1).since(12),
            logStartOffset: int64.or(-1).since(5),
            partitionMaxBytes: int32,
            replicaDirectoryId: uuid.tagged(0, 17),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(struct({ topic: string.until(12), topicId: uuid.since(13), partitions: array(int32) })).since(7),
    rackId: string.since(11),
    clusterId: string.nullable().or(null).tagged(0, 12),
    replicaState: struct({ replicaId: int32.or(-1), replicaEpoch: int64.or(-1) }).tagged(1, 15),
  },
  {
    throttleTimeMs: int32,
    errorCode: int16.since(7),
    sessionId: int32.since(7),
    responses: array(
      struct({
        topic: string.until(12),
        topicId: uuid.since(13),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: int64.or(-1),
            logStartOffset: int64.or(-1).since(5),
            abortedTransactions: array(struct({ producerId: int64, firstOffset: int64 })).nullable(),
            preferredReadReplica: int32.or(-1).since(11),
            records: bytes.nullable(),
          }),
        ),
      }),
    ),
  },
);
