import type { Broker } from "../../broker/api/broker.js";
import { ensureTopic } from "../../broker/api/compacted-topic.js";
import { JavaPattern } from "../../common/regex/java-pattern.js";
import type { ConnectorConfig } from "../api/source.js";
import { listOf, withPrefix } from "./transform-chain.js";

interface Rule {
  readonly include: readonly JavaPattern[];
  readonly exclude: readonly JavaPattern[];
  readonly settings: Readonly<Record<string, string>>;
}

const own = new Set(["include", "exclude", "partitions", "replication.factor"]);

/** Makes the topics that a source writes to, by `topic.creation.*`; knows how many partitions each has. */
export class TopicCreation {
  private readonly known = new Map<string, number>();
  private readonly rules: readonly Rule[];
  private readonly fallback: Readonly<Record<string, string>>;

  constructor(
    private readonly broker: Broker,
    config: ConnectorConfig,
  ) {
    this.fallback = withPrefix(config, "topic.creation.default.");
    this.rules = listOf(config["topic.creation.groups"]).map((group) => {
      const settings = withPrefix(config, `topic.creation.${group}.`);
      return {
        include: patterns(settings["include"]),
        exclude: patterns(settings["exclude"]),
        settings: { ...this.fallback, ...settings },
      };
    });
  }

  /** undefined where the topic was not looked for yet */
  partitions(topic: string): number | undefined {
    return this.known.get(topic);
  }

  /** @param keyed topics of records with a key are compacted, others keep everything until told (`topic.creation.*` overrides) */
  async ensure(topic: string, keyed: boolean): Promise<number> {
    const known = this.known.get(topic);
    if (known !== undefined) return known;
    const rule = this.rules.find((r) => r.include.some((p) => p.matches(topic)) && !r.exclude.some((p) => p.matches(topic)));
    const settings = rule?.settings ?? this.fallback;
    const configs: Record<string, string> = keyed ? { "cleanup.policy": "compact" } : { "retention.ms": "-1", "retention.bytes": "-1" };
    for (const [key, value] of Object.entries(settings)) if (!own.has(key)) configs[key] = value;
    const count = await ensureTopic(
      this.broker,
      topic,
      Number(settings["partitions"] ?? -1),
      configs,
      Number(settings["replication.factor"] ?? -1),
    );
    this.known.set(topic, count);
    return count;
  }
}

function patterns(text: string | undefined): JavaPattern[] {
  return listOf(text).map((p) => new JavaPattern(p));
}
