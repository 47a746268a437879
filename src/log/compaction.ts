import { setImmediate } from "node:timers/promises";
import { compress } from "../protocol/compression.js";
import { readEndTransactionMarker } from "../protocol/control-record.js";
import * as batches from "../protocol/record-batch.js";
import { RecordCursor } from "../protocol/record-cursor.js";
import { writeFully } from "./files.js";
import { OffsetMap } from "./offset-map.js";
import type { Segment } from "./segment.js";
import type { TransactionIndexEntry } from "./transaction-index.js";

/** Keys of one round, in a map of 12.6 MB; what a round cannot hold waits for the next. */
const MAX_KEYS = 838_860;
const CHUNK = 1024 * 1024;
const SLICE_MS = 4;

export interface CompactionRound {
  readonly now: number;
  readonly deleteRetentionMs: number;
  readonly indexIntervalBytes: number;
  /** Every aborted transaction of the log, in the order of its marker. */
  readonly aborted: readonly TransactionIndexEntry[];
  /** Last data offset of each producer: its batch stays, if only as a header, so that its sequence number is not forgotten. */
  readonly lastOffsets: ReadonlyMap<number, number>;
  /** Becomes true when the log closes: the round is given up. */
  readonly cancelled: () => boolean;
}

/** Lets the event loop run whenever a slice is over. */
class Slices {
  private since = performance.now();
  async pause(): Promise<void> {
    if (performance.now() - this.since < SLICE_MS) return;
    await setImmediate();
    this.since = performance.now();
  }
}

export class Cancelled extends Error {}

/** What chunks are read into and written from, by the round that has taken it: memory that is used again is not touched for the first time. */
const rooms: Buffer[] = [];
const takeRoom = () => rooms.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
const giveRoom = (room: Buffer) => void (rooms.length < 2 && rooms.push(room));

/** Calls `visit` for each batch of the segment from an offset on, whose bytes are there until it returns; stops when it returns false. */
async function eachBatch(
  segment: Segment,
  from: number,
  round: CompactionRound,
  slices: Slices,
  visit: (b: Buffer, at: number) => boolean,
): Promise<boolean> {
  const room = takeRoom();
  try {
    return await eachBatchIn(room, segment, from, round, slices, visit);
  } finally {
    giveRoom(room);
  }
}

async function eachBatchIn(
  room: Buffer,
  segment: Segment,
  from: number,
  round: CompactionRound,
  slices: Slices,
  visit: (b: Buffer, at: number) => boolean,
): Promise<boolean> {
  let position = from > segment.baseOffset ? segment.positionOf(from) : 0;
  while (position < segment.size) {
    let chunk = segment.readInto(room, position);
    if (batches.batchEnd(chunk, 0) < 0) chunk = segment.readBatch(position);
    let at = 0;
    for (let end = batches.batchEnd(chunk, 0); end >= 0; end = batches.batchEnd(chunk, at)) {
      // a record rewritten under a new CRC must not hide that it was damaged
      if (!batches.crcIsValid(chunk, at)) throw segment.corrupt(position + at);
      if (!visit(chunk, at)) return false;
      at = end;
      await slices.pause();
      if (round.cancelled()) throw new Cancelled();
    }
    position += at;
  }
  return true;
}

/** Which producers' transactions are aborted at the place that a walk in the order of offsets has reached. */
class AbortedWalk {
  private next = 0;
  private readonly byFirst: TransactionIndexEntry[];
  private readonly running = new Map<number, TransactionIndexEntry>();

  constructor(aborted: readonly TransactionIndexEntry[]) {
    this.byFirst = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Whether the batch's records belong to an aborted transaction. */
  isAborted(b: Buffer, at: number): boolean {
    const last = batches.lastOffset(b, at);
    for (; this.next < this.byFirst.length && this.byFirst[this.next]!.firstOffset <= last; this.next++)
      this.running.set(this.byFirst[this.next]!.producerId, this.byFirst[this.next]!);
    if (!batches.isTransactional(b, at)) return false;
    const entry = this.running.get(batches.producerId(b, at));
    return entry !== undefined && batches.baseOffset(b, at) < entry.lastOffset;
  }
}

export interface LatestOffsets {
  readonly map: OffsetMap;
  /** All records below it were looked at. */
  readonly end: number;
}

/** First pass: the latest offset of every key in the dirty part. */
export async function mapLatest(dirty: readonly Segment[], from: number, round: CompactionRound): Promise<LatestOffsets> {
  let records = 0;
  for (const s of dirty) records += s.nextOffset - Math.max(from, s.baseOffset);
  let map = new OffsetMap(Math.min(records, MAX_KEYS));
  const walk = new AbortedWalk(round.aborted);
  const cursor = new RecordCursor();
  const slices = new Slices();
  let end = from;
  for (const segment of dirty) {
    const whole = await eachBatch(segment, from, round, slices, (b, at) => {
      if (map.isFull) return false;
      const count = batches.recordCount(b, at);
      if (!map.holds(count)) {
        if (map.size > 0) return false;
        map = new OffsetMap(count);
      }
      const aborted = walk.isAborted(b, at);
      if (!aborted && !batches.isControl(b, at)) {
        cursor.open(b, at);
        while (cursor.next())
          if (cursor.keyStart >= 0 && cursor.offset >= from) map.put(cursor.bytes, cursor.keyStart, cursor.keyEnd, cursor.offset);
      }
      end = batches.lastOffset(b, at) + 1;
      return true;
    });
    if (!whole) break;
    end = segment.nextOffset;
  }
  return { map, end };
}

/** Second pass: writes what stays of the segments, oldest of the log first; one walk goes over all groups of a round. */
export class Rewriter {
  private walk: AbortedWalk;
  private readonly cursor = new RecordCursor();
  private readonly slices = new Slices();
  /** producers with a transaction that still has data batches */
  private withData = new Set<number>();
  private readonly abortedByMarker: ReadonlyMap<number, TransactionIndexEntry>;

  constructor(
    private readonly latest: LatestOffsets,
    private readonly round: CompactionRound,
  ) {
    this.walk = new AbortedWalk(round.aborted);
    this.abortedByMarker = new Map(round.aborted.map((e) => [e.lastOffset, e]));
  }

  /** Whether all of the segment stays as it is: then it need not be written again, as a snapshot's first rounds need not. */
  async leaves(segment: Segment): Promise<boolean> {
    const { latest, round, slices } = this;
    const withData = new Set(this.withData);
    let unchanged = true;
    await eachBatch(segment, segment.baseOffset, round, slices, (b, at) => {
      if (batches.baseOffset(b, at) >= latest.end) return false;
      const whole = b.subarray(at, batches.batchEnd(b, at));
      unchanged = this.filter(whole, undefined) === whole;
      return unchanged;
    });
    if (unchanged) return true;
    // the segment is walked once more, to be written
    this.withData = withData;
    this.walk = new AbortedWalk(round.aborted);
    return false;
  }

  /** Writes `target` (a `.cleaned` segment) from the group. */
  async rewrite(group: readonly Segment[], target: Segment): Promise<void> {
    const room = takeRoom();
    let used = 0;
    let position = 0;
    const write = (bytes: Buffer) => {
      writeFully(target.fd, bytes, position);
      position += bytes.length;
    };
    const writeOut = () => {
      if (used > 0) write(room.subarray(0, used));
      used = 0;
    };
    try {
      for (const segment of group)
        await eachBatch(segment, segment.baseOffset, this.round, this.slices, (b, at) => {
          const kept = this.filter(b.subarray(at, batches.batchEnd(b, at)), target);
          if (!kept) return true;
          target.noted(kept, 0, kept.length, this.round.indexIntervalBytes);
          if (used + kept.length > room.length) writeOut();
          if (kept.length > room.length) write(kept);
          else {
            room.set(kept, used);
            used += kept.length;
          }
          return true;
        });
      writeOut();
    } finally {
      giveRoom(room);
    }
    target.nextOffset = group.at(-1)!.nextOffset;
  }

  /** What stays of a batch, itself where all of it does; undefined where nothing does. */
  private filter(whole: Buffer, target: Segment | undefined): Buffer | undefined {
    if (batches.baseOffset(whole) >= this.latest.end) return whole;
    const producerId = batches.producerId(whole);
    const aborted = this.walk.isAborted(whole, 0);
    if (batches.isControl(whole)) return this.filterMarker(whole, target);
    if (batches.isTransactional(whole)) this.withData.add(producerId);
    const empty = batches.recordCount(whole) === 0;
    const kept = aborted || empty ? { chunks: [], tombstones: false, all: false } : this.select(whole);
    if (kept.chunks.length === 0) {
      if (this.round.lastOffsets.get(producerId) !== batches.lastOffset(whole)) return undefined;
      return empty && !batches.isTransactional(whole) ? whole : headerOnly(whole);
    }
    const horizon = kept.tombstones && !hasHorizon(whole) ? this.round.now + this.round.deleteRetentionMs : undefined;
    if (kept.all && horizon === undefined) return whole;
    return this.rebuild(whole, kept.chunks, horizon);
  }

  private filterMarker(whole: Buffer, target: Segment | undefined): Buffer | undefined {
    const producerId = batches.producerId(whole);
    const last = batches.lastOffset(whole);
    const hadData = this.withData.delete(producerId);
    const marker = readEndTransactionMarker(whole);
    // a reader that is in the middle of the transaction's records needs the marker until the horizon
    const expired = !hadData && hasHorizon(whole) && batches.baseTimestamp(whole) <= this.round.now;
    if (!marker || expired) return undefined;
    const entry = this.abortedByMarker.get(last);
    if (entry) target?.aborted.push(entry);
    if (hadData || hasHorizon(whole)) return whole;
    this.cursor.open(whole);
    const chunks: number[] = [];
    while (this.cursor.next()) chunks.push(this.cursor.recordStart);
    return this.rebuild(whole, chunks, this.round.now + this.round.deleteRetentionMs);
  }

  /** Where the records that stay begin. */
  private select(whole: Buffer): { chunks: number[]; tombstones: boolean; all: boolean } {
    const { cursor } = this;
    const { map, end } = this.latest;
    const tombstonesGo = hasHorizon(whole) && batches.baseTimestamp(whole) <= this.round.now;
    const chunks: number[] = [];
    let tombstones = false;
    let all = true;
    cursor.open(whole);
    while (cursor.next()) {
      const isNew = cursor.offset >= end;
      const isLatest = isNew || (cursor.keyStart >= 0 && cursor.offset >= map.get(cursor.bytes, cursor.keyStart, cursor.keyEnd));
      if (!isLatest || (cursor.valueStart < 0 && tombstonesGo && !isNew)) all = false;
      else {
        chunks.push(cursor.recordStart);
        if (cursor.valueStart < 0) tombstones = true;
      }
    }
    return { chunks, tombstones, all };
  }

  /** The batch with these records alone, at their old offsets; its base timestamp becomes the horizon where one is given. */
  private rebuild(whole: Buffer, starts: readonly number[], horizon: number | undefined): Buffer {
    const { cursor } = this;
    const oldBase = batches.baseTimestamp(whole);
    const base = horizon ?? oldBase;
    cursor.open(whole);
    const parts: Buffer[] = [];
    let next = 0;
    let maxTimestamp = -1;
    while (next < starts.length && cursor.next()) {
      if (cursor.recordStart !== starts[next]) continue;
      next++;
      if (cursor.timestamp > maxTimestamp) maxTimestamp = cursor.timestamp;
      const record = cursor.bytes.subarray(cursor.recordStart, cursor.recordEnd);
      if (base === oldBase) parts.push(record);
      else {
        const timestamp = varlong(oldBase + cursor.timestampDelta - base);
        const body = cursor.bytes.subarray(cursor.offsetDeltaStart, cursor.recordEnd);
        parts.push(
          varlong(1 + timestamp.length + body.length),
          record.subarray(cursor.attributesStart - cursor.recordStart, cursor.attributesStart - cursor.recordStart + 1),
          timestamp,
          body,
        );
      }
    }
    const packed = compress(batches.compression(whole)!, Buffer.concat(parts));
    const out = Buffer.allocUnsafeSlow(batches.RECORD_BATCH_OVERHEAD + packed.length);
    whole.copy(out, 0, 0, batches.RECORD_BATCH_OVERHEAD);
    out.set(packed, batches.RECORD_BATCH_OVERHEAD);
    out.writeInt32BE(out.length - batches.LOG_OVERHEAD, 8);
    if (horizon !== undefined) out.writeInt16BE(batches.attributes(out) | batches.DELETE_HORIZON_FLAG, 21);
    batches.writeInt64(out, base, 27);
    if (!batches.isLogAppendTime(whole)) batches.writeInt64(out, maxTimestamp, 35);
    out.writeInt32BE(starts.length, 57);
    batches.writeCrc(out);
    return out;
  }
}

function hasHorizon(b: Buffer): boolean {
  return (batches.attributes(b) & batches.DELETE_HORIZON_FLAG) !== 0;
}

/** No records, but producer, epoch, sequence and offsets. Not transactional: its marker may go, and must not be waited for then. */
function headerOnly(whole: Buffer): Buffer {
  const out = Buffer.from(whole.subarray(0, batches.RECORD_BATCH_OVERHEAD));
  out.writeInt32BE(out.length - batches.LOG_OVERHEAD, 8);
  out.writeInt16BE(batches.attributes(out) & ~(batches.TRANSACTIONAL_FLAG | batches.COMPRESSION_MASK), 21);
  out.writeInt32BE(0, 57);
  batches.writeCrc(out);
  return out;
}

function varlong(value: number): Buffer {
  const bytes: number[] = [];
  let z = value < 0 ? -2 * value - 1 : 2 * value;
  for (; z > 0x7f; z = Math.floor(z / 128)) bytes.push((z % 128) | 0x80);
  bytes.push(z);
  return Buffer.from(bytes);
}

/** Neighbours that fit into one new segment. */
export function groupSegments(segments: readonly Segment[], segmentBytes: number): Segment[][] {
  const groups: Segment[][] = [];
  let bytes = 0;
  for (const segment of segments) {
    const group = groups.at(-1);
    if (group && bytes + segment.size <= segmentBytes && segment.nextOffset - group[0]!.baseOffset < 0x7fff_ffff) {
      group.push(segment);
      bytes += segment.size;
    } else {
      groups.push([segment]);
      bytes = segment.size;
    }
  }
  return groups;
}
