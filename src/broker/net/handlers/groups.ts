import {
  deleteGroups,
  describeGroups,
  heartbeat,
  joinGroup,
  leaveGroup,
  listGroups,
  syncGroup,
} from "../../../protocol/messages/groups.js";
import { BrokerError, kafkaErrorCodes } from "../../api/errors.js";
import { errorCodeOf } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";

const instance = (groupInstanceId: string | null) => (groupInstanceId === null ? {} : { groupInstanceId });

/** KIP-394: from this version on a member without an id is given one first. */
const memberIdRequiredSince = 4;

export const groupHandlers: readonly Handler[] = [
  handler(joinGroup, async (request, { broker, clientId, clientHost, version }) => {
    try {
      const joined = await broker.joinGroup({
        groupId: request.groupId,
        memberId: request.memberId,
        ...instance(request.groupInstanceId),
        clientId,
        clientHost,
        sessionTimeoutMs: request.sessionTimeoutMs,
        // version 0 had one time for both
        rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
        protocolType: request.protocolType,
        protocols: request.protocols,
        requireMemberId: version >= memberIdRequiredSince && request.groupInstanceId === null,
      });
      return {
        generationId: joined.generationId,
        protocolType: joined.protocolType,
        protocolName: joined.protocol,
        leader: joined.leader,
        memberId: joined.memberId,
        members: joined.members.map((m) => ({ ...m, groupInstanceId: m.groupInstanceId ?? null })),
      };
    } catch (error) {
      const given = error instanceof BrokerError ? error.context?.["memberId"] : undefined;
      return {
        errorCode: errorCodeOf(error),
        memberId: typeof given === "string" ? given : request.memberId,
        protocolName: version >= 7 ? null : "",
      };
    }
  }),

  handler(syncGroup, async (request, { broker }) => {
    const { groupId, generationId, memberId, groupInstanceId, assignments } = request;
    try {
      const synced = await broker.syncGroup({ groupId, member: { memberId, generationId, ...instance(groupInstanceId) }, assignments });
      return { protocolType: synced.protocolType, protocolName: synced.protocol, assignment: synced.assignment };
    } catch (error) {
      return { errorCode: errorCodeOf(error) };
    }
  }),

  handler(heartbeat, async ({ groupId, generationId, memberId, groupInstanceId }, { broker }) => {
    try {
      await broker.heartbeat(groupId, { memberId, generationId, ...instance(groupInstanceId) });
      return {};
    } catch (error) {
      return { errorCode: errorCodeOf(error) };
    }
  }),

  handler(leaveGroup, async (request, { broker, version }) => {
    const members = version < 3 ? [{ memberId: request.memberId, groupInstanceId: null }] : request.members;
    const answers = [];
    for (const { memberId, groupInstanceId } of members) {
      const failure = await broker.leaveGroup(request.groupId, [{ memberId, ...instance(groupInstanceId) }]).then(
        () => undefined,
        (error) => error,
      );
      answers.push({ memberId, groupInstanceId, errorCode: errorCodeOf(failure) });
    }
    return version < 3 ? { errorCode: answers[0]!.errorCode } : { members: answers };
  }),

  handler(describeGroups, async (request, { broker, version }) => {
    const found = new Map((await broker.describeGroups(request.groups)).map((g) => [g.groupId, g]));
    return {
      groups: request.groups.map((groupId) => {
        const group = found.get(groupId);
        if (!group || group.state === "Dead") {
          const unknown = version >= 6 ? kafkaErrorCodes.GROUP_ID_NOT_FOUND : 0;
          return { groupId, groupState: "Dead", errorCode: unknown, errorMessage: unknown ? `Group ${groupId} not found.` : null };
        }
        return {
          groupId,
          groupState: group.state,
          protocolType: group.protocolType,
          protocolData: group.protocol,
          members: group.members.map((m) => ({
            memberId: m.memberId,
            groupInstanceId: m.groupInstanceId ?? null,
            clientId: m.clientId,
            clientHost: m.clientHost,
            memberMetadata: m.metadata,
            memberAssignment: m.assignment,
          })),
        };
      }),
    };
  }),

  handler(listGroups, async ({ statesFilter, typesFilter }, { broker }) => {
    const states = new Set(statesFilter.map((s) => s.toLowerCase()));
    const types = new Set(typesFilter.map((t) => t.toLowerCase()));
    if (types.size > 0 && !types.has("classic")) return { groups: [] };
    const all = await broker.listGroups();
    return {
      groups: all
        .filter((g) => states.size === 0 || states.has(g.state.toLowerCase()))
        .map((g) => ({ groupId: g.groupId, protocolType: g.protocolType, groupState: g.state, groupType: "classic" })),
    };
  }),

  handler(deleteGroups, async ({ groupsNames }, { broker, logger }) => {
    const results = [];
    for (const groupId of groupsNames) {
      const failure = await broker.deleteGroups([groupId]).then(
        () => undefined,
        (error) => error,
      );
      if (failure && !(failure instanceof BrokerError)) logger.error("a group could not be deleted", { group: groupId, error: failure });
      results.push({ groupId, errorCode: errorCodeOf(failure) });
    }
    return { results };
  }),
];
