import { cdcFreeKeys } from "../../cdc/settings.js";
import { MillraceError } from "../../common/errors.js";
import type { ConnectorConfig, SourceConnector } from "../../connect/api/source.js";
import { checkMysql } from "./check.js";
import { readOffset } from "./offsets.js";
import { mysqlConfig } from "./settings.js";
import { type Flavor, sourceVersion } from "./source-block.js";
import { MysqlSourceTask } from "./task.js";

/** A truncate event has no key, which a compacted topic refuses: where they are sent, topics keep everything instead. */
function keptTopics(config: ConnectorConfig): ConnectorConfig {
  const skipped = (config["skipped.operations"] ?? "t").split(",").map((s) => s.trim());
  if (skipped.includes("t")) return {};
  const at = "topic.creation.default.";
  return { [`${at}cleanup.policy`]: "delete", [`${at}retention.ms`]: "-1", [`${at}retention.bytes`]: "-1" };
}

function source(flavor: Flavor, classes: readonly string[]): SourceConnector {
  return {
    type: "source",
    classes,
    version: sourceVersion,
    config: mysqlConfig,
    freeKeys: [...cdcFreeKeys, /^(schema\.history\.internal|database\.history)\./],
    check: (config, context) => checkMysql(config, context, flavor),
    taskConfigs: (config) => [{ ...keptTopics(config), ...config }],
    createTask: () => new MysqlSourceTask(flavor),
    checkOffsets(offsets) {
      for (const { partition, offset } of offsets) {
        if (typeof partition["server"] !== "string")
          throw new MillraceError("CONFIG_INVALID", 'A partition of this connector is {"server": "<topic.prefix>"}');
        if (offset) readOffset(offset);
      }
    },
  };
}

/** Change data capture from MySQL and MariaDB, by the configs and with the events of Debezium's connectors. */
export const mysqlSource = source("mysql", ["io.debezium.connector.mysql.MySqlConnector"]);
export const mariadbSource = source("mariadb", ["io.debezium.connector.mariadb.MariaDbConnector"]);
