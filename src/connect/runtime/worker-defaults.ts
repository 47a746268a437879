import type { ConnectorConfig } from "../api/source.js";

const converterSettings = ["key.converter", "value.converter", "header.converter"] as const;
const simpleHeaders = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
/** A connector's own name of what its worker says for all; the worker's holds where the connector says nothing. */
const clients = [
  ["consumer.", "consumer.override."],
  ["producer.", "producer.override."],
] as const;
const restarts = ["tasks.restart.max", "tasks.restart.delay.max.ms"] as const;

/** A connector's config with what its worker's settings add to it: converters, client settings, how its tasks start again. */
export function withWorkerDefaults(config: ConnectorConfig, worker: Readonly<Record<string, string>>): ConnectorConfig {
  const out: Record<string, string> = { ...config };
  for (const setting of converterSettings) {
    if (config[setting]) continue;
    out[setting] = worker[setting] ?? (setting === "header.converter" ? simpleHeaders : "");
    // A converter of the worker's comes with the worker's settings for it, as in Connect.
    for (const [key, value] of Object.entries(worker)) if (key.startsWith(`${setting}.`)) out[key] ??= value;
  }
  for (const [key, value] of Object.entries(worker))
    for (const [prefix, override] of clients)
      if (key.startsWith(prefix) && key !== "consumer.group.id") out[override + key.slice(prefix.length)] ??= value;
  for (const key of restarts) if (worker[key] !== undefined) out[key] ??= worker[key];
  return out;
}
