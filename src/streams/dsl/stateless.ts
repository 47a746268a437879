import type { Row } from "../../serde/row-serde.js";
import type { Processor, ProcessorContext } from "../processor/processor.js";
import { type Forward, forwardTo, rowOf, VALUE } from "./rows.js";

export type Predicate = (key: unknown, value: unknown) => boolean;

/** Records that pass, as they are; one without a value too. */
export class Filter implements Processor {
  private next!: Processor;
  constructor(private readonly predicate: Predicate) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (this.predicate(key[0], row === null ? null : row[VALUE])) this.next.process(key, row, null, timestamp);
  }
}

/** Each record becomes none, one or several others. */
export class Apply implements Processor {
  private forward!: Forward;
  constructor(private readonly apply: (key: unknown, value: unknown, timestamp: number, forward: Forward) => void) {}
  init(context: ProcessorContext): void {
    this.forward = forwardTo(context.next);
  }
  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    this.apply(key[0], row === null ? null : row[VALUE], timestamp, this.forward);
  }
}

/** Looks at records and hands them on as they are. */
export class Peek implements Processor {
  private next!: Processor;
  constructor(private readonly look: (key: unknown, value: unknown) => void) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    this.look(key[0], row === null ? null : row[VALUE]);
    this.next.process(key, row, old, timestamp);
  }
}

/** Where a row of a split stream says which branch it is of. */
const BRANCH = 6;

/** Finds each record's branch, once: the first whose predicate it passes, or the one behind them. */
export class Split implements Processor {
  private next!: Processor;
  constructor(private readonly predicates: readonly Predicate[]) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    const value = row === null ? null : row[VALUE];
    const found = this.predicates.findIndex((predicate) => predicate(key[0], value));
    const marked = rowOf(key[0], value, timestamp);
    marked[BRANCH] = found < 0 ? this.predicates.length : found;
    this.next.process(marked, row === null ? null : marked, null, timestamp);
  }
}

export class Branch implements Processor {
  private next!: Processor;
  constructor(private readonly index: number) {}
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (key[BRANCH] === this.index) this.next.process(key, row, null, timestamp);
  }
}

/** Hands on what comes from several nodes, or a table's changes as a stream's records. */
export class Pass implements Processor {
  private next!: Processor;
  init(context: ProcessorContext): void {
    this.next = context.next;
  }
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    this.next.process(key, row, old, timestamp);
  }
}
