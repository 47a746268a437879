import { api } from "../wire/api.js";
import { array, int8, int16, int32, int64, string, struct } from "../wire/types.js";

export const listOffsets = api(
  2,
  "ListOffsets",
  [1, 9],
  6,
  {
    replicaId: int32,
    isolationLevel: int8.since(2),
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, currentLeaderEpoch: int32.or(-1).since(4), timestamp: int64 })),
      }),
    ),
  },
  {
    throttleTimeMs: int32.since(2),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            timestamp: int64.or(-1),
            offset: int64.or(-1),
            leaderEpoch: int32.or(-1).since(4),
          }),
        ),
      }),
    ),
  },
);

export const offsetForLeaderEpoch = api(
  23,
  "OffsetForLeaderEpoch",
  [2, 4],
  4,
  {
    replicaId: int32.or(-2).since(3),
    topics: array(
      struct({ topic: string, partitions: array(struct({ partition: int32, currentLeaderEpoch: int32.or(-1), leaderEpoch: int32 })) }),
    ),
  },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        topic: string,
        partitions: array(struct({ errorCode: int16, partition: int32, leaderEpoch: int32.or(-1), endOffset: int64.or(-1) })),
      }),
    ),
  },
);
