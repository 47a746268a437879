import { auth, Client, type ClientOptions, errors, policies, types } from "cassandra-driver";
import { asError, describeError, MillraceError } from "../../common/errors.js";
import type { CheckContext } from "../../connect/api/source.js";
import type { CassandraSettings } from "./settings.js";
import { tlsOptions } from "./tls.js";

const HANDSHAKE_MS = 10_000;

function clientOptions(settings: CassandraSettings, context: CheckContext): ClientOptions {
  const options: ClientOptions = {
    pooling: { coreConnectionsPerHost: { [types.distance.local]: settings.connectionsPerHost, [types.distance.remote]: 1 } },
    // rows have their own; a server that accepts connections and answers none (it starts, or hangs) is left and tried anew after this time
    socketOptions: { readTimeout: Math.min(settings.timeoutMs, HANDSHAKE_MS), connectTimeout: HANDSHAKE_MS },
    // the sink's own retries are the only ones: they know what may be sent twice
    policies: {
      retry: new policies.retry.FallthroughRetryPolicy(),
      // by default the pauses grow to ten minutes, and a server that is back would be seen as late as that
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(1000),
    },
    queryOptions: { prepare: true },
    protocolOptions: { port: settings.port },
  };
  if (settings.auth !== null) options.authProvider = new auth.PlainTextAuthProvider(settings.auth.username, settings.auth.password);
  if (settings.secureBundle !== null) {
    options.cloud = { secureConnectBundle: settings.secureBundle };
    return options;
  }
  options.contactPoints = settings.contactPoints.map((p) => {
    const { host, port } = context.resolveHost(p.host, p.port);
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  });
  if (settings.localDc !== null) options.localDataCenter = settings.localDc;
  else options.policies!.loadBalancing = new policies.loadBalancing.TokenAwarePolicy(new policies.loadBalancing.RoundRobinPolicy());
  options.policies!.addressResolution = translator(context);
  if (settings.tls !== null) options.sslOptions = tlsOptions(settings.tls);
  return options;
}

/** Nodes name themselves by their own addresses, which `hosts` may place elsewhere as well. */
function translator(context: CheckContext): policies.addressResolution.AddressTranslator {
  return Object.assign(policies.defaultAddressTranslator(), {
    translate(address: string, port: number, callback: (endpoint: string) => void): void {
      const to = context.resolveHost(address, port);
      callback(to.host.includes(":") ? `[${to.host}]:${to.port}` : `${to.host}:${to.port}`);
    },
  });
}

/** @throws CONFIG_INVALID, CONNECT_FAILED; TARGET_FAILED where waiting does not help */
export async function connect(settings: CassandraSettings, context: CheckContext): Promise<Client> {
  const client = new Client(clientOptions(settings, context));
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.shutdown().catch(() => {});
    const points = settings.contactPoints.map((p) => `${p.host}:${p.port}`).join(", ");
    const where = settings.secureBundle === null ? points : "the cloud database";
    if (error instanceof errors.ArgumentError || error instanceof TypeError)
      throw new MillraceError("CONFIG_INVALID", `cannot connect to ${where}: ${asError(error).message}`, { cause: error });
    const inner = innerErrors(error);
    const login = inner.find((e) => e instanceof errors.AuthenticationError || codeOf(e) === types.responseErrorCodes.badCredentials);
    if (login) throw new MillraceError("TARGET_FAILED", `cannot log in to ${where}: ${asError(login).message}`, { cause: error });
    const why = inner.length ? inner.map((e) => describeError(e)).join("; ") : describeError(error);
    throw new MillraceError("CONNECT_FAILED", `cannot connect to ${where}: ${why}`, { cause: error });
  }
}

function innerErrors(error: unknown): unknown[] {
  return error instanceof errors.NoHostAvailableError ? Object.values((error.innerErrors ?? {}) as object) : [error];
}

const codeOf = (error: unknown) => (error instanceof errors.ResponseError ? error.code : undefined);

/** What a failure of a request means. */
export type FailureKind =
  /** the node, the cluster or the way there cannot now: the same request passes later */
  | "passing"
  /** the node does not know the statement and cannot prepare it: the table may be another by now */
  | "stale"
  /** the row or the statement is refused; the table tells which of both */
  | "refused"
  /** may be the row's fault: tried again a few times, then refused */
  | "doubtful"
  /** rights, a wrong login: nothing passes */
  | "permanent";

/** By the native protocol's error codes (CQL binary protocol v5, section 9). */
export function classify(error: unknown): FailureKind {
  if (error instanceof errors.NoHostAvailableError) {
    const kinds = innerErrors(error)
      .filter((e) => e !== null && typeof e === "object")
      .map(classify);
    for (const kind of ["permanent", "stale"] as const) if (kinds.length > 0 && kinds.every((k) => k === kind)) return kind;
    return "passing";
  }
  if (error instanceof errors.AuthenticationError) return "permanent";
  switch (codeOf(error)) {
    case undefined:
      return error instanceof TypeError || error instanceof RangeError ? "doubtful" : "passing";
    case 0x2500: // unprepared
      return "stale";
    case 0x2000: // syntax error
    case 0x2200: // invalid
    case 0x2300: // configuration error
    case 0x1400: // function failure
      return "refused";
    case 0x0000: // server error
    case 0x1500: // write failure
    case 0x1300: // read failure
    case 0x000a: // protocol error
      return "doubtful";
    case 0x0100: // bad credentials
    case 0x2100: // unauthorized
    case 0x2400: // already exists
      return "permanent";
    default:
      return "passing";
  }
}
