import * as fs from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { MillraceError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";
import * as batches from "../protocol/record-batch.js";
import { type EpochStart, readLeaderEpochs, readOffsetCheckpoint } from "./checkpoint-files.js";
import { diskError, readFully, removeFile } from "./files.js";
import { ProducerState } from "./producer-state.js";
import { offsetName, Segment } from "./segment.js";

export interface Recovered {
  readonly segments: Segment[];
  readonly producers: ProducerState;
  readonly epochs: EpochStart[];
  readonly logStartOffset: number;
  /** Below it indexes and producer state are in their files. */
  readonly checkpointOffset: number;
  /** Bytes read again because no checkpoint covered them. */
  readonly scannedBytes: number;
}

const CHUNK = 1024 * 1024;
const UNFINISHED = /\.(cleaned|deleted|tmp|swap)$/;

/**
 * Walks the batches of a segment from `position` and hands on each that is whole. Returns the position of the first byte that is
 * not part of a good batch. Yields to the event loop.
 * @param expected the lowest offset that the first batch may have
 */
export async function scan(
  segment: Segment,
  position: number,
  fileSize: number,
  expected: number,
  checkCrc: boolean,
  visit: (b: Buffer, at: number, size: number, position: number) => void,
): Promise<number> {
  let chunk = Buffer.allocUnsafeSlow(Math.max(0, Math.min(CHUNK, fileSize - position)));
  let next = expected;
  while (position < fileSize) {
    const length = Math.min(chunk.length, fileSize - position);
    const n = readFully(segment.fd, chunk, 0, length, position);
    const view = chunk.subarray(0, n);
    let at = 0;
    while (n - at >= batches.RECORD_BATCH_OVERHEAD) {
      const size = batches.batchSize(view, at);
      if (size < batches.RECORD_BATCH_OVERHEAD || batches.magic(view, at) !== 2 || batches.baseOffset(view, at) < next)
        return position + at;
      if (at + size > n) break;
      if (batches.lastOffsetDelta(view, at) < 0 || (checkCrc && !batches.crcIsValid(view, at))) return position + at;
      visit(view, at, size, position + at);
      next = batches.lastOffset(view, at) + 1;
      at += size;
    }
    if (at === 0) {
      if (position + n >= fileSize) return position;
      chunk = Buffer.allocUnsafeSlow(Math.min(batches.batchSize(view), fileSize - position));
      if (chunk.length <= n) return position;
    }
    position += at;
    if (position < fileSize) await setImmediate();
  }
  return position;
}

/** Opens what a folder holds: finishes or undoes a compaction, cuts a torn tail, rebuilds indexes and producer state. */
export async function recover(dir: string, indexInterval: number, now: number, logger: Logger): Promise<Recovered> {
  fs.mkdirSync(dir, { recursive: true });
  let names = fs.readdirSync(dir);
  if (names.some((n) => UNFINISHED.test(n))) {
    finishSwaps(dir, names);
    names = fs.readdirSync(dir);
  }
  const bases = names
    .filter((n) => /^\d{20}\.log$/.test(n))
    .map((n) => Number(n.slice(0, 20)))
    .sort((a, b) => a - b);
  for (const name of names)
    if (/^\d{20}\.(index|timeindex|txnindex)$/.test(name) && !bases.includes(Number(name.slice(0, 20)))) removeFile(join(dir, name));
  const start = readOffsetCheckpoint(dir, "log-start-offset-checkpoint") ?? 0;
  if (bases.length === 0) bases.push(start);
  const segments = bases.map((base) => new Segment(dir, base, now));
  let snapshot = newestSnapshot(dir, names, Number.POSITIVE_INFINITY);
  for (;;) {
    const run = new Recovery(dir, segments, snapshot, indexInterval, now, logger);
    const retryBelow = await run.run();
    if (retryBelow === undefined)
      return {
        segments: run.segments,
        producers: run.producers,
        epochs: run.epochs(readLeaderEpochs(dir)),
        logStartOffset: Math.max(start, run.segments[0]!.baseOffset),
        checkpointOffset: snapshot.offset,
        scannedBytes: run.scanned,
      };
    snapshot = newestSnapshot(dir, names, Math.min(retryBelow, snapshot.offset - 1));
  }
}

interface Snapshot {
  /** -1: none, everything is scanned */
  readonly offset: number;
  readonly bytes: Buffer | undefined;
}

function newestSnapshot(dir: string, names: readonly string[], upTo: number): Snapshot {
  const offsets = names
    .filter((n) => /^\d{20}\.snapshot$/.test(n))
    .map((n) => Number(n.slice(0, 20)))
    .sort((a, b) => b - a);
  for (const offset of offsets) {
    const path = join(dir, `${offsetName(offset)}.snapshot`);
    const bytes = offset <= upTo && fs.existsSync(path) ? fs.readFileSync(path) : undefined;
    if (bytes && ProducerState.decode(bytes)) return { offset, bytes };
    removeFile(path);
  }
  return { offset: -1, bytes: undefined };
}

class Recovery {
  producers: ProducerState;
  scanned = 0;
  private readonly seenEpochs: EpochStart[] = [];

  constructor(
    private readonly dir: string,
    readonly segments: Segment[],
    private readonly snapshot: Snapshot,
    private readonly indexInterval: number,
    private readonly now: number,
    private readonly logger: Logger,
  ) {
    this.producers = (snapshot.bytes && ProducerState.decode(snapshot.bytes)) ?? new ProducerState();
  }

  /** undefined when done, or the highest offset of a snapshot that the files still agree with. */
  async run(): Promise<number | undefined> {
    const { segments, snapshot } = this;
    for (let i = 0; i < segments.length; i++) {
      const segment = segments[i]!;
      const next = segments[i + 1]?.baseOffset;
      if (next !== undefined && next <= snapshot.offset) {
        if (!segment.load(next) && !(await this.reindex(segment, next))) return segment.baseOffset;
        continue;
      }
      const whole = await this.scanTail(segment);
      if (whole === undefined) return segment.baseOffset;
      if (!whole) {
        for (const later of segments.splice(i + 1)) {
          this.logger.warn("removing a segment after a torn one", { file: later.path, bytes: fs.statSync(later.path).size });
          later.remove();
        }
        break;
      }
      if (next !== undefined) segment.nextOffset = next;
    }
    const end = segments.at(-1)!.nextOffset;
    if (end >= snapshot.offset) return undefined;
    this.logger.error("the log is shorter than what was on disk", { dir: this.dir, end, known: snapshot.offset });
    return end;
  }

  epochs(stored: readonly EpochStart[]): EpochStart[] {
    const all = stored.filter((e) => e.startOffset < Math.max(0, this.snapshot.offset));
    for (const e of this.seenEpochs) if (all.length === 0 || e.epoch > all.at(-1)!.epoch) all.push(e);
    return all;
  }

  /** A segment that is wholly on disk but whose indexes are not: only they are made anew. */
  private async reindex(segment: Segment, next: number): Promise<boolean> {
    const size = fs.statSync(segment.path).size;
    this.logger.warn("rebuilding the indexes of a segment", { file: segment.path });
    if (!segment.loadTransactionIndex()) return false;
    const aborted = segment.aborted;
    segment.rewind();
    const end = await scan(segment, 0, size, segment.baseOffset, false, (b, at, n) => segment.noted(b, at, n, this.indexInterval));
    if (end < size)
      throw new MillraceError("LOG_CORRUPT", `${segment.path} is damaged at position ${end}`, {
        context: { file: segment.path, position: end },
      });
    segment.aborted = aborted;
    segment.nextOffset = next;
    for (const file of segment.encodeIndexes()) fs.writeFileSync(file.path, file.bytes);
    segment.forgetIndexes();
    return true;
  }

  /** Reads all after the snapshot, CRCs too. False where the segment had to be cut, undefined where the snapshot does not fit. */
  private async scanTail(segment: Segment): Promise<boolean | undefined> {
    const size = fs.existsSync(segment.path) ? fs.statSync(segment.path).size : 0;
    segment.size = size;
    const from = this.snapshot.offset;
    const inside = from > segment.baseOffset;
    if (inside && !segment.loadTransactionIndex()) return undefined;
    const aborted = inside ? segment.aborted.filter((e) => e.lastOffset < from) : [];
    const indexes = inside ? segment.readIndexes() : undefined;
    if (indexes && indexes.times.length > 0) {
      indexes.offsets.truncate(from - segment.baseOffset);
      indexes.times.truncate(from - segment.baseOffset);
      const position = await this.positionOf(segment, indexes.offsets.lookup(from - segment.baseOffset), size, from);
      segment.rewind({ position, offset: from, ...indexes });
    } else segment.rewind();
    segment.aborted = aborted;
    const begin = segment.size;
    const end = await scan(segment, begin, size, segment.nextOffset, true, (b, at, n) => this.take(segment, b, at, n));
    this.scanned += end - begin;
    if (end === size) return true;
    this.logger.warn("cutting a torn tail", { file: segment.path, position: end, bytes: size - end });
    try {
      fs.ftruncateSync(segment.fd, end);
      fs.fsyncSync(segment.fd);
    } catch (error) {
      throw diskError(error, "truncate", segment.path);
    }
    return false;
  }

  private take(segment: Segment, b: Buffer, at: number, size: number): void {
    segment.noted(b, at, size, this.indexInterval);
    const base = batches.baseOffset(b, at);
    const epoch = batches.partitionLeaderEpoch(b, at);
    if (epoch >= 0 && epoch > (this.seenEpochs.at(-1)?.epoch ?? -1)) this.seenEpochs.push({ epoch, startOffset: base });
    if (base < this.snapshot.offset) return;
    const completed = this.producers.update(b, at, this.now);
    if (completed?.aborted) segment.aborted.push(completed);
  }

  /** The batch that begins at `offset`, or the place where it would be. */
  private async positionOf(segment: Segment, start: number, size: number, offset: number): Promise<number> {
    let found = -1;
    const end = await scan(segment, start, size, segment.baseOffset, false, (b, at, _n, position) => {
      if (found < 0 && batches.baseOffset(b, at) >= offset) found = position;
    });
    return found < 0 ? end : found;
  }
}

/** Kafka's protocol for replacing segments: `.cleaned` is half done, `.swap` is whole and takes the place of what it covers. */
function finishSwaps(dir: string, names: readonly string[]): void {
  for (const name of names) if (/\.(cleaned|deleted|tmp)$/.test(name)) removeFile(join(dir, name));
  const swaps = names.filter((n) => /^\d{20}\.log\.swap$/.test(n)).map((n) => n.slice(0, 20));
  for (const name of names) if (name.endsWith(".swap") && !swaps.includes(name.slice(0, 20))) removeFile(join(dir, name));
  for (const base of swaps) {
    const end = endOf(join(dir, `${base}.log.swap`), Number(base));
    for (const name of names) {
      const offset = Number(name.slice(0, 20));
      if (/^\d{20}\.(log|index|timeindex|txnindex)$/.test(name) && offset >= Number(base) && offset < end) removeFile(join(dir, name));
    }
    // the .log last: while it is a .swap, this runs again after a crash
    for (const kind of ["index", "timeindex", "txnindex", "log"]) {
      const swap = join(dir, `${base}.${kind}.swap`);
      if (fs.existsSync(swap)) fs.renameSync(swap, join(dir, `${base}.${kind}`));
    }
  }
}

/** The offset after the last record of a file of batches. */
function endOf(path: string, base: number): number {
  const fd = fs.openSync(path, "r");
  try {
    const header = Buffer.alloc(batches.RECORD_BATCH_OVERHEAD);
    let end = base + 1;
    for (let position = 0; readFully(fd, header, 0, header.length, position) === header.length; position += batches.batchSize(header))
      end = batches.lastOffset(header) + 1;
    return end;
  } finally {
    fs.closeSync(fd);
  }
}
