import type { MillraceError } from "../../common/errors.js";
import { giveMemory } from "../../protocol/batch-memory.js";
import type { CompressionType } from "../../protocol/record-batch.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { Broker, GroupMember, OffsetCommit, ProduceResult, ProducerIdentity, Txn } from "./broker.js";
import { BrokerError } from "./errors.js";

export interface ProducerOptions {
  readonly broker: Broker;
  /** A batch is sealed once it holds this many bytes, before compression; 500 KB by default. */
  readonly maxBatchBytes?: number;
  /** Bytes handed to the broker and not yet answered, beyond which `congested` is true; 16 MB by default. */
  readonly maxInFlightBytes?: number;
  /** "none" by default */
  readonly compression?: CompressionType;
}

/** Bytes that a partition's open batch begins with. */
const firstBytes = 4096;
/** a little below half of what a reader fetches at a time: of batches of 512 KB and a record, each fetch would read two and hold one */
const defaultMaxBatchBytes = 500 * 1024;
/** A little below what brokers accept by default (max.message.bytes); a larger batch of several records is split. */
const largestBatch = 1_000_000;

interface Sealed {
  readonly batch: Buffer;
  readonly count: number;
  readonly keyed: boolean;
}

/** The open batch of one partition. Fetch it once and keep it: `open()` costs a comparison. */
export class ProducerPartition {
  private readonly builder = new RecordBatchBuilder(firstBytes);
  private sequence = 0;
  /** Offset after the last record that the broker has answered; -1 before the first. */
  nextOffset = -1;

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly producer: BatchProducer,
  ) {}

  /**
   * The batch to append the next record to (or to write it into, piece by piece). Call it ahead of every record: a batch that is
   * full is sealed and handed to the broker, without waiting, and the builder starts anew.
   */
  open(): RecordBatchBuilder {
    if (this.builder.size >= this.producer.maxBatchBytes) this.producer.send([this]);
    return this.builder;
  }

  get count(): number {
    return this.builder.count;
  }

  /** The open batch with its producer's identity and its sequence numbers; several where its last record made it too large for one. */
  seal(): Sealed[] {
    if (this.builder.size <= largestBatch || this.builder.count === 1) return [this.finish(this.builder)];
    const sealed: Sealed[] = [];
    const part = new RecordBatchBuilder(this.producer.maxBatchBytes);
    const cursor = new RecordCursor();
    cursor.open(this.builder.finish());
    while (cursor.next()) {
      if (part.count > 0 && part.size + cursor.recordEnd - cursor.recordStart > this.producer.maxBatchBytes) sealed.push(this.finish(part));
      const { bytes, timestamp, keyStart, keyEnd, valueStart, valueEnd } = cursor;
      const key = keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd);
      const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
      part.append(timestamp, key, value, cursor.headerCount > 0 ? cursor.headers() : undefined);
    }
    sealed.push(this.finish(part));
    return sealed;
  }

  private finish(builder: RecordBatchBuilder): Sealed {
    const { identity, transactional, compression } = this.producer;
    const { count, keyed } = builder;
    const batch = builder.take({
      producerId: identity.producerId,
      producerEpoch: identity.producerEpoch,
      baseSequence: this.sequence,
      transactional,
      compression,
    });
    this.sequence = (this.sequence + count) & 0x7fff_ffff;
    return { batch, count, keyed };
  }

  /** Forgets what is in the open batch. */
  discard(): void {
    this.builder.reset();
  }

  restartSequence(): void {
    this.sequence = 0;
  }
}

/** What both producers share: one open batch a partition, sequence numbers, produce calls under way while more is encoded. */
export abstract class BatchProducer {
  protected readonly broker: Broker;
  readonly maxBatchBytes: number;
  readonly compression: CompressionType;
  abstract readonly transactional: boolean;
  identity: Txn = { transactionalId: "", producerId: -1, producerEpoch: -1 };
  private readonly maxInFlightBytes: number;
  private readonly partitions = new Map<string, ProducerPartition[]>();
  private inFlightBytes = 0;
  private inFlight = 0;
  private readonly waiters: (() => void)[] = [];
  private failure: MillraceError | undefined;
  /** Whether anything was handed to the broker since `begin`. */
  protected touched = false;

  constructor(options: ProducerOptions) {
    this.broker = options.broker;
    this.maxBatchBytes = options.maxBatchBytes ?? defaultMaxBatchBytes;
    this.maxInFlightBytes = options.maxInFlightBytes ?? 16 * 1024 * 1024;
    this.compression = options.compression ?? "none";
  }

  /** The handle of a partition, the same each time. */
  partition(topic: string, partition: number): ProducerPartition {
    let ofTopic = this.partitions.get(topic);
    if (!ofTopic) this.partitions.set(topic, (ofTopic = []));
    return (ofTopic[partition] ??= new ProducerPartition(topic, partition, this));
  }

  /** The open batch of a partition to append the next record to; see `ProducerPartition.open`. */
  batch(topic: string, partition: number): RecordBatchBuilder {
    return this.partition(topic, partition).open();
  }

  /** True where the caller should await `room()` before it encodes more, so that memory stays bounded. */
  get congested(): boolean {
    return this.inFlightBytes >= this.maxInFlightBytes;
  }

  /** Resolves once `congested` is false. @throws the first error of a produce call under way */
  async room(): Promise<void> {
    while (this.congested && !this.failure) await this.nextAnswer();
    this.throwFailure();
  }

  /** Hands the open batches of these partitions to the broker in one call, in order, without waiting for the answer. */
  send(partitions: readonly ProducerPartition[]): void {
    this.throwFailure();
    this.checkOpen();
    const batches: { topic: string; partition: number; batch: Buffer; built: { keyed: boolean } }[] = [];
    const sent: { to: ProducerPartition; batch: Buffer; count: number }[] = [];
    let bytes = 0;
    for (const to of partitions) {
      if (to.count === 0) continue;
      for (const { batch, count, keyed } of to.seal()) {
        batches.push({ topic: to.topic, partition: to.partition, batch, built: { keyed } });
        sent.push({ to, batch, count });
        bytes += batch.length;
      }
    }
    if (batches.length === 0) return;
    this.inFlightBytes += bytes;
    this.inFlight++;
    this.touched = true;
    const transactionalId = this.transactional ? this.identity.transactionalId : undefined;
    this.broker.produce({ ...(transactionalId === undefined ? {} : { transactionalId }), acks: "all", batches }).then(
      (results) => this.answered(bytes, sent, results),
      (error) => this.answered(bytes, sent, error),
    );
  }

  /** Seals and sends every open batch and waits until all that was sent is answered. @throws the first error */
  protected async sendAll(): Promise<void> {
    const open: ProducerPartition[] = [];
    for (const ofTopic of this.partitions.values()) for (const p of ofTopic) if (p !== undefined && p.count > 0) open.push(p);
    this.send(open);
    await this.settled();
    this.throwFailure();
  }

  /** @throws INVALID_TXN_STATE where records may not be sent now */
  protected checkOpen(): void {}

  protected async settled(): Promise<void> {
    while (this.inFlight > 0) await this.nextAnswer();
  }

  /** Forgets open batches and the last error. */
  protected discardOpen(): void {
    for (const ofTopic of this.partitions.values()) for (const p of ofTopic) p?.discard();
  }

  protected startIdentity(identity: Txn): void {
    this.identity = identity;
    this.failure = undefined;
    // A new epoch starts its sequences at 0; going on with the old ones would be refused as out of order.
    for (const ofTopic of this.partitions.values()) for (const p of ofTopic) p?.restartSequence();
  }

  protected get failed(): boolean {
    return this.failure !== undefined;
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure;
  }

  private nextAnswer(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private answered(
    bytes: number,
    sent: { to: ProducerPartition; batch: Buffer; count: number }[],
    answer: ProduceResult[] | MillraceError,
  ): void {
    this.inFlightBytes -= bytes;
    this.inFlight--;
    for (const { batch } of sent) giveMemory(batch);
    if (Array.isArray(answer)) {
      for (let i = 0; i < answer.length; i++) {
        const { error, baseOffset } = answer[i]!;
        const { to, count } = sent[i]!;
        if (error) this.failure ??= error;
        else to.nextOffset = baseOffset + count;
      }
    } else this.failure ??= answer;
    for (const resolve of this.waiters.splice(0)) resolve();
  }
}

/** Without transactions: every batch is written once, in order, and is on disk when `flush` resolves. */
export class IdempotentProducer extends BatchProducer {
  readonly transactional = false;

  /** Takes an identity; call it first, and again after an error. */
  async init(): Promise<void> {
    this.discardOpen();
    await this.settled();
    this.startIdentity({ transactionalId: "", ...(await this.broker.initProducerId({})) });
  }

  /** Resolves when all records so far are on disk. @throws the first error of any batch; call `init` before going on */
  flush(): Promise<void> {
    return this.sendAll();
  }
}

export interface TransactionalProducerOptions extends ProducerOptions {
  readonly transactionalId: string;
  /** After so long without an end the broker aborts the transaction and fences this producer; 60,000 ms by default. */
  readonly transactionTimeoutMs?: number;
}

/**
 * Records and consumer offsets that become visible together or not at all. A cycle is `begin`, records, `sendOffsets`, then
 * `commit` or `abort`. Any error but of `init` means: call `abort`; PRODUCER_FENCED and INVALID_PRODUCER_EPOCH mean that a newer
 * producer has taken over and this one must stop.
 */
export class TransactionalProducer extends BatchProducer {
  readonly transactional = true;
  private state: "new" | "ready" | "open" = "new";
  private offsets: { groupId: string; offsets: readonly OffsetCommit[]; member?: GroupMember }[] = [];

  constructor(private readonly options: TransactionalProducerOptions) {
    super(options);
  }

  /** Takes over the transactional id: an older producer's open transaction is aborted and that producer fenced. */
  init(): Promise<void> {
    return this.start(undefined);
  }

  private async start(from: ProducerIdentity | undefined): Promise<void> {
    const { transactionalId, transactionTimeoutMs = 60_000 } = this.options;
    this.discardOpen();
    await this.settled();
    const request = {
      transactionalId,
      transactionTimeoutMs,
      ...(from && { producerId: from.producerId, producerEpoch: from.producerEpoch }),
    };
    this.startIdentity({ transactionalId, ...(await this.broker.initProducerId(request)) });
    this.state = "ready";
  }

  begin(): void {
    if (this.state !== "ready") throw this.wrongState("begin");
    this.state = "open";
    this.touched = false;
    this.offsets = [];
  }

  protected override checkOpen(): void {
    if (this.state !== "open") throw this.wrongState("send records");
  }

  /** These offsets become the group's when, and only when, the transaction commits. They are kept until then. */
  sendOffsets(groupId: string, offsets: readonly OffsetCommit[], member?: GroupMember): void {
    if (this.state !== "open") throw this.wrongState("send offsets");
    if (offsets.length) this.offsets.push({ groupId, offsets, ...(member ? { member } : {}) });
  }

  /** Resolves when records and offsets are on disk and visible. A transaction without either costs nothing. */
  async commit(): Promise<void> {
    if (this.state !== "open") throw this.wrongState("commit");
    const parts = [this.sendAll()];
    for (const o of this.offsets) parts.push(this.broker.txnOffsetCommit(this.identity, o.groupId, o.offsets, o.member));
    if (this.offsets.length > 0) this.touched = true;
    await Promise.all(parts);
    if (this.touched) await this.broker.endTxn(this.identity, true);
    this.state = "ready";
  }

  /** Drops the transaction; what was written of it is never seen by read_committed. @throws PRODUCER_FENCED */
  async abort(): Promise<void> {
    if (this.state !== "open") throw this.wrongState("abort");
    this.discardOpen();
    await this.settled();
    const { failed } = this;
    if (failed) {
      // A batch is missing in its sequence: only a new epoch, which starts at 0, can go on; it aborts the transaction as well. Asked for
      // in the name of this one (KIP-360): a producer that has been fenced must not take over again from its successor.
      await this.start(this.identity);
      return;
    }
    if (this.touched) await this.broker.endTxn(this.identity, false);
    this.state = "ready";
  }

  private wrongState(what: string): BrokerError {
    return new BrokerError("INVALID_TXN_STATE", `cannot ${what}: the producer of ${this.options.transactionalId} is ${this.state}`);
  }
}
