import * as batches from "../protocol/record-batch.js";
import type { Segment } from "./segment.js";
import { Tail } from "./tail-cache.js";

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** of the abort marker */
  readonly lastOffset: number;
}

export interface TimestampOffset {
  readonly timestamp: number;
  readonly offset: number;
}

const EMPTY = Buffer.alloc(0);
const OPEN_SEALED_FILES = 8;
const HINTS = 8;

/** Reads over the segments of one log: the tail from memory, a reader's next step from where its last one ended, else by the index. */
export class SegmentReader {
  readonly tail = new Tail();
  /** least recently used first */
  private readonly openSealed: Segment[] = [];
  private readonly hintOffsets = new Float64Array(HINTS).fill(-1);
  private readonly hintPositions = new Float64Array(HINTS);
  private readonly hintSegments = new Array<Segment | undefined>(HINTS).fill(undefined);
  private nextHint = 0;

  /** @param segments the log's own list, which it changes; the last is the active one */
  constructor(private readonly segments: readonly Segment[]) {}

  read(offset: number, maxBytes: number, upTo: number, atLeastOne: boolean): Buffer {
    if (offset >= upTo) return EMPTY;
    const recent = this.tail.read(offset, maxBytes, upTo);
    if (recent) return recent.length > maxBytes && !atLeastOne ? EMPTY : recent;
    const hint = this.hintOffsets.indexOf(offset);
    const hinted = hint >= 0 ? this.hintSegments[hint] : undefined;
    let segment = hinted ?? this.segments[this.segmentAt(offset)]!;
    this.keepOpen(segment);
    let position = hinted ? this.hintPositions[hint]! : segment.positionOf(offset);
    while (position >= segment.size) {
      const following: Segment | undefined = this.segments[this.segments.indexOf(segment) + 1];
      if (!following) return EMPTY;
      segment = following;
      position = 0;
    }
    this.keepOpen(segment);
    let bytes = segment.readAt(position, Math.max(maxBytes, batches.RECORD_BATCH_OVERHEAD));
    const first = bytes.length < batches.RECORD_BATCH_OVERHEAD ? 0 : batches.batchSize(bytes);
    if (first < batches.RECORD_BATCH_OVERHEAD || first > segment.size - position) throw segment.corrupt(position);
    if (first > bytes.length && atLeastOne) bytes = segment.readAt(position, first);
    let end = 0;
    let next = offset;
    for (;;) {
      const batchEnd = batches.batchEnd(bytes, end);
      if (batchEnd < 0 || (batchEnd > maxBytes && !(end === 0 && atLeastOne))) break;
      const last = batches.lastOffset(bytes, end);
      if (last >= upTo) break;
      end = batchEnd;
      next = last + 1;
    }
    if (end === 0) return EMPTY;
    const slot = hint >= 0 ? hint : (this.nextHint = (this.nextHint + 1) % HINTS);
    this.hintOffsets[slot] = next;
    this.hintPositions[slot] = position + end;
    this.hintSegments[slot] = segment;
    return end === bytes.length ? bytes : bytes.subarray(0, end);
  }

  firstAtOrAfter(timestamp: number, from: number): TimestampOffset | undefined {
    for (const segment of this.segments) {
      if (segment.maxTimestamp < timestamp || segment.nextOffset <= from) continue;
      this.keepOpen(segment);
      const found = segment.firstAtOrAfter(timestamp, from);
      if (found) return found;
    }
    return undefined;
  }

  youngest(from: number): TimestampOffset | undefined {
    let best: Segment | undefined;
    for (const segment of this.segments)
      if (segment.size > 0 && segment.nextOffset > from && (!best || segment.maxTimestamp > best.maxTimestamp)) best = segment;
    return best && (this.firstAtOrAfter(best.maxTimestamp, from) ?? { timestamp: best.maxTimestamp, offset: best.maxTimestampOffset });
  }

  aborted(from: number, upTo: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    for (let i = this.segmentAt(from); i < this.segments.length; i++)
      for (const { producerId, firstOffset, lastOffset, lastStableOffset } of this.segments[i]!.aborted) {
        if (lastOffset >= from && firstOffset < upTo) found.push({ producerId, firstOffset, lastOffset });
        if (lastStableOffset >= upTo) return found;
      }
    return found;
  }

  /** Bounds the number of open files of sealed segments. */
  keepOpen(segment: Segment): void {
    const list = this.openSealed;
    if (segment === this.segments.at(-1) || segment === list.at(-1)) return;
    const at = list.indexOf(segment);
    if (at >= 0) list.splice(at, 1);
    list.push(segment);
    if (list.length > OPEN_SEALED_FILES) list.splice(0, 1)[0]!.closeFile();
  }

  /** A segment is gone: no hint leads to it any more. */
  forget(segment: Segment): void {
    const at = this.openSealed.indexOf(segment);
    if (at >= 0) this.openSealed.splice(at, 1);
    for (let i = 0; i < HINTS; i++)
      if (this.hintSegments[i] === segment) {
        this.hintSegments[i] = undefined;
        this.hintOffsets[i] = -1;
      }
  }

  /** Index of the segment that holds the offset, or would. */
  private segmentAt(offset: number): number {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.segments[middle]!.baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}
