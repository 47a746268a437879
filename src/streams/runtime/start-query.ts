import type { QueryHandle, QueryOptions } from "./query.js";
import { QueryRuntime } from "./query-runtime.js";

/**
 * Creates the internal topics that are missing, restores state and starts the tasks; resolves once the query runs. A query
 * that was started before under the same application id goes on where its last commit was.
 * @throws what makes it impossible to start: a source topic that does not exist, sources that are not co-partitioned
 */
export async function startQuery(options: QueryOptions): Promise<QueryHandle> {
  const query = new QueryRuntime(options);
  await query.start();
  return query;
}
