import { MillraceError } from "../../common/errors.js";
import type { Row } from "../../serde/row-serde.js";
import { type CompiledPredicate, type CompiledRow, compilePredicate, compileRow, compileValue } from "../../sql/evaluate/compile.js";
import type { EvalContext } from "../../sql/evaluate/context.js";
import type { Expression } from "../../sql/plan/expression.js";
import type { Bound, Bounds, PullPlan } from "../../sql/planner/plan-statement.js";
import type { StoredRow, StoreView } from "../../streams/state/store.js";
import { constantContext } from "../insert-values.js";
import type { PersistentQuery } from "../persistent/persistent-query.js";
import type { Materialization } from "../physical/build-topology.js";
import type { QueryResult, ResultColumn, ResultRow } from "../query-result.js";
import type { EngineServices } from "../services.js";
import { readTopicRows } from "../topic-rows.js";

const batchRows = 1000;

/** A pull query compiled: to be run any number of times. `parameters` of a run stand behind each row's columns. */
export interface PreparedPull {
  readonly plan: PullPlan;
  readonly columns: readonly ResultColumn[];
  readonly keys: readonly (readonly Constant[])[];
  readonly lower: BoundBy | null;
  readonly upper: BoundBy | null;
  readonly residual: CompiledPredicate | null;
  readonly row: CompiledRow;
  /** columns of a row, the pseudo columns included */
  readonly width: number;
}
type Constant = (parameters: Row) => unknown;
interface BoundBy {
  readonly value: Constant;
  readonly inclusive: boolean;
}

/** ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND */
const pseudoColumns = 5;

export function rowWidth(plan: PullPlan): number {
  return plan.source.columns.length + pseudoColumns;
}

export function preparePull(plan: PullPlan, services: EngineServices): PreparedPull {
  const { lookup } = plan;
  const bound = (b: Bound | null): BoundBy | null => b && { value: constantOf(b.value, services), inclusive: b.inclusive };
  return {
    plan,
    columns: plan.columns.map((c, i) => ({ ...c, isKey: c.isKey || isWindowBound(plan, i) })),
    keys: lookup.kind === "keys" ? lookup.keys.map((key) => key.map((e) => constantOf(e, services))) : [],
    lower: lookup.kind === "range" ? bound(lookup.lower) : null,
    upper: lookup.kind === "range" ? bound(lookup.upper) : null,
    residual: plan.residual === null ? null : compilePredicate(plan.residual, services.functions),
    row: projector(plan, services),
    width: rowWidth(plan),
  };
}

/** Compiling costs more than a whole look-up by key: what stands for itself is taken as it is. */
function constantOf(e: Expression, services: EngineServices): Constant {
  if (e.kind === "column") return (parameters) => parameters[e.index];
  if (e.kind === "literal" && (typeof e.value !== "string" || e.type.base === "STRING")) return () => e.value;
  const compiled = compileValue(e, services.functions);
  return (parameters) => compiled(parameters, constantContext(services));
}

/**
 * A pull query reads what is there and ends: a table's committed rows, or a stream's topic up to its present end. Rows that
 * are named by their keys are `ready` when this returns.
 * @param values of the parameters
 * @throws SQL_STATEMENT where the table is not materialized; TIMEOUT (retriable) while its query does not run
 */
export function startPullQuery(
  prepared: PreparedPull,
  values: readonly unknown[],
  queryId: string,
  materializedBy: PersistentQuery | undefined,
  services: EngineServices,
): QueryResult {
  const { plan, residual, row } = prepared;
  const { limit } = plan;
  const isTable = plan.source.kind === "table";
  const context: EvalContext = { now: () => services.clock.now(), random: Math.random, onError: () => {} };
  const parameters: Row = values.length === 0 ? [] : [...new Array(prepared.width).fill(null), ...values];
  const fits = (input: Row) => {
    if (values.length > 0) input.push(...values);
    return residual === null || residual(input, context);
  };
  const answered = (inputs: readonly Row[]): ResultRow[] => inputs.map((input) => ({ values: row(input, context), tombstone: false }));
  let limited = limit === 0;
  const result = (batches: AsyncIterable<readonly ResultRow[]>, close: () => Promise<void>): Omit<QueryResult, "ready"> => ({
    kind: isTable ? "pull-table" : "pull-stream",
    queryId,
    columns: prepared.columns,
    isTable,
    batches,
    limitReached: () => limited,
    close,
  });
  const state = isTable ? committedState(plan, materializedBy) : undefined;
  if (state && limit === null && plan.lookup.kind === "keys") {
    const ready = answered([...tableRows(prepared, state, parameters)].filter(fits));
    const once = async function* () {
      if (ready.length > 0) yield ready;
    };
    return { ...result({ [Symbol.asyncIterator]: once }, async () => {}), ready };
  }

  const abort = new AbortController();
  const rows = state
    ? inBatches(tableRows(prepared, state, parameters))
    : readTopicRows(plan.source, services.broker, services.registry, abort.signal);
  const answer = async function* (): AsyncGenerator<readonly ResultRow[]> {
    if (limit === 0) return;
    if (limit !== null && isTable) {
      const first = await lowestKeys(rows, fits, limit, plan.source.columns.filter((c) => c.role === "key").length, abort.signal);
      limited = first.length === limit;
      if (first.length > 0) yield answered(first);
      return;
    }
    let left = limit ?? Number.POSITIVE_INFINITY;
    for await (const batch of rows) {
      if (abort.signal.aborted) return;
      const inputs = batch.filter(fits).slice(0, left);
      left -= inputs.length;
      if (left === 0) limited = true;
      if (inputs.length > 0) yield answered(inputs);
      if (left === 0) return;
    }
  };
  let ended = false;
  const untilEnd = async function* () {
    yield* answer();
    ended = true;
  };
  return result(untilEnd(), async () => {
    if (!ended) abort.abort();
  });
}

/** WINDOWSTART and WINDOWEND are part of a windowed table's key. */
function isWindowBound(plan: PullPlan, column: number): boolean {
  const e = plan.projection[column]!;
  return plan.source.window !== undefined && e.kind === "column" && e.index >= plan.source.columns.length + 3;
}

/** Plain columns are picked: compiling costs more than a whole look-up by key. */
function projector(plan: PullPlan, services: EngineServices): CompiledRow {
  const positions = plan.projection.flatMap((e) => (e.kind === "column" ? [e.index] : []));
  if (positions.length === plan.projection.length) return (row) => positions.map((p) => row[p]);
  return compileRow(plan.projection, services.functions);
}

/** A table's first rows in the order of their keys: which rows LIMIT gives must not depend on how they lie in the store. */
async function lowestKeys(
  rows: AsyncIterable<Row[]>,
  fits: (row: Row) => boolean,
  limit: number,
  keys: number,
  signal: AbortSignal,
): Promise<Row[]> {
  let kept: Row[] = [];
  const window = (row: Row) => row[row.length - 2];
  const byKey = (a: Row, b: Row): number => {
    for (let i = 0; i < keys; i++) {
      const order = compareKeys(a[i], b[i]);
      if (order !== 0) return order;
    }
    return compareKeys(window(a), window(b));
  };
  for await (const batch of rows) {
    if (signal.aborted) return [];
    for (const row of batch) if (fits(row)) kept.push(row);
    if (kept.length > limit * 2 + batchRows) kept = kept.sort(byKey).slice(0, limit);
  }
  return kept.sort(byKey).slice(0, limit);
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

function* tableRows(prepared: PreparedPull, { view, where }: CommittedState, parameters: Row): Generator<Row> {
  const { plan } = prepared;
  const width = where.schema.key.length + where.schema.value.length;
  for (const stored of lookUp(prepared, view, parameters)) {
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
    await new Promise((resolve) => setImmediate(resolve));
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

function* lookUp({ plan, keys, lower, upper }: PreparedPull, view: StoreView, parameters: Row): Generator<StoredRow> {
  switch (plan.lookup.kind) {
    case "keys":
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
      return;
    case "range": {
      const from = lower && { value: lower.value(parameters), inclusive: lower.inclusive };
      const to = upper && { value: upper.value(parameters), inclusive: upper.inclusive };
      for (const stored of view.scan()) {
        const key = stored.row[0];
        if (key === null || (from && !above(key, from)) || (to && !above(to.value, { value: key, inclusive: to.inclusive }))) continue;
        yield stored;
      }
      return;
    }
    case "scan":
      yield* view.scan();
  }
}

/** `IN (1, 1)` names a row once. */
function distinctKeys(keys: readonly (readonly Constant[])[], parameters: Row): Iterable<Row> {
  const evaluated = keys.map((key) => key.map((e) => e(parameters))).filter((key) => key.every((v) => v !== null));
  if (evaluated.length < 2) return evaluated;
  const text = (key: Row) => JSON.stringify(key, (_, v) => (typeof v === "bigint" ? `${v}n` : (v as unknown)));
  return new Map(evaluated.map((key) => [text(key), key])).values();
}

function above(value: unknown, bound: { readonly value: unknown; readonly inclusive: boolean }): boolean {
  const order = compareKeys(value, bound.value);
  return order > 0 || (order === 0 && bound.inclusive);
}

/** Strings by their UTF-8 bytes, as the stores of ksqlDB order them; numbers and bigints by value. */
function compareKeys(a: unknown, b: unknown): number {
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  const x = comparable(a);
  const y = comparable(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

function comparable(v: unknown): number | bigint {
  if (typeof v === "object" && v !== null && "toNumber" in v) return (v as { toNumber(): number }).toNumber();
  return typeof v === "bigint" ? v : Number(v);
}

function inBounds(value: number | null, bounds: Bounds | null): boolean {
  if (bounds === null) return true;
  if (value === null) return false;
  const { lower, upper } = bounds;
  if (lower && (value < lower.value || (value === lower.value && !lower.inclusive))) return false;
  return !(upper && (value > upper.value || (value === upper.value && !upper.inclusive)));
}
