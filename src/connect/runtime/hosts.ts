/**
 * Where the names in connector configs really are. Files made for containers name the stack's own services (`kafka`,
 * `schema-registry`), which are this process, and databases by names that only the container network knew.
 */
export interface HostMap {
  /** From the `hosts` setting: `postgres` or `postgres:5432` to `127.0.0.1:5433` (without a port: the same port). */
  readonly map?: Readonly<Record<string, string>>;
  /** This process's own listeners, by the port that the old stack gave them: `{8081: {host: "127.0.0.1", port: 18081}}`. */
  readonly own?: Readonly<Record<number, { readonly host: string; readonly port: number }>>;
  /** Further names of the old stack's parts, in lower case, with the port that each part listened on: `{"my-registry": 8081}`. */
  readonly names?: Readonly<Record<string, number>>;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Names that compose files of the old stack give to its parts, and the port that each part listens on there. */
const stackNames: ReadonlyMap<string, number> = new Map([
  ...["kafka", "broker", "kafka1", "kafka2", "kafka3", "kafka4", "broker1", "kafka-1", "kafka-2", "kafka-3", "kafka-4"].map(
    (name) => [name, 9092] as const,
  ),
  ...["schema-registry", "schemaregistry", "schema_registry"].map((name) => [name, 8081] as const),
  ...["rest-proxy", "kafka-rest", "restproxy"].map((name) => [name, 8082] as const),
  ...["connect", "kafka-connect", "connect-1", "debezium", "connect-debezium"].map((name) => [name, 8083] as const),
  ...["ksqldb-server", "ksql-server", "ksqldb", "primary-ksqldb-server"].map((name) => [name, 8088] as const),
]);

/** `hosts` first (with the port, then without), then the stack's own names, else as it is. */
export function resolveHost(hosts: HostMap, host: string, port: number): HostPort {
  const given = hosts.map?.[`${host}:${port}`] ?? hosts.map?.[host];
  if (given !== undefined) {
    const m = /^(.*?)(?::(\d+))?$/.exec(given)!;
    return { host: m[1]!, port: m[2] ? Number(m[2]) : port };
  }
  const part = hosts.names?.[host.toLowerCase()] ?? stackNames.get(host.toLowerCase());
  const own = part === undefined ? undefined : (hosts.own?.[part] ?? hosts.own?.[port]);
  return own ?? { host, port };
}

/** The hosts in a list of URLs or of `host:port`, resolved in place (`http://schema-registry:8081,…`). */
export function resolveUrls(hosts: HostMap, text: string): string {
  return text.replace(
    /(^|,|:\/\/)(?:([^/@,\s]*@))?([A-Za-z0-9_.-]+):(\d+)/g,
    (_all, before: string, user: string | undefined, host: string, port: string) => {
      const to = resolveHost(hosts, host, Number(port));
      return `${before}${user ?? ""}${to.host}:${to.port}`;
    },
  );
}
