import type { ConfigDef } from "../../common/config-def.js";
import { asError } from "../../common/errors.js";
import type { SinkConnector } from "../../connect/api/sink.js";
import type { ConnectorConfig } from "../../connect/api/source.js";
import { confluentConfig, confluentSettings } from "./confluent.js";
import { debeziumConfig, debeziumSettings } from "./debezium.js";
import { connect } from "./postgres/connection.js";
import { OffsetsTable } from "./postgres/offsets.js";
import type { SinkSettings } from "./settings.js";
import { JdbcSinkTask } from "./task.js";

function jdbcSink(
  classes: readonly string[],
  version: string,
  config: ConfigDef,
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
      const client = await connect(settings, context, false);
      try {
        const table = new OffsetsTable(settings.offsetsTable);
        await table.create(client);
        const { connector, clusterId } = context;
        for (const { topic, partition, offset } of offsets)
          await table.alter(client, { connector, clusterId, topicId: context.topicId(topic), partition }, offset);
      } finally {
        await client.end();
      }
    },
    async check(raw, context) {
      try {
        const client = await connect(read(raw), context, false);
        await client.end();
        return [];
      } catch (error) {
        return [{ setting: "connection.url", message: asError(error).message }];
      }
    },
  };
}

export const confluentJdbcSink = jdbcSink(["io.confluent.connect.jdbc.JdbcSinkConnector"], "10.7.0", confluentConfig, confluentSettings);
export const debeziumJdbcSink = jdbcSink(["io.debezium.connector.jdbc.JdbcSinkConnector"], "3.5.0.Final", debeziumConfig, debeziumSettings);
