import type { Broker } from "../../broker/api/broker.js";
import { CompactedTopic, type StoredRecord } from "../../broker/api/compacted-topic.js";
import type { SourceOffset, SourcePartition } from "../api/record.js";
import { json } from "./config-store.js";

export interface PartitionOffset {
  readonly partition: SourcePartition;
  readonly offset: SourceOffset | null;
}

/**
 * Source offsets on `connect-offsets`, in Kafka Connect's own records: key `["NAME",{partition}]`, value the offset, null
 * where it was reset. Tasks write them in the transaction of the records that they belong to and tell `committed` afterwards.
 */
export class OffsetStore {
  /** by connector, then by the partition's canonical text */
  private readonly offsets = new Map<string, Map<string, PartitionOffset>>();
  private table!: CompactedTopic;

  private constructor(
    private readonly broker: Broker,
    private readonly name: string,
  ) {}

  static async open(broker: Broker, topic: string): Promise<OffsetStore> {
    const store = new OffsetStore(broker, topic);
    await store.reload();
    return store;
  }

  /** Reads the topic anew: after a commit whose outcome is not known. */
  async reload(): Promise<void> {
    this.table = await CompactedTopic.open({ broker: this.broker, topic: this.name, onRecord: (r) => this.apply(r) });
  }

  get topic(): string {
    return this.table.topic;
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
    return { partition: this.table.partitionOf(key), key, value: offset === null ? null : json(offset) };
  }

  /** What a committed transaction has written. */
  committed(connector: string, offsets: readonly PartitionOffset[]): void {
    for (const o of offsets) this.set(connector, o);
  }

  /** Durably, outside a task's transactions: for a stopped connector. */
  async write(connector: string, offsets: readonly PartitionOffset[]): Promise<void> {
    await this.table.append(offsets.map((o) => this.record(connector, o)));
  }

  async reset(connector: string): Promise<void> {
    await this.write(
      connector,
      this.of(connector).map(({ partition }) => ({ partition, offset: null })),
    );
  }

  private apply(record: StoredRecord): void {
    if (!record.key) return;
    const key = JSON.parse(record.key.toString()) as unknown;
    if (!Array.isArray(key) || typeof key[0] !== "string") return;
    const offset = record.value === null ? null : (JSON.parse(record.value.toString()) as SourceOffset | null);
    this.set(key[0], { partition: key[1] as SourcePartition, offset });
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
