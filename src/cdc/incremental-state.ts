import type { Signal } from "./signals.js";

/** How far an incremental snapshot is: stored with the offset, so that it goes on after a restart. */
export interface IncrementalTable {
  readonly schema: string;
  readonly name: string;
  readonly condition: string | null;
  readonly surrogateKey: string | null;
  /** the id of the signal that asked for it */
  readonly signal: string;
}

export class IncrementalState {
  tables: IncrementalTable[] = [];
  /** texts of the key of the last row that was sent of the first table */
  after: string[] | null = null;
  /** texts of the key at which the first table ends */
  last: string[] | null = null;
  paused = false;
  /** seen in the stream and not yet acted on: the offset is behind them already */
  signals: Signal[] = [];

  static read(text: string | null): IncrementalState {
    const state = new IncrementalState();
    if (text) Object.assign(state, JSON.parse(text));
    return state;
  }

  write(): string | null {
    const { tables, after, last, paused, signals } = this;
    if (!tables.length && !signals.length) return null;
    return JSON.stringify({ tables, after, last, paused, ...(signals.length ? { signals } : {}) });
  }

  get current(): IncrementalTable | undefined {
    return this.tables[0];
  }

  add(table: IncrementalTable): void {
    if (!this.tables.some((t) => t.schema === table.schema && t.name === table.name)) this.tables.push(table);
  }

  /** Takes tables off the list; the first one loses its place. */
  drop(unwanted: (t: IncrementalTable) => boolean): void {
    const first = this.tables[0];
    this.tables = this.tables.filter((t) => !unwanted(t));
    if (this.tables[0] !== first) this.after = this.last = null;
  }

  nextTable(): void {
    this.tables = this.tables.slice(1);
    this.after = this.last = null;
  }
}
