import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import type { Processor, ProcessorContext } from "./processor.js";

/** Each different row of a stream once, when it first comes. Its store holds them all; rows of one content must come to one task. */
export class DistinctStream implements Processor {
  private next!: Processor;
  private context!: ProcessorContext;
  private seen!: KeyedStore;

  constructor(private readonly store: string) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.seen = context.store(this.store);
  }

  process(_key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null || this.seen.get(row) !== null) return;
    this.seen.putCurrent(row, timestamp, this.context.sourceTime);
    this.next.process(row, row, null, timestamp);
  }
}

/** That a table's key came to be there, or went: what else changes in its row is not handed on. Changes carry the row before them. */
export class DistinctTable implements Processor {
  private next!: Processor;

  init(context: ProcessorContext): void {
    this.next = context.next;
  }

  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    if ((row === null) !== (old === null)) this.next.process(key, row, old, timestamp);
  }
}
