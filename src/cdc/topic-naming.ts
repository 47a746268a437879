import { MillraceError } from "../common/errors.js";
import { anchored } from "./filters.js";

/** Where the records of a table, and the connector's own, go. */
export interface TopicNaming {
  /** @param parts of the table's name: schema and table (Postgres), database and table (MySQL) */
  table(parts: readonly string[]): string;
  readonly heartbeat: string;
  readonly transaction: string;
  readonly message: string;
  readonly prefix: string;
}

export interface TopicNamingOptions {
  readonly strategy: string;
  readonly prefix: string;
  readonly delimiter: string;
  readonly heartbeatPrefix: string;
  readonly transactionTopic: string;
  /** of DefaultRegexTopicNamingStrategy */
  readonly regex?: string | null;
  readonly replacement?: string | null;
}

const strategies: Record<string, (topic: string) => string> = {
  SchemaTopicNamingStrategy: sanitize,
  DefaultTopicNamingStrategy: sanitize,
  DefaultRegexTopicNamingStrategy: sanitize,
  SchemaUnicodeTopicNamingStrategy: sanitizeUnicode,
  DefaultUnicodeTopicNamingStrategy: sanitizeUnicode,
};

/** @throws MillraceError CONFIG_INVALID on a strategy that is not one of Debezium's own (a Java class of the user's) */
export function topicNaming(options: TopicNamingOptions): TopicNaming {
  const name = options.strategy.slice(options.strategy.lastIndexOf(".") + 1);
  const clean = strategies[name];
  if (!clean)
    throw new MillraceError(
      "CONFIG_INVALID",
      `topic.naming.strategy ${options.strategy} is not available: choose one of ${Object.keys(strategies).join(", ")} in io.debezium.schema`,
    );
  const { prefix, delimiter } = options;
  const regex = name === "DefaultRegexTopicNamingStrategy" && options.regex ? anchored(options.regex) : null;
  const table = (parts: readonly string[]) => {
    const topic = clean([prefix, ...parts].join(delimiter));
    return regex?.matches(topic) ? clean(regex.replaceFirst(topic, options.replacement ?? "")) : topic;
  };
  return {
    prefix,
    table,
    heartbeat: clean([options.heartbeatPrefix, prefix].join(delimiter)),
    transaction: clean([prefix, options.transactionTopic].join(delimiter)),
    message: clean([prefix, "message"].join(delimiter)),
  };
}

/** Kafka's own rule for topic names: anything else becomes an underscore. */
function sanitize(topic: string): string {
  return topic.replace(/[^A-Za-z0-9._-]/g, "_");
}

function sanitizeUnicode(topic: string): string {
  return topic.replace(/[^A-Za-z0-9.-]/g, (c) => `_u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
