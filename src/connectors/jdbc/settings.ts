import type { Config } from "../../common/config-def.js";
import { dialects } from "./dialects.js";
import type { TimeZone } from "./time-zone.js";
import { type JdbcUrl, parseJdbcUrl } from "./url.js";

/** What both connector classes come down to; each maps its own keys and defaults to this. */
export interface SinkSettings {
  readonly url: JdbcUrl;
  /** which class's documented types the created columns have */
  readonly columnTypes: "confluent" | "debezium";
  readonly user: string | null;
  readonly password: string | null;
  readonly insertMode: "insert" | "upsert" | "update";
  readonly primaryKey: "none" | "kafka" | "record_key" | "record_value" | "record_header";
  /** empty: all fields of where the key is taken from */
  readonly primaryKeyFields: readonly string[];
  readonly deleteEnabled: boolean;
  readonly truncateEnabled: boolean;
  readonly autoCreate: boolean;
  readonly autoEvolve: boolean;
  /** The wall clock that instants are written by where the column has no zone; null: UTC. */
  readonly timeZone: TimeZone | null;
  /** Names are kept as they are; else they fold as the database folds unquoted identifiers. */
  readonly quoteIdentifiers: boolean;
  /** the table's name, perhaps with a schema in front, from a topic's */
  tableName(topic: string): string;
  /** whether a value field becomes a column */
  includesField(topic: string, field: string): boolean;
  /** A missing record value with deletes off: an error, or nothing to do. */
  readonly tombstoneWithoutDelete: "error" | "skip";
  /** rows of one transaction, at the most */
  readonly batchSize: number;
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
  /** where the offsets table is: `schema.table` or `table` */
  readonly offsetsTable: string;
  readonly lanes: number;
}

/** What is wrong with a `connection.url`, for its declaration. */
export function checkUrl(value: unknown): string | undefined {
  const url = parseJdbcUrl(String(value));
  return typeof url === "string" ? url : undefined;
}

/** A dialect that is named must speak to the database of the URL. */
export function checkDialect(name: string, url: string): string | undefined {
  const parsed = parseJdbcUrl(url);
  const dialect = dialects.find((d) => d.name === name);
  return typeof parsed === "string" || !dialect || dialect.products.includes(parsed.product)
    ? undefined
    : `${name} does not speak to ${parsed.product}, which connection.url names`;
}

export function requireUrl(config: Config, setting: string): JdbcUrl {
  const url = parseJdbcUrl(config.string(setting));
  if (typeof url === "string") throw new TypeError(`${setting} was checked before`);
  return url;
}

/** The settings that are ours, in both classes. */
export const ownSettings = [
  {
    name: "millrace.offsets.table",
    type: "STRING",
    default: "millrace_offsets",
    importance: "LOW",
    doc: "Table in the target that keeps the consumed offsets in the same transaction as the rows, as `table` or `schema.table`.",
  },
  {
    name: "millrace.lanes",
    type: "INT",
    default: 2,
    min: 1,
    max: 16,
    importance: "LOW",
    doc: "Connections that share a partition's rows by the hash of their key; rows without a key use one.",
  },
] as const;

/** Values are text: `orders.*` and so on match as the field lists of both classes do. */
export function fieldFilter(include: readonly string[], exclude: readonly string[]): (topic: string, field: string) => boolean {
  const matches = (list: readonly string[], topic: string, field: string) => list.includes(field) || list.includes(`${topic}:${field}`);
  return (topic, field) => (include.length === 0 || matches(include, topic, field)) && !matches(exclude, topic, field);
}
