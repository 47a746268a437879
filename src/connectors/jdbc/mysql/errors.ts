import type { FailureKind } from "../dialect.js";

interface ServerError {
  readonly errno?: number;
  readonly sqlState?: string;
}

const set = (list: string) => new Set(list.split(" ").map(Number));

/** Shutting down, killed by an administrator, a communication error, and what a server says that has become a replica. */
const connection = set("1040 1053 1077 1079 1080 1152 1154 1155 1156 1158 1159 1160 1161 1184 1203 1290 1836 1927 3169 4031");
/** Locks, an interrupted statement, a full disk, memory, limits, group replication's certification. */
const passing = set("1021 1030 1037 1038 1041 1114 1135 1180 1205 1206 1213 1226 1317 1614 1637 1712 1878 3024 3058 3100 3101 3572");
const structure = set("1054 1136 1146 1412 1615");
/** The row's content, although the SQLSTATE says something general. */
const data = set("1118 1153 1162 1265 1301 1300 1364 1366 1367 1416 1526 1592 1644 1690 1748 3819 4025 6136 6138 4161 4162");

/**
 * By error number, then by SQLSTATE class (MySQL Server Error Message Reference; MariaDB Error Codes). A driver's own error has no
 * number of the server: the connection is gone.
 */
export function classify(error: unknown): FailureKind {
  if (error instanceof RangeError || error instanceof TypeError) return "data";
  const { errno, sqlState } = error as ServerError;
  if (errno === undefined || sqlState === undefined) return "connection";
  if (connection.has(errno)) return "connection";
  if (passing.has(errno) || sqlState.startsWith("40")) return "passing";
  if (structure.has(errno)) return "structure";
  if (data.has(errno) || /^(22|23|44|45|SR)/.test(sqlState)) return "data";
  if (sqlState.startsWith("08")) return "connection";
  return "permanent";
}

/** A database, table or column of that name. */
const exists = set("1007 1050 1060");

export const existsAlready = (error: unknown): boolean => exists.has((error as ServerError).errno ?? 0);

/** Access denied, no such user, no right to the database; then an unknown database. */
const credentials = set("1044 1045 1251 1396 1524 1698 1820 1862 3118 3955 4151");

export function refusesUs(cause: unknown): "credentials" | "database" | undefined {
  const errno = (cause as ServerError | undefined)?.errno;
  if (errno === undefined) return undefined;
  return credentials.has(errno) ? "credentials" : errno === 1049 ? "database" : undefined;
}
