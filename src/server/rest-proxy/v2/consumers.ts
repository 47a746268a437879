import { randomUUID } from "node:crypto";
import type { Broker } from "../../../broker/api/broker.js";
import type { Logger } from "../../../common/logger.js";
import type { SchemaClient } from "../../../schema-registry/client.js";
import { restErrors } from "../errors.js";
import type { EmbeddedFormat } from "../media-type.js";
import { Consumer, type ConsumerConfig } from "./consumer.js";

/** ms without a call after which an instance is gone, as `consumer.instance.timeout.ms` is by default */
const idleLimit = 300_000;
const formats: readonly string[] = ["binary", "json", "avro", "jsonschema", "protobuf"];
const settings = new Set([
  "id",
  "name",
  "format",
  "auto.offset.reset",
  "auto.commit.enable",
  "enable.auto.commit",
  "fetch.min.bytes",
  "consumer.request.timeout.ms",
]);

/** The consumer instances of this process. */
export class Consumers {
  private readonly instances = new Map<string, Consumer>();
  private readonly sweeper = setInterval(() => this.sweep(), 10_000).unref();

  constructor(
    private readonly broker: Broker,
    private readonly registry: SchemaClient,
    private readonly logger: Logger,
  ) {}

  /** @throws 40902, 42204 */
  create(group: string, given: Readonly<Record<string, unknown>>): Consumer {
    const config = configOf(group, given);
    const key = keyOf(group, config.name);
    if (this.instances.has(key)) throw restErrors.consumerExists();
    const consumer = new Consumer(config, this.broker, this.registry, this.logger);
    consumer.lastUsed = performance.now();
    this.instances.set(key, consumer);
    return consumer;
  }

  /** @throws 40403 */
  get(group: string, name: string): Consumer {
    const found = this.instances.get(keyOf(group, name));
    if (!found) throw restErrors.consumerNotFound();
    found.lastUsed = performance.now();
    return found;
  }

  /** @throws 40403 */
  async remove(group: string, name: string): Promise<void> {
    const consumer = this.get(group, name);
    this.instances.delete(keyOf(group, name));
    await consumer.close();
  }

  async close(): Promise<void> {
    clearInterval(this.sweeper);
    const all = [...this.instances.values()];
    this.instances.clear();
    await Promise.allSettled(all.map((c) => c.close()));
  }

  private sweep(): void {
    const limit = performance.now() - idleLimit;
    for (const [key, consumer] of this.instances)
      if (consumer.lastUsed < limit) {
        this.instances.delete(key);
        void consumer.close().catch((error) => this.logger.warn("an idle consumer was not closed well", { key, error }));
      }
  }
}

const keyOf = (group: string, name: string) => `${group}\n${name}`;

function configOf(group: string, given: Readonly<Record<string, unknown>>): ConsumerConfig {
  for (const key of Object.keys(given)) if (!settings.has(key)) throw restErrors.unprocessable(`Unrecognized field: ${key}`);
  const text = (key: string): string | undefined => {
    const value = given[key];
    return value === undefined || value === null || value === "" ? undefined : String(value);
  };
  const oneOf = (key: string, allowed: readonly string[], standard: string): string => {
    const value = text(key)?.toLowerCase() ?? standard;
    if (!allowed.includes(value)) throw restErrors.invalidConsumerConfig(`${key} must be one of ${allowed.join(", ")}, not ${value}`);
    return value;
  };
  const number = (key: string, standard: number, least: number, most: number): number => {
    const value = Number(text(key) ?? standard);
    if (!Number.isInteger(value) || value < least || value > most)
      throw restErrors.invalidConsumerConfig(`${key} must be a whole number from ${least} to ${most}`);
    return value;
  };
  return {
    group,
    name: text("name") ?? text("id") ?? `rest-consumer-${randomUUID()}`,
    format: oneOf("format", formats, "binary") as EmbeddedFormat,
    reset: oneOf("auto.offset.reset", ["earliest", "latest", "none"], "latest") as ConsumerConfig["reset"],
    autoCommit:
      oneOf(given["auto.commit.enable"] === undefined ? "enable.auto.commit" : "auto.commit.enable", ["true", "false"], "true") === "true",
    minBytes: number("fetch.min.bytes", 1, -1, 10_000_000),
    requestTimeoutMs: number("consumer.request.timeout.ms", 1000, 0, 30_000),
  };
}
