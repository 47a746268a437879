import { api } from "../wire/api.js";
import { array, boolean, int8, int16, int32, int64, string, struct, uuid } from "../wire/types.js";

/** No authorizer: what authorized operations are when they are not asked for. */
const notAsked = -2147483648;

export const metadata = api(
  3,
  "Metadata",
  [0, 13],
  9,
  {
    topics: array(struct({ topicId: uuid.since(10), name: string.nullable(10) })).nullable(1),
    allowAutoTopicCreation: boolean.or(true).since(4),
    includeClusterAuthorizedOperations: boolean.since(8).until(10),
    includeTopicAuthorizedOperations: boolean.since(8),
  },
  {
    throttleTimeMs: int32.since(3),
    brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: string.nullable().or(null).since(1) })),
    clusterId: string.nullable().or(null).since(2),
    controllerId: int32.or(-1).since(1),
    topics: array(
      struct({
        errorCode: int16,
        name: string.nullable(12),
        topicId: uuid.since(10),
        isInternal: boolean.since(1),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.or(-1).since(7),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: array(int32).since(5),
          }),
        ),
        topicAuthorizedOperations: int32.or(notAsked).since(8),
      }),
    ),
    clusterAuthorizedOperations: int32.or(notAsked).since(8).until(10),
    errorCode: int16.since(13),
  },
);

export const describeCluster = api(
  60,
  "DescribeCluster",
  [0, 2],
  0,
  { includeClusterAuthorizedOperations: boolean, endpointType: int8.or(1).since(1), includeFencedBrokers: boolean.since(2) },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().or(null),
    endpointType: int8.or(1).since(1),
    clusterId: string,
    controllerId: int32.or(-1),
    brokers: array(struct({ brokerId: int32, host: string, port: int32, rack: string.nullable().or(null), isFenced: boolean.since(2) })),
    clusterAuthorizedOperations: int32.or(notAsked),
  },
);

const named = struct({ name: string, minVersion: int16, maxVersion: int16 });

/** Its response's header never has tagged fields: a client that does not know the version yet must be able to read it. */
export const apiVersions = api(
  18,
  "ApiVersions",
  [0, 4],
  3,
  { clientSoftwareName: string.since(3), clientSoftwareVersion: string.since(3) },
  {
    errorCode: int16,
    apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
    throttleTimeMs: int32.since(1),
    supportedFeatures: array(named).tagged(0, 3),
    finalizedFeaturesEpoch: int64.or(-1).tagged(1, 3),
  },
);

export const findCoordinator = api(
  10,
  "FindCoordinator",
  [0, 6],
  3,
  { key: string.until(3), keyType: int8.since(1), coordinatorKeys: array(string).since(4) },
  {
    throttleTimeMs: int32.since(1),
    errorCode: int16.until(3),
    errorMessage: string.nullable().or(null).since(1).until(3),
    nodeId: int32.until(3),
    host: string.until(3),
    port: int32.until(3),
    coordinators: array(
      struct({ key: string, nodeId: int32, host: string, port: int32, errorCode: int16, errorMessage: string.nullable().or(null) }),
    ).since(4),
  },
);
