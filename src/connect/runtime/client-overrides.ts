import { ConfigDef, type Setting } from "../../common/config-def.js";
import type { ConfigProblem, ConnectorConfig } from "../api/source.js";
import { withPrefix } from "./transform-chain.js";

export const codecs = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** What `consumer.override.*` may say here; the rest of a Kafka consumer's settings has nothing to change. */
const consumer: readonly Setting[] = [
  { name: "group.id", type: "STRING", default: null, doc: "The group whose offsets a sink commits; connect-NAME if absent." },
  {
    name: "auto.offset.reset",
    type: "STRING",
    default: "earliest",
    values: ["earliest", "latest"],
    doc: "Where a sink begins in a partition of which its group has no offset.",
  },
  {
    name: "isolation.level",
    type: "STRING",
    default: "read_committed",
    values: ["read_committed", "read_uncommitted"],
    doc: "Whether a sink sees records of transactions that are open or were aborted.",
  },
  { name: "fetch.max.bytes", type: "INT", default: 4 * 1024 * 1024, min: 1, doc: "Bytes of one poll over all partitions." },
  { name: "max.partition.fetch.bytes", type: "INT", default: 1024 * 1024, min: 1, doc: "Bytes of one poll of one partition." },
];
const producer: readonly Setting[] = [
  { name: "compression.type", type: "STRING", default: "none", values: codecs, doc: "Compression of a source's batches." },
  {
    name: "transaction.timeout.ms",
    type: "INT",
    default: 60_000,
    min: 1,
    doc: "After so long without an end the broker aborts a source's transaction.",
  },
];

export const consumerOverrides = new ConfigDef(consumer);
export const producerOverrides = new ConfigDef(producer);

const prefixes: readonly (readonly [string, ConfigDef])[] = [
  ["consumer.override.", consumerOverrides],
  ["producer.override.", producerOverrides],
  ["admin.override.", new ConfigDef([])],
];

/** What is wrong with a connector's client settings, and which of them change nothing. */
export function checkOverrides(config: ConnectorConfig, policy: string | undefined): { problems: ConfigProblem[]; warnings: string[] } {
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  for (const [prefix, def] of prefixes) {
    const given = withPrefix(config, prefix);
    for (const name of Object.keys(given)) {
      if (policy && !allowed(policy, name))
        problems.push({
          setting: prefix + name,
          message: `The '${policy}' policy does not allow '${name}' to be overridden in the connector configuration.`,
        });
      else if (!def.find(name)) warnings.push(`${prefix}${name} is accepted and changes nothing here`);
    }
    for (const { setting, errors } of def.validate(given))
      for (const message of errors) problems.push({ setting: prefix + setting.name, message });
  }
  return { problems, warnings };
}

/** A worker's `connector.client.config.override.policy`, by its short name or its class. */
function allowed(policy: string, name: string): boolean {
  const word = policy.slice(policy.lastIndexOf(".") + 1).replace(/ConnectorClientConfigOverridePolicy$/, "");
  if (/^none$/i.test(word)) return false;
  return !/^principal$/i.test(word) || /^(security\.protocol|sasl\.(jaas\.config|mechanism))$/.test(name);
}
