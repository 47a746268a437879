import type { DataSource } from "../sql/metastore/data-source.js";
import type { Metastore } from "../sql/metastore/metastore.js";
import type { Extended } from "./describe.js";
import type { QuerySet } from "./persistent/query-set.js";
import { type EngineServices, servicePrefix } from "./services.js";

/** What DESCRIBE … EXTENDED adds: the topic, and how far each query has read and written. */
export async function extendedDescription(
  source: DataSource,
  metastore: Metastore,
  queries: QuerySet,
  services: EngineServices,
): Promise<Extended> {
  const [topic] = await services.broker.describeTopics([source.topic]);
  const summaries: unknown[] = [];
  let read = 0;
  let written = 0;
  let failed = 0;
  let last = 0;
  const readers = new Set(metastore.queriesReading(source.name));
  for (const id of new Set([...readers, ...metastore.queriesWriting(source.name)])) {
    const handle = queries.get(id)?.running;
    if (!handle) continue;
    const stats = await handle.stats();
    if (readers.has(id)) read += stats.recordsIn;
    else written += stats.recordsOut;
    failed += stats.badRecords;
    last = Math.max(last, stats.lastRecordAt ?? 0);
    const byTopic = new Map<string, unknown[]>();
    for (const i of stats.inputs) {
      const list = byTopic.get(i.topic) ?? [];
      list.push({ partition: i.partition, logStartOffset: 0, logEndOffset: i.endOffset, consumerOffset: i.position });
      byTopic.set(i.topic, list);
    }
    summaries.push({
      groupId: `${servicePrefix(services)}query_${id}`,
      topicSummaries: [...byTopic].map(([kafkaTopic, offsets]) => ({ kafkaTopic, offsets })),
    });
  }
  const at = last > 0 ? `     last-message: ${new Date(last).toISOString()}` : "";
  return {
    partitions: topic?.partitions ?? 0,
    replication: topic ? 1 : 0,
    statistics: `consumer-total-messages: ${read}  total-messages: ${written}${at}`,
    errorStats: `consumer-failed-messages: ${failed}`,
    queryOffsetSummaries: summaries,
  };
}
