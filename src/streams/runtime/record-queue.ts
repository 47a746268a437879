import { giveMemory } from "../../protocol/batch-memory.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { SourceSpec } from "../topology/topology.js";

/** The bytes that one fetch brought of a partition, which the next fetches use again once all queues are through with them. */
export class FetchedBytes {
  constructor(
    private readonly bytes: Buffer,
    private queues: number,
  ) {}

  /** A queue has no record left in them: rows hold copies. */
  done(): void {
    // A part of something larger is not ours to give.
    if (--this.queues === 0 && this.bytes.byteOffset === 0) giveMemory(this.bytes);
  }
}

/** The raw batches of one input partition. Only the head record is looked at; nothing is decoded before its turn. */
export class RecordQueue {
  readonly cursor = new RecordCursor();
  /** The cursor stands on a record that waits to be processed. */
  hasHead = false;
  /** The next offset to be processed, past markers: what a commit stores. */
  position: number;
  /** The log's last stable offset when it was last asked. */
  end = 0;
  /** Nothing more was in the log up to its last stable offset when it was last asked. */
  caughtUp = false;
  bytes = 0;
  private batches: Buffer[] = [];
  private froms: number[] = [];
  /** beside the last batch of each fetch */
  private fetches: (FetchedBytes | undefined)[] = [];
  private reading: FetchedBytes | undefined;
  private at = 0;
  private from = 0;
  private fetched: number;

  constructor(
    readonly source: SourceSpec,
    readonly topic: string,
    readonly partition: number,
    start: number,
  ) {
    this.position = start;
    this.fetched = start;
  }

  /** Where the next fetch begins. */
  get fetchPosition(): number {
    return this.fetched;
  }

  /** @param from skip records below it; @param next position after these batches; @param fetch whose bytes they are part of */
  add(batches: readonly Buffer[], from: number, next: number, fetch?: FetchedBytes): void {
    for (let i = 0; i < batches.length; i++) {
      const batch = batches[i]!;
      this.batches.push(batch);
      this.froms.push(from);
      this.fetches.push(i === batches.length - 1 ? fetch : undefined);
      this.bytes += batch.length;
    }
    this.fetched = next;
    if (!this.hasHead) this.advance();
  }

  /** To the next record, after the head was processed. */
  advance(): void {
    const { cursor } = this;
    for (;;) {
      while (cursor.next()) {
        if (cursor.offset < this.from) continue;
        this.hasHead = true;
        this.position = cursor.offset;
        return;
      }
      this.reading?.done();
      this.reading = undefined;
      if (this.at === this.batches.length) break;
      const batch = this.batches[this.at]!;
      this.from = this.froms[this.at]!;
      this.reading = this.fetches[this.at];
      this.at++;
      this.bytes -= batch.length;
      cursor.open(batch);
    }
    this.hasHead = false;
    this.position = this.fetched;
    this.batches = [];
    this.froms = [];
    this.fetches = [];
    this.at = 0;
  }
}
