import type { OutputColumn } from "../../sql/planner/plan-statement.js";
import type { OutputRow } from "../../streams/runtime/query.js";
import type { QueryResult, ResultRow } from "../query-result.js";

export interface PushShape {
  readonly queryId: string;
  readonly columns: readonly OutputColumn[];
  /** of the rows that are fed */
  readonly keyColumns: number;
  readonly limit: number | null;
  readonly isTable: boolean;
}

/** Where a push query's rows come from. */
export interface Feed {
  /** Absent where it cannot be held back: a reader that falls behind is then ended. */
  readonly hold?: { pause(): void; resume(): void };
  close(): Promise<void>;
}

export interface Feeding {
  rows(rows: readonly OutputRow[]): void;
  /** No more rows come; with an error where that is why. */
  end(error?: Error): void;
}

/** Rows that wait for the reader, beyond which its feed is held back; it goes on at a quarter of it. */
const mostWaiting = 10_000;

/**
 * A push query's answer: what is fed waits here until the reader takes it.
 * @param behind the error that ends a reader who does not keep up with a feed that cannot be held back
 */
export async function pushResult(shape: PushShape, open: (feeding: Feeding) => Promise<Feed>, behind?: () => Error): Promise<QueryResult> {
  const { columns, keyColumns, limit, isTable } = shape;
  const positions = columns.map((c) => c.index);
  let waiting: ResultRow[] = [];
  let left = limit ?? Number.POSITIVE_INFINITY;
  let ended = left === 0;
  let limited = left === 0;
  let failure: Error | undefined;
  let paused = false;
  let wake: (() => void) | undefined;
  let closing: Promise<void> | undefined;
  const notify = () => {
    wake?.();
    wake = undefined;
  };
  let feed: Feed | undefined;
  feed = await open({
    rows(rows) {
      if (ended) return;
      for (const out of rows) {
        // A table has no row without a key, a stream none without a value.
        if (isTable ? isNullKey(out.key, keyColumns) : out.row === null) continue;
        waiting.push({ values: valuesOf(out, positions, keyColumns), tombstone: out.row === null });
        if (--left > 0) continue;
        limited = ended = true;
        break;
      }
      if (!paused && waiting.length > mostWaiting) {
        if (feed?.hold) {
          paused = true;
          feed.hold.pause();
        } else {
          failure = behind?.();
          ended = true;
        }
      }
      notify();
    },
    end(error) {
      if (!ended) failure = error;
      ended = true;
      notify();
    },
  });

  const close = (): Promise<void> => {
    ended = true;
    notify();
    return (closing ??= feed.close());
  };

  async function* batches(): AsyncGenerator<readonly ResultRow[]> {
    try {
      for (;;) {
        if (waiting.length > 0) {
          const batch = waiting;
          waiting = [];
          yield batch;
          if (paused && waiting.length < mostWaiting / 4) {
            paused = false;
            feed?.hold?.resume();
          }
        } else if (failure) throw failure;
        else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      await close();
    }
  }

  return {
    kind: "push",
    queryId: shape.queryId,
    columns,
    isTable,
    batches: batches(),
    limitReached: () => limited,
    close,
  };
}

/** In the order of the select list; of a deleted row the key columns alone. */
function valuesOf({ key, row }: OutputRow, positions: readonly number[], keys: number): unknown[] {
  if (row !== null) return positions.map((p) => row[p] ?? null);
  return positions.map((p) => (p < keys ? (key[p] ?? null) : null));
}

function isNullKey(key: OutputRow["key"], keys: number): boolean {
  for (let i = 0; i < keys; i++) if (key[i] !== null) return false;
  return keys > 0;
}
