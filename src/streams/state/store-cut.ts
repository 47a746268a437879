import type { StoredRow } from "./store.js";

/** What a cut asks of its store. */
export interface CutSource {
  /** The entry's key, the same text for the same key. */
  keyText(at: number): string;
  /** The committed row of an entry, undefined where it has none. */
  rowAt(at: number): StoredRow | undefined;
  /** All entries, in the order of their positions. */
  entries(): Iterable<number>;
  closed(cut: StoreCut): void;
}

/**
 * A store's committed rows as they are now, read bit by bit while the store goes on: ahead of each change the store tells
 * `changing`, which keeps the row that the walk has not come to yet. Entries move only towards the end, so each changed key is met
 * again at most behind the walk or ahead of it, and is left out there.
 */
export class StoreCut {
  /** by key: the row as it was, or undefined where it was handed on already or was not there */
  private readonly changed = new Map<string, StoredRow | undefined>();
  private at = -1;

  constructor(private readonly source: CutSource) {}

  changing(at: number): void {
    const key = this.source.keyText(at);
    if (!this.changed.has(key)) this.changed.set(key, at <= this.at ? undefined : this.source.rowAt(at));
  }

  *rows(): Generator<StoredRow> {
    const { source, changed } = this;
    try {
      for (const at of source.entries()) {
        this.at = at;
        if (changed.size > 0 && changed.has(source.keyText(at))) continue;
        const row = source.rowAt(at);
        if (row) yield row;
      }
      this.at = Number.MAX_SAFE_INTEGER;
      for (const row of changed.values()) if (row) yield row;
    } finally {
      this.close();
    }
  }

  close(): void {
    this.source.closed(this);
  }
}
