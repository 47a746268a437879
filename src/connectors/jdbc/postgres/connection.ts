import { readFileSync } from "node:fs";
import pg from "pg";
import { MillraceError } from "../../../common/errors.js";
import type { CheckContext } from "../../../connect/api/source.js";
import type { FailureKind } from "../dialect.js";
import { firstHost, type JdbcHost } from "../hosts.js";
import type { SinkSettings } from "../settings.js";

/** Options of a `pg.Client` for the target; statements are sent without waiting for the one before. */
function clientConfig(settings: SinkSettings, context: CheckContext, at: JdbcHost): pg.ClientConfig {
  const { host, port } = context.resolveHost(at.host, at.port);
  const p = settings.url.parameters;
  const config: pg.ClientConfig & { pipeline?: boolean } = {
    host,
    port,
    database: settings.url.database,
    user: settings.user ?? p.user ?? "postgres",
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    application_name: p.ApplicationName ?? "millrace",
    pipeline: true,
  };
  const password = settings.password ?? p.password;
  if (password !== undefined) config.password = password;
  if (p.currentSchema !== undefined) config.options = `-c search_path=${p.currentSchema.replace(/[\\ ]/g, "\\$&")}`;
  const ssl = tls(p);
  if (ssl !== undefined) config.ssl = ssl;
  return config;
}

/** pgjdbc's `ssl`, `sslmode`, `sslrootcert`, `sslcert`, `sslkey`. */
function tls(p: Readonly<Record<string, string>>): pg.ClientConfig["ssl"] {
  const mode = p.sslmode ?? (p.ssl !== undefined && p.ssl !== "false" ? "verify-full" : "prefer");
  if (mode === "disable" || mode === "allow" || mode === "prefer") return undefined;
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file, "utf8"));
  const options: Record<string, unknown> = { rejectUnauthorized: mode.startsWith("verify") };
  const files = { ca: read(p.sslrootcert), cert: read(p.sslcert), key: read(p.sslkey) };
  for (const [key, value] of Object.entries(files)) if (value !== undefined) options[key] = value;
  if (mode === "verify-ca") options.checkServerIdentity = () => undefined;
  return options;
}

/**
 * Connects with UTC, ISO dates and full float precision; of several hosts, to the first that takes writes.
 * @throws MillraceError CONNECT_FAILED
 */
export function openClient(settings: SinkSettings, context: CheckContext): Promise<pg.Client> {
  const { hosts } = settings.url;
  return firstHost(hosts, async (at) => {
    const config = clientConfig(settings, context, at);
    const client = new pg.Client(config);
    client.on("error", () => {}); // the statements under way are rejected with it; without a listener it would end the process
    try {
      await client.connect();
      await client.query("SET TIME ZONE 'UTC'; SET datestyle = 'ISO, YMD'; SET extra_float_digits = 3; SET synchronous_commit = on");
      if (hosts.length > 1 && (await client.query("SELECT pg_is_in_recovery() AS standby")).rows[0].standby)
        throw new Error("it is a standby, which takes no writes");
      return client;
    } catch (error) {
      client.end().catch(() => {});
      throw new MillraceError(
        "CONNECT_FAILED",
        `cannot connect to ${config.host}:${config.port}/${config.database}: ${(error as Error).message}`,
        { cause: error },
      );
    }
  });
}

/**
 * A schema, table, type or column of that name; of two CREATEs at once, IF NOT EXISTS or not, the slower finds its row in a catalogue's
 * unique index (23505).
 */
export function existsAlready(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  return /^(42P06|42P07|42710|42701)$/.test(error.code ?? "") || (error.code === "23505" && error.schema === "pg_catalog");
}

/** By SQLSTATE class (PostgreSQL documentation, appendix A). */
export function classify(error: unknown): FailureKind {
  // a system error's code may look like an SQLSTATE: EPIPE
  const code = error instanceof pg.DatabaseError ? error.code : undefined;
  if (code === undefined) return error instanceof RangeError || error instanceof TypeError ? "data" : "connection";
  if (code.startsWith("08") || code.startsWith("57P") || code === "25006" || code.startsWith("58") || code.startsWith("XX"))
    return "connection";
  if (code.startsWith("40") || code.startsWith("53") || code === "55P03" || code === "57014") return "passing";
  if (
    code.startsWith("22") ||
    code.startsWith("23") ||
    code === "21000" ||
    code.startsWith("54") ||
    code.startsWith("P0") ||
    code === "44000"
  )
    return "data";
  if (code === "42P01" || code === "42703" || code === "42P10" || code === "42804" || code === "0A000") return "structure";
  return "permanent";
}
