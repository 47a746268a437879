import { join } from "node:path";
import type { MillraceError } from "../common/errors.js";
import { encodeOffsetCheckpoint, readOffsetCheckpoint } from "./checkpoint-files.js";
import { Cancelled, type CompactionRound, groupSegments, type LatestOffsets, mapLatest, Rewriter } from "./compaction.js";
import { diskError, fdatasync, replaceFile, syncFolder } from "./files.js";
import type { LogConfig } from "./log-config.js";
import type { ProducerState } from "./producer-state.js";
import { Segment } from "./segment.js";

/** What compaction needs of its log. */
export interface Compacted {
  readonly dir: string;
  readonly config: LogConfig;
  readonly segments: Segment[];
  readonly producers: ProducerState;
  readonly logStartOffset: number;
  readonly lastStableOffset: number;
  readonly isClosed: boolean;
  /** Every byte of the sealed segments is on disk, and no checkpoint of theirs is being written. */
  settle(): Promise<void>;
  /** The segments' files are gone; readers must not look for them. */
  replaced(old: readonly Segment[]): void;
  /** Stops all writes. */
  fail(error: MillraceError): MillraceError;
}

const CLEANER_CHECKPOINT = "cleaner-offset-checkpoint";

/** Runs rounds of compaction on one log and knows how far they came. */
export class Compactor {
  /** Records below it were compacted. */
  private firstDirty: number;
  private round: Promise<number> | undefined;

  constructor(private readonly log: Compacted) {
    this.firstDirty = Math.min(readOffsetCheckpoint(log.dir, CLEANER_CHECKPOINT) ?? 0, log.segments.at(-1)!.baseOffset);
  }

  get isRunning(): boolean {
    return this.round !== undefined;
  }

  /** Resolves once no round is running. */
  async settled(): Promise<void> {
    await this.round?.catch(() => {});
  }

  dirtyRatio(now: number): number {
    let clean = 0;
    let dirty = 0;
    for (const segment of this.compactable(now)) {
      if (segment.nextOffset <= this.firstDirty) clean += segment.size;
      else dirty += segment.size;
    }
    return dirty === 0 ? 0 : dirty / (clean + dirty);
  }

  isDue(now: number): boolean {
    const oldest = this.compactable(now).find((s) => s.nextOffset > this.firstDirty);
    if (!oldest) return false;
    const { minCleanableDirtyRatio, maxCompactionLagMs } = this.log.config;
    return this.dirtyRatio(now) >= minCleanableDirtyRatio || now - oldest.maxTimestamp > maxCompactionLagMs;
  }

  /** Sealed segments without an open transaction whose records are old enough; from the log's start. */
  private compactable(now: number): Segment[] {
    const { segments, lastStableOffset } = this.log;
    const { minCompactionLagMs } = this.log.config;
    const end = segments.findIndex(
      (s, i) =>
        i === segments.length - 1 ||
        s.nextOffset > lastStableOffset ||
        (minCompactionLagMs > 0 && now - s.maxTimestamp < minCompactionLagMs),
    );
    return segments.slice(0, end);
  }

  /** One round; 0 where one is running or nothing is dirty. */
  async run(now: number): Promise<number> {
    const all = this.compactable(now);
    if (this.round || !all.some((s) => s.nextOffset > this.firstDirty)) return 0;
    this.round = this.compact(all, now);
    try {
      return await this.round;
    } finally {
      this.round = undefined;
    }
  }

  private async compact(all: readonly Segment[], now: number): Promise<number> {
    const { log } = this;
    let target: Segment | undefined;
    let latest: LatestOffsets | undefined;
    try {
      await log.settle();
      const round: CompactionRound = {
        now,
        deleteRetentionMs: log.config.deleteRetentionMs,
        indexIntervalBytes: log.config.indexIntervalBytes,
        aborted: log.segments.flatMap((s) => s.aborted),
        lastOffsets: log.producers.lastOffsets(),
        cancelled: () => log.isClosed,
      };
      const dirty = all.filter((s) => s.nextOffset > this.firstDirty);
      latest = await mapLatest(dirty, Math.max(this.firstDirty, log.logStartOffset), round);
      const rewriter = new Rewriter(latest, round);
      const { end } = latest;
      const covered = all.filter((s) => s.baseOffset < end);
      let freed = 0;
      for (const group of groupSegments(covered, log.config.segmentBytes)) {
        if (group.length === 1 && (await rewriter.leaves(group[0]!))) continue;
        target = new Segment(log.dir, group[0]!.baseOffset, now, ".cleaned");
        await rewriter.rewrite(group, target);
        await this.finish(target);
        const replacement = target;
        // from here on the new file may be the only one with these records: an error must leave it for recovery
        target = undefined;
        freed += await this.replace(group, replacement).catch((error) => {
          throw log.fail(diskError(error, "compact", log.dir));
        });
      }
      this.firstDirty = end;
      await replaceFile(join(log.dir, CLEANER_CHECKPOINT), encodeOffsetCheckpoint(log.dir, end));
      return freed;
    } catch (error) {
      target?.remove();
      if (error instanceof Cancelled) return 0;
      throw diskError(error, "compact", log.dir);
    } finally {
      latest?.map.release();
    }
  }

  private async finish(target: Segment): Promise<void> {
    for (const { path, bytes } of target.encodeIndexes()) await replaceFile(path, bytes);
    await fdatasync(target.fd);
    await syncFolder(this.log.dir);
    if (this.log.isClosed) throw new Cancelled();
  }

  /** `.cleaned` is half done and forgotten by recovery; `.swap` is whole and recovery puts it in the place of what it covers. */
  private async replace(group: readonly Segment[], target: Segment): Promise<number> {
    const { dir, segments } = this.log;
    target.rename(".swap");
    await syncFolder(dir);
    // opened ahead, because readers go on with the old files until the new one has its name
    for (const segment of group) {
      void segment.fd;
      segment.pin();
    }
    for (const segment of group) segment.removeFiles();
    // an old file that came back beside the new one would hold the same offsets twice
    await syncFolder(dir);
    target.rename("");
    target.forgetIndexes();
    segments.splice(segments.indexOf(group[0]!), group.length, target);
    let freed = -target.size;
    for (const segment of group) {
      freed += segment.size;
      segment.removed = true;
      segment.unpin();
      segment.closeFile();
    }
    this.log.replaced(group);
    return freed;
  }
}
