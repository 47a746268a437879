import type { Broker, GroupMember, OffsetCommit } from "../../../broker/api/broker.js";
import { BrokerError } from "../../../broker/api/errors.js";
import { GroupMembership } from "../../../broker/api/group-membership.js";
import { PartitionReader, type PolledPartition } from "../../../broker/api/reader.js";
import type { Logger } from "../../../common/logger.js";
import type { TopicPartition } from "../../../data/topic-partition.js";
import { RecordCursor } from "../../../protocol/record-cursor.js";
import type { SchemaClient } from "../../../schema-registry/client.js";
import { EmbeddedReader } from "../embedded-reader.js";
import { restErrors } from "../errors.js";
import type { EmbeddedFormat } from "../media-type.js";

export interface ConsumerConfig {
  readonly group: string;
  readonly name: string;
  readonly format: EmbeddedFormat;
  readonly reset: "earliest" | "latest" | "none";
  readonly autoCommit: boolean;
  /** A read waits until it has so many bytes of keys and values, or its time is over. */
  readonly minBytes: number;
  /** ms that a read without a timeout of its own waits */
  readonly requestTimeoutMs: number;
}

/** What a read has found so far. */
interface Found {
  /** records as JSON, comma separated */
  text: string;
  /** of their keys and values */
  bytes: number;
  /** nothing more may come into this answer */
  full: boolean;
}

type Subscription = { readonly topics: readonly string[] } | { readonly pattern: RegExp } | undefined;

/** One consumer instance of API v2: its calls run one after another, as a Kafka consumer's must. */
export class Consumer {
  /** ms; when it was last asked for anything */
  lastUsed = 0;
  private readonly reader: PartitionReader;
  private readonly embedded: EmbeddedReader;
  private readonly cursor = new RecordCursor();
  private assignment: readonly TopicPartition[] = [];
  private subscription: Subscription;
  private membership: GroupMembership | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private closing = new AbortController();

  constructor(
    readonly config: ConsumerConfig,
    private readonly broker: Broker,
    registry: SchemaClient,
    private readonly logger: Logger,
  ) {
    this.reader = new PartitionReader({ broker, isolation: "read_uncommitted" });
    this.embedded = new EmbeddedReader(config.format, registry);
  }

  /** Runs a call after those before it. */
  run<T>(call: () => Promise<T>): Promise<T> {
    const result = this.last.then(() => {
      if (this.closing.signal.aborted) throw restErrors.consumerNotFound();
      return call();
    });
    this.last = result.catch(() => {});
    return result;
  }

  // --- what is read ----------------------------------------------------------------------------------------------

  async subscribe(topics: readonly string[]): Promise<void> {
    this.mayNot("assigned", this.assignment.length > 0 && !this.membership);
    await this.join({ topics }, async () => topics);
  }

  async subscribePattern(pattern: RegExp): Promise<void> {
    this.mayNot("assigned", this.assignment.length > 0 && !this.membership);
    await this.join({ pattern }, async () =>
      (await this.broker.describeTopics()).filter((t) => !t.internal && pattern.test(t.name)).map((t) => t.name),
    );
  }

  /** The topics of the subscription; of a pattern those that it matches now. */
  subscribed(): readonly string[] {
    if (this.subscription === undefined) return [];
    return "topics" in this.subscription ? this.subscription.topics : [...new Set(this.assignment.map((p) => p.topic))];
  }

  async unsubscribe(): Promise<void> {
    await this.membership?.close();
    this.membership = undefined;
    this.subscription = undefined;
    this.release();
  }

  async assign(partitions: readonly TopicPartition[]): Promise<void> {
    this.mayNot("subscribed", this.subscription !== undefined);
    await this.known(partitions);
    if (this.config.autoCommit) await this.commitPositions(undefined);
    this.release();
    await this.take(partitions);
  }

  assigned(): readonly TopicPartition[] {
    return this.assignment;
  }

  // --- positions and offsets -------------------------------------------------------------------------------------

  async seek(offsets: readonly (TopicPartition & { offset: number })[]): Promise<void> {
    await this.settled();
    for (const { topic, partition } of offsets) this.mustHave(topic, partition);
    for (const { topic, partition, offset } of offsets) this.reader.seek(topic, partition, offset);
  }

  async seekTo(end: "earliest" | "latest", partitions: readonly TopicPartition[]): Promise<void> {
    await this.settled();
    for (const { topic, partition } of partitions) this.mustHave(topic, partition);
    for (const { topic, partition, offset, error } of await this.broker.listOffsets({
      partitions: partitions.map(({ topic, partition }) => ({ topic, partition, timestamp: end })),
    })) {
      if (error) throw error;
      this.reader.seek(topic, partition, offset);
    }
  }

  /** Without offsets: where it has read to. */
  async commit(offsets?: readonly OffsetCommit[]): Promise<void> {
    if (offsets === undefined) return this.commitPositions(this.membership?.member);
    await this.known(offsets);
    await this.broker.offsetCommit(this.config.group, offsets, this.membership?.member);
  }

  async committed(partitions: readonly TopicPartition[]): Promise<OffsetCommit[]> {
    await this.known(partitions);
    return this.broker.offsetFetch(this.config.group, partitions);
  }

  // --- records ---------------------------------------------------------------------------------------------------

  /** The answer's JSON text: records as soon as there are enough, what there is once the time is over. */
  async records(waitMs: number, maxBytes: number): Promise<string> {
    const end = performance.now() + waitMs;
    if (this.subscription === undefined && this.assignment.length === 0)
      throw restErrors.illegalState("Consumer is not subscribed to any topics or assigned any partitions");
    if (this.membership && !(await this.membership.joined(waitMs))) return "[]";
    if (this.config.autoCommit) await this.commitPositions(this.membership?.member);
    const found: Found = { text: "", bytes: 0, full: false };
    for (;;) {
      const left = Math.max(0, end - performance.now());
      await this.add(await this.poll(left), maxBytes, found);
      if (found.full || left === 0 || (found.text !== "" && found.bytes >= this.config.minBytes)) return `[${found.text}]`;
    }
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.last;
    if (this.membership) await this.membership.close();
    else if (this.config.autoCommit) await this.commitPositions(undefined);
  }

  private async poll(waitMs: number): Promise<PolledPartition[]> {
    // A fetch of nothing would end at once; so would one that another's rebalance has left without partitions.
    if (this.assignment.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 100)));
      return [];
    }
    try {
      return await this.reader.poll(Math.min(waitMs, 1000), this.closing.signal);
    } catch (error) {
      if (this.closing.signal.aborted) throw restErrors.consumerNotFound();
      if (!(error instanceof BrokerError) || error.kafka !== "OFFSET_OUT_OF_RANGE") throw error;
      await this.resetOutside();
      return [];
    }
  }

  /** The records of a poll as JSON texts, as many as fit; what does not is read again by the next. */
  private async add(polled: readonly PolledPartition[], maxBytes: number, found: Found): Promise<void> {
    const { cursor, embedded, reader } = this;
    for (const { topic, partition, batches, from } of polled) {
      if (found.full) {
        reader.seek(topic, partition, from);
        continue;
      }
      const head = `{"topic":${JSON.stringify(topic)},"key":`;
      reading: for (const batch of batches) {
        cursor.open(batch);
        while (cursor.next()) {
          const { offset } = cursor;
          if (offset < from) continue;
          const { bytes: b, keyStart, keyEnd, valueStart, valueEnd } = cursor;
          const size = Math.max(0, keyEnd - keyStart) + Math.max(0, valueEnd - valueStart);
          if (found.text !== "" && found.bytes + size > maxBytes) {
            reader.seek(topic, partition, offset);
            found.full = true;
            break reading;
          }
          try {
            const keySchema = embedded.prepare(b, keyStart, keyEnd);
            if (keySchema) await keySchema;
            const valueSchema = embedded.prepare(b, valueStart, valueEnd);
            if (valueSchema) await valueSchema;
            const key = embedded.text(b, keyStart, keyEnd);
            const value = embedded.text(b, valueStart, valueEnd);
            found.text += `${found.text === "" ? "" : ","}${head}${key},"value":${value},"partition":${partition},"offset":${offset}}`;
          } catch (error) {
            // What is before it is answered first; then every read says what is wrong, until the consumer is sent past it.
            reader.seek(topic, partition, offset);
            found.full = true;
            if (found.text === "") throw restErrors.undecodable(topic, partition, offset, (error as Error).message);
            break reading;
          }
          found.bytes += size;
        }
      }
    }
  }

  // --- partitions ------------------------------------------------------------------------------------------------

  private async join(subscription: Subscription, topics: () => Promise<readonly string[]>): Promise<void> {
    await this.unsubscribe();
    this.subscription = subscription;
    this.membership = new GroupMembership({
      broker: this.broker,
      groupId: this.config.group,
      clientId: this.config.name,
      clientHost: "/127.0.0.1",
      topics,
      assigned: (partitions) => this.take(partitions),
      revoked: async () => {
        if (this.config.autoCommit) await this.commitPositions(this.membership?.member);
        this.release();
      },
      failed: (message) => this.logger.warn("a consumer cannot be a member of its group", { group: this.config.group, error: message }),
    });
  }

  /** After the group's balance, for what needs the partitions. */
  private async settled(): Promise<void> {
    if (this.membership) await this.membership.joined(this.config.requestTimeoutMs);
  }

  private async take(partitions: readonly TopicPartition[]): Promise<void> {
    const { group, reset } = this.config;
    const committed = partitions.length ? await this.broker.offsetFetch(group, partitions) : [];
    const start = committed.filter((c) => c.offset < 0);
    for (const c of committed) if (c.offset >= 0) this.reader.seek(c.topic, c.partition, c.offset);
    if (reset !== "none") await this.reset(start, reset);
    this.assignment = partitions;
  }

  private async reset(partitions: readonly TopicPartition[], to: "earliest" | "latest"): Promise<void> {
    if (partitions.length === 0) return;
    const wanted = partitions.map(({ topic, partition }) => ({ topic, partition, timestamp: to }));
    for (const { topic, partition, offset, error } of await this.broker.listOffsets({ partitions: wanted })) {
      if (error) throw error;
      this.reader.seek(topic, partition, offset);
    }
  }

  /** Records were deleted below a position, or a position is beyond the end. */
  private async resetOutside(): Promise<void> {
    const { reset } = this.config;
    const ask = (timestamp: "earliest" | "latest") =>
      this.broker.listOffsets({ partitions: this.assignment.map(({ topic, partition }) => ({ topic, partition, timestamp })) });
    const [starts, ends] = await Promise.all([ask("earliest"), ask("latest")]);
    const outside = this.assignment.filter(({ topic, partition }) => {
      const of = (list: typeof starts) => list.find((o) => o.topic === topic && o.partition === partition)!.offset;
      const at = this.reader.position(topic, partition)!;
      return at < of(starts) || at > of(ends);
    });
    if (reset === "none")
      throw restErrors.illegalState(
        `No offset of ${outside.map((p) => `${p.topic}-${p.partition}`).join(", ")} is in range and auto.offset.reset is none`,
      );
    await this.reset(outside, reset);
  }

  private release(): void {
    for (const { topic, partition } of this.assignment) this.reader.remove(topic, partition);
    this.assignment = [];
  }

  private async commitPositions(member: GroupMember | undefined): Promise<void> {
    const offsets = this.assignment.flatMap(({ topic, partition }) => {
      const offset = this.reader.position(topic, partition);
      return offset === undefined ? [] : [{ topic, partition, offset }];
    });
    if (offsets.length) await this.broker.offsetCommit(this.config.group, offsets, member);
  }

  private async known(partitions: readonly TopicPartition[]): Promise<void> {
    const found = new Map(
      (await this.broker.describeTopics([...new Set(partitions.map((p) => p.topic))])).map((t) => [t.name, t.partitions]),
    );
    for (const { topic, partition } of partitions) if (!(partition < (found.get(topic) ?? 0))) throw restErrors.partitionNotFound();
  }

  private mustHave(topic: string, partition: number): void {
    if (!this.assignment.some((p) => p.topic === topic && p.partition === partition))
      throw restErrors.illegalState(`No current assignment for partition ${topic}-${partition}`);
  }

  private mayNot(what: string, refused: boolean): void {
    if (refused)
      throw restErrors.illegalState(`Subscription to topics, partitions and pattern are mutually exclusive: partitions are ${what}`);
  }
}
