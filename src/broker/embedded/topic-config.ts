import { ConfigDef, type Setting } from "../../common/config-def.js";
import { type LogConfig, logConfig, logSettings } from "../../log/log-config.js";
import type { TopicConfigEntry } from "../api/broker.js";
import { BrokerError } from "../api/errors.js";

const max = Number.MAX_SAFE_INTEGER;
const accepted = "Accepted so that existing scripts run; one process keeps one copy, so it changes nothing.";

/** Kafka's topic settings that the log itself does not follow. */
const furtherSettings: readonly Setting[] = [
  {
    name: "compression.type",
    type: "STRING",
    default: "producer",
    values: ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"],
    doc: "Batches are kept as the producer compressed them; other values are accepted and not applied.",
  },
  { name: "compression.gzip.level", type: "INT", default: -1, doc: accepted },
  { name: "compression.lz4.level", type: "INT", default: 9, doc: accepted },
  { name: "compression.zstd.level", type: "INT", default: 3, doc: accepted },
  { name: "min.insync.replicas", type: "INT", default: 1, min: 1, doc: accepted },
  { name: "unclean.leader.election.enable", type: "BOOLEAN", default: false, doc: accepted },
  { name: "leader.replication.throttled.replicas", type: "LIST", default: [], doc: accepted },
  { name: "follower.replication.throttled.replicas", type: "LIST", default: [], doc: accepted },
  { name: "flush.messages", type: "LONG", default: max, min: 1, max, doc: "Accepted; acks=all and commits always flush." },
  { name: "flush.ms", type: "LONG", default: max, min: 0, max, doc: "Accepted; acks=all and commits always flush." },
  { name: "preallocate", type: "BOOLEAN", default: false, doc: accepted },
  { name: "segment.jitter.ms", type: "LONG", default: 0, min: 0, max, doc: accepted },
  { name: "message.timestamp.difference.max.ms", type: "LONG", default: max, min: 0, max, doc: accepted },
  { name: "message.timestamp.before.max.ms", type: "LONG", default: max, min: 0, max, doc: accepted },
  { name: "message.timestamp.after.max.ms", type: "LONG", default: max, min: 0, max, doc: accepted },
  { name: "message.format.version", type: "STRING", default: "3.0-IV1", doc: accepted },
  { name: "message.downconversion.enable", type: "BOOLEAN", default: true, doc: accepted },
  { name: "remote.storage.enable", type: "BOOLEAN", default: false, doc: accepted },
  { name: "local.retention.ms", type: "LONG", default: -2, min: -2, max, doc: accepted },
  { name: "local.retention.bytes", type: "LONG", default: -2, min: -2, max, doc: accepted },
];

export const topicConfigDef = new ConfigDef([...logSettings, ...furtherSettings]);

export type TopicConfig = Readonly<Record<string, string>>;

/** @throws INVALID_CONFIG naming every unknown or wrong setting */
export function checkTopicConfig(config: TopicConfig): void {
  const wrong = Object.keys(config)
    .filter((name) => !topicConfigDef.settings.has(name))
    .map((name) => `Unknown topic config name: ${name}`);
  for (const result of topicConfigDef.validate(config)) wrong.push(...result.errors);
  if (wrong.length) throw new BrokerError("INVALID_CONFIG", wrong.join("; "), { context: { errors: wrong } });
}

export function logConfigOf(defaults: TopicConfig, config: TopicConfig): LogConfig {
  return logConfig(topicConfigDef.parse({ ...defaults, ...config }));
}

export function describeConfig(defaults: TopicConfig, config: TopicConfig): TopicConfigEntry[] {
  return topicConfigDef.validate({ ...defaults, ...config }).map(({ setting, value }) => ({
    name: setting.name,
    value: value ?? "",
    source: config[setting.name] === undefined ? "default" : "topic",
    type: setting.type as TopicConfigEntry["type"],
  }));
}
