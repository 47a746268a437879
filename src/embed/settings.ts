import { existsSync, readFileSync } from "node:fs";

import { type Config, ConfigDef, type Setting } from "../common/config-def.js";
import { asError, MillraceError } from "../common/errors.js";
import { lazyPackage } from "../common/lazy-package.js";
import type { ClusterConfig } from "./millrace.js";

/** Loaded where there is a file to read: a start without one is smaller. */
const yaml = lazyPackage<typeof import("yaml")>("yaml");

const port = (name: string, standard: number, what: string): Setting => ({
  name,
  type: "INT",
  default: standard,
  min: 0,
  max: 65535,
  doc: `Port of ${what}; 0 picks a free one.`,
});

/** The settings of a Millrace process: flag over environment (`MILLRACE_KAFKA_PORT`) over `millrace.yaml` (`kafka.port`). */
export const settingsDef = new ConfigDef([
  { name: "dir", type: "STRING", default: "millrace-data", doc: "The data folder; one process at a time." },
  {
    name: "bootstrap.servers",
    type: "STRING",
    default: null,
    doc: "host:port, comma separated, of an Apache Kafka cluster that holds topics, groups, transactions and changelogs instead of the data folder (docs/reference/cluster.md).",
  },
  {
    name: "bootstrap.security.protocol",
    type: "STRING",
    default: "PLAINTEXT",
    values: ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
    doc: "How the cluster is spoken to.",
  },
  {
    name: "bootstrap.sasl.mechanism",
    type: "STRING",
    default: "PLAIN",
    values: ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
    doc: "How this process proves to the cluster who it is.",
  },
  { name: "bootstrap.sasl.username", type: "STRING", default: null, doc: "The name to the cluster." },
  { name: "bootstrap.sasl.password", type: "PASSWORD", default: null, doc: "Its password." },
  {
    name: "bootstrap.ssl.truststore.location",
    type: "STRING",
    default: null,
    doc: "A PEM or JKS file with the certificates that the cluster's are checked against; those that Node trusts if absent.",
  },
  {
    name: "bootstrap.ssl.keystore.location",
    type: "STRING",
    default: null,
    doc: "A PEM or PKCS12 file with this process' certificate and key, where the cluster asks for one.",
  },
  { name: "bootstrap.ssl.keystore.password", type: "PASSWORD", default: null, doc: "The key's password." },
  port("kafka.port", 9092, "the Kafka protocol"),
  port("registry.port", 8081, "the schema registry"),
  port("rest-proxy.port", 8082, "the REST proxy"),
  port("connect.port", 8083, "the Connect REST interface"),
  port("sql.port", 8088, "the ksqlDB REST interface"),
  port("console.port", 9021, "health, metrics and the error store"),
  { name: "listen", type: "STRING", default: "127.0.0.1", doc: "The address that the ports are bound to." },
  {
    name: "insecure",
    type: "BOOLEAN",
    default: false,
    doc: "Allow an address other than loopback although no credentials are configured.",
  },
  {
    name: "host",
    type: "LIST",
    default: [],
    doc: "Where host names of connector configs are: name=address:port, comma separated (flag: once for each).",
  },
  {
    name: "plugins",
    type: "STRING",
    default: null,
    doc: "A folder with connectors, transforms, predicates and converters of your own (docs/guide/write-a-connector.md).",
  },
  {
    name: "services",
    type: "STRING",
    default: null,
    doc: "A folder with stream services of your own, which run in this process (docs/guide/write-a-service.md).",
  },
  {
    name: "functions",
    type: "STRING",
    default: null,
    doc: "A folder with SQL functions of your own (docs/guide/write-a-function.md).",
  },
  {
    name: "sql.extensions",
    type: "BOOLEAN",
    default: true,
    doc: "What streaming SQL has beyond ksqlDB (docs/reference/sql-extensions.md); false brings ksqlDB's errors back. A session says SET 'millrace.sql.extensions'='false'.",
  },
  { name: "secret.key", type: "PASSWORD", default: null, doc: "Encrypts stored secrets, in place of the key file in the data folder." },
  { name: "log.level", type: "STRING", default: "info", values: ["debug", "info", "warn", "error"], doc: "Least level that is logged." },
  { name: "log.format", type: "STRING", default: null, values: ["text", "json"], doc: "Default: text on a terminal, else json." },
]);

/** `kafka.port` → `kafka-port` (flag) and `MILLRACE_KAFKA_PORT` (environment). */
export const flagOf = (name: string): string => name.replace(/\./g, "-");
export const variableOf = (name: string): string => `MILLRACE_${name.replace(/[.-]/g, "_").toUpperCase()}`;

/**
 * @param flags by setting name, as given on the command line
 * @throws MillraceError CONFIG_INVALID naming every wrong setting and where it was set
 */
export function readSettings(flags: Readonly<Record<string, string>>, environment: NodeJS.ProcessEnv, file = "millrace.yaml"): Config {
  const merged: Record<string, string> = {};
  if (existsSync(file)) {
    let content: unknown;
    try {
      content = yaml().parse(readFileSync(file, "utf8"));
    } catch (error) {
      throw new MillraceError("CONFIG_INVALID", `${file} is not YAML: ${asError(error).message}`, { cause: error });
    }
    flatten(content, "", merged);
    for (const name of Object.keys(merged))
      if (!settingsDef.find(name) && !/^(connect|ksql)\./.test(name))
        throw new MillraceError("CONFIG_INVALID", `${file}: ${name} is not a setting`);
  }
  for (const name of settingsDef.settings.keys()) {
    const value = environment[variableOf(name)];
    if (value !== undefined) merged[name] = value;
  }
  return settingsDef.parse({ ...merged, ...flags });
}

function flatten(value: unknown, prefix: string, into: Record<string, string>): void {
  if (Array.isArray(value)) into[prefix] = value.join(",");
  else if (value !== null && typeof value === "object")
    for (const [key, inner] of Object.entries(value)) flatten(inner, prefix ? `${prefix}.${key}` : key, into);
  else if (value !== null && value !== undefined) into[prefix] = String(value);
}

/**
 * The Connect worker's own settings: from `millrace.yaml` (`connect: { key.converter: … }`), and over it from the environment by
 * the rule of its containers: `CONNECT_` taken off, lower case, and `_` is `.`, `__` is `-`, `___` is `_`.
 */
export function workerSettings(environment: NodeJS.ProcessEnv, file: Readonly<Record<string, string>> = {}): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(file))
    if (name.startsWith("connect.") && !settingsDef.find(name)) found[name.slice("connect.".length)] = value;
  for (const [name, value] of Object.entries(environment))
    if (name.startsWith("CONNECT_") && value !== undefined)
      found[
        name
          .slice("CONNECT_".length)
          .toLowerCase()
          .replace(/_{1,3}/g, (run) => [".", "-", "_"][run.length - 1]!)
      ] = value;
  return found;
}

/** Levels as the containers take them, by logger: `CONNECT_LOG4J_LOGGERS=org.apache.kafka.connect=DEBUG,io.debezium=TRACE`. */
export function loggerLevels(worker: Readonly<Record<string, string>>): [string, string][] {
  return (worker["log4j.loggers"] ?? "")
    .split(",")
    .map((pair) => pair.split("=", 2).map((part) => part.trim()))
    .filter((pair): pair is [string, string] => pair.length === 2 && pair[0] !== "");
}

/** The Apache Kafka cluster that the settings name. */
export function clusterOf(settings: Config): ClusterConfig | undefined {
  const servers = settings.optionalString("bootstrap.servers");
  if (servers === null) return undefined;
  const given = (
    name: "sasl.username" | "sasl.password" | "ssl.truststore.location" | "ssl.keystore.location" | "ssl.keystore.password",
  ) => {
    const value = settings.optionalString(`bootstrap.${name}`);
    return value === null ? {} : { [name]: value };
  };
  return {
    "bootstrap.servers": servers,
    "security.protocol": settings.string("bootstrap.security.protocol") as NonNullable<ClusterConfig["security.protocol"]>,
    "sasl.mechanism": settings.string("bootstrap.sasl.mechanism") as NonNullable<ClusterConfig["sasl.mechanism"]>,
    ...given("sasl.username"),
    ...given("sasl.password"),
    ...given("ssl.truststore.location"),
    ...given("ssl.keystore.location"),
    ...given("ssl.keystore.password"),
  };
}
