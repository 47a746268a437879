import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TlsOptions } from "node:tls";
import pg from "pg";
import { ReadingSocket } from "../../cdc/reading-socket.js";
import { MillraceError } from "../../common/errors.js";
import type { PostgresSettings } from "./settings.js";

/** How values are printed on every connection, so that snapshot and stream give the same text whatever the server's settings. */
const sessionOptions = [
  "datestyle=ISO,YMD",
  "intervalstyle=postgres",
  "extra_float_digits=3",
  "timezone=UTC",
  "lc_monetary=C",
  "bytea_output=hex",
  "xmlbinary=base64",
  "statement_timeout=0",
  "idle_in_transaction_session_timeout=0",
]
  .map((s) => `-c ${s}`)
  .join(" ");

export type ResolveHost = (host: string, port: number) => { host: string; port: number };

/**
 * A connected client of `pg`: its handshake, authentication and TLS. `replication` opens a walsender.
 * @throws MillraceError CONNECT_FAILED (passing) or CONFIG_INVALID (wrong password, no such database), never with the password
 */
export async function connect(settings: PostgresSettings, resolveHost: ResolveHost, replication = false): Promise<pg.Client> {
  const modes = attempts(settings);
  for (let i = 0; ; i++) {
    const client = new pg.Client({
      ...resolveHost(settings.hostname, settings.port),
      user: settings.user,
      password: settings.password ?? "",
      database: settings.dbname,
      ssl: modes[i]!,
      ...(modes[i] ? {} : { stream: () => new ReadingSocket() }),
      options: sessionOptions,
      application_name: "millrace",
      connectionTimeoutMillis: settings.connectTimeoutMs,
      keepAlive: settings.tcpKeepAlive,
      query_timeout: 0,
      ...(replication ? { replication: "database" } : {}),
    } as pg.ClientConfig);
    // without a listener a connection that breaks while idle would end the process
    client.on("error", () => {});
    try {
      await client.connect();
      return client;
    } catch (e) {
      client.end().catch(() => {});
      if (i + 1 < modes.length && tlsRefused(e, modes[i] !== false)) continue;
      throw connectError(e, settings);
    }
  }
}

type Ssl = false | TlsOptions;

/** `prefer` and `allow` have a second try. */
function attempts(settings: PostgresSettings): Ssl[] {
  switch (settings.sslMode) {
    case "disable":
      return [false];
    case "allow":
      return [false, tls(settings, false)];
    case "prefer":
      return [tls(settings, false), false];
    case "require":
      return [tls(settings, settings.sslRootCert !== null, false)];
    case "verify-ca":
      return [tls(settings, true, false)];
    case "verify-full":
      return [tls(settings, true, true)];
  }
}

function tls(settings: PostgresSettings, verify: boolean, verifyName = false): TlsOptions {
  return {
    rejectUnauthorized: verify,
    ...(settings.sslRootCert ? { ca: readPem(settings.sslRootCert, "database.sslrootcert") } : {}),
    ...(settings.sslCert ? { cert: readPem(settings.sslCert, "database.sslcert") } : {}),
    ...(settings.sslKey ? { key: readKey(settings.sslKey) } : {}),
    ...(settings.sslPassword ? { passphrase: settings.sslPassword } : {}),
    ...(verifyName ? {} : { checkServerIdentity: () => undefined }),
  } as TlsOptions;
}

function readPem(path: string, setting: string): Buffer | string {
  const bytes = read(path, setting);
  return bytes.includes("-----BEGIN") ? bytes : new X509Certificate(bytes).toString();
}

/** Java users keep keys as PKCS-8 DER. */
function readKey(path: string): unknown {
  const bytes = read(path, "database.sslkey");
  if (bytes.includes("-----BEGIN")) return bytes;
  return `-----BEGIN PRIVATE KEY-----\n${bytes.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
}

function read(path: string, setting: string): Buffer {
  try {
    return readFileSync(path);
  } catch (e) {
    throw new MillraceError("CONFIG_INVALID", `${setting}: cannot read ${path}: ${(e as NodeJS.ErrnoException).code}`, {
      context: { setting },
    });
  }
}

function tlsRefused(e: unknown, usedTls: boolean): boolean {
  const message = String((e as Error).message);
  return usedTls
    ? /does not support SSL|no pg_hba.conf entry|SSL|TLS/i.test(message)
    : /no pg_hba.conf entry|no encryption|SSL/i.test(message);
}

/** SQLSTATEs that no retry cures, with the setting to look at. */
const permanent: Record<string, string> = {
  "28P01": "database.password",
  "28000": "database.user",
  "3D000": "database.dbname",
};

export function connectError(e: unknown, settings: PostgresSettings): MillraceError {
  const { code, message } = e as { code?: string; message: string };
  const where = `${settings.hostname}:${settings.port}/${settings.dbname} as ${settings.user}`;
  const setting = code && permanent[code];
  if (setting)
    return new MillraceError("CONFIG_INVALID", `Cannot connect to Postgres at ${where} (${setting}): ${message}`, { context: { setting } });
  return new MillraceError("CONNECT_FAILED", `Cannot connect to Postgres at ${where}: ${message || code || "connection refused"}`, {
    context: { setting: code === "ENOTFOUND" || code === "ECONNREFUSED" ? "database.hostname" : "database.sslmode" },
  });
}
