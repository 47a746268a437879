import { MillraceError } from "../../common/errors.js";
import { nextTurn } from "../../common/turn.js";
import type { Row } from "../../serde/row-serde.js";
import type { EvalContext } from "../../sql/evaluate/context.js";
import type { Bounds, PullPlan } from "../../sql/planner/plan-statement.js";
import type { StoredRow, StoredRows, StoreView } from "../../streams/state/store.js";
import type { PersistentQuery } from "../persistent/persistent-query.js";
import type { Materialization } from "../physical/build-topology.js";
import type { EngineServices } from "../services.js";
import { readTopicRows } from "../topic-rows.js";
import { compareKeys } from "./compare-keys.js";
import type { Constant, PreparedPull } from "./pull-query.js";
import { rowText } from "./row-text.js";

export const batchRows = 1000;

export function evalContext(services: EngineServices): EvalContext {
  return { now: () => services.clock.now(), random: Math.random, onError: () => {} };
}

/**
 * What a pull query takes of one source: the rows `[...key, ...value, ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND]`
 * that its keys and its WHERE clause name, and behind them the values of its parameters.
 */
export interface Reading {
  /** of rows that are named by their keys: all of them, now */
  readonly ready?: () => Row[];
  /** Whether the table's query is between two commits at this moment. */
  atCommit(): boolean;
  /** Takes the table as it is now, to be read bit by bit; `batches` does so where it was not done. */
  open(): void;
  batches(): AsyncGenerator<Row[]>;
  /** Gives up what was taken and not read. */
  close(): void;
}

/** @throws SQL_STATEMENT where the table is not materialized; TIMEOUT (retriable) while its query does not run */
export function readingOf(
  prepared: PreparedPull,
  values: readonly unknown[],
  materializedBy: PersistentQuery | undefined,
  services: EngineServices,
  signal: AbortSignal,
): Reading {
  const { plan, residual } = prepared;
  const context = evalContext(services);
  const parameters: Row = values.length === 0 ? [] : [...new Array(prepared.width).fill(null), ...values];
  const fits = (row: Row) => {
    if (values.length > 0) row.push(...values);
    return residual === null || residual(row, context);
  };
  if (plan.source.kind === "stream") {
    const batches = async function* () {
      for await (const rows of readTopicRows(plan.source, services.broker, services.registry, signal)) yield rows.filter(fits);
    };
    return { atCommit: () => true, open: () => {}, batches, close: () => {} };
  }
  const state = committedState(plan, materializedBy);
  const handle = materializedBy!.running!;
  if (plan.lookup.kind === "keys") {
    let taken: Row[] | undefined;
    const ready = () => (taken ??= [...tableRows(prepared, state, byKeys(prepared, state.view, parameters))].filter(fits));
    const batches = async function* () {
      yield ready();
    };
    return { ready, atCommit: () => handle.atCommit, open: () => void ready(), batches, close: () => {} };
  }
  let cut: StoredRows | undefined;
  const open = () => void (cut ??= state.view.cut());
  const batches = async function* () {
    while (!cut && !handle.atCommit) await nextTurn();
    open();
    try {
      const rows = plan.lookup.kind === "range" ? inRange(prepared, cut!.rows, parameters) : cut!.rows;
      for await (const batch of inBatches(tableRows(prepared, state, rows))) yield batch.filter(fits);
    } finally {
      cut!.close();
    }
  };
  return { atCommit: () => handle.atCommit, open, batches, close: () => cut?.close() };
}

interface CommittedState {
  readonly view: StoreView;
  readonly where: Materialization;
}

/** @throws SQL_STATEMENT where nothing materializes the table; TIMEOUT (retriable) while its query does not run */
function committedState(plan: PullPlan, query: PersistentQuery | undefined): CommittedState {
  const { name } = plan.source;
  if (!query)
    throw new MillraceError(
      "SQL_STATEMENT",
      `The \`${name}\` table isn't queryable. To derive a queryable table, you can do 'CREATE TABLE QUERYABLE_${name} AS SELECT * FROM ${name}'.`,
      { context: { source: name } },
    );
  const where = query.materialization;
  if (!query.running || !where)
    throw new MillraceError(
      "TIMEOUT",
      `Unable to execute the pull query: the state of ${name} is not there yet (query ${query.id} is ${query.state})`,
    );
  return { view: query.running.store(where.store), where };
}

function* tableRows({ plan }: PreparedPull, { view, where }: CommittedState, found: Iterable<StoredRow>): Generator<Row> {
  const width = where.schema.key.length + where.schema.value.length;
  for (const stored of found) {
    const row = tableRow(stored, where, view, width);
    if (
      row !== null &&
      inBounds(row[width + 3] as number | null, plan.windowStart) &&
      inBounds(row[width + 4] as number | null, plan.windowEnd)
    )
      yield row;
  }
}

async function* inBatches(rows: Iterable<Row>): AsyncGenerator<Row[]> {
  let batch: Row[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length < batchRows) continue;
    yield batch;
    batch = [];
    // A scan of a large table lets queries and requests run in between.
    await nextTurn();
  }
  if (batch.length > 0) yield batch;
}

/** `[...key, ...value, ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND]`, or null where the sink has no such row. */
function tableRow(stored: StoredRow, where: Materialization, view: StoreView, width: number): Row | null {
  const sink = where.rowOf(stored.row, stored.timestamp);
  if (sink === null) return null;
  const row = sink.slice(0, width);
  row.push(stored.timestamp, null, null, ...windowOf(stored.row, where, view));
  return row;
}

/** A windowed store's last key column is the window's start; a session's row ends with both its bounds. */
function windowOf(row: Row, { window }: Materialization, view: StoreView): [start: number | null, end: number | null] {
  if (window === undefined) return [null, null];
  if (window.type === "SESSION") return [row[row.length - 2] as number, row[row.length - 1] as number];
  const start = row[view.schema.key.length - 1] as number;
  return [start, start + window.size];
}

function* byKeys({ plan, keys }: PreparedPull, view: StoreView, parameters: Row): Generator<StoredRow> {
  for (const key of distinctKeys(keys, parameters)) {
    if (view.windowed) {
      const first = plan.windowStart?.lower?.value ?? 0;
      const last = plan.windowStart?.upper?.value ?? Number.MAX_SAFE_INTEGER;
      yield* view.fetch(key, first, last);
    } else {
      const row = view.get(key);
      if (row) yield row;
    }
  }
}

/** @param rows all of them */
function* inRange({ lower, upper }: PreparedPull, rows: Iterable<StoredRow>, parameters: Row): Generator<StoredRow> {
  const from = lower && { value: lower.value(parameters), inclusive: lower.inclusive };
  const to = upper && { value: upper.value(parameters), inclusive: upper.inclusive };
  for (const stored of rows) {
    const key = stored.row[0];
    if (key === null || (from && !above(key, from)) || (to && !above(to.value, { value: key, inclusive: to.inclusive }))) continue;
    yield stored;
  }
}

/** `IN (1, 1)` names a row once. */
function distinctKeys(keys: readonly (readonly Constant[])[], parameters: Row): Iterable<Row> {
  const evaluated = keys.map((key) => key.map((e) => e(parameters))).filter((key) => key.every((v) => v !== null));
  if (evaluated.length < 2) return evaluated;
  return new Map(evaluated.map((key) => [rowText(key), key])).values();
}

function above(value: unknown, bound: { readonly value: unknown; readonly inclusive: boolean }): boolean {
  const order = compareKeys(value, bound.value);
  return order > 0 || (order === 0 && bound.inclusive);
}

function inBounds(value: number | null, bounds: Bounds | null): boolean {
  if (bounds === null) return true;
  if (value === null) return false;
  const { lower, upper } = bounds;
  if (lower && (value < lower.value || (value === lower.value && !lower.inclusive))) return false;
  return !(upper && (value > upper.value || (value === upper.value && !upper.inclusive)));
}
