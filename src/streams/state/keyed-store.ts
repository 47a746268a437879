import type { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import type { Row } from "../../serde/row-serde.js";
import { PSEUDO_COLUMNS, rowMaker } from "../topology/record-format.js";
import { ByteTable, hashBytes } from "./byte-table.js";
import { ByteReader, ByteWriter } from "./bytes.js";
import { createRowCodec, type RowCodec } from "./row-codec.js";
import type { KeyValueStore, StoredRow, StoreSchema } from "./store.js";
import { StoreCut } from "./store-cut.js";

/** ms of stream time between two rounds that drop what has expired, where there is no window to go by */
const EXPIRY_STEP = 10_000;

/** Where a task's changelog records go: the open batch of its partition. */
export interface ChangelogTarget {
  open(): RecordBatchBuilder;
}

/**
 * Committed rows as bytes in a ByteTable; what was written since the last commit as rows in an overlay. The table changes
 * only in `applyCommit`, after the broker's transaction has committed: a read of the table, a snapshot of it and a pull query never see
 * anything else, and `discard` is all that an abort needs.
 *
 * Value bytes: the row codec's; in a changelog record behind 8 bytes of source time (the timestamp is the record's).
 */
export class KeyedStore implements KeyValueStore {
  readonly table = new ByteTable();
  timestamp = -1;
  sourceTime = -1;
  /** ms, the largest timestamp that was ever written, -1 before the first */
  maxTimestamp = -1;
  private readonly keyColumns: number;
  private readonly width: number;
  private readonly emptyRow: () => Row;
  private readonly keyCodec: RowCodec;
  private readonly valueCodec: RowCodec;
  private readonly keyBytes = new ByteWriter(64);
  private readonly pending = new ByteWriter(64 * 1024);
  private readonly reader = new ByteReader();
  private hash = 0;
  /** the entry of the last `get`, -1 where there is none */
  private cursor = -1;
  private readonly rowtime: number;

  // The overlay: one place in each list for every key written since the last commit.
  private readonly positions: number[] = [];
  private readonly rows: (Row | null)[] = [];
  private readonly timestamps: number[] = [];
  private readonly sourceTimes: number[] = [];
  private readonly ends: number[] = [];
  private sweepAt = -1;
  private sweptBefore = 0;
  private applied = 0;
  private appliedTo = 0;
  /** How many of the overlay's changes `forEachDirty` has handed on. */
  private emitted = 0;
  /** Bytes written to the table since it was created, for the snapshots' schedule. */
  bytesApplied = 0;

  constructor(
    readonly name: string,
    readonly schema: StoreSchema,
    /** ms; the last key column is then a window's start, and rows show their window in the pseudo columns */
    private readonly windowSize?: number,
  ) {
    this.keyColumns = schema.key.length;
    this.rowtime = this.keyColumns + schema.value.length;
    this.width = this.rowtime + PSEUDO_COLUMNS;
    this.emptyRow = rowMaker(this.width);
    this.keyCodec = createRowCodec(schema.key, 0);
    this.valueCodec = createRowCodec(schema.value, this.keyColumns);
  }

  /** Keys with uncommitted writes. */
  get dirty(): number {
    return this.positions.length;
  }

  get(key: Row): Row | null {
    this.locate(key);
    const at = this.cursor;
    if (at >= 0) {
      const mark = this.table.mark(at);
      if (mark > 0) {
        this.timestamp = this.timestamps[mark - 1]!;
        this.sourceTime = this.sourceTimes[mark - 1]!;
        return this.rows[mark - 1]!;
      }
      if (this.table.valueLength(at) >= 0) return this.decode(key, at);
    }
    this.timestamp = -1;
    this.sourceTime = -1;
    return null;
  }

  putCurrent(row: Row | null, timestamp: number, sourceTime: number): void {
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
    let at = this.cursor;
    if (at < 0) {
      if (row === null) return;
      at = this.cursor = this.table.insert(this.keyBytes.bytes, 0, this.keyBytes.position, this.hash);
    }
    const mark = this.table.mark(at);
    if (mark > 0) {
      this.rows[mark - 1] = row;
      this.timestamps[mark - 1] = timestamp;
      this.sourceTimes[mark - 1] = sourceTime;
    } else {
      this.positions.push(at);
      this.rows.push(row);
      this.timestamps.push(timestamp);
      this.sourceTimes.push(sourceTime);
      this.table.setMark(at, this.positions.length);
    }
  }

  /** Where the key of the last `get` stands, -1 where it does not; the same until the commit. For `putAt`. */
  get position(): number {
    return this.cursor;
  }

  /** As `putCurrent`, of the key that stands at the position. */
  putAt(position: number, row: Row | null, timestamp: number, sourceTime: number): void {
    this.cursor = position;
    this.putCurrent(row, timestamp, sourceTime);
  }

  put(key: Row, row: Row | null, timestamp: number, sourceTime: number): void {
    this.locate(key);
    this.putCurrent(row, timestamp, sourceTime);
  }

  /** As `get`, but of keys whose change is held back until the commit the row that was handed on last. */
  getEmitted(key: Row): Row | null {
    this.locate(key);
    const at = this.cursor;
    if (at >= 0) {
      const mark = this.table.mark(at);
      if (mark > 0 && mark <= this.emitted) {
        this.timestamp = this.timestamps[mark - 1]!;
        this.sourceTime = this.sourceTimes[mark - 1]!;
        return this.rows[mark - 1]!;
      }
      if (this.table.valueLength(at) >= 0) return this.decode(key, at);
    }
    this.timestamp = -1;
    this.sourceTime = -1;
    return null;
  }

  /**
   * The next `limit` keys with uncommitted writes that were not handed on yet: the new row and the committed one. False while more
   * are left.
   */
  forEachDirty(
    visit: (key: Row, row: Row | null, old: Row | null, timestamp: number, sourceTime: number) => void,
    needOld: boolean,
    limit: number,
  ): boolean {
    const end = Math.min(this.positions.length, this.emitted + limit);
    for (let i = this.emitted; i < end; i++) {
      const at = this.positions[i]!;
      const row = this.rows[i]!;
      const key = row ?? this.decodeKey(at);
      const old = needOld && this.table.valueLength(at) >= 0 ? this.decode(key, at) : null;
      this.emitted = i + 1;
      visit(key, row, old, this.timestamps[i]!, this.sourceTimes[i]!);
    }
    return this.emitted === this.positions.length;
  }

  /** Ahead of the commit: the next `limit` uncommitted writes as changelog records. False while more are left. */
  writeChangelog(target: ChangelogTarget, limit = Number.POSITIVE_INFINITY): boolean {
    const stop = Math.min(this.positions.length, this.ends.length + limit);
    for (let i = this.ends.length; i < stop; i++) {
      const at = this.positions[i]!;
      const start = this.pending.position;
      const end = this.encode(i);
      // Written and deleted within one commit: nothing that a restore would have to know.
      if (end < 0 && this.table.valueLength(at) < 0) continue;
      const builder = target.open();
      builder.beginRecord(this.timestamps[i]!);
      builder.beginKey();
      const keyLength = this.table.keyLength(at);
      builder.ensure(keyLength);
      copy(this.table.chunkOf(at).bytes, this.table.keyStart(at), keyLength, builder.buffer, builder.position);
      builder.position += keyLength;
      builder.endKey();
      if (end < 0) builder.nullValue();
      else {
        builder.beginValue();
        builder.ensure(8 + end - start);
        builder.buffer.writeDoubleBE(this.sourceTimes[i]!, builder.position);
        copy(this.pending.bytes, start, end - start, builder.buffer, builder.position + 8);
        builder.position += 8 + end - start;
        builder.endValue();
      }
      builder.endRecord();
    }
    return this.ends.length === this.positions.length;
  }

  /** After the commit: the next `limit` uncommitted writes become the table's. False while more are left. */
  applyCommit(limit = Number.POSITIVE_INFINITY): boolean {
    const { table } = this;
    const stop = Math.min(this.positions.length, this.applied + limit);
    for (let i = this.applied; i < stop; i++) {
      const end = this.ends[i] ?? this.encode(i);
      if (this.cuts.size > 0) for (const cut of this.cuts) cut.changing(this.positions[i]!);
      const at = table.set(
        this.positions[i]!,
        this.pending.bytes,
        end < 0 ? -1 : this.appliedTo,
        end,
        this.timestamps[i]!,
        this.sourceTimes[i]!,
      );
      table.setMark(at, 0);
      if (end >= 0) this.appliedTo = end;
    }
    this.applied = stop;
    if (stop < this.positions.length) return false;
    this.bytesApplied += this.pending.position + this.positions.length * 16;
    this.clearOverlay();
    return true;
  }

  /** Forgets the uncommitted writes. */
  discard(): void {
    for (const at of this.positions) this.table.setMark(at, 0);
    this.clearOverlay();
  }

  /** Restore: one changelog record. */
  restore(bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number, timestamp: number): void {
    if (valueStart < 0) this.restoreBytes(bytes, keyStart, keyEnd, -1, -1, timestamp, -1);
    else this.restoreBytes(bytes, keyStart, keyEnd, valueStart + 8, valueEnd, timestamp, bytes.readDoubleBE(valueStart));
  }

  restoreBytes(bytes: Buffer, keyStart: number, keyEnd: number, start: number, end: number, timestamp: number, sourceTime: number): void {
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
    const hash = hashBytes(bytes, keyStart, keyEnd);
    let at = this.table.find(bytes, keyStart, keyEnd, hash);
    if (at < 0) {
      if (start < 0) return;
      at = this.table.insert(bytes, keyStart, keyEnd, hash);
    }
    this.table.set(at, bytes, start, end, timestamp, sourceTime);
  }

  /** The committed row. */
  committed(key: Row): StoredRow | undefined {
    this.locate(key);
    const at = this.cursor;
    if (at < 0 || this.table.valueLength(at) < 0) return undefined;
    return { row: this.decode(key, at), timestamp: this.timestamp };
  }

  /** All committed rows, in no order. */
  *scan(): IterableIterator<StoredRow> {
    this.scans++;
    try {
      for (let chunk = 0; chunk < this.table.chunks.length; chunk++) {
        for (let at = this.table.firstEntry(chunk); at >= 0; at = this.table.nextEntry(at)) {
          if (this.table.valueLength(at) < 0 || this.table.keyLength(at) < 0) continue;
          const row = this.decode(this.decodeKey(at), at);
          yield { row, timestamp: this.timestamp };
        }
      }
    } finally {
      this.scans--;
    }
  }

  /** The committed rows of this moment, to be read while the store goes on. To be closed, or read to its end. */
  cut(): StoreCut {
    const { table } = this;
    const store = this;
    this.scans++;
    const cut = new StoreCut({
      keyText: (at) => table.chunkOf(at).bytes.toString("latin1", table.keyStart(at), table.keyStart(at) + table.keyLength(at)),
      rowAt: (at) => {
        if (table.valueLength(at) < 0) return undefined;
        const row = this.decode(this.decodeKey(at), at);
        return { row, timestamp: this.timestamp };
      },
      *entries() {
        for (let chunk = 0; chunk < table.chunks.length; chunk++)
          for (let at = table.firstEntry(chunk); at >= 0; at = table.nextEntry(at)) if (table.keyLength(at) >= 0) yield at;
      },
      closed(cut) {
        if (store.cuts.delete(cut)) store.scans--;
      },
    });
    this.cuts.add(cut);
    return cut;
  }
  private readonly cuts = new Set<StoreCut>();

  /** All rows as they are now, uncommitted ones too, in no order. Rows that are written meanwhile may be among them. */
  *current(): IterableIterator<Row> {
    this.scans++;
    try {
      const { table } = this;
      for (let chunk = 0; chunk < table.chunks.length; chunk++) {
        for (let at = table.firstEntry(chunk); at >= 0; at = table.nextEntry(at)) {
          if (table.keyLength(at) < 0) continue;
          const mark = table.mark(at);
          if (mark > 0) {
            const row = this.rows[mark - 1]!;
            if (row !== null) yield row;
          } else if (table.valueLength(at) >= 0) yield this.decode(this.decodeKey(at), at);
        }
      }
    } finally {
      this.scans--;
    }
  }

  /** Keys of the rows, uncommitted ones too, whose last change was at `time` or before: the oldest first, of one time by their bytes. */
  idleSince(time: number): Row[] {
    const { table } = this;
    const found: { readonly at: number; readonly time: number }[] = [];
    for (let chunk = 0; chunk < table.chunks.length; chunk++) {
      for (let at = table.firstEntry(chunk); at >= 0; at = table.nextEntry(at)) {
        if (table.keyLength(at) < 0) continue;
        const mark = table.mark(at);
        if (mark > 0 ? this.rows[mark - 1] === null : table.valueLength(at) < 0) continue;
        const changed = mark > 0 ? this.timestamps[mark - 1]! : table.timestamp(at);
        if (changed <= time) found.push({ at, time: changed });
      }
    }
    const bytes = (at: number) => table.chunkOf(at).bytes.subarray(table.keyStart(at), table.keyStart(at) + table.keyLength(at));
    return found.sort((a, b) => a.time - b.time || Buffer.compare(bytes(a.at), bytes(b.at))).map(({ at }) => this.decodeKey(at));
  }

  /** Walks in progress (scans, snapshots) that compaction would make miss entries. */
  scans = 0;

  /**
   * Between commits: gives back memory, a bounded step.
   * @param streamTime windows that began, and buffers whose last record came, more than `retention` before it are dropped; the changelog drops them by its own retention
   */
  tidy(streamTime: number, retention: number | undefined): void {
    if (this.scans > 0 || this.positions.length > 0) return;
    // By its own records' time where that is behind: what still waits to be handed on goes by it.
    if (retention !== undefined) this.expire(Math.min(streamTime, this.maxTimestamp) - retention);
    this.table.compactOne();
  }

  /** One chunk a call; a round begins when another window's worth of time has expired. */
  private expire(before: number): void {
    if (this.sweepAt < 0) {
      if (before - this.sweptBefore < (this.windowSize ?? EXPIRY_STEP)) return;
      this.sweptBefore = before;
      this.sweepAt = 0;
    }
    const { table, keyColumns } = this;
    for (let at = table.firstEntry(this.sweepAt); at >= 0; at = table.nextEntry(at)) {
      if (table.keyLength(at) < 0 || table.valueLength(at) < 0) continue;
      const time = this.windowSize === undefined ? table.timestamp(at) : (this.decodeKey(at)[keyColumns - 1] as number);
      if (time < this.sweptBefore) table.set(at, this.keyBytes.bytes, -1, -1, -1, -1);
    }
    if (++this.sweepAt >= table.chunks.length) this.sweepAt = -1;
  }

  private locate(key: Row): void {
    const { keyBytes } = this;
    keyBytes.position = 0;
    this.keyCodec.write(key, keyBytes);
    this.hash = hashBytes(keyBytes.bytes, 0, keyBytes.position);
    this.cursor = this.table.find(keyBytes.bytes, 0, keyBytes.position, this.hash);
  }

  private decode(key: Row, at: number): Row {
    const { table, reader } = this;
    const row = this.emptyRow();
    for (let i = 0; i < this.keyColumns; i++) row[i] = key[i];
    reader.open(table.chunkOf(at).bytes, table.keyStart(at) + table.keyLength(at));
    this.valueCodec.read(reader, row);
    this.timestamp = table.timestamp(at);
    this.sourceTime = table.sourceTime(at);
    row[this.rowtime] = this.timestamp;
    if (this.windowSize !== undefined) {
      const start = row[this.keyColumns - 1] as number;
      row[this.width - 2] = start;
      row[this.width - 1] = start + this.windowSize;
    }
    return row;
  }

  private decodeKey(at: number): Row {
    const key: Row = new Array(this.keyColumns);
    this.reader.open(this.table.chunkOf(at).bytes, this.table.keyStart(at));
    this.keyCodec.read(this.reader, key);
    return key;
  }

  /** Encodes the row of one change behind those before it; its end in `pending`, -1 for a delete. */
  private encode(index: number): number {
    const row = this.rows[index]!;
    if (row !== null) this.valueCodec.write(row, this.pending);
    const end = row === null ? -1 : this.pending.position;
    this.ends.push(end);
    return end;
  }

  private clearOverlay(): void {
    this.positions.length = 0;
    this.rows.length = 0;
    this.timestamps.length = 0;
    this.sourceTimes.length = 0;
    this.ends.length = 0;
    this.pending.position = 0;
    this.applied = 0;
    this.appliedTo = 0;
    this.emitted = 0;
    this.cursor = -1;
  }
}

function copy(from: Buffer, start: number, length: number, to: Buffer, at: number): void {
  if (length > 64) from.copy(to, at, start, start + length);
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
}
