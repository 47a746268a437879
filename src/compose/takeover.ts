import { posix } from "node:path";
import type { ComposeFile, PublishedPort, Service } from "./compose-file.js";
import { type Role, roleOf } from "./images.js";
import { type BrokerTakeover, brokerDefaults, kafkaPorts, type TopicToMake, topicsToMake } from "./kafka-service.js";
import {
  brokerSettings,
  connectSettings,
  consoleSettings,
  javaOptions,
  registrySettings,
  restProxySettings,
  type Settings,
  sqlSettings,
  withPrefix,
} from "./settings-of.js";

/** The parts of this process that have a port, as its settings name them. */
export type Part = "kafka" | "registry" | "rest-proxy" | "connect" | "sql" | "console";
export const standardPorts: Readonly<Record<Part, number>> = {
  kafka: 9092,
  registry: 8081,
  "rest-proxy": 8082,
  connect: 8083,
  sql: 8088,
  console: 9021,
};

/** A further port that the file publishes for a part: a second broker's, another worker's. */
export interface Forward {
  readonly port: number;
  readonly part: Part;
  readonly service: string;
}

export interface TakenService {
  readonly service: Service;
  readonly part: Part;
  /** the published port; null: none */
  readonly port: number | null;
  /** names of its settings that hold here */
  readonly settings: readonly string[];
  readonly notes: readonly string[];
}

export interface StayingService {
  readonly service: Service;
  /** `host:port` in configs → where it is */
  readonly reached: readonly (readonly [string, string])[];
  /** names of services taken over that its environment speaks of */
  readonly uses: readonly string[];
}

export interface IgnoredService {
  readonly service: Service;
  readonly why: string;
}

/** What `millrace up` makes of a compose file. */
export interface Takeover {
  readonly file: ComposeFile;
  /** topics are on a cluster that the settings name */
  readonly cluster: boolean;
  readonly ports: Readonly<Partial<Record<Part, number>>>;
  readonly forwards: readonly Forward[];
  /** whether a port is published on every address */
  readonly open: boolean;
  /** where the names of services that stay are */
  readonly hosts: Readonly<Record<string, string>>;
  /** names of services taken over, with the standard port of the part that each is now */
  readonly serviceNames: Readonly<Record<string, number>>;
  readonly connect: Settings;
  readonly sql: Settings;
  readonly broker: BrokerTakeover;
  /** the registry's level of compatibility; null where the file says none */
  readonly compatibility: string | null;
  readonly topics: readonly TopicToMake[];
  /** SQL files to run, on the host */
  readonly queries: readonly string[];
  readonly taken: readonly TakenService[];
  readonly stays: readonly StayingService[];
  readonly ignored: readonly IgnoredService[];
}

const partOf: Readonly<Partial<Record<Role, Part>>> = {
  kafka: "kafka",
  registry: "registry",
  "rest-proxy": "rest-proxy",
  connect: "connect",
  sql: "sql",
  console: "console",
};

/** @param cluster whether topics are on a cluster that the settings name: brokers and ZooKeeper stay */
export function takeOver(file: ComposeFile, cluster = false): Takeover {
  const made = new Builder(file, cluster);
  for (const service of file.services) made.add(service);
  return made.finish();
}

class Builder {
  private readonly ports: Partial<Record<Part, number>> = {};
  private readonly forwards: Forward[] = [];
  private readonly serviceNames: Record<string, number> = {};
  private readonly connect: Settings = {};
  private readonly sql: Settings = {};
  private readonly brokers: Settings = {};
  private compatibility: string | null = null;
  private readonly topics: TopicToMake[] = [];
  private readonly queries: string[] = [];
  private readonly taken: TakenService[] = [];
  private readonly staying: Service[] = [];
  private readonly ignored: IgnoredService[] = [];
  private open = false;

  constructor(
    private readonly file: ComposeFile,
    private readonly cluster: boolean,
  ) {}

  add(service: Service): void {
    const role = roleOf(service.image);
    const stays = role === undefined || (this.cluster && (role === "zookeeper" || (role === "kafka" && !isCommandOnly(service, role))));
    if (stays) this.staying.push(service);
    else if (role === "zookeeper")
      this.ignore(service, "there is nothing for a ZooKeeper to do: the log keeps its own topics, groups and offsets");
    else if (role === "sql-cli") this.ignore(service, this.script(service) ?? "`millrace sql` is the shell");
    else if (role === "kafka-client") this.ignore(service, this.script(service) ?? "a client: run it on the host");
    else if (isCommandOnly(service, role)) this.command(service);
    else this.take(service, partOf[role]!);
  }

  finish(): Takeover {
    const names = Object.keys(this.serviceNames);
    const stays = this.staying.map((service): StayingService => {
      const reached = service.ports
        .filter((p) => p.published !== null)
        .flatMap((p) => service.names.map((name) => [`${name}:${p.target}`, `${addressOf(p)}:${p.published}`] as const));
      const text = [...Object.values(service.environment), service.command].join("\n");
      return { service, reached, uses: names.filter((name) => new RegExp(`(^|[^\\w.-])${escaped(name)}:\\d+`).test(text)) };
    });
    return {
      file: this.file,
      cluster: this.cluster,
      ports: this.ports,
      forwards: this.forwards,
      open: this.open,
      hosts: { "host.docker.internal": "127.0.0.1", ...Object.fromEntries(stays.flatMap((s) => s.reached)) },
      serviceNames: this.serviceNames,
      connect: this.connect,
      sql: this.sql,
      broker: brokerDefaults(this.brokers),
      compatibility: this.compatibility,
      topics: [...new Map(this.topics.map((t) => [t.name, t])).values()],
      queries: this.queries,
      taken: this.taken,
      stays,
      ignored: this.ignored,
    };
  }

  private take(service: Service, part: Part): void {
    const published = part === "kafka" ? kafkaPorts(service) : portsOf(service, part);
    for (const { published: port, hostIp } of published) {
      this.open ||= hostIp === null || hostIp === "0.0.0.0" || hostIp === "::";
      if (this.ports[part] === undefined) this.ports[part] = port!;
      else if (this.ports[part] !== port) this.forwards.push({ port: port!, part, service: service.name });
    }
    for (const name of service.names) this.serviceNames[name.toLowerCase()] = standardPorts[part];
    const notes: string[] = [];
    const settings = this.settingsOf(service, part, notes);
    this.topics.push(...(part === "kafka" ? topicsToMake(service) : []));
    if (
      service.command !== "" &&
      !/docker\/run\b|\/docker-entrypoint|\brun\.sh\b/.test(service.command) &&
      part !== "kafka" &&
      part !== "sql"
    )
      notes.push("its command is not run");
    else if (/\bcurl\b/.test(service.command)) notes.push("what its command posts by curl is not posted: post it yourself");
    if (service.files.length)
      notes.push(`secrets and configs are no files here (${service.files.join("; ")}): a \${file:…} of a connector names the host's own`);
    const plugins = [...service.command.matchAll(/confluent-hub\s+install\s+(?:--?\S+\s+)*([\w./:-]+)/g)].map((m) => m[1]);
    if (plugins.length)
      notes.push(`Java plug-ins are not installed (${plugins.join(", ")}): GET /connector-plugins lists what is built in`);
    this.taken.push({ service, part, port: published[0]?.published ?? null, settings, notes });
  }

  /** Puts a service's settings where they belong; returns the names of those that have an effect. */
  private settingsOf(service: Service, part: Part, notes: string[]): string[] {
    switch (part) {
      case "kafka": {
        const settings = brokerSettings(service);
        merge(this.brokers, settings);
        if (Object.keys(settings).some((name) => /^(sasl|ssl)\.|^listener\.name\..*\.(sasl|ssl)/.test(name)))
          notes.push("its logins and certificates are not taken over");
        return [...brokerDefaults(settings).taken];
      }
      case "connect": {
        const settings = connectSettings(service);
        merge(this.connect, settings);
        if (service.volumes.some((v) => (settings["plugin.path"] ?? "").split(",").some((p) => p.trim() === v.target)))
          notes.push("Java plug-ins of its plugin.path are not loaded: GET /connector-plugins lists what is built in");
        return Object.keys(settings).filter((name) => connectTaken.test(name));
      }
      case "sql":
        return this.sqlOf(service, notes);
      case "registry": {
        const settings = registrySettings(service);
        const level = settings["schema.compatibility.level"] ?? settings["avro.compatibility.level"];
        if (level === undefined) return [];
        this.compatibility ??= level.trim().toUpperCase();
        return ["schema.compatibility.level"];
      }
      default:
        return [];
    }
  }

  private sqlOf(service: Service, notes: string[]): string[] {
    const settings = sqlSettings(service);
    const queries = settings["ksql.queries.file"] ?? /--queries-file[=\s]+["']?([^\s"']+)/.exec(service.command)?.[1];
    if (queries !== undefined) notes.push(this.fileOf(service, queries));
    if (settings["ksql.extension.dir"] !== undefined) notes.push("Java functions of its ksql.extension.dir are not loaded");
    // a Connect worker within the SQL server
    merge(this.connect, withPrefix(service.environment, "KSQL_CONNECT_"));
    merge(this.connect, prefixed(javaOptions(service.environment["KSQL_OPTS"]), "connect."));
    const taken = Object.keys(settings).filter((name) => !sqlIgnored.test(name));
    for (const name of taken) this.sql[name] ??= settings[name]!;
    return taken;
  }

  /** The SQL file that a container reads, on the host. */
  private fileOf(service: Service, path: string): string {
    const volume = service.volumes
      .filter((v) => path === v.target || path.startsWith(`${v.target.replace(/\/$/, "")}/`))
      .sort((a, b) => b.target.length - a.target.length)[0];
    if (!volume?.source.startsWith("/")) return `${path} is in the container only: run it yourself with \`millrace sql -f FILE\``;
    const file = posix.join(volume.source, path.slice(volume.target.length));
    this.queries.push(file);
    return `runs the statements of ${file}`;
  }

  /** A container of a server's image that runs a command and ends. */
  private command(service: Service): void {
    const topics = topicsToMake(service);
    this.topics.push(...topics);
    const script = this.script(service);
    const done = topics.length ? `its topics are made here: ${topics.map((t) => t.name).join(", ")}` : undefined;
    this.ignore(service, [done, script].filter(Boolean).join("; ") || `its command is not run: ${short(service.command)}`);
  }

  /** `ksql … -f FILE` */
  private script(service: Service): string | undefined {
    const file = /\bksql\b.*?(?:--file|-f)[=\s]+["']?([^\s"']+)/s.exec(service.command)?.[1];
    return file === undefined ? undefined : this.fileOf(service, file);
  }

  private ignore(service: Service, why: string): void {
    this.ignored.push({ service, why });
  }
}

const connectTaken =
  /^((key|value|header)\.converter(\.|$)|config\.providers(\.|$)|(consumer|producer)\.|connector\.client\.|rest\.advertised\.|log4j\.|tasks\.restart\.)/;
const sqlIgnored =
  /^(listeners|bootstrap\.servers|host\.name|ksql\.host\.name|advertised\.listener|ksql\.advertised\.listener|ksql\.schema\.registry\.|ksql\.connect\.|connect\.|ksql\.queries\.file|ksql\.extension\.dir|heap\.opts|jvm\.|log4j|opts$|jmx|ssl\.|authentication\.|confluent\.|producer\.|consumer\.)/;

/** A worker or server that is started runs its image's own program; a one-off runs a command of its own and publishes nothing. */
function isCommandOnly(service: Service, role: Role): boolean {
  if (service.command === "" || service.ports.length > 0) return false;
  if (
    /docker\/run\b|server-start|connect-distributed|connect-standalone|kafka-rest-start|schema-registry-start|run\.sh/.test(service.command)
  )
    return false;
  return role !== "sql" || !/--queries-file/.test(service.command);
}

const listenerSetting: Readonly<Record<Exclude<Part, "kafka">, (service: Service) => string | undefined>> = {
  registry: (s) => registrySettings(s)["listeners"],
  "rest-proxy": (s) => restProxySettings(s)["listeners"],
  connect: (s) => connectSettings(s)["listeners"] ?? portText(connectSettings(s)["rest.port"]),
  sql: (s) => sqlSettings(s)["listeners"],
  console: (s) => consoleSettings(s)["rest.listeners"],
};
const portText = (port: string | undefined) => (port === undefined ? undefined : `:${port}`);

/** The published ports of a REST surface, the one that its setting names first. */
function portsOf(service: Service, part: Exclude<Part, "kafka">): PublishedPort[] {
  const own = Number(/:(\d+)/.exec(listenerSetting[part](service)?.replace(/^\w+:\/\//, "") ?? "")?.[1] ?? standardPorts[part]);
  const published = service.ports.filter((p) => p.published !== null);
  const exact = published.filter((p) => p.target === own);
  return exact.length ? exact : published.slice(0, 1);
}

function merge(into: Settings, from: Settings): void {
  for (const [name, value] of Object.entries(from)) into[name] ??= value;
}

function prefixed(settings: Settings, prefix: string): Settings {
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
}

const addressOf = (port: PublishedPort) =>
  port.hostIp === null || port.hostIp === "0.0.0.0" || port.hostIp === "::" ? "127.0.0.1" : port.hostIp;
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
export const short = (text: string) => (text.length > 80 ? `${text.slice(0, 77)}…` : text).replace(/\s+/g, " ");
