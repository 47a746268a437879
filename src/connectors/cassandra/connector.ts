import { asError, MillraceError } from "../../common/errors.js";
import type { SinkConnector } from "../../connect/api/sink.js";
import type { ConfigProblem, ConnectorConfig } from "../../connect/api/source.js";
import { connect } from "./connection.js";
import { cassandraConfig, cassandraSettings } from "./settings.js";
import { openTarget, TargetProblem } from "./target.js";
import { CassandraSinkTask } from "./task.js";
import { topicSettings } from "./topic-settings.js";

export const cassandraSink: SinkConnector = {
  type: "sink",
  classes: ["com.datastax.oss.kafka.sink.CassandraSinkConnector", "com.datastax.kafkaconnector.DseSinkConnector"],
  version: "1.7.4",
  config: cassandraConfig,
  freeKeys: [/^topic\./, /^datastax-java-driver\./],
  taskConfigs: (raw, maxTasks) => new Array<ConnectorConfig>(maxTasks).fill(raw),
  createTask: () => new CassandraSinkTask(),
  async check(raw, context) {
    const { topics, problems } = topicSettings(raw);
    if (problems.length) return problems;
    let client: Awaited<ReturnType<typeof connect>>;
    try {
      client = await connect(cassandraSettings(raw), context);
    } catch (error) {
      return [{ setting: settingOf(error), message: asError(error).message }];
    }
    try {
      const found: ConfigProblem[] = [];
      for (const { tables } of topics.values())
        for (const table of tables) {
          try {
            await openTarget(client, table);
          } catch (error) {
            const setting = error instanceof TargetProblem ? error.setting : `${table.prefix}.mapping`;
            found.push({ setting, message: asError(error).message });
          }
        }
      return found;
    } finally {
      await client.shutdown();
    }
  },
};

/** Which setting a failed connection is said of. */
function settingOf(error: unknown): string {
  const message = asError(error).message;
  if (/localDataCenter|data centers?/i.test(message)) return "loadBalancing.localDc";
  const named = /^(ssl\.[\w.]+):/.exec(message)?.[1];
  if (named) return named;
  return error instanceof MillraceError && error.code === "TARGET_FAILED" ? "auth.username" : "contactPoints";
}
