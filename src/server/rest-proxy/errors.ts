import { BrokerError } from "../../broker/api/errors.js";
import { MillraceError } from "../../common/errors.js";
import { RegistryError } from "../../schema-registry/errors.js";

/** An error as Confluent's REST Proxy answers it: an error_code whose first three digits are the HTTP status. */
export class RestProxyError extends Error {
  constructor(
    readonly errorCode: number,
    message: string,
  ) {
    super(message);
    this.name = "RestProxyError";
  }
}

export const restErrors = {
  badJson: (why: string) => new RestProxyError(400, `The request's body is not JSON: ${why}`),
  notFound: () => new RestProxyError(404, "HTTP 404 Not Found"),
  notAcceptable: () => new RestProxyError(406, "HTTP 406 Not Acceptable"),
  tooLarge: (limit: number) => new RestProxyError(413, `A record of more than ${limit} bytes`),
  unsupportedMediaType: () => new RestProxyError(415, "HTTP 415 Unsupported Media Type"),
  unprocessable: (what: string) => new RestProxyError(422, what),
  badRequest: (what: string) => new RestProxyError(40002, what),
  topicNotFound: () => new RestProxyError(40401, "Topic not found."),
  unknownTopicV3: () => new RestProxyError(40403, "This server does not host this topic-partition."),
  partitionNotFound: () => new RestProxyError(40402, "Partition not found."),
  consumerNotFound: () => new RestProxyError(40403, "Consumer instance not found."),
  formatMismatch: () =>
    new RestProxyError(40601, "The requested embedded data format does not match the deserializer for this consumer instance"),
  schemaLookup: (why: string) => new RestProxyError(40801, `Schema registration or lookup failed: ${why}`),
  consumerExists: () => new RestProxyError(40902, "Consumer with specified consumer ID already exists in the specified consumer group."),
  illegalState: (why: string) => new RestProxyError(40903, `Illegal state: ${why}`),
  undecodable: (topic: string, partition: number, offset: number, why: string) =>
    new RestProxyError(
      50002,
      `Kafka error: the record of ${topic}-${partition} at offset ${offset} cannot be read in this format: ${why}. Seek past it to go on.`,
    ),
  keySchemaMissing: () =>
    new RestProxyError(
      42201,
      "Request includes keys and uses a format that requires schemas, but does not include key_schema or key_schema_id",
    ),
  valueSchemaMissing: () =>
    new RestProxyError(
      42202,
      "Request includes values and uses a format that requires schemas, but does not include value_schema or value_schema_id",
    ),
  conversion: (format: string, why: string) => new RestProxyError(42203, `Conversion of JSON to ${format} failed: ${why}`),
  invalidConsumerConfig: (why: string) => new RestProxyError(42204, `Invalid consumer configuration: ${why}`),
  invalidSchema: (why: string) => new RestProxyError(42205, `Invalid schema: ${why}`),
};

export interface ErrorAnswer {
  readonly status: number;
  readonly error_code: number;
  readonly message: string;
}

/** @param v3 whether the path is one of API v3, which has other codes for what the broker says */
export function errorAnswer(error: unknown, v3: boolean): ErrorAnswer {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RestProxyError) return answer(error.errorCode, message);
  if (error instanceof BrokerError) return v3 ? brokerAnswer(error) : brokerAnswerV2(error);
  if (error instanceof RegistryError)
    return error.errorCode === 42201
      ? answer(42205, `Invalid schema: ${message}`)
      : answer(40801, `Schema registration or lookup failed: ${message}`);
  const { statusCode } = error as { statusCode?: unknown };
  // fastify's own: a body that is too large, a broken request
  if (typeof statusCode === "number" && !(error instanceof MillraceError)) return answer(statusCode, message);
  return answer(v3 ? 500 : 50002, message);
}

function brokerAnswerV2(error: BrokerError): ErrorAnswer {
  if (error.kafka === "UNKNOWN_TOPIC_OR_PARTITION") return answer(40401, "Topic not found.");
  return error.retriable ? answer(50003, `Retriable Kafka error: ${error.message}`) : answer(50002, `Kafka error: ${error.message}`);
}

function brokerAnswer(error: BrokerError): ErrorAnswer {
  switch (error.kafka) {
    case "UNKNOWN_TOPIC_OR_PARTITION":
      return answer(40403, "This server does not host this topic-partition.");
    case "GROUP_ID_NOT_FOUND":
      return answer(404, error.message);
    case "UNKNOWN_SERVER_ERROR":
    case "KAFKA_STORAGE_ERROR":
      return answer(500, error.message);
    default:
      return error.retriable ? answer(50003, error.message) : answer(40002, error.message);
  }
}

function answer(code: number, message: string): ErrorAnswer {
  return { status: code < 1000 ? code : Math.floor(code / 100), error_code: code, message };
}
