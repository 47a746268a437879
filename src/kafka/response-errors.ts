import { BrokerError, type KafkaErrorName, kafkaErrorCodes } from "../broker/api/errors.js";

const names = new Map(Object.entries(kafkaErrorCodes).map(([name, code]) => [code as number, name as KafkaErrorName]));

/** Codes that say "ask elsewhere or again": a leader or coordinator that moved or is not up yet, a topic whose news has not spread. */
const LEADER_NOT_AVAILABLE = 5;
const NOT_LEADER = 6;
const NETWORK_EXCEPTION = 13;
const NOT_ENOUGH_REPLICAS = 19;
const NOT_CONTROLLER = 41;
const movedCodes: ReadonlySet<number> = new Set([
  LEADER_NOT_AVAILABLE,
  NOT_LEADER,
  NETWORK_EXCEPTION,
  kafkaErrorCodes.COORDINATOR_LOAD_IN_PROGRESS,
  kafkaErrorCodes.COORDINATOR_NOT_AVAILABLE,
  kafkaErrorCodes.NOT_COORDINATOR,
  NOT_ENOUGH_REPLICAS,
  NOT_CONTROLLER,
  kafkaErrorCodes.KAFKA_STORAGE_ERROR,
]);

export const isMoved = (code: number): boolean => movedCodes.has(code);

/** undefined for code 0. */
export function errorOf(code: number, what: string, message?: string | null): BrokerError | undefined {
  if (code === 0) return undefined;
  const name = names.get(code);
  const text = message ? `${what}: ${message}` : `${what}: ${name ?? `Kafka's error ${code}`}`;
  return new BrokerError(name ?? (isMoved(code) ? "COORDINATOR_NOT_AVAILABLE" : "UNKNOWN_SERVER_ERROR"), text, { context: { code } });
}

/** @throws BrokerError unless the code is 0 */
export function check(code: number, what: string, message?: string | null): void {
  const error = errorOf(code, what, message);
  if (error) throw error;
}
