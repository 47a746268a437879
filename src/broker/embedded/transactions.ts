import type { Logger } from "../../common/logger.js";
import type { Clock } from "../../common/time.js";
import type { TopicPartition } from "../../data/topic-partition.js";
import { encodeEndTransactionMarker } from "../../protocol/control-record.js";
import { baseOffset, lastOffset } from "../../protocol/record-batch.js";
import type { OffsetCommit, ProducerIdentity, TransactionDescription, Txn } from "../api/broker.js";
import { BrokerError } from "../api/errors.js";
import type { BrokerMetrics } from "./broker-metrics.js";
import { CommitRounds } from "./commit-rounds.js";
import type { MetadataFile } from "./metadata-file.js";
import type { Offsets } from "./offsets.js";
import type { Partition } from "./partition.js";
import type { Timers } from "./timers.js";
import type { Topics } from "./topics.js";
import type { TransactionEntry, TransactionLog, TransactionStatus } from "./transaction-log.js";

/** Everything about one transactional id. */
export interface Transaction {
  readonly id: string;
  producerId: number;
  epoch: number;
  timeoutMs: number;
  status: TransactionStatus | "Ending";
  /** With the offset after its last record there; 0 before the first. */
  readonly partitions: Map<Partition, number>;
  /** Its batches so far, or undefined once they are too many bytes to go into the transaction log. */
  kept: { readonly partition: Partition; readonly batch: Buffer }[] | undefined;
  keptBytes: number;
  /** ms on the clock; meaningful while Ongoing */
  startedAt: number;
  /** Resolves when the end that is under way is over, well or badly. */
  ending: Promise<void> | undefined;
  /** A commit was tried and its entry may be in the log. */
  prepared: boolean;
  /** A timer is set that looks after this transaction's age. */
  watched: boolean;
}

const maxEpoch = 0x7fff - 2;
const maxTimeoutMs = 900_000;
/** Up to here it is cheaper to write a transaction twice than to sync each of its partitions. */
const keptLimit = 64 * 1024;

/**
 * The transaction coordinator. A commit is decided by one entry in the transaction log: it is written together with the
 * data's fdatasync, and markers follow only after both are on disk. See docs/adr/0003-transaction-log.md.
 */
export class Transactions {
  private readonly byId = new Map<string, Transaction>();
  private readonly rounds: CommitRounds;
  /** Between `restore` and `recover`. */
  private prepared: TransactionEntry[] = [];
  /** Decided transactions with a partition that could not be opened: their entries stay until a start where it can. */
  private unsettled: TransactionEntry[] = [];

  constructor(
    private readonly topics: Topics,
    private readonly offsets: Offsets,
    private readonly file: MetadataFile,
    private readonly log: TransactionLog,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly logger: Logger,
    private readonly metrics: BrokerMetrics,
  ) {
    this.rounds = new CommitRounds(log, () => this.entries());
  }

  /** All ids as entries: what a checkpoint holds. */
  entries(): TransactionEntry[] {
    const now = [...this.byId.values()].map((t) => entryOf(t, t.status === "Ending" ? "Ongoing" : t.status));
    return [...this.unsettled, ...now];
  }

  describe(): TransactionDescription[] {
    return [...this.byId.values()].map((t) => ({
      transactionalId: t.id,
      producerId: t.producerId,
      producerEpoch: t.epoch,
      state: t.status === "Ending" ? "PrepareCommit" : t.status,
      timeoutMs: t.timeoutMs,
      startedAt: t.status === "Ongoing" || t.status === "Ending" ? t.startedAt : -1,
      partitions: [...t.partitions.keys()].map(({ topic, partition }) => ({ topic, partition })),
    }));
  }

  // --- what clients ask -----------------------------------------------------------------------------------------

  async init(request: {
    transactionalId?: string;
    transactionTimeoutMs?: number;
    producerId?: number;
    producerEpoch?: number;
  }): Promise<ProducerIdentity> {
    const { transactionalId: id, transactionTimeoutMs = 60_000, producerId = -1, producerEpoch = -1 } = request;
    if (id === undefined) return { producerId: await this.file.allocateProducerId(), producerEpoch: 0 };
    if (id === "") throw new BrokerError("INVALID_REQUEST", "the transactional id must not be empty");
    if (!(transactionTimeoutMs > 0 && transactionTimeoutMs <= maxTimeoutMs))
      throw new BrokerError(
        "INVALID_TRANSACTION_TIMEOUT",
        `transaction.timeout.ms must be between 1 and ${maxTimeoutMs}, not ${transactionTimeoutMs}`,
      );
    const t = this.byId.get(id) ?? (await this.addNew(id));
    while (t.ending) await t.ending.catch(() => {});
    // of an id that is new here a producer may say anything, as @platformatic/kafka does
    if (t.epoch >= 0 && producerId >= 0 && (producerId !== t.producerId || producerEpoch !== t.epoch))
      throw fenced(id, producerEpoch, t.epoch);
    // Bumped ahead of the abort: the older producer can write nothing more, neither before nor after the markers.
    t.epoch++;
    if (t.status === "Ongoing") {
      await this.finish(t, false);
      t.epoch++;
    }
    if (t.epoch >= maxEpoch) {
      t.producerId = await this.file.allocateProducerId();
      t.epoch = 0;
    }
    t.timeoutMs = transactionTimeoutMs;
    t.status = "Empty";
    const { producerId: given, epoch } = t;
    // On disk before the answer: an older producer must stay fenced after a crash.
    await this.rounds.add(entryOf(t), []);
    return { producerId: given, producerEpoch: epoch };
  }

  /** The partitions take part from now on; begins the transaction where none is open. */
  addPartitions(txn: Txn, partitions: readonly TopicPartition[]): void {
    const t = this.check(txn);
    const found = partitions.map((p) => this.topics.get(p.topic, p.partition));
    this.begin(t);
    for (const p of found) if (!t.partitions.has(p)) t.partitions.set(p, 0);
  }

  /** For produce: checks the batch's producer against the id and takes the partition in. */
  join(transactionalId: string, producerId: number, producerEpoch: number, partition: Partition): Transaction {
    const t = this.byId.get(transactionalId);
    if (t === undefined || t.producerId !== producerId) throw unmapped(transactionalId, producerId);
    if (producerEpoch !== t.epoch)
      throw new BrokerError(
        "INVALID_PRODUCER_EPOCH",
        `the producer of ${transactionalId} has epoch ${producerEpoch}, but epoch ${t.epoch} has taken over`,
      );
    this.begin(t);
    if (!t.partitions.has(partition)) t.partitions.set(partition, 0);
    return t;
  }

  /** The batch, with its offsets in it, is in the partition's log. */
  wrote(t: Transaction, partition: Partition, batch: Buffer): void {
    t.partitions.set(partition, lastOffset(batch) + 1);
    if (t.kept === undefined) return;
    t.keptBytes += batch.length;
    if (t.keptBytes > keptLimit) t.kept = undefined;
    else t.kept.push({ partition, batch: Buffer.from(batch) });
  }

  commitOffsets(txn: Txn, groupId: string, offsets: readonly OffsetCommit[]): void {
    const t = this.check(txn);
    this.begin(t);
    if (offsets.length === 0) return;
    const batch = this.offsets.commitInTransaction(t.producerId, t.epoch, groupId, offsets, this.clock.now());
    this.wrote(t, this.offsets.partition, batch);
  }

  async end(txn: Txn, commit: boolean): Promise<void> {
    const t = this.check(txn);
    const done = commit ? "CompleteCommit" : "CompleteAbort";
    if (t.status === done) return;
    if (t.status === "Ending") throw this.underWay(t);
    if (t.status !== "Ongoing")
      throw new BrokerError("INVALID_TXN_STATE", `cannot ${commit ? "commit" : "abort"} ${t.id}: its transaction is ${t.status}`);
    await this.finish(t, commit);
  }

  // --- the two ends ---------------------------------------------------------------------------------------------

  private async finish(t: Transaction, commit: boolean): Promise<void> {
    t.status = "Ending";
    const started = performance.now();
    t.ending = commit ? this.commit(t) : this.abort(t);
    try {
      await t.ending;
      if (commit) this.metrics.commitSeconds.observe((performance.now() - started) / 1000);
      (commit ? this.metrics.commits : this.metrics.aborts).add();
    } catch (error) {
      // Nothing is decided as far as anybody was told; the owner may try again or abort.
      t.status = "Ongoing";
      throw error;
    } finally {
      t.ending = undefined;
    }
  }

  private commit(t: Transaction): Promise<void> {
    t.prepared = true;
    const flush = t.kept === undefined ? [...t.partitions.keys()].filter((p) => !p.deleted) : [];
    // Markers only once it is decided: one that reached the disk ahead of the entry would commit its partition though, after a
    // crash, the others are aborted.
    return this.rounds.add(entryOf(t, "PrepareCommit"), flush, () => this.mark(t, true));
  }

  private async abort(t: Transaction): Promise<void> {
    // Without an entry: after a crash, what is not prepared is aborted. A commit that failed may have left one, which this overrules.
    if (t.prepared) await this.rounds.add({ ...entryOf(t, "CompleteAbort"), overrules: true }, [], () => this.mark(t, false));
    else this.mark(t, false);
  }

  private mark(t: Transaction, commit: boolean): void {
    for (const p of t.partitions.keys()) {
      if (p.deleted || p.openLog === undefined) continue;
      this.writeMarker(p, t.producerId, t.epoch, commit);
      this.rounds.marked(p);
    }
    this.offsets.complete(t.producerId, commit);
    t.partitions.clear();
    t.kept = [];
    t.keptBytes = 0;
    t.prepared = false;
    t.status = commit ? "CompleteCommit" : "CompleteAbort";
  }

  private writeMarker(p: Partition, producerId: number, producerEpoch: number, commit: boolean): void {
    if (p.log.openTransaction(producerId) < 0) return;
    const timestamp = this.clock.now();
    const type = commit ? "COMMIT" : "ABORT";
    try {
      p.append(encodeEndTransactionMarker({ type, coordinatorEpoch: 0, producerId, producerEpoch, timestamp }), { origin: "coordinator" });
    } catch (error) {
      // The decision stands; the partition takes no more writes, and the next start completes it.
      this.logger.error("cannot write a transaction's marker; it will be completed after a restart", { partition: p.name, type, error });
    }
  }

  // --- the checks -----------------------------------------------------------------------------------------------

  private check(txn: Txn): Transaction {
    const t = this.byId.get(txn.transactionalId);
    if (t === undefined || t.producerId !== txn.producerId) throw unmapped(txn.transactionalId, txn.producerId);
    if (txn.producerEpoch !== t.epoch) throw fenced(t.id, txn.producerEpoch, t.epoch);
    return t;
  }

  private begin(t: Transaction): void {
    if (t.status === "Ongoing") return;
    if (t.status === "Ending") throw this.underWay(t);
    t.status = "Ongoing";
    t.startedAt = this.clock.now();
    this.watch(t);
  }

  private underWay(t: Transaction): BrokerError {
    return new BrokerError("CONCURRENT_TRANSACTIONS", `the transaction of ${t.id} is just being committed; try again`);
  }

  /** One timer an id at most, whatever number of transactions it sees pass. */
  private watch(t: Transaction): void {
    if (t.watched) return;
    t.watched = true;
    this.timers.at(t.startedAt + t.timeoutMs, () => {
      t.watched = false;
      if (t.status !== "Ongoing") return;
      if (this.clock.now() < t.startedAt + t.timeoutMs) return this.watch(t);
      this.logger.warn("aborting a transaction that its producer has abandoned", { transactionalId: t.id, timeoutMs: t.timeoutMs });
      // The owner is fenced: it must not add to, or commit, what it believes to be still open.
      t.epoch++;
      this.finish(t, false)
        .then(() => this.rounds.add(entryOf(t), []))
        .catch((error) => this.logger.error("cannot record that a transaction was aborted", { transactionalId: t.id, error }));
    });
  }

  private async addNew(id: string): Promise<Transaction> {
    const producerId = await this.file.allocateProducerId();
    // Another call for the same new id may have come first meanwhile; this one then takes over from it.
    return this.byId.get(id) ?? this.add(id, producerId);
  }

  private add(id: string, producerId: number): Transaction {
    const t: Transaction = {
      id,
      producerId,
      epoch: -1,
      timeoutMs: 60_000,
      status: "Empty",
      partitions: new Map(),
      kept: [],
      keptBytes: 0,
      startedAt: 0,
      ending: undefined,
      prepared: false,
      watched: false,
    };
    this.byId.set(id, t);
    return t;
  }

  // --- start and stop -------------------------------------------------------------------------------------------

  /**
   * Reads the transaction log and gives partitions back what a crash has taken from them of prepared transactions. Comes before
   * anybody reads the partitions; all are open then, or the stop was clean.
   */
  async restore(clean: boolean): Promise<void> {
    for (const e of await this.log.read()) {
      const t = this.byId.get(e.id) ?? this.add(e.id, e.producerId);
      Object.assign(t, { producerId: e.producerId, epoch: e.epoch, timeoutMs: e.timeoutMs, status: e.status });
      t.partitions.clear();
      if (e.status === "Ongoing" && clean) await this.resume(t, e);
      if (e.status === "PrepareCommit") {
        t.status = "CompleteCommit";
        this.prepared.push(e);
      } else if (e.overrules) {
        const at = this.prepared.findLastIndex((x) => x.id === e.id && x.epoch === e.epoch && x.producerId === e.producerId);
        if (at >= 0) this.prepared.splice(at, 1);
      }
    }
    if (clean) return;
    const lost = new Map<Partition, Buffer[]>();
    for (const e of this.prepared)
      for (const [at, text] of e.data ?? []) {
        const [topicId, partition] = e.partitions[at]!;
        const p = this.topics.findById(topicId, partition);
        if (p?.openLog === undefined) continue;
        const batch = Buffer.from(text, "base64");
        if (baseOffset(batch) < p.log.logEndOffset) continue;
        const list = lost.get(p);
        if (list) list.push(batch);
        else lost.set(p, [batch]);
      }
    // In the order of their offsets: transactions commit in another order than they write, and a log only grows at its end.
    for (const [p, list] of lost)
      for (const batch of list.sort((a, b) => baseOffset(a) - baseOffset(b)))
        p.append(batch, { origin: "coordinator", baseOffset: baseOffset(batch) });
  }

  /**
   * After a clean stop open transactions go on. After a crash every prepared one is completed and every other aborted, its
   * producer fenced: what it wrote may have been lost with the page cache.
   */
  async recover(clean: boolean): Promise<void> {
    if (!clean) {
      this.unsettled = this.prepared.filter((e) => !this.complete(e));
      await this.abortOpen();
    }
    this.prepared = [];
    await this.log.start(this.entries());
  }

  private async resume(t: Transaction, e: TransactionEntry): Promise<void> {
    for (const [topicId, partition] of e.partitions) {
      const p = this.topics.findById(topicId, partition);
      if (p === undefined) continue;
      t.partitions.set(p, (await p.open()).logEndOffset);
    }
    t.startedAt = this.clock.now();
    this.watch(t);
  }

  /** False where a partition of it cannot be opened. */
  private complete(e: TransactionEntry): boolean {
    const parts = e.partitions.map(([topicId, partition, end]) => ({ p: this.topics.findById(topicId, partition), end }));
    const whole = parts.every(({ p, end }) => p?.openLog === undefined || p.log.logEndOffset >= end);
    for (const { p, end } of parts) {
      const first = p?.openLog?.openTransaction(e.producerId) ?? -1;
      // At or beyond `end` it is a later transaction of the same producer: this one's marker is there already.
      if (p !== undefined && first >= 0 && first < end) {
        this.writeMarker(p, e.producerId, e.epoch, whole);
        if (p === this.offsets.partition) this.offsets.complete(e.producerId, whole);
      }
    }
    return !parts.some(({ p }) => p !== undefined && p.openLog === undefined);
  }

  private async abortOpen(): Promise<void> {
    for (const t of this.byId.values()) {
      const open = [...this.topics.allPartitions()].filter((p) => (p.openLog?.openTransaction(t.producerId) ?? -1) >= 0);
      if (open.length > 0 || t.status === "Ongoing") t.epoch++;
      for (const p of open) this.writeMarker(p, t.producerId, t.epoch, false);
      this.offsets.complete(t.producerId, false);
      if (t.status === "Ongoing") t.status = "CompleteAbort";
    }
    // The log is written anew next, without the prepared entries: the markers must be on disk in their stead.
    await Promise.all([...this.topics.allPartitions()].map((p) => p.flush()));
  }

  /** Waits for the ends that are under way, then writes everything so that the next start finds it as it is. @throws KAFKA_STORAGE_ERROR */
  async close(): Promise<void> {
    await Promise.allSettled([...this.byId.values()].map((t) => t.ending));
    await this.rounds.idle();
    try {
      await this.rounds.checkpoint();
      // Not a clean stop: only after a crash does the next start look at them.
      if (this.unsettled.length > 0)
        throw new BrokerError("KAFKA_STORAGE_ERROR", "committed transactions wait for a partition that could not be opened");
    } finally {
      this.log.close();
    }
  }
}

function entryOf(t: Transaction, status = t.status as TransactionStatus): TransactionEntry {
  const { id, producerId, epoch, timeoutMs } = t;
  const partitions: [string, number, number][] = [];
  const indexes = new Map<Partition, number>();
  for (const [p, end] of t.partitions) if (!p.deleted) indexes.set(p, partitions.push([p.topicId, p.partition, end]) - 1);
  if (status !== "PrepareCommit" || t.kept === undefined) return { id, producerId, epoch, timeoutMs, status, partitions };
  const data: [number, string][] = [];
  for (const { partition, batch } of t.kept) {
    const at = indexes.get(partition);
    if (at !== undefined) data.push([at, batch.toString("base64")]);
  }
  return { id, producerId, epoch, timeoutMs, status, partitions, data };
}

function fenced(id: string, epoch: number, current: number): BrokerError {
  return new BrokerError("PRODUCER_FENCED", `the producer of ${id} has epoch ${epoch}, but epoch ${current} has taken over`);
}
function unmapped(id: string, producerId: number): BrokerError {
  return new BrokerError("INVALID_PRODUCER_ID_MAPPING", `producer id ${producerId} is not that of transactional id ${id}`);
}
