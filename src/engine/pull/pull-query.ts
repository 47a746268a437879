import type { Row } from "../../serde/row-serde.js";
import { type CompiledPredicate, type CompiledRow, compilePredicate, compileRow, compileValue } from "../../sql/evaluate/compile.js";
import type { Expression } from "../../sql/plan/expression.js";
import type { Bound, PullPlan } from "../../sql/planner/plan-statement.js";
import { PSEUDO_COLUMNS } from "../../streams/topology/record-format.js";
import { constantContext } from "../insert-values.js";
import type { PersistentQuery } from "../persistent/persistent-query.js";
import type { QueryResult, ResultColumn, ResultRow } from "../query-result.js";
import type { EngineServices } from "../services.js";
import { compareKeys } from "./compare-keys.js";
import { batchRows, evalContext, readingOf } from "./reading.js";

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
export type Constant = (parameters: Row) => unknown;
interface BoundBy {
  readonly value: Constant;
  readonly inclusive: boolean;
}

export function rowWidth(plan: PullPlan): number {
  return plan.source.columns.length + PSEUDO_COLUMNS;
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
  const { plan, row } = prepared;
  const { limit } = plan;
  const isTable = plan.source.kind === "table";
  const abort = new AbortController();
  const reading = readingOf(prepared, values, materializedBy, services, abort.signal);
  const context = evalContext(services);
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
  if (reading.ready && limit === null) {
    const ready = answered(reading.ready());
    const once = async function* () {
      if (ready.length > 0) yield ready;
    };
    return { ...result({ [Symbol.asyncIterator]: once }, async () => {}), ready };
  }

  const rows = reading.batches();
  const answer = async function* (): AsyncGenerator<readonly ResultRow[]> {
    if (limit === 0) return;
    if (limit !== null && isTable) {
      const first = await lowestKeys(rows, limit, plan.source.columns.filter((c) => c.role === "key").length, abort.signal);
      limited = first.length === limit;
      if (first.length > 0) yield answered(first);
      return;
    }
    let left = limit ?? Number.POSITIVE_INFINITY;
    for await (const batch of rows) {
      if (abort.signal.aborted) return;
      const inputs = batch.slice(0, left);
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
    reading.close();
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
async function lowestKeys(rows: AsyncIterable<Row[]>, limit: number, keys: number, signal: AbortSignal): Promise<Row[]> {
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
    kept.push(...batch);
    if (kept.length > limit * 2 + batchRows) kept = kept.sort(byKey).slice(0, limit);
  }
  return kept.sort(byKey).slice(0, limit);
}
