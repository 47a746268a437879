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

/** A later version has a pattern for ids: a regular expression of a client's would run unbounded in this process. */
export const listTransactions = api(
  66,
  "ListTransactions",
  [0, 1],
  0,
  { stateFilters: array(string), producerIdFilters: array(int64), durationFilter: int64.or(-1).since(1) },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array(struct({ transactionalId: string, producerId: int64, transactionState: string })),
  },
);

export const describeTransactions = api(
  65,
  "DescribeTransactions",
  [0, 0],
  0,
  { transactionalIds: array(string) },
  {
    throttleTimeMs: int32,
    transactionStates: array(
      struct({
        errorCode: int16,
        transactionalId: string,
        transactionState: string,
        transactionTimeoutMs: int32,
        transactionStartTimeMs: int64.or(-1),
        producerId: int64.or(-1),
        producerEpoch: int16.or(-1),
        topics: array(struct({ topic: string, partitions: array(int32) })),
      }),
    ),
  },
);

export const describeProducers = api(
  61,
  "DescribeProducers",
  [0, 0],
  0,
  { topics: array(struct({ name: string, partitionIndexes: array(int32) })) },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().or(null),
            activeProducers: array(
              struct({
                producerId: int64,
                producerEpoch: int32,
                lastSequence: int32.or(-1),
                lastTimestamp: int64.or(-1),
                coordinatorEpoch: int32,
                currentTxnStartOffset: int64.or(-1),
              }),
            ),
          }),
        ),
      }),
    ),
  },
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
