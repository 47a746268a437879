import type { SecureContextOptions } from "node:tls";
import type { Broker } from "../broker/api/broker.js";
import { MillraceError } from "../common/errors.js";
import { clientKeyStore, trustStore } from "../common/key-stores.js";
import type { KafkaBrokerOptions } from "../kafka/kafka-broker.js";
import type { SchemaClient } from "../schema-registry/client.js";
import { HttpSchemaClient } from "../schema-registry/http-client.js";

/** Where a process of its own finds brokers and registry; both are `millrace start`'s on this machine if nothing is said. */
export interface ConnectionConfig {
  /** `host:port`, comma separated; or MILLRACE_BOOTSTRAP_SERVERS */
  readonly "bootstrap.servers"?: string;
  /** or MILLRACE_SCHEMA_REGISTRY_URL */
  readonly "schema.registry.url"?: string;
  /** `user:password` */
  readonly "schema.registry.basic.auth.user.info"?: string;
  readonly "client.id"?: string;
  readonly "security.protocol"?: "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";
  /** PLAIN if absent */
  readonly "sasl.mechanism"?: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly "sasl.username"?: string;
  readonly "sasl.password"?: string;
  /** whose certificates are trusted, PEM or JKS; those that Node trusts if absent */
  readonly "ssl.truststore.location"?: string;
  /** this client's certificate and key, PEM or PKCS12 */
  readonly "ssl.keystore.location"?: string;
  readonly "ssl.keystore.password"?: string;
}

export interface Connection {
  readonly broker: Broker;
  readonly registry: SchemaClient;
  close(): Promise<void>;
}

/** @throws CONFIG_INVALID, and the broker's error where none answers */
export async function connect(config: ConnectionConfig): Promise<Connection> {
  const servers = config["bootstrap.servers"] ?? process.env["MILLRACE_BOOTSTRAP_SERVERS"] ?? "localhost:9092";
  const url = config["schema.registry.url"] ?? process.env["MILLRACE_SCHEMA_REGISTRY_URL"] ?? "http://localhost:8081";
  const { KafkaBroker } = await import("../kafka/kafka-broker.js");
  const broker = await KafkaBroker.open(clusterOptions({ ...config, "bootstrap.servers": servers }));
  const registry = new HttpSchemaClient(url, config["schema.registry.basic.auth.user.info"]);
  return { broker, registry, close: () => broker.close() };
}

/** What the cluster's client takes. @throws CONFIG_INVALID */
export function clusterOptions(config: ConnectionConfig & { readonly "bootstrap.servers": string }): KafkaBrokerOptions {
  const { "security.protocol": protocol = "PLAINTEXT", "sasl.username": username, "sasl.password": password } = config;
  if (protocol.startsWith("SASL_") && (username === undefined || password === undefined))
    throw new MillraceError("CONFIG_INVALID", `security.protocol ${protocol} needs sasl.username and sasl.password`);
  return {
    bootstrapServers: bootstrapServers(config["bootstrap.servers"]),
    ...(config["client.id"] === undefined ? {} : { clientId: config["client.id"] }),
    ...(protocol.endsWith("SSL") ? { tls: tlsOptions(config) } : {}),
    ...(protocol.startsWith("SASL_")
      ? { sasl: { mechanism: config["sasl.mechanism"] ?? "PLAIN", username: username!, password: password! } }
      : {}),
  };
}

function tlsOptions(config: ConnectionConfig): SecureContextOptions {
  const { "ssl.truststore.location": trusted, "ssl.keystore.location": own } = config;
  return {
    ...(trusted === undefined ? {} : { ca: trustStore("ssl.truststore.location", trusted) }),
    ...(own === undefined ? {} : clientKeyStore("ssl.keystore.location", own, config["ssl.keystore.password"] ?? "")),
  };
}

/** @throws CONFIG_INVALID */
export function bootstrapServers(text: string): string[] {
  const servers = text.split(",").flatMap((server) => (server.trim() === "" ? [] : [server.trim()]));
  for (const server of servers)
    if (!/:\d+$/.test(server)) throw new MillraceError("CONFIG_INVALID", `bootstrap.servers: ${server} is not host:port`);
  if (servers.length === 0) throw new MillraceError("CONFIG_INVALID", "bootstrap.servers names no broker");
  return servers;
}
