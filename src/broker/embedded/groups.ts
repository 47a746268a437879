import type { Clock } from "../../common/time.js";
import type { TopicPartition } from "../../data/topic-partition.js";
import type {
  GroupDescription,
  GroupMember,
  GroupState,
  JoinGroupRequest,
  JoinGroupResult,
  OffsetCommit,
  SyncGroupRequest,
} from "../api/broker.js";
import { BrokerError } from "../api/errors.js";
import type { GroupValue } from "./coordinator-records.js";
import { Group, type GroupContext } from "./group.js";
import type { SyncGroupResult } from "./group-member.js";
import type { Offsets } from "./offsets.js";
import type { Timers } from "./timers.js";

const maxSessionTimeoutMs = 1_800_000;

/** The group coordinator: all groups and their committed offsets. */
export class Groups {
  private readonly groups = new Map<string, Group>();
  private readonly context: GroupContext;

  constructor(
    private readonly offsets: Offsets,
    private readonly clock: Clock,
    timers: Timers,
    initialRebalanceDelayMs: number,
  ) {
    this.context = {
      now: () => clock.now(),
      at: (time, run) => timers.at(time, run),
      save: (group, value) => offsets.writeGroup(group, value, clock.now()),
      initialRebalanceDelayMs,
    };
  }

  /** Reads offsets and groups from their partition. */
  load(): void {
    const stored = new Map<string, GroupValue>();
    this.offsets.load((id, value) => {
      if (value === null) stored.delete(id);
      else stored.set(id, value);
    });
    for (const [id, value] of stored) this.make(id).restore(value);
  }

  async join(request: JoinGroupRequest): Promise<JoinGroupResult> {
    checkId(request.groupId);
    if (!(request.sessionTimeoutMs >= 1 && request.sessionTimeoutMs <= maxSessionTimeoutMs))
      throw new BrokerError(
        "INVALID_SESSION_TIMEOUT",
        `session.timeout.ms must be between 1 and ${maxSessionTimeoutMs}, not ${request.sessionTimeoutMs}`,
      );
    let group = this.groups.get(request.groupId);
    if (group === undefined) {
      if (request.memberId !== "") throw unknownMember(request.groupId, request.memberId);
      group = this.make(request.groupId);
    }
    return group.join(request);
  }

  async sync(request: SyncGroupRequest): Promise<SyncGroupResult> {
    return this.withMember(request.groupId, request.member.memberId).sync(request);
  }
  heartbeat(groupId: string, member: GroupMember): void {
    this.withMember(groupId, member.memberId).heartbeat(member);
  }
  leave(groupId: string, members: readonly { memberId: string; groupInstanceId?: string }[]): void {
    for (const { memberId, groupInstanceId } of members) this.withMember(groupId, memberId).leave(memberId, groupInstanceId);
  }

  commit(groupId: string, offsets: readonly OffsetCommit[], member?: GroupMember): Promise<void> {
    const group = this.groups.get(groupId);
    if (group) group.checkCommit(member);
    else if (member !== undefined && member.generationId >= 0)
      throw new BrokerError("ILLEGAL_GENERATION", `group ${groupId} does not exist`);
    return this.offsets.commit(groupId, offsets, this.clock.now());
  }

  /** @throws where the member that a transaction's offsets come from is out of date */
  checkTransactionalCommit(groupId: string, member?: GroupMember): void {
    if (member === undefined) return;
    const group = this.groups.get(groupId);
    if (group) group.checkTransactionalCommit(member);
    else if (member.generationId >= 0) throw new BrokerError("ILLEGAL_GENERATION", `group ${groupId} does not exist`);
  }

  deleteOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<void> {
    const group = this.groups.get(groupId);
    if (group === undefined || group.empty || group.protocolType !== "consumer") this.checkDeletable(groupId);
    else {
      const subscribed = group.subscribedTopics();
      const read = partitions.find((p) => subscribed.has(p.topic));
      if (read) throw new BrokerError("GROUP_SUBSCRIBED_TO_TOPIC", `group ${groupId} is reading ${read.topic}`);
    }
    return this.offsets.remove(groupId, partitions, this.clock.now());
  }

  list(): { groupId: string; state: GroupState; protocolType: string }[] {
    const ids = new Set([...this.groups.keys(), ...this.offsets.groupIds()]);
    return [...ids].map((groupId) => {
      const { state, protocolType } = this.groups.get(groupId) ?? { state: "Empty" as const, protocolType: "" };
      return { groupId, state, protocolType };
    });
  }

  describe(ids: readonly string[]): GroupDescription[] {
    return ids.map((groupId) => {
      const state = this.offsets.has(groupId) ? "Empty" : "Dead";
      return this.groups.get(groupId)?.describe() ?? { groupId, state, protocolType: "", protocol: "", members: [] };
    });
  }

  async delete(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.checkDeletable(id);
      this.groups.get(id)?.stop("GROUP_ID_NOT_FOUND", "the group is being deleted");
      this.groups.delete(id);
      await this.offsets.remove(id, undefined, this.clock.now());
      await this.offsets.writeGroup(id, null, this.clock.now());
    }
  }

  close(): void {
    for (const g of this.groups.values()) g.stop("COORDINATOR_NOT_AVAILABLE", "the broker is shutting down");
  }

  private make(id: string): Group {
    const group = new Group(id, this.context);
    this.groups.set(id, group);
    return group;
  }

  private withMember(groupId: string, memberId: string): Group {
    checkId(groupId);
    const group = this.groups.get(groupId);
    if (group === undefined) throw unknownMember(groupId, memberId);
    return group;
  }

  private checkDeletable(groupId: string): void {
    const group = this.groups.get(groupId);
    if (group === undefined && !this.offsets.has(groupId)) throw new BrokerError("GROUP_ID_NOT_FOUND", `group ${groupId} does not exist`);
    if (group !== undefined && !group.empty) throw new BrokerError("NON_EMPTY_GROUP", `group ${groupId} has active members`);
  }
}

function checkId(groupId: string): void {
  if (groupId === "") throw new BrokerError("INVALID_GROUP_ID", "the group id must not be empty");
}
function unknownMember(groupId: string, memberId: string): BrokerError {
  return new BrokerError("UNKNOWN_MEMBER_ID", `group ${groupId}: ${memberId} is not a member`);
}
