import type { Broker, GroupDescription, OffsetCommit } from "../../../broker/api/broker.js";
import { decodeAssignment } from "../../../broker/api/consumer-protocol.js";
import type { TopicPartition } from "../../../data/topic-partition.js";
import { pathNumber } from "../request.js";
import { brokerId } from "../v2/topics.js";
import { type Link, notFound, type Route } from "./route.js";

type Group = { group: string };
type Member = Group & { consumer: string };
type Described = GroupDescription["members"][number];
const enc = encodeURIComponent;
const states: Readonly<Record<string, string>> = {
  PreparingRebalance: "PREPARING_REBALANCE",
  CompletingRebalance: "COMPLETING_REBALANCE",
  Stable: "STABLE",
  Empty: "EMPTY",
  Dead: "DEAD",
};

interface Lag extends TopicPartition {
  readonly current: number;
  readonly end: number;
  readonly owner: Described | undefined;
}

/** Consumer groups, their members and how far they are behind. */
export function groupRoutes(route: Route, broker: Broker): void {
  const find = async (group: string): Promise<GroupDescription> => {
    const known = (await broker.listGroups()).some((g) => g.groupId === group && (g.protocolType === "consumer" || g.protocolType === ""));
    const [found] = known ? await broker.describeGroups([group]) : [];
    if (!found || found.state === "Dead") throw notFound(`Consumer group ${group}`);
    return found;
  };
  const member = async ({ group, consumer }: Member): Promise<Described> => {
    const found = (await find(group)).members.find((m) => m.memberId === consumer);
    if (!found) throw notFound(`Consumer ${consumer} of group ${group}`);
    return found;
  };

  route("GET", "/consumer-groups", async ({ link }) => {
    const names = (await broker.listGroups()).filter((g) => g.protocolType === "consumer" || g.protocolType === "").map((g) => g.groupId);
    const groups = names.length ? await broker.describeGroups(names.sort()) : [];
    return link.list(
      "KafkaConsumerGroup",
      "consumer-groups",
      groups.map((g) => groupOf(link, g)),
    );
  });
  route<Group>("GET", "/consumer-groups/:group", async ({ link, params }) => groupOf(link, await find(params.group)));
  route<Group>("DELETE", "/consumer-groups/:group", async ({ params }) => {
    await find(params.group);
    await broker.deleteGroups([params.group]);
  });
  route<Group>("GET", "/consumer-groups/:group/consumers", async ({ link, params: { group } }) =>
    link.list(
      "KafkaConsumer",
      `consumer-groups/${enc(group)}/consumers`,
      (await find(group)).members.map((m) => consumerOf(link, group, m)),
    ),
  );
  route<Member>("GET", "/consumer-groups/:group/consumers/:consumer", async ({ link, params }) =>
    consumerOf(link, params.group, await member(params)),
  );
  route<Member>("GET", "/consumer-groups/:group/consumers/:consumer/assignments", async ({ link, params }) => {
    const found = await member(params);
    return link.list(
      "KafkaConsumerAssignment",
      `consumer-groups/${enc(params.group)}/consumers/${enc(params.consumer)}/assignments`,
      assignmentsOf(found).map((p) => assignmentOf(link, params.group, found, p)),
    );
  });
  route<Member & { topic: string; partition: string }>(
    "GET",
    "/consumer-groups/:group/consumers/:consumer/assignments/:topic/partitions/:partition",
    async ({ link, params }) => {
      const found = await member(params);
      const id = pathNumber(params.partition);
      const own = assignmentsOf(found).find((p) => p.topic === params.topic && p.partition === id);
      if (!own) throw notFound(`Partition ${id} of topic ${params.topic} for consumer ${params.consumer}`);
      return assignmentOf(link, params.group, found, own);
    },
  );
  lagRoutes(route, broker, find);
}

function lagRoutes(route: Route, broker: Broker, find: (group: string) => Promise<GroupDescription>): void {
  const lags = async (group: string): Promise<Lag[]> => {
    const { members } = await find(group);
    const committed: readonly OffsetCommit[] = (await broker.offsetFetch(group)).filter((c) => c.offset >= 0);
    const ends = committed.length
      ? await broker.listOffsets({
          partitions: committed.map(({ topic, partition }) => ({ topic, partition, timestamp: "latest" as const })),
        })
      : [];
    const owners = new Map(members.flatMap((m) => assignmentsOf(m).map((p) => [`${p.topic}/${p.partition}`, m] as const)));
    return committed.flatMap(({ topic, partition, offset }, i) =>
      ends[i]!.error ? [] : [{ topic, partition, current: offset, end: ends[i]!.offset, owner: owners.get(`${topic}/${partition}`) }],
    );
  };

  route<Group>("GET", "/consumer-groups/:group/lags", async ({ link, params: { group } }) =>
    link.list(
      "KafkaConsumerLag",
      `consumer-groups/${enc(group)}/lags`,
      (await lags(group)).map((lag) => lagOf(link, group, lag)),
    ),
  );
  route<Group & { topic: string; partition: string }>(
    "GET",
    "/consumer-groups/:group/lags/:topic/partitions/:partition",
    async ({ link, params }) => {
      const id = pathNumber(params.partition);
      const lag = (await lags(params.group)).find((l) => l.topic === params.topic && l.partition === id);
      if (!lag) throw notFound(`Lag of group ${params.group} in partition ${id} of topic ${params.topic}`);
      return lagOf(link, params.group, lag);
    },
  );
  route<Group>("GET", "/consumer-groups/:group/lag-summary", async ({ link, params: { group } }) => {
    const all = await lags(group);
    if (all.length === 0) throw notFound(`Consumer group ${group}: it has committed nothing, its lag`);
    const most = all.reduce((a, b) => (b.end - b.current > a.end - a.current ? b : a));
    const consumer = most.owner?.memberId ?? "";
    return link.resource(
      "KafkaConsumerGroupLagSummary",
      `consumer-groups/${enc(group)}/lag-summary`,
      `consumer-group=${group}/lag-summary`,
      {
        consumer_group_id: group,
        max_lag_consumer_id: consumer,
        max_lag_instance_id: most.owner?.groupInstanceId ?? null,
        max_lag_client_id: most.owner?.clientId ?? "",
        max_lag_topic_name: most.topic,
        max_lag_partition_id: most.partition,
        max_lag: most.end - most.current,
        total_lag: all.reduce((sum, l) => sum + l.end - l.current, 0),
        max_lag_consumer: link.related(`consumer-groups/${enc(group)}/consumers/${enc(consumer)}`),
        max_lag_partition: link.related(`topics/${enc(most.topic)}/partitions/${most.partition}`),
      },
    );
  });
}

function groupOf(link: Link, { groupId, state, protocol, protocolType }: GroupDescription): object {
  const path = `consumer-groups/${enc(groupId)}`;
  return link.resource("KafkaConsumerGroup", path, `consumer-group=${groupId}`, {
    consumer_group_id: groupId,
    is_simple: protocolType === "",
    partition_assignor: protocol,
    state: states[state] ?? "UNKNOWN",
    coordinator: link.related(`brokers/${brokerId}`),
    consumer: link.related(`${path}/consumers`),
    lag_summary: link.related(`${path}/lag-summary`),
  });
}

function consumerOf(link: Link, group: string, { memberId, groupInstanceId, clientId }: Described): object {
  const path = `consumer-groups/${enc(group)}/consumers/${enc(memberId)}`;
  return link.resource("KafkaConsumer", path, `consumer-group=${group}/consumer=${memberId}`, {
    consumer_group_id: group,
    consumer_id: memberId,
    instance_id: groupInstanceId ?? null,
    client_id: clientId,
    assignments: link.related(`${path}/assignments`),
  });
}

function assignmentOf(link: Link, group: string, { memberId }: Described, { topic, partition }: TopicPartition): object {
  const where = `${enc(topic)}/partitions/${partition}`;
  return link.resource(
    "KafkaConsumerAssignment",
    `consumer-groups/${enc(group)}/consumers/${enc(memberId)}/assignments/${where}`,
    `consumer-group=${group}/consumer=${memberId}/assignment=${topic}/partition=${partition}`,
    {
      consumer_group_id: group,
      consumer_id: memberId,
      topic_name: topic,
      partition_id: partition,
      partition: link.related(`topics/${where}`),
      lag: link.related(`consumer-groups/${enc(group)}/lags/${where}`),
    },
  );
}

function lagOf(link: Link, group: string, { topic, partition, current, end, owner }: Lag): object {
  return link.resource(
    "KafkaConsumerLag",
    `consumer-groups/${enc(group)}/lags/${enc(topic)}/partitions/${partition}`,
    `consumer-group=${group}/lag=${topic}/partition=${partition}`,
    {
      consumer_group_id: group,
      topic_name: topic,
      partition_id: partition,
      current_offset: current,
      log_end_offset: end,
      lag: end - current,
      consumer_id: owner?.memberId ?? "",
      instance_id: owner?.groupInstanceId ?? null,
      client_id: owner?.clientId ?? "",
    },
  );
}

/** A member of another protocol than Kafka's consumers has none that could be told. */
function assignmentsOf(member: Described): TopicPartition[] {
  try {
    return decodeAssignment(member.assignment);
  } catch {
    return [];
  }
}
