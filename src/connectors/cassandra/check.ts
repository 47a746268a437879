import { asError, MillraceError } from "../../common/errors.js";
import type { CheckContext, ConfigProblem, ConnectorConfig } from "../../connect/api/source.js";
import { connect } from "./connection.js";
import { cassandraSettings } from "./settings.js";
import { openTarget, TargetProblem } from "./target.js";
import { topicSettings } from "./topic-settings.js";

/** Connects and looks whether keyspaces, tables and columns are what the config says; every problem names its setting. */
export async function checkCassandra(raw: ConnectorConfig, context: CheckContext): Promise<ConfigProblem[]> {
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
}

/** Which setting a failed connection is said of. */
function settingOf(error: unknown): string {
  const message = asError(error).message;
  if (/localDataCenter|data centers?/i.test(message)) return "loadBalancing.localDc";
  const named = /^(ssl\.[\w.]+):/.exec(message)?.[1];
  if (named) return named;
  return error instanceof MillraceError && error.code === "TARGET_FAILED" ? "auth.username" : "contactPoints";
}
