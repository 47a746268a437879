import { ConfigDef } from "../../common/config-def.js";
import type { ConnectorConfig } from "../../connect/api/source.js";

const javaDriver = (name: string) => `datastax-java-driver.${name}`;

/** Settings of `com.datastax.oss.kafka.sink.CassandraSinkConnector` with its names and defaults; `topic.*` is read beside them. */
export const cassandraConfig = new ConfigDef([
  {
    name: "contactPoints",
    aliases: [javaDriver("basic.contact-points")],
    type: "STRING",
    default: "localhost",
    importance: "HIGH",
    group: "Connection",
    doc: "Hosts to connect to first, as `host` or `host:port`; brackets around the list are allowed.",
  },
  {
    name: "loadBalancing.localDc",
    aliases: [javaDriver("basic.load-balancing-policy.local-datacenter")],
    type: "STRING",
    default: "",
    importance: "HIGH",
    group: "Connection",
    doc: "The data center that requests go to. Required with contactPoints.",
    check: (value, config) =>
      value && config["cloud.secureConnectBundle"] ? "cannot be set together with cloud.secureConnectBundle" : undefined,
  },
  { name: "port", type: "INT", default: 9042, min: 1, max: 65535, group: "Connection", doc: "Port of contact points that name none." },
  {
    name: "cloud.secureConnectBundle",
    aliases: [javaDriver("basic.cloud.secure-connect-bundle")],
    type: "STRING",
    default: "",
    group: "Connection",
    doc: "Path of an Astra secure connect bundle; instead of contactPoints, loadBalancing.localDc and ssl.*.",
  },
  {
    name: "maxConcurrentRequests",
    type: "INT",
    default: 500,
    min: 1,
    max: 32_768,
    importance: "HIGH",
    group: "Writing",
    doc: "Requests under way at the same time, at the most.",
  },
  {
    name: "maxNumberOfRecordsInBatch",
    type: "INT",
    default: 32,
    min: 1,
    max: 65_535,
    group: "Writing",
    doc: "Rows of one partition that go in one unlogged batch, at the most.",
  },
  {
    name: "connectionPoolLocalSize",
    aliases: [javaDriver("advanced.connection.pool.local.size")],
    type: "INT",
    default: 4,
    min: 1,
    group: "Connection",
    doc: "Connections to each node of the local data center.",
  },
  {
    name: "queryExecutionTimeout",
    type: "INT",
    default: 30,
    min: 1,
    group: "Writing",
    doc: "Seconds until a request counts as lost; it is then sent again.",
  },
  {
    name: "compression",
    aliases: [javaDriver("advanced.protocol.compression")],
    type: "STRING",
    default: "None",
    values: ["None", "Snappy", "LZ4"],
    group: "Connection",
    doc: "Accepted; requests are not compressed.",
  },
  { name: "jmx", type: "BOOLEAN", default: true, group: "Connection", doc: "Accepted; metrics are at `/metrics`." },
  {
    name: "ignoreErrors",
    type: "STRING",
    default: "None",
    values: ["None", "All", "Driver", "false", "true"],
    group: "Writing",
    doc: "Which refused records never stop the task: none, all, or those that the database refuses. They are set aside in any case.",
  },
  {
    name: "auth.provider",
    type: "STRING",
    default: "None",
    values: ["None", "PLAIN", "DSE", "GSSAPI"],
    importance: "HIGH",
    group: "Authentication",
    doc: "PLAIN: user name and password.",
    check: (value) => (value === "GSSAPI" ? "Kerberos is not supported; supported: None, PLAIN" : undefined),
  },
  { name: "auth.username", type: "STRING", default: "", importance: "HIGH", group: "Authentication", doc: "User name." },
  { name: "auth.password", type: "PASSWORD", default: "", importance: "HIGH", group: "Authentication", doc: "Password." },
  { name: "auth.gssapi.keyTab", type: "STRING", default: "", group: "Authentication", doc: "Not supported." },
  { name: "auth.gssapi.principal", type: "STRING", default: "", group: "Authentication", doc: "Not supported." },
  { name: "auth.gssapi.service", type: "STRING", default: "dse", group: "Authentication", doc: "Not supported." },
  {
    name: "ssl.provider",
    type: "STRING",
    default: "None",
    values: ["None", "JDK", "OpenSSL"],
    importance: "HIGH",
    group: "TLS",
    doc: "JDK takes the stores, OpenSSL the PEM files; both are read by this process's TLS.",
    check: (value, config) =>
      value !== "None" && config["cloud.secureConnectBundle"] ? "cannot be set together with cloud.secureConnectBundle" : undefined,
  },
  { name: "ssl.cipherSuites", type: "LIST", default: [], group: "TLS", doc: "Cipher suites, by OpenSSL's names." },
  { name: "ssl.hostnameValidation", type: "BOOLEAN", default: true, group: "TLS", doc: "Whether a node's certificate must name its host." },
  { name: "ssl.keystore.path", type: "STRING", default: "", group: "TLS", doc: "The client's key and certificate, PKCS12 or PEM." },
  { name: "ssl.keystore.password", type: "PASSWORD", default: "", group: "TLS", doc: "Password of the key store." },
  { name: "ssl.truststore.path", type: "STRING", default: "", group: "TLS", doc: "Trusted certificates, PEM or JKS." },
  { name: "ssl.truststore.password", type: "PASSWORD", default: "", group: "TLS", doc: "Password of the trust store." },
  { name: "ssl.openssl.keyCertChain", type: "STRING", default: "", group: "TLS", doc: "The client's certificate chain, PEM." },
  { name: "ssl.openssl.privateKey", type: "STRING", default: "", group: "TLS", doc: "The client's private key, PEM." },
]);

export interface CassandraSettings {
  readonly contactPoints: readonly { readonly host: string; readonly port: number }[];
  /** of nodes that are found through the contact points */
  readonly port: number;
  /** null: any */
  readonly localDc: string | null;
  readonly secureBundle: string | null;
  readonly maxConcurrentRequests: number;
  readonly maxRecordsInBatch: number;
  readonly connectionsPerHost: number;
  readonly timeoutMs: number;
  readonly compression: string;
  readonly ignore: "none" | "all" | "driver";
  readonly auth: { readonly username: string; readonly password: string } | null;
  readonly tls: TlsSettings | null;
}

export interface TlsSettings {
  readonly cipherSuites: readonly string[];
  readonly hostnameValidation: boolean;
  readonly keystore: { readonly path: string; readonly password: string } | null;
  readonly truststore: { readonly path: string; readonly password: string } | null;
  readonly certificate: string | null;
  readonly privateKey: string | null;
}

/** @throws CONFIG_INVALID */
export function cassandraSettings(raw: ConnectorConfig): CassandraSettings {
  const c = cassandraConfig.parse(raw);
  const ignore = c.string("ignoreErrors").toLowerCase();
  const provider = c.string("auth.provider");
  const username = c.string("auth.username");
  const bundle = c.string("cloud.secureConnectBundle");
  const store = (name: string) =>
    c.string(`ssl.${name}.path`) === "" ? null : { path: c.string(`ssl.${name}.path`), password: c.string(`ssl.${name}.password`) };
  return {
    contactPoints: contactPoints(c.string("contactPoints"), c.number("port")),
    port: c.number("port"),
    localDc: c.string("loadBalancing.localDc") || null,
    secureBundle: bundle || null,
    maxConcurrentRequests: c.number("maxConcurrentRequests"),
    maxRecordsInBatch: c.number("maxNumberOfRecordsInBatch"),
    connectionsPerHost: c.number("connectionPoolLocalSize"),
    timeoutMs: requestTimeout(raw) ?? c.number("queryExecutionTimeout") * 1000,
    compression: c.string("compression"),
    ignore: ignore === "all" || ignore === "true" ? "all" : ignore === "driver" ? "driver" : "none",
    auth: provider !== "None" || username !== "" || bundle !== "" ? { username, password: c.string("auth.password") } : null,
    tls:
      c.string("ssl.provider") === "None"
        ? null
        : {
            cipherSuites: c.list("ssl.cipherSuites"),
            hostnameValidation: c.boolean("ssl.hostnameValidation"),
            keystore: store("keystore"),
            truststore: store("truststore"),
            certificate: c.string("ssl.openssl.keyCertChain") || null,
            privateKey: c.string("ssl.openssl.privateKey") || null,
          },
  };
}

/** `[host, host:port, ipv6]` */
function contactPoints(text: string, port: number): { host: string; port: number }[] {
  const inner = text.trim().replace(/^\[([^\]]*,[^\]]*|[^\]:]+(?::\d+)?)\]$/, "$1");
  const points = inner
    .split(",")
    .map((p) => p.trim().replace(/^"(.*)"$/, "$1"))
    .filter((p) => p !== "");
  if (points.length === 0) return [{ host: "localhost", port }];
  return points.map((p) => {
    const m = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(p);
    return { host: (m ? m[1]! : p).replace(/^\[|\]$/g, ""), port: m ? Number(m[2]) : port };
  });
}

/** The Java driver's `basic.request.timeout` (`30 seconds`, `500 ms`), where the connector's own setting is not given. */
function requestTimeout(raw: ConnectorConfig): number | undefined {
  const text = raw.queryExecutionTimeout === undefined ? raw[javaDriver("basic.request.timeout")] : undefined;
  const m = /^\s*(\d+)\s*(ms|milliseconds?|s|seconds?|m|minutes?)\s*$/.exec(text ?? "");
  if (!m) return undefined;
  const unit = m[2]!.startsWith("mi") && !m[2]!.startsWith("mil") ? 60_000 : m[2]!.startsWith("s") ? 1000 : m[2] === "m" ? 60_000 : 1;
  return Number(m[1]) * unit;
}
