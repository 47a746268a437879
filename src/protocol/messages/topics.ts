import { api } from "../wire/api.js";
import { array, boolean, int8, int16, int32, int64, string, struct, uuid } from "../wire/types.js";

const message = string.nullable().or(null);

export const createTopics = api(
  19,
  "CreateTopics",
  [2, 7],
  5,
  {
    topics: array(
      struct({
        name: string,
        numPartitions: int32,
        replicationFactor: int16,
        assignments: array(struct({ partitionIndex: int32, brokerIds: array(int32) })),
        configs: array(struct({ name: string, value: string.nullable() })),
      }),
    ),
    timeoutMs: int32,
    validateOnly: boolean,
  },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        topicId: uuid.since(7),
        errorCode: int16,
        errorMessage: message,
        topicConfigErrorCode: int16.tagged(0, 5),
        numPartitions: int32.or(-1).since(5),
        replicationFactor: int16.or(-1).since(5),
        configs: array(
          struct({ name: string, value: string.nullable(), readOnly: boolean, configSource: int8.or(-1), isSensitive: boolean }),
        )
          .nullable()
          .since(5),
      }),
    ),
  },
);

export const deleteTopics = api(
  20,
  "DeleteTopics",
  [1, 6],
  4,
  {
    topics: array(struct({ name: string.nullable(), topicId: uuid })).since(6),
    topicNames: array(string).until(5),
    timeoutMs: int32,
  },
  {
    throttleTimeMs: int32,
    responses: array(struct({ name: string.nullable(6), topicId: uuid.since(6), errorCode: int16, errorMessage: message.since(5) })),
  },
);

export const createPartitions = api(
  37,
  "CreatePartitions",
  [0, 3],
  2,
  {
    topics: array(struct({ name: string, count: int32, assignments: array(struct({ brokerIds: array(int32) })).nullable() })),
    timeoutMs: int32,
    validateOnly: boolean,
  },
  { throttleTimeMs: int32, results: array(struct({ name: string, errorCode: int16, errorMessage: message })) },
);

export const deleteRecords = api(
  21,
  "DeleteRecords",
  [0, 2],
  2,
  { topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, offset: int64 })) })), timeoutMs: int32 },
  {
    throttleTimeMs: int32,
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 })) })),
  },
);

export const electLeaders = api(
  43,
  "ElectLeaders",
  [0, 2],
  2,
  {
    electionType: int8.since(1),
    topicPartitions: array(struct({ topic: string, partitions: array(int32) })).nullable(),
    timeoutMs: int32,
  },
  {
    throttleTimeMs: int32,
    errorCode: int16.since(1),
    replicaElectionResults: array(
      struct({ topic: string, partitionResult: array(struct({ partitionId: int32, errorCode: int16, errorMessage: message })) }),
    ),
  },
);

export const listPartitionReassignments = api(
  46,
  "ListPartitionReassignments",
  [0, 0],
  0,
  { timeoutMs: int32, topics: array(struct({ name: string, partitionIndexes: array(int32) })).nullable() },
  { throttleTimeMs: int32, errorCode: int16, errorMessage: message, topics: array(struct({ name: string })) },
);

/** Version 1 lets an operator change the replication factor, of which there is one only. */
export const alterPartitionReassignments = api(
  45,
  "AlterPartitionReassignments",
  [0, 0],
  0,
  {
    timeoutMs: int32,
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, replicas: array(int32).nullable() })) })),
  },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: message,
    responses: array(
      struct({ name: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16, errorMessage: message })) }),
    ),
  },
);

export const describeLogDirs = api(
  35,
  "DescribeLogDirs",
  [1, 4],
  2,
  { topics: array(struct({ topic: string, partitions: array(int32) })).nullable() },
  {
    throttleTimeMs: int32,
    errorCode: int16.since(3),
    results: array(
      struct({
        errorCode: int16,
        logDir: string,
        topics: array(
          struct({
            name: string,
            partitions: array(struct({ partitionIndex: int32, partitionSize: int64, offsetLag: int64, isFutureKey: boolean })),
          }),
        ),
        totalBytes: int64.or(-1).since(4),
        usableBytes: int64.or(-1).since(4),
      }),
    ),
  },
);
