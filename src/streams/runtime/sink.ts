import { partitionFor } from "../../broker/api/partitioner.js";
import { MillraceError } from "../../common/errors.js";
import type { RecordHeader } from "../../data/headers.js";
import type { Row } from "../../serde/row-serde.js";
import type { Processor } from "../processor/processor.js";
import type { ChangelogTarget } from "../state/keyed-store.js";
import { NULL_KEY, TOO_SHORT } from "../topology/record-format.js";
import type { SinkSpec } from "../topology/topology.js";
import type { OutputRow } from "./query.js";
import { sourceTimeHeader } from "./source-time.js";
import type { TaskContext } from "./stream-task.js";

/** Flags of a repartitioned table change, the first byte of its value: the row and the old row follow, the row behind its length. */
export const HAS_ROW = 1;
export const HAS_OLD = 2;

/** Encodes rows straight into the open batch of their partition. */
export class SinkProcessor implements Processor {
  private key = Buffer.allocUnsafeSlow(256);
  private readonly reserved: RecordHeader = sourceTimeHeader(0);
  private readonly reservedOnly: readonly RecordHeader[] = [this.reserved];
  /** Rows of this transaction, kept only while somebody subscribes. */
  outputs: OutputRow[] | undefined;
  recordsOut = 0;
  /** µs, of the last record with one; -1 since it was last looked at */
  lastSourceTime = -1;

  constructor(
    readonly spec: SinkSpec,
    private readonly topic: string,
    private readonly context: TaskContext,
    /** one a partition of the topic */
    private readonly targets: readonly ChangelogTarget[],
  ) {}

  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const { spec, context } = this;
    const { format } = spec;
    if (spec.subscribersOnly) {
      this.collect(key, row, timestamp);
      return;
    }
    let builder: ReturnType<ChangelogTarget["open"]> | undefined;
    try {
      const time = spec.timestampOf && row !== null ? spec.timestampOf(row) : timestamp;
      if (!(time >= 0)) throw new MillraceError("DATA_INVALID", `the record's timestamp would be ${time}`);
      let keyEnd = format.keyInto(this.topic, key, this.key, 0);
      while (keyEnd === TOO_SHORT) {
        this.key = Buffer.allocUnsafeSlow(this.key.length * 2);
        keyEnd = format.keyInto(this.topic, key, this.key, 0);
      }
      const { targets } = this;
      const partition =
        targets.length === 1
          ? 0
          : spec.partitionOf !== undefined && row !== null
            ? spec.partitionOf(row)
            : partitionFor(keyEnd === NULL_KEY ? null : this.key.subarray(0, keyEnd), targets.length, context.partition);
      builder = targets[partition]!.open();
      builder.beginRecord(time);
      if (keyEnd === NULL_KEY) builder.nullKey();
      else {
        builder.beginKey();
        builder.ensure(keyEnd);
        const { buffer, position } = builder;
        for (let i = 0; i < keyEnd; i++) buffer[position + i] = this.key[i]!;
        builder.position += keyEnd;
        builder.endKey();
      }
      if (spec.changes) {
        builder.beginValue();
        this.writeChange(row, old, builder);
        builder.endValue();
      } else if (row === null || format.isNullValue?.(row)) builder.nullValue();
      else {
        builder.beginValue();
        this.writeRow(row, builder);
        builder.endValue();
      }
      builder.endRecord(this.headers());
    } catch (error) {
      // A record half written would make the whole batch unreadable.
      builder?.rollback();
      context.reportBad(spec.name, error);
      return;
    }
    this.collect(key, row, timestamp);
  }

  private collect(key: Row, row: Row | null, timestamp: number): void {
    this.recordsOut++;
    if (this.outputs === undefined) return;
    const { schema, window } = this.spec.format;
    const columns = schema.key.length + schema.value.length;
    const windowStart = window ? (key[columns + 3] as number | null) : null;
    const windowEnd = window ? (key[columns + 4] as number | null) : null;
    this.outputs.push({ key, row, timestamp, windowStart, windowEnd });
  }

  private writeRow(row: Row, builder: ReturnType<ChangelogTarget["open"]>): void {
    const { format } = this.spec;
    for (let more = 256; ; more *= 2) {
      const end = format.valueInto(this.topic, row, builder.buffer, builder.position);
      if (end !== TOO_SHORT) {
        builder.position = end;
        return;
      }
      builder.ensure(more);
    }
  }

  private writeChange(row: Row | null, old: Row | null, builder: ReturnType<ChangelogTarget["open"]>): void {
    builder.ensure(5);
    const start = builder.position;
    builder.position += 5;
    if (row !== null) this.writeRow(row, builder);
    builder.buffer[start] = (row === null ? 0 : HAS_ROW) | (old === null ? 0 : HAS_OLD);
    builder.buffer.writeUInt32BE(builder.position - start - 5, start + 1);
    if (old !== null) this.writeRow(old, builder);
  }

  private headers(): readonly RecordHeader[] | undefined {
    const { sourceTime, record } = this.context;
    if (sourceTime < 0) return record.headers.length ? record.headers : undefined;
    this.lastSourceTime = sourceTime;
    const bytes = this.reserved.value as Buffer;
    bytes.writeUInt32BE(Math.floor(sourceTime / 0x1_0000_0000), 0);
    bytes.writeUInt32BE(sourceTime % 0x1_0000_0000, 4);
    return record.headers.length ? [...record.headers, this.reserved] : this.reservedOnly;
  }
}
