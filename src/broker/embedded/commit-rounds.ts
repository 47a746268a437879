import type { Partition } from "./partition.js";
import type { TransactionEntry, TransactionLog } from "./transaction-log.js";

interface Waiter {
  readonly entry: TransactionEntry;
  readonly partitions: readonly Partition[];
  readonly decided: (() => void) | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Group commit. A round takes all entries that wait, writes them at once and syncs, side by side, the transaction log and
 * every partition that they touch. Data and entry need no order between them: recovery believes an entry only where the
 * partitions reach the offsets in it. Entries that come meanwhile make up the next round.
 */
export class CommitRounds {
  private waiting: Waiter[] = [];
  private running: Promise<void> | undefined;
  private retiring: Promise<void> | undefined;
  /** Partitions with markers that may not be on disk: what entries stand for until then. */
  private readonly markedSince = new Set<Partition>();

  constructor(
    private readonly log: TransactionLog,
    private readonly entries: () => TransactionEntry[],
  ) {}

  /**
   * Resolves when the entry and everything written to the partitions before the call is on disk. `decided` runs first, in the same
   * turn: a checkpoint that came between would write the log anew without the decision. @throws KAFKA_STORAGE_ERROR
   */
  add(entry: TransactionEntry, partitions: readonly Partition[], decided?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ entry, partitions, decided, resolve, reject });
      this.running ??= this.run();
    });
  }

  marked(partition: Partition): void {
    this.markedSince.add(partition);
  }

  async idle(): Promise<void> {
    await this.running;
    await this.retiring;
  }

  private async run(): Promise<void> {
    // A turn of the microtask queue: ends that are called in one go share the first round too.
    await undefined;
    while (this.waiting.length > 0) {
      const round = this.waiting;
      this.waiting = [];
      await this.commit(round);
    }
    this.running = undefined;
  }

  private async commit(round: readonly Waiter[]): Promise<void> {
    const failed = new Map<Partition, unknown>();
    try {
      if (this.log.canMoveOn) this.log.moveOn(this.entries());
      this.log.write(round.map((w) => w.entry));
      const syncs: Promise<void>[] = [this.log.sync()];
      const seen = new Set<Partition>();
      for (const w of round)
        for (const p of w.partitions) {
          if (seen.has(p)) continue;
          seen.add(p);
          syncs.push(p.flush().catch((error) => void failed.set(p, error)));
        }
      await Promise.all(syncs);
    } catch (error) {
      for (const w of round) w.reject(error);
      return;
    }
    for (const w of round) {
      const bad = failed.size === 0 ? undefined : w.partitions.find((p) => failed.has(p));
      if (bad !== undefined) w.reject(failed.get(bad));
      else {
        w.decided?.();
        w.resolve();
      }
    }
    // only now: what the newer file began with has been synced, and its markers are written
    if (this.log.hasOld) this.retiring ??= this.retire();
  }

  /** Once the markers and batches that the log's file before stands for are on disk, it may be written over. */
  private async retire(): Promise<void> {
    const marked = [...this.markedSince].filter((p) => !p.deleted);
    this.markedSince.clear();
    try {
      // one after the other: together they would keep every thread for files busy, and the rounds meanwhile would wait for one
      for (const p of marked) await p.flush();
      this.log.release();
    } catch {
      // the file stays, and the next round tries again
      for (const p of marked) this.markedSince.add(p);
    }
    this.retiring = undefined;
  }

  /**
   * Writes the log anew. The entries that go away with it stand for markers, so those are put on disk first; where one could not be
   * written, the log stays as it is. @throws KAFKA_STORAGE_ERROR
   */
  async checkpoint(): Promise<void> {
    await Promise.all([...this.markedSince].filter((p) => !p.deleted).map((p) => p.flush()));
    await this.log.start(this.entries());
  }
}
