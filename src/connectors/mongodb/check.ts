import { asError, MillraceError } from "../../common/errors.js";
import { systemClock } from "../../common/time.js";
import type { CheckContext, ConfigProblem, ConnectorConfig } from "../../connect/api/source.js";
import { connect } from "./connection.js";
import { overridePrefix } from "./settings.js";
import { topicWrites } from "./topic-writes.js";

/** Reads the settings of every topic that is named, and connects. */
export async function checkMongo(raw: ConnectorConfig, context: CheckContext): Promise<ConfigProblem[]> {
  const topics = (raw["topics"] ?? "").split(",").map((t) => t.trim());
  const found: ConfigProblem[] = [];
  for (const topic of topics.some((t) => t !== "") ? topics.filter((t) => t !== "") : ["topic"]) {
    try {
      topicWrites(raw, topic, systemClock);
    } catch (error) {
      const message = asError(error).message;
      const own = Object.keys(raw).find((key) => key.startsWith(`${overridePrefix}${topic}.`));
      found.push({ setting: /"database"/.test(message) ? "database" : (own ?? "connector.class"), message });
    }
  }
  if (found.length) return found;
  try {
    await (await connect(raw, context)).close();
    return [];
  } catch (error) {
    const login = error instanceof MillraceError && error.code === "TARGET_FAILED";
    const setting = raw["connection.host"] ? (login ? "connection.user" : "connection.host") : "connection.uri";
    return [{ setting, message: asError(error).message }];
  }
}
