import { cdcSettings } from "../../cdc/settings.js";
import { type Config, ConfigDef, type RawConfig, type Setting } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { type AdjustmentMode, adjustFieldName } from "../../common/schema-names.js";
import type { ConnectionSettings } from "./connection/connect.js";
import type { SslMode } from "./connection/tls.js";
import { type ConvertColumn, converterProblem, converters } from "./converters.js";
import { type GtidSources, gtidSources } from "./gtid-sources.js";
import type { Flavor } from "./source-block.js";
import type { TypeOptions } from "./types/column-type.js";

const nowhere = { default: null } as const;
const custom = (what: string) => (v: unknown) => (v === "custom" ? `${what}=custom needs a Java class, which cannot run here` : undefined);

const own: readonly Setting[] = [
  { name: "database.hostname", type: "STRING", importance: "HIGH", doc: "The server's host." },
  { name: "database.port", type: "INT", default: 3306, min: 0, max: 65535, importance: "HIGH", doc: "The server's port." },
  {
    name: "database.user",
    type: "STRING",
    importance: "HIGH",
    doc: "A user with SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE and REPLICATION CLIENT.",
  },
  { name: "database.password", type: "PASSWORD", importance: "HIGH", doc: "Its password.", ...nowhere },
  {
    name: "database.server.id",
    type: "LONG",
    default: null,
    min: 1,
    max: 4294967295,
    importance: "HIGH",
    doc: "The id under which the connector reads the binlog as a replica: no other replica or connector of the server may have it. Without it, one of 5400 to 6400 by chance.",
  },
  { name: "database.server.id.offset", type: "LONG", default: 10000, doc: "Without effect: one connection alone reads the binlog." },
  { name: "database.protocol", type: "STRING", default: "jdbc:mysql", doc: "Without effect (JDBC's)." },
  { name: "database.jdbc.driver", type: "CLASS", doc: "Without effect (a Java class).", ...nowhere },
  {
    name: "database.initial.statements",
    type: "STRING",
    doc: "Statements, separated by semicolons (`;;` for a literal one), run when the ordinary connections open.",
    ...nowhere,
  },
  {
    name: "database.connectionTimeZone",
    type: "STRING",
    aliases: ["database.serverTimezone"],
    doc: "Without effect: every connection reads TIMESTAMP in UTC, whatever the server's time zone is.",
    ...nowhere,
  },
  {
    name: "database.ssl.mode",
    type: "STRING",
    default: "preferred",
    values: ["disabled", "preferred", "required", "verify_ca", "verify_identity", "disable", "trust", "verify-ca", "verify-full"],
    doc: "Encryption, as MySQL's ssl-mode; the last four are MariaDB's words.",
  },
  {
    name: "database.ssl.truststore",
    type: "STRING",
    doc: "File of the certificates that the server's is checked against: PEM or DER.",
    ...nowhere,
  },
  { name: "database.ssl.truststore.password", type: "PASSWORD", doc: "Without effect: PEM and DER have none.", ...nowhere },
  { name: "database.ssl.keystore", type: "STRING", doc: "File of the client's certificate and key: PEM or PKCS #12.", ...nowhere },
  { name: "database.ssl.keystore.password", type: "PASSWORD", doc: "Its password.", ...nowhere },
  { name: "connect.timeout.ms", type: "INT", default: 30000, min: 1, doc: "Milliseconds to wait for a connection." },
  {
    name: "connect.keep.alive",
    type: "BOOLEAN",
    default: true,
    doc: "TCP keep-alive probes; a binlog connection that is silent is made anew.",
  },
  {
    name: "connect.keep.alive.interval.ms",
    type: "LONG",
    default: 60000,
    min: 100,
    doc: "After how long a silence the binlog connection counts as lost.",
  },
  {
    name: "database.include.list",
    type: "LIST",
    aliases: ["database.whitelist"],
    doc: "Databases to capture: regular expressions, anchored. Without it, all but the server's own.",
    ...nowhere,
  },
  { name: "database.exclude.list", type: "LIST", aliases: ["database.blacklist"], doc: "Databases to leave out.", ...nowhere },
  {
    name: "gtid.source.includes",
    type: "LIST",
    doc: "Expressions of the servers' UUIDs (MariaDB: domain ids) whose GTIDs count when the position is looked up.",
    ...nowhere,
  },
  {
    name: "gtid.source.excludes",
    type: "LIST",
    doc: "Expressions of the servers' UUIDs (MariaDB: domain ids) whose GTIDs do not count.",
    ...nowhere,
  },
  {
    name: "gtid.source.filter.dml.events",
    type: "BOOLEAN",
    default: true,
    doc: "Whether changes of GTID sources that do not count are left out of the events as well.",
  },
  {
    name: "gtid.new.channel.position",
    type: "STRING",
    default: "earliest",
    values: ["earliest", "latest"],
    doc: "Without effect beyond earliest: a new GTID source is read from its start.",
  },
  {
    name: "snapshot.mode",
    type: "STRING",
    default: "initial",
    values: [
      "always",
      "initial",
      "initial_only",
      "no_data",
      "schema_only",
      "recovery",
      "schema_only_recovery",
      "never",
      "when_needed",
      "configuration_based",
      "custom",
    ],
    doc: "always, initial, initial_only, no_data (older: schema_only), recovery (older: schema_only_recovery), never, when_needed, configuration_based. custom is a Java class and not available.",
    check: custom("snapshot.mode"),
  },
  ...["snapshot.data", "snapshot.schema", "start.stream", "snapshot.on.schema.error", "snapshot.on.data.error"].map(
    (name): Setting => ({
      name: `snapshot.mode.configuration.based.${name}`,
      type: "BOOLEAN",
      default: false,
      doc: {
        "snapshot.data": "configuration_based: whether the tables' rows are read.",
        "snapshot.schema": "configuration_based: whether the tables' structures are read; they are where rows are.",
        "start.stream": "configuration_based: whether streaming follows.",
        "snapshot.on.schema.error": "configuration_based: whether the structures are read anew where the schema history is missing.",
        "snapshot.on.data.error": "configuration_based: whether a snapshot is taken where the stored position is no longer in the binlog.",
      }[name]!,
    }),
  ),
  {
    name: "snapshot.locking.mode",
    type: "STRING",
    default: "minimal",
    values: ["minimal", "minimal_at_least", "extended", "none", "minimal_percona", "minimal_percona_no_table_locks", "custom"],
    doc: "minimal: the global read lock while positions and structures are read; extended: for the whole snapshot; none: no lock.",
    check: (v) =>
      String(v).startsWith("minimal_percona")
        ? "Percona's backup locks are not available; use minimal, or none on a server with GTIDs"
        : custom("snapshot.locking.mode")(v),
  },
  { name: "snapshot.lock.timeout.ms", type: "LONG", default: 10000, min: 0, doc: "How long to wait for locks." },
  {
    name: "snapshot.query.mode",
    type: "STRING",
    default: "select_all",
    values: ["select_all", "custom"],
    doc: "select_all alone.",
    check: custom("snapshot.query.mode"),
  },
  {
    name: "snapshot.new.tables",
    type: "STRING",
    default: "off",
    values: ["off", "parallel"],
    doc: "Without effect: tables that lists begin to match are streamed from then on; an incremental snapshot reads their rows.",
  },
  {
    name: "snapshot.tables.order.by.row.count",
    type: "STRING",
    default: "disabled",
    values: ["disabled", "ascending", "descending"],
    doc: "Without effect: tables are read in the order of their names, or as snapshot.include.collection.list says.",
  },
  { name: "min.row.count.to.stream.results", type: "INT", default: 1000, doc: "Without effect: every table is streamed." },
  {
    name: "include.schema.changes",
    type: "BOOLEAN",
    default: true,
    doc: "Whether changes of tables are sent to the topic `topic.prefix`.",
  },
  { name: "include.schema.comments", type: "BOOLEAN", default: false, doc: "Whether columns' comments are in schemas." },
  {
    name: "include.query",
    type: "BOOLEAN",
    default: false,
    doc: "Whether events carry the SQL statement; the server must have binlog_rows_query_log_events (MariaDB: binlog_annotate_row_events).",
  },
  {
    name: "bigint.unsigned.handling.mode",
    type: "STRING",
    default: "long",
    values: ["long", "precise"],
    doc: "BIGINT UNSIGNED as int64 (beyond 2^63 negative) or as Connect's Decimal.",
  },
  {
    name: "time.precision.mode",
    type: "STRING",
    default: "adaptive_time_microseconds",
    values: ["adaptive_time_microseconds", "adaptive", "connect", "isostring", "microseconds", "nanoseconds"],
    doc: "How dates and times are represented.",
  },
  { name: "enable.time.adjuster", type: "BOOLEAN", default: true, doc: "Whether years below 100 are of 1970 to 2069." },
  ...["event.deserialization.failure.handling.mode", "event.processing.failure.handling.mode"].map(
    (name): Setting => ({
      name,
      type: "STRING",
      default: null,
      values: ["fail", "warn", "skip", "ignore"],
      doc: "A day that does not exist (sql_mode ALLOW_INVALID_DATES) is null; with fail, such a row goes by errors.*, by default to the error store. A binlog event that cannot be read stops the task with fail (the default); else it is set aside and left out.",
    }),
  ),
  {
    name: "inconsistent.schema.handling.mode",
    type: "STRING",
    default: "fail",
    values: ["fail", "warn", "skip"],
    doc: "What to do with rows of a table whose known structure does not fit them: stop, or leave them out with or without a word.",
  },
  {
    name: "table.include.list.system",
    type: "BOOLEAN",
    default: false,
    doc: "Without effect: the server's own tables are never captured.",
  },
  {
    name: "read.only",
    type: "BOOLEAN",
    default: false,
    doc: "true: no incremental snapshots, whose windows are marked in the signal table; the connector never writes to the database.",
  },
  {
    name: "converters",
    type: "LIST",
    default: null,
    doc: "Names of converters, each with NAME.type: TinyIntOneToBooleanConverter (with NAME.selector, expressions of database.table.column, and NAME.length.checker) alone is available.",
    check: converterProblem,
  },
  { name: "use.nongraceful.disconnect", type: "BOOLEAN", default: false, doc: "Without effect." },
  { name: "binlog.buffer.size", type: "INT", default: 0, doc: "Without effect: a transaction is streamed, however large it is." },
  {
    name: "schema.history.internal",
    type: "CLASS",
    aliases: ["database.history"],
    default: "io.debezium.storage.kafka.history.KafkaSchemaHistory",
    doc: "Without effect: the history is always a topic of ours.",
  },
  {
    name: "schema.history.internal.kafka.topic",
    type: "STRING",
    aliases: ["database.history.kafka.topic"],
    doc: "The topic of the schema history; by default `schema-history.` and topic.prefix.",
    ...nowhere,
  },
  {
    name: "schema.history.internal.kafka.bootstrap.servers",
    type: "STRING",
    aliases: ["database.history.kafka.bootstrap.servers"],
    doc: "Without effect: the history is kept where all topics are.",
    ...nowhere,
  },
  {
    name: "schema.history.internal.store.only.captured.tables.ddl",
    type: "BOOLEAN",
    aliases: ["database.history.store.only.monitored.tables.ddl", "database.history.store.only.captured.tables.ddl"],
    default: false,
    doc: "Whether the history has captured tables alone. A table that is captured later must be in it.",
  },
  {
    name: "schema.history.internal.store.only.captured.databases.ddl",
    type: "BOOLEAN",
    aliases: ["database.history.store.only.captured.databases.ddl"],
    default: true,
    doc: "Whether the history has captured databases alone.",
  },
  {
    name: "schema.history.internal.skip.unparseable.ddl",
    type: "BOOLEAN",
    aliases: ["database.history.skip.unparseable.ddl"],
    default: false,
    doc: "Whether a statement that cannot be read is passed over instead of stopping the task.",
  },
  {
    name: "schema.history.internal.ddl.filter",
    type: "STRING",
    aliases: ["database.history.ddl.filter"],
    doc: "Further statements to leave out of the history: regular expressions.",
    ...nowhere,
  },
];

const names = new Set(own.map((s) => s.name));

export const mysqlConfig = new ConfigDef([
  ...own,
  ...cdcSettings
    .filter((s) => !names.has(s.name))
    .map((s) => (s.aliases?.some((a) => names.has(a)) ? { ...s, aliases: s.aliases.filter((a) => !names.has(a)) } : s)),
]);

export interface MysqlSettings extends TypeOptions, ConnectionSettings {
  readonly flavor: Flavor;
  readonly config: Config;
  readonly prefix: string;
  readonly fieldNames: AdjustmentMode;
  readonly schemaNames: AdjustmentMode;
  readonly skipped: ReadonlySet<string>;
  readonly tombstones: boolean;
  readonly transactions: boolean;
  readonly includeQuery: boolean;
  readonly comments: boolean;
  readonly schemaChanges: boolean;
  readonly snapshotMode: string;
  readonly historyTopic: string;
  /** what becomes of a binlog event that cannot be read */
  readonly undecodable: "fail" | "warn" | "skip";
  readonly gtidSources: GtidSources;
  /** null: none is set */
  readonly convert: ConvertColumn | null;
}

const modes: Readonly<Record<string, string>> = { schema_only: "no_data", schema_only_recovery: "recovery" };
const sslModes: Readonly<Record<string, SslMode>> = {
  disable: "disabled",
  trust: "required",
  "verify-ca": "verify_ca",
  "verify-full": "verify_identity",
};

/** @throws MillraceError CONFIG_INVALID naming every wrong setting */
export function readSettings(raw: RawConfig, flavor: Flavor): MysqlSettings {
  const c = mysqlConfig.parse(raw);
  for (const what of ["database", "table", "column"])
    if (c.list(`${what}.include.list`).length && c.list(`${what}.exclude.list`).length)
      throw new MillraceError("CONFIG_INVALID", `${what}.include.list and ${what}.exclude.list exclude each other`, {
        context: { setting: `${what}.exclude.list` },
      });
  const prefix = c.string("topic.prefix");
  const mode = c.string("snapshot.mode");
  const ssl = c.string("database.ssl.mode");
  const handling = ["event.processing.failure.handling.mode", "event.deserialization.failure.handling.mode"];
  return {
    flavor,
    config: c,
    hostname: c.string("database.hostname"),
    port: c.number("database.port"),
    user: c.string("database.user"),
    password: c.optionalString("database.password"),
    connectTimeoutMs: c.number("connect.timeout.ms"),
    tcpKeepAlive: c.boolean("connect.keep.alive"),
    sslMode: sslModes[ssl] ?? (ssl as SslMode),
    sslTruststore: c.optionalString("database.ssl.truststore"),
    sslKeystore: c.optionalString("database.ssl.keystore"),
    sslKeystorePassword: c.optionalString("database.ssl.keystore.password"),
    prefix,
    fieldNames: c.boolean("sanitize.field.names") ? "avro" : (c.string("field.name.adjustment.mode") as AdjustmentMode),
    schemaNames: c.string("schema.name.adjustment.mode") as AdjustmentMode,
    skipped: new Set(
      c
        .string("skipped.operations")
        .split(",")
        .map((s) => s.trim()),
    ),
    tombstones: c.boolean("tombstones.on.delete"),
    transactions: c.boolean("provide.transaction.metadata"),
    includeQuery: c.boolean("include.query"),
    comments: c.boolean("include.schema.comments"),
    schemaChanges: c.boolean("include.schema.changes"),
    snapshotMode: modes[mode] ?? mode,
    historyTopic: c.optionalString("schema.history.internal.kafka.topic") ?? `schema-history.${prefix}`,
    decimal: c.string("decimal.handling.mode") as TypeOptions["decimal"],
    bigintUnsigned: c.string("bigint.unsigned.handling.mode") as TypeOptions["bigintUnsigned"],
    time: c.string("time.precision.mode") as TypeOptions["time"],
    binary: c.string("binary.handling.mode") as TypeOptions["binary"],
    adjustYears: c.boolean("enable.time.adjuster"),
    undecodable: undecodable(handling.map((name) => c.optionalString(name))),
    gtidSources: gtidSources(c, flavor),
    convert: converters(c.list("converters"), raw),
    impossible: handling.some((name) => c.get(name) === "fail") ? "fail" : "null",
    placeholder: c.string("unavailable.value.placeholder"),
  };
}

function undecodable(modes: readonly (string | null)[]): MysqlSettings["undecodable"] {
  const mode = modes.find((m) => m !== null) ?? "fail";
  return mode === "fail" || mode === "warn" ? mode : "skip";
}

export function fieldName(column: string, settings: MysqlSettings): string {
  return adjustFieldName(column, settings.fieldNames);
}
