import { inRange } from "../streams/dsl/processor-api.js";
import type { Windowed } from "../streams/dsl/windows.js";
import type { StoredRow, StoreView } from "../streams/state/store.js";

/** A store while its service runs: what the last commit left. Of windowed tables by key and time. */
export interface ReadOnlyStore<K, V> {
  readonly name: string;
  /** of a table that is not windowed */
  get(key: K): V | undefined;
  /** Entries whose keys lie in [from, to], in the order of the keys. */
  range(from: K, to: K): (readonly [key: K, value: V])[];
  /** All entries, in no order; of a windowed table under their windowed keys. */
  all(): IterableIterator<readonly [key: K, value: V]>;
  /** The windows of a key that start in [from, to] (ms), in order. */
  fetch<W = K extends Windowed<infer I> ? I : never>(key: W, from: number, to: number): (readonly [key: Windowed<W>, value: V])[];
  readonly approximateNumEntries: number;
}

export class ReadOnlyStoreView<K, V> implements ReadOnlyStore<K, V> {
  readonly name: string;

  constructor(private readonly view: StoreView) {
    this.name = view.name;
  }

  get(key: K): V | undefined {
    const found = this.view.get([key]);
    return found === undefined ? undefined : (found.row[1] as V);
  }

  range(from: K, to: K): (readonly [K, V])[] {
    return inRange(this.all(), from, to);
  }

  *all(): IterableIterator<readonly [K, V]> {
    for (const found of this.view.scan())
      yield this.view.windowed ? (this.windowed(found) as readonly [K, V]) : [found.row[0] as K, found.row[1] as V];
  }

  fetch<W>(key: W, from: number, to: number): (readonly [Windowed<W>, V])[] {
    return this.view.fetch([key], from, to).map((found) => this.windowed<W>(found));
  }

  get approximateNumEntries(): number {
    return this.view.size;
  }

  /** Rows `[key, start, value, …, window start, window end]`. */
  private windowed<W>({ row }: StoredRow): readonly [Windowed<W>, V] {
    const window = { start: row[row.length - 2] as number, end: row[row.length - 1] as number };
    return [{ key: row[0] as W, window }, row[2] as V];
  }
}
