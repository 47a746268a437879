import type { Schema } from "../../data/schema.js";
import type { PackedColumn } from "../api/packed-column.js";
import type { SinkRecord } from "../api/record.js";
import type { SinkRows } from "../api/sink.js";

type Parts = Omit<SinkRows, "keys" | "values"> & {
  readonly packedKeys: readonly PackedColumn[];
  readonly packedValues: readonly PackedColumn[];
};

/** Rows whose values are made for those who ask for them. */
export class PackedRows implements SinkRows {
  readonly topic: string;
  readonly originalTopic?: string;
  readonly partition: number;
  readonly keySchema: Schema | null;
  readonly valueSchema: Schema | null;
  readonly count: number;
  readonly packedKeys: readonly PackedColumn[];
  readonly packedValues: readonly PackedColumn[];
  readonly tombstone: Uint8Array;
  readonly offsets: Float64Array;
  readonly timestamps: Float64Array;
  readonly sourceTimes: Float64Array;
  readonly bytes: number;
  readonly record: (row: number) => SinkRecord;
  private madeKeys: unknown[][] | undefined;
  private madeValues: unknown[][] | undefined;

  constructor(parts: Parts) {
    this.topic = parts.topic;
    if (parts.originalTopic !== undefined) this.originalTopic = parts.originalTopic;
    this.partition = parts.partition;
    this.keySchema = parts.keySchema;
    this.valueSchema = parts.valueSchema;
    this.count = parts.count;
    this.packedKeys = parts.packedKeys;
    this.packedValues = parts.packedValues;
    this.tombstone = parts.tombstone;
    this.offsets = parts.offsets;
    this.timestamps = parts.timestamps;
    this.sourceTimes = parts.sourceTimes;
    this.bytes = parts.bytes ?? 0;
    this.record = parts.record;
  }

  get keys(): unknown[][] {
    this.madeKeys ??= this.packedKeys.map((c) => Array.from({ length: this.count }, (_, r) => c.at(r)));
    return this.madeKeys;
  }
  get values(): unknown[][] {
    const { tombstone } = this;
    this.madeValues ??= this.packedValues.map((c) =>
      Array.from({ length: this.count }, (_, r) => (tombstone[r] === 1 ? undefined : c.at(r))),
    );
    return this.madeValues;
  }
}
