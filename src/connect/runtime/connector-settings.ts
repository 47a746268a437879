import { ConfigDef, type Setting } from "../../common/config-def.js";
import { JavaPattern } from "../../common/regex/java-pattern.js";

/** Settings that the runtime itself reads, of every connector: Kafka Connect's, with its defaults and words. */
const common: readonly Setting[] = [
  {
    name: "name",
    type: "STRING",
    importance: "HIGH",
    group: "Common",
    displayName: "Connector name",
    doc: "Globally unique name to use for this connector.",
    check: nameProblem,
  },
  {
    name: "connector.class",
    type: "STRING",
    importance: "HIGH",
    group: "Common",
    displayName: "Connector class",
    doc: "Name or alias of the class for this connector.",
  },
  {
    name: "tasks.max",
    type: "INT",
    default: 1,
    min: 1,
    importance: "HIGH",
    group: "Common",
    displayName: "Tasks max",
    doc: "Maximum number of tasks to use for this connector.",
  },
  {
    name: "tasks.max.enforce",
    type: "BOOLEAN",
    default: true,
    importance: "LOW",
    group: "Common",
    doc: "Whether more tasks than tasks.max are refused.",
  },
  {
    name: "key.converter",
    type: "CLASS",
    default: null,
    importance: "LOW",
    group: "Common",
    displayName: "Key converter class",
    doc: "Converter between Connect's data and the keys in the topic; the worker's if absent.",
  },
  {
    name: "value.converter",
    type: "CLASS",
    default: null,
    importance: "LOW",
    group: "Common",
    displayName: "Value converter class",
    doc: "Converter between Connect's data and the values in the topic; the worker's if absent.",
  },
  {
    name: "header.converter",
    type: "CLASS",
    default: null,
    importance: "LOW",
    group: "Common",
    displayName: "Header converter class",
    doc: "Converter between Connect's data and the headers in the topic; the worker's if absent.",
  },
  {
    name: "transforms",
    type: "LIST",
    default: [],
    importance: "LOW",
    group: "Transforms",
    displayName: "Transforms",
    doc: "Aliases for the transformations to be applied to records, in order.",
    check: (v) => duplicates(v),
  },
  {
    name: "predicates",
    type: "LIST",
    default: [],
    importance: "LOW",
    group: "Predicates",
    displayName: "Predicates",
    doc: "Aliases for the predicates used by transformations.",
    check: (v) => duplicates(v),
  },
  {
    name: "config.action.reload",
    type: "STRING",
    default: "restart",
    values: ["none", "restart"],
    importance: "LOW",
    group: "Common",
    displayName: "Reload action",
    doc: "What to do when a config provider says that a value has changed; values are read whenever a task starts.",
  },
  {
    name: "tasks.restart.max",
    type: "INT",
    default: -1,
    min: -1,
    importance: "LOW",
    group: "Error Handling",
    displayName: "Tasks restart max",
    doc: "How often in a row a task starts again by itself after a fault that may pass, before it stays FAILED; -1: without an end. A task that has worked since begins anew. Not one of Kafka Connect's.",
  },
  {
    name: "tasks.restart.delay.max.ms",
    type: "LONG",
    default: 10_000,
    min: 1,
    importance: "LOW",
    group: "Error Handling",
    displayName: "Maximum delay before a task restarts",
    doc: "Greatest wait in ms before a task starts again by itself; the first is 250 ms and each next one twice as long. Not one of Kafka Connect's.",
  },
  {
    name: "errors.retry.timeout",
    type: "LONG",
    default: 0,
    min: -1,
    importance: "MEDIUM",
    group: "Error Handling",
    displayName: "Retry Timeout for Errors",
    doc: "For how many ms a failed operation is tried again; 0: not at all, -1: without an end.",
  },
  {
    name: "errors.retry.delay.max.ms",
    type: "LONG",
    default: 60_000,
    min: 1,
    importance: "MEDIUM",
    group: "Error Handling",
    displayName: "Maximum Delay Between Retries for Errors",
    doc: "Greatest wait in ms between two tries.",
  },
  {
    name: "errors.tolerance",
    type: "STRING",
    default: "none",
    values: ["none", "all"],
    importance: "MEDIUM",
    group: "Error Handling",
    displayName: "Error Tolerance",
    doc: "Written out, none fails the task at a bad record and all goes on. Where no errors.* is set at all, a bad record goes to the error store and the task goes on.",
  },
  {
    name: "errors.log.enable",
    type: "BOOLEAN",
    default: false,
    importance: "MEDIUM",
    group: "Error Handling",
    displayName: "Log Errors",
    doc: "Logs each error, with the operation and the record's position.",
  },
  {
    name: "errors.log.include.messages",
    type: "BOOLEAN",
    default: false,
    importance: "MEDIUM",
    group: "Error Handling",
    displayName: "Log Error Details",
    doc: "Logs the record's topic, partition, offset and timestamp too; never its content.",
  },
];

const source: readonly Setting[] = [
  {
    name: "topic.creation.groups",
    type: "LIST",
    default: [],
    importance: "LOW",
    group: "Topic Creation",
    displayName: "Topic Creation Groups",
    doc: "Groups of settings for topics that the connector creates: topic.creation.GROUP.include and so on.",
  },
  {
    name: "exactly.once.support",
    type: "STRING",
    default: "requested",
    values: ["requested", "required"],
    importance: "MEDIUM",
    group: "Exactly Once Support",
    doc: "Records and source offsets are always written in one transaction; both words are accepted.",
  },
  {
    name: "transaction.boundary",
    type: "STRING",
    default: "poll",
    values: ["poll", "interval", "connector"],
    importance: "MEDIUM",
    group: "Exactly Once Support",
    doc: "A transaction holds what one poll gave; interval is accepted and no longer ones are made.",
    check: (v) =>
      v === "connector"
        ? "The connector does not support connector-defined transaction boundaries with the given configuration. Please reconfigure it to use a different transaction boundary definition."
        : undefined,
  },
  {
    name: "transaction.boundary.interval.ms",
    type: "LONG",
    default: null,
    min: 0,
    importance: "LOW",
    group: "Exactly Once Support",
    doc: "Accepted; a transaction holds what one poll gave.",
  },
  {
    name: "offsets.storage.topic",
    type: "STRING",
    default: null,
    importance: "LOW",
    group: "Offsets Topic",
    doc: "Accepted; source offsets are in the worker's connect-offsets.",
  },
];

const sink: readonly Setting[] = [
  {
    name: "topics",
    type: "LIST",
    default: [],
    importance: "HIGH",
    group: "Common",
    displayName: "Topics",
    doc: "Topics to consume, separated by commas.",
    check: topicsProblem,
  },
  {
    name: "topics.regex",
    type: "STRING",
    default: "",
    importance: "HIGH",
    group: "Common",
    displayName: "Topics regex",
    doc: "Regular expression of the topics to consume; new topics that match join.",
    check: regexProblem,
  },
  {
    name: "errors.deadletterqueue.topic.name",
    type: "STRING",
    default: "",
    importance: "MEDIUM",
    group: "Error Handling",
    displayName: "Dead Letter Queue Topic Name",
    doc: "Topic that bad records are written to, besides the error store.",
  },
  {
    name: "errors.deadletterqueue.topic.replication.factor",
    type: "INT",
    default: 3,
    importance: "MEDIUM",
    group: "Error Handling",
    displayName: "Dead Letter Queue Topic Replication Factor",
    doc: "Replication factor of the dead letter queue where it is created.",
  },
  {
    name: "errors.deadletterqueue.context.headers.enable",
    type: "BOOLEAN",
    default: false,
    importance: "MEDIUM",
    group: "Error Handling",
    displayName: "Enable Error Context Headers",
    doc: "Adds the __connect.errors.* headers to records in the dead letter queue.",
  },
];

export const sourceDef = new ConfigDef([...common, ...source]);
export const sinkDef = new ConfigDef([...common, ...sink]);

/** Keys of the runtime's that are not declared one by one. */
export const runtimeFreeKeys: readonly RegExp[] = [
  /^_/,
  /^(producer|consumer|admin)\.override\./,
  /^topic\.creation\.(default|[^.]+)\.(replication\.factor|partitions|include|exclude|[a-z.]+)$/,
  /^plugin\.version$/,
  /^(key|value|header)\.converter\.plugin\.version$/,
];

/** What a group leaves out is as in the default group, so that is what its defaults are. */
export const topicCreationSettings = (group: string, config: Readonly<Record<string, string>>): Setting[] => [
  {
    name: `topic.creation.${group}.replication.factor`,
    type: "INT",
    default: group === "default" ? -1 : (config["topic.creation.default.replication.factor"] ?? -1),
    min: -1,
    importance: "LOW",
    group: "Topic Creation",
    doc: "Replication factor of new topics; -1: the broker's default.",
  },
  {
    name: `topic.creation.${group}.partitions`,
    type: "INT",
    default: group === "default" ? -1 : (config["topic.creation.default.partitions"] ?? -1),
    min: -1,
    importance: "LOW",
    group: "Topic Creation",
    doc: "Partitions of new topics; -1: the broker's default.",
  },
  ...(group === "default"
    ? []
    : ([
        {
          name: `topic.creation.${group}.include`,
          type: "LIST",
          importance: "LOW",
          group: "Topic Creation",
          doc: "Regular expressions of the topics of this group.",
          check: (v: unknown) => (v as readonly string[]).map(regexProblem).find((p) => p !== undefined),
        },
        {
          name: `topic.creation.${group}.exclude`,
          type: "LIST",
          default: [],
          importance: "LOW",
          group: "Topic Creation",
          doc: "Regular expressions of topics that are not of this group.",
        },
      ] as Setting[])),
];

function nameProblem(value: unknown): string | undefined {
  const name = String(value);
  if (name.trim() === "") return "String may not be empty";
  return /[\u0000-\u001f\u007f-\u009f]/.test(name) ? "String may not contain control sequences" : undefined;
}

function duplicates(value: unknown): string | undefined {
  const list = value as readonly string[];
  return new Set(list).size === list.length ? undefined : "Duplicate alias provided";
}

function topicsProblem(value: unknown, config: Readonly<Record<string, string>>): string | undefined {
  const topics = value as readonly string[];
  if (topics.length && config["topics.regex"]?.trim()) return "only one of topics and topics.regex may be set";
  const queue = config["errors.deadletterqueue.topic.name"];
  return queue && topics.includes(queue) ? `the dead letter queue topic ${queue} may not be one of the topics consumed` : undefined;
}

function regexProblem(value: unknown): string | undefined {
  try {
    new JavaPattern(String(value));
    return undefined;
  } catch (e) {
    return (e as Error).message;
  }
}
