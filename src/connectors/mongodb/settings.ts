import { type Config, ConfigDef, type RawConfig, type Setting } from "../../common/config-def.js";
import { asError } from "../../common/errors.js";
import { JavaPattern } from "../../common/regex/java-pattern.js";
import type { ConnectorConfig } from "../../connect/api/source.js";

const sink = "com.mongodb.kafka.connect.sink";
const idPackage = `${sink}.processor.id.strategy`;
const writePackage = `${sink}.writemodel.strategy`;

export const idStrategies = [
  "BsonOidStrategy",
  "KafkaMetaDataStrategy",
  "FullKeyStrategy",
  "PartialKeyStrategy",
  "PartialValueStrategy",
  "ProvidedInKeyStrategy",
  "ProvidedInValueStrategy",
  "UuidStrategy",
  "UuidProvidedInKeyStrategy",
  "UuidProvidedInValueStrategy",
] as const;
export type IdStrategyName = (typeof idStrategies)[number];

export const writeStrategies = [
  "DefaultWriteModelStrategy",
  "InsertOneDefaultStrategy",
  "ReplaceOneDefaultStrategy",
  "ReplaceOneBusinessKeyStrategy",
  "DeleteOneDefaultStrategy",
  "DeleteOneBusinessKeyStrategy",
  "UpdateOneDefaultStrategy",
  "UpdateOneTimestampsStrategy",
  "UpdateOneBusinessKeyTimestampStrategy",
] as const;
export type WriteStrategyName = (typeof writeStrategies)[number];

export const postProcessors = [
  "DocumentIdAdder",
  "BlockListKeyProjector",
  "BlockListValueProjector",
  "AllowListKeyProjector",
  "AllowListValueProjector",
  "KafkaMetaAdder",
  "RenameByMapping",
  "RenameByRegex",
  "NullFieldValueRemover",
] as const;
export type PostProcessorName = (typeof postProcessors)[number];

export const cdcHandlers = ["MongoDbHandler", "RdbmsHandler", "MysqlHandler", "PostgresHandler", "ChangeStreamHandler"] as const;
export type CdcHandlerName = (typeof cdcHandlers)[number];

/** The names of older versions of the connector. */
const olderNames: Readonly<Record<string, string>> = {
  BlacklistKeyProjector: "BlockListKeyProjector",
  BlacklistValueProjector: "BlockListValueProjector",
  WhitelistKeyProjector: "AllowListKeyProjector",
  WhitelistValueProjector: "AllowListValueProjector",
  UuidInKeyStrategy: "UuidProvidedInKeyStrategy",
  UuidInValueStrategy: "UuidProvidedInValueStrategy",
};

/** The last part of a class name, in today's words. */
export function simpleName(className: string): string {
  const simple = className.trim().split(/[.$]/).at(-1)!;
  return olderNames[simple] ?? simple;
}

function oneOf(names: readonly string[], what: string): NonNullable<Setting["check"]> {
  return (value) => {
    const wrong = (Array.isArray(value) ? value : [value]).find((v) => v !== "" && !names.includes(simpleName(String(v))));
    return wrong === undefined ? undefined : `${wrong} is no ${what} that is built in; there are ${names.join(", ")}`;
  };
}

const projections = (prefix: string, what: string): Setting[] => [
  {
    name: `${prefix}.projection.type`,
    type: "STRING",
    default: "none",
    values: ["none", "allowlist", "blocklist", "whitelist", "blacklist"],
    group: "Documents",
    doc: `Whether the list names what is kept or what is left out ${what}.`,
  },
  {
    name: `${prefix}.projection.list`,
    type: "LIST",
    default: [],
    group: "Documents",
    doc: `Fields ${what}: dotted paths, \`*\` for any name of one level, \`**\` for any number of levels.`,
  },
];

const fieldPath = (part: "key" | "value", what: "database" | "collection"): Setting => ({
  name: `namespace.mapper.${part}.${what}.field`,
  type: "STRING",
  default: "",
  group: "Namespace",
  doc: `FieldPathNamespaceMapper: the field of the ${part} that names the ${what}, as a dotted path.`,
});

/** Settings of `com.mongodb.kafka.connect.MongoSinkConnector` with its names; all but the connection's may be overridden by topic. */
export const mongoConfig = new ConfigDef([
  {
    name: "connection.uri",
    type: "STRING",
    default: "mongodb://localhost:27017",
    importance: "HIGH",
    group: "Connection",
    doc: "The connection string, with all options of MongoDB's own.",
  },
  {
    name: "connection.host",
    type: "STRING",
    default: "",
    group: "Connection",
    doc: "The managed connector's host, in place of a connection string.",
  },
  { name: "connection.user", type: "STRING", default: "", group: "Connection", doc: "The user, where the connection string names none." },
  {
    name: "mongodb.auth.mechanism",
    type: "STRING",
    default: "",
    values: ["", "DEFAULT", "SCRAM-SHA-1", "SCRAM-SHA-256", "MONGODB-X509", "PLAIN", "MONGODB-AWS"],
    group: "Connection",
    doc: "The managed connector's way to log in, where the connection string names none.",
  },
  { name: "connection.password", type: "PASSWORD", default: "", group: "Connection", doc: "The user's password." },
  {
    name: "server.api.version",
    type: "STRING",
    default: "",
    values: ["", "1"],
    group: "Connection",
    doc: "The version of the Stable API to declare.",
  },
  {
    name: "server.api.deprecationErrors",
    type: "BOOLEAN",
    default: false,
    group: "Connection",
    doc: "Whether deprecated commands are errors.",
  },
  {
    name: "server.api.strict",
    type: "BOOLEAN",
    default: false,
    group: "Connection",
    doc: "Whether commands beyond the Stable API are errors.",
  },
  { name: "connection.ssl.truststore", type: "STRING", default: "", group: "TLS", doc: "Trusted certificates, PEM or JKS." },
  { name: "connection.ssl.truststorePassword", type: "PASSWORD", default: "", group: "TLS", doc: "Password of the trust store." },
  { name: "connection.ssl.keystore", type: "STRING", default: "", group: "TLS", doc: "The client's key and certificate, PKCS12 or PEM." },
  { name: "connection.ssl.keystorePassword", type: "PASSWORD", default: "", group: "TLS", doc: "Password of the key store." },
  {
    name: "database",
    type: "STRING",
    default: "",
    importance: "HIGH",
    group: "Namespace",
    doc: "The database; required unless a namespace mapper names it.",
  },
  {
    name: "collection",
    type: "STRING",
    default: "",
    importance: "HIGH",
    group: "Namespace",
    doc: "The collection; the topic's name where it is empty.",
  },
  {
    name: "namespace.mapper",
    type: "CLASS",
    default: `${sink}.namespace.mapping.DefaultNamespaceMapper`,
    group: "Namespace",
    doc: "DefaultNamespaceMapper, or FieldPathNamespaceMapper: database and collection come from fields of the record.",
    check: oneOf(["DefaultNamespaceMapper", "FieldPathNamespaceMapper"], "namespace mapper"),
  },
  fieldPath("key", "database"),
  fieldPath("key", "collection"),
  fieldPath("value", "database"),
  fieldPath("value", "collection"),
  {
    name: "namespace.mapper.error.if.invalid",
    type: "BOOLEAN",
    default: false,
    group: "Namespace",
    doc: "Whether a record without such a field is refused; otherwise it goes to database and collection.",
  },
  {
    name: "document.id.strategy",
    type: "CLASS",
    default: `${idPackage}.BsonOidStrategy`,
    importance: "HIGH",
    group: "Documents",
    doc: "Where a document's `_id` comes from.",
    check: oneOf(idStrategies, "id strategy"),
  },
  {
    name: "document.id.strategy.overwrite.existing",
    type: "BOOLEAN",
    default: false,
    group: "Documents",
    doc: "Whether an `_id` that the value has is replaced by the strategy's.",
  },
  {
    name: "document.id.strategy.uuid.format",
    type: "STRING",
    default: "string",
    values: ["string", "binary"],
    group: "Documents",
    doc: "How the UUID strategies write the `_id`.",
  },
  ...projections("document.id.strategy.partial.key", "of PartialKeyStrategy's `_id`"),
  ...projections("document.id.strategy.partial.value", "of PartialValueStrategy's `_id`"),
  ...projections("key", "of the key, for the key projectors"),
  ...projections("value", "of the value, for the value projectors"),
  {
    name: "field.renamer.mapping",
    type: "STRING",
    default: "[]",
    group: "Documents",
    doc: 'RenameByMapping: `[{"oldName": "value.a.b", "newName": "c"}]`.',
    check: (value) => problemOf(() => renameMapping(String(value))),
  },
  {
    name: "field.renamer.regexp",
    type: "STRING",
    default: "[]",
    group: "Documents",
    doc: 'RenameByRegex: `[{"regexp": "^value\\\\.a.*$", "pattern": "_", "replace": "-"}]`.',
    check: (value) => problemOf(() => renameRegexps(String(value))),
  },
  {
    name: "post.processor.chain",
    type: "LIST",
    default: [`${sink}.processor.DocumentIdAdder`],
    group: "Documents",
    doc: "What is done to a document before it is written, in order; DocumentIdAdder comes first where it is not named.",
    check: oneOf(postProcessors, "post processor"),
  },
  {
    name: "writemodel.strategy",
    type: "CLASS",
    default: `${writePackage}.DefaultWriteModelStrategy`,
    importance: "HIGH",
    group: "Writing",
    doc: "How a record with a value is written.",
    check: oneOf(writeStrategies, "write model strategy"),
  },
  {
    name: "delete.writemodel.strategy",
    type: "CLASS",
    default: `${writePackage}.DeleteOneDefaultStrategy`,
    group: "Writing",
    doc: "How a record without a value is written, with delete.on.null.values.",
    check: oneOf(["DeleteOneDefaultStrategy", "DeleteOneBusinessKeyStrategy"], "delete strategy"),
  },
  {
    name: "delete.on.null.values",
    type: "BOOLEAN",
    default: false,
    group: "Writing",
    doc: "Whether a record without a value deletes the document of its key; otherwise it is passed over.",
    check: deletesByKey,
  },
  {
    name: "change.data.capture.handler",
    type: "CLASS",
    default: "",
    group: "Writing",
    doc: "Reads the values as change events: Debezium's (MongoDbHandler, RdbmsHandler, MysqlHandler, PostgresHandler) or MongoDB's (ChangeStreamHandler).",
    check: (value) =>
      /qlik|attunity/i.test(String(value)) ? "Qlik's events are not supported" : oneOf(cdcHandlers, "CDC handler")(value, {}),
  },
  {
    name: "max.batch.size",
    type: "INT",
    default: 0,
    min: 0,
    group: "Writing",
    doc: "Documents of one bulk write at the most; 0: as many as wait, up to 1,000.",
  },
  {
    name: "bulk.write.ordered",
    type: "BOOLEAN",
    default: true,
    group: "Writing",
    doc: "Whether the writes of a bulk are carried out one after the other.",
  },
  {
    name: "rate.limiting.timeout",
    type: "INT",
    default: 0,
    min: 0,
    group: "Writing",
    doc: "Pause in ms after every `rate.limiting.every.n` bulk writes.",
  },
  { name: "rate.limiting.every.n", type: "INT", default: 0, min: 0, group: "Writing", doc: "Bulk writes between two pauses; 0: none." },
  {
    name: "max.num.retries",
    type: "INT",
    default: 3,
    min: 0,
    group: "Errors",
    doc: "How often a write that the server refuses, perhaps in passing, is tried again. A server that is away is waited for.",
  },
  {
    name: "retries.defer.timeout",
    type: "INT",
    default: 100,
    min: 0,
    group: "Errors",
    doc: "Pause in ms before the first retry; it doubles up to 5 s.",
  },
  {
    name: "mongo.errors.tolerance",
    type: "STRING",
    default: "",
    values: ["", "none", "all", "data"],
    group: "Errors",
    doc: "Over `errors.tolerance`, for documents that are refused. `data`: as `all`.",
  },
  { name: "mongo.errors.log.enable", type: "BOOLEAN", default: false, group: "Errors", doc: "Log each refused document's error." },
  {
    name: "timeseries.timefield",
    type: "STRING",
    default: "",
    group: "Time series",
    doc: "Field with the time: the collection is made as a time series.",
  },
  { name: "timeseries.metafield", type: "STRING", default: "", group: "Time series", doc: "Field that groups the series." },
  {
    name: "timeseries.expire.after.seconds",
    type: "LONG",
    default: 0,
    group: "Time series",
    doc: "When documents expire; below 1: never.",
  },
  {
    name: "timeseries.granularity",
    type: "STRING",
    default: "",
    values: ["", "seconds", "minutes", "hours"],
    group: "Time series",
    doc: "Expected interval.",
  },
  {
    name: "timeseries.timefield.auto.convert",
    type: "BOOLEAN",
    default: false,
    group: "Time series",
    doc: "Make a date of the time field's number or text.",
  },
  {
    name: "timeseries.timefield.auto.convert.date.format",
    type: "STRING",
    default: "yyyy-MM-dd[['T'][ ]][HH:mm:ss[[.][SSSSSS][SSS]][ ]VV[ ]'['VV']'][HH:mm:ss[[.][SSSSSS][SSS]][ ]X][HH:mm:ss[[.][SSSSSS][SSS]]]",
    group: "Time series",
    doc: "Pattern of the time field's text, Java's DateTimeFormatter.",
  },
  {
    name: "timeseries.timefield.auto.convert.locale.language.tag",
    type: "STRING",
    default: "ROOT",
    group: "Time series",
    doc: "Accepted; names are English.",
  },
]);

/** Which of the settings a topic may have for itself: `topic.override.TOPIC.NAME`. */
export const overridePrefix = "topic.override.";

/** The settings of one topic. @throws CONFIG_INVALID */
export function topicConfig(raw: ConnectorConfig, topic: string): Config {
  const prefix = `${overridePrefix}${topic}.`;
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) if (name.startsWith(prefix)) own[name.slice(prefix.length)] = value;
  return mongoConfig.parse({ ...raw, ...own });
}

const byKey = new Set<string>(["FullKeyStrategy", "PartialKeyStrategy", "ProvidedInKeyStrategy", "UuidProvidedInKeyStrategy"]);

function deletesByKey(value: unknown, config: RawConfig): string | undefined {
  if (value !== true || config["change.data.capture.handler"]) return undefined;
  const strategy = simpleName(config["document.id.strategy"] ?? "BsonOidStrategy");
  return byKey.has(strategy)
    ? undefined
    : `a record without a value has only its key: document.id.strategy must be one of ${[...byKey].join(", ")}, it is ${strategy}`;
}

function problemOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return asError(error).message;
  }
}

export interface Renaming {
  readonly part: "key" | "value";
  readonly path: readonly string[];
  readonly to: string;
}
export interface RegexRenaming {
  /** of the whole path, `value.a.b` */
  readonly path: JavaPattern;
  readonly pattern: JavaPattern;
  readonly replace: string;
}

/** @throws RangeError saying what is wrong with the JSON */
export function renameMapping(text: string): Renaming[] {
  return entries(text, ["oldName", "newName"]).map(([from, to]) => {
    const [part, ...path] = from!.split(".");
    if ((part !== "key" && part !== "value") || path.length === 0)
      throw new RangeError(`oldName ${from}: expected key.FIELD or value.FIELD`);
    return { part, path, to: to! };
  });
}

/** @throws RangeError saying what is wrong with the JSON or with a pattern */
export function renameRegexps(text: string): RegexRenaming[] {
  return entries(text, ["regexp", "pattern", "replace"]).map(([path, pattern, replace]) => ({
    path: new JavaPattern(path!),
    pattern: new JavaPattern(pattern!),
    replace: replace!,
  }));
}

function entries(text: string, names: readonly string[]): string[][] {
  if (text.trim() === "") return [];
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new RangeError("expected a JSON array");
  return list.map((entry: unknown) =>
    names.map((name) => {
      const value = (entry as Record<string, unknown> | null)?.[name];
      if (typeof value !== "string") throw new RangeError(`an entry has no ${name}: ${JSON.stringify(entry)}`);
      return value;
    }),
  );
}
