import { ConfigDef } from "../../common/config-def.js";
import { checkUrl, fieldFilter, ownSettings, requireUrl, type SinkSettings } from "./settings.js";
import { checkTimeZone, timeZone } from "./time-zone.js";

/** Settings of `io.debezium.connector.jdbc.JdbcSinkConnector` with its names and defaults. */
export const debeziumConfig = new ConfigDef([
  { name: "connection.url", type: "STRING", importance: "HIGH", group: "Connection", doc: "JDBC connection URL.", check: checkUrl },
  { name: "connection.username", type: "STRING", default: null, importance: "HIGH", group: "Connection", doc: "Database user." },
  { name: "connection.password", type: "PASSWORD", default: null, importance: "HIGH", group: "Connection", doc: "Database password." },
  {
    name: "insert.mode",
    type: "STRING",
    default: "insert",
    values: ["insert", "upsert", "update"],
    importance: "HIGH",
    group: "Runtime",
    doc: "How a row is written.",
  },
  {
    name: "delete.enabled",
    type: "BOOLEAN",
    default: false,
    group: "Runtime",
    doc: "Delete events and tombstones delete the row of their key; needs primary.key.mode=record_key.",
    check: (value, config) =>
      value === true && config["primary.key.mode"] !== "record_key" ? "deletes need primary.key.mode=record_key" : undefined,
  },
  { name: "truncate.enabled", type: "BOOLEAN", default: false, group: "Runtime", doc: "Truncate events empty the table." },
  { name: "batch.size", type: "INT", default: 500, min: 1, group: "Runtime", doc: "Accepted; transactions are sized by what is waiting." },
  {
    name: "use.reduction.buffer",
    type: "BOOLEAN",
    default: false,
    group: "Runtime",
    doc: "Accepted; of several changes of a key in one transaction the last is written in any case.",
  },
  {
    name: "primary.key.mode",
    type: "STRING",
    default: "none",
    values: ["none", "kafka", "record_key", "record_value", "record_header"],
    importance: "HIGH",
    group: "Data Mapping",
    doc: "Where the primary key is taken from.",
    check: (value, config) =>
      value === "none" && ["upsert", "update"].includes(config["insert.mode"] ?? "insert")
        ? `insert.mode=${config["insert.mode"]} needs a primary key: set primary.key.mode`
        : undefined,
  },
  {
    name: "primary.key.fields",
    type: "LIST",
    default: [],
    group: "Data Mapping",
    doc: "The primary key's fields; by default all of the key's, value's or headers'.",
  },
  {
    name: "schema.evolution",
    type: "STRING",
    default: "none",
    values: ["none", "basic"],
    importance: "HIGH",
    group: "Schema",
    doc: "basic: create missing tables and add missing columns.",
  },
  {
    name: "quote.identifiers",
    type: "BOOLEAN",
    default: false,
    group: "Data Mapping",
    doc: "Keep the names as they are; else the database folds them.",
  },
  {
    name: "collection.name.format",
    aliases: ["table.name.format"],
    type: "STRING",
    default: "${topic}",
    group: "Data Mapping",
    doc: "The table's name; ${topic} stands for the topic's, its dots as underscores.",
  },
  {
    name: "field.include.list",
    type: "LIST",
    default: [],
    group: "Data Mapping",
    doc: "Fields that become columns, as `field` or `topic:field`; all if empty.",
  },
  { name: "field.exclude.list", type: "LIST", default: [], group: "Data Mapping", doc: "Fields that do not, as `field` or `topic:field`." },
  {
    name: "use.time.zone",
    aliases: ["database.time_zone"],
    type: "STRING",
    default: "UTC",
    group: "Data Mapping",
    doc: "The wall clock that instants are written by where the column has no time zone: a name (Europe/Berlin) or an offset (+02:00).",
    check: checkTimeZone,
  },
  {
    name: "flush.max.retries",
    type: "INT",
    default: 5,
    min: 0,
    group: "Runtime",
    doc: "How often a passing failure of the database is tried again; a lost connection always is.",
  },
  { name: "flush.retry.delay.ms", type: "INT", default: 1000, min: 0, group: "Runtime", doc: "Pause before a retry." },
  ...ownSettings,
]);

export function debeziumSettings(raw: Readonly<Record<string, string>>): SinkSettings {
  const config = debeziumConfig.parse(raw);
  const format = config.string("collection.name.format");
  const evolve = config.string("schema.evolution") === "basic";
  return {
    url: requireUrl(config, "connection.url"),
    columnTypes: "debezium",
    timeZone: timeZone(config.string("use.time.zone")) ?? null,
    user: config.optionalString("connection.username"),
    password: config.optionalString("connection.password"),
    insertMode: config.string("insert.mode") as SinkSettings["insertMode"],
    primaryKey: config.string("primary.key.mode") as SinkSettings["primaryKey"],
    primaryKeyFields: config.list("primary.key.fields"),
    deleteEnabled: config.boolean("delete.enabled"),
    truncateEnabled: config.boolean("truncate.enabled"),
    autoCreate: evolve,
    autoEvolve: evolve,
    quoteIdentifiers: config.boolean("quote.identifiers"),
    tableName: (topic) => format.replaceAll("${topic}", topic.replaceAll(".", "_")),
    includesField: fieldFilter(config.list("field.include.list"), config.list("field.exclude.list")),
    tombstoneWithoutDelete: "skip",
    batchSize: 20_000,
    maxRetries: config.number("flush.max.retries"),
    retryBackoffMs: config.number("flush.retry.delay.ms"),
    offsetsTable: config.string("millrace.offsets.table"),
    lanes: config.number("millrace.lanes"),
  };
}
