import { setMaxListeners } from "node:events";
import { statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Logger, silentLogger } from "../../common/logger.js";
import { Metrics } from "../../common/metrics.js";
import { type Clock, systemClock } from "../../common/time.js";
import type { TopicPartition } from "../../data/topic-partition.js";
import { syncFolder } from "../../log/files.js";
import { isTransactional, producerEpoch, producerId, RECORD_BATCH_OVERHEAD } from "../../protocol/record-batch.js";
import type {
  Broker,
  BrokerInsight,
  FetchRequest,
  GroupMember,
  Isolation,
  JoinGroupRequest,
  ListOffset,
  ListOffsetResult,
  NewTopic,
  OffsetCommit,
  ProduceRequest,
  ProduceResult,
  SyncGroupRequest,
  Txn,
} from "../api/broker.js";
import { BrokerError } from "../api/errors.js";
import { BrokerMetrics } from "./broker-metrics.js";
import { Cleaner } from "./cleaner.js";
import { readIfThere, writeDurably } from "./durable-file.js";
import { Fetches } from "./fetch.js";
import { Groups } from "./groups.js";
import { MetadataFile } from "./metadata-file.js";
import { Offsets } from "./offsets.js";
import type { Partition } from "./partition.js";
import { asBrokerError } from "./storage-error.js";
import { Timers } from "./timers.js";
import { type BrokerDefaults, CONSUMER_OFFSETS, Topics } from "./topics.js";
import { TransactionLog } from "./transaction-log.js";
import { type Transaction, Transactions } from "./transactions.js";

export interface EmbeddedBrokerOptions {
  /** The folder of the log: made where it is not there. One process at a time. */
  readonly dir: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly defaults?: BrokerDefaults;
  /** Bytes that the transaction log begins with, at most 256 KB; 128 KB by default. */
  readonly transactionLogBytes?: number;
}

const cleanMarker = "clean-shutdown";

/** The broker within this process: logs on disk, coordinators in memory with their state in the logs. */
export class EmbeddedBroker implements Broker {
  private readonly fetches: Fetches;
  private readonly closing = new AbortController();
  /** Produce calls that wait for logs to open; later calls queue behind them, or batches of one producer would change their order. */
  private opening: Promise<unknown> | undefined;
  private closed: Promise<void> | undefined;

  private constructor(
    private readonly dir: string,
    readonly clock: Clock,
    private readonly logger: Logger,
    readonly clusterId: string,
    private readonly topics: Topics,
    private readonly offsets: Offsets,
    private readonly groups: Groups,
    private readonly transactions: Transactions,
    private readonly timers: Timers,
    private readonly cleaner: Cleaner,
  ) {
    // One listener a waiting fetch: any number of them is no leak.
    setMaxListeners(0, this.closing.signal);
    this.fetches = new Fetches(topics, clock, this.closing.signal);
  }

  /** @throws KAFKA_STORAGE_ERROR, MillraceError DATA_FOLDER_VERSION */
  static async open(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
    const { dir, clock = systemClock, logger = silentLogger, defaults = {} } = options;
    const metrics = new BrokerMetrics(options.metrics ?? new Metrics());
    const file = await MetadataFile.open(dir);
    const clean = (await readIfThere(join(dir, cleanMarker))) !== undefined;
    const topics = new Topics(dir, file, { clock, logger, metrics }, defaults);
    await topics.removeLeftovers();
    if (!topics.has(CONSUMER_OFFSETS)) {
      const configs = { "cleanup.policy": "compact", "segment.bytes": String(16 * 1024 * 1024) };
      await topics.create([{ name: CONSUMER_OFFSETS, partitions: 1, configs }]);
    }
    // From here on a crash is one: the next start must look into every log.
    if (clean) {
      await unlink(join(dir, cleanMarker));
      await syncFolder(dir);
    } else await openAll(topics, logger);
    const offsets = new Offsets(topics.get(CONSUMER_OFFSETS, 0));
    await offsets.partition.open();
    const timers = new Timers(clock);
    const groups = new Groups(offsets, clock, timers, defaults.initialRebalanceDelayMs ?? 0);
    const log = new TransactionLog(dir, logger, options.transactionLogBytes);
    const transactions = new Transactions(topics, offsets, file, log, clock, timers, logger, metrics);
    // In this order: the groups' partition may be one that gets back what it has lost, and markers complete what the groups have read.
    await transactions.restore(clean);
    groups.load();
    await transactions.recover(clean);
    const cleaner = new Cleaner(topics, clock, timers, defaults.cleanIntervalMs ?? 15_000, logger);
    cleaner.start();
    return new EmbeddedBroker(dir, clock, logger, file.clusterId, topics, offsets, groups, transactions, timers, cleaner);
  }

  // --- topics ---------------------------------------------------------------------------------------------------

  createTopics(topics: readonly NewTopic[], options?: { validateOnly?: boolean }) {
    return this.topics.create(topics, options?.validateOnly);
  }
  deleteTopics(names: readonly string[]) {
    return this.topics.delete(names);
  }
  createPartitions(topic: string, count: number) {
    return this.topics.createPartitions(topic, count);
  }
  async describeTopics(names?: readonly string[]) {
    return this.topics.describe(names);
  }
  async describeTopicConfig(topic: string) {
    return this.topics.describeConfig(topic);
  }
  alterTopicConfig(topic: string, changes: Readonly<Record<string, string | null>>) {
    return this.topics.alterConfig(topic, changes);
  }
  async deleteRecords(tp: TopicPartition, beforeOffset: number): Promise<number> {
    const log = await this.topics.get(tp.topic, tp.partition).open();
    try {
      return await log.deleteBefore(beforeOffset === -1 ? log.logEndOffset : beforeOffset);
    } catch (error) {
      throw asBrokerError(error, `cannot delete records of ${tp.topic}-${tp.partition}`);
    }
  }

  // --- records --------------------------------------------------------------------------------------------------

  async produce(request: ProduceRequest): Promise<ProduceResult[]> {
    this.checkOpen();
    const { batches } = request;
    const partitions = new Array<Partition | undefined>(batches.length);
    let ready = this.opening === undefined;
    for (let i = 0; i < batches.length; i++) {
      const p = (partitions[i] = this.topics.find(batches[i]!.topic, batches[i]!.partition));
      if (p?.openLog === undefined) ready = false;
    }
    if (!ready) {
      const before = this.opening ?? Promise.resolve();
      const mine = before.then(() => this.openFor(request, partitions));
      this.opening = mine;
      await mine;
      if (this.opening === mine) this.opening = undefined;
      // The coordinator may have written its last state meanwhile: a batch that came after it would belong to nobody.
      this.checkOpen();
    }
    const results = new Array<ProduceResult>(batches.length);
    for (let i = 0; i < batches.length; i++) results[i] = this.append(request, i, partitions[i]);
    if (request.acks === "all" && request.transactionalId === undefined) await this.flush(partitions, results);
    return results;
  }

  fetch(request: FetchRequest) {
    return this.fetches.fetch(request);
  }

  listOffsets(request: { partitions: readonly ListOffset[]; isolation?: Isolation }): Promise<ListOffsetResult[]> {
    return Promise.all(request.partitions.map((p) => this.listOffset(p, request.isolation)));
  }

  private async listOffset({ topic, partition, timestamp }: ListOffset, isolation?: Isolation): Promise<ListOffsetResult> {
    try {
      const log = await this.topics.get(topic, partition).open();
      const upTo = isolation === "read_committed" ? log.lastStableOffset : log.logEndOffset;
      if (timestamp === "earliest") return { topic, partition, offset: log.logStartOffset, timestamp: -1 };
      if (timestamp === "latest") return { topic, partition, offset: upTo, timestamp: -1 };
      const found = timestamp === "max_timestamp" ? log.maxTimestamp() : log.offsetForTimestamp(timestamp);
      if (found === undefined || found.offset >= upTo) return { topic, partition, offset: -1, timestamp: -1 };
      return { topic, partition, offset: found.offset, timestamp: found.timestamp };
    } catch (error) {
      return { topic, partition, offset: -1, timestamp: -1, error: asBrokerError(error, `cannot list offsets of ${topic}-${partition}`) };
    }
  }

  private async openFor(request: ProduceRequest, partitions: (Partition | undefined)[]): Promise<void> {
    for (let i = 0; i < partitions.length; i++) {
      const { topic, partition } = request.batches[i]!;
      if (!this.topics.has(topic) && this.topics.defaults.autoCreateTopics !== false)
        await this.topics.create([{ name: topic, partitions: -1 }]);
      partitions[i] = this.topics.find(topic, partition);
    }
    // Where one cannot be opened, the append of its batch says so.
    await Promise.all(
      partitions.map((p) => p?.open().catch((error) => this.logger.error("cannot open a partition", { partition: p.name, error }))),
    );
  }

  private append(request: ProduceRequest, at: number, p: Partition | undefined): ProduceResult {
    const { topic, partition, batch, built } = request.batches[at]!;
    try {
      if (p === undefined || p.deleted)
        throw new BrokerError("UNKNOWN_TOPIC_OR_PARTITION", `This server does not host ${topic}-${partition}.`);
      if (topic === CONSUMER_OFFSETS) throw new BrokerError("INVALID_TOPIC_EXCEPTION", `${topic} is written by the broker alone`);
      if (batch.length < RECORD_BATCH_OVERHEAD)
        throw new BrokerError("CORRUPT_MESSAGE", `the batch for ${p.name} is only ${batch.length} bytes long`);
      let transaction: Transaction | undefined;
      if (request.transactionalId !== undefined) {
        if (isTransactional(batch))
          transaction = this.transactions.join(request.transactionalId, producerId(batch), producerEpoch(batch), p);
      } else if (isTransactional(batch))
        throw new BrokerError("INVALID_TXN_STATE", `a transactional batch for ${p.name} came without a transactional id`);
      const { baseOffset, logAppendTime, duplicate } = p.append(batch, built && { built });
      if (transaction && !duplicate) this.transactions.wrote(transaction, p, batch);
      return { topic, partition, baseOffset, logAppendTime, logStartOffset: p.log.logStartOffset };
    } catch (error) {
      return {
        topic,
        partition,
        baseOffset: -1,
        logAppendTime: -1,
        logStartOffset: -1,
        error: asBrokerError(error, `cannot write to ${topic}-${partition}`),
      };
    }
  }

  private async flush(partitions: readonly (Partition | undefined)[], results: ProduceResult[]): Promise<void> {
    await Promise.all(
      partitions.map(async (p, i) => {
        const result = results[i]!;
        if (p === undefined || result.error || partitions.indexOf(p) < i) return;
        try {
          await p.flush();
        } catch (error) {
          for (let k = i; k < results.length; k++)
            if (partitions[k] === p && !results[k]!.error) results[k] = { ...results[k]!, baseOffset: -1, error: error as BrokerError };
        }
      }),
    );
  }

  // --- transactions ---------------------------------------------------------------------------------------------

  async initProducerId(request: Parameters<Broker["initProducerId"]>[0]) {
    this.checkOpen();
    return this.transactions.init(request);
  }
  async addPartitionsToTxn(txn: Txn, partitions: readonly TopicPartition[]): Promise<void> {
    for (const { topic, partition } of partitions) await this.topics.get(topic, partition).open();
    this.checkOpen();
    this.transactions.addPartitions(txn, partitions);
  }
  async addOffsetsToTxn(txn: Txn, _groupId: string): Promise<void> {
    this.checkOpen();
    this.transactions.addPartitions(txn, [{ topic: CONSUMER_OFFSETS, partition: 0 }]);
  }
  async txnOffsetCommit(txn: Txn, groupId: string, offsets: readonly OffsetCommit[], member?: GroupMember): Promise<void> {
    this.checkOpen();
    this.groups.checkTransactionalCommit(groupId, member);
    this.transactions.commitOffsets(txn, groupId, offsets);
  }
  async endTxn(txn: Txn, commit: boolean): Promise<void> {
    this.checkOpen();
    return this.transactions.end(txn, commit);
  }

  // --- groups ---------------------------------------------------------------------------------------------------

  joinGroup(request: JoinGroupRequest) {
    return this.groups.join(request);
  }
  syncGroup(request: SyncGroupRequest) {
    return this.groups.sync(request);
  }
  async heartbeat(groupId: string, member: GroupMember): Promise<void> {
    this.groups.heartbeat(groupId, member);
  }
  async leaveGroup(groupId: string, members: readonly { memberId: string; groupInstanceId?: string }[]): Promise<void> {
    this.groups.leave(groupId, members);
  }
  async offsetCommit(groupId: string, offsets: readonly OffsetCommit[], member?: GroupMember): Promise<void> {
    this.checkOpen();
    await this.groups.commit(groupId, offsets, member);
  }
  async offsetFetch(
    groupId: string,
    partitions?: readonly TopicPartition[],
    options?: { requireStable?: boolean },
  ): Promise<OffsetCommit[]> {
    return this.offsets.fetch(groupId, partitions, options?.requireStable);
  }
  async offsetDelete(groupId: string, partitions: readonly TopicPartition[]): Promise<void> {
    await this.groups.deleteOffsets(groupId, partitions);
  }
  async listGroups() {
    return this.groups.list();
  }
  async describeGroups(groupIds: readonly string[]) {
    return this.groups.describe(groupIds);
  }
  deleteGroups(groupIds: readonly string[]): Promise<void> {
    return this.groups.delete(groupIds);
  }

  // --- the end --------------------------------------------------------------------------------------------------

  close(): Promise<void> {
    return (this.closed ??= this.shutDown());
  }

  private async shutDown(): Promise<void> {
    this.closing.abort();
    this.timers.close();
    this.groups.close();
    await this.cleaner.stop();
    const transactions = await Promise.allSettled([this.transactions.close()]);
    const logs = await Promise.allSettled([...this.topics.allPartitions()].map((p) => p.close()));
    const failed = [...transactions, ...logs].find((c) => c.status === "rejected");
    const refused = [...this.topics.allPartitions()].find((p) => p.openLog?.failure);
    if (failed || refused)
      this.logger.error("not everything could be put on disk; the next start will check all logs", {
        partition: refused?.name,
        error: failed?.reason ?? refused?.openLog?.failure,
      });
    // Last of all: it says that everything else is on disk.
    else await writeDurably(join(this.dir, cleanMarker), "");
  }

  readonly insight: BrokerInsight = {
    transactions: () => this.transactions.describe(),
    producers: async ({ topic, partition }) => (await this.topics.get(topic, partition).open()).describeProducers(),
    logs: async (wanted) => {
      const { blocks, bavail, bsize } = await statfs(this.dir);
      const partitions = [];
      for (const p of this.topics.allPartitions())
        if (!wanted || wanted(p)) partitions.push({ topic: p.topic, partition: p.partition, bytes: await p.bytesOnDisk() });
      return { path: this.dir, totalBytes: blocks * bsize, usableBytes: bavail * bsize, partitions };
    },
  };

  private checkOpen(): void {
    if (this.closing.signal.aborted) throw new BrokerError("COORDINATOR_NOT_AVAILABLE", "the broker is shutting down");
  }
}

async function openAll(topics: Topics, logger: Logger): Promise<void> {
  const all = [...topics.allPartitions()];
  let next = 0;
  const worker = async () => {
    while (next < all.length) {
      const p = all[next++]!;
      await p.open().catch((error) => logger.error("cannot open a partition", { partition: p.name, error }));
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}
