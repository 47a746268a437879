import { cdcFreeKeys } from "../../cdc/settings.js";
import { checkOffsets, keptTopics } from "../../cdc/source-connector.js";
import type { SourceConnector } from "../../connect/api/source.js";
import { checkPostgres } from "./check.js";
import { readOffset } from "./offsets.js";
import { postgresConfig } from "./settings.js";
import { sourceVersion } from "./source-block.js";
import { PostgresSourceTask } from "./task.js";

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
  checkOffsets: (offsets) => checkOffsets(offsets, readOffset),
};
