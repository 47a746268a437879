import type { SinkConnector } from "../../connect/api/sink.js";
import type { ConnectorConfig } from "../../connect/api/source.js";
import { atlasConfig } from "./atlas.js";
import { mongoConfig } from "./settings.js";

export const mongoSink: SinkConnector = {
  type: "sink",
  classes: ["com.mongodb.kafka.connect.MongoSinkConnector"],
  version: "2.0.1",
  config: mongoConfig,
  freeKeys: [/^topic\.override\./],
  taskConfigs: (raw, maxTasks) => new Array<ConnectorConfig>(maxTasks).fill(raw),
  // the driver takes time and memory to load, which only who has such a sink should pay
  createTask: async () => new (await import("./task.js")).MongoSinkTask(),
  check: async (raw, context) => (await import("./check.js")).checkMongo(raw, context),
};

/** Confluent Cloud's name of the same, with its own words. */
export const mongoAtlasSink: SinkConnector = {
  ...mongoSink,
  classes: ["MongoDbAtlasSink"],
  translate: atlasConfig,
};
