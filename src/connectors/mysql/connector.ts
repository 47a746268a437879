import { cdcFreeKeys } from "../../cdc/settings.js";
import { checkOffsets, keptTopics } from "../../cdc/source-connector.js";
import type { SourceConnector } from "../../connect/api/source.js";
import { checkMysql } from "./check.js";
import { readOffset } from "./offsets.js";
import { mysqlConfig } from "./settings.js";
import { type Flavor, sourceVersion } from "./source-block.js";
import { MysqlSourceTask } from "./task.js";

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
    checkOffsets: (offsets) => checkOffsets(offsets, readOffset),
  };
}

/** Change data capture from MySQL and MariaDB, by the configs and with the events of Debezium's connectors. */
export const mysqlSource = source("mysql", ["io.debezium.connector.mysql.MySqlConnector"]);
export const mariadbSource = source("mariadb", ["io.debezium.connector.mariadb.MariaDbConnector"]);
