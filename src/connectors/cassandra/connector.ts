import type { SinkConnector } from "../../connect/api/sink.js";
import type { ConnectorConfig } from "../../connect/api/source.js";
import { cassandraConfig } from "./settings.js";

export const cassandraSink: SinkConnector = {
  type: "sink",
  classes: ["com.datastax.oss.kafka.sink.CassandraSinkConnector", "com.datastax.kafkaconnector.DseSinkConnector"],
  version: "1.7.4",
  config: cassandraConfig,
  freeKeys: [/^topic\./, /^datastax-java-driver\./],
  taskConfigs: (raw, maxTasks) => new Array<ConnectorConfig>(maxTasks).fill(raw),
  // the driver is 19 MB and a fifth of a second to load, which only who has such a sink should pay
  createTask: async () => new (await import("./task.js")).CassandraSinkTask(),
  check: async (raw, context) => (await import("./check.js")).checkCassandra(raw, context),
};
