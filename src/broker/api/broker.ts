import type { MillraceError } from "../../common/errors.js";
import type { TopicPartition } from "../../data/topic-partition.js";

/**
 * What everything above the log stands on: Kafka's semantics without its wire. The embedded broker, a worker thread's and a
 * real cluster's client implement it and pass one contract suite. Batches are RecordBatch v2 bytes, handed on as they are.
 * Offsets are numbers. Errors are BrokerError with Kafka's own names.
 */
export interface Broker {
  /** Made once per data folder (or the cluster's own). */
  readonly clusterId: string;

  createTopics(topics: readonly NewTopic[], options?: { validateOnly?: boolean }): Promise<TopicResult[]>;
  deleteTopics(names: readonly string[]): Promise<TopicResult[]>;
  createPartitions(topic: string, count: number): Promise<void>;
  /** All topics, or those named; a name that does not exist is left out. */
  describeTopics(names?: readonly string[]): Promise<TopicDescription[]>;
  /** Every setting of the topic with its source. @throws UNKNOWN_TOPIC_OR_PARTITION */
  describeTopicConfig(topic: string): Promise<TopicConfigEntry[]>;
  /** null removes an override. @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_CONFIG */
  alterTopicConfig(topic: string, changes: Readonly<Record<string, string | null>>): Promise<void>;
  /** Moves the log start offset; -1 means the high watermark. Returns the new log start offset. */
  deleteRecords(tp: TopicPartition, beforeOffset: number): Promise<number>;

  /**
   * Appends whole batches. The owner assigns offsets and checks sequence numbers, epochs and fencing. Resolves when they are
   * written; with acks "all" and for transactional commits, when they are on disk (grouped fdatasync).
   * Calls for one partition are appended in the order of the calls. With a transactionalId the partitions join the transaction by
   * themselves, and acks "all" means written: endTxn is what puts them on disk. Once it has resolved or failed, the batches' memory
   * is the caller's again: what is kept of them is copied.
   */
  produce(request: ProduceRequest): Promise<ProduceResult[]>;
  /** Waits until minBytes are there or maxWaitMs is over. Bounded in bytes, except that one batch always fits. */
  fetch(request: FetchRequest): Promise<FetchResult[]>;
  listOffsets(request: { partitions: readonly ListOffset[]; isolation?: Isolation }): Promise<ListOffsetResult[]>;

  initProducerId(request: {
    transactionalId?: string;
    transactionTimeoutMs?: number;
    producerId?: number;
    producerEpoch?: number;
  }): Promise<ProducerIdentity>;
  addPartitionsToTxn(txn: Txn, partitions: readonly TopicPartition[]): Promise<void>;
  addOffsetsToTxn(txn: Txn, groupId: string): Promise<void>;
  /** Joins the group's offsets to the transaction by itself; visible with its commit. */
  txnOffsetCommit(txn: Txn, groupId: string, offsets: readonly OffsetCommit[], member?: GroupMember): Promise<void>;
  endTxn(txn: Txn, commit: boolean): Promise<void>;

  joinGroup(request: JoinGroupRequest): Promise<JoinGroupResult>;
  syncGroup(request: SyncGroupRequest): Promise<{ protocolType: string; protocol: string; assignment: Buffer }>;
  heartbeat(groupId: string, member: GroupMember): Promise<void>;
  leaveGroup(groupId: string, members: readonly { memberId: string; groupInstanceId?: string }[]): Promise<void>;
  offsetCommit(groupId: string, offsets: readonly OffsetCommit[], member?: GroupMember): Promise<void>;
  /** Without partitions: all that the group has committed. Offset -1 where nothing is. */
  offsetFetch(groupId: string, partitions?: readonly TopicPartition[], options?: { requireStable?: boolean }): Promise<OffsetCommit[]>;
  offsetDelete(groupId: string, partitions: readonly TopicPartition[]): Promise<void>;
  listGroups(): Promise<{ groupId: string; state: GroupState; protocolType: string }[]>;
  describeGroups(groupIds: readonly string[]): Promise<GroupDescription[]>;
  deleteGroups(groupIds: readonly string[]): Promise<void>;

  /** What only the broker that keeps the logs can tell; a client of a cluster asks the cluster's own tools. */
  readonly insight?: BrokerInsight;

  close(): Promise<void>;
}

/** The broker's own state, as its operators ask for it. */
export interface BrokerInsight {
  transactions(): TransactionDescription[];
  /** Producers that have written to the partition. @throws UNKNOWN_TOPIC_OR_PARTITION */
  producers(tp: TopicPartition): Promise<ProducerDescription[]>;
  /** Bytes of the partitions' logs, all or those wanted, in their one folder. */
  logs(wanted?: (tp: TopicPartition) => boolean): Promise<LogFolder>;
}
export interface TransactionDescription extends Txn {
  readonly state: "Empty" | "Ongoing" | "PrepareCommit" | "CompleteCommit" | "CompleteAbort";
  readonly timeoutMs: number;
  /** ms; -1 where none is open */
  readonly startedAt: number;
  readonly partitions: readonly TopicPartition[];
}
export interface ProducerDescription extends ProducerIdentity {
  /** -1 where it has none */
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  /** first offset of its open transaction, or -1 */
  readonly openTransactionOffset: number;
}
export interface LogFolder {
  readonly path: string;
  readonly totalBytes: number;
  readonly usableBytes: number;
  readonly partitions: readonly (TopicPartition & { readonly bytes: number })[];
}

export interface NewTopic {
  readonly name: string;
  /** -1: the default */
  readonly partitions: number;
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}
export interface TopicResult {
  readonly name: string;
  readonly topicId?: string;
  readonly partitions?: number;
  readonly error?: MillraceError;
}
export interface TopicDescription {
  readonly name: string;
  /** a UUID, new whenever the topic is created anew */
  readonly topicId: string;
  readonly internal: boolean;
  readonly partitions: number;
}
export interface TopicConfigEntry {
  readonly name: string;
  readonly value: string;
  readonly source: "default" | "topic";
  readonly type: "BOOLEAN" | "STRING" | "INT" | "LONG" | "LIST" | "DOUBLE";
}

export interface ProduceRequest {
  readonly transactionalId?: string;
  /** "none" resolves at once, "leader" when written, "all" when on disk */
  readonly acks: "none" | "leader" | "all";
  /** One RecordBatch each; a partition may come more than once, in order. */
  readonly batches: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly batch: Buffer;
    /** This process has just built the batch, so its CRC need not be checked; `keyed`: every record of it has a key. */
    readonly built?: { readonly keyed: boolean };
  }[];
}
export interface ProduceResult {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
  /** -1 for CreateTime */
  readonly logAppendTime: number;
  readonly logStartOffset: number;
  readonly error?: MillraceError;
}
export type Isolation = "read_uncommitted" | "read_committed";
export interface FetchRequest {
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly maxBytes?: number;
  }[];
  readonly maxWaitMs: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly isolation?: Isolation;
  readonly signal?: AbortSignal;
}
export interface FetchResult {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** For read_committed: skip data batches of producerId from firstOffset until its abort marker. */
  readonly abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[];
  /** Whole batches, one after the other; the first may begin before the asked offset. Empty where nothing is there. */
  readonly batches: Buffer;
  readonly error?: MillraceError;
}
export interface ListOffset extends TopicPartition {
  /** ms, or the special ones */
  readonly timestamp: number | "earliest" | "latest" | "max_timestamp";
}
export interface ListOffsetResult extends TopicPartition {
  /** -1 where no record is at or after the time */
  readonly offset: number;
  readonly timestamp: number;
  readonly error?: MillraceError;
}

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}
export interface Txn extends ProducerIdentity {
  readonly transactionalId: string;
}

export interface OffsetCommit extends TopicPartition {
  readonly offset: number;
  readonly leaderEpoch?: number;
  readonly metadata?: string | null;
}
export interface GroupMember {
  readonly memberId: string;
  readonly generationId: number;
  readonly groupInstanceId?: string;
}
export type GroupState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable" | "Dead";
export interface JoinGroupRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId?: string;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  /** KIP-394: answer a member without an id with MEMBER_ID_REQUIRED and an id */
  readonly requireMemberId?: boolean;
}
export interface JoinGroupResult {
  readonly generationId: number;
  readonly protocolType: string;
  readonly protocol: string;
  readonly leader: string;
  readonly memberId: string;
  /** for the leader alone */
  readonly members: readonly { readonly memberId: string; readonly groupInstanceId?: string; readonly metadata: Buffer }[];
}
export interface SyncGroupRequest {
  readonly groupId: string;
  readonly member: GroupMember;
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[];
}
export interface GroupDescription {
  readonly groupId: string;
  readonly state: GroupState;
  readonly protocolType: string;
  readonly protocol: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId?: string;
    readonly clientId: string;
    readonly clientHost: string;
    readonly metadata: Buffer;
    readonly assignment: Buffer;
  }[];
}
