import type { PublishedPort, Service } from "./compose-file.js";
import { brokerSettings, type Settings } from "./settings-of.js";

/** A topic that an init command makes. */
export interface TopicToMake {
  readonly name: string;
  /** undefined: the default */
  readonly partitions: number | undefined;
  readonly configs: Readonly<Record<string, string>>;
}

interface ListenerAddress {
  readonly host: string;
  readonly port: number;
}

/** `PLAINTEXT://broker:29092,PLAINTEXT_HOST://localhost:9092` */
function listeners(text: string | undefined): ListenerAddress[] {
  return [...(text ?? "").matchAll(/[\w-]+:\/\/([^:,]*):(\d+)/g)].map((m) => ({ host: m[1]!, port: Number(m[2]) }));
}

const atHost = /^(localhost|127\.0\.0\.1|0\.0\.0\.0|host\.docker\.internal|::1)$/;

/** The published ports that clients reach the broker by, the one for clients on the host first. */
export function kafkaPorts(service: Service): PublishedPort[] {
  const settings = brokerSettings(service);
  const advertised = listeners(settings["advertised.listeners"]);
  const inside = new Set(listeners(settings["listeners"]).map((l) => l.port));
  const notForClients = new Set([Number(settings["jmx.port"]), 9101, 8090, ...controllers(settings)]);
  const published = service.ports.filter((p) => p.published !== null && !notForClients.has(p.target));
  const rank = (p: PublishedPort) =>
    advertised.some((l) => l.port === p.published && atHost.test(l.host))
      ? 0
      : advertised.some((l) => l.port === p.published)
        ? 1
        : inside.has(p.target)
          ? 2
          : 3;
  return [...published].sort((a, b) => rank(a) - rank(b));
}

function controllers(settings: Settings): number[] {
  const names = (settings["controller.listener.names"] ?? "").split(",").map((n) => n.trim());
  return [...(settings["listeners"] ?? "").matchAll(/([\w-]+):\/\/[^:,]*:(\d+)/g)]
    .filter((m) => names.includes(m[1]!))
    .map((m) => Number(m[2]));
}

/** Settings of a broker that hold for the topics here, by the name of a topic's setting. */
const topicSettings: Readonly<Record<string, readonly [name: string, factor: number]>> = {
  "log.retention.ms": ["retention.ms", 1],
  "log.retention.minutes": ["retention.ms", 60_000],
  "log.retention.hours": ["retention.ms", 3_600_000],
  "log.retention.bytes": ["retention.bytes", 1],
  "log.segment.bytes": ["segment.bytes", 1],
  "log.roll.ms": ["segment.ms", 1],
  "log.roll.hours": ["segment.ms", 3_600_000],
  "message.max.bytes": ["max.message.bytes", 1],
  "log.cleanup.policy": ["cleanup.policy", 0],
  "log.message.timestamp.type": ["message.timestamp.type", 0],
};

export interface BrokerTakeover {
  readonly partitions?: number;
  readonly autoCreateTopics?: boolean;
  readonly topicConfig: Readonly<Record<string, string>>;
  /** names of the settings that are taken over */
  readonly taken: readonly string[];
}

/** What of a broker's settings holds here. */
export function brokerDefaults(settings: Settings): BrokerTakeover {
  const taken: string[] = [];
  const topicConfig: Record<string, string> = {};
  // the finer unit wins, as in Kafka: it stands before the others
  for (const [name, [to, factor]] of Object.entries(topicSettings)) {
    const value = settings[name];
    if (value === undefined || topicConfig[to] !== undefined) continue;
    const scaled = Number(value) < 0 ? value : String(Number(value) * factor);
    topicConfig[to] = factor === 0 ? value : scaled;
    taken.push(name);
  }
  const out: { -readonly [K in keyof BrokerTakeover]: BrokerTakeover[K] } = { topicConfig, taken };
  const partitions = Number(settings["num.partitions"]);
  if (Number.isInteger(partitions) && partitions > 0) {
    out.partitions = partitions;
    taken.push("num.partitions");
  }
  const create = settings["auto.create.topics.enable"]?.trim().toLowerCase();
  if (create !== undefined) {
    out.autoCreateTopics = create !== "false";
    taken.push("auto.create.topics.enable");
  }
  return out;
}

/** The topics that `kafka-topics --create` of a command makes, and those of the variable KAFKA_CREATE_TOPICS (`a:3:1:compact,b:1:1`). */
export function topicsToMake(service: Service): TopicToMake[] {
  const out: TopicToMake[] = [];
  const logical = service.command.replace(/\\\r?\n/g, " ");
  for (const part of logical.split(/&&|\|\||;|\n/)) {
    if (!/\bkafka-topics(\.sh)?\b/.test(part) || !/--create\b/.test(part)) continue;
    const of = (option: string) => new RegExp(`--${option}[=\\s]+["']?([^\\s"']+)`).exec(part)?.[1];
    const name = of("topic");
    if (name === undefined || name.includes("$")) continue;
    const configs: Record<string, string> = {};
    for (const m of part.matchAll(/--config[=\s]+["']?([\w.]+)=([^\s"']+)/g)) configs[m[1]!] = m[2]!;
    out.push({ name, partitions: numberOr(of("partitions")), configs });
  }
  for (const entry of (service.environment["KAFKA_CREATE_TOPICS"] ?? "").split(/[,\n]/)) {
    const [name, partitions, , policy] = entry.trim().split(":");
    if (!name) continue;
    out.push({ name, partitions: numberOr(partitions), configs: policy ? { "cleanup.policy": policy } : {} });
  }
  return out;
}

function numberOr(text: string | undefined): number | undefined {
  const n = Number(text);
  return text !== undefined && Number.isInteger(n) && n > 0 ? n : undefined;
}
