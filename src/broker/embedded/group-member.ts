import type { JoinGroupRequest, JoinGroupResult } from "../api/broker.js";
import type { StoredMember } from "./coordinator-records.js";

type Protocols = JoinGroupRequest["protocols"];
export type SyncGroupResult = { protocolType: string; protocol: string; assignment: Buffer };

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

export interface Member {
  readonly id: string;
  readonly instanceId: string | undefined;
  readonly clientId: string;
  readonly clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: Protocols;
  assignment: Buffer;
  /** ms on the clock; without a sign of life until then the member is dropped */
  deadline: number;
  joining: Waiter<JoinGroupResult> | undefined;
  syncing: Waiter<SyncGroupResult> | undefined;
}

export const noBytes = Buffer.alloc(0);

export function newMember(id: string, request: JoinGroupRequest): Member {
  return {
    id,
    instanceId: request.groupInstanceId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    protocols: request.protocols,
    assignment: noBytes,
    deadline: 0,
    joining: undefined,
    syncing: undefined,
  };
}

/** @param protocol the one that the group had chosen: the only one whose metadata is kept */
export function restoredMember(m: StoredMember, protocol: string): Member {
  return {
    id: m.memberId,
    instanceId: m.groupInstanceId ?? undefined,
    clientId: m.clientId,
    clientHost: m.clientHost,
    sessionTimeoutMs: m.sessionTimeoutMs,
    rebalanceTimeoutMs: m.rebalanceTimeoutMs,
    protocols: [{ name: protocol, metadata: m.subscription }],
    assignment: m.assignment,
    deadline: 0,
    joining: undefined,
    syncing: undefined,
  };
}

export function storedMember(m: Member, protocol: string): StoredMember {
  return {
    memberId: m.id,
    groupInstanceId: m.instanceId ?? null,
    clientId: m.clientId,
    clientHost: m.clientHost,
    rebalanceTimeoutMs: m.rebalanceTimeoutMs,
    sessionTimeoutMs: m.sessionTimeoutMs,
    subscription: metadataFor(m, protocol),
    assignment: m.assignment,
  };
}

export function metadataFor(member: Member, protocol: string): Buffer {
  return member.protocols.find((p) => p.name === protocol)?.metadata ?? noBytes;
}

export function sameProtocols(a: Protocols, b: Protocols): boolean {
  return a.length === b.length && a.every((p, i) => p.name === b[i]!.name && p.metadata.equals(b[i]!.metadata));
}
