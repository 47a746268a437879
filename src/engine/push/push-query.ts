import { asError, MillraceError } from "../../common/errors.js";
import type { QueryPlan } from "../../sql/plan/step.js";
import type { OutputColumn } from "../../sql/planner/plan-statement.js";
import type { OutputRow, QueryHandle } from "../../streams/runtime/query.js";
import { startQuery } from "../../streams/runtime/start-query.js";
import { buildTopology } from "../physical/build-topology.js";
import type { QueryResult, ResultRow } from "../query-result.js";
import { type EngineServices, servicePrefix } from "../services.js";

/** Rows that wait for the reader, beyond which the query is paused; it goes on at a quarter of it. */
const mostWaiting = 10_000;

export interface PushOptions {
  readonly plan: QueryPlan;
  readonly columns: readonly OutputColumn[];
  readonly limit: number | null;
  readonly isTable: boolean;
  readonly properties: Readonly<Record<string, string>>;
  readonly partitionsOf: (topic: string) => number | undefined;
  readonly onClose: () => void;
}

/**
 * A push query is a query of its own without a sink, which leaves nothing behind: state in memory, a group that is deleted. A
 * reader that falls behind pauses it and nobody else.
 * @throws what makes it impossible to start
 */
export async function startPushQuery(options: PushOptions, services: EngineServices): Promise<QueryResult> {
  const { plan, columns, limit } = options;
  const { broker, clock, functions, logger, metrics, registry } = services;
  const { topology } = buildTopology(plan, {
    registry,
    functions,
    properties: options.properties,
    partitionsOf: options.partitionsOf,
    materialize: false,
  });

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

  const handle: QueryHandle = await startQuery({
    topology,
    applicationId: `${servicePrefix(services)}${plan.queryId}`,
    broker,
    clock,
    logger: logger.child({ query: plan.queryId }),
    metrics,
    properties: options.properties,
  });
  const positions = columns.map((c) => c.index);
  const keys = plan.root.schema.key.length;
  const unsubscribe = handle.subscribe((rows: readonly OutputRow[]) => {
    if (ended) return;
    for (const out of rows) {
      // A table has no row without a key, a stream none without a value.
      if (options.isTable ? isNullKey(out.key, keys) : out.row === null) continue;
      waiting.push({ values: valuesOf(out, positions, keys), tombstone: out.row === null });
      if (--left > 0) continue;
      limited = ended = true;
      break;
    }
    if (!paused && waiting.length > mostWaiting) {
      paused = true;
      handle.pause().catch(() => {});
    }
    notify();
  });
  const unwatch = handle.onStateChange((state, error) => {
    if (state !== "ERROR" && state !== "CLOSED") return;
    if (state === "ERROR") failure = error ?? new MillraceError("INTERNAL", `query ${plan.queryId} failed`);
    ended = true;
    notify();
  });
  if (handle.state === "ERROR") {
    failure = handle.error;
    ended = true;
  }

  const close = (): Promise<void> =>
    (closing ??= (async () => {
      ended = true;
      notify();
      unsubscribe();
      unwatch();
      options.onClose();
      try {
        await handle.close();
        await handle.destroy();
      } catch (error) {
        logger.warn("a push query left something behind", { query: plan.queryId, error: asError(error) });
      }
    })());

  async function* batches(): AsyncGenerator<readonly ResultRow[]> {
    try {
      for (;;) {
        if (waiting.length > 0) {
          const batch = waiting;
          waiting = [];
          yield batch;
          if (paused && waiting.length < mostWaiting / 4) {
            paused = false;
            handle.resume();
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
    queryId: plan.queryId,
    columns,
    isTable: options.isTable,
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
