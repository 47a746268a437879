import { MillraceError } from "../../common/errors.js";
import type { QueryHandle, QueryOptions } from "./query.js";

/**
 * Creates the internal topics that are missing, restores state and starts the tasks; resolves once the query runs. A query
 * that was started before under the same application id goes on where its last commit was.
 * @throws what makes it impossible to start: a source topic that does not exist, sources that are not co-partitioned
 */
export async function startQuery(_options: QueryOptions): Promise<QueryHandle> {
  throw new MillraceError("UNSUPPORTED", "not built yet");
}
