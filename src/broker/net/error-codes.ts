import { BrokerError, kafkaErrorCodes } from "../api/errors.js";

/** Codes of errors that only the wire has; names and numbers of the protocol guide. */
export const wireErrors = {
  INVALID_REQUIRED_ACKS: 21,
  UNSUPPORTED_SASL_MECHANISM: 33,
  ILLEGAL_SASL_STATE: 34,
  UNSUPPORTED_VERSION: 35,
  INVALID_REPLICA_ASSIGNMENT: 39,
  INVALID_REQUEST: 42,
  UNSUPPORTED_FOR_MESSAGE_FORMAT: 43,
  SECURITY_DISABLED: 54,
  SASL_AUTHENTICATION_FAILED: 58,
  FETCH_SESSION_ID_NOT_FOUND: 70,
  INVALID_FETCH_SESSION_EPOCH: 71,
  ELECTION_NOT_NEEDED: 84,
  NO_REASSIGNMENT_IN_PROGRESS: 85,
  INVALID_RECORD: 87,
  UNKNOWN_TOPIC_ID: 100,
  TRANSACTIONAL_ID_NOT_FOUND: 105,
} as const;

export function errorCodeOf(error: unknown): number {
  if (error === undefined || error === null) return 0;
  return error instanceof BrokerError ? kafkaErrorCodes[error.kafka] : kafkaErrorCodes.UNKNOWN_SERVER_ERROR;
}

/** What a broker that does not say more of itself answers with. */
export function errorMessageOf(error: unknown): string | null {
  if (error === undefined || error === null) return null;
  return error instanceof BrokerError ? error.message : "The server experienced an unexpected error when processing the request.";
}
