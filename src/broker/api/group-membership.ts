import { describeError } from "../../common/errors.js";
import type { TopicPartition } from "../../data/topic-partition.js";
import type { Broker, GroupMember } from "./broker.js";
import { assignRanges, decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from "./consumer-protocol.js";
import { BrokerError } from "./errors.js";

export interface GroupMembershipOptions {
  readonly broker: Broker;
  readonly groupId: string;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs?: number;
  readonly heartbeatMs?: number;
  /** What the member reads; asked again with each heartbeat, and the group is balanced anew where it has changed. */
  readonly topics: () => Promise<readonly string[]>;
  /** Before the partitions are given up: the last moment to commit as their owner. */
  readonly revoked: (partitions: readonly TopicPartition[]) => Promise<void>;
  /** The partitions that are this member's from now on. */
  readonly assigned: (partitions: readonly TopicPartition[]) => Promise<void>;
  /** Something failed that is tried again. */
  readonly failed: (message: string) => void;
}

/**
 * One member of a consumer group of the classic protocol, balanced by range as Kafka's clients do by default, so that it shares a
 * group with them. Joins, beats and joins again by itself until it is closed.
 */
export class GroupMembership {
  private memberId = "";
  private generationId = -1;
  private owned: readonly TopicPartition[] = [];
  private readonly stop = new AbortController();
  private wakeJoined!: () => void;
  private whenJoined = new Promise<void>((resolve) => (this.wakeJoined = resolve));
  private stable = false;

  constructor(private readonly options: GroupMembershipOptions) {
    void this.run();
  }

  /** To commit offsets with; undefined while the group is being balanced. */
  get member(): GroupMember | undefined {
    return this.stable ? { memberId: this.memberId, generationId: this.generationId } : undefined;
  }

  /** Resolves once the member has its partitions, or after so long. */
  async joined(waitMs: number): Promise<boolean> {
    if (this.stable) return true;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.whenJoined, new Promise<void>((resolve) => (timer = setTimeout(resolve, waitMs)))]);
    clearTimeout(timer);
    return this.stable;
  }

  /** Leaves the group; its partitions go to others at once. */
  async close(): Promise<void> {
    if (this.stop.signal.aborted) return;
    this.stop.abort();
    await this.giveUp().catch((error) => this.options.failed(describeError(error)));
    const { broker, groupId } = this.options;
    if (this.memberId !== "") await broker.leaveGroup(groupId, [{ memberId: this.memberId }]).catch(() => {});
  }

  private async run(): Promise<void> {
    const { failed } = this.options;
    while (!this.stop.signal.aborted) {
      try {
        const topics = await this.join();
        await this.beat(topics);
      } catch (error) {
        if (this.stop.signal.aborted) return;
        if (error instanceof BrokerError && ["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID"].includes(error.kafka))
          this.memberId = "";
        else if (!(error instanceof BrokerError && error.kafka === "REBALANCE_IN_PROGRESS")) {
          failed(describeError(error));
          await this.pause(1000);
        }
      }
      await this.giveUp().catch((error) => failed(describeError(error)));
    }
  }

  private async join(): Promise<readonly string[]> {
    const { broker, groupId, clientId, clientHost, sessionTimeoutMs = 10_000, assigned } = this.options;
    const topics = await this.options.topics();
    const join = await broker.joinGroup({
      groupId,
      memberId: this.memberId,
      clientId,
      clientHost,
      sessionTimeoutMs,
      rebalanceTimeoutMs: 60_000,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: encodeSubscription(topics) }],
    });
    this.memberId = join.memberId;
    this.generationId = join.generationId;
    if (this.stop.signal.aborted) {
      // closed while the join waited for other members: they would wait for this one
      await broker.leaveGroup(groupId, [{ memberId: join.memberId }]);
      return topics;
    }
    const member = { memberId: join.memberId, generationId: join.generationId };
    const assignments = join.leader === join.memberId ? await this.assign(join.members) : [];
    const { assignment } = await broker.syncGroup({ groupId, member, assignments });
    this.owned = decodeAssignment(assignment);
    await assigned(this.owned);
    if (this.stop.signal.aborted) return topics;
    this.stable = true;
    this.wakeJoined();
    return topics;
  }

  private async assign(members: readonly { readonly memberId: string; readonly metadata: Buffer }[]) {
    const wanted = members.map((m) => ({ memberId: m.memberId, topics: decodeSubscription(m.metadata) }));
    const names = [...new Set(wanted.flatMap((m) => m.topics))].sort();
    const found = await this.options.broker.describeTopics(names);
    const counts = new Map(found.map((t) => [t.name, t.partitions]));
    return [...assignRanges(wanted, counts)].map(([memberId, partitions]) => ({ memberId, assignment: encodeAssignment(partitions) }));
  }

  /** Until the group must be balanced. */
  private async beat(topics: readonly string[]): Promise<void> {
    const { broker, groupId, heartbeatMs = 3000 } = this.options;
    let counts = await this.counts(topics);
    for (;;) {
      await this.pause(heartbeatMs);
      if (this.stop.signal.aborted) return;
      await broker.heartbeat(groupId, { memberId: this.memberId, generationId: this.generationId });
      const now = await this.options.topics();
      const before = counts;
      counts = await this.counts(now);
      if (counts !== before) return;
    }
  }

  private async counts(topics: readonly string[]): Promise<string> {
    const found = await this.options.broker.describeTopics(topics);
    return found
      .map((t) => `${t.topicId} ${t.partitions}`)
      .sort()
      .join();
  }

  private async giveUp(): Promise<void> {
    const { owned } = this;
    if (this.stable) this.whenJoined = new Promise<void>((resolve) => (this.wakeJoined = resolve));
    try {
      if (owned.length > 0) await this.options.revoked(owned);
    } finally {
      // The commit above is the owner's: only from here on the member is none.
      this.stable = false;
      this.owned = [];
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.stop.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.stop.signal.addEventListener("abort", done);
    });
  }
}
