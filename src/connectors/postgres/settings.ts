import { cdcSettings } from "../../cdc/settings.js";
import { type Config, ConfigDef, type RawConfig, type Setting } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { type AdjustmentMode, adjustFieldName } from "../../common/schema-names.js";
import type { TypeOptions } from "./types/type-options.js";

const nowhere = { default: null } as const;
const snapshotModes = [
  "always",
  "initial",
  "initial_only",
  "no_data",
  "never",
  "schema_only",
  "when_needed",
  "configuration_based",
  "custom",
];

const own: readonly Setting[] = [
  { name: "database.hostname", type: "STRING", importance: "HIGH", doc: "The server's host, or the folder of its unix socket." },
  { name: "database.port", type: "INT", default: 5432, min: 0, max: 65535, importance: "HIGH", doc: "The server's port." },
  {
    name: "database.user",
    type: "STRING",
    importance: "HIGH",
    doc: "A user with REPLICATION (or the hoster's equivalent) and SELECT on the captured tables.",
  },
  { name: "database.password", type: "PASSWORD", importance: "HIGH", doc: "Its password.", ...nowhere },
  { name: "database.dbname", type: "STRING", importance: "HIGH", doc: "The database to capture." },
  {
    name: "database.sslmode",
    type: "STRING",
    default: "prefer",
    values: ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    doc: "Encryption, as libpq's sslmode.",
  },
  { name: "database.sslcert", type: "STRING", doc: "File of the client's certificate (PEM or DER).", ...nowhere },
  { name: "database.sslkey", type: "STRING", doc: "File of the client's key (PEM, or PKCS-8 DER).", ...nowhere },
  { name: "database.sslrootcert", type: "STRING", doc: "File of the certificates that the server's is checked against.", ...nowhere },
  { name: "database.sslpassword", type: "PASSWORD", doc: "The key's password.", ...nowhere },
  { name: "database.sslfactory", type: "CLASS", doc: "Without effect (a Java class).", ...nowhere },
  { name: "database.tcpKeepAlive", type: "BOOLEAN", default: true, doc: "TCP keep-alive probes." },
  { name: "database.connectionTimeout", type: "INT", default: 30000, doc: "Milliseconds to wait for a connection." },
  {
    name: "database.initial.statements",
    type: "STRING",
    doc: "Statements, separated by semicolons (`;;` for a literal one), run when the ordinary connections open.",
    ...nowhere,
  },
  {
    name: "plugin.name",
    type: "STRING",
    default: "decoderbufs",
    values: ["pgoutput", "decoderbufs", "wal2json", "wal2json_streaming", "wal2json_rds", "wal2json_rds_streaming"],
    doc: "The output plug-in. Always pgoutput, which is part of Postgres: others are read as pgoutput, with a note.",
  },
  {
    name: "slot.name",
    type: "STRING",
    default: "debezium",
    doc: "The replication slot's name; one a connector.",
    check: (v) =>
      /^[a-z0-9_]{1,63}$/.test(String(v)) ? undefined : "a slot's name has lower-case letters, digits and underscores only, at most 63",
  },
  {
    name: "slot.drop.on.stop",
    type: "BOOLEAN",
    default: false,
    doc: "Drops the slot when the connector stops. Changes made while it is stopped are then lost.",
  },
  { name: "slot.max.retries", type: "INT", default: 6, min: 0, doc: "How often to try again while another process still holds the slot." },
  { name: "slot.retry.delay.ms", type: "LONG", default: 10000, min: 0, doc: "The pause between those tries." },
  {
    name: "slot.seek.to.known.offset.on.start",
    type: "BOOLEAN",
    default: false,
    doc: "Without effect: streaming always starts from the stored position.",
  },
  { name: "slot.stream.params", type: "STRING", doc: "Further options of the output plug-in: `name=value;…`.", ...nowhere },
  {
    name: "slot.failover",
    type: "BOOLEAN",
    default: false,
    doc: "Creates the slot with FAILOVER (Postgres 17 and later), so that standbys keep it.",
  },
  {
    name: "create.slot.command.timeout",
    type: "INT",
    default: 90000,
    doc: "Milliseconds to wait for the slot's creation, which waits for running transactions.",
    aliases: ["create.slot.command.timeout.ms"],
  },
  { name: "publication.name", type: "STRING", default: "dbz_publication", doc: "The publication's name." },
  {
    name: "publication.autocreate.mode",
    type: "STRING",
    default: "all_tables",
    values: ["all_tables", "disabled", "filtered", "no_tables"],
    doc: "all_tables: made FOR ALL TABLES where missing; filtered: made for, and kept at, the captured tables; no_tables: made empty; disabled: must exist.",
  },
  {
    name: "publish.via.partition.root",
    type: "BOOLEAN",
    default: false,
    doc: "Changes of partitions come under the partitioned table's name (set when the publication is made).",
  },
  {
    name: "replica.identity.autoset.values",
    type: "STRING",
    doc: "Replica identities to set before the snapshot: `schema.table:FULL;…` (DEFAULT, FULL, NOTHING, INDEX name).",
    ...nowhere,
  },
  {
    name: "status.update.interval.ms",
    type: "INT",
    default: 10000,
    min: 1,
    aliases: ["status.update.interval"],
    doc: "How often the confirmed position is sent to the server.",
  },
  { name: "xmin.fetch.interval.ms", type: "LONG", default: 0, doc: "Without effect: source.xmin is null." },
  {
    name: "lsn.flush.mode",
    type: "STRING",
    default: "connector",
    values: ["connector", "connector_and_driver", "manual"],
    doc: "manual: the slot's position is never confirmed; else it is once records are durable.",
  },
  { name: "lsn.flush.timeout.ms", type: "LONG", default: 30000, doc: "Without effect: confirming waits for nothing." },
  { name: "lsn.flush.timeout.action", type: "STRING", default: "fail", doc: "Without effect." },
  { name: "flush.lsn.source", type: "BOOLEAN", default: true, doc: "Older name of lsn.flush.mode: false is manual." },
  {
    name: "read.only",
    type: "BOOLEAN",
    default: false,
    doc: "Incremental snapshots without writing to the signal table are not available: it must be false.",
    check: (v) => (v === true ? "incremental snapshots need to write to the signal table; leave it false" : undefined),
  },
  {
    name: "schema.include.list",
    type: "LIST",
    aliases: ["schema.whitelist"],
    doc: "Schemas to capture: regular expressions, anchored.",
    ...nowhere,
  },
  { name: "schema.exclude.list", type: "LIST", aliases: ["schema.blacklist"], doc: "Schemas to leave out.", ...nowhere },
  {
    name: "snapshot.mode",
    type: "STRING",
    default: "initial",
    values: snapshotModes,
    doc: "always, initial, initial_only, no_data (older names never, schema_only), when_needed, configuration_based. custom is a Java class and not available.",
    check: (v) =>
      v === "custom"
        ? "snapshot.mode=custom needs a Java class, which cannot run here; configuration_based covers most of its uses"
        : undefined,
  },
  {
    name: "snapshot.mode.configuration.based.snapshot.data",
    type: "BOOLEAN",
    default: false,
    doc: "configuration_based: whether the tables' rows are read.",
  },
  {
    name: "snapshot.mode.configuration.based.snapshot.schema",
    type: "BOOLEAN",
    default: false,
    doc: "Without effect: schemas are read from the catalogue.",
  },
  {
    name: "snapshot.mode.configuration.based.start.stream",
    type: "BOOLEAN",
    default: false,
    doc: "configuration_based: whether streaming follows.",
  },
  { name: "snapshot.mode.configuration.based.snapshot.on.schema.error", type: "BOOLEAN", default: false, doc: "Without effect." },
  {
    name: "snapshot.mode.configuration.based.snapshot.on.data.error",
    type: "BOOLEAN",
    default: false,
    doc: "configuration_based: whether a snapshot is taken where the stored position is no longer in the slot.",
  },
  {
    name: "snapshot.locking.mode",
    type: "STRING",
    default: "none",
    values: ["none", "shared", "custom"],
    doc: "shared: ACCESS SHARE locks on all tables for the whole snapshot; none: as each is read.",
  },
  { name: "snapshot.lock.timeout.ms", type: "LONG", default: 10000, doc: "How long to wait for those locks." },
  {
    name: "snapshot.isolation.mode",
    type: "STRING",
    default: "serializable",
    values: ["serializable", "repeatable_read", "read_committed", "read_uncommitted"],
    doc: "Without effect beyond serializable, which adds that level: the snapshot is that of the slot's creation, which needs repeatable read.",
  },
  { name: "snapshot.query.mode", type: "STRING", default: "select_all", values: ["select_all", "custom"], doc: "Without effect." },
  {
    name: "interval.handling.mode",
    type: "STRING",
    default: "numeric",
    values: ["numeric", "string"],
    doc: "Intervals as microseconds (a month being 365.25 / 12 days) or as ISO 8601 text.",
  },
  {
    name: "hstore.handling.mode",
    type: "STRING",
    default: "json",
    values: ["json", "map"],
    doc: "hstore as JSON text or as a map of strings.",
  },
  { name: "money.fraction.digits", type: "INT", default: 2, min: 0, doc: "Fraction digits of money." },
  {
    name: "include.unknown.datatypes",
    type: "BOOLEAN",
    default: false,
    doc: "Columns of types unknown here as the bytes of their text; otherwise they are left out.",
  },
  {
    name: "message.prefix.include.list",
    type: "LIST",
    doc: "Prefixes of logical messages to send: regular expressions, anchored.",
    ...nowhere,
  },
  { name: "message.prefix.exclude.list", type: "LIST", doc: "Prefixes to leave out.", ...nowhere },
];

export const postgresConfig = new ConfigDef([...own, ...cdcSettings]);

export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

export interface PostgresSettings extends TypeOptions {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly dbname: string;
  readonly sslMode: SslMode;
  readonly sslCert: string | null;
  readonly sslKey: string | null;
  readonly sslRootCert: string | null;
  readonly sslPassword: string | null;
  readonly tcpKeepAlive: boolean;
  readonly connectTimeoutMs: number;
  readonly config: Config;
  readonly prefix: string;
  readonly fieldNames: AdjustmentMode;
  readonly schemaNames: AdjustmentMode;
  readonly skipped: ReadonlySet<string>;
  readonly tombstones: boolean;
  readonly transactions: boolean;
  readonly snapshotMode: string;
}

/** @throws MillraceError CONFIG_INVALID naming every wrong setting */
export function readSettings(raw: RawConfig): PostgresSettings {
  const c = postgresConfig.parse(raw);
  const mode = c.string("snapshot.mode");
  const fieldNames = c.boolean("sanitize.field.names") ? "avro" : (c.string("field.name.adjustment.mode") as AdjustmentMode);
  const include = c.list("table.include.list").length > 0 && c.list("table.exclude.list").length > 0;
  if (include)
    throw new MillraceError("CONFIG_INVALID", "table.include.list and table.exclude.list exclude each other", {
      context: { setting: "table.exclude.list" },
    });
  return {
    config: c,
    hostname: c.string("database.hostname"),
    port: c.number("database.port"),
    user: c.string("database.user"),
    password: c.optionalString("database.password"),
    dbname: c.string("database.dbname"),
    sslMode: c.string("database.sslmode") as SslMode,
    sslCert: c.optionalString("database.sslcert"),
    sslKey: c.optionalString("database.sslkey"),
    sslRootCert: c.optionalString("database.sslrootcert"),
    sslPassword: c.optionalString("database.sslpassword"),
    tcpKeepAlive: c.boolean("database.tcpKeepAlive"),
    connectTimeoutMs: c.number("database.connectionTimeout"),
    prefix: c.string("topic.prefix"),
    fieldNames,
    schemaNames: c.string("schema.name.adjustment.mode") as AdjustmentMode,
    skipped: new Set(
      c
        .string("skipped.operations")
        .split(",")
        .map((s) => s.trim()),
    ),
    tombstones: c.boolean("tombstones.on.delete"),
    transactions: c.boolean("provide.transaction.metadata"),
    snapshotMode: mode === "never" || mode === "schema_only" ? "no_data" : mode,
    decimal: c.string("decimal.handling.mode") as TypeOptions["decimal"],
    time: c.string("time.precision.mode") as TypeOptions["time"],
    interval: c.string("interval.handling.mode") as TypeOptions["interval"],
    hstore: c.string("hstore.handling.mode") as TypeOptions["hstore"],
    binary: c.string("binary.handling.mode") as TypeOptions["binary"],
    moneyDigits: c.number("money.fraction.digits"),
    includeUnknown: c.boolean("include.unknown.datatypes"),
    placeholder: placeholderText(c.string("unavailable.value.placeholder")),
  };
}

function placeholderText(text: string): string {
  return text.startsWith("hex:") ? Buffer.from(text.slice(4), "hex").toString("utf8") : text;
}

export function fieldName(column: string, settings: PostgresSettings): string {
  return adjustFieldName(column, settings.fieldNames);
}
