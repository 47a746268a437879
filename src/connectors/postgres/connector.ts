import { cdcFreeKeys } from "../../cdc/settings.js";
import { MillraceError } from "../../common/errors.js";
import type { ConnectorConfig, SourceConnector } from "../../connect/api/source.js";
import { checkPostgres } from "./check.js";
import { readOffset } from "./offsets.js";
import { postgresConfig } from "./settings.js";
import { sourceVersion } from "./source-block.js";
import { PostgresSourceTask } from "./task.js";

/** A truncate event has no key, which a compacted topic refuses: where they are sent, topics keep everything instead. */
function keptTopics(config: ConnectorConfig): ConnectorConfig {
  const skipped = (config["skipped.operations"] ?? "t").split(",").map((s) => s.trim());
  if (skipped.includes("t")) return {};
  const at = "topic.creation.default.";
  return { [`${at}cleanup.policy`]: "delete", [`${at}retention.ms`]: "-1", [`${at}retention.bytes`]: "-1" };
}

/** Change data capture from Postgres, by the configs and with the events of Debezium's connector. */
export const postgresSource: SourceConnector = {
  type: "source",
  classes: ["io.debezium.connector.postgresql.PostgresConnector"],
  version: sourceVersion,
  config: postgresConfig,
  freeKeys: cdcFreeKeys,
  check: checkPostgres,
  taskConfigs: (config) => [{ ...keptTopics(config), ...config }],
  createTask: () => new PostgresSourceTask(),
  checkOffsets(offsets) {
    for (const { partition, offset } of offsets) {
      if (typeof partition["server"] !== "string")
        throw new MillraceError("CONFIG_INVALID", 'A partition of this connector is {"server": "<topic.prefix>"}');
      if (offset) readOffset(offset);
    }
  },
};
