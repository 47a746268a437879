import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import type mysql from "mysql2";
import { MillraceError } from "../../../common/errors.js";
import { lazyPackage } from "../../../common/lazy-package.js";
import type { CheckContext } from "../../../connect/api/source.js";
import { firstHost, type JdbcHost } from "../hosts.js";
import type { SinkSettings } from "../settings.js";
import type { JdbcUrl } from "../url.js";
import { type Server, serverOf } from "./server.js";

const driver = lazyPackage<typeof mysql>("mysql2");

export interface OpenConnection {
  readonly connection: mysql.Connection;
  readonly server: Server;
}

/**
 * Connects with UTC, strict values, plain quotes and read-committed isolation; of several hosts, to the first that takes writes.
 * @throws MillraceError CONNECT_FAILED, its cause what the driver said
 */
export function openConnection(settings: SinkSettings, context: CheckContext): Promise<OpenConnection> {
  const { url } = settings;
  return firstHost(url.hosts, async (at) => {
    const { host, port } = context.resolveHost(at.host, at.port);
    try {
      const ssl = tls(url, host);
      try {
        return await attempt(settings, { host, port }, ssl);
      } catch (error) {
        if (!prefersTls(url) || (error as { code?: string }).code !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
        return await attempt(settings, { host, port }, undefined);
      }
    } catch (error) {
      throw new MillraceError("CONNECT_FAILED", `cannot connect to ${host}:${port}/${url.database}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
}

async function attempt(settings: SinkSettings, at: JdbcHost, ssl: mysql.SslOptions | undefined): Promise<OpenConnection> {
  const { url } = settings;
  const connection = driver().createConnection({
    host: at.host,
    port: at.port,
    database: url.database,
    user: settings.user ?? url.parameters.user ?? "root",
    password: settings.password ?? url.parameters.password ?? "",
    charset: "utf8mb4",
    connectTimeout: 10_000,
    enableKeepAlive: true,
    multipleStatements: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    // a server that asks for a local file gets the rows of the LOAD DATA under way or nothing, whatever name it says;
    // the matched rows of an UPDATE are counted, changed or not
    flags: ["+LOCAL_FILES", "-SESSION_TRACK", "-CLIENT_QUERY_ATTRIBUTES", "+FOUND_ROWS"],
    connectAttributes: { program_name: "millrace" },
    ...(ssl ? { ssl } : {}),
  } as mysql.ConnectionOptions);
  connection.on("error", () => {}); // the statements under way are rejected with it; without a listener it would end the process
  try {
    await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
    const facts = (
      await query(
        connection,
        "SELECT @@version AS version, @@max_allowed_packet AS packet, @@local_infile AS loads, @@global.read_only AS readonly, @@log_bin AS log, @@binlog_format AS format",
      )
    )[0]!;
    if (url.hosts.length > 1 && Number(facts.readonly)) throw new Error("it is read-only");
    const server = serverOf({ version: String(facts.version), packet: Number(facts.packet), localInfile: Number(facts.loads) === 1 });
    await query(connection, sessionSettings(server, Number(facts.log) === 1 && facts.format === "STATEMENT"));
    return { connection, server };
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/**
 * Strict in every engine, so that no value is cut or bent; zero stays zero in an AUTO_INCREMENT column; microseconds that a
 * column does not hold are cut off and not rounded up (to a day that never was). Gap locks would have the lanes deadlock, but
 * statement-based binary logs need them.
 */
function sessionSettings(server: Server, statementBased: boolean): string {
  const mode = `STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_BACKSLASH_ESCAPES${server.mariadb ? "" : ",TIME_TRUNCATE_FRACTIONAL"}`;
  const isolation = statementBased ? "" : "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;";
  return `${isolation}SET SESSION sql_mode = '${mode}', time_zone = '+00:00', autocommit = 1`;
}

export function query(connection: mysql.Connection, sql: string): Promise<Record<string, unknown>[]> {
  return new Promise((resolve, reject) =>
    connection.query(sql, (error: unknown, rows: unknown) =>
      error ? reject(error) : resolve(Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []),
    ),
  );
}

/** What of mysql2's connection is used beyond its types; its version is pinned. */
interface Core {
  readonly config: object;
  readonly stream: { cork(): void; uncork(): void };
  addCommand(command: unknown): void;
  write(bytes: Uint8Array): void;
  _bumpSequenceId(by: number): void;
  writePacket(packet: { length(): number; writeHeader(sequence: number): void; readonly buffer: Buffer }): void;
}
interface Queries {
  createQuery(
    options: object,
    values: undefined,
    done: (error: unknown, results: unknown) => void,
    config: object,
  ): { start: unknown; options: object; resultsetHeader: unknown };
}

interface Outcome {
  /** how many warnings */
  readonly warningStatus: number;
  /** a replaced row counts as two */
  readonly affectedRows: number;
}

/**
 * Sends statements as the bytes they are: mysql2 takes strings only, and would encode each. The answers are those of its query.
 * @param rows what LOAD DATA LOCAL, as the last of them, reads
 * @returns what the last one says of itself
 */
export function sendBytes(connection: mysql.Connection, parts: readonly Uint8Array[], rows?: Buffer): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const core = connection as unknown as Core;
    const done = (error: unknown, results: unknown) => {
      if (error) {
        reject(error);
        return;
      }
      const last = (Array.isArray(results) ? results[results.length - 1] : results) as Partial<Outcome> | undefined;
      resolve({ warningStatus: last?.warningStatus ?? 0, affectedRows: last?.affectedRows ?? 0 });
    };
    const infileStreamFactory = () => Readable.from(rows === undefined ? [] : pieces(rows));
    const command = (driver() as unknown as Queries).createQuery({ sql: "", infileStreamFactory }, undefined, done, core.config);
    command.options = core.config; // how it reads rows; its own start would set it
    command.start = () => {
      writeQuery(core, parts);
      return command.resultsetHeader;
    };
    core.addCommand(command);
  });
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 262_144) yield bytes.subarray(at, at + 262_144);
}

/** The longest payload that one protocol packet carries; mysql2 cuts longer ones. */
const PACKET = 0xffffff;

/** COM_QUERY: int<3> length, int<1> sequence (0), int<1> 0x03, string<EOF> statements. */
function writeQuery(core: Core, parts: readonly Uint8Array[]): void {
  const size = parts.reduce((n, p) => n + p.length, 1);
  const head = Buffer.from([0, 0, 0, 0, 3]);
  if (size < PACKET) {
    head.writeUIntLE(size, 0, 3);
    core._bumpSequenceId(1);
    core.stream.cork(); // one system call, and no copy of megabytes
    for (const part of [head, ...parts]) core.write(part);
    core.stream.uncork();
    return;
  }
  const buffer = Buffer.concat([head, ...parts]);
  core.writePacket({ buffer, length: () => size, writeHeader() {} });
}

const LOOPBACK = /^(localhost|127\.|::1$|0\.0\.0\.0$)/;

/** Connector/J's `sslMode` with its older words, and MariaDB Connector/J's. */
function sslMode({ product, parameters: p }: JdbcUrl): string {
  const mode = (p.sslMode ?? "").toLowerCase().replaceAll("_", "-");
  if (mode) return mode;
  const on = (name: string) => p[name] === "true" || p[name] === "1";
  if (on("verifyServerCertificate")) return "verify-ca";
  if (on("requireSSL") || on("useSsl") || (product === "mariadb" && on("useSSL"))) return "required";
  return product === "mariadb" || p.useSSL === "false" ? "disable" : "preferred";
}

const prefersTls = (url: JdbcUrl) => sslMode(url) === "preferred";

function tls(url: JdbcUrl, host: string): mysql.SslOptions | undefined {
  const mode = sslMode(url);
  if (mode.startsWith("disable") || (mode === "preferred" && LOOPBACK.test(host))) return undefined;
  const p = url.parameters;
  const file = (p.serverSslCert ?? p.trustCertificateKeyStoreUrl)?.replace(/^file:(\/\/)?/, "");
  const ca = file === undefined ? undefined : readFileSync(file, "utf8");
  return {
    rejectUnauthorized: mode.startsWith("verify"),
    verifyIdentity: mode === "verify-identity" || mode === "verify-full",
    ...(ca === undefined ? {} : { ca }),
  };
}

const MODES = "disable disabled preferred required trust verify-ca verify-full verify-identity".split(" ");

export function checkUrlParameters(url: JdbcUrl): string | undefined {
  const mode = sslMode(url);
  if (!MODES.includes(mode)) return `the URL's sslMode ${mode} is none of ${MODES.join(", ")}`;
  const file = (url.parameters.serverSslCert ?? url.parameters.trustCertificateKeyStoreUrl)?.replace(/^file:(\/\/)?/, "");
  if (file === undefined || mode.startsWith("disable")) return undefined;
  try {
    return readFileSync(file, "latin1").includes("-----BEGIN CERTIFICATE")
      ? undefined
      : `${file}, which the URL names as the server's certificates, is no PEM file (Java key stores are not read)`;
  } catch (error) {
    return `${file}, which the URL names as the server's certificates, cannot be read: ${(error as NodeJS.ErrnoException).code}`;
  }
}
