import { randomUUID } from "node:crypto";
import type { GroupDescription, GroupMember, GroupState, JoinGroupRequest, JoinGroupResult, SyncGroupRequest } from "../api/broker.js";
import { BrokerError, type KafkaErrorName } from "../api/errors.js";
import type { GroupValue } from "./coordinator-records.js";
import {
  type Member,
  metadataFor,
  newMember,
  noBytes,
  restoredMember,
  type SyncGroupResult,
  sameProtocols,
  storedMember,
} from "./group-member.js";

/** What a group needs of its surroundings. */
export interface GroupContext {
  now(): number;
  at(time: number, run: () => void): void;
  /** Resolves once the group's state is on disk. */
  save(group: string, value: GroupValue): Promise<void>;
  /** ms that the first members of an empty group wait for others */
  readonly initialRebalanceDelayMs: number;
}

/**
 * One consumer group by the classic protocol (KIP-62, KIP-345 static members, KIP-394 member ids). States:
 *
 *   Empty → PreparingRebalance (members join) → CompletingRebalance (the leader assigns) → Stable → PreparingRebalance …
 */
export class Group {
  state: GroupState = "Empty";
  generation = 0;
  protocolType = "";
  private protocol: string | null = null;
  private leader: string | null = null;
  private readonly members = new Map<string, Member>();
  private readonly staticMembers = new Map<string, string>();
  /** Ids given out by MEMBER_ID_REQUIRED that have not joined yet, with the time until which they may. */
  private readonly pending = new Map<string, number>();
  /** Counts rebalances, so that a timer knows whether it is still meant. */
  private round = 0;

  constructor(
    readonly id: string,
    private readonly context: GroupContext,
  ) {}

  /** As it was stored; members have one session timeout to report back. */
  restore(value: GroupValue): void {
    this.generation = value.generation;
    this.protocolType = value.protocolType;
    this.protocol = value.protocol;
    this.leader = value.leader;
    for (const m of value.members) this.add(restoredMember(m, value.protocol ?? ""));
    this.state = this.members.size > 0 ? "Stable" : "Empty";
  }

  /** Of a group of consumers: what its members say they read. */
  subscribedTopics(): Set<string> {
    const topics = new Set<string>();
    for (const { protocols } of this.members.values())
      for (const { metadata } of protocols) for (const topic of topicsOf(metadata)) topics.add(topic);
    return topics;
  }

  get empty(): boolean {
    return this.members.size === 0;
  }

  join(request: JoinGroupRequest): Promise<JoinGroupResult> {
    this.checkProtocols(request);
    if (request.memberId === "") return this.joinWithoutId(request);
    const member = this.members.get(request.memberId);
    if (member === undefined) {
      if (!this.pending.delete(request.memberId)) throw this.error("UNKNOWN_MEMBER_ID", `${request.memberId} is not a member`);
      return this.joinNew(request, request.memberId);
    }
    this.checkInstance(request.memberId, request.groupInstanceId);
    const same = sameProtocols(member.protocols, request.protocols);
    this.touch(member);
    if (same && (this.state === "CompletingRebalance" || (this.state === "Stable" && member.id !== this.leader)))
      return Promise.resolve(this.joinResult(member));
    return this.rejoin(member, request);
  }

  async sync(request: SyncGroupRequest): Promise<SyncGroupResult> {
    const member = this.check(request.member);
    this.touch(member);
    if (this.state === "PreparingRebalance") throw this.rebalancing();
    if (this.state === "Stable") return this.syncResult(member);
    return new Promise((resolve, reject) => {
      member.syncing?.reject(this.rebalancing());
      member.syncing = { resolve, reject };
      if (member.id === this.leader) void this.assign(request.assignments);
    });
  }

  heartbeat(identity: GroupMember): void {
    const member = this.check(identity);
    this.touch(member);
    if (this.state === "PreparingRebalance") throw this.rebalancing();
  }

  leave(memberId: string, instanceId?: string): void {
    let id = memberId;
    if (instanceId !== undefined) {
      const current = this.staticMembers.get(instanceId);
      if (current === undefined) throw this.error("UNKNOWN_MEMBER_ID", `no member has the instance id ${instanceId}`);
      if (memberId !== "" && memberId !== current) throw this.fenced(instanceId);
      id = current;
    }
    if (this.pending.delete(id)) {
      this.completeIfAllJoined();
      return;
    }
    const member = this.members.get(id);
    if (member === undefined) throw this.error("UNKNOWN_MEMBER_ID", `${id} is not a member`);
    this.remove(member);
  }

  /** @throws what an offset commit of this member meets; a caller without a member may commit while the group is empty */
  checkCommit(identity: GroupMember | undefined): void {
    if (identity === undefined || (identity.generationId < 0 && identity.memberId === "")) {
      if (!this.empty) throw this.error("UNKNOWN_MEMBER_ID", "it has active members, so only they may commit offsets");
      return;
    }
    if (this.empty && identity.generationId < 0) return;
    const member = this.check(identity);
    if (this.state === "CompletingRebalance") throw this.rebalancing();
    this.touch(member);
  }

  /** For a commit within a transaction: a producer that names no member is taken at its word (KIP-447). */
  checkTransactionalCommit(identity: GroupMember | undefined): void {
    if (identity === undefined || (identity.generationId < 0 && identity.memberId === "" && identity.groupInstanceId === undefined)) return;
    this.check(identity);
  }

  describe(): GroupDescription {
    const protocol = this.state === "Stable" ? (this.protocol ?? "") : "";
    return {
      groupId: this.id,
      state: this.state,
      protocolType: this.protocolType,
      protocol,
      members: [...this.members.values()].map((m) => ({
        memberId: m.id,
        ...(m.instanceId === undefined ? {} : { groupInstanceId: m.instanceId }),
        clientId: m.clientId,
        clientHost: m.clientHost,
        metadata: this.state === "Stable" ? metadataFor(m, protocol) : noBytes,
        assignment: m.assignment,
      })),
    };
  }

  /** Answers all that wait; for the broker's end and a group's deletion. */
  stop(kafka: KafkaErrorName, message: string): void {
    this.round++;
    for (const m of this.members.values()) {
      m.joining?.reject(this.error(kafka, message));
      m.syncing?.reject(this.error(kafka, message));
      m.joining = m.syncing = undefined;
    }
  }

  // --- joining --------------------------------------------------------------------------------------------------

  private joinWithoutId(request: JoinGroupRequest): Promise<JoinGroupResult> {
    const id = `${request.groupInstanceId ?? request.clientId}-${randomUUID()}`;
    const replaced = request.groupInstanceId === undefined ? undefined : this.staticMembers.get(request.groupInstanceId);
    if (replaced !== undefined) return this.replaceStatic(this.members.get(replaced)!, request, id);
    if (request.requireMemberId && request.groupInstanceId === undefined) {
      this.pending.set(id, this.context.now() + request.sessionTimeoutMs);
      this.context.at(this.context.now() + request.sessionTimeoutMs, () => {
        if (this.pending.delete(id)) this.completeIfAllJoined();
      });
      throw new BrokerError("MEMBER_ID_REQUIRED", `group ${this.id}: join again with the member id ${id}`, { context: { memberId: id } });
    }
    return this.joinNew(request, id);
  }

  private joinNew(request: JoinGroupRequest, id: string): Promise<JoinGroupResult> {
    const member = newMember(id, request);
    if (this.members.size === 0) this.protocolType = request.protocolType;
    this.add(member);
    return this.rejoin(member, request);
  }

  /** A static member is back under a new id: it keeps its place and its assignment, and the older process is fenced. */
  private replaceStatic(old: Member, request: JoinGroupRequest, id: string): Promise<JoinGroupResult> {
    old.joining?.reject(this.fenced(old.instanceId!));
    old.syncing?.reject(this.fenced(old.instanceId!));
    this.members.delete(old.id);
    const wasLeader = this.leader === old.id;
    const same = sameProtocols(old.protocols, request.protocols);
    const member: Member = { ...old, id, joining: undefined, syncing: undefined };
    if (wasLeader) this.leader = id;
    this.add(member);
    if (this.state === "Stable" && same) {
      member.sessionTimeoutMs = request.sessionTimeoutMs;
      // Named a leader without members to assign, it would assign nothing to anybody: it is told of its place alone.
      return Promise.resolve({ ...this.joinResult(member), leader: wasLeader ? old.id : (this.leader ?? ""), members: [] });
    }
    return this.rejoin(member, request);
  }

  private rejoin(member: Member, request: JoinGroupRequest): Promise<JoinGroupResult> {
    member.protocols = request.protocols;
    member.sessionTimeoutMs = request.sessionTimeoutMs;
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
    member.joining?.reject(this.rebalancing());
    const joined = new Promise<JoinGroupResult>((resolve, reject) => {
      member.joining = { resolve, reject };
    });
    if (this.state === "PreparingRebalance") this.completeIfAllJoined();
    else this.prepareRebalance();
    return joined;
  }

  private prepareRebalance(): void {
    for (const m of this.members.values()) {
      m.syncing?.reject(this.rebalancing());
      m.syncing = undefined;
    }
    const fromEmpty = this.state === "Empty";
    this.state = "PreparingRebalance";
    const round = ++this.round;
    const delay = fromEmpty ? this.context.initialRebalanceDelayMs : this.rebalanceTimeout();
    this.context.at(this.context.now() + delay, () => {
      if (this.round === round && this.state === "PreparingRebalance") this.completeJoin();
    });
    if (!fromEmpty || delay === 0) this.completeIfAllJoined();
  }

  private completeIfAllJoined(): void {
    if (this.state !== "PreparingRebalance" || this.pending.size > 0) return;
    for (const m of this.members.values()) if (!m.joining) return;
    this.completeJoin();
  }

  private completeJoin(): void {
    // Who did not come back in time is out; a static member keeps its place until its session ends.
    for (const m of [...this.members.values()]) if (!m.joining && m.instanceId === undefined) this.forget(m);
    this.generation++;
    const round = ++this.round;
    const joined = [...this.members.values()].filter((m) => m.joining);
    if (joined.length === 0) {
      this.becomeEmpty();
      return;
    }
    this.protocol = this.chooseProtocol();
    if (!joined.some((m) => m.id === this.leader)) this.leader = joined[0]!.id;
    this.state = "CompletingRebalance";
    for (const m of joined) {
      const { joining } = m;
      m.joining = undefined;
      this.touch(m);
      joining!.resolve(this.joinResult(m));
    }
    this.context.at(this.context.now() + this.rebalanceTimeout(), () => {
      if (this.round !== round || this.state !== "CompletingRebalance") return;
      // The assignment never came: the others must not wait for a leader or a member that is gone.
      for (const m of [...this.members.values()]) if (!m.syncing) this.forget(m);
      if (this.members.size === 0) this.becomeEmpty();
      else this.prepareRebalance();
    });
  }

  private joinResult(member: Member): JoinGroupResult {
    const protocol = this.protocol ?? "";
    const members =
      member.id === this.leader
        ? [...this.members.values()].map((m) => ({
            memberId: m.id,
            ...(m.instanceId === undefined ? {} : { groupInstanceId: m.instanceId }),
            metadata: metadataFor(m, protocol),
          }))
        : [];
    const { generation: generationId, protocolType } = this;
    return { generationId, protocolType, protocol, leader: this.leader ?? "", memberId: member.id, members };
  }

  /** Each member votes for the first of its protocols that all support. */
  private chooseProtocol(): string {
    const votes = new Map<string, number>();
    for (const m of this.members.values()) {
      const vote = m.protocols.find((p) => this.supportedByAll(p.name))?.name;
      if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1);
    }
    let best = "";
    for (const [name, count] of votes) if (best === "" || count > votes.get(best)!) best = name;
    return best;
  }

  private supportedByAll(name: string): boolean {
    for (const m of this.members.values()) if (!m.protocols.some((p) => p.name === name)) return false;
    return true;
  }

  // --- assigning ------------------------------------------------------------------------------------------------

  private async assign(assignments: SyncGroupRequest["assignments"]): Promise<void> {
    const { round } = this;
    for (const m of this.members.values()) m.assignment = assignments.find((a) => a.memberId === m.id)?.assignment ?? noBytes;
    let failure: Error | undefined;
    try {
      await this.context.save(this.id, this.stored());
    } catch (error) {
      failure = error as Error;
    }
    if (this.round !== round || this.state !== "CompletingRebalance") return;
    if (failure === undefined) this.state = "Stable";
    for (const m of this.members.values()) {
      const { syncing } = m;
      m.syncing = undefined;
      if (failure) syncing?.reject(failure);
      else syncing?.resolve(this.syncResult(m));
    }
    if (failure) this.prepareRebalance();
  }

  private syncResult(member: Member): SyncGroupResult {
    return { protocolType: this.protocolType, protocol: this.protocol ?? "", assignment: member.assignment };
  }

  private stored(): GroupValue {
    const { protocolType, generation, protocol, leader } = this;
    return {
      protocolType,
      generation,
      protocol,
      leader,
      stateTimestamp: this.context.now(),
      members: [...this.members.values()].map((m) => storedMember(m, protocol ?? "")),
    };
  }

  // --- members --------------------------------------------------------------------------------------------------

  private add(member: Member): void {
    this.members.set(member.id, member);
    if (member.instanceId !== undefined) this.staticMembers.set(member.instanceId, member.id);
    this.touch(member);
    this.watch(member);
  }

  private touch(member: Member): void {
    member.deadline = this.context.now() + member.sessionTimeoutMs;
  }

  /** One timer a member, which looks again when a heartbeat has moved the deadline. */
  private watch(member: Member): void {
    this.context.at(member.deadline, () => {
      if (this.members.get(member.id) !== member) return;
      // Who waits for an answer of ours cannot send heartbeats.
      if (member.joining || member.syncing) this.touch(member);
      if (this.context.now() < member.deadline) this.watch(member);
      else this.remove(member);
    });
  }

  private remove(member: Member): void {
    this.forget(member);
    if (this.members.size === 0 && this.state !== "PreparingRebalance") this.becomeEmpty();
    else if (this.state === "Stable" || this.state === "CompletingRebalance") this.prepareRebalance();
    else if (this.members.size === 0) this.completeJoin();
    else this.completeIfAllJoined();
  }

  private forget(member: Member): void {
    this.members.delete(member.id);
    if (member.instanceId !== undefined && this.staticMembers.get(member.instanceId) === member.id)
      this.staticMembers.delete(member.instanceId);
    const gone = this.error("UNKNOWN_MEMBER_ID", `${member.id} is no longer a member`);
    member.joining?.reject(gone);
    member.syncing?.reject(gone);
    member.joining = member.syncing = undefined;
  }

  private becomeEmpty(): void {
    this.round++;
    this.state = "Empty";
    this.protocol = null;
    this.leader = null;
    // Best effort: after a crash the stored members come back and their sessions end.
    this.context.save(this.id, this.stored()).catch(() => {});
  }

  private rebalanceTimeout(): number {
    let ms = 0;
    for (const m of this.members.values()) ms = Math.max(ms, m.rebalanceTimeoutMs);
    return ms;
  }

  // --- checks ---------------------------------------------------------------------------------------------------

  private check({ memberId, generationId, groupInstanceId }: GroupMember): Member {
    this.checkInstance(memberId, groupInstanceId);
    const member = this.members.get(memberId);
    if (member === undefined) throw this.error("UNKNOWN_MEMBER_ID", `${memberId} is not a member`);
    if (generationId !== this.generation)
      throw this.error("ILLEGAL_GENERATION", `${memberId} is of generation ${generationId}, the group is at ${this.generation}`);
    return member;
  }

  private checkInstance(memberId: string, instanceId: string | undefined): void {
    if (instanceId === undefined) return;
    const current = this.staticMembers.get(instanceId);
    if (current === undefined) throw this.error("UNKNOWN_MEMBER_ID", `no member has the instance id ${instanceId}`);
    if (current !== memberId) throw this.fenced(instanceId);
  }

  private checkProtocols({ protocolType, protocols }: JoinGroupRequest): void {
    const others = this.members.size > 0;
    if (protocols.length === 0 || protocolType === "" || (others && this.protocolType !== "" && this.protocolType !== protocolType))
      throw this.error("INCONSISTENT_GROUP_PROTOCOL", `its members speak ${this.protocolType || "a protocol"}, not "${protocolType}"`);
    if (others && !protocols.some((p) => this.supportedByAll(p.name)))
      throw this.error("INCONSISTENT_GROUP_PROTOCOL", `its members support none of ${protocols.map((p) => p.name).join(", ")}`);
  }

  private error(kafka: KafkaErrorName, message: string): BrokerError {
    return new BrokerError(kafka, `group ${this.id}: ${message}`);
  }
  private rebalancing(): BrokerError {
    return this.error("REBALANCE_IN_PROGRESS", "members must join again");
  }
  private fenced(instanceId: string): BrokerError {
    return this.error("FENCED_INSTANCE_ID", `another process has taken over the instance id ${instanceId}`);
  }
}

/** A ConsumerProtocolSubscription: int16 version, then an array of topic names. Ends early where the bytes do. */
function* topicsOf(metadata: Buffer): Iterable<string> {
  let at = 6;
  for (let left = metadata.length >= at ? metadata.readInt32BE(2) : 0; left > 0 && at + 2 <= metadata.length; left--) {
    const end = at + 2 + metadata.readInt16BE(at);
    if (end > metadata.length || end < at + 2) return;
    yield metadata.toString("utf8", at + 2, end);
    at = end;
  }
}
