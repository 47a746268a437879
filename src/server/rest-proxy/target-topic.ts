import type { Broker } from "../../broker/api/broker.js";
import { BrokerError } from "../../broker/api/errors.js";
import { restErrors } from "./errors.js";

/** Of a topic that is not there: what it would be created with. @throws 422 for a name that no topic can have */
export async function partitionsOf(broker: Broker, topic: string): Promise<{ count: number; missing: boolean }> {
  const [found] = await broker.describeTopics([topic]);
  if (found) return { count: found.partitions, missing: false };
  const [made] = await broker.createTopics([{ name: topic, partitions: -1 }], { validateOnly: true });
  if (made?.error instanceof BrokerError && made.error.kafka === "INVALID_TOPIC_EXCEPTION")
    throw restErrors.unprocessable(made.error.message);
  return { count: made?.partitions ?? 1, missing: true };
}

/** As a Kafka producer's first record does. */
export async function createWhereMissing(broker: Broker, topic: string): Promise<void> {
  const [made] = await broker.createTopics([{ name: topic, partitions: -1 }]);
  if (made?.error && made.error.code !== "ALREADY_EXISTS") throw made.error;
}

let requests = 0;
/** Where a request's records without a key go: one partition, another one each time. */
export function keylessPartition(count: number): number {
  return requests++ % count;
}
