import type { SqlField, SqlType } from "../../data/sql-type.js";
import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import type { StoreSchema } from "../state/store.js";
import { PSEUDO_COLUMNS } from "../topology/record-format.js";
import type { RowAggregator } from "./aggregate.js";
import { PendingRecords } from "./join-time.js";
import { compareRows } from "./key-order.js";
import type { Processor, ProcessorContext } from "./processor.js";
import type { Bind } from "./stateless.js";

/** A group's session: `[start, end, source time, ...carried columns and states]`; end is the time of its last record. */
type Session = readonly unknown[];

/** For each group the sessions that may still grow or be asked for, by start. */
export function sessionSchema(key: readonly SqlField[], stored: readonly SqlField[]): StoreSchema {
  const bigint: SqlType = { base: "BIGINT" };
  const fields = [{ name: "START", type: bigint }, { name: "END", type: bigint }, { name: "SOURCE_TIME", type: bigint }, ...stored];
  return { key, value: [{ name: "SESSIONS", type: { base: "ARRAY", element: { base: "STRUCT", fields } } }] };
}

/** The sessions in a row of a session store, each as a windowed aggregate's stored row `[...key, start, ...stored, ...pseudo]`. */
export function sessionRows(stored: Row, keyColumns: number): Row[] {
  return ((stored[keyColumns] ?? []) as readonly Session[]).map((session) => sessionRow(stored, session, keyColumns));
}

function sessionRow(key: Row, session: Session, keyColumns: number): Row {
  return [...key.slice(0, keyColumns), session[0], ...session.slice(3), session[1], null, null, session[0], session[1]];
}

export interface SessionAggregateOptions {
  readonly store: string;
  readonly aggregator: Bind<RowAggregator>;
  readonly keyColumns: number;
  /** ms without a record that end a session */
  readonly gap: number;
  readonly grace: number;
  readonly retention: number;
  /** A session is handed on once, when it has closed: EMIT FINAL. */
  readonly final?: boolean;
}

/**
 * A row for each group and session. A record joins every session that it lies within `gap` of: they become one, the former ones are
 * deleted downstream and the one that is left is handed on. Every change is handed on at once, or, where only final results are wanted,
 * each session when no record can join it any more: by its end, its start, then by key.
 */
export class SessionAggregate implements Processor {
  private store!: KeyedStore;
  private next!: Processor;
  private context!: ProcessorContext;
  private aggregator!: RowAggregator;
  /** of final results: groups by the ends that their sessions had */
  private readonly open = new PendingRecords(0, () => {});

  constructor(private readonly options: SessionAggregateOptions) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.store = context.store(this.options.store);
    this.aggregator = this.options.aggregator(context);
    const { final, keyColumns, grace, gap } = this.options;
    if (!final) return;
    // What had closed by the last commit was handed on before it.
    const closed = this.store.maxTimestamp - grace - gap;
    for (const { row } of this.store.scan())
      for (const session of (row[keyColumns] ?? []) as readonly Session[])
        if ((session[1] as number) >= closed) this.open.push(row.slice(0, keyColumns), session[1] as number);
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    const { store, context, aggregator } = this;
    const { keyColumns, gap, grace, retention, final } = this.options;
    const observed = Math.max(store.maxTimestamp, timestamp);
    const closed = observed - grace - gap;
    // Ahead of the group's own sessions being read: those that have closed are dropped from them below.
    if (final) this.emitClosed(closed);
    const before = (store.get(key)?.[keyColumns] ?? []) as readonly Session[];
    const touched = before.filter((s) => (s[1] as number) >= timestamp - gap && (s[0] as number) <= timestamp + gap);
    let start = timestamp;
    let end = timestamp;
    let merged: Row | null = null;
    let { sourceTime } = context;
    for (const session of touched) {
      start = Math.min(start, session[0] as number);
      end = Math.max(end, session[1] as number);
      sourceTime = Math.max(sourceTime, session[2] as number);
      const each = sessionRow(key, session, keyColumns);
      merged = merged === null ? each : aggregator.merge(merged, each);
    }
    if (end < closed) {
      context.logError({
        stage: this.options.store,
        message: `late record: a session that ends at ${end} is closed at stream time ${observed}`,
      });
      return;
    }
    const stored = aggregator.add(merged, row, start);
    const width = stored.length;
    stored[keyColumns] = start;
    stored[width - PSEUDO_COLUMNS] = end;
    stored[width - 2] = start;
    stored[width - 1] = end;
    const session: Session = [start, end, sourceTime, ...stored.slice(keyColumns + 1, width - PSEUDO_COLUMNS)];
    const oldest = observed - retention;
    const kept = before.filter((s) => !touched.includes(s) && (s[1] as number) >= oldest);
    kept.push(session);
    kept.sort((a, b) => (a[0] as number) - (b[0] as number));
    const list: Row = key.slice(0, keyColumns);
    list.push(kept, null, null, null, null, null);
    store.putCurrent(list, Math.max(end, store.timestamp), sourceTime);
    context.sourceTime = sourceTime;
    if (final) {
      if (!touched.some((s) => s[1] === end)) this.open.push(list.slice(0, keyColumns), end);
      return;
    }
    // A former session goes even where the new one is as long: what is downstream of it sees it end and begin.
    for (const former of start === timestamp && end === timestamp ? [] : touched) {
      const gone = aggregator.result(sessionRow(key, former, keyColumns));
      this.next.process(gone, null, gone, former[1] as number);
    }
    const emitted = aggregator.result(stored);
    this.next.process(emitted, emitted, null, end);
  }

  private emitClosed(before: number): void {
    const { store, context, aggregator } = this;
    const { keyColumns } = this.options;
    const ended = this.open.closed(before);
    if (ended.length === 0) return;
    const { sourceTime } = context;
    const found: { key: Row; session: Session }[] = [];
    // A session that has grown since has another end.
    for (const { key, timestamp } of ended)
      for (const session of (store.get(key)?.[keyColumns] ?? []) as readonly Session[])
        if (session[1] === timestamp) found.push({ key, session });
    found.sort(
      (a, b) =>
        (a.session[1] as number) - (b.session[1] as number) ||
        (a.session[0] as number) - (b.session[0] as number) ||
        compareRows(a.key, b.key, keyColumns),
    );
    for (const { key, session } of found) {
      context.sourceTime = session[2] as number;
      const emitted = aggregator.result(sessionRow(key, session, keyColumns));
      this.next.process(emitted, emitted, null, session[1] as number);
    }
    context.sourceTime = sourceTime;
  }
}
