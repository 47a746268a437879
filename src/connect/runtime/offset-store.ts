import type { Broker, FetchResult, Isolation } from "../../broker/api/broker.js";
import { ensureTopic } from "../../broker/api/compacted-topic.js";
import { partitionFor } from "../../broker/api/partitioner.js";
import { dataBatches } from "../../broker/api/reader.js";
import { readEndTransactionMarker } from "../../protocol/control-record.js";
import { isControl, isTransactional, lastOffset, producerId } from "../../protocol/record-batch.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { SourceOffset, SourcePartition } from "../api/record.js";
import { json } from "./config-store.js";

export interface PartitionOffset {
  readonly partition: SourcePartition;
  readonly offset: SourceOffset | null;
}

/** Records of transactions that have not ended yet, by producer. */
type OpenTransactions = Map<number, { key: string; value: string | null }[]>;

/**
 * Source offsets on `connect-offsets`, in Kafka Connect's own records: key `["NAME",{partition}]`, value the offset, null
 * where it was reset. Tasks write them in the transaction of the records that they belong to and tell `committed` afterwards.
 */
export class OffsetStore {
  /** by connector, then by the partition's canonical text */
  private readonly offsets = new Map<string, Map<string, PartitionOffset>>();
  /** where `catchUp` goes on, by partition */
  private readonly positions: number[];
  private catchingUp: Promise<void> = Promise.resolve();

  private constructor(
    private readonly broker: Broker,
    readonly topic: string,
    partitions: number,
  ) {
    this.positions = new Array<number>(partitions).fill(0);
  }

  static async open(broker: Broker, topic: string): Promise<OffsetStore> {
    const store = new OffsetStore(broker, topic, await ensureTopic(broker, topic, 1, { "cleanup.policy": "compact" }));
    await store.catchUp();
    return store;
  }

  /**
   * Reads what was written since the last time. A task calls it after it has taken over its transactional id: from then on no
   * earlier run of it can commit. It reads past the last stable offset, because an open transaction of another connector must
   * not hide what this one has committed behind it.
   */
  catchUp(): Promise<void> {
    this.catchingUp = this.catchingUp.then(() => this.readOn());
    const mine = this.catchingUp;
    this.catchingUp = mine.catch(() => undefined);
    return mine;
  }

  private async readOn(): Promise<void> {
    const { topic, broker } = this;
    const ask = (timestamp: "earliest" | "latest", isolation: Isolation) =>
      broker.listOffsets({ partitions: this.positions.map((_, partition) => ({ topic, partition, timestamp })), isolation });
    const [starts, stable, ends] = await Promise.all([
      ask("earliest", "read_committed"),
      ask("latest", "read_committed"),
      ask("latest", "read_uncommitted"),
    ]);
    for (const [partition, from] of this.positions.entries()) {
      for (const answer of [starts, stable, ends]) if (answer[partition]!.error) throw answer[partition]!.error;
      const start = Math.max(from, starts[partition]!.offset);
      // Below the last stable offset the broker says what was aborted, whatever compaction has made of the markers.
      this.positions[partition] = await this.read(partition, start, stable[partition]!.offset, "read_committed", (result, at) => {
        const { batches, next } = dataBatches(result, at, true);
        for (const batch of batches) this.scan(batch, at, undefined);
        return next;
      });
      const open: OpenTransactions = new Map();
      await this.read(partition, this.positions[partition]!, ends[partition]!.offset, "read_uncommitted", (result, at) =>
        this.scan(result.batches, at, open),
      );
    }
  }

  private async read(
    partition: number,
    from: number,
    end: number,
    isolation: Isolation,
    take: (result: FetchResult, at: number) => number,
  ): Promise<number> {
    const { topic, broker } = this;
    let offset = from;
    while (offset < end) {
      const [result] = await broker.fetch({ partitions: [{ topic, partition, offset }], maxWaitMs: 500, isolation });
      if (result?.error) throw result.error;
      const next = result ? take(result, offset) : offset;
      if (next === offset) break;
      offset = next;
    }
    return offset;
  }

  /** Applies what is committed and keeps what is open (nothing where `open` is not given); returns the offset after it all. */
  private scan(bytes: Buffer, from: number, open: OpenTransactions | undefined): number {
    const cursor = new RecordCursor();
    let next = from;
    for (let at = 0; at < bytes.length; ) {
      const end = cursor.open(bytes, at);
      if (end < 0) break;
      const producer = producerId(bytes, at);
      if (isControl(bytes, at)) {
        if (readEndTransactionMarker(bytes, at)?.type === "COMMIT") for (const r of open?.get(producer) ?? []) this.apply(r.key, r.value);
        open?.delete(producer);
      } else {
        const waits = open !== undefined && isTransactional(bytes, at);
        while (cursor.next()) {
          if (cursor.offset < from) continue;
          const key = cursor.keyStart < 0 ? "" : cursor.bytes.toString("utf8", cursor.keyStart, cursor.keyEnd);
          const value = cursor.valueStart < 0 ? null : cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd);
          if (!waits) this.apply(key, value);
          else if (open.has(producer)) open.get(producer)!.push({ key, value });
          else open.set(producer, [{ key, value }]);
        }
      }
      next = Math.max(next, lastOffset(bytes, at) + 1);
      at = end;
    }
    return next;
  }

  of(connector: string): PartitionOffset[] {
    return [...(this.offsets.get(connector)?.values() ?? [])];
  }

  get(connector: string, partition: SourcePartition): SourceOffset | undefined {
    return this.offsets.get(connector)?.get(canonical(partition))?.offset ?? undefined;
  }

  /** The record that a transaction carries. */
  record(connector: string, { partition, offset }: PartitionOffset): { partition: number; key: Buffer; value: Buffer | null } {
    const key = json([connector, partition]);
    return { partition: partitionFor(key, this.positions.length), key, value: offset === null ? null : json(offset) };
  }

  /** What a committed transaction has written. */
  committed(connector: string, offsets: readonly PartitionOffset[]): void {
    for (const o of offsets) this.set(connector, o);
  }

  /** Durably, outside a task's transactions: for a stopped connector. */
  async write(connector: string, offsets: readonly PartitionOffset[]): Promise<void> {
    const now = Date.now();
    const builders = new Map<number, RecordBatchBuilder>();
    for (const o of offsets) {
      const { partition, key, value } = this.record(connector, o);
      let builder = builders.get(partition);
      if (!builder) builders.set(partition, (builder = new RecordBatchBuilder(4096)));
      builder.append(now, key, value);
    }
    const batches = [...builders].map(([partition, builder]) => ({ topic: this.topic, partition, batch: builder.finish() }));
    if (batches.length === 0) return;
    for (const { error } of await this.broker.produce({ acks: "all", batches })) if (error) throw error;
    this.committed(connector, offsets);
  }

  async reset(connector: string): Promise<void> {
    await this.write(
      connector,
      this.of(connector).map(({ partition }) => ({ partition, offset: null })),
    );
  }

  private apply(key: string, value: string | null): void {
    const parsed = key === "" ? undefined : (JSON.parse(key) as unknown);
    if (!Array.isArray(parsed) || typeof parsed[0] !== "string") return;
    const offset = value === null ? null : (JSON.parse(value) as SourceOffset | null);
    this.set(parsed[0], { partition: parsed[1] as SourcePartition, offset });
  }

  private set(connector: string, o: PartitionOffset): void {
    let ofConnector = this.offsets.get(connector);
    if (!ofConnector) this.offsets.set(connector, (ofConnector = new Map()));
    const key = canonical(o.partition);
    if (o.offset === null) ofConnector.delete(key);
    else ofConnector.set(key, o);
  }
}

/** The same text whatever order an object's keys are in. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(",")}}`;
}
