import { randomInt } from "node:crypto";
import type { FetchResult } from "../api/broker.js";

export interface Wanted {
  /** undefined: no topic has this id */
  readonly topic: string | undefined;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

/** A partition of a session, with what its client was told of it last. */
export class SessionPartition {
  readonly topic: string | undefined;
  readonly topicId: string;
  readonly partition: number;
  offset: number;
  maxBytes: number;
  private highWatermark = -2;
  private logStartOffset = -2;
  private errorCode = 0;

  constructor(wanted: Wanted) {
    this.topic = wanted.topic;
    this.topicId = wanted.topicId;
    this.partition = wanted.partition;
    this.offset = wanted.offset;
    this.maxBytes = wanted.maxBytes;
  }

  /** Whether an incremental answer must hold the partition: records, an error, or marks that moved. */
  changed(result: FetchResult, errorCode: number): boolean {
    return (
      result.batches.length > 0 ||
      errorCode !== 0 ||
      this.errorCode !== 0 ||
      result.highWatermark !== this.highWatermark ||
      result.logStartOffset !== this.logStartOffset
    );
  }

  answered(result: FetchResult, errorCode: number): void {
    this.highWatermark = result.highWatermark;
    this.logStartOffset = result.logStartOffset;
    this.errorCode = errorCode;
  }
}

/**
 * An incremental fetch session (KIP-227): the client names only what changed, and is told only what changed. Partitions that were
 * served go to the end, so that a full answer starves none.
 */
export class FetchSession {
  readonly id = randomInt(1, 0x7fff_ffff);
  /** The epoch that the next request must have. */
  epoch = 1;
  private readonly byKey = new Map<string, SessionPartition>();

  constructor(wanted: readonly Wanted[]) {
    for (const w of wanted) this.byKey.set(keyOf(w), new SessionPartition(w));
  }

  partitions(): SessionPartition[] {
    return [...this.byKey.values()];
  }

  change(wanted: readonly Wanted[], forgotten: readonly Pick<Wanted, "topic" | "topicId" | "partition">[]): void {
    this.epoch = this.epoch === 0x7fff_ffff ? 1 : this.epoch + 1;
    for (const w of wanted) {
      const known = this.byKey.get(keyOf(w));
      if (known) {
        known.offset = w.offset;
        known.maxBytes = w.maxBytes;
      } else this.byKey.set(keyOf(w), new SessionPartition(w));
    }
    for (const f of forgotten) this.byKey.delete(keyOf(f));
  }

  served(partitions: readonly SessionPartition[]): void {
    for (const p of partitions) {
      this.byKey.delete(keyOf(p));
      this.byKey.set(keyOf(p), p);
    }
  }
}

function keyOf({ topic, topicId, partition }: Pick<Wanted, "topic" | "topicId" | "partition">): string {
  return `${topic ?? topicId}/${partition}`;
}
