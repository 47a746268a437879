import type { PolledPartition } from "../../broker/api/reader.js";
import { nextTurn, sliceEnd } from "../../common/turn.js";
import { SOURCE_TIME_HEADER } from "../../data/headers.js";
import type { ErrorStage } from "../../errors/entry.js";
import { recordCount } from "../../protocol/record-batch.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { ColumnReader, Converter } from "../api/converter.js";
import type { PackedColumn } from "../api/packed-column.js";
import type { ConnectHeader, SinkRecord } from "../api/record.js";
import { type BadRecord, type Doing, isRetriable } from "./error-policy.js";
import { PackedRows } from "./packed-rows.js";
import type { Converters } from "./row-encoder.js";
import { readSourceTime } from "./source-headers.js";

export type Refuse = (stage: ErrorStage, error: unknown, record: BadRecord, doing: Doing) => Promise<void>;
/** The class names of the converters, as the config gives them. */
export type ConverterNames = Readonly<Record<keyof Converters, string>>;

export interface DecodedRows {
  readonly rows: PackedRows;
  /** Whether a row has headers, the reserved ones aside. */
  readonly hasHeaders: boolean;
}

const maxRows = 8192;

/** Turns a topic's bytes into what a sink takes: records, or rows by column. Bad records go to `refuse`, and the rest goes on. */
export class SinkDecoder {
  private readonly keyReaders = new Map<string, ColumnReader[]>();
  private readonly valueReaders = new Map<string, ColumnReader[]>();

  constructor(
    private readonly converters: Converters,
    private readonly refuse: Refuse,
    private readonly names: ConverterNames = { key: "", value: "", header: "" },
  ) {}

  async records(polled: PolledPartition): Promise<SinkRecord[]> {
    const { topic } = polled;
    await this.prepare(this.converters.key, polled, (c) => [c.keyStart, c.keyEnd]);
    await this.prepare(this.converters.value, polled, (c) => [c.valueStart, c.valueEnd]);
    const out: SinkRecord[] = [];
    const cursor = new RecordCursor();
    let until = sliceEnd();
    for (const batch of polled.batches) {
      cursor.open(batch);
      while (cursor.next()) {
        if (cursor.offset < polled.from) continue;
        try {
          out.push(this.record(topic, polled.partition, cursor));
        } catch (error) {
          if (isRetriable(error)) throw error;
          await this.refuse("deserialize", error, raw(topic, polled.partition, cursor), this.doing(topic, cursor));
        }
        if (performance.now() >= until) {
          await nextTurn();
          until = sliceEnd();
        }
      }
    }
    return out;
  }

  /** One record, decoded in general. After `prepareRead`. */
  record(topic: string, partition: number, cursor: RecordCursor): SinkRecord {
    const { bytes } = cursor;
    const all = cursor.headerCount === 0 ? [] : cursor.headers();
    const headers: ConnectHeader[] = [];
    for (const h of all)
      if (h.key !== SOURCE_TIME_HEADER) headers.push({ key: h.key, ...this.converters.header.toConnect(topic, h.value) });
    const key = this.converters.key.toConnect(topic, slice(bytes, cursor.keyStart, cursor.keyEnd), all);
    const value = this.converters.value.toConnect(topic, slice(bytes, cursor.valueStart, cursor.valueEnd), all);
    const time = cursor.headerCount === 0 ? Number.NaN : readSourceTime(bytes, cursor.headersStart, cursor.headerCount);
    return {
      topic,
      partition,
      offset: cursor.offset,
      timestamp: cursor.timestamp,
      keySchema: key.schema,
      key: key.value,
      valueSchema: value.schema,
      value: value.value,
      headers,
      ...(Number.isNaN(time) ? {} : { sourceTimeUs: time }),
    };
  }

  /**
   * The records by column, in runs of one key schema and one value schema; undefined where a converter has no reader for
   * them (then take `records`).
   */
  async rows(polled: PolledPartition): Promise<DecodedRows[] | undefined> {
    const { topic, partition, from } = polled;
    const out: DecodedRows[] = [];
    const cursor = new RecordCursor();
    let left = 0;
    for (const batch of polled.batches) left += recordCount(batch);
    let run: Run | undefined;
    let until = sliceEnd();
    for (const batch of polled.batches) {
      cursor.open(batch);
      const { bytes } = cursor;
      while (cursor.next()) {
        left--;
        if ((left & 63) === 0 && performance.now() >= until) {
          await nextTurn();
          until = sliceEnd();
        }
        if (cursor.offset < from) continue;
        let keyReader: ColumnReader | undefined;
        let valueReader: ColumnReader | undefined;
        try {
          if (cursor.keyStart >= 0) {
            keyReader = run?.keyReader?.accepts(bytes, cursor.keyStart, cursor.keyEnd)
              ? run.keyReader
              : await this.reader(this.keyReaders, this.converters.key, topic, bytes, cursor.keyStart, cursor.keyEnd);
            if (!keyReader) return undefined;
          }
          if (cursor.valueStart >= 0) {
            valueReader = run?.valueReader?.accepts(bytes, cursor.valueStart, cursor.valueEnd)
              ? run.valueReader
              : await this.reader(this.valueReaders, this.converters.value, topic, bytes, cursor.valueStart, cursor.valueEnd);
            if (!valueReader) return undefined;
          }
          if (
            run &&
            (run.keyReader !== keyReader || (valueReader && run.valueReader && run.valueReader !== valueReader) || run.count === maxRows)
          ) {
            if (run.count) out.push(run.finish());
            run = undefined;
          }
          run ??= new Run(topic, partition, keyReader, Math.min(maxRows, left + 1), this);
          run.add(cursor, valueReader);
        } catch (error) {
          if (isRetriable(error)) throw error;
          await this.refuse("deserialize", error, raw(topic, partition, cursor), this.doing(topic, cursor));
        }
      }
    }
    if (run?.count) out.push(run.finish());
    return out;
  }

  /** Which of the converters it is that refuses a record. */
  private doing(topic: string, cursor: RecordCursor): Doing {
    const { header, key } = this.converters;
    const { bytes } = cursor;
    const side = fails(() => cursor.headers().map((h) => h.key === SOURCE_TIME_HEADER || header.toConnect(topic, h.value)))
      ? "header"
      : fails(() => key.toConnect(topic, slice(bytes, cursor.keyStart, cursor.keyEnd)))
        ? "key"
        : "value";
    return { stage: `${side.toUpperCase()}_CONVERTER`, className: this.names[side] };
  }

  private async reader(
    known: Map<string, ColumnReader[]>,
    converter: Converter,
    topic: string,
    bytes: Buffer,
    start: number,
    end: number,
  ): Promise<ColumnReader | undefined> {
    let readers = known.get(topic);
    if (!readers) known.set(topic, (readers = []));
    for (const reader of readers) if (reader.accepts(bytes, start, end)) return reader;
    const sample = bytes.subarray(start, end);
    await converter.prepareRead?.(topic, [sample]);
    const reader = converter.compileReader?.(topic, sample);
    if (reader) readers.push(reader);
    return reader;
  }

  private async prepare(
    converter: Converter,
    polled: PolledPartition,
    range: (c: RecordCursor) => readonly [number, number],
  ): Promise<void> {
    if (!converter.prepareRead) return;
    const payloads: Uint8Array[] = [];
    const cursor = new RecordCursor();
    for (const batch of polled.batches) {
      cursor.open(batch);
      while (cursor.next()) {
        const [start, end] = range(cursor);
        if (start >= 0 && cursor.offset >= polled.from) payloads.push(cursor.bytes.subarray(start, end));
      }
    }
    // An id that the registry does not know is that record's own error, which toConnect raises again.
    await converter.prepareRead(polled.topic, payloads).catch((error) => {
      if ((error as { retriable?: boolean }).retriable) throw error;
    });
  }
}

/** Rows while they are being filled. */
class Run {
  count = 0;
  valueReader: ColumnReader | undefined;
  private bytes = 0;
  private hasHeaders = false;
  private readonly keys: PackedColumn[];
  private values: PackedColumn[] = [];
  private readonly tombstone: Uint8Array;
  private readonly offsets: Float64Array;
  private readonly timestamps: Float64Array;
  private readonly sourceTimes: Float64Array;
  /** by row: where its record is, for `record(row)` and the columns' spans */
  private readonly buffers: Buffer[] = [];
  private readonly places: Int32Array;

  constructor(
    private readonly topic: string,
    private readonly partition: number,
    readonly keyReader: ColumnReader | undefined,
    private readonly capacity: number,
    private readonly decoder: SinkDecoder,
  ) {
    this.keys = this.columnsOf(keyReader);
    this.tombstone = new Uint8Array(capacity);
    this.offsets = new Float64Array(capacity);
    this.timestamps = new Float64Array(capacity);
    this.sourceTimes = new Float64Array(capacity);
    this.places = new Int32Array(capacity * 6);
  }

  /** @throws DESERIALIZATION; the row is then as if it had not been added */
  add(cursor: RecordCursor, valueReader: ColumnReader | undefined): void {
    const n = this.count;
    const { bytes } = cursor;
    if (valueReader && !this.valueReader) {
      this.valueReader = valueReader;
      this.values = this.columnsOf(valueReader);
      for (const column of this.values) for (let row = 0; row < n; row++) column.set(row, null);
    }
    this.keyReader?.read(bytes, cursor.keyStart, cursor.keyEnd, this.keys, n);
    if (valueReader) valueReader.read(bytes, cursor.valueStart, cursor.valueEnd, this.values, n);
    else for (const column of this.values) column.set(n, null);
    this.tombstone[n] = valueReader ? 0 : 1;
    this.offsets[n] = cursor.offset;
    this.timestamps[n] = cursor.timestamp;
    const time = cursor.headerCount === 0 ? Number.NaN : readSourceTime(bytes, cursor.headersStart, cursor.headerCount);
    this.sourceTimes[n] = time;
    if (cursor.headerCount > (Number.isNaN(time) ? 0 : 1)) this.hasHeaders = true;
    this.buffers[n] = bytes;
    const p = n * 6;
    this.places[p] = cursor.keyStart;
    this.places[p + 1] = cursor.keyEnd;
    this.places[p + 2] = cursor.valueStart;
    this.places[p + 3] = cursor.valueEnd;
    this.places[p + 4] = cursor.headersStart;
    this.places[p + 5] = cursor.headerCount;
    this.bytes += cursor.recordEnd - cursor.recordStart;
    this.count++;
  }

  finish(): DecodedRows {
    const { hasHeaders, count, topic, partition, offsets, timestamps, places, buffers, decoder } = this;
    const rows = new PackedRows({
      topic,
      partition,
      keySchema: this.keyReader?.schema ?? null,
      valueSchema: this.valueReader?.schema ?? null,
      count,
      packedKeys: this.keys,
      packedValues: this.values,
      tombstone: this.tombstone.subarray(0, count),
      offsets: offsets.subarray(0, count),
      timestamps: timestamps.subarray(0, count),
      sourceTimes: this.sourceTimes.subarray(0, count),
      bytes: this.bytes,
      record(row) {
        const p = row * 6;
        const cursor = new RecordCursor();
        cursor.bytes = buffers[row]!;
        cursor.offset = offsets[row]!;
        cursor.timestamp = timestamps[row]!;
        cursor.keyStart = places[p]!;
        cursor.keyEnd = places[p + 1]!;
        cursor.valueStart = places[p + 2]!;
        cursor.valueEnd = places[p + 3]!;
        cursor.headersStart = places[p + 4]!;
        cursor.headerCount = places[p + 5]!;
        cursor.recordEnd = cursor.bytes.length;
        return decoder.record(topic, partition, cursor);
      },
    });
    return { rows, hasHeaders };
  }

  private columnsOf(reader: ColumnReader | undefined): PackedColumn[] {
    return reader ? reader.columns(this.capacity, this.buffers) : [];
  }
}

function fails(attempt: () => unknown): boolean {
  try {
    attempt();
    return false;
  } catch {
    return true;
  }
}

export function raw(topic: string, partition: number, cursor: RecordCursor): BadRecord {
  const { bytes } = cursor;
  return {
    topic,
    partition,
    offset: cursor.offset,
    key: slice(bytes, cursor.keyStart, cursor.keyEnd),
    value: slice(bytes, cursor.valueStart, cursor.valueEnd),
    headers: cursor.headers(),
    timestamp: cursor.timestamp,
  };
}

function slice(bytes: Buffer, start: number, end: number): Buffer | null {
  return start < 0 ? null : bytes.subarray(start, end);
}
