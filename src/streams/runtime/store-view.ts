import type { Row } from "../../serde/row-serde.js";
import { sessionRows } from "../processor/session-aggregate.js";
import type { KeyedStore } from "../state/keyed-store.js";
import type { StoredRow, StoredRows, StoreSchema, StoreView } from "../state/store.js";
import type { StoreSpec } from "../topology/topology.js";

/** A query's store over all tasks. Every key lives in one task; which one is not asked, as there are few. */
export class QueryStoreView implements StoreView {
  readonly name: string;
  readonly schema: StoreSchema;
  readonly windowed: boolean;

  constructor(
    private readonly spec: StoreSpec,
    private readonly parts: () => readonly KeyedStore[],
  ) {
    this.name = spec.name;
    this.schema = spec.schema;
    this.windowed = spec.kind !== "key-value";
  }

  get(key: Row): StoredRow | undefined {
    for (const store of this.parts()) {
      const found = store.committed(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Window start is the store's last key column: each aligned start in the range is looked up, or all rows where they are fewer. */
  fetch(key: Row, from: number, to: number): StoredRow[] {
    const advance = this.spec.windowAdvance ?? this.spec.windowSize ?? 1;
    const rows: StoredRow[] = [];
    if (this.spec.kind === "session") {
      for (const store of this.parts()) {
        const found = store.committed(key);
        if (found)
          rows.push(
            ...this.sessions(found).filter(({ row }) => (row[row.length - 2] as number) >= from && (row[row.length - 2] as number) <= to),
          );
      }
      return rows;
    }
    const at = this.schema.key.length - 1;
    const { retention, windowSize = 1 } = this.spec;
    const latest = this.parts().reduce((max, store) => Math.max(max, store.maxTimestamp), -1);
    // What is older has expired, or is about to.
    const first = retention === undefined ? from : Math.max(from, latest - retention - 2 * windowSize);
    const last = Math.min(to, latest);
    if (!Number.isFinite(first) || (last - first) / advance > this.size) {
      for (const found of this.scan()) {
        let same = (found.row[at] as number) >= from && (found.row[at] as number) <= to;
        for (let i = 0; same && i < at; i++) same = found.row[i] === key[i];
        if (same) rows.push(found);
      }
      return rows.sort((a, b) => (a.row[at] as number) - (b.row[at] as number));
    }
    for (let start = Math.ceil(first / advance) * advance; start <= last; start += advance) {
      const found = this.get([...key.slice(0, at), start]);
      if (found !== undefined) rows.push(found);
    }
    return rows;
  }

  *scan(): IterableIterator<StoredRow> {
    for (const store of this.parts()) {
      if (this.spec.kind !== "session") yield* store.scan();
      else for (const found of store.scan()) yield* this.sessions(found);
    }
  }

  cut(): StoredRows {
    const cuts = this.parts().map((store) => store.cut());
    const rows = function* (view: QueryStoreView) {
      for (const cut of cuts)
        if (view.spec.kind !== "session") yield* cut.rows();
        else for (const found of cut.rows()) yield* view.sessions(found);
    };
    return {
      rows: rows(this),
      close() {
        for (const cut of cuts) cut.close();
      },
    };
  }

  private sessions({ row }: StoredRow): StoredRow[] {
    return sessionRows(row, this.schema.key.length).map((each) => ({ row: each, timestamp: each[each.length - 1] as number }));
  }

  get size(): number {
    let size = 0;
    for (const store of this.parts()) size += store.table.size;
    return size;
  }
}
