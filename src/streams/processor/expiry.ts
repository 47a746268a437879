import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import type { ProcessorContext } from "./processor.js";

/** How often in a time to live the rows are gone through. */
const rounds = 8;
/** ms of wall clock between two looks at it */
const leastInterval = 50;
const mostInterval = 10_000;

/**
 * Rows of a table that live for `ttl` ms after their last change. Time is the task's stream time, carried on by the wall clock
 * while there is nothing to read; so a replay of old records expires what it did at first, and a table whose input has ended
 * expires too. A row that is met after its time is gone already; the others go in rounds, `rounds` of them in a time to live. Both go
 * by the records' times alone, so a resumed query gives what it would have given.
 */
export class Expiry {
  private time: number;
  private swept: number;
  private looked = -1;

  /** @param forget deletes the row at the store's cursor, and hands that on with the row and the time at which it ended */
  constructor(
    private readonly ttl: number,
    private readonly store: KeyedStore,
    private readonly context: ProcessorContext,
    private readonly forget: (key: Row, row: Row, time: number) => void,
  ) {
    this.time = context.streamTime;
    this.swept = this.round();
    const interval = Math.min(Math.max(Math.floor(ttl / rounds), leastInterval), mostInterval);
    context.schedule(interval, "wall-clock", (now) => this.look(now, 2 * interval));
  }

  /** Ahead of each change of the table. */
  advance(key: Row): void {
    this.moveTo(this.context.streamTime);
    const row = this.store.get(key);
    if (row !== null && this.store.timestamp + this.ttl <= this.time) this.end(key, row);
  }

  /** Only time that passes while nothing is to be read counts: a query that was paused or is behind has not been idle. */
  private look(now: number, most: number): void {
    const passed = this.context.idle && this.looked >= 0 ? Math.min(now - this.looked, most) : 0;
    this.looked = now;
    if (this.time >= 0) this.moveTo(this.time + passed);
  }

  private moveTo(time: number): void {
    if (time <= this.time) return;
    this.time = time;
    const round = this.round();
    if (round === this.swept) return;
    this.swept = round;
    for (const key of this.store.idleSince(time - this.ttl)) {
      const row = this.store.get(key);
      if (row !== null) this.end(key, row);
    }
  }

  private round(): number {
    return Math.floor(this.time / Math.max(1, Math.floor(this.ttl / rounds)));
  }

  /** No record has caused it: it carries neither headers nor a source's time. */
  private end(key: Row, row: Row): void {
    const { context } = this;
    const { sourceTime, record } = context;
    const { headers } = record;
    context.sourceTime = -1;
    record.headers = [];
    this.forget(key, row, this.store.timestamp + this.ttl);
    context.sourceTime = sourceTime;
    record.headers = headers;
  }
}
