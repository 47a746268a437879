import { converterOf } from "../../connect/api/managed-formats.js";
import type { ConnectorConfig } from "../../connect/api/source.js";

/** The managed connector's words for the connector's own settings. */
const renamed: Readonly<Record<string, string>> = {
  "write.strategy": "writemodel.strategy",
  "doc.id.strategy": "document.id.strategy",
  "doc.id.strategy.overwrite.existing": "document.id.strategy.overwrite.existing",
  "doc.id.strategy.uuid.format": "document.id.strategy.uuid.format",
  "namespace.mapper.class": "namespace.mapper",
  "key.projection.type": "document.id.strategy.partial.key.projection.type",
  "key.projection.list": "document.id.strategy.partial.key.projection.list",
  "value.projection.type": "document.id.strategy.partial.value.projection.type",
  "value.projection.list": "document.id.strategy.partial.value.projection.list",
};

const handlers: Readonly<Record<string, string>> = {
  none: "",
  mongodbchangestreamhandler: "ChangeStreamHandler",
  changestreamhandler: "ChangeStreamHandler",
  debeziummongodbhandler: "MongoDbHandler",
  mongodbhandler: "MongoDbHandler",
  debeziummysqlhandler: "MysqlHandler",
  mysqlhandler: "MysqlHandler",
  debeziumpostgreshandler: "PostgresHandler",
  postgreshandler: "PostgresHandler",
};

/** `MongoDbAtlasSink` as com.mongodb.kafka.connect.MongoSinkConnector takes it; a setting of the connector's own name is kept. */
export function atlasConfig(given: ConnectorConfig): ConnectorConfig {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const to = renamed[name];
    if (to !== undefined) out[to] ??= value;
    else if (name === "cdc.handler") out["change.data.capture.handler"] = handlers[value.trim().toLowerCase()] ?? value;
    else if (name === "connection.host") out[name] = hostOf(value, given["mongodb.instance.type"]);
    else if (!["input.data.format", "input.key.format", "mongodb.instance.type"].includes(name)) out[name] = value;
  }
  if (given["value.converter"] === undefined) Object.assign(out, converterOf("value", given["input.data.format"] ?? "JSON"));
  if (given["key.converter"] === undefined) Object.assign(out, converterOf("key", given["input.key.format"] ?? "STRING"));
  if (given["field.renamer.mapping"] !== undefined && given["post.processor.chain"] === undefined)
    out["post.processor.chain"] = "DocumentIdAdder,RenameByMapping";
  return out;
}

/** A server of one's own is found by its address, not by DNS records. */
function hostOf(host: string, instance: string | undefined): string {
  return /^self/i.test(instance?.trim() ?? "") && !host.includes("://") ? `mongodb://${host}` : host;
}
