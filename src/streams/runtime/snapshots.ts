import type { TransactionalProducer } from "../../broker/api/producer.js";
import { describeError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import type { KeyedStore } from "../state/keyed-store.js";
import { writeSnapshot } from "../state/snapshot.js";
import type { StoreSpec } from "../topology/topology.js";
import type { RecordQueue } from "./record-queue.js";
import { layoutOf, snapshotPath } from "./restore.js";
import type { StreamTask } from "./stream-task.js";

/** A task's part of a store. */
export interface StorePart {
  readonly task: StreamTask;
  readonly spec: StoreSpec;
  readonly store: KeyedStore;
  readonly changelog: { readonly topic: string; readonly topicId: string; readonly partition: number };
  /** of the task's snapshots; absent where state lives in memory alone */
  readonly folder?: string;
  /** of the last snapshot, in the store's `bytesApplied` */
  snapshotAt: number;
}

export interface SnapshotsOptions {
  /** bytes written to a store before its next snapshot, at least; and at least as much as the store holds */
  readonly everyBytes: number;
  readonly producer: TransactionalProducer;
  readonly logger: Logger;
  /** next offset of an input as committed */
  readonly committed: (queue: RecordQueue) => number;
}

/** Writes a query's stores to files, one at a time, while the query runs. */
export class Snapshots {
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly options: SnapshotsOptions) {}

  /** After a commit: begins a snapshot where one is due. */
  schedule(parts: readonly StorePart[]): void {
    if (this.running !== undefined || this.stopped) return;
    const due = parts.find(
      ({ folder, store, snapshotAt }) =>
        folder !== undefined && store.bytesApplied - snapshotAt >= Math.max(this.options.everyBytes, store.table.bytes),
    );
    if (!due) return;
    this.running = this.write(due, () => this.stopped)
      .catch((error: unknown) =>
        this.options.logger.warn("a snapshot could not be written; a restart replays more of the changelog", {
          store: due.spec.name,
          error: describeError(error),
        }),
      )
      .finally(() => {
        this.running = undefined;
      });
  }

  /** Gives up the one under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    this.stopped = false;
  }

  /** At a close: what changed since the last snapshots. */
  async writeAll(parts: readonly StorePart[]): Promise<void> {
    for (const part of parts) if (part.store.bytesApplied > part.snapshotAt) await this.write(part, () => false);
  }

  private async write(part: StorePart, aborted: () => boolean): Promise<void> {
    const { folder, store, spec, changelog } = part;
    const offset = this.changelogOffset(part);
    if (folder === undefined || offset < 0) return;
    const { bytesApplied } = store;
    const header = { topicId: changelog.topicId, offset, layout: layoutOf(spec) };
    if (await writeSnapshot(snapshotPath(folder, spec.name), store, header, aborted)) part.snapshotAt = bytesApplied;
  }

  /** Everything that the store holds now lies ahead of it in the changelog; -1 where that is not known yet. */
  private changelogOffset({ spec, task, changelog }: StorePart): number {
    if (spec.changelog.type === "source") {
      const { source } = spec.changelog;
      const queue = task.queues.find((q) => q.source.name === source);
      return queue === undefined ? -1 : this.options.committed(queue);
    }
    return this.options.producer.partition(changelog.topic, changelog.partition).nextOffset;
  }
}
