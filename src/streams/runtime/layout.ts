import type { Broker, NewTopic, TopicDescription } from "../../broker/api/broker.js";
import { MillraceError } from "../../common/errors.js";
import type { SubTopology, Topology } from "../topology/topology.js";

/** Which tasks there are and what the topology's topics are called on the broker. */
export interface QueryLayout {
  readonly subTopologies: readonly SubTopology[];
  /** by sub-topology id: tasks */
  readonly tasks: readonly number[];
  /** by name on the broker */
  readonly topics: ReadonlyMap<string, TopicDescription>;
  readonly changelogs: readonly string[];
  readonly repartitions: readonly string[];
}

export function topicName(applicationId: string, topic: string, internal: boolean | undefined): string {
  return internal ? `${applicationId}-${topic}` : topic;
}
export function changelogName(applicationId: string, store: string): string {
  return `${applicationId}-${store}-changelog`;
}

/**
 * Finds the topics of a topology and creates the internal ones that are missing.
 * @throws NOT_FOUND a source or sink topic is missing; CONFLICT partitions do not fit each other or an internal topic from before
 */
export async function prepareTopics(topology: Topology, applicationId: string, broker: Broker): Promise<QueryLayout> {
  const subTopologies = topology.subTopologies();
  const external = new Set<string>();
  for (const sub of subTopologies)
    for (const { spec } of [...sub.sources, ...sub.sinks])
      if (!spec.internal && !("subscribersOnly" in spec && spec.subscribersOnly)) external.add(spec.topic);
  const described = new Map((await broker.describeTopics([...external])).map((t) => [t.name, t]));
  for (const name of external)
    if (!described.has(name)) throw new MillraceError("NOT_FOUND", `topic ${name} does not exist`, { context: { topic: name } });

  const counts = new Map<string, number>();
  const nameOf = (spec: { topic: string; internal?: boolean }) => topicName(applicationId, spec.topic, spec.internal);
  for (const [name, { partitions }] of described) counts.set(name, partitions);
  settleCounts(topology, subTopologies, counts, nameOf);

  const tasks = subTopologies.map((sub) => Math.max(...sub.sources.map(({ spec }) => counts.get(nameOf(spec)) ?? 1)));
  const wanted: NewTopic[] = [];
  const repartitions: string[] = [];
  const changelogs: string[] = [];
  for (const sub of subTopologies) {
    for (const { spec } of sub.sources) {
      if (!spec.internal) continue;
      repartitions.push(nameOf(spec));
      wanted.push({
        name: nameOf(spec),
        partitions: counts.get(nameOf(spec))!,
        configs: { "cleanup.policy": "delete", "retention.ms": "-1" },
      });
    }
    for (const store of sub.stores) {
      if (store.changelog.type !== "own") continue;
      const name = changelogName(applicationId, store.name);
      changelogs.push(name);
      // Windows are dropped by age: a day more than their retention, as Kafka Streams adds, for clocks that are apart.
      const configs: Record<string, string> =
        store.retention === undefined
          ? { "cleanup.policy": "compact" }
          : { "cleanup.policy": "compact,delete", "retention.ms": String(store.retention + 86_400_000) };
      wanted.push({ name, partitions: tasks[sub.id]!, configs });
    }
  }
  for (const topic of await createMissing(broker, wanted)) described.set(topic.name, topic);
  return { subTopologies, tasks, topics: described, changelogs, repartitions };
}

/** Partitions of internal topics: as many as what they must be co-partitioned with, else as the tasks that write them. */
function settleCounts(
  topology: Topology,
  subs: readonly SubTopology[],
  counts: Map<string, number>,
  nameOf: (spec: { topic: string; internal?: boolean }) => string,
): void {
  const sources = new Map(subs.flatMap((sub) => sub.sources.map((s) => [s.name, s.spec] as const)));
  for (const group of topology.copartitioned) {
    const known = group.flatMap((name) => {
      const spec = sources.get(name)!;
      return spec.internal ? [] : [{ topic: spec.topic, partitions: counts.get(spec.topic)! }];
    });
    const [first] = known;
    if (!first) continue;
    for (const other of known)
      if (other.partitions !== first.partitions)
        throw new MillraceError(
          "CONFLICT",
          `topics that are joined must have the same number of partitions: ${first.topic} has ${first.partitions}, ${other.topic} has ${other.partitions}`,
        );
    for (const name of group) if (sources.get(name)!.internal) counts.set(nameOf(sources.get(name)!), first.partitions);
  }
  for (const spec of sources.values())
    if (spec.internal && spec.partitions !== undefined && !counts.has(nameOf(spec))) counts.set(nameOf(spec), spec.partitions);
  // By its writers a topic would have so many; those that are joined have as many as the widest of them.
  const written = new Map<string, number>();
  const together = (topic: string): Set<string> => {
    const all = new Set([topic]);
    for (const name of all)
      for (const group of topology.copartitioned) {
        const topics = group.map((source) => nameOf(sources.get(source)!));
        if (topics.includes(name)) for (const other of topics) all.add(other);
      }
    return all;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const sub of subs) {
      // What a sub-topology itself writes says nothing of how many partitions that has to have.
      const own = new Set(sub.sinks.map(({ spec }) => nameOf(spec)));
      const known = sub.sources.map(({ spec }) => ({ name: nameOf(spec), count: counts.get(nameOf(spec)) ?? written.get(nameOf(spec)) }));
      const inputs = known.filter(({ name, count }) => count !== undefined || !own.has(name)).map(({ count }) => count);
      if (inputs.length === 0 || inputs.some((n) => n === undefined)) continue;
      for (const { spec } of sub.sinks) {
        if (!spec.internal || counts.has(nameOf(spec)) || written.has(nameOf(spec))) continue;
        written.set(nameOf(spec), Math.max(...(inputs as number[])));
        changed = true;
      }
    }
    for (const topic of written.keys()) {
      if (counts.has(topic)) continue;
      const group = [...together(topic)];
      const settled = group.map((name) => counts.get(name)).find((n) => n !== undefined);
      const each = group.map((name) => settled ?? written.get(name));
      if (each.some((n) => n === undefined)) continue;
      for (const name of group) if (!counts.has(name)) counts.set(name, Math.max(...(each as number[])));
      changed = true;
    }
  }
}

async function createMissing(broker: Broker, wanted: readonly NewTopic[]): Promise<TopicDescription[]> {
  const names = wanted.map((t) => t.name);
  if (names.length === 0) return [];
  const there = new Map((await broker.describeTopics(names)).map((t) => [t.name, t]));
  const missing = wanted.filter((t) => !there.has(t.name));
  if (missing.length) {
    for (const result of await broker.createTopics(missing)) if (result.error && result.error.code !== "ALREADY_EXISTS") throw result.error;
    for (const topic of await broker.describeTopics(missing.map((t) => t.name))) there.set(topic.name, topic);
  }
  for (const { name, partitions } of wanted) {
    const has = there.get(name)?.partitions;
    if (has !== partitions)
      throw new MillraceError(
        "CONFLICT",
        `internal topic ${name} has ${has} partitions, but the query needs ${partitions}: an input's partitions were changed`,
      );
  }
  return [...there.values()];
}
