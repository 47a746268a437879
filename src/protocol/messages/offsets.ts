import { api } from "../wire/api.js";
import { array, boolean, int16, int32, int64, string, struct } from "../wire/types.js";

export const offsetCommit = api(
  8,
  "OffsetCommit",
  [2, 9],
  8,
  {
    groupId: string,
    generationIdOrMemberEpoch: int32.or(-1),
    memberId: string,
    groupInstanceId: string.nullable().or(null).since(7),
    retentionTimeMs: int64.or(-1).until(4),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.or(-1).since(6),
            committedMetadata: string.nullable(),
          }),
        ),
      }),
    ),
  },
  {
    throttleTimeMs: int32.since(3),
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16 })) })),
  },
);

const wanted = array(struct({ name: string, partitionIndexes: array(int32) }));
const found = array(
  struct({
    name: string,
    partitions: array(
      struct({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.or(-1).since(5),
        metadata: string.nullable(),
        errorCode: int16,
      }),
    ),
  }),
);

export const offsetFetch = api(
  9,
  "OffsetFetch",
  [1, 9],
  6,
  {
    groupId: string.until(7),
    topics: wanted.nullable(2).until(7),
    groups: array(
      struct({
        groupId: string,
        memberId: string.nullable().or(null).since(9),
        memberEpoch: int32.or(-1).since(9),
        topics: wanted.nullable(),
      }),
    ).since(8),
    requireStable: boolean.since(7),
  },
  {
    throttleTimeMs: int32.since(3),
    topics: found.until(7),
    errorCode: int16.since(2).until(7),
    groups: array(struct({ groupId: string, topics: found, errorCode: int16 })).since(8),
  },
);

export const offsetDelete = api(
  47,
  "OffsetDelete",
  [0, 0],
  Number.POSITIVE_INFINITY,
  { groupId: string, topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32 })) })) },
  {
    errorCode: int16,
    throttleTimeMs: int32,
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16 })) })),
  },
);
