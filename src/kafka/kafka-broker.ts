import type {
  Broker,
  FetchRequest,
  FetchResult,
  GroupDescription,
  GroupMember,
  GroupState,
  JoinGroupRequest,
  JoinGroupResult,
  ListOffset,
  ListOffsetResult,
  NewTopic,
  OffsetCommit,
  ProduceRequest,
  ProduceResult,
  ProducerIdentity,
  SyncGroupRequest,
  TopicConfigEntry,
  TopicDescription,
  TopicResult,
  Txn,
} from "../broker/api/broker.js";
import { BrokerError } from "../broker/api/errors.js";
import type { TopicPartition } from "../data/topic-partition.js";
import { describeConfigs, incrementalAlterConfigs } from "../protocol/messages/configs.js";
import { deleteGroups, describeGroups, heartbeat, joinGroup, leaveGroup, listGroups, syncGroup } from "../protocol/messages/groups.js";
import { listOffsets } from "../protocol/messages/list-offsets.js";
import { offsetCommit, offsetDelete, offsetFetch } from "../protocol/messages/offsets.js";
import { createPartitions, createTopics, deleteRecords, deleteTopics } from "../protocol/messages/topics.js";
import { addOffsetsToTxn, addPartitionsToTxn, endTxn, initProducerId, txnOffsetCommit } from "../protocol/messages/transactions.js";
import { producerEpoch, producerId } from "../protocol/record-batch.js";
import { Cluster, type ClusterSettings } from "./cluster.js";
import { Records } from "./records.js";
import { check, errorOf } from "./response-errors.js";

export interface KafkaBrokerOptions extends Partial<Omit<ClusterSettings, "bootstrapServers">> {
  /** `host:port` each */
  readonly bootstrapServers: readonly string[];
}

const TOPIC = 2;
const topicTimeoutMs = 30_000;
/** How long a member may wait for its leader's assignment: no longer than a rebalance may take. */
const syncWaitMs = 300_000;
const lastSyncWithoutProtocol = 4;
const configTypes: Readonly<Record<number, TopicConfigEntry["type"]>> = {
  1: "BOOLEAN",
  2: "STRING",
  3: "INT",
  4: "INT",
  5: "LONG",
  6: "DOUBLE",
  7: "LIST",
};
const configSources = { topic: 1 };
const times: Readonly<Record<string, number>> = { latest: -1, earliest: -2, max_timestamp: -3 };
const instanceOf = (member: { groupInstanceId?: string }) => member.groupInstanceId ?? null;

/** Topics with the partitions of each, in the order in which they first come. */
function byTopic<T extends TopicPartition>(list: readonly T[]): [string, T[]][] {
  const found = new Map<string, T[]>();
  for (const item of list) {
    const of = found.get(item.topic);
    if (of) of.push(item);
    else found.set(item.topic, [item]);
  }
  return [...found];
}

/** The Broker interface over a real Apache Kafka cluster. */
export class KafkaBroker implements Broker {
  private readonly records: Records;
  /** Partitions and groups that an open transaction has taken in, by transactional id; of one producer and epoch. */
  private readonly joined = new Map<string, { readonly producer: string; readonly parts: Set<string> }>();

  /** What each member's group agreed on when it joined: SyncGroup asks for it from version 5 on. */
  private readonly agreed = new Map<string, { readonly protocolType: string; readonly protocolName: string }>();

  private constructor(private readonly cluster: Cluster) {
    this.records = new Records(cluster);
  }

  /** @throws BrokerError where no bootstrap server answers or the credentials are refused */
  static async open(options: KafkaBrokerOptions): Promise<KafkaBroker> {
    const cluster = new Cluster({ clientId: "millrace", requestTimeoutMs: 30_000, retryMs: 60_000, ...options });
    await cluster.open();
    return new KafkaBroker(cluster);
  }

  get clusterId(): string {
    return this.cluster.clusterId;
  }

  async createTopics(topics: readonly NewTopic[], { validateOnly = false } = {}): Promise<TopicResult[]> {
    if (topics.length === 0) return [];
    const node = await this.cluster.controllerNode();
    const answer = await node.call(createTopics, {
      topics: topics.map(({ name, partitions, replicationFactor = -1, configs = {} }) => ({
        name,
        numPartitions: partitions,
        replicationFactor,
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      })),
      timeoutMs: topicTimeoutMs,
      validateOnly,
    });
    const results = answer.topics.map((t): TopicResult => {
      const error = errorOf(t.errorCode, `creating topic ${t.name}`, t.errorMessage);
      return error ? { name: t.name, error } : { name: t.name, topicId: t.topicId, partitions: t.numPartitions };
    });
    if (!validateOnly) await this.known(results.filter((r) => !r.error).map((r) => r.name));
    return results;
  }

  /** The controller answers before the brokers have heard: waits until a leader is known for every partition. */
  private async known(names: readonly string[]): Promise<void> {
    for (const name of names)
      await this.settled(async () => {
        const [topic] = await this.cluster.refresh([name]);
        return topic?.leaders.every((id) => id >= 0) ?? false;
      }, `topic ${name} is still being made`);
  }

  async deleteTopics(names: readonly string[]): Promise<TopicResult[]> {
    if (names.length === 0) return [];
    const node = await this.cluster.controllerNode();
    const answer = await node.call(deleteTopics, {
      topics: names.map((name) => ({ name })),
      topicNames: names,
      timeoutMs: topicTimeoutMs,
    });
    const results = answer.responses.map((r): TopicResult => {
      this.cluster.forget(r.name!);
      const error = errorOf(r.errorCode, `deleting topic ${r.name}`, r.errorMessage);
      return error ? { name: r.name!, error } : { name: r.name!, topicId: r.topicId };
    });
    const gone = results.filter((r) => !r.error).map((r) => r.name);
    // the controller answers before the brokers have heard
    await this.settled(async () => gone.length === 0 || (await this.cluster.refresh(gone)).length === 0, "topics are still being deleted");
    return results;
  }

  /** Waits until the cluster as it is asked here says what its controller has answered already. */
  private settled(test: () => Promise<boolean>, otherwise: string): Promise<void> {
    return this.cluster.retried(async () => {
      if (!(await test())) throw new BrokerError("COORDINATOR_NOT_AVAILABLE", otherwise);
    });
  }

  async createPartitions(topic: string, count: number): Promise<void> {
    const node = await this.cluster.controllerNode();
    const { results } = await node.call(createPartitions, {
      topics: [{ name: topic, count, assignments: null }],
      timeoutMs: topicTimeoutMs,
    });
    check(results[0]!.errorCode, `adding partitions to ${topic}`, results[0]!.errorMessage);
    await this.settled(
      async () => ((await this.cluster.refresh([topic]))[0]?.leaders.length ?? 0) >= count,
      `partitions of ${topic} are still being made`,
    );
  }

  async describeTopics(names?: readonly string[]): Promise<TopicDescription[]> {
    if (names?.length === 0) return [];
    const topics = await this.cluster.refresh(names ?? null);
    return topics.map(({ name, topicId, internal, leaders }) => ({ name, topicId, internal, partitions: leaders.length }));
  }

  async describeTopicConfig(topic: string): Promise<TopicConfigEntry[]> {
    const node = await this.cluster.any();
    const { results } = await node.call(describeConfigs, {
      resources: [{ resourceType: TOPIC, resourceName: topic, configurationKeys: null }],
    });
    const [result] = results;
    check(result!.errorCode, `describing topic ${topic}`, result!.errorMessage);
    return result!.configs.map((c) => ({
      name: c.name,
      value: c.value ?? "",
      source: c.configSource === configSources.topic ? "topic" : "default",
      type: configTypes[c.configType] ?? "STRING",
    }));
  }

  async alterTopicConfig(topic: string, changes: Readonly<Record<string, string | null>>): Promise<void> {
    const node = await this.cluster.controllerNode();
    const configs = Object.entries(changes).map(([name, value]) => ({ name, configOperation: value === null ? 1 : 0, value }));
    const { responses } = await node.call(incrementalAlterConfigs, {
      resources: [{ resourceType: TOPIC, resourceName: topic, configs }],
    });
    check(responses[0]!.errorCode, `changing topic ${topic}`, responses[0]!.errorMessage);
    await this.settled(async () => {
      const now = new Map((await this.describeTopicConfig(topic)).map((c) => [c.name, c]));
      return Object.entries(changes).every(([name, value]) => {
        const entry = now.get(name);
        return value === null ? entry?.source !== "topic" : entry?.source === "topic" && entry.value === value;
      });
    }, `settings of ${topic} are still being changed`);
  }

  deleteRecords({ topic, partition }: TopicPartition, beforeOffset: number): Promise<number> {
    return this.cluster.retried(async () => {
      const node = await this.cluster.node(await this.cluster.leader(topic, partition));
      const answer = await node.call(deleteRecords, {
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset: beforeOffset }] }],
        timeoutMs: topicTimeoutMs,
      });
      const p = answer.topics[0]!.partitions[0]!;
      check(p.errorCode, `deleting records of ${topic}-${partition}`);
      return p.lowWatermark;
    });
  }

  produce(request: ProduceRequest): Promise<ProduceResult[]> {
    return this.records.produce(request, this.joinOf(request));
  }

  private async joinOf({ transactionalId, batches }: ProduceRequest): Promise<void> {
    if (transactionalId === undefined || batches.length === 0) return;
    const { batch } = batches[0]!;
    const txn = { transactionalId, producerId: producerId(batch), producerEpoch: producerEpoch(batch) };
    try {
      await this.addPartitionsToTxn(txn, batches);
    } catch (error) {
      throw staleEpoch(error as BrokerError);
    }
  }

  fetch(request: FetchRequest): Promise<FetchResult[]> {
    return this.records.fetch(request);
  }

  async listOffsets({
    partitions,
    isolation,
  }: {
    partitions: readonly ListOffset[];
    isolation?: "read_uncommitted" | "read_committed";
  }): Promise<ListOffsetResult[]> {
    return Promise.all(
      partitions.map(async ({ topic, partition, timestamp }) => {
        try {
          return await this.cluster.retried(async () => {
            const node = await this.cluster.node(await this.cluster.leader(topic, partition));
            const answer = await node.call(listOffsets, {
              replicaId: -1,
              isolationLevel: isolation === "read_committed" ? 1 : 0,
              topics: [
                {
                  name: topic,
                  partitions: [{ partitionIndex: partition, timestamp: typeof timestamp === "number" ? timestamp : times[timestamp]! }],
                },
              ],
            });
            const p = answer.topics[0]!.partitions[0]!;
            check(p.errorCode, `looking up offsets of ${topic}-${partition}`);
            return { topic, partition, offset: p.offset, timestamp: p.timestamp };
          });
        } catch (error) {
          return { topic, partition, offset: -1, timestamp: -1, error: error as BrokerError };
        }
      }),
    );
  }

  initProducerId(request: {
    transactionalId?: string;
    transactionTimeoutMs?: number;
    producerId?: number;
    producerEpoch?: number;
  }): Promise<ProducerIdentity> {
    const { transactionalId, transactionTimeoutMs = 60_000, producerId = -1, producerEpoch = -1 } = request;
    if (transactionalId !== undefined) this.joined.delete(transactionalId);
    return this.cluster.retried(async () => {
      const node = transactionalId === undefined ? await this.cluster.any() : await this.cluster.transaction(transactionalId);
      const answer = await node.call(initProducerId, {
        transactionalId: transactionalId ?? null,
        transactionTimeoutMs,
        producerId,
        producerEpoch,
      });
      check(answer.errorCode, `starting the producer ${transactionalId ?? ""}`);
      return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    }, concurrent);
  }

  private taken({ transactionalId, producerId, producerEpoch }: Txn): Set<string> {
    const producer = `${producerId}/${producerEpoch}`;
    let open = this.joined.get(transactionalId);
    if (open?.producer !== producer) this.joined.set(transactionalId, (open = { producer, parts: new Set() }));
    return open.parts;
  }

  async addPartitionsToTxn(txn: Txn, partitions: readonly TopicPartition[]): Promise<void> {
    const taken = this.taken(txn);
    const missing = partitions.filter(({ topic, partition }) => !taken.has(`${topic}-${partition}`));
    const wanted = [...new Map(missing.map((p) => [`${p.topic}-${p.partition}`, p])).values()];
    if (wanted.length === 0) return;
    await this.cluster.retried(async () => {
      const node = await this.cluster.transaction(txn.transactionalId);
      const answer = await node.call(addPartitionsToTxn, {
        ...identityOf(txn),
        topics: byTopic(wanted).map(([name, list]) => ({ name, partitions: list.map((p) => p.partition) })),
      });
      const all = answer.resultsByTopic.flatMap((t) => t.resultsByPartition.map((p) => ({ ...p, name: t.name })));
      // where one is refused the others are not attempted: the one that is, is the reason
      const worst = all.find((p) => p.partitionErrorCode !== 0 && p.partitionErrorCode !== OPERATION_NOT_ATTEMPTED);
      if (worst)
        check(worst.partitionErrorCode, `taking ${worst.name}-${worst.partitionIndex} into the transaction of ${txn.transactionalId}`);
    }, concurrent);
    for (const { topic, partition } of wanted) taken.add(`${topic}-${partition}`);
  }

  async addOffsetsToTxn(txn: Txn, groupId: string): Promise<void> {
    const taken = this.taken(txn);
    if (taken.has(`group ${groupId}`)) return;
    await this.cluster.retried(async () => {
      const node = await this.cluster.transaction(txn.transactionalId);
      const { errorCode } = await node.call(addOffsetsToTxn, { ...identityOf(txn), groupId });
      check(errorCode, `taking group ${groupId} into the transaction of ${txn.transactionalId}`);
    }, concurrent);
    taken.add(`group ${groupId}`);
  }

  async txnOffsetCommit(txn: Txn, groupId: string, offsets: readonly OffsetCommit[], member?: GroupMember): Promise<void> {
    await this.addOffsetsToTxn(txn, groupId);
    if (offsets.length === 0) return;
    await this.cluster.retried(async () => {
      const node = await this.cluster.group(groupId);
      const answer = await node.call(txnOffsetCommit, {
        ...identityOf(txn),
        groupId,
        ...(member ? { generationId: member.generationId, memberId: member.memberId, groupInstanceId: instanceOf(member) } : {}),
        topics: committed(offsets),
      });
      for (const t of answer.topics)
        for (const p of t.partitions) check(p.errorCode, `committing offsets of group ${groupId} in a transaction`);
    }, concurrent);
  }

  async endTxn(txn: Txn, commit: boolean): Promise<void> {
    await this.cluster.retried(async () => {
      const node = await this.cluster.transaction(txn.transactionalId);
      const { errorCode } = await node.call(endTxn, { ...identityOf(txn), committed: commit });
      check(errorCode, `${commit ? "committing" : "aborting"} the transaction of ${txn.transactionalId}`);
    }, concurrent);
    this.joined.delete(txn.transactionalId);
  }

  async joinGroup(request: JoinGroupRequest): Promise<JoinGroupResult> {
    return this.cluster.retried(async () => {
      const node = await this.cluster.group(request.groupId);
      // a rebalance holds the answer back, and with it all that follows on its connection
      const apart = await node.again(request.clientId);
      // version 3 is the last that gives a member its id without asking it to come again; a static member is never asked
      const asked = request.requireMemberId || request.groupInstanceId !== undefined;
      const call = apart.call(
        joinGroup,
        {
          groupId: request.groupId,
          sessionTimeoutMs: request.sessionTimeoutMs,
          rebalanceTimeoutMs: request.rebalanceTimeoutMs,
          memberId: request.memberId,
          groupInstanceId: instanceOf(request),
          protocolType: request.protocolType,
          protocols: request.protocols,
        },
        asked ? node.versionOf(joinGroup) : Math.min(3, node.versionOf(joinGroup)),
        request.rebalanceTimeoutMs,
      );
      const answer = await call.finally(() => apart.close());
      const error = errorOf(answer.errorCode, `joining group ${request.groupId}`);
      if (error?.kafka === "MEMBER_ID_REQUIRED")
        throw new BrokerError("MEMBER_ID_REQUIRED", error.message, { context: { memberId: answer.memberId } });
      if (error) throw error;
      const agreed = { protocolType: answer.protocolType ?? request.protocolType, protocolName: answer.protocolName ?? "" };
      this.agreed.set(`${request.groupId}/${answer.memberId}`, agreed);
      return {
        generationId: answer.generationId,
        protocolType: agreed.protocolType,
        protocol: agreed.protocolName,
        leader: answer.leader,
        memberId: answer.memberId,
        members: answer.members.map((m) => ({
          memberId: m.memberId,
          metadata: m.metadata,
          ...(m.groupInstanceId === null ? {} : { groupInstanceId: m.groupInstanceId }),
        })),
      };
    });
  }

  async syncGroup({
    groupId,
    member,
    assignments,
  }: SyncGroupRequest): Promise<{ protocolType: string; protocol: string; assignment: Buffer }> {
    return this.cluster.retried(async () => {
      const node = await this.cluster.group(groupId);
      const apart = await node.again();
      const agreed = this.agreed.get(`${groupId}/${member.memberId}`);
      const request = {
        groupId,
        generationId: member.generationId,
        memberId: member.memberId,
        groupInstanceId: instanceOf(member),
        ...agreed,
        assignments,
      };
      const version = Math.min(agreed ? Number.POSITIVE_INFINITY : lastSyncWithoutProtocol, node.versionOf(syncGroup));
      const answer = await apart.call(syncGroup, request, version, syncWaitMs).finally(() => apart.close());
      check(answer.errorCode, `syncing group ${groupId}`);
      return {
        protocolType: answer.protocolType ?? agreed?.protocolType ?? "",
        protocol: answer.protocolName ?? agreed?.protocolName ?? "",
        assignment: answer.assignment,
      };
    });
  }

  async heartbeat(groupId: string, member: GroupMember): Promise<void> {
    await this.cluster.retried(async () => {
      const node = await this.cluster.group(groupId);
      const request = { groupId, generationId: member.generationId, memberId: member.memberId, groupInstanceId: instanceOf(member) };
      check((await node.call(heartbeat, request)).errorCode, `heartbeat of group ${groupId}`);
    });
  }

  async leaveGroup(groupId: string, members: readonly { memberId: string; groupInstanceId?: string }[]): Promise<void> {
    for (const { memberId } of members) this.agreed.delete(`${groupId}/${memberId}`);
    await this.cluster.retried(async () => {
      const node = await this.cluster.group(groupId);
      const answer = await node.call(leaveGroup, {
        groupId,
        memberId: members[0]?.memberId ?? "",
        members: members.map((m) => ({ memberId: m.memberId, groupInstanceId: instanceOf(m) })),
      });
      check(answer.errorCode, `leaving group ${groupId}`);
      for (const m of answer.members) check(m.errorCode, `leaving group ${groupId}`);
    });
  }

  async offsetCommit(groupId: string, offsets: readonly OffsetCommit[], member?: GroupMember): Promise<void> {
    if (offsets.length === 0) return;
    await this.cluster.retried(async () => {
      const node = await this.cluster.group(groupId);
      const answer = await node.call(offsetCommit, {
        groupId,
        ...(member
          ? { generationIdOrMemberEpoch: member.generationId, memberId: member.memberId, groupInstanceId: instanceOf(member) }
          : {}),
        topics: committed(offsets),
      });
      for (const t of answer.topics) for (const p of t.partitions) check(p.errorCode, `committing offsets of group ${groupId}`);
    });
  }

  async offsetFetch(groupId: string, partitions?: readonly TopicPartition[], { requireStable = false } = {}): Promise<OffsetCommit[]> {
    if (partitions?.length === 0) return [];
    return this.cluster.retried(async () => {
      const node = await this.cluster.group(groupId);
      const topics = partitions
        ? byTopic(partitions).map(([name, list]) => ({ name, partitionIndexes: list.map((p) => p.partition) }))
        : null;
      const answer = await node.call(offsetFetch, { groupId, topics, groups: [{ groupId, topics }], requireStable });
      const found = node.versionOf(offsetFetch) >= 8 ? answer.groups[0]! : answer;
      check(found.errorCode, `reading offsets of group ${groupId}`);
      return found.topics.flatMap((t) =>
        t.partitions.map((p) => {
          check(p.errorCode, `reading offsets of group ${groupId}`);
          return {
            topic: t.name,
            partition: p.partitionIndex,
            offset: p.committedOffset,
            leaderEpoch: p.committedLeaderEpoch,
            metadata: p.metadata,
          };
        }),
      );
    });
  }

  async offsetDelete(groupId: string, partitions: readonly TopicPartition[]): Promise<void> {
    const node = await this.cluster.group(groupId);
    const answer = await node.call(offsetDelete, {
      groupId,
      topics: byTopic(partitions).map(([name, list]) => ({ name, partitions: list.map((p) => ({ partitionIndex: p.partition })) })),
    });
    check(answer.errorCode, `deleting offsets of group ${groupId}`);
    for (const t of answer.topics) for (const p of t.partitions) check(p.errorCode, `deleting offsets of group ${groupId}`);
  }

  async listGroups(): Promise<{ groupId: string; state: GroupState; protocolType: string }[]> {
    await this.cluster.refresh([]);
    const all = await Promise.all(
      this.cluster.nodeIds.map(async (id) => {
        const answer = await (await this.cluster.node(id)).call(listGroups, {});
        check(answer.errorCode, "listing groups");
        return answer.groups;
      }),
    );
    return all.flat().map((g) => ({ groupId: g.groupId, state: g.groupState as GroupState, protocolType: g.protocolType }));
  }

  async describeGroups(groupIds: readonly string[]): Promise<GroupDescription[]> {
    const found: GroupDescription[] = [];
    for (const groupId of groupIds) {
      const answer = await this.cluster.retried(async () => {
        const node = await this.cluster.group(groupId);
        const { groups } = await node.call(describeGroups, { groups: [groupId] }, Math.min(5, node.versionOf(describeGroups)));
        check(groups[0]!.errorCode, `describing group ${groupId}`);
        return groups[0]!;
      });
      found.push({
        groupId,
        state: answer.groupState as GroupState,
        protocolType: answer.protocolType,
        protocol: answer.protocolData,
        members: answer.members.map((m) => ({
          memberId: m.memberId,
          ...(m.groupInstanceId === null ? {} : { groupInstanceId: m.groupInstanceId }),
          clientId: m.clientId,
          clientHost: m.clientHost,
          metadata: m.memberMetadata,
          assignment: m.memberAssignment,
        })),
      });
    }
    return found;
  }

  async deleteGroups(groupIds: readonly string[]): Promise<void> {
    for (const groupId of groupIds)
      await this.cluster.retried(async () => {
        const node = await this.cluster.group(groupId);
        const { results } = await node.call(deleteGroups, { groupsNames: [groupId] });
        check(results[0]!.errorCode, `deleting group ${groupId}`);
      });
  }

  close(): Promise<void> {
    return this.cluster.close();
  }
}

const OPERATION_NOT_ATTEMPTED = 55;

/** A produce says of an epoch that another has taken over what a partition says; the coordinator calls it fenced. */
function staleEpoch(error: BrokerError): BrokerError {
  return error.kafka === "PRODUCER_FENCED" ? new BrokerError("INVALID_PRODUCER_EPOCH", error.message, { cause: error }) : error;
}

/** The last transaction of this producer is still being ended: its turn comes soon. */
function concurrent(error: BrokerError): boolean {
  return error.kafka === "CONCURRENT_TRANSACTIONS";
}

function identityOf({ transactionalId, producerId, producerEpoch }: Txn): Txn {
  return { transactionalId, producerId, producerEpoch };
}

function committed(offsets: readonly OffsetCommit[]) {
  return byTopic(offsets).map(([name, list]) => ({
    name,
    partitions: list.map((o) => ({
      partitionIndex: o.partition,
      committedOffset: o.offset,
      committedLeaderEpoch: o.leaderEpoch ?? -1,
      committedMetadata: o.metadata ?? "",
    })),
  }));
}
