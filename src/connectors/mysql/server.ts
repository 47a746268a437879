import { initialStatements } from "../../cdc/reconnect.js";
import type { BinlogPosition } from "./binlog/events.js";
import type { Result, WireSession } from "./connection/wire-session.js";

/** What a session must be told so that its texts are the same whatever the server's settings are. */
const session = [
  "time_zone = '+00:00'",
  "sql_mode = 'NO_BACKSLASH_ESCAPES'",
  "net_write_timeout = 31536000",
  "net_read_timeout = 31536000",
  "wait_timeout = 31536000",
  "group_concat_max_len = 1048576",
];

export async function prepareSession(s: WireSession, statements: string | null): Promise<void> {
  await s.query(`SET ${session.map((x) => `SESSION ${x}`).join(", ")}`);
  for (const text of initialStatements(statements)) await s.query(text);
}

export interface ServerInfo {
  readonly lowerCaseTableNames: number;
  readonly charset: string;
  readonly collation: string;
  /** whether transactions have GTIDs that reading can go by */
  readonly gtids: boolean;
  readonly logBin: boolean;
  readonly format: string;
  readonly rowImage: string;
  readonly uuid: string;
  readonly explicitDefaultsForTimestamp: boolean;
  /** as 80400, 101100 */
  readonly version: number;
}

export async function serverInfo(s: WireSession): Promise<ServerInfo> {
  const { rows } = await s.query(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('lower_case_table_names', 'character_set_server', 'collation_server', 'gtid_mode', 'log_bin', 'binlog_format', 'binlog_row_image', 'server_uuid', 'explicit_defaults_for_timestamp')",
  );
  const v = new Map(rows.map(([name, value]) => [name!.toLowerCase(), value ?? ""]));
  const on = (name: string) => /^(on|1)/i.test(v.get(name) ?? "");
  const [, major, minor, patch] = /(\d+)\.(\d+)\.(\d+)/.exec(s.serverVersion) ?? ["", "0", "0", "0"];
  return {
    lowerCaseTableNames: Number(v.get("lower_case_table_names") ?? 0),
    charset: v.get("character_set_server") ?? "utf8mb4",
    collation: v.get("collation_server") ?? "",
    gtids: s.flavor === "mariadb" || /^on$/i.test(v.get("gtid_mode") ?? ""),
    logBin: on("log_bin"),
    format: v.get("binlog_format") ?? "",
    rowImage: v.get("binlog_row_image") ?? "",
    uuid: v.get("server_uuid") ?? "",
    explicitDefaultsForTimestamp: on("explicit_defaults_for_timestamp"),
    version: Number(major) * 10_000 + Number(minor) * 100 + Number(patch),
  };
}

/** Where the binlog ends now; null where the server writes none. */
export async function binlogEnd(s: WireSession, info: ServerInfo): Promise<BinlogPosition | null> {
  if (!info.logBin) return null;
  return endIn(s, info, await s.query(binlogStatus(s, info)));
}

/** The statement that says where the binlog ends. */
export const binlogStatus = (s: WireSession, info: ServerInfo): string =>
  s.flavor === "mysql" && info.version >= 80200 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";

/** @param status the answer to `binlogStatus` */
export async function endIn(s: WireSession, info: ServerInfo, { columns, rows }: Result): Promise<BinlogPosition | null> {
  const row = rows[0];
  if (!row) return null;
  const file = row[0]!;
  const position = Number(row[1]);
  return { file, position, gtidSet: info.gtids ? await executed(s, columns, row, file, position) : null };
}

async function executed(
  s: WireSession,
  columns: readonly string[],
  row: readonly (string | null)[],
  file: string,
  position: number,
): Promise<string | null> {
  if (s.flavor === "mysql") return (row[columns.indexOf("Executed_Gtid_Set")] ?? "").replace(/\s+/g, "");
  const { rows } = await s.query(`SELECT BINLOG_GTID_POS('${file}', ${position})`);
  // an empty list would mean the binlog's beginning
  return rows[0]?.[0] || null;
}

/** Files that the server still has, the oldest first. */
export async function binlogFiles(s: WireSession): Promise<string[]> {
  const { rows } = await s.query("SHOW BINARY LOGS");
  return rows.map(([name]) => name!);
}

/** Why the server can no longer send the binlog from a position on, as far as it says so before it is asked; null: it can. */
export async function missingLog(
  s: WireSession,
  info: ServerInfo,
  position: { readonly file: string; readonly gtids: string | null },
): Promise<string | null> {
  if (position.gtids !== null && s.flavor === "mysql" && info.gtids) {
    const { rows } = await s.query(`SELECT GTID_SUBTRACT(@@global.gtid_purged, '${position.gtids}')`);
    const purged = rows[0]?.[0];
    return purged ? `The transactions ${purged} were purged and not read` : null;
  }
  if (position.gtids !== null || !position.file) return null;
  const files = await binlogFiles(s);
  return files.includes(position.file) ? null : `The server has no binlog file ${position.file} any more; its oldest is ${files[0]}`;
}

/** The server's clock, µs since the epoch, by the second as SELECT NOW() of the original. */
export async function serverTimeUs(s: WireSession): Promise<number> {
  const { rows } = await s.query("SELECT UNIX_TIMESTAMP()");
  return Number(rows[0]![0]) * 1_000_000;
}

export function identifier(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

export function tableName(database: string, name: string): string {
  return `${identifier(database)}.${identifier(name)}`;
}

/** A string literal of a session with NO_BACKSLASH_ESCAPES. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** All tables that are tables, in the order of their names' bytes. */
export async function listTables(s: WireSession): Promise<{ database: string; name: string }[]> {
  const { rows } = await s.query(
    "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')",
  );
  return rows
    .map(([database, name]) => ({ database: database!, name: name! }))
    .sort(
      (a, b) =>
        Buffer.compare(Buffer.from(a.database), Buffer.from(b.database)) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
    );
}

export async function showCreate(s: WireSession, database: string, name: string): Promise<string> {
  const { rows } = await s.query(`SHOW CREATE TABLE ${tableName(database, name)}`);
  return rows[0]![1]!;
}

export interface DatabaseInfo {
  readonly name: string;
  readonly charset: string;
  readonly collation: string;
}

export async function listDatabases(s: WireSession): Promise<DatabaseInfo[]> {
  const { rows } = await s.query("SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA");
  return rows
    .map(([name, charset, collation]) => ({ name: name!, charset: charset!, collation: collation! }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}
