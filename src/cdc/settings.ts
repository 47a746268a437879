import type { Setting } from "../common/config-def.js";
import { adjustmentModes } from "../common/schema-names.js";
import { patternProblem } from "./filters.js";

const patterns = { type: "LIST", default: null, check: patternProblem } as const;

/** Settings that Debezium's relational connectors share; `without effect` ones are accepted so that existing configs run. */
export const cdcSettings: readonly Setting[] = [
  {
    name: "topic.prefix",
    type: "STRING",
    aliases: ["database.server.name"],
    importance: "HIGH",
    doc: "The namespace of this database server: the first part of every topic name, and the identity of the stored offsets.",
    check: (v) => (/^[A-Za-z0-9._-]+$/.test(String(v)) ? undefined : "only letters, digits, dots, underscores and hyphens are allowed"),
  },
  { name: "topic.delimiter", type: "STRING", default: ".", doc: "Between the parts of a topic name." },
  {
    name: "topic.naming.strategy",
    type: "CLASS",
    default: "io.debezium.schema.SchemaTopicNamingStrategy",
    doc: "How topics are named: SchemaTopicNamingStrategy, DefaultTopicNamingStrategy, DefaultRegexTopicNamingStrategy (with topic.regex and topic.replacement), or the Unicode variants.",
  },
  {
    name: "topic.regex",
    type: "STRING",
    default: null,
    doc: "For DefaultRegexTopicNamingStrategy: the expression that a topic name must match to be renamed.",
  },
  {
    name: "topic.replacement",
    type: "STRING",
    default: null,
    doc: "For DefaultRegexTopicNamingStrategy: the new name, with $1 and so on.",
  },
  {
    name: "topic.heartbeat.prefix",
    type: "STRING",
    aliases: ["heartbeat.topics.prefix"],
    default: "__debezium-heartbeat",
    doc: "The first part of the heartbeat topic's name.",
  },
  { name: "topic.transaction", type: "STRING", default: "transaction", doc: "The last part of the transaction topic's name." },
  { name: "topic.cache.size", type: "INT", default: 10000, doc: "Without effect: every topic name is remembered." },
  {
    name: "table.include.list",
    aliases: ["table.whitelist"],
    doc: "Tables to capture: regular expressions, anchored, of the whole name (schema.table). Without it, all.",
    ...patterns,
  },
  { name: "table.exclude.list", aliases: ["table.blacklist"], doc: "Tables to leave out, where there is no include list.", ...patterns },
  { name: "table.ignore.builtin", type: "BOOLEAN", default: true, doc: "Leaves out the database's own tables. They are never captured." },
  {
    name: "column.include.list",
    aliases: ["column.whitelist"],
    doc: "Columns to keep in values: regular expressions of schema.table.column. Key columns are always in the key.",
    ...patterns,
  },
  { name: "column.exclude.list", aliases: ["column.blacklist"], doc: "Columns to leave out of values.", ...patterns },
  {
    name: "message.key.columns",
    type: "STRING",
    default: null,
    doc: "Keys of one's own: `schema.table:column1,column2;…`, the table's part being a regular expression.",
  },
  {
    name: "column.propagate.source.type",
    aliases: ["column.propagate.source.type.list"],
    doc: "Columns whose schema carries the source's type, length and scale as parameters.",
    ...patterns,
  },
  {
    name: "datatype.propagate.source.type",
    doc: "The same by data type: regular expressions of schema.table.typename or of the type's name.",
    ...patterns,
  },
  {
    name: "decimal.handling.mode",
    type: "STRING",
    default: "precise",
    values: ["precise", "double", "string"],
    doc: "precise: Connect's Decimal (or VariableScaleDecimal); double: float64, may lose digits; string: the number's text.",
  },
  {
    name: "time.precision.mode",
    type: "STRING",
    default: "adaptive",
    values: ["adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"],
    doc: "How dates and times are represented.",
  },
  {
    name: "binary.handling.mode",
    type: "STRING",
    default: "bytes",
    values: ["bytes", "base64", "base64-url-safe", "hex"],
    doc: "How binary columns are represented.",
  },
  {
    name: "schema.name.adjustment.mode",
    type: "STRING",
    default: "none",
    values: adjustmentModes,
    doc: "How schema names are made to fit Avro: none, avro (a bad character becomes _), avro_unicode (_uXXXX).",
  },
  { name: "field.name.adjustment.mode", type: "STRING", default: "none", values: adjustmentModes, doc: "The same for field names." },
  {
    name: "tombstones.on.delete",
    type: "BOOLEAN",
    default: true,
    doc: "Whether a delete is followed by a record with the key and a null value, so that compaction forgets the key.",
  },
  {
    name: "skipped.operations",
    type: "STRING",
    default: "t",
    doc: "Operations to leave out while streaming: c, u, d, t, or none.",
    check: (v) =>
      String(v)
        .split(",")
        .every((o) => ["c", "u", "d", "t", "r", "none", ""].includes(o.trim()))
        ? undefined
        : "expected a list of c, u, d, t, or none",
  },
  {
    name: "skip.messages.without.change",
    type: "BOOLEAN",
    default: false,
    doc: "Leaves out an update that changes none of the captured columns; needs REPLICA IDENTITY FULL.",
  },
  {
    name: "provide.transaction.metadata",
    type: "BOOLEAN",
    default: false,
    doc: "BEGIN and END records on the transaction topic, and a transaction block in each event.",
  },
  {
    name: "unavailable.value.placeholder",
    type: "STRING",
    aliases: ["toasted.value.placeholder"],
    default: "__debezium_unavailable_value",
    doc: "Stands for a value that the database did not send. `hex:` and hexadecimal digits give bytes.",
  },
  {
    name: "heartbeat.interval.ms",
    type: "INT",
    default: 0,
    min: 0,
    doc: "How often a heartbeat record is sent; 0: never. The slot advances on quiet tables without it.",
  },
  { name: "heartbeat.action.query", type: "STRING", default: null, doc: "A statement to run in the database with each heartbeat." },
  { name: "signal.data.collection", type: "STRING", default: null, doc: "The signal table's full name: schema.table." },
  {
    name: "signal.enabled.channels",
    type: "LIST",
    default: ["source"],
    doc: "Where signals are read; the source channel (the signal table) alone.",
  },
  { name: "signal.poll.interval.ms", type: "LONG", default: 5000, doc: "Without effect: the signal table is read from the stream." },
  { name: "incremental.snapshot.chunk.size", type: "INT", default: 1024, min: 1, doc: "Rows of one window of an incremental snapshot." },
  {
    name: "incremental.snapshot.allow.schema.changes",
    type: "BOOLEAN",
    default: false,
    doc: "Without effect: a chunk is always read with the table's present columns.",
  },
  {
    name: "incremental.snapshot.watermarking.strategy",
    type: "STRING",
    default: "INSERT_INSERT",
    values: ["INSERT_INSERT", "INSERT_DELETE"],
    doc: "Whether closing a window inserts a second row or deletes the first.",
  },
  {
    name: "snapshot.select.statement.overrides",
    type: "STRING",
    default: null,
    doc: "Tables (schema.table, separated by commas) that have a SELECT of their own in snapshot.select.statement.overrides.<table>.",
  },
  { name: "snapshot.include.collection.list", doc: "Which of the captured tables the snapshot reads, and in which order.", ...patterns },
  { name: "snapshot.fetch.size", type: "INT", default: null, doc: "Without effect: the snapshot streams." },
  { name: "snapshot.max.threads", type: "INT", default: 1, doc: "Without effect: one connection reads the tables one after the other." },
  { name: "snapshot.delay.ms", type: "LONG", default: 0, min: 0, doc: "Wait before the snapshot." },
  { name: "streaming.delay.ms", type: "LONG", default: 0, min: 0, doc: "Wait between snapshot and streaming." },
  { name: "max.batch.size", type: "INT", default: 2048, min: 1, doc: "Without effect: batches are bounded in bytes." },
  { name: "max.queue.size", type: "INT", default: 8192, doc: "Without effect: the queue is bounded in bytes." },
  { name: "max.queue.size.in.bytes", type: "LONG", default: 0, doc: "Without effect: the queue holds 8 MB." },
  { name: "poll.interval.ms", type: "LONG", default: 500, doc: "Without effect: changes are taken when they arrive." },
  {
    name: "event.processing.failure.handling.mode",
    type: "STRING",
    aliases: ["event.deserialization.failure.handling.mode"],
    default: "fail",
    values: ["fail", "warn", "skip", "ignore"],
    doc: "Without effect: a row that cannot be converted goes by errors.*, by default to the error store.",
  },
  {
    name: "retriable.restart.connector.wait.ms",
    type: "LONG",
    default: 10000,
    doc: "Without effect: the task reconnects by itself with a growing pause.",
  },
  {
    name: "errors.max.retries",
    type: "INT",
    default: -1,
    doc: "How often a lost connection is made anew before the task fails; -1: without end.",
  },
  { name: "sanitize.field.names", type: "BOOLEAN", default: false, doc: "Older name of field.name.adjustment.mode=avro." },
  { name: "custom.metric.tags", type: "STRING", default: null, doc: "Without effect." },
  { name: "notification.enabled.channels", type: "LIST", default: [], doc: "Without effect: progress is in the log and the metrics." },
  {
    name: "connection.validation.timeout.ms",
    type: "INT",
    default: 60000,
    doc: "Without effect: database.connectionTimeout bounds connecting.",
  },
  { name: "extended.headers.enabled", type: "BOOLEAN", default: true, doc: "Whether records carry the __debezium.context headers." },
];

/** Keys beside the declared ones: masks, per-table selects, and what Debezium hands through to its driver. */
export const cdcFreeKeys: readonly RegExp[] = [
  /^column\.(mask|truncate)\./,
  /^snapshot\.select\.statement\.overrides\./,
  /^message\.key\.columns/,
  /^(driver|database\.query|signal\.kafka|signal\.file|notification\.sink|post\.processors|openlineage)\./,
  /^topic\.creation\./,
];
