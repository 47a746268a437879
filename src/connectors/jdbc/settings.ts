import type { Config } from "../../common/config-def.js";

/** What both connector classes come down to; each maps its own keys and defaults to this. */
export interface SinkSettings {
  readonly url: JdbcUrl;
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
  /** Names are kept as they are; else they fold to lower case as unquoted identifiers do. */
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

/** `jdbc:postgresql://host:port/database?key=value` */
export interface JdbcUrl {
  readonly product: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The parts of a JDBC URL, or what is wrong with it. */
export function parseJdbcUrl(text: string): JdbcUrl | string {
  const match = /^jdbc:(postgresql):\/\/([^/?:]+|\[[^\]]+\])?(?::(\d+))?\/([^?]*)(?:\?(.*))?$/.exec(text.trim());
  if (!match) {
    const product = /^jdbc:(\w+):/.exec(text)?.[1];
    return product && product !== "postgresql"
      ? `the database ${product} is not supported as a target; supported: postgresql`
      : "expected jdbc:postgresql://host:port/database";
  }
  const database = decodeURIComponent(match[4]!);
  if (!database) return "the URL names no database: expected jdbc:postgresql://host:port/database";
  return {
    product: match[1]!,
    host: (match[2] ?? "localhost").replace(/^\[|\]$/g, ""),
    port: match[3] ? Number(match[3]) : 5432,
    database,
    parameters: Object.fromEntries(new URLSearchParams(match[5] ?? "")),
  };
}

/** What is wrong with a `connection.url`, for its declaration. */
export function checkUrl(value: unknown): string | undefined {
  const url = parseJdbcUrl(String(value));
  return typeof url === "string" ? url : undefined;
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
