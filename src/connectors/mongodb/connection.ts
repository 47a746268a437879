import { type AuthMechanism, MongoClient, type MongoClientOptions, MongoParseError } from "mongodb";
import { asError, describeError, MillraceError } from "../../common/errors.js";
import { clientKeyStore, trustStore } from "../../common/key-stores.js";
import { hideInUrls } from "../../common/secrets.js";
import type { CheckContext, ConnectorConfig } from "../../connect/api/source.js";
import { classify } from "./failures.js";
import { mongoConfig } from "./settings.js";

const STANDARD_PORT = 27017;
const CONNECT_TIMEOUT_MS = 5000;
const SOCKET_TIMEOUT_MS = 60_000;

/** Where to connect to, with the names of the config resolved. @throws CONFIG_INVALID */
export function connectionUri(raw: ConnectorConfig, context: CheckContext): { uri: string; direct: boolean } {
  const config = mongoConfig.parse(raw);
  const host = config.string("connection.host");
  const given = host === "" ? config.string("connection.uri") : uriOfHost(host, context);
  const m = /^(mongodb(?:\+srv)?):\/\/(?:([^/?]*)@)?([^/?]*)(.*)$/s.exec(given);
  if (!m) throw new MillraceError("CONFIG_INVALID", `connection.uri: expected mongodb://… or mongodb+srv://…, found ${hideInUrls(given)}`);
  const [, scheme, login, hosts, rest] = m as unknown as [string, string, string | undefined, string, string];
  const resolved = hosts.split(",").map((h) => resolve(h, context));
  const moved = resolved.some((r) => r.moved);
  const user = config.string("connection.user");
  const own = user === "" ? undefined : `${encodeURIComponent(user)}:${encodeURIComponent(config.string("connection.password"))}`;
  const credentials = login ?? own;
  const at = resolved.map((r) => r.text).join(",");
  return {
    uri: `${moved ? "mongodb" : scheme}://${credentials === undefined ? "" : `${credentials}@`}${at}${rest}`,
    // the set's members name each other by addresses that only their own network knows
    direct: moved && resolved.length === 1 && !/[?&](?:directConnection|replicaSet|loadBalanced)=/i.test(rest),
  };
}

/** A managed connector's host is found by DNS, unless it says how it is reached or `hosts` says where it is. */
function uriOfHost(host: string, context: CheckContext): string {
  if (host.includes("://")) return host;
  const named = resolve(host, context);
  return named.moved || /:\d+$/.test(host) ? `mongodb://${host}/` : `mongodb+srv://${host}/`;
}

function resolve(text: string, context: CheckContext): { text: string; moved: boolean } {
  const m = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(text);
  if (!m) return { text, moved: false };
  const host = m[1]!.replace(/^\[|\]$/g, "");
  const port = m[2] === undefined ? STANDARD_PORT : Number(m[2]);
  const to = context.resolveHost(host, port);
  if (to.host === host && to.port === port) return { text, moved: false };
  return { text: `${to.host.includes(":") ? `[${to.host}]` : to.host}:${to.port}`, moved: true };
}

/** A connected client. @throws CONFIG_INVALID, CONNECT_FAILED; TARGET_FAILED where waiting does not help */
export async function connect(raw: ConnectorConfig, context: CheckContext): Promise<MongoClient> {
  const config = mongoConfig.parse(raw);
  const { uri, direct } = connectionUri(raw, context);
  const options: MongoClientOptions = { appName: "millrace", serverSelectionTimeoutMS: CONNECT_TIMEOUT_MS };
  if (!/[?&]socketTimeoutMS=/i.test(uri)) options.socketTimeoutMS = SOCKET_TIMEOUT_MS;
  if (direct) options.directConnection = true;
  const version = config.string("server.api.version");
  if (version !== "")
    options.serverApi = {
      version: version as "1",
      strict: config.boolean("server.api.strict"),
      deprecationErrors: config.boolean("server.api.deprecationErrors"),
    };
  const mechanism = config.string("mongodb.auth.mechanism");
  if (mechanism !== "" && !/[?&]authMechanism=/i.test(uri)) options.authMechanism = mechanism as AuthMechanism;
  const trusted = config.string("connection.ssl.truststore");
  if (trusted !== "") options.ca = trustStore("connection.ssl.truststore", trusted).join("");
  const keys = config.string("connection.ssl.keystore");
  if (keys !== "")
    Object.assign(options, clientKeyStore("connection.ssl.keystore", keys, config.string("connection.ssl.keystorePassword")));
  const where = hideInUrls(uri);
  let client: MongoClient;
  try {
    client = new MongoClient(uri, options);
  } catch (error) {
    throw new MillraceError("CONFIG_INVALID", `connection.uri: ${asError(error).message}`, { cause: error });
  }
  try {
    await client.connect();
    await client.db("admin").command({ ping: 1 });
    return client;
  } catch (error) {
    client.close().catch(() => {});
    if (error instanceof MongoParseError) throw new MillraceError("CONFIG_INVALID", `connection.uri: ${error.message}`, { cause: error });
    const login = classify(error) === "permanent";
    throw new MillraceError(
      login ? "TARGET_FAILED" : "CONNECT_FAILED",
      `cannot ${login ? "log in" : "connect"} to ${where}: ${describeError(error)}`,
      { cause: error },
    );
  }
}
