import { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type mysql from "mysql2";
import { ReadingSocket } from "../../../cdc/reading-socket.js";
import { MillraceError } from "../../../common/errors.js";
import { lazyPackage } from "../../../common/lazy-package.js";
import { type TlsOptions, type TlsSettings, tlsOptions } from "./tls.js";
import { type HandedOver, WireSession } from "./wire-session.js";

const driver = lazyPackage<typeof mysql>("mysql2");

export interface ConnectionSettings extends TlsSettings {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly connectTimeoutMs: number;
  readonly tcpKeepAlive: boolean;
}

export type ResolveHost = (host: string, port: number) => { host: string; port: number };

/** What of mysql2's connection is used beyond its types; its version is pinned. */
type Core = mysql.Connection &
  HandedOver & {
    stream: Socket;
    packetParser: { execute(data: Buffer): void };
    startTLS(secured: (e?: Error) => void): void;
  };

/**
 * A session whose handshake, authentication and TLS mysql2 did.
 * @throws MillraceError CONNECT_FAILED (passing) or CONFIG_INVALID (wrong password, unusable TLS files), never with the password
 */
export async function connect(settings: ConnectionSettings, resolveHost: ResolveHost): Promise<WireSession> {
  const mode = settings.sslMode;
  const tls = mode === "disabled" ? null : tlsOptions(settings, settings.hostname);
  try {
    return await attempt(settings, resolveHost, tls);
  } catch (e) {
    if (mode === "preferred" && (e as { code?: string }).code === "HANDSHAKE_NO_SSL_SUPPORT") {
      try {
        return await attempt(settings, resolveHost, null);
      } catch (second) {
        throw connectError(second, settings);
      }
    }
    throw connectError(e, settings);
  }
}

function attempt(settings: ConnectionSettings, resolveHost: ResolveHost, tls: TlsOptions | null): Promise<WireSession> {
  return new Promise((resolve, reject) => {
    const connection = driver().createConnection({
      user: settings.user,
      password: settings.password ?? "",
      charset: "utf8mb4",
      connectTimeout: settings.connectTimeoutMs,
      // plain queries and answers, and no request of the server for a local file
      flags: ["-CLIENT_QUERY_ATTRIBUTES", "-LOCAL_FILES", "-SESSION_TRACK", "-FOUND_ROWS", "-IGNORE_SPACE", "-ODBC"],
      connectAttributes: { program_name: "millrace" },
      ...(tls ? { ssl: {} } : {}),
      stream: () => {
        const socket = tls ? new Socket() : new ReadingSocket();
        return socket.connect({ ...resolveHost(settings.hostname, settings.port), noDelay: true, keepAlive: settings.tcpKeepAlive });
      },
    } as mysql.ConnectionOptions) as unknown as Core;
    if (tls) connection.startTLS = (secured) => startTls(connection, tls, secured);
    connection.once("error", (e) => {
      // without a listener a late error of the broken connection would end the process
      connection.on("error", () => {});
      connection.destroy();
      reject(e);
    });
    // at once: a byte that mysql2 still reads is lost
    connection.once("connect", () => resolve(new WireSession(connection)));
  });
}

/** mysql2's own takes no PKCS #12 and checks the name of the address, not the configured one. */
function startTls(connection: Core, options: TlsOptions, secured: (e?: Error) => void): void {
  connection.stream.removeAllListeners("data");
  let done = false;
  const finish = (e?: Error) => {
    if (done) return;
    done = true;
    secured(e);
  };
  let socket: ReturnType<typeof connectTls>;
  try {
    socket = connectTls({ ...(options as object), socket: connection.stream });
  } catch (e) {
    // a wrong passphrase, a key that does not fit its certificate
    finish(e as Error);
    return;
  }
  socket.once("secureConnect", () => finish());
  socket.once("error", (e) => finish(e));
  socket.on("data", (data) => connection.packetParser.execute(data));
  connection.stream = socket;
}

/** Errors that no retry cures, with the setting to look at. */
const permanent: Record<number, string> = { 1045: "database.user", 1044: "database.user", 1130: "database.user", 1698: "database.user" };

function connectError(e: unknown, settings: ConnectionSettings): MillraceError {
  if (e instanceof MillraceError) return e;
  const { code, errno, message } = e as { code?: string; errno?: number; message: string };
  const where = `${settings.hostname}:${settings.port} as ${settings.user}`;
  const setting = errno === undefined ? undefined : permanent[errno];
  const says = `${message || code || "connection refused"}`;
  if (setting)
    return new MillraceError("CONFIG_INVALID", `Cannot connect to MySQL at ${where} (${setting}, database.password): ${says}`, {
      context: { setting },
    });
  if (code === "HANDSHAKE_NO_SSL_SUPPORT")
    return new MillraceError(
      "CONFIG_INVALID",
      `Cannot connect to MySQL at ${where}: the server has no TLS, and database.ssl.mode is ${settings.sslMode}`,
      { context: { setting: "database.ssl.mode" } },
    );
  const network = code === "ENOTFOUND" || code === "ECONNREFUSED" || code === "ETIMEDOUT" || code === "EHOSTUNREACH";
  return new MillraceError("CONNECT_FAILED", `Cannot connect to MySQL at ${where}: ${says}`, {
    context: { setting: network ? "database.hostname" : "database.ssl.mode" },
  });
}
