import { api } from "../wire/api.js";
import { array, boolean, int16, int32, int64, string, struct } from "../wire/types.js";

export const initProducerId = api(
  22,
  "InitProducerId",
  [0, 5],
  2,
  {
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.or(-1).since(3),
    producerEpoch: int16.or(-1).since(3),
  },
  { throttleTimeMs: int32, errorCode: int16, producerId: int64.or(-1), producerEpoch: int16.or(-1) },
);

/** Versions from 4 on are spoken between brokers. */
export const addPartitionsToTxn = api(
  24,
  "AddPartitionsToTxn",
  [0, 3],
  3,
  {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    topics: array(struct({ name: string, partitions: array(int32) })),
  },
  {
    throttleTimeMs: int32,
    resultsByTopic: array(
      struct({ name: string, resultsByPartition: array(struct({ partitionIndex: int32, partitionErrorCode: int16 })) }),
    ),
  },
);

export const addOffsetsToTxn = api(
  25,
  "AddOffsetsToTxn",
  [0, 4],
  3,
  { transactionalId: string, producerId: int64, producerEpoch: int16, groupId: string },
  { throttleTimeMs: int32, errorCode: int16 },
);

export const endTxn = api(
  26,
  "EndTxn",
  [0, 4],
  3,
  { transactionalId: string, producerId: int64, producerEpoch: int16, committed: boolean },
  { throttleTimeMs: int32, errorCode: int16 },
);

export const txnOffsetCommit = api(
  28,
  "TxnOffsetCommit",
  [0, 4],
  3,
  {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationId: int32.or(-1).since(3),
    memberId: string.since(3),
    groupInstanceId: string.nullable().or(null).since(3),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.or(-1).since(2),
            committedMetadata: string.nullable(),
          }),
        ),
      }),
    ),
  },
  {
    throttleTimeMs: int32,
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16 })) })),
  },
);
