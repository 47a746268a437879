import { asError, MillraceError } from "../../common/errors.js";
import type { QueryPlan } from "../../sql/plan/step.js";
import type { OutputColumn } from "../../sql/planner/plan-statement.js";
import { startQuery } from "../../streams/runtime/start-query.js";
import { buildTopology } from "../physical/build-topology.js";
import type { QueryResult } from "../query-result.js";
import { type EngineServices, servicePrefix } from "../services.js";
import { pushResult } from "./push-result.js";

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
  const { plan, columns, limit, isTable, properties, partitionsOf } = options;
  const { queryId } = plan;
  const { broker, clock, functions, logger, metrics, registry } = services;
  const { topology } = buildTopology(plan, { registry, functions, properties, partitionsOf, materialize: false });
  const handle = await startQuery({
    topology,
    applicationId: `${servicePrefix(services)}${queryId}`,
    broker,
    clock,
    logger: logger.child({ query: queryId }),
    metrics,
    properties,
  });
  const failed = (error: Error | undefined) => error ?? new MillraceError("INTERNAL", `query ${queryId} failed`);
  return pushResult({ queryId, columns, keyColumns: plan.root.schema.key.length, limit, isTable }, async (feeding) => {
    const unsubscribe = handle.subscribe((rows) => feeding.rows(rows));
    const unwatch = handle.onStateChange((state, error) => {
      if (state === "ERROR") feeding.end(failed(error));
      if (state === "CLOSED") feeding.end();
    });
    if (handle.state === "ERROR") feeding.end(failed(handle.error));
    return {
      hold: { pause: () => void handle.pause().catch(() => {}), resume: () => handle.resume() },
      async close() {
        unsubscribe();
        unwatch();
        options.onClose();
        try {
          await handle.close();
          await handle.destroy();
        } catch (error) {
          logger.warn("a push query left something behind", { query: queryId, error: asError(error) });
        }
      },
    };
  });
}
