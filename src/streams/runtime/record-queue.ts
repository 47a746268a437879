import { RecordCursor } from "../../protocol/record-cursor.js";
import type { SourceSpec } from "../topology/topology.js";

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

  /** @param from skip records below it; @param next position after these batches */
  add(batches: readonly Buffer[], from: number, next: number): void {
    for (const batch of batches) {
      this.batches.push(batch);
      this.froms.push(from);
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
      if (this.at === this.batches.length) break;
      const batch = this.batches[this.at]!;
      this.from = this.froms[this.at]!;
      this.at++;
      this.bytes -= batch.length;
      cursor.open(batch);
    }
    this.hasHead = false;
    this.position = this.fetched;
    this.batches = [];
    this.froms = [];
    this.at = 0;
  }
}
