import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Broker, GroupMember, JoinGroupRequest, JoinGroupResult } from "../../src/broker/api/broker.js";
import type { BrokerError } from "../../src/broker/api/errors.js";
import { type BrokerFixture, errorName, movable } from "./broker.js";

/** The classic consumer group protocol, as any client speaks it. */
export function groupContract(name: string, open: () => Promise<BrokerFixture>, moved: boolean): void {
  describe(`${name}: consumer groups`, () => {
    let fixture: BrokerFixture;
    let broker: Broker;
    let count = 0;
    let group: string;
    let input: string;
    const whereMoved = movable(moved);

    beforeEach(async () => {
      fixture = await open();
      broker = fixture.broker;
      // of each test alone: a cluster outlives it
      group = `g${Date.now()}-${count++}`;
      input = `${group}-in`;
      await broker.createTopics([{ name: input, partitions: 1 }]);
    });
    afterEach(() => fixture.close());

    const request = (memberId = "", more: Partial<JoinGroupRequest> = {}): JoinGroupRequest => ({
      groupId: group,
      memberId,
      clientId: "client",
      clientHost: "/127.0.0.1",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.from("sub") }],
      ...more,
    });
    const join = (memberId?: string, more?: Partial<JoinGroupRequest>) => broker.joinGroup(request(memberId, more));
    const as = ({ memberId, generationId }: JoinGroupResult): GroupMember => ({ memberId, generationId });
    const sync = (joined: JoinGroupResult, assign: Record<string, string> = {}) =>
      broker.syncGroup({
        groupId: group,
        member: as(joined),
        assignments: Object.entries(assign).map(([memberId, a]) => ({ memberId, assignment: Buffer.from(a) })),
      });
    /** A stable group of one. */
    const single = async (more?: Partial<JoinGroupRequest>) => {
      const joined = await join("", more);
      await sync(joined, { [joined.memberId]: "all" });
      return joined;
    };
    /** Another's join has arrived: over a network it may be overtaken by what is called after it. */
    const rebalancing = (member: JoinGroupResult) =>
      expect.poll(() => errorName(broker.heartbeat(group, as(member))), { timeout: 10_000 }).toBe("REBALANCE_IN_PROGRESS");
    const state = async () => (await broker.describeGroups([group]))[0]!;

    it("makes the first member the leader and hands out its assignment", async () => {
      const joined = await join();
      expect(joined).toMatchObject({ generationId: 1, protocol: "range", protocolType: "consumer", leader: joined.memberId });
      expect(joined.members).toMatchObject([{ memberId: joined.memberId, metadata: Buffer.from("sub") }]);
      const synced = await sync(joined, { [joined.memberId]: "all" });
      expect(synced).toMatchObject({ protocol: "range", protocolType: "consumer", assignment: Buffer.from("all") });
      await broker.heartbeat(group, as(joined));
      expect(await state()).toMatchObject({
        state: "Stable",
        protocol: "range",
        members: [{ memberId: joined.memberId, clientId: "client" }],
      });
      expect(await broker.listGroups()).toContainEqual({ groupId: group, state: "Stable", protocolType: "consumer" });
    });

    it("rebalances when a second member comes, and gives each its share", async () => {
      const first = await single();
      const coming = join();
      await rebalancing(first);
      const again = await join(first.memberId);
      const second = await coming;
      expect(again.generationId).toBe(2);
      expect(again.leader).toBe(first.memberId);
      expect(again.members).toHaveLength(2);
      expect(second).toMatchObject({ generationId: 2, leader: first.memberId, members: [] });
      const waiting = sync(second);
      await sync(again, { [first.memberId]: "one", [second.memberId]: "two" });
      expect((await waiting).assignment.toString()).toBe("two");
      expect(await errorName(broker.heartbeat(group, as(first)))).toBe("ILLEGAL_GENERATION");
      await broker.heartbeat(group, as(second));
    });

    it("rebalances when a member leaves and is empty when the last one does", async () => {
      const first = await single();
      const coming = join();
      await rebalancing(first);
      const again = await join(first.memberId);
      const second = await coming;
      const waiting = sync(second);
      await sync(again, { [second.memberId]: "x" });
      await waiting;
      await broker.leaveGroup(group, [{ memberId: first.memberId }]);
      expect(await errorName(broker.heartbeat(group, as(second)))).toBe("REBALANCE_IN_PROGRESS");
      const alone = await join(second.memberId);
      expect(alone).toMatchObject({ generationId: 3, leader: second.memberId });
      expect(await errorName(broker.leaveGroup(group, [{ memberId: first.memberId }]))).toBe("UNKNOWN_MEMBER_ID");
      await broker.leaveGroup(group, [{ memberId: second.memberId }]);
      expect(await state()).toMatchObject({ state: "Empty", members: [] });
      expect((await join()).generationId).toBeGreaterThan(3);
    });

    it("asks a member without an id to come again with one", async () => {
      let id = "";
      await join("", { requireMemberId: true }).catch((error: BrokerError) => {
        expect(error.kafka).toBe("MEMBER_ID_REQUIRED");
        id = String(error.context["memberId"]);
      });
      expect(id).not.toBe("");
      expect((await join(id, { requireMemberId: true })).memberId).toBe(id);
      expect(await errorName(join("somebody"))).toBe("UNKNOWN_MEMBER_ID");
    });

    it("chooses a protocol that all members support and refuses one who supports none", async () => {
      const two = [
        { name: "range", metadata: Buffer.from("r") },
        { name: "sticky", metadata: Buffer.from("s") },
      ];
      const first = await single({ protocols: two });
      const coming = join("", { protocols: [two[1]!] });
      await rebalancing(first);
      const again = await join(first.memberId, { protocols: two });
      expect(again.protocol).toBe("sticky");
      expect(again.members.map((m) => m.metadata.toString())).toEqual(["s", "s"]);
      expect((await coming).protocol).toBe("sticky");
      expect(await errorName(join("", { protocols: [{ name: "other", metadata: Buffer.alloc(0) }] }))).toBe("INCONSISTENT_GROUP_PROTOCOL");
      expect(await errorName(join("", { protocolType: "connect" }))).toBe("INCONSISTENT_GROUP_PROTOCOL");
    });

    it("answers a repeated join of an unchanged follower without a rebalance", async () => {
      const first = await single();
      const coming = join();
      await rebalancing(first);
      const again = await join(first.memberId);
      const second = await coming;
      expect(await join(second.memberId)).toEqual(second);
      const waiting = sync(second);
      await sync(again, { [second.memberId]: "x" });
      await waiting;
      expect((await join(second.memberId)).generationId).toBe(2);
      expect((await state()).state).toBe("Stable");
    });

    it("keeps a static member's place when its process comes back, and fences the older one", async () => {
      const first = await single({ groupInstanceId: "i1" });
      const back = await join("", { groupInstanceId: "i1" });
      expect(back.memberId).not.toBe(first.memberId);
      expect(back.generationId).toBe(first.generationId);
      expect((await sync(back)).assignment.toString()).toBe("all");
      expect(await errorName(broker.heartbeat(group, { ...as(first), groupInstanceId: "i1" }))).toBe("FENCED_INSTANCE_ID");
      expect(
        await errorName(broker.offsetCommit(group, [{ topic: input, partition: 0, offset: 1 }], { ...as(first), groupInstanceId: "i1" })),
      ).toBe("FENCED_INSTANCE_ID");
      await broker.leaveGroup(group, [{ memberId: "", groupInstanceId: "i1" }]);
      expect((await state()).state).toBe("Empty");
    });

    it("lets only the present generation commit offsets", async () => {
      const member = await single();
      const offsets = [{ topic: input, partition: 0, offset: 3 }];
      await broker.offsetCommit(group, offsets, as(member));
      expect(await errorName(broker.offsetCommit(group, offsets, { ...as(member), generationId: 0 }))).toBe("ILLEGAL_GENERATION");
      expect(await errorName(broker.offsetCommit(group, offsets, { memberId: "x", generationId: 1 }))).toBe("UNKNOWN_MEMBER_ID");
      expect(await errorName(broker.offsetCommit(group, offsets))).toBe("UNKNOWN_MEMBER_ID");
      expect(await errorName(broker.deleteGroups([group]))).toBe("NON_EMPTY_GROUP");
      const txn = { transactionalId: group, ...(await broker.initProducerId({ transactionalId: group })) };
      expect(await errorName(broker.txnOffsetCommit(txn, group, offsets, { ...as(member), generationId: 0 }))).toBe("ILLEGAL_GENERATION");
      await broker.txnOffsetCommit(txn, group, [{ topic: input, partition: 0, offset: 4 }], as(member));
      await broker.endTxn(txn, true);
      await expect.poll(async () => (await broker.offsetFetch(group))[0]!.offset, { timeout: 10_000, interval: 20 }).toBe(4);
    });

    it("refuses ids and timeouts that cannot be", async () => {
      expect(await errorName(join("", { groupId: "" }))).toBe("INVALID_GROUP_ID");
      expect(await errorName(join("", { sessionTimeoutMs: 0 }))).toBe("INVALID_SESSION_TIMEOUT");
      expect(await errorName(broker.heartbeat("none", { memberId: "m", generationId: 1 }))).toBe("UNKNOWN_MEMBER_ID");
      expect((await broker.describeGroups(["none"]))[0]).toMatchObject({ state: "Dead", members: [] });
      const mine = await join();
      expect(await errorName(broker.syncGroup({ groupId: group, member: { ...as(mine), generationId: 9 }, assignments: [] }))).toBe(
        "ILLEGAL_GENERATION",
      );
    });

    whereMoved("drops a member that sends no heartbeat", async () => {
      const first = await single();
      await fixture.advance!(9_000);
      await broker.heartbeat(group, as(first));
      await fixture.advance!(9_000);
      await broker.heartbeat(group, as(first));
      await fixture.advance!(11_000);
      expect(await errorName(broker.heartbeat(group, as(first)))).toBe("UNKNOWN_MEMBER_ID");
      expect((await state()).state).toBe("Empty");
    });

    whereMoved("goes on without a member that does not come back in time", async () => {
      const first = await single({ sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 5_000 });
      const coming = join("", { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 5_000 });
      await fixture.advance!(6_000);
      const second = await coming;
      expect(second).toMatchObject({ generationId: 2, leader: second.memberId });
      expect(second.members).toHaveLength(1);
      expect(await errorName(broker.heartbeat(group, as(first)))).toBe("UNKNOWN_MEMBER_ID");
    });

    whereMoved("does not wait for an assignment for ever", async () => {
      const first = await join("", { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 5_000 });
      await fixture.advance!(6_000);
      expect(await errorName(broker.heartbeat(group, as(first)))).toBe("UNKNOWN_MEMBER_ID");
      expect((await state()).state).toBe("Empty");
    });
  });
}
