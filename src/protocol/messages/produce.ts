import { api } from "../wire/api.js";
import { array, bytes, int16, int32, int64, string, struct } from "../wire/types.js";

const leader = struct({ leaderId: int32.or(-1), leaderEpoch: int32.or(-1) });

export const produce = api(
  0,
  "Produce",
  [3, 11],
  9,
  {
    transactionalId: string.nullable(),
    acks: int16,
    timeoutMs: int32,
    topics: array(struct({ name: string, partitions: array(struct({ index: int32, records: bytes.nullable() })) })),
  },
  {
    responses: array(
      struct({
        name: string,
        partitionResponses: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: int64.or(-1),
            logStartOffset: int64.or(-1).since(5),
            recordErrors: array(struct({ batchIndex: int32, batchIndexErrorMessage: string.nullable() })).since(8),
            errorMessage: string.nullable().or(null).since(8),
            currentLeader: leader.tagged(0, 10),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32,
  },
);
