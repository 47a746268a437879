import { converterOf } from "../../connect/api/managed-formats.js";
import type { ConnectorConfig, SourceConnector } from "../../connect/api/source.js";
import { mysqlSource } from "../mysql/connector.js";
import { postgresSource } from "../postgres/connector.js";

const unwrap = "afterStateOnly";
/** What only the managed service reads. */
const consumed = new Set(["output.data.format", "output.key.format", "after.state.only", "json.output.decimal.format", "cleanup.policy"]);

/** The managed connector's words for converters, transforms and topics, as the connector itself takes them; all else is the same. */
function cdcConfig(given: ConnectorConfig): ConnectorConfig {
  const out: Record<string, string> = { "time.precision.mode": "connect" };
  for (const [name, value] of Object.entries(given)) if (!consumed.has(name)) out[name] = value;
  if (given["value.converter"] === undefined) Object.assign(out, converterOf("value", given["output.data.format"] ?? "JSON"));
  if (given["key.converter"] === undefined) Object.assign(out, converterOf("key", given["output.key.format"] ?? "JSON"));
  const decimals = given["json.output.decimal.format"];
  if (decimals !== undefined && /\.JsonConverter$/.test(out["value.converter"]!)) out["value.converter.decimal.format"] = decimals;
  for (const side of ["key", "value"]) {
    const strategy = given[`${side}.subject.name.strategy`];
    if (strategy !== undefined) out[`${side}.converter.${side}.subject.name.strategy`] = strategy;
    delete out[`${side}.subject.name.strategy`];
  }
  if (given["cleanup.policy"] !== undefined) out["topic.creation.default.cleanup.policy"] ??= given["cleanup.policy"];
  if (given["after.state.only"]?.trim().toLowerCase() === "true") {
    // the user's own transforms are written for the row
    out["transforms"] = [unwrap, ...(given["transforms"] ?? "").split(",").filter((t) => t.trim() !== "")].join(",");
    out[`transforms.${unwrap}.type`] = "io.debezium.transforms.ExtractNewRecordState";
    const tombstones = given["tombstones.on.delete"]?.trim().toLowerCase() !== "false";
    out[`transforms.${unwrap}.delete.tombstone.handling.mode`] = tombstones ? "tombstone" : "drop";
  }
  return out;
}

const managed = (source: SourceConnector, name: string): SourceConnector => ({ ...source, classes: [name], translate: cdcConfig });

/** Confluent Cloud's names of Debezium's connectors. */
export const managedMysqlSource = managed(mysqlSource, "MySqlCdcSourceV2");
export const managedPostgresSource = managed(postgresSource, "PostgresCdcSourceV2");
