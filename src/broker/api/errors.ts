import { MillraceError } from "../../common/errors.js";

/** Kafka's error codes (the protocol guide's names and numbers) as this interface throws them. */
export const kafkaErrorCodes = {
  UNKNOWN_SERVER_ERROR: -1,
  OFFSET_OUT_OF_RANGE: 1,
  CORRUPT_MESSAGE: 2,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  REQUEST_TIMED_OUT: 7,
  MESSAGE_TOO_LARGE: 10,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC_EXCEPTION: 17,
  ILLEGAL_GENERATION: 22,
  INCONSISTENT_GROUP_PROTOCOL: 23,
  INVALID_GROUP_ID: 24,
  UNKNOWN_MEMBER_ID: 25,
  INVALID_SESSION_TIMEOUT: 26,
  REBALANCE_IN_PROGRESS: 27,
  INVALID_TIMESTAMP: 32,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38,
  INVALID_CONFIG: 40,
  INVALID_REQUEST: 42,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  DUPLICATE_SEQUENCE_NUMBER: 46,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  INVALID_TRANSACTION_TIMEOUT: 50,
  CONCURRENT_TRANSACTIONS: 51,
  KAFKA_STORAGE_ERROR: 56,
  UNKNOWN_PRODUCER_ID: 59,
  NON_EMPTY_GROUP: 68,
  GROUP_ID_NOT_FOUND: 69,
  MEMBER_ID_REQUIRED: 79,
  FENCED_INSTANCE_ID: 82,
  GROUP_SUBSCRIBED_TO_TOPIC: 86,
  INVALID_RECORD: 87,
  UNSTABLE_OFFSET_COMMIT: 88,
  PRODUCER_FENCED: 90,
} as const;

export type KafkaErrorName = keyof typeof kafkaErrorCodes;

const retriable = new Set<KafkaErrorName>([
  "REQUEST_TIMED_OUT",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "CONCURRENT_TRANSACTIONS",
  "KAFKA_STORAGE_ERROR",
  "UNSTABLE_OFFSET_COMMIT",
]);

/** An error with Kafka's own name; `kafkaErrorCodes[error.kafka]` is its number on the wire. */
export class BrokerError extends MillraceError {
  constructor(
    readonly kafka: KafkaErrorName,
    message: string,
    options: { cause?: unknown; context?: Record<string, unknown> } = {},
  ) {
    super(codeOf(kafka), message, options);
    this.name = "BrokerError";
  }
  override get retriable(): boolean {
    return retriable.has(this.kafka);
  }
}

function codeOf(kafka: KafkaErrorName) {
  switch (kafka) {
    case "UNKNOWN_TOPIC_OR_PARTITION":
    case "GROUP_ID_NOT_FOUND":
      return "NOT_FOUND" as const;
    case "TOPIC_ALREADY_EXISTS":
      return "ALREADY_EXISTS" as const;
    case "INVALID_CONFIG":
      return "CONFIG_INVALID" as const;
    case "KAFKA_STORAGE_ERROR":
      return "DISK_FAILED" as const;
    case "PRODUCER_FENCED":
    case "INVALID_PRODUCER_EPOCH":
    case "FENCED_INSTANCE_ID":
      return "FENCED" as const;
    case "REQUEST_TIMED_OUT":
      return "TIMEOUT" as const;
    case "UNKNOWN_SERVER_ERROR":
      return "INTERNAL" as const;
    default:
      return "DATA_INVALID" as const;
  }
}
