import { api } from "../wire/api.js";
import { array, boolean, bytes, int16, int32, string, struct } from "../wire/types.js";

const instanceId = string.nullable().or(null);

export const joinGroup = api(
  11,
  "JoinGroup",
  [0, 9],
  6,
  {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.or(-1).since(1),
    memberId: string,
    groupInstanceId: instanceId.since(5),
    protocolType: string,
    protocols: array(struct({ name: string, metadata: bytes })),
    reason: string.nullable().or(null).since(8),
  },
  {
    throttleTimeMs: int32.since(2),
    errorCode: int16,
    generationId: int32.or(-1),
    protocolType: string.nullable().or(null).since(7),
    protocolName: string.nullable(7),
    leader: string,
    skipAssignment: boolean.since(9),
    memberId: string,
    members: array(struct({ memberId: string, groupInstanceId: instanceId.since(5), metadata: bytes })),
  },
);

export const syncGroup = api(
  14,
  "SyncGroup",
  [0, 5],
  4,
  {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: instanceId.since(3),
    protocolType: string.nullable().or(null).since(5),
    protocolName: string.nullable().or(null).since(5),
    assignments: array(struct({ memberId: string, assignment: bytes })),
  },
  {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
    protocolType: string.nullable().or(null).since(5),
    protocolName: string.nullable().or(null).since(5),
    assignment: bytes,
  },
);

export const heartbeat = api(
  12,
  "Heartbeat",
  [0, 4],
  4,
  { groupId: string, generationId: int32, memberId: string, groupInstanceId: instanceId.since(3) },
  { throttleTimeMs: int32.since(1), errorCode: int16 },
);

export const leaveGroup = api(
  13,
  "LeaveGroup",
  [0, 5],
  4,
  {
    groupId: string,
    memberId: string.until(2),
    members: array(struct({ memberId: string, groupInstanceId: instanceId, reason: string.nullable().or(null).since(5) })).since(3),
  },
  {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
    members: array(struct({ memberId: string, groupInstanceId: instanceId, errorCode: int16 })).since(3),
  },
);

export const describeGroups = api(
  15,
  "DescribeGroups",
  [0, 6],
  5,
  { groups: array(string), includeAuthorizedOperations: boolean.since(3) },
  {
    throttleTimeMs: int32.since(1),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable().or(null).since(6),
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: instanceId.since(4),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: int32.or(-2147483648).since(3),
      }),
    ),
  },
);

export const listGroups = api(
  16,
  "ListGroups",
  [0, 5],
  3,
  { statesFilter: array(string).since(4), typesFilter: array(string).since(5) },
  {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
    groups: array(struct({ groupId: string, protocolType: string, groupState: string.since(4), groupType: string.since(5) })),
  },
);

export const deleteGroups = api(
  42,
  "DeleteGroups",
  [0, 2],
  2,
  { groupsNames: array(string) },
  { throttleTimeMs: int32, results: array(struct({ groupId: string, errorCode: int16 })) },
);
