import type { ConfigDef } from "../../common/config-def.js";
import { asError } from "../../common/errors.js";
import type { SinkConnector } from "../../connect/api/sink.js";
import type { ConnectorConfig } from "../../connect/api/source.js";
import { confluentConfig, confluentSettings } from "./confluent.js";
import { debeziumConfig, debeziumSettings } from "./debezium.js";
import { dialectOf } from "./dialects.js";
import { OffsetsTable } from "./offsets.js";
import type { SinkSettings } from "./settings.js";
import { JdbcSinkTask } from "./task.js";

function jdbcSink(
  classes: readonly string[],
  version: string,
  config: ConfigDef,
  userSetting: string,
  read: (config: ConnectorConfig) => SinkSettings,
): SinkConnector {
  return {
    type: "sink",
    classes,
    version,
    config,
    freeKeys: [/^connection\./, /^hibernate\./],
    taskConfigs: (raw, maxTasks) => new Array<ConnectorConfig>(maxTasks).fill(raw),
    createTask: () => new JdbcSinkTask(read),
    async alterOffsets(raw, offsets, context) {
      const settings = read(raw);
      const dialect = dialectOf(settings);
      const session = await dialect.connect(settings, context);
      try {
        const table = new OffsetsTable(dialect, settings.offsetsTable);
        await table.create(session);
        const { connector, clusterId } = context;
        for (const { topic, partition, offset } of offsets)
          await table.alter(session, { connector, clusterId, topicId: context.topicId(topic), partition }, offset);
      } finally {
        await session.end();
      }
    },
    async check(raw, context) {
      const settings = read(raw);
      const dialect = dialectOf(settings);
      const unfit = dialect.checkSettings?.(settings);
      if (unfit) return [{ setting: "connection.url", message: unfit }];
      try {
        await (await dialect.connect(settings, context)).end();
        return [];
      } catch (error) {
        const setting = dialect.refusesUs((error as Error).cause) === "credentials" ? userSetting : "connection.url";
        return [{ setting, message: asError(error).message }];
      }
    },
  };
}

export const confluentJdbcSink = jdbcSink(
  ["io.confluent.connect.jdbc.JdbcSinkConnector"],
  "10.7.0",
  confluentConfig,
  "connection.user",
  confluentSettings,
);
export const debeziumJdbcSink = jdbcSink(
  ["io.debezium.connector.jdbc.JdbcSinkConnector"],
  "3.5.0.Final",
  debeziumConfig,
  "connection.username",
  debeziumSettings,
);
