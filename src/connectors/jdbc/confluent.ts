import { ConfigDef } from "../../common/config-def.js";
import { dialectNames } from "./dialects.js";
import { checkDialect, checkUrl, fieldFilter, ownSettings, requireUrl, type SinkSettings } from "./settings.js";
import { checkTimeZone, timeZone } from "./time-zone.js";

/** Settings of `io.confluent.connect.jdbc.JdbcSinkConnector` with its names and defaults. */
export const confluentConfig = new ConfigDef([
  { name: "connection.url", type: "STRING", importance: "HIGH", group: "Connection", doc: "JDBC connection URL.", check: checkUrl },
  { name: "connection.user", type: "STRING", default: null, importance: "HIGH", group: "Connection", doc: "Database user." },
  { name: "connection.password", type: "PASSWORD", default: null, importance: "HIGH", group: "Connection", doc: "Database password." },
  {
    name: "dialect.name",
    type: "STRING",
    default: null,
    values: dialectNames,
    importance: "LOW",
    group: "Connection",
    doc: "The database's dialect; by default the URL tells.",
    check: (value, config) => (value === null ? undefined : checkDialect(String(value), config["connection.url"] ?? "")),
  },
  {
    name: "insert.mode",
    type: "STRING",
    default: "insert",
    values: ["insert", "upsert", "update"],
    importance: "HIGH",
    group: "Writes",
    doc: "How a row is written.",
  },
  { name: "batch.size", type: "INT", default: 3000, min: 0, group: "Writes", doc: "Accepted; transactions are sized by what is waiting." },
  {
    name: "delete.enabled",
    type: "BOOLEAN",
    default: false,
    group: "Writes",
    doc: "A record without a value deletes the row of its key; needs pk.mode=record_key.",
    check: (value, config) => (value === true && config["pk.mode"] !== "record_key" ? "deletes need pk.mode=record_key" : undefined),
  },
  {
    name: "table.types",
    type: "LIST",
    default: ["TABLE"],
    importance: "LOW",
    group: "Writes",
    doc: "Kinds of relations that may be written to; accepted, tables and updatable views both work.",
  },
  {
    name: "table.name.format",
    type: "STRING",
    default: "${topic}",
    group: "Data Mapping",
    doc: "The table's name; ${topic} stands for the topic's.",
  },
  {
    name: "pk.mode",
    type: "STRING",
    default: "none",
    values: ["none", "kafka", "record_key", "record_value"],
    importance: "HIGH",
    group: "Data Mapping",
    doc: "Where the primary key is taken from.",
    check: (value, config) =>
      value === "none" && ["upsert", "update"].includes(config["insert.mode"] ?? "insert")
        ? `insert.mode=${config["insert.mode"]} needs a primary key: set pk.mode`
        : undefined,
  },
  {
    name: "pk.fields",
    type: "LIST",
    default: [],
    group: "Data Mapping",
    doc: "The primary key's fields; by default all of the key's or of the value's.",
  },
  {
    name: "fields.whitelist",
    aliases: ["fields.include.list"],
    type: "LIST",
    default: [],
    group: "Data Mapping",
    doc: "Value fields that become columns; all if empty.",
  },
  {
    name: "db.timezone",
    type: "STRING",
    default: "UTC",
    group: "Data Mapping",
    doc: "The wall clock that instants are written by where the column has no time zone: a name (Europe/Berlin) or an offset (+02:00).",
    check: checkTimeZone,
  },
  { name: "auto.create", type: "BOOLEAN", default: false, group: "DDL Support", doc: "Create a missing table." },
  {
    name: "auto.evolve",
    type: "BOOLEAN",
    default: false,
    group: "DDL Support",
    doc: "Add columns that a record has and the table has not.",
  },
  {
    name: "quote.sql.identifiers",
    type: "STRING",
    default: "always",
    values: ["always", "never"],
    group: "DDL Support",
    doc: "Keep the names as they are, or let the database fold them.",
  },
  {
    name: "max.retries",
    type: "INT",
    default: 10,
    min: 0,
    group: "Retries",
    doc: "How often a passing failure of the database is tried again; a lost connection always is.",
  },
  { name: "retry.backoff.ms", type: "INT", default: 3000, min: 0, group: "Retries", doc: "Pause before a retry." },
  ...ownSettings,
]);

export function confluentSettings(raw: Readonly<Record<string, string>>): SinkSettings {
  const config = confluentConfig.parse(raw);
  const format = config.string("table.name.format");
  return {
    url: requireUrl(config, "connection.url"),
    columnTypes: "confluent",
    timeZone: timeZone(config.string("db.timezone")) ?? null,
    user: config.optionalString("connection.user"),
    password: config.optionalString("connection.password"),
    insertMode: config.string("insert.mode") as SinkSettings["insertMode"],
    primaryKey: config.string("pk.mode") as SinkSettings["primaryKey"],
    primaryKeyFields: config.list("pk.fields"),
    deleteEnabled: config.boolean("delete.enabled"),
    truncateEnabled: false,
    autoCreate: config.boolean("auto.create"),
    autoEvolve: config.boolean("auto.evolve"),
    quoteIdentifiers: config.string("quote.sql.identifiers") === "always",
    tableName: (topic) => format.replaceAll("${topic}", topic),
    includesField: fieldFilter(config.list("fields.whitelist"), []),
    tombstoneWithoutDelete: "error",
    batchSize: 20_000,
    maxRetries: config.number("max.retries"),
    retryBackoffMs: config.number("retry.backoff.ms"),
    offsetsTable: config.string("millrace.offsets.table"),
    lanes: config.number("millrace.lanes"),
  };
}
